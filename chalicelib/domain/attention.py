"""A person has dealt with what nothing else would end: recorded, with who it was and what they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from chalicelib.domain.booking import Booking, Event, note, update_payment
from chalicelib.domain.errors import AttentionItemNotFound
from chalicelib.domain.ids import PersonId

PAYMENT_REVERSED = "payment_reversed"


ASKS_FOR_A_PERSON = frozenset({"payment_review", "refund_attention", "email_failed", PAYMENT_REVERSED})
"""The kinds of history entries after which somebody must look."""


def attention(booking: Booking) -> str | None:
    """Why a person must look at this booking, or None. The word is the list it appears in."""
    if any(payment.status == "review" for payment in booking.payments):
        return "payment_review"
    if any(payment.has_open_reversal for payment in booking.payments):
        return "payment_reversed"
    if any(refund.needs_a_person for refund in booking.refunds):
        return "refund"
    if any(email.needs_a_person for email in booking.emails):
        return "email"
    return None


def attention_since(booking: Booking) -> datetime:
    """When this booking last came to need a person: the place that it has in the list, oldest first."""
    asked = (event.at for event in booking.history if event.kind in ASKS_FOR_A_PERSON)
    return max(asked, default=booking.created_at)


Acknowledgeable = Literal["payment_reversed", "email", "failing"]
"""What a booking can have on the attention list that has no other end."""


def settle(booking: Booking, kind: Acknowledgeable, subject: str, *, by: PersonId, said: str, now: datetime) -> Booking:
    """It needs nobody any more. ``subject`` is a tx_ref, an e-mail's id, or nothing for a booking that keeps failing.

    The caller knows whether the booking keeps failing; the booking does not say so. Raises AttentionItemNotFound.
    """
    status: str = booking.status
    after = status
    match kind:
        case "payment_reversed":
            payment = booking.payment(subject)
            if payment is None or not payment.has_open_reversal:
                raise AttentionItemNotFound("Nothing of this payment waits for a person.")
            status = after = payment.status
            booking = update_payment(booking, subject, reversal_acknowledged=True)
        case "email":
            email = next((each for each in booking.emails if each.email_id == subject), None)
            if email is None or not email.needs_a_person:
                raise AttentionItemNotFound("This e-mail does not wait for a person.")
            status, after = email.status, "settled"
            done = replace(email, status="settled", claimed_by="")
            emails = tuple(done if each is email else each for each in booking.emails)
            booking = replace(booking, emails=emails)
    return note(booking, Event(now, f"{kind}_settled", "operator", subject, status, after, said, by))


def settlements(booking: Booking, kind: Acknowledgeable, subject: str) -> tuple[Event, ...]:
    """The entries of each time that this was settled, oldest first."""
    name = f"{kind}_settled"
    return tuple(event for event in booking.history if event.kind == name and event.subject == subject)
