"""Growth, as far as it is arithmetic and a simulation: heat by what is written, backlogs through the shipped sweep."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchmarks.growth import LIVES, drain, due_writes, hot_month, is_flat, shards_for
from chalicelib.adapters.dynamodb.tables import DUE_SHARDS
from chalicelib.services.clock.sweep import WINDOW


def test_a_booking_that_is_paid_at_once_enters_what_is_due_and_leaves_it() -> None:
    assert due_writes(timedelta(minutes=1)) == 2


def test_each_look_at_a_payment_moves_it() -> None:
    assert due_writes(timedelta(minutes=20)) == 10


def test_one_that_is_never_paid_is_looked_at_for_three_days() -> None:
    assert 30 < due_writes(LIVES["never paid"]) < 60


def test_the_shards_bear_two_hundred_bookings_a_second_of_guests_who_pay_late() -> None:
    assert shards_for(200, due_writes(timedelta(minutes=20))) <= DUE_SHARDS


def test_a_hot_month_bears_five_hundred_holds_a_second() -> None:
    assert hot_month() == 500


@pytest.mark.parametrize("seconds", [0.5, 12.0])
def test_a_backlog_drains_in_order_of_time_and_the_gateway_sees_no_herd(seconds: float) -> None:
    count = 3 * WINDOW
    found = drain(count, seconds=seconds)
    assert found.most_at_once == 10
    assert found.most_a_second <= max(10, 10 / seconds)
    assert found.most_waiting == WINDOW
    assert found.done_twice == 0
    # Ten at a time, without a pause but for what is left of the last minute.
    assert count * seconds / 10 <= found.minutes * 60 <= count * seconds / 10 + 120


@pytest.mark.parametrize(
    ("largest", "flat"), [((2, 20.5, 40), True), ((2, 22, 42), True), ((3, 20.5, 40), False), ((2, 24, 40), False)]
)
def test_flat_means_within_a_tenth(largest: tuple[int, float, int], *, flat: bool) -> None:
    assert is_flat([(2, 20.5, 40), largest]) is flat
