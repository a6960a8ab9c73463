"""The mailbox: messages as they were handed to SES, decoded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage

import boto3
import pytest
from botocore import handlers
from moto import mock_aws

from local.stack.mailbox import Mailbox, create_blueprint, read_mime
from local.stack.site import create_site

NOW = datetime(2027, 1, 14, 8, 15, 30, tzinfo=UTC)


@pytest.fixture
def message() -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "ማረፊያዎ ተይዟል፦ Lake house"
    message["From"] = "Guzo <bookings@guzo.example>"
    message["To"] = "ሐና <hanna@gmail.com>"
    message.set_content("ሰላም ሐና፣\nEnjoy — ጉዞ\n")
    message.add_alternative("<p>ሰላም <b>ሐና</b></p>", subtype="html")
    message.add_attachment(b"BEGIN:VCALENDAR", maintype="text", subtype="calendar", filename="GZ1.ics")
    return message


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    before = list(handlers.BUILTIN_HANDLERS)
    mailbox = Mailbox(lambda: NOW)
    mailbox.listen()
    yield mailbox
    handlers.BUILTIN_HANDLERS[:] = before


def test_mime_is_decoded(message: EmailMessage) -> None:
    letter = read_mime(message.as_bytes(), "2027-01-14T08:15:30Z")
    assert letter.as_json() == {
        "at": "2027-01-14T08:15:30Z",
        "to": "hanna@gmail.com",
        "subject": "ማረፊያዎ ተይዟል፦ Lake house",
        "text": "ሰላም ሐና፣\nEnjoy — ጉዞ\n",
        "html": "<p>ሰላም <b>ሐና</b></p>\n",
        "attachments": [{"name": "GZ1.ics", "type": "text/calendar"}],
    }
    assert letter.files[0][2] == b"BEGIN:VCALENDAR"


@mock_aws
def test_what_ses_takes_is_noted_whichever_call_it_was(mailbox: Mailbox, message: EmailMessage) -> None:
    session = boto3.Session("local", "local", region_name="us-east-1")
    v1, v2 = session.client("ses"), session.client("sesv2")
    v1.verify_email_identity(EmailAddress="bookings@guzo.example")
    sender, to = "bookings@guzo.example", ["hanna@gmail.com"]
    simple = {"Subject": {"Data": "three"}, "Body": {"Text": {"Data": "ሰላም"}, "Html": {"Data": "<p>"}}}
    v2.send_email(
        FromEmailAddress=sender,
        Destination={"ToAddresses": to},
        Content={"Raw": {"Data": message.as_bytes()}},
    )
    v1.send_raw_email(Source=sender, Destinations=to, RawMessage={"Data": message.as_bytes()})
    v1.send_email(Source=sender, Destination={"ToAddresses": to}, Message=simple)
    letters = mailbox.letters()
    assert [letter.subject for letter in letters] == [message["Subject"], message["Subject"], "three"]
    assert {letter.to for letter in letters} == {"hanna@gmail.com"}
    assert letters[2].text == "ሰላም"
    assert letters[0].at == "2027-01-14T08:15:30Z"


@mock_aws
def test_what_ses_refuses_is_not_noted(mailbox: Mailbox, message: EmailMessage) -> None:
    client = boto3.Session("local", "local", region_name="us-east-1").client("sesv2")
    with pytest.raises(client.exceptions.MessageRejected):
        client.send_email(
            FromEmailAddress="nobody@guzo.example",
            Destination={"ToAddresses": ["hanna@gmail.com"]},
            Content={"Raw": {"Data": message.as_bytes()}},
        )
    assert mailbox.letters() == []


def test_the_pages_show_it_and_run_nothing_of_it(mailbox: Mailbox, message: EmailMessage) -> None:
    hostile = "<script>alert(1)</script>"
    message.replace_header("Subject", hostile)
    mailbox._letters = [read_mime(message.as_bytes(), "2027-01-14T08:15:30Z")]
    site = create_site([create_blueprint(mailbox)]).test_client()
    assert site.get("/emails").get_json()[0]["subject"] == hostile
    for path in ("/mailbox", "/mailbox/1"):
        page = site.get(path).get_data(as_text=True)
        assert "hanna@gmail.com" in page
        assert hostile not in page
    policy = site.get("/mailbox/1/html").headers["Content-Security-Policy"].split()
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    file = site.get("/mailbox/1/files/1")
    assert (file.data, file.headers["Content-Disposition"]) == (b"BEGIN:VCALENDAR", "attachment; filename=GZ1.ics")
    for path in ("/mailbox/0", "/mailbox/2", "/mailbox/1/files/2", "/mailbox/2/html"):
        assert site.get(path).status_code == 404
