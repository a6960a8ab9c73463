"""The life of a booking: hold, confirm, expire; and ``due_at``, the one instant at which it needs something."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from chalicelib.domain.booking import (
    OPEN,
    Actor,
    Booking,
    Event,
    Payment,
    Place,
    event_of,
    transition_booking,
    transition_payment,
    with_payment,
)
from chalicelib.domain.checkout import close_open_payments, with_new_payment
from chalicelib.domain.contact import Contact, Language
from chalicelib.domain.ids import BookingId, PersonId
from chalicelib.domain.listings.calendar import Stay
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.listings.prices import Quote
from chalicelib.domain.outbox import enqueue
from chalicelib.domain.record import replace
from chalicelib.domain.schedule import next_verification
from chalicelib.domain.timing import CHECK_LOOKS_BACK, DUE_EARLY
from chalicelib.domain.words.search_terms import NO_KEYS, SearchKeys


def hold(
    *,
    booking_id: BookingId,
    guest_id: PersonId,
    listing: Listing,
    stay: Stay,
    quote: Quote,
    contact: Contact,
    search_keys: SearchKeys = NO_KEYS,
    language: Language,
    return_url: str | None,
    fingerprint: str,
    hold_for: timedelta,
    gateway: str,
    mode: str,
    api_version: str,
    owner: str,
    request_id: str,
    now: datetime,
) -> Booking:
    """Make a booking that holds its nights, with its first payment in opening, leased to ``owner``."""
    guest = Actor("guest", guest_id)
    booking = Booking(
        booking_id=booking_id,
        guest_id=guest_id,
        place=Place.of(listing),
        stay=stay,
        contact=contact,
        search_keys=search_keys,
        language=language,
        lines=quote.lines,
        total=quote.total,
        hold_expires_at=now + hold_for,
        created_at=now,
        updated_at=now,
        fingerprint=fingerprint,
        return_url=return_url,
        request_id=request_id,
        history=(event_of(guest, "booking_held", now=now, before=None, after="pending_payment"),),
    )
    return with_new_payment(
        booking, gateway=gateway, mode=mode, api_version=api_version, owner=owner, key="", actor=guest, now=now
    )


def confirm(booking: Booking, payment: Payment, *, actor: Actor, now: datetime) -> Booking:
    """Complete ``payment`` and confirm the booking; close every other open link, to be verified now."""
    late = booking.status == "expired"
    completed, event = transition_payment(payment, "completed", actor=actor, now=now)
    schedule = replace(completed.schedule, next_verify_at=None)
    booking = with_payment(booking, replace(completed, accepted=True, opening=None, schedule=schedule), event)
    booking = close_open_payments(booking, actor=actor, now=now, detail="paid by another attempt")
    booking = transition_booking(booking, "confirmed", actor=actor, now=now, detail="late" if late else "")
    booking = replace(booking, expiry_retry_at=None, confirmed_late_at=now if late else None)
    booking = enqueue(enqueue(booking, "booking_confirmed", now=now), "host_new_booking", now=now)
    return enqueue(booking, "payment", about=payment.tx_ref, now=now)


def expire(booking: Booking, *, actor: Actor, now: datetime) -> Booking:
    """End the hold of a booking that nobody paid: the nights go back, and open payments are watched for late money."""
    for payment in booking.payments:
        if payment.status in OPEN:
            expired, event = transition_payment(payment, "expired", actor=actor, now=now)
            again = next_verification(payment.created_at, hold_ends=booking.hold_expires_at, now=now)
            schedule = replace(payment.schedule, next_verify_at=again)
            booking = with_payment(booking, replace(expired, opening=None, schedule=schedule), event)
    booking = replace(booking, expiry_retry_at=None)
    return enqueue(transition_booking(booking, "expired", actor=actor, now=now), "hold_expired", now=now)


def late_change(booking: Booking) -> date | None:
    """The day (UTC) of the latest change of a booking that was not made shortly before it.

    Nearly all changes come within CHECK_LOOKS_BACK of the booking; those are found by the day on which it was made.
    """
    changed_at = max(booking.updated_at, booking.history[-1].at)
    return changed_at.astimezone(UTC).date() if changed_at - booking.created_at >= CHECK_LOOKS_BACK else None


def due_at(booking: Booking) -> datetime | None:
    """The earliest instant at which this booking needs something; None: it rests.

    A lapsed opening has no instant of its own: the payment's next verification, never later than two minutes after
    the payment was made, takes the opening over. So the happy path moves the index no second time.
    """
    instants = [at for payment in booking.payments if (at := payment.schedule.next_verify_at) is not None]
    instants += [entry.due_at for entry in booking.outbox if entry.status == "owed"]
    instants += [refund.due_at for refund in booking.refunds if refund.due_at is not None]
    instants += [dispute.look_up_at for dispute in booking.disputes if dispute.look_up_at is not None]
    instants += [each.expires_at for each in booking.proposals if each.status == "open"]
    if booking.status == "pending_payment":
        instants.append(booking.expiry_retry_at or booking.hold_expires_at)
    return min(instants, default=None)


def indexed_due_at(before: Booking, after: Booking) -> datetime | None:
    """Where ``after``, saved over ``before``, stands in the index of what is due: at its ``due_at``.

    But a booking that was just confirmed stays where it is, if that is early by DUE_EARLY at most. Moving it costs two
    write units, and it leaves the index as soon as its letters are sent; where they are not, being looked at too early
    costs a message.
    """
    old, due = due_at(before), due_at(after)
    confirmed = before.status == "pending_payment" and after.status == "confirmed"
    stays = confirmed and old is not None and due is not None and old <= due <= old + DUE_EARLY
    return old if stays else due


def fold(history: tuple[Event, ...]) -> dict[str, str]:
    """The last status of everything that the history tells of, by subject (empty: the booking itself)."""
    return {event.subject: event.after for event in history if event.before != event.after}
