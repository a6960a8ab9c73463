"""TODO-DOC"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.booking import (
    OPEN,
    Booking,
    Cause,
    Event,
    Language,
    Place,
    transition_booking,
    transition_payment,
    update_payment,
)
from chalicelib.domain.calendar import Quote, Stay
from chalicelib.domain.checkout import close_open_payments, with_new_payment
from chalicelib.domain.contact import Contact
from chalicelib.domain.ids import BookingId, PersonId
from chalicelib.domain.listing import Listing
from chalicelib.domain.outbox import owe
from chalicelib.domain.schedule import next_verification


def hold(
    *,
    booking_id: BookingId,
    guest_id: PersonId,
    listing: Listing,
    stay: Stay,
    quote: Quote,
    contact: Contact,
    language: Language,
    return_url: str | None,
    fingerprint: str,
    hold_for: timedelta,
    gateway: str,
    mode: str,
    opening_by: str,
    request_id: str,
    now: datetime,
) -> Booking:
    """A new booking that holds its nights, with its first payment in opening, leased to ``opening_by``."""
    booking = Booking(
        booking_id=booking_id,
        guest_id=guest_id,
        place=Place.of(listing),
        stay=stay,
        contact=contact,
        language=language,
        lines=quote.lines,
        total=quote.total,
        hold_expires_at=now + hold_for,
        created_at=now,
        updated_at=now,
        fingerprint=fingerprint,
        return_url=return_url,
        request_id=request_id,
        history=(Event(now, "booking_held", "guest", "", None, "pending_payment"),),
    )
    return with_new_payment(booking, gateway=gateway, mode=mode, opening_by=opening_by, key="", cause="guest", now=now)


def confirm(booking: Booking, tx_ref: str, *, cause: Cause, now: datetime) -> Booking:
    """The payment is ``completed`` and the booking ``confirmed``; other open links are closed, and looked at now."""
    late = booking.status == "expired"
    booking = update_payment(booking, tx_ref, accepted=True, next_look_at=None, opening_until=None, opening_by="")
    booking = transition_payment(booking, tx_ref, "completed", cause=cause, now=now)
    booking = close_open_payments(booking, cause=cause, now=now, detail="paid by another attempt")
    booking = transition_booking(booking, "confirmed", cause=cause, now=now, detail="late" if late else "")
    booking = replace(booking, expiry_retry_at=None, confirmed_late_at=now if late else None)
    return owe(owe(booking, "booking_confirmed", now=now), "host_new_booking", now=now)


def expire(booking: Booking, *, cause: Cause, now: datetime) -> Booking:
    """The hold is over and nobody paid: the nights go back, and the open payments are watched for late money."""
    for payment in booking.payments:
        if payment.status in OPEN:
            booking = update_payment(
                booking,
                payment.tx_ref,
                opening_until=None,
                opening_by="",
                next_look_at=next_verification(payment, hold_ends=booking.hold_expires_at, now=now),
            )
            booking = transition_payment(booking, payment.tx_ref, "expired", cause=cause, now=now)
    booking = replace(booking, expiry_retry_at=None)
    return owe(transition_booking(booking, "expired", cause=cause, now=now), "hold_expired", now=now)


def due_at(booking: Booking) -> datetime | None:
    """The earliest instant at which this booking needs something; None: it rests.

    An opening that lapsed has no instant of its own: the payment's next look, never later than two minutes after
    it was made, takes it over. That keeps the happy path from moving the index twice.
    """
    instants = [payment.next_look_at for payment in booking.payments if payment.next_look_at is not None]
    instants += [email.due_at for email in booking.emails if email.status == "owed"]
    instants += [refund.due_at for refund in booking.refunds if refund.due_at is not None]
    if booking.status == "pending_payment":
        instants.append(booking.expiry_retry_at or booking.hold_expires_at)
    return min(instants, default=None)
