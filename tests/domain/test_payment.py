from __future__ import annotations

from datetime import datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.booking import OPEN, PAYMENT_TRANSITIONS, GatewayFacts, Lease, Payment, PaymentStatus
from chalicelib.domain.money import Money
from chalicelib.domain.schedule import back_off, next_verification
from chalicelib.domain.timing import (
    FIRST_VERIFICATIONS,
    VERIFY_PAUSE_MAX,
    VERIFY_WHILE_HELD,
    WATCHED_FOR,
    WEBHOOK_RECHECK,
)
from tests.builders import NOW, a_booking, another_attempt, expired, opened, paid, refund_owed
from tests.replacing import replace
from tests.strategies import jitters

MS = timedelta(milliseconds=1)
PAYMENT = a_booking().payments[0]
HOLD_ENDS = NOW + timedelta(minutes=30)
END = NOW + timedelta(hours=72)


def after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def looked(now: datetime, *, hold_ends: datetime = HOLD_ENDS) -> datetime | None:
    return next_verification(PAYMENT.created_at, hold_ends=hold_ends, now=now)


# When the gateway is asked


def test_the_schedule_is_the_one_that_is_promised() -> None:
    assert (timedelta(minutes=2), timedelta(minutes=5), timedelta(minutes=15)) == FIRST_VERIFICATIONS
    assert timedelta(minutes=30) == VERIFY_WHILE_HELD
    assert timedelta(hours=6) == VERIFY_PAUSE_MAX
    assert timedelta(hours=72) == WATCHED_FOR
    assert timedelta(seconds=30) == WEBHOOK_RECHECK


@pytest.mark.parametrize(
    ("now", "again"),
    [
        (NOW, after(2)),
        (after(2) - MS, after(2)),
        (after(2), after(5)),
        (after(5) - MS, after(5)),
        (after(5), after(15)),
        (after(15) - MS, after(15)),
        # Half an hour on, but never past the end of the hold.
        (after(15), HOLD_ENDS),
        (HOLD_ENDS - MS, HOLD_ENDS),
        # Then half of its age: at least half an hour, at most six.
        (HOLD_ENDS, after(60)),
        (after(60), after(90)),
        (after(90), after(135)),
        (after(8 * 60), after(12 * 60)),
        (after(12 * 60), after(18 * 60)),
        (after(12 * 60) + MS, after(18 * 60) + MS),
        (after(20 * 60), after(26 * 60)),
        # One last look after 72 hours.
        (END - timedelta(hours=6) - MS, END - MS),
        (END - timedelta(hours=6), END),
        (END - timedelta(hours=1), END),
        (END - MS, END),
        (END, None),
        (END + MS, None),
        (END + timedelta(days=30), None),
    ],
)
def test_looks_after_an_answer_that_left_it_open(now: datetime, again: datetime | None) -> None:
    assert looked(now) == again


@pytest.mark.parametrize(
    ("now", "again"),
    [
        (after(15), after(45)),
        (after(45), after(75)),
        (after(23 * 60 + 29), after(23 * 60 + 59)),
        (after(23 * 60 + 45), after(24 * 60)),
        (after(24 * 60), after(30 * 60)),
    ],
)
def test_a_long_hold_is_looked_at_every_half_hour(now: datetime, again: datetime) -> None:
    assert looked(now, hold_ends=after(24 * 60)) == again


def test_the_first_looks_come_first_even_when_the_hold_is_shorter() -> None:
    assert looked(after(6), hold_ends=after(5)) == after(15)


@given(st.integers(5, 24 * 60), st.integers(0, 72 * 3600 * 1000))
def test_the_pauses_are_bounded_and_the_last_look_is_at_72_hours(hold: int, age: int) -> None:
    now = NOW + timedelta(milliseconds=age)
    hold_ends = after(hold)
    again = looked(now, hold_ends=hold_ends)
    if now >= END:
        assert again is None
        return
    assert again is not None
    assert now < again <= END
    assert again - now <= VERIFY_PAUSE_MAX
    if now < hold_ends:
        assert again - now <= VERIFY_WHILE_HELD


@given(st.integers(5, 24 * 60))
def test_following_the_schedule_ends_after_a_few_dozen_looks(hold: int) -> None:
    looks = []
    again = looked(NOW, hold_ends=after(hold))
    while again is not None:
        looks.append(again)
        again = looked(again, hold_ends=after(hold))
    assert looks[:3] == [after(2), after(5), after(15)]
    assert looks[-1] == END
    assert looks == sorted(set(looks))
    assert len(looks) < 72


def test_a_payment_made_later_has_its_own_schedule() -> None:
    later = replace(PAYMENT, created_at=after(20))
    assert next_verification(later.created_at, hold_ends=HOLD_ENDS, now=after(20)) == after(22)
    assert next_verification(later.created_at, hold_ends=HOLD_ENDS, now=after(20 + 72 * 60) - MS) == after(20 + 72 * 60)


# Patience with silence


@pytest.mark.parametrize(
    ("silences", "seconds"),
    [
        (1, 15),
        (2, 30),
        (3, 60),
        (4, 120),
        (5, 240),
        (6, 480),
        (7, 960),
        (8, 1800),
        (9, 1800),
        (100, 1800),
        (10**6, 1800),
    ],
)
def test_the_pause_doubles_to_half_an_hour_with_jitter_from_half_of_it(silences: int, seconds: int) -> None:
    assert back_off(silences, jitter=0.0) == timedelta(seconds=seconds / 2)
    assert back_off(silences, jitter=0.5) == timedelta(seconds=seconds * 0.75)
    assert timedelta(seconds=seconds * 0.99) < back_off(silences, jitter=0.99) < timedelta(seconds=seconds)


@given(st.integers(1, 200), jitters)
def test_more_silence_is_never_asked_into_sooner(silences: int, jitter: float) -> None:
    assert back_off(silences, jitter=jitter) <= back_off(silences + 1, jitter=jitter)
    assert timedelta(seconds=7.5) <= back_off(silences, jitter=jitter) <= VERIFY_WHILE_HELD


# Who opens it


def test_an_opening_is_leased_until_its_instant() -> None:
    until = NOW + timedelta(seconds=25)
    assert PAYMENT.opening == Lease("opener", until)
    assert PAYMENT.is_opening(until - MS)
    assert not PAYMENT.opening_lapsed(until - MS)
    assert not PAYMENT.is_opening(until)
    assert PAYMENT.opening_lapsed(until)


def test_what_is_not_created_or_not_leased_is_not_in_opening() -> None:
    for payment in (
        replace(PAYMENT, opening=None),
        *(replace(PAYMENT, status=status) for status in get_args(PaymentStatus) if status != "created"),
    ):
        for now in (NOW, NOW + timedelta(days=1)):
            assert not payment.is_opening(now)
            assert not payment.opening_lapsed(now)


def test_attempts_are_counted_by_their_references() -> None:
    booking = a_booking()
    for number in range(1, 12):
        assert booking.payments[-1].attempt == number
        booking = another_attempt(booking)


# What went back


def test_all_refunds_count_whatever_their_state() -> None:
    booking = paid(opened(a_booking()))
    assert booking.payments[0].refunded_or_owed == Money(0, "ETB")
    once = refund_owed(booking, amount=Money(100, "ETB"))
    twice = refund_owed(once, amount=Money(23, "ETB"))
    assert twice.payments[0].refunded_or_owed == Money(123, "ETB")


def test_what_went_back_is_in_the_currency_that_came() -> None:
    received: Payment = replace(PAYMENT, facts=GatewayFacts(received=Money(500, "USD")))
    assert received.refunded_or_owed == Money(0, "USD")
    assert PAYMENT.refunded_or_owed == Money(0, "ETB")


# Moves


def test_moves_lead_only_to_statuses_that_exist() -> None:
    assert set(PAYMENT_TRANSITIONS) == set(get_args(PaymentStatus))
    assert all(to in PAYMENT_TRANSITIONS for moves in PAYMENT_TRANSITIONS.values() for to in moves)
    assert all(status not in moves for status, moves in PAYMENT_TRANSITIONS.items())


def test_completed_is_the_only_end_and_every_other_may_still_see_money() -> None:
    for status, moves in PAYMENT_TRANSITIONS.items():
        assert ("completed" in moves) is (status != "completed")
        assert ("review" in moves) is (status not in ("completed", "review"))
        assert bool(moves & OPEN) is (status == "created")
    assert not PAYMENT_TRANSITIONS["completed"]
    assert {"created", "pending"} == OPEN


def test_an_expired_hold_keeps_watching_its_payment() -> None:
    booking = expired(opened(a_booking()))
    assert booking.payments[0].schedule.next_verify_at == after(60)
