"""Which e-mail a change owes, to whom, and whether it is still true."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.booking import Email, EmailKind, Event, note
from chalicelib.domain.timing import OUTBOX_LEASE, OUTBOX_RETRY_FIRST, OUTBOX_RETRY_MAX

if TYPE_CHECKING:
    from chalicelib.domain.booking import Booking
from dataclasses import replace


def owe(booking: Booking, kind: EmailKind, *, now: datetime, about: str = "") -> Booking:
    """Write down that an e-mail is owed, with the lease of the hand-over to the queue.

    A host whose token named no address is told nothing.
    """
    email = Email(f"{len(booking.emails) + 1}", kind, now + OUTBOX_LEASE, about)
    if email.to_host and not booking.place.host_email:
        return booking
    return replace(booking, emails=(*booking.emails, email))


def replace_email(booking: Booking, email: Email, *, now: datetime) -> Booking:
    """Put the next state of one e-mail in its place; a change of its status is a history entry."""
    before = next(old for old in booking.emails if old.email_id == email.email_id)
    emails = tuple(email if old.email_id == email.email_id else old for old in booking.emails)
    booking = replace(booking, emails=emails)
    if before.status == email.status:
        return booking
    kind = f"email_{email.status}"
    return note(booking, Event(now, kind, "email", email.email_id, before.status, email.status, email.kind))


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
    return min(OUTBOX_RETRY_FIRST * (1 << min(tries - 1, 10)), OUTBOX_RETRY_MAX)
