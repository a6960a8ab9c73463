"""A person has dealt with what nothing else would end: recorded, with who it was and what they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from .booking import Booking, Event, note, update_payment
from .errors import ConcernNotFound
from .listing import PersonId

Settleable = Literal["payment_taken_back", "email", "failing"]
"""What a booking can have on the attention list that has no other end."""


def settle(booking: Booking, kind: Settleable, subject: str, *, by: PersonId, said: str, now: datetime) -> Booking:
    """It needs nobody any more. ``subject`` is a tx_ref, an e-mail's id, or nothing for a booking that keeps failing.

    That a booking keeps failing is not told by the booking itself: whoever calls knows it. Raises ConcernNotFound.
    """
    status: str = booking.status
    after = status
    match kind:
        case "payment_taken_back":
            payment = booking.payment(subject)
            if payment is None or not payment.waits_since_taken_back:
                raise ConcernNotFound("Nothing of this payment waits for a person.")
            status = after = payment.status
            booking = update_payment(booking, subject, taken_back_settled=True)
        case "email":
            email = next((each for each in booking.emails if each.email_id == subject), None)
            if email is None or not email.needs_a_person:
                raise ConcernNotFound("This e-mail does not wait for a person.")
            status, after = email.status, "settled"
            done = replace(email, status="settled", claimed_by="")
            emails = tuple(done if each is email else each for each in booking.emails)
            booking = replace(booking, emails=emails)
    return note(booking, Event(now, f"{kind}_settled", "operator", subject, status, after, said, by))


def settlements(booking: Booking, kind: Settleable, subject: str) -> tuple[Event, ...]:
    """The entries of each time that this was settled, oldest first."""
    name = f"{kind}_settled"
    return tuple(event for event in booking.history if event.kind == name and event.subject == subject)
