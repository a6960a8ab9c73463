"""How a stage fares, at a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib import __version__
from chalicelib.domain.watch.health import slot_of
from chalicelib.services.clock.checking import check
from chalicelib.services.clock.sweep import sweep
from chalicelib.services.ports.queues import QueueDepth
from tests.builders import NOW
from tests.harness import Harness
from tests.ops.commands import Terminal


@pytest.fixture
def harness() -> Harness:
    harness = Harness()
    harness.confirmed_booking()
    harness.sweep_and_drain()
    harness.ports.clock.move(minutes=1)
    return harness


@pytest.fixture
def terminal(harness: Harness, capsys: Any, monkeypatch: Any) -> Terminal:
    return Terminal(capsys, monkeypatch, ports=harness.ports)


def test_a_stage_that_has_done_nothing_yet(capsys: Any, monkeypatch: Any) -> None:
    ran = Terminal(capsys, monkeypatch).run("health")
    assert ran.code == 1
    assert "gateway    chapa  0 calls, 0 silent, no answers\n" in ran.out
    assert "sweep      never\ncheck      never\n" in ran.out


def test_a_stage_at_work(harness: Harness, terminal: Terminal) -> None:
    ports = harness.ports
    ports.watch.add_counts(slot_of(NOW), {"opened": 5, "not_opened": 1, "paid": 4, "chapa_400": 9, "chapa_silent": 3})
    sweep(ports)
    check(ports)
    ran = terminal.run("health")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith(f"dev  version {__version__}  commit unknown  the last hour up to 2")
    assert lines[1:3] == [
        "gateway    chapa  12 calls, 3 silent (25%), p50 400 ms, p95 400 ms",
        "payments   opened 5, not opened 1, paid 4",
    ]
    assert lines[3] == f"sweep      {ports.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    assert lines[4].endswith("2 looks at bookings, 0 findings, 0 unreadable, finished " + lines[3].split()[1])
    assert lines[5:] == [
        "queue      reconcile  waiting 0, at work 0, dead letters 0",
        "queue      emails  waiting 0, at work 0, dead letters 0",
    ]
    [told] = terminal.run("health", "--json").lines
    assert (told["payments_paid"], told["last_check"]["findings"], told["stage"]) == (4, 0, "dev")


def test_dead_letters_end_it_with_1(harness: Harness, terminal: Terminal) -> None:
    sweep(harness.ports)
    harness.ports.queue.depths = lambda: (QueueDepth("reconcile", 1, 2, 3),)  # type: ignore[method-assign]
    ran = terminal.run("health")
    assert ran.code == 1
    assert "queue      reconcile  waiting 1, at work 2, dead letters 3\n" in ran.out
