"""Crowds with real threads: on the fakes, and over HTTP on MiniStack, whose transactions are apart from each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pynamodb.connection import Connection

from chalicelib.domain.errors import Busy, DatesUnavailable, InProgress, Refusal
from chalicelib.domain.ids import PersonId
from chalicelib.services.access import Principal
from chalicelib.services.book import BookingResult
from local.stack.emulator.ministack import MiniStack, MiniStackError, interpreter
from tests.dynamo import admin_client, bind, bindings_restored, make_tables
from tests.harness import NIGHTS, Harness, booking_id_of
from tests.races.engine import EngineHarness

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
CROWD = 50
UNITS = 4


@pytest.fixture(scope="module")
def ministack() -> Iterator[tuple[Connection, Any]]:
    """The client under test, and one of the tests' own, both of one MiniStack."""
    try:
        interpreter()
    except MiniStackError as absent:
        pytest.skip(str(absent))
    with MiniStack() as engine, bindings_restored(), pytest.MonkeyPatch.context() as patch:
        for name, value in engine.environment().items():
            patch.setenv(name, value)
        connection, admin = bind(), admin_client()
        make_tables(admin)
        yield connection, admin


def at_once(calls: list[Callable[[], object]]) -> list[object]:
    """What everybody was answered, or how refused; anything else is raised."""
    together = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        together.wait()
        try:
            return call()
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def fifty_guests(harness: Harness) -> None:
    """As many guests book as there are units; the others are refused or asked to retry; nothing is half done."""
    harness.ports.clock.on_sleep = lambda: time.sleep(0.01)

    def call(number: int) -> Callable[[], object]:
        return lambda: harness.book(guest=Principal(PersonId(f"guest-{number}")))

    outcomes = at_once([call(number) for number in range(CROWD)])
    booked = [done for done in outcomes if isinstance(done, BookingResult)]
    assert {type(done) for done in outcomes} <= {BookingResult, DatesUnavailable, Busy}
    assert len(booked) == UNITS
    assert harness.units_taken == dict.fromkeys(NIGHTS, UNITS)
    tables = harness.ports.tables
    assert set(tables.bookings) == {done.booking.booking_id for done in booked}
    assert set(tables.accounts) == {done.booking.guest_id for done in booked}
    assert harness.ports.call_log.count("gateway.initialize") == UNITS
    harness.check_invariants()


def test_fifty_guests_and_four_units() -> None:
    fifty_guests(Harness(units=UNITS))


@pytest.mark.engine
def test_fifty_guests_and_four_units_on_ministack(ministack: tuple[Connection, Any]) -> None:
    fifty_guests(EngineHarness(*ministack, units=UNITS))


def test_ten_webhooks_and_ten_sweeps_of_one_payment() -> None:
    harness = Harness()
    booking = harness.held_booking()
    harness.ports.gateway.pay(ONE)
    calls: list[Callable[[], object]] = [lambda: harness.webhook(ONE), lambda: harness.process_task(booking)]
    assert set(map(type, at_once(calls * 10))) <= {type(None), Busy}
    harness.sweep_and_drain()
    now = harness.stored_booking(FIRST)
    assert [event.kind for event in now.history].count("booking_confirmed") == 1
    assert sorted(harness.ports.mailer.subjects) == ["booking_confirmed 1", "host_new_booking 2"]
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
    harness.check_invariants()


def test_a_crowd_at_the_end_of_a_hold() -> None:
    """The guest pays, asks, cancels nothing; the sweep ends it; whoever is first, nights and money agree."""
    harness = Harness()
    booking = harness.held_booking()
    harness.ports.clock.move_to(booking.hold_expires_at)

    def money() -> None:
        harness.ports.gateway.pay(ONE, on_its_way=True)
        harness.webhook(ONE)

    calls: list[Callable[[], object]] = [
        lambda: harness.process_task(booking),
        money,
        lambda: harness.pay(booking),
        lambda: harness.process_task(booking, ONE),
    ]
    outcomes = at_once(calls * 5)
    assert not any(isinstance(done, InProgress) for done in outcomes)
    harness.advance(minutes=5)
    assert harness.stored_booking(FIRST).status == "confirmed"
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
    assert harness.ports.gateway.refunds == []
    harness.check_invariants()
