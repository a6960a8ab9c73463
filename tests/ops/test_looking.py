"""Operators look at bookings, lists and the ledger; each look at contact data is noted under their name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.services.operators.audit import accesses
from chalicelib.services.ports.outcomes import StoreBusy
from ops.operators import desk
from tests.builders import NOW
from tests.call_log import raises
from tests.harness import GUEST_DAWIT, NIGHTS, OPERATOR, Harness, booking_id_of
from tests.ops.commands import Terminal

SARA = ("--as", "sara")
BOOKING = booking_id_of("first")


@pytest.fixture
def harness() -> Harness:
    harness = Harness()
    harness.confirmed_booking()
    harness.sweep_and_drain()
    return harness


@pytest.fixture
def terminal(harness: Harness, capsys: Any, monkeypatch: Any) -> Terminal:
    return Terminal(capsys, monkeypatch, ports=harness.ports)


def noted(harness: Harness) -> list[tuple[str, str, int]]:
    found = accesses(harness.ports, OPERATOR, day=harness.ports.clock.now().date(), limit=50, after=None)
    assert {access.by for access in found.items} <= {"ops:sara"}
    return [(access.act, access.by_name, access.found) for access in found.items]


def test_a_look_without_a_name_is_a_wrong_command(terminal: Terminal, harness: Harness, monkeypatch: Any) -> None:
    monkeypatch.delenv("GUZO_OPERATOR", raising=False)
    for verb in (["find"], ["show", BOOKING], ["timeline", BOOKING], ["attention"], ["arrivals"]):
        ran = terminal.run(*verb, typed="hanna")
        assert (ran.code, ran.out) == (2, "")
    assert noted(harness) == []


def test_the_environment_may_name_who_looks(terminal: Terminal, harness: Harness, monkeypatch: Any) -> None:
    monkeypatch.setenv("GUZO_OPERATOR", "sara")
    assert terminal.run("show", BOOKING).code == 0
    assert noted(harness) == [("view", "sara", 1)]


@pytest.mark.parametrize("typed", ["hanna.tesfaye@gmail.com\n", " HANNA.TESFAYE@gmail.com ", "Tesfaye", BOOKING])
def test_a_booking_is_found_by_what_is_typed(typed: str, terminal: Terminal, harness: Harness) -> None:
    ran = terminal.run("find", *SARA, "--json", typed=typed)
    assert ran.code == 0
    assert [line["booking_id"] for line in ran.lines] == [BOOKING]
    assert noted(harness) == [("search", "sara", 1)]


def test_nothing_typed_is_a_wrong_command(terminal: Terminal) -> None:
    assert terminal.run("find", *SARA, typed="  \n").code == 2
    assert terminal.run("find", *SARA, typed="a" * 201).code == 2


def test_a_booking_is_shown_whole(terminal: Terminal) -> None:
    told = terminal.run("show", BOOKING, *SARA).out
    for part in (BOOKING, "confirmed", "hanna.tesfaye@gmail.com", f"{BOOKING}-1", "accepted", "booking_confirmed"):
        assert part in told
    (shape,) = terminal.run("show", BOOKING, *SARA, "--json").lines
    [payment] = shape["payments"]
    # What the guest's own papers name, and what a guest who asks for a receipt is sent.
    for part in (payment["provider_reference"], f"receipt  {payment['receipt_url']}"):
        assert part in told
    assert (shape["status"], len(shape["payments"])) == ("confirmed", 1)


def test_what_cannot_be_noted_is_not_shown(terminal: Terminal, harness: Harness) -> None:
    for verb in (["show", BOOKING], ["timeline", BOOKING], ["arrivals", "--date", f"{NIGHTS[0]}"]):
        harness.ports.run_before("ledger.note_access", raises(StoreBusy("throttled")))
        ran = terminal.run(*verb, *SARA)
        assert (ran.code, ran.out) == (3, "")


def test_a_booking_that_is_not_there_is_refused(terminal: Terminal) -> None:
    for verb in ("show", "timeline"):
        ran = terminal.run(verb, "GZ4T1B8WCD7K2M9Q", *SARA)
        assert ran.code == 1
        assert "(booking_not_found)" in ran.err


def test_the_timeline_tells_every_event_in_order(terminal: Terminal, harness: Harness) -> None:
    history = harness.stored_booking(BOOKING).history
    lines = terminal.run("timeline", BOOKING, *SARA, "--json").lines
    assert [line["kind"] for line in lines] == [event.kind for event in history]
    assert {"subject": "", "from": "pending_payment", "to": "confirmed"}.items() <= next(
        line for line in lines if line["to"] == "confirmed"
    ).items()
    assert "pending_payment → confirmed" in terminal.run("timeline", BOOKING, *SARA).out


def test_what_needs_a_person_is_listed(terminal: Terminal, harness: Harness) -> None:
    assert terminal.run("attention", *SARA).out == ""
    harness.ports.gateway.set_status(f"{BOOKING}-1", "reversed")
    harness.webhook(f"{BOOKING}-1")
    (line,) = terminal.run("attention", *SARA, "--json").lines
    assert line["item_id"] == f"payment_reversed.{BOOKING}-1"
    assert line["item_id"] in terminal.run("attention", *SARA).out
    assert terminal.run("attention", *SARA, "--kind", "orphan").out == ""
    assert terminal.run("attention", *SARA, "--kind", "nothing").code == 2


def test_arrivals_of_a_day_are_listed_and_noted(terminal: Terminal, harness: Harness) -> None:
    (line,) = terminal.run("arrivals", *SARA, "--json", "--date", f"{NIGHTS[0]}").lines
    assert (line["booking_id"], line["movement"]) == (BOOKING, "arrives")
    assert terminal.run("arrivals", *SARA, "--date", f"{NIGHTS[1]}").out.startswith("stays")
    assert terminal.run("arrivals", *SARA, "--date", f"{NIGHTS[0] - timedelta(days=1)}").out == ""
    assert [act for act, _, _ in noted(harness)] == ["list"] * 3


def test_the_ledger_is_told_page_by_page(terminal: Terminal, harness: Harness, capsys: Any, monkeypatch: Any) -> None:
    harness.confirmed_booking(key="second", guest=GUEST_DAWIT)
    harness.sweep_and_drain()
    monkeypatch.setattr(desk, "PAGE", 1)
    days = ("--from", f"{NOW.date()}", "--to", f"{NOW.date() + timedelta(days=1)}")
    lines = terminal.run("ledger", *SARA, *days, "--json").lines
    assert len({line["booking_id"] for line in lines}) == len(lines) == 2
    csv = terminal.run("ledger", *SARA, *days).out.splitlines()
    assert csv[0].startswith("day,at,kind,gross")
    assert [row.count(",") for row in csv] == [csv[0].count(",")] * 3
    assert terminal.run("ledger", *SARA, *days, "--gateway", "paystack", "--json").lines == []


def test_days_that_do_not_fit_are_a_wrong_command(terminal: Terminal) -> None:
    ran = terminal.run("ledger", *SARA, "--from", "2027-01-02", "--to", "2027-01-01")
    assert ran.code == 2
    assert terminal.run("ledger", *SARA, "--from", "yesterday", "--to", "2027-01-01").code == 2
