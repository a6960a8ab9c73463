"""An operator resolves a payment in review."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import pytest

from chalicelib.domain.attention import attention
from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.errors import NotInReview
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Availability, resolve_review
from tests.builders import a_booking, expired, paid, verification_of, verified
from tests.domain.states import (
    CHECK_IN,
    CONFIRMED,
    HELD,
    LESS,
    MS,
    PRICE,
    TWICE,
    after,
    applied,
    cancel_booking,
    in_review,
    refused,
)
from tests.invariants import check_booking

SARA = Actor("operator", "operator-sara", "sara@guzo.example.et")


def resolved(
    booking: Booking,
    as_: Literal["accept", "refund"],
    *,
    availability: Availability = Availability.FREE,
    now: datetime | None = None,
    attempt: int = 1,
) -> Booking:
    now = now or after(60)
    return resolve_review(
        booking,
        f"{booking.booking_id}-{attempt}",
        as_=as_,
        availability=availability,
        note="It is ours.",
        actor=SARA,
        now=now,
    )


@pytest.mark.parametrize(
    ("booking", "as_", "availability", "status", "reason"),
    [
        (in_review(HELD), "accept", Availability.FREE, "confirmed", None),
        (in_review(HELD), "accept", Availability.SHORT, "confirmed", None),
        (in_review(HELD), "refund", Availability.FREE, "pending_payment", "payment_not_accepted"),
        (in_review(expired(HELD)), "accept", Availability.FREE, "confirmed", None),
        (in_review(expired(HELD)), "accept", Availability.SHORT, "expired", "place_gone"),
        (in_review(expired(HELD)), "refund", Availability.FREE, "expired", "payment_not_accepted"),
        (in_review(paid(TWICE)), "accept", Availability.FREE, "confirmed", "paid_twice"),
        (in_review(paid(TWICE)), "refund", Availability.FREE, "confirmed", "payment_not_accepted"),
        (cancel_booking(in_review(HELD)), "accept", Availability.FREE, "cancelled", "booking_cancelled"),
        (cancel_booking(in_review(HELD)), "refund", Availability.FREE, "cancelled", "payment_not_accepted"),
    ],
)
def test_an_operator_accepts_or_gives_back(
    booking: Booking,
    as_: Literal["accept", "refund"],
    availability: Availability,
    status: str,
    reason: str | None,
) -> None:
    result = resolved(booking, as_, availability=availability)
    check_booking(result)
    payment = result.payments[0]
    assert (result.status, payment.status, payment.facts.received) == (status, "completed", LESS)
    assert payment.accepted is (reason is None)
    # What had come goes back, not what was asked for.
    assert [(refund.reason, refund.amount) for refund in result.refunds] == ([] if reason is None else [(reason, LESS)])
    assert attention(result) is None
    said = result.history[len(booking.history)]
    assert (said.kind, said.cause, said.before, said.after) == (f"review_{as_}", "operator", "review", "review")
    assert (said.subject, said.detail, said.at, said.by) == (payment.tx_ref, "It is ours.", after(60), "operator-sara")
    done = result.history[len(booking.history) :]
    assert {(event.cause, event.at) for event in done} == {("operator", after(60))}


def test_what_is_settled_is_looked_at_no_more() -> None:
    """A reversal that was announced, and not shown yet, would have had it looked at again."""
    booking = in_review(HELD)
    tx_ref = booking.payments[0].tx_ref
    booking = applied(booking, tx_ref, verification_of(booking.payments[0], "pending"), now=after(3), claim="other")
    assert booking.payments[0].schedule.next_verify_at is not None
    for as_ in ("accept", "refund"):
        assert resolved(booking, as_).payments[0].schedule.next_verify_at is None


def test_accepted_money_follows_the_rules_of_late_money() -> None:
    booking = in_review(expired(HELD))
    assert resolved(booking, "accept", now=CHECK_IN - MS).confirmed_late_at == CHECK_IN - MS
    assert resolved(booking, "accept", now=CHECK_IN).status == "expired"


def test_an_amount_that_could_not_be_read_is_vouched_for() -> None:
    booking = verified(HELD, "paid", amount=None, reported="7.350,00")
    assert booking.payments[0].facts.received is None
    assert resolved(booking, "accept").payments[0].facts.received == PRICE
    assert resolved(booking, "refund").refunds[0].amount == PRICE


def test_a_review_of_nothing_owes_nothing() -> None:
    booking = verified(HELD, "paid", amount=Money(0, "ETB"))
    result = resolved(booking, "refund")
    assert (result.payments[0].status, result.refunds) == ("completed", ())


@pytest.mark.parametrize("booking", [HELD, CONFIRMED, expired(HELD), refused(a_booking())])
def test_only_a_review_can_be_settled(booking: Booking) -> None:
    for as_ in ("accept", "refund"):
        with pytest.raises(NotInReview):
            resolved(booking, as_)


def test_a_review_is_settled_once() -> None:
    with pytest.raises(NotInReview):
        resolved(resolved(in_review(HELD), "accept"), "accept")
