"""What SES reports of letters that it had taken: events that EventBridge puts into the ``emails`` queue.

The letter is found by the tags that ``Ses`` sent it with. The event is that of SES's event publishing, as ``detail`` of
EventBridge's envelope (Amazon SES Developer Guide, "Contents of event data that Amazon SES publishes").
"""

from __future__ import annotations

from typing import Any

import msgspec

from chalicelib.domain.booking import WhyNot
from chalicelib.domain.ids import BookingId, is_booking_id
from chalicelib.domain.people.suppression import MailReport, Outcome

SOURCE = "aws.ses"
DETAIL_TYPES = ("Email Bounced", "Email Complaint Received")
"""The events that a rule of the template picks."""
BOOKING, ENTRY, RESEND = "booking", "entry", "resend"
"""The names of a letter's tags."""


class _Recipient(msgspec.Struct, rename="camel"):
    email_address: str


class _Bounce(msgspec.Struct, rename="camel"):
    bounce_type: str
    bounced_recipients: list[_Recipient]


class _Complaint(msgspec.Struct, rename="camel"):
    complained_recipients: list[_Recipient]


class _Mail(msgspec.Struct):
    tags: dict[str, list[str]] = {}


class _Detail(msgspec.Struct, rename="camel"):
    mail: _Mail
    bounce: _Bounce | None = None
    complaint: _Complaint | None = None


class _Event(msgspec.Struct):
    source: str
    detail: _Detail


_DECODER = msgspec.json.Decoder(_Event)
_BOUNCES: dict[str, WhyNot] = {"Permanent": "permanent", "Transient": "transient"}


def is_report(body: str) -> bool:
    """Whether a message is an event of SES, readable or not."""
    try:
        message: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return isinstance(message, dict) and message.get("source") == SOURCE


def read_report(body: str) -> MailReport:
    """The report in a message; of a letter without our tags one that names no booking. Raises ValueError."""
    detail = _DECODER.decode(body).detail
    tags = {name: values[0] for name, values in detail.mail.tags.items() if values}
    booking_id, resend = tags.get(BOOKING, ""), tags.get(RESEND, "0")
    outcome: Outcome
    if detail.bounce is not None:
        outcome, why = "bounced", _BOUNCES.get(detail.bounce.bounce_type, "undetermined")
        recipients = detail.bounce.bounced_recipients
    elif detail.complaint is not None:
        outcome, why = "complained", "abuse"
        recipients = detail.complaint.complained_recipients
    else:
        raise ValueError("an event of SES that is neither a bounce nor a complaint")
    return MailReport(
        booking_id=BookingId(booking_id if is_booking_id(booking_id) else ""),
        entry_id=tags.get(ENTRY, ""),
        resends=int(resend) if resend.isascii() and resend.isdigit() else 0,
        outcome=outcome,
        why=why,
        addresses=tuple(recipient.email_address.strip() for recipient in recipients),
    )
