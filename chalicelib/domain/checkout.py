"""Open payments: who may call the gateway for one, and what came of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.domain.booking import (
    OPEN,
    Actor,
    Booking,
    Lease,
    OpeningProblem,
    Payment,
    VerifySchedule,
    event_of,
    get_payment,
    transition_payment,
    with_payment,
)
from chalicelib.domain.errors import BookingNotPayable, PaymentInReview
from chalicelib.domain.ids import tx_ref_of
from chalicelib.domain.record import replace
from chalicelib.domain.schedule import next_verification
from chalicelib.domain.timing import LAST_MINUTES, OPENING_LEASE

MAX_ATTEMPTS = 20
MAX_KEYS = 50
"""How many keys a payment's open link is remembered for: one guest's made-up keys must not fill the booking's item."""


def with_new_payment(
    booking: Booking, *, gateway: str, mode: str, api_version: str, owner: str, key: str, actor: Actor, now: datetime
) -> Booking:
    """Begin the next attempt, in opening, leased to ``owner``."""
    payment = Payment(
        tx_ref=tx_ref_of(booking.booking_id, len(booking.payments) + 1),
        gateway=gateway,
        expected_mode=mode,
        api_version=api_version,
        amount=booking.total,
        created_at=now,
        updated_at=now,
        opening=Lease(owner, now + OPENING_LEASE),
        key=key,
        schedule=VerifySchedule(next_verify_at=next_verification(now, hold_ends=booking.hold_expires_at, now=now)),
    )
    created = event_of(actor, "payment_created", now=now, subject=payment.tx_ref, before=None, after="created")
    return with_payment(booking, payment, created)


def close_open_payments(booking: Booking, *, actor: Actor, now: datetime, detail: str) -> Booking:
    """Close every open payment: nobody is to pay on it any more, so it is verified now, and watched."""
    for payment in booking.payments:
        if payment.status in OPEN:
            expired, event = transition_payment(payment, "expired", actor=actor, now=now, detail=detail)
            schedule = replace(payment.schedule, next_verify_at=now)
            booking = with_payment(booking, replace(expired, opening=None, schedule=schedule), event)
    return booking


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
    """Remember that the open link of this payment answered a call under ``key`` (its hash), which may be repeated."""
    payment = get_payment(booking, tx_ref)
    if key in payment.shown_under or len(payment.shown_under) >= MAX_KEYS:
        return booking
    return with_payment(booking, replace(payment, shown_under=(*payment.shown_under, key)))


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


def lease_opening(booking: Booking, tx_ref: str, *, owner: str, key: str, api_version: str, now: datetime) -> Booking:
    """Make ``owner`` the only one who opens a payment that is still ``created``.

    A payment that was made while no key could be read, and was never sent therefore, is from now on one of
    ``api_version``.
    """
    payment = get_payment(booking, tx_ref)
    payment = replace(
        payment,
        opening=Lease(owner, now + OPENING_LEASE),
        key=key or payment.key,
        api_version=payment.api_version or api_version,
        problem=None,
    )
    return with_payment(booking, payment)


def lease_ended(booking: Booking, tx_ref: str, *, now: datetime) -> Booking:
    """End the lease of a payment's opening before its time: whoever comes next takes the opening over."""
    payment = get_payment(booking, tx_ref)
    lease = None if payment.opening is None else replace(payment.opening, until=now)
    return with_payment(booking, replace(payment, opening=lease))


def new_attempt(
    booking: Booking, *, gateway: str, mode: str, api_version: str, owner: str, key: str, actor: Actor, now: datetime
) -> Booking:
    """Close the attempts that are still open and begin the next one, leased to ``owner``."""
    if len(booking.payments) >= MAX_ATTEMPTS:
        raise BookingNotPayable(f"{MAX_ATTEMPTS} payments were tried already.")
    booking = close_open_payments(booking, actor=actor, now=now, detail="link replaced")
    return with_new_payment(
        booking, gateway=gateway, mode=mode, api_version=api_version, owner=owner, key=key, actor=actor, now=now
    )


def link_opened(booking: Booking, tx_ref: str, checkout_url: str, *, actor: Actor, now: datetime) -> Booking:
    """The gateway gave a link: ``created`` → ``pending``."""
    pending, event = transition_payment(get_payment(booking, tx_ref), "pending", actor=actor, now=now)
    return with_payment(booking, replace(pending, checkout_url=checkout_url, problem=None, opening=None), event)


def opening_failed(
    booking: Booking,
    tx_ref: str,
    problem: OpeningProblem,
    *,
    definitely_not_executed: bool,
    actor: Actor,
    now: datetime,
) -> Booking:
    """The gateway gave no link. Only a payment that was definitely not opened is ``failed``; any other stays open."""
    payment = replace(get_payment(booking, tx_ref), problem=problem, opening=None, updated_at=now)
    if not definitely_not_executed:
        return with_payment(booking, payment)
    return with_payment(booking, *transition_payment(payment, "failed", actor=actor, now=now, detail=problem.code))


def reference_used(booking: Booking, tx_ref: str, problem: OpeningProblem, *, actor: Actor, now: datetime) -> Booking:
    """The gateway knew the tx_ref already, so its link is lost: the attempt is closed, and still watched."""
    payment = replace(get_payment(booking, tx_ref), problem=problem, opening=None)
    return with_payment(booking, *transition_payment(payment, "expired", actor=actor, now=now, detail="link lost"))


def link_cancelled(booking: Booking, tx_ref: str) -> Booking:
    """The gateway closed the link. Money that was already on its way may still come."""
    return with_payment(booking, replace(get_payment(booking, tx_ref), link_cancelled=True))
