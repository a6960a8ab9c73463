"""Open payments: who may call the gateway for one, and what came of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.booking import (
    OPEN,
    Booking,
    Cause,
    Event,
    Payment,
    Problem,
    get_payment,
    note,
    transition_payment,
    update_payment,
)
from chalicelib.domain.errors import BookingNotPayable, PaymentInReview
from chalicelib.domain.ids import tx_ref_of
from chalicelib.domain.schedule import next_verification
from chalicelib.domain.timing import LAST_MINUTES, OPENING_LEASE


def with_new_payment(
    booking: Booking, *, gateway: str, mode: str, opening_by: str, key: str, cause: Cause, now: datetime
) -> Booking:
    """Begin the next attempt, in opening, leased to ``opening_by``."""
    payment = Payment(
        tx_ref=tx_ref_of(booking.booking_id, len(booking.payments) + 1),
        gateway=gateway,
        expected_mode=mode,
        amount=booking.total,
        created_at=now,
        updated_at=now,
        opening_until=now + OPENING_LEASE,
        opening_by=opening_by,
        key=key,
    )
    payment = replace(payment, next_look_at=next_verification(payment, hold_ends=booking.hold_expires_at, now=now))
    booking = replace(booking, payments=(*booking.payments, payment), updated_at=now)
    return note(booking, Event(now, "payment_created", cause, payment.tx_ref, None, "created"))


def close_open_payments(booking: Booking, *, cause: Cause, now: datetime, detail: str) -> Booking:
    """Nobody is to pay on these any more: their links are closed and looked at now, and watched."""
    for payment in booking.payments:
        if payment.status in OPEN:
            booking = update_payment(booking, payment.tx_ref, next_look_at=now, opening_until=None, opening_by="")
            booking = transition_payment(booking, payment.tx_ref, "expired", cause=cause, now=now, detail=detail)
    return booking


MAX_ATTEMPTS = 20


MOST_KEYS = 50
"""How many keys a payment's open link is remembered for: one guest's made-up keys must not fill the booking's item."""


def usable_link(booking: Booking, *, window: timedelta, now: datetime) -> Payment | None:
    """The payment whose link can still be paid on: the hold runs and the link is younger than the checkout window."""
    payment = booking.payments[-1]
    if (
        booking.status == "pending_payment"
        and now < booking.hold_expires_at
        and payment.status == "pending"
        and payment.checkout_url
        and now < payment.created_at + window
    ):
        return payment
    return None


def remember_shown(booking: Booking, tx_ref: str, key: str) -> Booking:
    """The open link of this payment was given to a call under ``key`` (its hash), which may be repeated."""
    shown = get_payment(booking, tx_ref).shown_under
    if key in shown or len(shown) >= MOST_KEYS:
        return booking
    return update_payment(booking, tx_ref, shown_under=(*shown, key))


def check_payable(booking: Booking, *, now: datetime) -> None:
    """Refuse when no payment may be opened now: BookingNotPayable, PaymentInReview."""
    if booking.status != "pending_payment":
        raise BookingNotPayable(f"The booking is {booking.status.replace('_', ' ')}.")
    if any(payment.status == "review" for payment in booking.payments):
        raise PaymentInReview("A payment of this booking is being looked at by a person.")
    if now >= booking.hold_expires_at - LAST_MINUTES:
        raise BookingNotPayable("The hold is over, or about to be.")


def may_try_again(booking: Booking, *, now: datetime) -> bool:
    """Whether one more payment could be opened at ``now``."""
    try:
        check_payable(booking, now=now)
    except (BookingNotPayable, PaymentInReview):
        return False
    return len(booking.payments) < MAX_ATTEMPTS


def lease_opening(booking: Booking, tx_ref: str, *, by: str, key: str, now: datetime) -> Booking:
    """Make ``by`` the one owner of the opening of a payment that is still ``created``."""
    key = key or get_payment(booking, tx_ref).key
    return update_payment(booking, tx_ref, opening_until=now + OPENING_LEASE, opening_by=by, key=key, problem=None)


def new_attempt(
    booking: Booking, *, gateway: str, mode: str, opening_by: str, key: str, cause: Cause, now: datetime
) -> Booking:
    """Close the attempts that are still open and begin the next one, leased to ``opening_by``."""
    if len(booking.payments) >= MAX_ATTEMPTS:
        raise BookingNotPayable(f"{MAX_ATTEMPTS} payments were tried already.")
    booking = close_open_payments(booking, cause=cause, now=now, detail="link replaced")
    return with_new_payment(booking, gateway=gateway, mode=mode, opening_by=opening_by, key=key, cause=cause, now=now)


def link_opened(booking: Booking, tx_ref: str, checkout_url: str, *, cause: Cause, now: datetime) -> Booking:
    """The gateway gave a link: ``created`` → ``pending``."""
    booking = update_payment(
        booking, tx_ref, checkout_url=checkout_url, problem=None, opening_until=None, opening_by=""
    )
    return transition_payment(booking, tx_ref, "pending", cause=cause, now=now)


def opening_failed(
    booking: Booking, tx_ref: str, problem: Problem, *, definitely_not_executed: bool, cause: Cause, now: datetime
) -> Booking:
    """The gateway gave no link. Only a payment whose fate is known is ``failed``; any other stays ``created``."""
    booking = update_payment(booking, tx_ref, problem=problem, opening_until=None, opening_by="", updated_at=now)
    return (
        transition_payment(booking, tx_ref, "failed", cause=cause, now=now, detail=problem.code)
        if definitely_not_executed
        else booking
    )


def reference_used(booking: Booking, tx_ref: str, problem: Problem, *, cause: Cause, now: datetime) -> Booking:
    """The gateway knew the tx_ref already, so its link is lost: the attempt is closed, and still watched."""
    booking = update_payment(booking, tx_ref, problem=problem, opening_until=None, opening_by="")
    return transition_payment(booking, tx_ref, "expired", cause=cause, now=now, detail="link lost")


def link_cancelled(booking: Booking, tx_ref: str) -> Booking:
    """The gateway closed the link. Money that was already on its way may still come."""
    return update_payment(booking, tx_ref, link_cancelled=True)
