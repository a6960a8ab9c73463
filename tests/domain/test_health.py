"""How a stage fares, from its running counts."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from chalicelib.domain.watch.health import (
    BOUNDS,
    GatewayHealth,
    add_up,
    answered_name,
    gateway_health,
    silent_name,
    slot_of,
    slots_between,
)
from tests.builders import NOW

MS = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("took", "name"),
    [(0, "chapa_50"), (50, "chapa_50"), (51, "chapa_75"), (700, "chapa_800"), (99_000, "chapa_12800")],
)
def test_a_call_is_counted_under_the_least_bound_that_it_did_not_pass(took: int, name: str) -> None:
    assert answered_name("chapa", took * MS) == name


def test_no_bound_is_more_than_half_above_the_one_before() -> None:
    assert all(high <= 1.5 * low for low, high in pairwise(BOUNDS))


def test_percentiles_and_silence_of_each_gateway() -> None:
    counts = {
        "chapa_100": 50,
        "chapa_400": 44,
        "chapa_3200": 6,
        silent_name("chapa"): 25,
        "paystack_50": 1,
        "opened": 3,
    }
    health = gateway_health("chapa", counts)
    assert health == GatewayHealth("chapa", 125, 25, p50_ms=100, p95_ms=3200)
    assert health.silent_share == 0.2
    assert gateway_health("paystack", counts) == GatewayHealth("paystack", 1, 0, 50, 50)
    # Nineteen in twenty, and no more, came within 400 ms.
    assert gateway_health("chapa", counts | {"chapa_400": 45, "chapa_3200": 5}).p95_ms == 400


def test_a_gateway_that_nobody_asked_or_that_said_nothing() -> None:
    assert gateway_health("chapa", {}) == GatewayHealth("chapa", 0, 0, None, None)
    assert gateway_health("chapa", {}).silent_share is None
    silent = gateway_health("chapa", {silent_name("chapa"): 4})
    assert (silent.p50_ms, silent.silent_share) == (None, 1.0)


def test_slots_are_five_minutes() -> None:
    nine = slot_of(NOW)
    assert nine.minute % 5 == nine.second == nine.microsecond == 0
    assert nine <= NOW < nine + timedelta(minutes=5)
    assert slots_between(nine, nine) == []
    assert slots_between(nine, nine + MS) == [nine]
    assert slots_between(nine + 4 * MS, nine + timedelta(minutes=5)) == [nine]
    # An hour that does not begin with a slot lies in thirteen of them.
    assert len(slots_between(nine + MS, nine + timedelta(hours=1) + MS)) == 13


def test_counts_are_added_up_by_name() -> None:
    assert add_up([{"opened": 1}, {"opened": 2, "paid": 1}, {}]) == {"opened": 3, "paid": 1}
