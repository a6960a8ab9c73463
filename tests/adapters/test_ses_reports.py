"""SES's events, as its guide and EventBridge write them; what the local simulator writes is of that form."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.aws.ses_reports import DETAIL_TYPES, SOURCE, is_report, read_report
from chalicelib.adapters.aws.sqs import write_task
from chalicelib.domain.ids import BookingId
from chalicelib.domain.people.suppression import MailReport
from chalicelib.services.ports.queues import Task
from local.stack.emulator.resources import template
from local.stack.mail_simulator import reports_of

BOOKING = BookingId("GZ4T1B8WCD7K2M9Q")
TAGS: dict[str, list[str]] = {"booking": [BOOKING], "entry": ["2"], "resend": ["1"]}
OURS: dict[str, Any] = {"booking_id": BOOKING, "entry_id": "2", "resends": 1}


def event(detail: dict[str, Any], tags: dict[str, list[str]] | None = None, detail_type: str = "Email Bounced") -> str:
    mail = {
        "timestamp": "2027-01-02T09:15:32.000Z",
        "source": "Guzo <bookings@guzo.example>",
        "sendingAccountId": "123456789012",
        "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
        "destination": ["hanna@example.com"],
        "headersTruncated": False,
        "headers": [{"name": "To", "value": "hanna@example.com"}],
        "commonHeaders": {"to": ["hanna@example.com"], "subject": "Your stay is booked"},
        "tags": {"ses:configuration-set": ["guzo-prod"], **(TAGS if tags is None else tags)},
    }
    return json.dumps(
        {
            "version": "0",
            "id": "12345678-1234-1234-1234-123456789012",
            "detail-type": detail_type,
            "source": "aws.ses",
            "account": "123456789012",
            "time": "2027-01-02T09:15:33Z",
            "region": "eu-west-1",
            "resources": ["arn:aws:ses:eu-west-1:123456789012:configuration-set/guzo-prod"],
            "detail": {"mail": mail, **detail},
        }
    )


def bounce(kind: str = "Permanent") -> dict[str, Any]:
    recipient = {
        "emailAddress": "hanna@example.com",
        "action": "failed",
        "status": "5.1.1",
        "diagnosticCode": "smtp; 550 5.1.1 user unknown",
    }
    return {
        "eventType": "Bounce",
        "bounce": {
            "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
            "bounceType": kind,
            "bounceSubType": "General",
            "bouncedRecipients": [recipient],
            "timestamp": "2027-01-02T09:15:33.000Z",
            "reportingMTA": "dsn; mta.example.com",
        },
    }


COMPLAINT = {
    "eventType": "Complaint",
    "complaint": {
        "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
        "complaintSubType": None,
        "complainedRecipients": [{"emailAddress": "hanna@example.com"}],
        "timestamp": "2027-01-02T09:15:33.000Z",
        "userAgent": "Amazon SES Mailbox Simulator",
        "complaintFeedbackType": "abuse",
        "arrivalDate": "2027-01-02T09:15:33.000Z",
    },
}


@pytest.mark.parametrize(
    ("kind", "why"), [("Permanent", "permanent"), ("Transient", "transient"), ("Undetermined", "undetermined")]
)
def test_a_bounce(kind: str, why: Any) -> None:
    body = event(bounce(kind))
    assert is_report(body)
    assert read_report(body) == MailReport(**OURS, outcome="bounced", why=why, addresses=("hanna@example.com",))


def test_a_complaint() -> None:
    body = event(COMPLAINT, detail_type="Email Complaint Received")
    assert read_report(body) == MailReport(**OURS, outcome="complained", why="abuse", addresses=("hanna@example.com",))


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"booking": ["somebody's"], "entry": ["2"]},
        {"booking": [], "entry": []},
        {"booking": ["HOST#abebe"], "resend": ["x"]},
    ],
)
def test_a_letter_without_our_tags_names_no_booking(tags: dict[str, list[str]]) -> None:
    read = read_report(event(bounce(), tags))
    assert (read.booking_id, read.resends) == ("", 0)
    assert read.addresses == ("hanna@example.com",)


@pytest.mark.parametrize(
    "detail", [{"eventType": "Delivery", "delivery": {}}, {"bounce": {"bounceType": "Permanent"}}, {"bounce": 1}]
)
def test_another_event_is_unreadable_and_never_a_task(detail: dict[str, Any]) -> None:
    body = event(detail)
    assert is_report(body)
    with pytest.raises(ValueError, match=r"event of SES|missing required field|Expected"):
        read_report(body)


@given(st.text() | st.from_type(type(None)).map(json.dumps) | st.lists(st.integers()).map(json.dumps))
def test_what_is_no_event_of_ses_is_none(body: str) -> None:
    assert not is_report(body)


def test_a_task_is_no_report() -> None:
    assert not is_report(write_task(Task(BOOKING, entries=("1",))))


def test_the_templates_rule_picks_what_is_read_here() -> None:
    pattern = template()["Resources"]["MailReportsRule"]["Properties"]["EventPattern"]
    assert (pattern["source"], pattern["detail-type"]) == ([SOURCE], list(DETAIL_TYPES))


@pytest.mark.parametrize(
    ("name", "outcome", "why"),
    [("bounce", "bounced", "permanent"), ("full", "bounced", "transient"), ("complaint", "complained", "abuse")],
)
def test_the_local_simulator_writes_such_events(name: str, outcome: Any, why: Any) -> None:
    address = f"{name}+Hanna@simulator.amazonses.com"
    tags = [{"Name": tag, "Value": "".join(values)} for tag, values in TAGS.items()]
    call: dict[str, Any] = {"Source": "bookings@guzo.example", "ConfigurationSetName": "guzo-local", "Tags": tags}
    now = datetime(2027, 1, 2, tzinfo=UTC)
    others = ("success@simulator.amazonses.com", "bounce@example.com", "hanna@simulator.amazonses.com")
    [made] = reports_of([address, *others], call, now)
    assert made["detail-type"] in DETAIL_TYPES
    assert read_report(json.dumps(made)) == MailReport(**OURS, outcome=outcome, why=why, addresses=(address,))
    # Where nothing is to be reported, SES reports nothing.
    assert reports_of([address], {**call, "ConfigurationSetName": ""}, now) == []
