"""However slow the gateway is, a request is answered in time: its calls to the gateway share one budget."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import pytest

from chalicelib.domain.timing import API_GATEWAY_BUDGET, PUBLIC_ANSWER, PUBLIC_GATEWAY_BUDGET, WEBHOOK_GATEWAY_BUDGET
from chalicelib.domain.verification import Verification
from chalicelib.services.ports.gateways import Opening
from tests.adapters.chapa_server import Talk, failed
from tests.adapters.fake_network import Network, clock_of_calls, network_of_calls
from tests.api.harness import Reply, World, answers


def test_every_request_has_one_budget_for_all_its_calls(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[timedelta] = []
    asked: list[list[timedelta]] = []
    budgets: list[timedelta] = []

    @contextmanager
    def budget(given: timedelta) -> Iterator[None]:
        budgets.append(given)
        inside.append(given)
        yield
        inside.pop()

    gateway = world.container.gateways.named("chapa")
    initialize, verify = gateway.initialize, gateway.verify

    def noted_initialize(opening: Opening) -> str:
        asked.append(list(inside))
        return initialize(opening)

    def noted_verify(tx_ref: str) -> Verification:
        asked.append(list(inside))
        return verify(tx_ref)

    monkeypatch.setattr(gateway, "initialize", noted_initialize)
    monkeypatch.setattr(gateway, "verify", noted_verify)
    listing = world.listing()
    monkeypatch.setattr(world.container, "gateway_budget", budget)
    booking = world.book(listing)
    tx_ref = booking["payment"]["tx_ref"]
    world.clock.forward(minutes=1)
    for method, path, by in (
        ("POST", f"/v1/payments/{tx_ref}/verify", world.guest()),
        ("GET", f"/v1/payments/chapa/callback/{tx_ref}", None),
        ("GET", f"/pay/{tx_ref}", None),
        ("POST", f"/v1/bookings/{booking['booking_id']}/payments", world.guest()),
    ):
        world.clock.forward(minutes=1)
        assert world.call(method, path, by=by).status == 200
    world.webhook(tx_ref)
    assert asked == [
        [API_GATEWAY_BUDGET],
        [API_GATEWAY_BUDGET],
        [PUBLIC_GATEWAY_BUDGET],
        [PUBLIC_GATEWAY_BUDGET],
        [WEBHOOK_GATEWAY_BUDGET],
    ]
    assert len(budgets) == 6, "one for each request, whether it asked the gateway or not"
    assert inside == []


def a_webhook(world: World, tx_ref: str) -> Reply:
    return world.webhook(tx_ref)


def a_webhook_of_nobodys(world: World, _: str) -> Reply:
    return world.webhook("GZ4T1B8WCD7K2M9Q-1")


def a_callback(world: World, tx_ref: str) -> Reply:
    return world.call("GET", f"/v1/payments/chapa/callback/{tx_ref}")


def a_callback_of_a_browser(world: World, tx_ref: str) -> Reply:
    return world.call("POST", f"/v1/payments/chapa/callback/{tx_ref}", raw="")


def the_page(world: World, tx_ref: str) -> Reply:
    return world.call("GET", f"/pay/{tx_ref}")


def the_button(world: World, tx_ref: str) -> Reply:
    return world.call("POST", f"/pay/{tx_ref}", raw="", content_type="application/x-www-form-urlencoded")


PUBLIC_CALLS: list[Callable[[World, str], Reply]] = [
    a_webhook, a_webhook_of_nobodys, a_callback, a_callback_of_a_browser, the_page, the_button,
]  # fmt: skip


@pytest.fixture
def network(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    """A gateway whose connections go by a clock of their own, and that is silent."""
    pools = cast(Any, world.container.gateways.named("chapa"))._transport._pools
    pools.clear()
    with monkeypatch.context() as patch:
        yield network_of_calls(clock_of_calls(patch), patch)
    pools.clear()


@pytest.mark.parametrize("connecting", [0.0, 2.5])
@pytest.mark.parametrize("call", PUBLIC_CALLS)
@pytest.mark.parametrize("later", [{"minutes": 1}, {"minutes": 31}, {"days": 1}])
def test_no_call_without_a_token_waits_long_for_a_silent_gateway(
    world: World,
    call: Callable[[World, str], Reply],
    connecting: float,
    later: dict[str, float],
    request: pytest.FixtureRequest,
) -> None:
    """Whatever else is to be asked with it: earlier attempts, links to be closed, an expired hold."""
    world.gateway.open = answers(400, failed({"email": ["validation.email"]}))
    booking = world.book()
    world.gateway.open = answers(500, b"")
    by = world.guest()
    world.call("POST", f"/v1/bookings/{booking['booking_id']}/payments", by=by)
    world.clock.forward(**later)
    network: Network = request.getfixturevalue("network")
    network.connecting = connecting
    began, app_clock = network.clock.at, world.clock.at
    reply = call(world, booking["payment"]["tx_ref"])
    assert reply.status in (200, 303)
    waited = timedelta(seconds=network.clock.at - began) + (world.clock.at - app_clock)
    assert waited < PUBLIC_ANSWER
    assert (len(network.requests) > 0) == (waited > timedelta(0))
    if call is a_webhook_of_nobodys:
        [message] = world.messages(world.resources.reconcile_queue_url)
        assert json.loads(message["Body"])["tx_ref"] == "GZ4T1B8WCD7K2M9Q-1"
    assert [item for item in world.table(world.resources.bookings_table) if item.get("due_at")], "what is open is due"


def test_a_webhook_of_a_gateway_that_says_nothing_is_answered_within_five_seconds(world: World) -> None:
    """The real clock, and a real server that takes the request and is silent."""
    booking = world.book()
    world.gateway.verify = Talk.silence
    began = time.monotonic()
    assert world.webhook(booking["payment"]["tx_ref"]).status == 200
    assert time.monotonic() - began < PUBLIC_ANSWER.total_seconds()
    [item] = [item for item in world.table(world.resources.bookings_table) if item.get("due_at")]
    assert item["due_at"]["S"] <= "2027-01-02T09:15:45.500Z", "the clock asks it again soon"
