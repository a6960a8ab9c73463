"""How the stage fares, over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib import __version__, events, telemetry
from chalicelib.adapters.gateways import client
from chalicelib.counters import Counters
from chalicelib.services.clock import counting
from chalicelib.services.ports.outcomes import Fault
from tests.adapters.chapa_server import Talk
from tests.api.harness import World, answers


@pytest.fixture(autouse=True)
def own_counters(monkeypatch: pytest.MonkeyPatch) -> Counters:
    """Counters that hand over whatever there is, and nothing of other tests."""
    monkeypatch.setattr("chalicelib.counters.COUNTS_KEPT_EVERY", timedelta())
    own = Counters()
    for module in (client, telemetry, counting):
        monkeypatch.setattr(module, "counters", own)
    return own


def test_what_the_gateway_answered_and_what_became_of_payments(world: World) -> None:
    world.clock.forward(hours=2)  # what other tests counted is over
    listing = world.listing()
    world.paid(world.book(listing))
    world.gateway.open = answers(503, {"message": "down"})
    world.book(listing, key="second", check_in="2027-02-14", check_out="2027-02-15")
    told = world.call("GET", "/v1/ops/health", by=world.operator()).body
    assert (told["payments_opened"], told["payments_not_opened"], told["payments_paid"]) == (1, 1, 1)
    [chapa] = told["gateways"]
    assert chapa["gateway"] == "chapa"
    assert (chapa["silent"], chapa["silent_share"]) == (1, round(1 / chapa["calls"], 4))
    assert 50 <= chapa["p50_ms"] <= chapa["p95_ms"] <= 12800
    assert (told["version"], told["stage"], told["seconds"]) == (__version__, "local", 3600)
    assert told["commit"]
    # An hour later all of that is over.
    world.clock.forward(hours=1, minutes=5)
    later = world.call("GET", "/v1/ops/health", by=world.operator()).body
    assert (later["payments_opened"], later["payments_paid"]) == (0, 0)
    assert later["gateways"] == [
        {"gateway": "chapa", "calls": 0, "silent": 0, "silent_share": None, "p50_ms": None, "p95_ms": None}
    ]


def test_a_call_that_breaks_off_is_silence(world: World) -> None:
    world.clock.forward(hours=2)

    def hang_up(talk: Talk) -> None:
        talk.reset()

    world.gateway.open = hang_up
    world.book(world.listing())
    [chapa] = world.call("GET", "/v1/ops/health", by=world.operator()).body["gateways"]
    assert chapa["silent"] >= 1


def test_the_clock_and_the_queues(world: World) -> None:
    events.on_schedule(None)
    told = world.call("GET", "/v1/ops/health", by=world.operator()).body
    assert told["last_sweep_at"] == world.clock.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [queue["queue"] for queue in told["queues"]] == ["reconcile", "emails"]
    assert all(queue["dead_letters"] == 0 for queue in told["queues"])


def test_queues_that_cannot_be_asked_are_null_and_the_rest_is_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise Fault("the depth of a queue could not be read")

    monkeypatch.setattr("chalicelib.adapters.aws.sqs.Sqs.depths", broken)
    told = world.call("GET", "/v1/ops/health", by=world.operator()).body
    assert told["queues"] is None
    assert told["version"] == __version__
