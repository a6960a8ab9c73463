from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError
from hypothesis import example, given
from hypothesis import strategies as st
from moto import mock_aws
from moto.ses.models import ses_backends

from chalicelib.adapters.aws.ses import Ses, mime
from chalicelib.domain.ids import BookingId
from chalicelib.domain.words.text import one_line
from chalicelib.services.ports.mail import Attachment, Letter, MailBusy, MailRefused, Message

OURS = "bookings@guzo.example"
SUBJECT = "ቦታዎ ተረጋግጧል፤ Guzo GZ0123456789ABCD — Lalibela"
ICS = Attachment("GZ0123456789ABCD.ics", "text/calendar; charset=utf-8; method=PUBLISH", "ጉዞ\r\n".encode())


HEADERS = {"Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"}


def letter(**changes: Any) -> Message:
    usual = {"to": "abebe@example.com", "subject": SUBJECT, "text": "ሰላም አበበ\n", "html": "<p>ሰላም</p>\n"}
    return Message(**{**usual, **changes})


def parsed(message: Message) -> EmailMessage:
    raw = mime(message, OURS)
    lines = raw.decode("ascii").split("\r\n")
    assert max(map(len, lines)) <= 998
    assert not any("\n" in line or "\r" in line for line in lines)
    read = message_from_bytes(raw, policy=policy.default)
    assert isinstance(read, EmailMessage)
    return read


def test_it_is_text_and_html_side_by_side_with_the_attachment_after_them() -> None:
    mail = parsed(letter(attachments=(ICS,)))
    assert mail.get_content_type() == "multipart/mixed"
    bodies, calendar = mail.iter_parts()
    assert bodies.get_content_type() == "multipart/alternative"
    text, html = bodies.iter_parts()
    assert (text.get_content_type(), text.get_content()) == ("text/plain", "ሰላም አበበ\r\n")
    assert (html.get_content_type(), html.get_content()) == ("text/html", "<p>ሰላም</p>\r\n")
    assert calendar.get_filename() == ICS.name
    assert calendar.get_content_type() == "text/calendar"
    assert calendar.get_content_disposition() == "attachment"
    assert calendar["Content-Type"].params == {"charset": "utf-8", "method": "PUBLISH"}
    assert calendar.get_payload(decode=True) == ICS.content


def sent_with(message: Message, **options: str) -> dict[str, Any]:
    """What SES's client is called with."""
    calls: list[dict[str, Any]] = []

    class Client:
        def send_raw_email(self, **call: Any) -> None:
            calls.append(call)

    Ses(Client, OURS, **options).send(message)
    [call] = calls
    return call


def test_a_letter_is_named_to_ses_so_that_reports_of_it_find_it() -> None:
    about = Letter(BookingId("GZ4T1B8WCD7K2M9Q"), "2", 1)
    call = sent_with(letter(about=about), configuration_set="guzo-test")
    assert {tag["Name"]: tag["Value"] for tag in call["Tags"]} == {
        "booking": "GZ4T1B8WCD7K2M9Q",
        "entry": "2",
        "resend": "1",
    }
    assert call["ConfigurationSetName"] == "guzo-test"


def test_without_a_configuration_set_none_is_named() -> None:
    assert set(sent_with(letter())) == {"Source", "Destinations", "RawMessage", "Tags"}


def test_an_answer_goes_where_the_letter_says() -> None:
    assert parsed(letter(reply_to="hanna@example.com"))["Reply-To"] == "hanna@example.com"


@pytest.mark.parametrize(
    "nowhere", ["", "no address", "a@b.example\r\nBcc: all@example.com", "=?utf-8?q?a?=@b.example"]
)
def test_a_letter_that_nobody_could_answer_goes_out_all_the_same(nowhere: str) -> None:
    assert set(parsed(letter(reply_to=nowhere)).keys()) == HEADERS


def test_without_attachments_it_is_just_the_two() -> None:
    assert parsed(letter()).get_content_type() == "multipart/alternative"


def test_its_headers() -> None:
    mail = parsed(letter())
    assert mail["From"] == f"Guzo <{OURS}>"
    assert mail["To"] == "abebe@example.com"
    assert mail["Subject"] == SUBJECT
    assert mail["Message-ID"].endswith("@guzo.example>")
    assert mail["Message-ID"] != parsed(letter())["Message-ID"]
    assert mail["Date"].datetime is not None
    assert mail["Auto-Submitted"] == "auto-generated"
    assert sorted(mail.keys()) == sorted(HEADERS)


TYPED = ["—", "“ጉዞ”", "é", "😀😀", '"x"', "(c)", "<d@e>", "?", ",;:", "ක්\u200dෂ"]
WORDS = st.lists(st.sampled_from([*SUBJECT.split(), *TYPED]))


@given(WORDS.map(" ".join))
@example("x" * 60)
@example("word " * 59 + "word")
@example("ጉ" * 300)
def test_no_subject_is_changed_on_the_way(subject: str) -> None:
    assert parsed(letter(subject=subject)).get("Subject", "") == subject


@given(
    st.text()
    | st.sampled_from(["=?utf-8?q?x=0D=0ABcc:_v@e.example?=", "x\r\nBcc: v@e.example", "a\x85b\u2028c\0\u202e"])
)
def test_no_subject_begins_another_header(subject: str) -> None:
    mail = parsed(letter(subject=subject))
    assert set(mail.keys()) == HEADERS
    assert not subject.strip() or one_line(mail["Subject"]) == mail["Subject"]


def test_a_subject_that_looks_encoded_is_not_decoded_by_the_reader() -> None:
    assert parsed(letter(subject="=?utf-8?q?x?= y")).get("Subject") == "= ?utf-8?q?x?= y"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "abebe",
        "@example.com",
        "abebe@",
        "a@b@c",
        "a@b.example\r\nBcc: v@e.example",
        "a@b.example\n",
        "a@b.example, v@e.example",
        "a@b.example v@e.example",
        "Abebe <a@b.example>",
        '"a b"@example.com',
        "አበበ@example.com",
        "a@ጉዞ.example",
        "=?utf-8?q?a?=@b.example?=<v@e>",
        "=?utf-8?q?v=40e.example=2c?=@b.example",
        "a=?utf-8?b?dkBlLmV4YW1wbGUs?=@b.example",
    ],
)
def test_what_is_no_address_is_refused_without_naming_it(address: str) -> None:
    def nobody() -> Any:
        pytest.fail("SES was asked")

    with pytest.raises(MailRefused) as refused:
        Ses(nobody, OURS).send(letter(to=address))
    assert not address or address not in str(refused.value)


@given(st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,253}", fullmatch=True))
@example("=?utf-8?q?v=40e.example=2c?=@b.example")
@example("=?a@b.example")
@example(f"{'a' * 64}@{'b-.' * 83}et")
@example(f".{'a' * 63}@{'9.' * 126}9")
def test_an_address_is_written_as_it_is_or_refused(address: str) -> None:
    client = Client()
    if "=?" in address:
        with pytest.raises(MailRefused):
            Ses(lambda: client, OURS).send(letter(to=address))
        assert client.sent == []
        return
    Ses(lambda: client, OURS).send(letter(to=address))
    (sent,) = client.sent
    assert sent["Destinations"] == [address]
    assert f"\r\nTo: {address}\r\n" in sent["RawMessage"]["Data"].decode()


@pytest.mark.parametrize("ours", [OURS, f"{'b' * 64}@{'guzo-' * 12}.{'example.' * 20}et"], ids=["usual", "long"])
def test_our_own_address_is_written_as_it_is(ours: str) -> None:
    raw = mime(letter(), ours).decode()
    assert f"\r\nFrom: Guzo <{ours}>\r\n" in raw
    assert re.search(rf"\r\nMessage-ID: <[^\s@]+@{re.escape(ours.partition('@')[2])}>\r\n", raw)


class Client:
    def __init__(self, trouble: Exception | None = None) -> None:
        self.trouble = trouble
        self.sent: list[dict[str, Any]] = []

    def send_raw_email(self, **asked: Any) -> dict[str, str]:
        self.sent.append(asked)
        if self.trouble:
            raise self.trouble
        return {"MessageId": "1"}


def refusal(code: str, message: str = "abebe@example.com", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},
        "SendRawEmail",
    )


@pytest.mark.parametrize(
    ("trouble", "raised"),
    [
        (refusal("MessageRejected", "Address is on the suppression list"), MailRefused),
        (refusal("InvalidParameterValue", "Missing final '@domain'"), MailRefused),
        (refusal("MessageRejected", "Email address is not verified: abebe@example.com"), MailBusy),
        (refusal("MailFromDomainNotVerifiedException"), MailBusy),
        (refusal("AccountSendingPausedException"), MailBusy),
        (refusal("Throttling", "Maximum sending rate exceeded."), MailBusy),
        (refusal("Throttling", "Daily message quota exceeded."), MailBusy),
        (refusal("AccessDenied", status=403), MailBusy),
        (refusal("ExpiredToken", status=403), MailBusy),
        (refusal("InternalFailure", status=500), MailBusy),
        (refusal("503", status=503), MailBusy),
        (refusal("NeverHeardOf", status=418), MailBusy),
        (ClientError({}, "SendRawEmail"), MailBusy),
        (EndpointConnectionError(endpoint_url="https://email"), MailBusy),
        (ConnectTimeoutError(endpoint_url="https://email"), MailBusy),
    ],
)
def test_final_refusals_are_told_from_what_may_pass(trouble: Exception, raised: type[Exception]) -> None:
    with pytest.raises((MailBusy, MailRefused)) as told:
        Ses(lambda: Client(trouble), OURS).send(letter())
    assert type(told.value) is raised
    assert "abebe" not in str(told.value)


def test_a_message_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(MailRefused):
        Ses(Client, OURS).send(letter(text="half a letter: \ud800"))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield botocore.session.get_session().create_client("ses", region_name="us-east-1")


def test_ses_takes_it(aws: Any) -> None:
    with pytest.raises(MailRefused):  # moto's words for a sender that it does not know
        Ses(lambda: aws, OURS).send(letter())
    aws.verify_email_identity(EmailAddress=OURS)
    Ses(lambda: aws, OURS).send(letter(attachments=(ICS,)))
    (sent,) = ses_backends["123456789012"]["us-east-1"].sent_messages
    assert sent.source == OURS
    assert set(sent.destinations) == {"abebe@example.com"}
    raw = sent.raw_data.encode()
    mail = message_from_bytes(raw if b"From:" in raw else base64.b64decode(raw), policy=policy.default)
    assert mail["Subject"] == SUBJECT
