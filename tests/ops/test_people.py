"""A person who asks is shown what is held of them, and is erased, by commands that never name them."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.booking import Booking
from chalicelib.domain.contact import NOBODY
from chalicelib.domain.ids import PersonId
from chalicelib.services.access import Principal
from chalicelib.services.operators.erasing import BATCH
from tests.builders import HANNA, a_stay
from tests.harness import Harness
from tests.ops.commands import Terminal

SARA = ("--as", "sara")
EMAIL = HANNA.email + "\n"


@pytest.fixture
def harness() -> Harness:
    return Harness(units=99)


@pytest.fixture
def terminal(harness: Harness, capsys: Any, monkeypatch: Any) -> Terminal:
    return Terminal(capsys, monkeypatch, ports=harness.ports)


def past(harness: Harness, number: int = 0) -> Booking:
    guest = Principal(PersonId(f"guest-{number}"), "guest@gmail.com")
    return harness.confirmed_booking(key=f"key-{number}", guest=guest)


def over(harness: Harness) -> None:
    harness.deliver_outbox()
    harness.advance(days=30)


def test_a_person_is_erased_once_somebody_says_yes(harness: Harness, terminal: Terminal) -> None:
    booking = past(harness)
    over(harness)
    before = deepcopy(harness.ports.tables.bookings)
    tried = terminal.run("erase", *SARA, typed=EMAIL)
    assert (tried.code, tried.out.strip()) == (
        0, "previewed: of 1 bookings and 0 profiles of hosts, 0 are erased"
    )  # fmt: skip
    assert "Nothing was changed" in tried.err
    assert (harness.ports.tables.bookings, harness.ports.tables.erasures) == (before, {})
    done = terminal.run("erase", *SARA, "--yes", "--json", "--note", "Asked by letter.", typed=EMAIL)
    assert (done.code, done.lines[0]["state"], done.lines[0]["erased"]) == (0, "finished", 1)
    after = harness.stored_booking(booking)
    assert (after.contact, after.history[-1].by_name) == (NOBODY, "sara")
    for ran in (tried, done):
        assert HANNA.email not in ran.out + ran.err


def test_all_batches_are_done_by_one_command(harness: Harness, terminal: Terminal) -> None:
    for number in range(2 * BATCH + 1):
        past(harness, number)
    over(harness)
    done = terminal.run("erase", *SARA, "--yes", "--json", typed="0911223344\n")
    assert (done.code, done.lines[-1]["erased"]) == (0, 2 * BATCH + 1)
    assert f"{BATCH} bookings erased so far" in done.err
    assert all(row.booking.contact == NOBODY for row in harness.ports.tables.bookings.values())


@pytest.mark.parametrize("yes", [(), ("--yes",)])
def test_what_is_in_the_way_is_told_and_nothing_is_erased(
    harness: Harness, terminal: Terminal, yes: tuple[str, ...]
) -> None:
    booking = past(harness)
    ran = terminal.run("erase", *SARA, *yes, typed=EMAIL)
    assert (ran.code, ran.out.split()[:2]) == (1, ["stay", booking.booking_id])
    assert "(data_still_needed)" in ran.err
    assert harness.stored_booking(booking).contact == HANNA


@pytest.mark.parametrize("command", ["erase", "export-person"])
@pytest.mark.parametrize("typed", ["", "nobody@", "12\n", "Hanna\n"])
def test_who_is_meant_is_an_address_or_a_number(terminal: Terminal, command: str, typed: str) -> None:
    assert terminal.run(command, *SARA, typed=typed).code == 2


def test_all_that_is_held_is_told(harness: Harness, terminal: Terminal) -> None:
    first = past(harness)
    second = harness.held_booking(key="next", stay=a_stay(first.stay.check_in + timedelta(days=9)))
    ran = terminal.run("export-person", *SARA, "--json", typed=EMAIL)
    assert ran.code == 0
    assert {line["booking"]["booking_id"] for line in ran.lines} == {first.booking_id, second.booking_id}
    assert all(line["booking"]["contact"]["email"] == HANNA.email for line in ran.lines)
    assert len(terminal.run("export-person", *SARA, "--most", "1", typed=EMAIL).out.splitlines()) == 1
    acts = [(access.act, access.by_name) for access in harness.ports.tables.accesses]
    assert set(acts) == {("export", "sara")}
