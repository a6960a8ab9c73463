"""Which e-mail a change owes, to whom, and whether it is still true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .booking import Booking

EmailKind = Literal[
    "booking_confirmed",
    "hold_expired",
    "payment_failed",
    "booking_cancelled",
    "money_returned",
    "host_new_booking",
    "host_cancelled",
]
EmailStatus = Literal["owed", "sent", "superseded", "failed", "settled"]
"""``settled``: a person has dealt with what it was to tell; it is not tried any more."""

HAND_OVER = timedelta(minutes=2)
"""How long the queue, and then a worker, has before an owed e-mail is due again."""
LONGEST_RETRY = timedelta(hours=1)
TRIES_BEFORE_ASKING = 20
WAITING = "waiting"
"""Stands in ``claimed_by`` for nobody's hands: a letter that was put off, and certainly not sent."""


@dataclass(frozen=True, slots=True)
class Email:
    """One e-mail that is owed. ``about`` is the tx_ref or refund id it tells of, or nothing.

    ``due_at`` is when it must be handed over again: the end of its lease. ``claimed_by`` names the worker that is
    sending it now, or that put it off until then; nobody when it only waits in the queue.
    """

    email_id: str
    kind: EmailKind
    due_at: datetime
    about: str = ""
    status: EmailStatus = "owed"
    claimed_by: str = ""
    tries: int = 0

    @property
    def to_host(self) -> bool:
        return self.kind in ("host_new_booking", "host_cancelled")

    @property
    def needs_a_person(self) -> bool:
        """Refused for good, or tried in vain for most of a day; the latter is tried on all the same."""
        return self.status == "failed" or (self.status == "owed" and self.tries >= TRIES_BEFORE_ASKING)

    def was_left(self, now: datetime) -> bool:
        """Its worker never came back: what it did with it, nobody knows."""
        return self.status == "owed" and self.claimed_by not in ("", WAITING) and now >= self.due_at

    def may_be_claimed(self, now: datetime) -> bool:
        return self.status == "owed" and (not self.claimed_by or now >= self.due_at)


def still_true(email: Email, booking: Booking, *, now: datetime) -> bool:
    """Whether what the e-mail says still holds; if not, it is superseded and never sent."""
    match email.kind:
        case "booking_confirmed" | "host_new_booking":
            return booking.status == "confirmed"
        case "hold_expired":
            return booking.status == "expired"
        case "booking_cancelled" | "host_cancelled":
            return booking.status == "cancelled"
        case "payment_failed":
            payment = booking.payment(email.about)
            return (
                booking.status == "pending_payment"
                and now < booking.hold_expires_at
                and payment is booking.payments[-1]
                and payment.status == "failed"
            )
        case "money_returned":
            return any(refund.refund_id == email.about for payment in booking.payments for refund in payment.refunds)


def retry_after(tries: int) -> timedelta:
    """The pause after the ``tries``-th time that the mail service was busy or down."""
    return min(timedelta(minutes=1 << min(tries - 1, 10)), LONGEST_RETRY)
