"""Every race with real threads, on an engine that really runs them at once, and with writes in each other's way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from pynamodb.connection import Connection

from chalicelib.domain.errors import Busy, DatesUnavailable, InProgress
from chalicelib.domain.ids import PersonId
from chalicelib.services.access import Principal
from chalicelib.services.book import BookingResult
from tests.races.engine import EngineScene, conflicts
from tests.races.engine_races import RACES, Race, attempt, book, drain, initialized, one_booking
from tests.scenes import NIGHTS, Scene

pytestmark = pytest.mark.races

EACH = 3
REAL_PAUSE = 0.1  # what a pause of the use cases takes: the scene's clock stands still


def all_at_once(scene: Scene, race: Race, plays: list[Callable[[Scene], object]]) -> list[object]:
    """What everybody was answered. Under such a crowd anybody may be told to try again."""
    scene.ports.clock.on_sleep = lambda: time.sleep(REAL_PAUSE)
    race = replace(race, refused=(*race.refused, InProgress, Busy))
    together = threading.Barrier(len(plays))

    def run(play: Callable[[Scene], object]) -> object:
        together.wait()
        return attempt(play, scene, race)

    with ThreadPoolExecutor(len(plays)) as pool:
        outcomes = list(pool.map(run, plays))
    scene.ports.clock.on_sleep = None
    return outcomes


@pytest.mark.parametrize("race", RACES.values(), ids=RACES.keys())
def test_a_race(race: Race, tables: tuple[Connection, Any], request: pytest.FixtureRequest) -> None:
    scene = EngineScene(*tables, **race.listing)
    race.begin(scene)
    with conflicts(tables[0], seed=len(request.node.name)) as refused:
        outcomes = all_at_once(scene, race, [race.one, race.other] * EACH)
    print(f"{len(refused)} writes were in each other's way; {[type(done).__name__ for done in outcomes]}")
    scene.check()
    drain(scene)
    race.end(scene, outcomes)
    scene.check()


def test_twenty_equal_bookings(tables: tuple[Connection, Any]) -> None:
    race = RACES["two equal bookings"]
    scene = EngineScene(*tables)
    outcomes = all_at_once(scene, race, [book] * 20)
    assert len(outcomes) == 20
    one_booking(scene, outcomes)
    scene.check()


def test_twelve_guests_for_five_units(tables: tuple[Connection, Any]) -> None:
    scene = EngineScene(*tables, units=5)

    def guest(number: int) -> Callable[[Scene], BookingResult]:
        return lambda scene: scene.book(guest=Principal(PersonId(f"guest-{number}"), f"guest{number}@gmail.com"))

    race = RACES["two guests book the last unit"]
    with conflicts(tables[0], seed=12):
        outcomes = all_at_once(scene, race, [guest(number) for number in range(12)])
    booked = [done for done in outcomes if isinstance(done, BookingResult)]
    assert scene.taken == dict.fromkeys(NIGHTS, len(booked))
    assert {done.booking.booking_id for done in booked} == set(scene.ports.tables.bookings)
    assert initialized(scene) == len(booked)
    # Nobody was told "no" while there was room; "try again" is no such answer.
    assert len(booked) == 5 or not any(isinstance(done, DatesUnavailable) for done in outcomes)
    assert len(booked) <= 5
    scene.check()
