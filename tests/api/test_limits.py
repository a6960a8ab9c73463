"""However slow the gateway is, a request is answered in time: its calls to the gateway share one budget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from chalicelib.domain.timing import API_GATEWAY_BUDGET, WEBHOOK_GATEWAY_BUDGET
from chalicelib.domain.verification import Verification
from chalicelib.services.ports import Opening
from tests.api.harness import World


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
    assert {tuple(each) for each in asked} == {(API_GATEWAY_BUDGET,)}
    assert len(asked) == 4
    asked.clear()
    world.webhook(tx_ref)
    assert asked == [[WEBHOOK_GATEWAY_BUDGET]]
    assert budgets == [*[API_GATEWAY_BUDGET] * (len(budgets) - 1), WEBHOOK_GATEWAY_BUDGET]
    assert inside == []
