"""Every race with real threads, on an engine that really runs them at once, and with writes in each other's way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pynamodb.connection import Connection

from chalicelib.domain.errors import Busy, DatesUnavailable, InProgress
from chalicelib.domain.ids import PersonId
from chalicelib.services.access import Principal
from chalicelib.services.book import BookingResult
from tests.harness import NIGHTS, Harness
from tests.races.engine import EngineHarness, conflicts
from tests.races.engine_races import RACES, Race, attempt, book, drain, initialized, one_booking
from tests.replacing import replace

pytestmark = pytest.mark.races

EACH = 3
REAL_PAUSE = 0.1  # what a pause of the use cases takes: the harness's clock stands still


def all_at_once(harness: Harness, race: Race, plays: list[Callable[[Harness], object]]) -> list[object]:
    """The answers of all callers. With so many at once, any may be asked to retry."""
    harness.ports.clock.on_sleep = lambda: time.sleep(REAL_PAUSE)
    race = replace(race, refused=(*race.refused, InProgress, Busy))
    together = threading.Barrier(len(plays))

    def run(play: Callable[[Harness], object]) -> object:
        together.wait()
        return attempt(play, harness, race)

    with ThreadPoolExecutor(len(plays)) as pool:
        outcomes = list(pool.map(run, plays))
    harness.ports.clock.on_sleep = None
    return outcomes


@pytest.mark.parametrize("race", RACES.values(), ids=RACES.keys())
def test_a_race(race: Race, tables: tuple[Connection, Any], request: pytest.FixtureRequest) -> None:
    harness = EngineHarness(*tables, **race.listing)
    race.begin(harness)
    with conflicts(tables[0], seed=len(request.node.name)) as refused:
        outcomes = all_at_once(harness, race, [race.one, race.other] * EACH)
    print(f"{len(refused)} writes were in each other's way; {[type(done).__name__ for done in outcomes]}")
    harness.check_invariants()
    drain(harness)
    race.end(harness, outcomes)
    harness.check_invariants()


def test_twenty_equal_bookings(tables: tuple[Connection, Any]) -> None:
    race = RACES["two equal bookings"]
    harness = EngineHarness(*tables)
    outcomes = all_at_once(harness, race, [book] * 20)
    assert len(outcomes) == 20
    one_booking(harness, outcomes)
    harness.check_invariants()


def test_twelve_guests_for_five_units(tables: tuple[Connection, Any]) -> None:
    harness = EngineHarness(*tables, units=5)

    def guest(number: int) -> Callable[[Harness], BookingResult]:
        return lambda harness: harness.book(guest=Principal(PersonId(f"guest-{number}"), f"guest{number}@gmail.com"))

    race = RACES["two guests book the last unit"]
    with conflicts(tables[0], seed=12):
        outcomes = all_at_once(harness, race, [guest(number) for number in range(12)])
    booked = [done for done in outcomes if isinstance(done, BookingResult)]
    assert harness.units_taken == dict.fromkeys(NIGHTS, len(booked))
    assert {done.booking.booking_id for done in booked} == set(harness.ports.tables.bookings)
    assert initialized(harness) == len(booked)
    # Nobody was refused while there was a unit left; "retry" is no refusal.
    assert len(booked) == 5 or not any(isinstance(done, DatesUnavailable) for done in outcomes)
    assert len(booked) <= 5
    harness.check_invariants()
