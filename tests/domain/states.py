"""Where a payment and its booking can stand when the gateway speaks, and how tests let it speak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.domain import checkout as opening
from chalicelib.domain import refunds as refunding
from chalicelib.domain.booking import Actor, Booking, OpeningProblem, VerifySchedule
from chalicelib.domain.cancellation import cancel
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Availability, Verification, WebhookClaim, apply_verification
from tests.builders import (
    NOW,
    WINDOW,
    a_booking,
    another_attempt,
    expired,
    get_refund,
    move_refund,
    opened,
    paid,
    verified,
)
from tests.replacing import replace

MS = timedelta(milliseconds=1)
PRICE = Money(735_000, "ETB")
LESS = Money(734_999, "ETB")


def after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@dataclass(frozen=True)
class Situation:
    booking: Booking
    asked: datetime
    again: datetime | None
    attempt: int = 1

    @property
    def tx_ref(self) -> str:
        return f"{self.booking.booking_id}-{self.attempt}"


def refused(booking: Booking, *, now: datetime = NOW) -> Booking:
    """The gateway refused to open the last payment."""
    problem = OpeningProblem("gateway_rejected", "The payment gateway refused this payment.")
    tx_ref = booking.payments[-1].tx_ref
    return opening.opening_failed(booking, tx_ref, problem, definitely_not_executed=True, actor=Actor("guest"), now=now)


def in_review(booking: Booking, attempt: int = 1) -> Booking:
    return verified(booking, "paid", tx_ref=f"{booking.booking_id}-{attempt}", amount=LESS)


def two_attempts(first: Callable[[Booking], Booking] = opened) -> Booking:
    """The first is closed, or what else became of it; the second, made four minutes later, has its link."""
    return opened(another_attempt(first(a_booking()), now=after(4)))


def cancel_booking(booking: Booking, *, by: Literal["guest", "host"] = "host", now: datetime | None = None) -> Booking:
    return cancel(booking, actor=Actor(by), reason="Plans changed.", now=now or booking.updated_at)


def with_refund(booking: Booking, amount: Money = PRICE) -> Booking:
    payment = booking.current_payment
    return refunding.owe_refund(
        booking,
        payment.tx_ref,
        amount=amount,
        reason="a broken shower",
        actor=Actor("host"),
        now=booking.updated_at,
        tell=False,
    )


def requested(booking: Booking) -> Booking:
    return refunding.claim(
        booking, get_refund(booking).refund_id, owner="worker", actor=Actor("sweep"), now=booking.updated_at
    )


def processing(booking: Booking, name: str | None = None) -> Booking:
    refund_id = get_refund(booking).refund_id
    return refunding.record_accepted(
        requested(booking), refund_id, provider_refund_id=name, actor=Actor("sweep"), now=booking.updated_at
    )


def refund_moved(booking: Booking, to: Literal["refunded", "attention"]) -> Booking:
    refund_id = get_refund(booking).refund_id
    return move_refund(booking, refund_id, to, actor=Actor("sweep"), now=booking.updated_at)


HELD = opened(a_booking())
LONG_HELD = opened(a_booking(hold_for=timedelta(hours=2)))
CONFIRMED = paid(HELD)
TWICE = two_attempts()
HALF = Money(300_000, "ETB")
CHECK_IN = HELD.check_in_at

SITUATIONS = {
    "held, created": Situation(a_booking(), after(1), after(2)),
    "held, pending": Situation(HELD, after(3), after(5)),
    "held, window over": Situation(LONG_HELD, after(60), after(90)),
    "held, created, hour over": Situation(a_booking(), after(90), after(135)),
    "held, pending, hour over": Situation(HELD, after(90), after(135)),
    "held, failed": Situation(refused(a_booking()), after(3), after(5)),
    "held, replaced": Situation(TWICE, after(10), after(15)),
    "held, latest of two": Situation(TWICE, after(5), after(6), attempt=2),
    "held, review": Situation(in_review(HELD), after(3), None),
    "confirmed": Situation(CONFIRMED, after(20), None),
    "confirmed, other expired": Situation(paid(TWICE), after(20), after(30)),
    "confirmed, other failed": Situation(paid(two_attempts(refused)), after(20), after(30)),
    "confirmed, other review": Situation(in_review(paid(TWICE)), after(20), None),
    "confirmed, part owed": Situation(with_refund(CONFIRMED, HALF), after(20), None),
    "confirmed, whole owed": Situation(with_refund(CONFIRMED), after(20), None),
    "confirmed, requested": Situation(requested(with_refund(CONFIRMED, HALF)), after(20), None),
    "confirmed, processing": Situation(processing(with_refund(CONFIRMED, HALF)), after(20), None),
    "confirmed, named": Situation(processing(with_refund(CONFIRMED, HALF), "RF1"), after(20), None),
    "confirmed, came back": Situation(
        refund_moved(processing(with_refund(CONFIRMED, HALF), "RF1"), "attention"), after(20), None
    ),
    "confirmed, refund asks": Situation(refund_moved(with_refund(CONFIRMED, HALF), "attention"), after(20), None),
    "confirmed, refunded": Situation(refund_moved(with_refund(CONFIRMED, HALF), "refunded"), after(20), None),
    "confirmed, reversed": Situation(verified(CONFIRMED, "reversed"), after(20), None),
    "confirmed late": Situation(paid(expired(HELD)), after(50), None),
    "expired": Situation(expired(HELD), after(40), after(70)),
    "expired, failed": Situation(expired(refused(a_booking())), after(40), after(70)),
    "expired, review": Situation(in_review(expired(HELD)), after(40), None),
    "expired, check-in": Situation(expired(HELD), CHECK_IN, None),
    "expired, check-in, review": Situation(in_review(expired(HELD)), CHECK_IN, None),
    "expired, place gone": Situation(verified(expired(HELD), availability=Availability.SHORT), after(40), None),
    "cancelled, paid": Situation(cancel_booking(CONFIRMED), after(20), None),
    "cancelled, nothing back": Situation(cancel_booking(CONFIRMED, by="guest", now=CHECK_IN - MS), CHECK_IN, None),
    "cancelled, unpaid": Situation(cancel_booking(HELD), after(20), after(30)),
    "cancelled, failed": Situation(cancel_booking(refused(a_booking())), after(20), after(30)),
    "cancelled, review": Situation(cancel_booking(in_review(HELD)), after(20), None),
}


def applied(
    booking: Booking,
    tx_ref: str,
    verification: Verification,
    *,
    now: datetime,
    availability: Availability = Availability.FREE,
    claim: WebhookClaim = "",
    jitter: float = 0.5,
) -> Booking:
    return apply_verification(
        booking,
        tx_ref,
        verification,
        now=now,
        availability=availability,
        actor=Actor("webhook"),
        window=WINDOW,
        jitter=jitter,
        claim=claim,
    )


def ignoring_verify_schedule(booking: Booking) -> Booking:
    """Without what every look writes down."""
    payments = tuple(replace(payment, schedule=VerifySchedule(), gateway_status=None) for payment in booking.payments)
    return replace(booking, payments=payments)
