"""A flood ends at its own function's share: the simulation of benchmarks/flood.py, with the shipped tables."""

from __future__ import annotations

import pytest

from benchmarks.flood import Bucket, Function, Load, simulate, table
from tools.throttles import Throttle

FREE = Throttle(10_000, 10_000)


@pytest.fixture(scope="module")
def answered() -> dict[str, dict[str, tuple[float, float]]]:
    return table(seconds=30)


def test_a_hundred_bookings_a_second_are_all_answered(answered: dict[str, dict[str, tuple[float, float]]]) -> None:
    assert all(shipped > 0.995 for shipped, _ in answered["a hundred bookings a second"].values())


@pytest.mark.parametrize("scene", ["the gateway stalls", "five thousand searches a second", "both"])
@pytest.mark.parametrize("kind", ["webhook", "authorizer", "sweep"])
def test_a_flood_starves_neither_webhooks_nor_sign_in_nor_the_clock(
    answered: dict[str, dict[str, tuple[float, float]]], scene: str, kind: str
) -> None:
    assert answered[scene][kind][0] > 0.98


def test_one_function_for_everything_would_starve_them(answered: dict[str, dict[str, tuple[float, float]]]) -> None:
    assert answered["the gateway stalls"]["webhook"][1] < 0.5


def test_the_simulation_knows_its_limits() -> None:
    slow = [Load("slow", 100, 10, "A", FREE), Load("other", 10, 0.1, "B", FREE)]
    within = simulate(slow, {"A": 50, "B": 30}, seconds=30)
    assert within["slow"].share < 0.15
    assert within["other"].share == 1
    together = simulate([Load("slow", 500, 10, "A", FREE), Load("other", 10, 0.1, "B", FREE)], {}, seconds=30)
    assert together["other"].share < 0.5


def test_a_bucket_gives_its_burst_at_once_and_its_rate_for_long() -> None:
    bucket = Bucket(Throttle(10, 20))
    assert [bucket.take(0) for _ in range(21)].count(True) == 20
    assert [bucket.take(1) for _ in range(11)].count(True) == 10


def test_a_function_gains_a_thousand_environments_in_ten_seconds() -> None:
    function = Function()
    assert [function.start(0, 100) for _ in range(1001)].count(True) == 1000
    assert function.start(0.5, 100)
    function.end_finished(200)
    assert function.start(200, 1)
    assert function.made == 1001
