"""Running counts of a process, handed over every ten seconds at most."""

from __future__ import annotations

import threading

import pytest

from chalicelib import telemetry
from chalicelib.counters import Counters
from chalicelib.domain.watch import health
from chalicelib.services.clock.counting import keep_counts
from chalicelib.services.ports.outcomes import StoreBusy
from tests.call_log import raises
from tests.fakes import Fakes


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    at = [1000.0]
    monkeypatch.setattr("chalicelib.counters.time.monotonic", lambda: at[0])
    return at


def test_counts_are_handed_over_at_once_and_then_every_ten_seconds(now: list[float]) -> None:
    counters = Counters()
    assert counters.take() == {}
    counters.add("opened")
    assert counters.take() == {"opened": 1}
    counters.add("opened")
    now[0] += 9.9
    assert counters.take() == {}
    now[0] += 0.1
    counters.add("opened")
    assert counters.take() == {"opened": 2}
    assert counters.take() == {}


def test_what_was_given_back_is_counted_again(now: list[float]) -> None:
    counters = Counters()
    counters.add("paid")
    counters.give_back(counters.take())
    counters.add("paid")
    now[0] += 10
    assert counters.take() == {"paid": 2}


def test_threads_count_together() -> None:
    counters = Counters()

    def work() -> None:
        for _ in range(1000):
            counters.add("opened")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counters.take() == {"opened": 4000}


def test_what_the_store_does_not_take_waits(monkeypatch: pytest.MonkeyPatch, now: list[float]) -> None:
    own, ports = Counters(), Fakes()
    monkeypatch.setattr("chalicelib.services.clock.counting.counters", own)
    keep_counts(ports)
    assert ports.watch.counts([health.slot_of(ports.clock.now())]) == {}
    own.add("opened")
    ports.run_before("watch.add_counts", raises(StoreBusy()))
    keep_counts(ports)
    assert "counts_not_kept" in ports.observe.events
    now[0] += 10
    keep_counts(ports)
    assert ports.watch.counts([health.slot_of(ports.clock.now())]) == {health.slot_of(ports.clock.now()): {"opened": 1}}


def test_events_of_payments_are_counted_under_the_names_that_health_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Counters()
    monkeypatch.setattr(telemetry, "counters", own)
    for event in ("payment_opened", "opening_failed", "payment_completed", "swept"):
        telemetry.observe(event)
    assert own.take() == {health.OPENED: 1, health.NOT_OPENED: 1, health.PAID: 1}


def test_what_was_counted_meanwhile_is_not_lost_with_what_is_given_back(now: list[float]) -> None:
    counters = Counters()
    for name in ("opened", "paid"):
        counters.add(name)
    taken = counters.take()
    counters.add("opened")
    counters.give_back(taken)
    now[0] += 10
    assert counters.take() == {"opened": 2, "paid": 1}
