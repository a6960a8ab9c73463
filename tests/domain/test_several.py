"""One of several: whatever is done about one payment, refund or letter of a booking, the others stay as they are."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, get_args

import pytest
from hypothesis import given

from chalicelib.domain.booking import OPEN, SWEEP, Actor, Booking, GatewayStatus, get_refund
from chalicelib.domain.lifecycle import due_at
from chalicelib.domain.refunds import claim, owe_refund, record_accepted
from chalicelib.domain.timing import REFUND_POLL_EARLY
from chalicelib.domain.verification import Availability
from tests.builders import a_booking, another_attempt, expired, move_refund, opened, paid, verified
from tests.domain.states import CONFIRMED, HALF, LESS, PRICE, TWICE, after, cancel_booking, in_review
from tests.invariants import EMAIL_TRANSITIONS
from tests.replacing import replace
from tests.strategies import Life, lives


@given(lives(most_steps=20))
def test_a_step_touches_one_payment_and_one_refund(life: Life) -> None:
    for before, now in pairwise(life.states):
        touched = [(old, new) for old, new in zip(before.payments, now.payments, strict=False) if old != new]
        closed = [old for old, new in touched if old.status in OPEN and new.status == "expired"]
        assert len(touched) - len(closed) <= 1
        refunds = {refund.refund_id: refund for refund in before.refunds}
        assert sum(refunds.get(refund.refund_id) not in (None, refund) for refund in now.refunds) <= 1
        entries = [(old.status, new.status) for old, new in zip(before.letters, now.letters, strict=False)]
        moved_on = [(old, new) for old, new in entries if old != new]
        assert all(new in EMAIL_TRANSITIONS[old] for old, new in moved_on)
        # A worker delivers several at a time; a person, and the mail service's report, are about one.
        assert all(old == "owed" for old, _ in moved_on) or len(moved_on) == 1


@pytest.mark.parametrize("availability", list(Availability), ids=lambda each: each.name)
@pytest.mark.parametrize("status", get_args(GatewayStatus))
@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("state", ["held", "confirmed", "expired", "cancelled", "in review"])
def test_what_is_heard_of_one_payment_leaves_the_other(
    state: str, attempt: int, status: str, availability: Availability
) -> None:
    booking = {
        "held": TWICE,
        "confirmed": paid(TWICE),
        "expired": expired(TWICE),
        "cancelled": cancel_booking(TWICE),
        "in review": in_review(TWICE, 3 - attempt),
    }[state]
    mine, other = (f"{booking.booking_id}-{number}" for number in (attempt, 3 - attempt))
    for amount in (PRICE, LESS):
        result = verified(booking, status, tx_ref=mine, availability=availability, amount=amount, now=after(50))
        before, now = booking.payment(other), result.payment(other)
        assert before is not None
        if result.status == "confirmed" != booking.status and before.status in OPEN:
            # Nobody is to pay on its link any more.
            assert now is not None
            assert now.status == "expired"
        else:
            assert now == before


def owed(booking: Booking, tx_ref: str, minutes: float) -> Booking:
    return owe_refund(booking, tx_ref, amount=HALF, reason="kind", actor=Actor("host"), now=after(minutes), tell=False)


def moved(booking: Booking, refund_id: str, status: str, minutes: float) -> Booking:
    now = after(minutes)
    if status in ("requested", "processing"):
        booking = claim(booking, refund_id, owner="worker", actor=SWEEP, now=now)
    if status == "processing":
        booking = record_accepted(booking, refund_id, provider_refund_id=None, actor=SWEEP, now=now)
    if status in ("refunded", "attention"):
        to: Literal["refunded", "attention"] = "refunded" if status == "refunded" else "attention"
        booking = move_refund(booking, refund_id, to, actor=SWEEP, now=now)
    return booking


ASKED = ("requested", "processing", "attention")


def statuses(booking: Booking) -> list[str]:
    return [refund.status for refund in booking.refunds]


@pytest.mark.parametrize("younger", ["owed", *ASKED])
@pytest.mark.parametrize("older", ["owed", *ASKED])
def test_of_two_refunds_of_one_payment_the_older_that_was_asked_for_is_meant(older: str, younger: str) -> None:
    [payment] = CONFIRMED.payments
    booking = owed(owed(CONFIRMED, payment.tx_ref, 5), payment.tx_ref, 6)
    booking = moved(moved(booking, f"{payment.tx_ref}-R1", older, 7), f"{payment.tx_ref}-R2", younger, 8)
    after_one = verified(booking, "refunded", now=after(9))
    wanted = [older, younger]
    asked = [number for number, status in enumerate(wanted) if status in ASKED]
    for number in asked[:1]:
        wanted[number] = "refunded"
    assert statuses(after_one) == wanted
    assert after_one.payments[0].has_open_reversal is not bool(asked)
    # It goes on saying so of money that is accounted for.
    again = verified(after_one, "refunded", now=after(10))
    assert statuses(again) == wanted


@pytest.mark.parametrize("said", ["refunded", "reversed"])
@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("other", ["owed", *ASKED, "refunded"])
def test_what_went_back_of_one_payment_says_nothing_of_another(attempt: int, other: str, said: str) -> None:
    booking = verified(paid(TWICE), "paid", tx_ref=TWICE.payments[0].tx_ref, now=after(5))
    booking = owed(booking, booking.payments[1].tx_ref, 6)
    mine, others = (f"{booking.booking_id}-{number}" for number in (attempt, 3 - attempt))
    booking = moved(moved(booking, f"{mine}-R1", "processing", 7), f"{others}-R1", other, 8)
    result = verified(booking, said, tx_ref=mine, now=after(9))
    assert get_refund(result, f"{mine}-R1").status == "refunded"
    assert result.payment(others) == booking.payment(others)


def test_a_booking_is_due_when_any_of_its_payments_and_refunds_is() -> None:
    booking = opened(another_attempt(opened(a_booking()), now=after(20)))
    first, second = (payment.tx_ref for payment in booking.payments)
    # A link that was replaced is looked at at once; then the later one comes before it.
    assert due_at(booking) == after(20)
    looked = verified(booking, "pending", tx_ref=first, now=after(20))
    assert due_at(looked) == after(22)
    twice = verified(verified(looked, "paid", tx_ref=second, now=after(21)), "paid", tx_ref=first, now=after(21))
    silent = replace(twice, outbox=())
    assert due_at(silent) == after(21)
    claimed = claim(silent, f"{first}-R1", owner="worker", actor=SWEEP, now=after(21))
    assert due_at(claimed) == after(21) + REFUND_POLL_EARLY
