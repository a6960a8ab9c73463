"""What became of bookings, and what waits how long, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.services.operators import statistics
from tests.api.harness import World

PATH = "/v1/ops/statistics"


def read(world: World, start: Any, end: Any) -> dict[str, Any]:
    reply = world.call("GET", PATH, by=world.operator(), query={"from": start, "to": end})
    assert reply.status == 200, reply.text
    found: dict[str, Any] = reply.body
    return found


def counts(steps: list[dict[str, Any]]) -> dict[Any, int]:
    return {step["under_seconds"]: step["count"] for step in steps if step["count"]}


def test_what_became_of_the_bookings_of_each_day(world: World) -> None:
    today = world.clock.now().date()
    listing = world.listing()
    world.paid(world.book(listing, by=world.guest("one")), by=world.guest("one"))
    world.gateway.says = "pending"
    world.clock.forward(days=1)
    world.book(listing, by=world.guest("two"), key="second")
    world.clock.forward(minutes=20)
    found = read(world, today, today + timedelta(days=1))
    assert found["days"] == [
        {"day": f"{today}", "held": 1, "linked": 1, "paid": 1, "confirmed": 1},
        {"day": f"{today + timedelta(days=1)}", "held": 1, "linked": 1, "paid": 0, "confirmed": 0},
    ]
    assert (counts(found["open_payments"]), found["partial"]) == ({1800: 1}, False)
    assert sum(counts(found["checkout_to_paid"]).values()) == 1


def test_refunds_wait(world: World) -> None:
    booking = world.paid(world.book())
    path = f"/v1/payments/{booking['payment']['tx_ref']}/refunds"
    assert world.call("POST", path, {"amount": 5, "reason": "x"}, by=world.operator(), key="k").status == 202
    world.clock.forward(hours=25)
    today = world.clock.now().date()
    found = read(world, today, today)
    assert counts(found["refunds_under_way"]) == {3 * 86_400: 1}
    assert [day["held"] for day in found["days"]] == [0]


def test_the_newest_days_are_read_where_there_are_too_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    today = world.clock.now().date()
    monkeypatch.setattr(statistics, "MOST_READ", 2)
    listing = world.listing()
    for number in range(3):
        world.book(listing, by=world.guest(f"{number}"), key=f"{number}")
        world.clock.forward(days=1)
    found = read(world, today, today + timedelta(days=2))
    assert ([day["held"] for day in found["days"]], found["partial"]) == ([1, 1], True)


def test_a_period_that_is_too_long(world: World) -> None:
    today = world.clock.now().date()
    query = {"from": today - timedelta(days=31), "to": today}
    reply = world.call("GET", PATH, by=world.operator(), query=query)
    assert (reply.status, reply.wrong()) == (400, {"to": "at most 31 days"})
