"""Operators look at an account, block it, and raise its caps; what a guest then meets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.harness import Reply, World
from tests.builders import NOW

NOTE = "Three cards reported as stolen."


def path(world: World, what: str = "") -> str:
    return f"/v1/ops/accounts/{world.guest().sub}{what}"


def shown(world: World) -> dict[str, Any]:
    reply = world.call("GET", path(world), by=world.operator())
    assert reply.status == 200, reply.text
    body: dict[str, Any] = reply.body
    return body


def act(world: World, what: str, **body: Any) -> Reply:
    reply = world.call("POST", path(world, f"/{what}"), {"note": NOTE, **body}, by=world.operator())
    assert reply.status == 202, reply.text
    return reply


def without_request(found: dict[str, Any]) -> dict[str, Any]:
    """The same without the names of the requests."""
    acts = [{**each, "request_id": ""} for each in found["acts"]]
    return {**found, "acts": acts, "block": found["block"] and {**found["block"], "request_id": ""}}


def booked(world: World, key: str, **changes: Any) -> Reply:
    return world.call("POST", "/v1/bookings", world.request(world.listing(), **changes), by=world.guest(), key=key)


def test_an_account_that_never_booked_has_nothing_in_it(world: World) -> None:
    found = shown(world)
    assert (found["sub"], found["bookings"], found["open_holds"], found["block"]) == (world.guest().sub, [], [], None)
    assert found["caps"] == {
        "open_holds": 3,
        "unpaid_unit_nights": 60,
        "bookings_per_hour": 10,
        "bookings_per_day": 30,
    }


@pytest.mark.parametrize("sub", ["two%20words", "%E1%88%80", "x" * 256])
def test_what_is_no_sub_of_anybody(world: World, sub: str) -> None:
    reply = world.call("GET", f"/v1/ops/accounts/{sub}", by=world.operator())
    assert (reply.status, reply.code) == (404, "account_not_found")


def test_what_an_account_did_is_shown(world: World) -> None:
    first = world.book(key="first")
    second = world.book(key="second")
    world.call("POST", f"/v1/bookings/{second['booking_id']}/cancel", {"reason": "x"}, by=world.guest())
    found = shown(world)
    assert (found["bookings_last_hour"], found["bookings_last_day"], found["unit_nights"]) == (2, 2, 3)
    assert [hold["booking_id"] for hold in found["open_holds"]] == [first["booking_id"]]
    assert [lapse["booking_id"] for lapse in found["lapses"]] == [second["booking_id"]]
    told = {each["booking_id"]: (each["status"], each["cancelled_by"]) for each in found["bookings"]}
    assert told == {
        first["booking_id"]: ("pending_payment", None),
        second["booking_id"]: ("cancelled", "guest"),
    }
    assert (found["has_paid"], found["paused_until"]) == (False, None)
    world.paid(first)
    after = shown(world)
    assert (after["has_paid"], after["lapses"], after["caps"]["unpaid_unit_nights"]) == (True, [], 300)


@pytest.mark.parametrize(
    ("hours", "hour", "day", "lapses", "paused"),
    [(0, 3, 3, 3, True), (0.2, 3, 3, 3, True), (0.3, 3, 3, 3, False), (2, 0, 3, 3, False), (25, 0, 0, 0, False)],
)
def test_what_an_account_did_is_told_for_as_long_as_it_counts(
    world: World, hours: float, hour: int, day: int, lapses: int, *, paused: bool
) -> None:
    """Bookings of the last hour and of the last day, lapses of a day, and a pause of a quarter of an hour."""
    for number in range(3):
        booking = world.book(key=f"{number}")
        world.call("POST", f"/v1/bookings/{booking['booking_id']}/cancel", {"reason": "x"}, by=world.guest())
    world.clock.forward(hours=hours)
    found = shown(world)
    assert (found["bookings_last_hour"], found["bookings_last_day"]) == (hour, day)
    assert (len(found["lapses"]), found["paused_until"] is not None) == (lapses, paused)


def test_a_blocked_account_books_nothing_until_it_is_unblocked(world: World) -> None:
    booking = world.book(key="before")
    reply = act(world, "block")
    blocked = reply.body
    assert blocked["block"] == {
        "at": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "act": "block",
        "by": world.operator().sub,
        "by_name": f"{world.operator().sub}@people.example",
        "note": NOTE,
        "request_id": reply.request_id,
        "caps": None,
    }
    assert shown(world) == blocked
    refused = booked(world, "next")
    assert (refused.status, refused.code) == (403, "account_blocked")
    assert NOTE not in refused.text
    # What it has is its own, and a repeat is answered as ever.
    assert world.read(booking)["status"] == "pending_payment"
    assert world.call("POST", f"/v1/bookings/{booking['booking_id']}/payments", {}, by=world.guest()).status == 200
    # The first block stands.
    again = world.call("POST", path(world, "/block"), {"note": "Again."}, by=world.staff())
    assert again.body == blocked
    free = act(world, "unblock").body
    assert (free["block"], [each["act"] for each in free["acts"]]) == (None, ["block", "unblock"])
    assert booked(world, "next").status == 201


def test_a_pause_says_how_long_and_ends_when_an_operator_says_so(world: World) -> None:
    for number in range(3):
        booking = world.book(key=f"{number}")
        world.call("POST", f"/v1/bookings/{booking['booking_id']}/cancel", {"reason": "x"}, by=world.guest())
    refused = booked(world, "paused")
    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (429, "rate_limited", "900")
    assert refused.body["retryable"] is True
    assert shown(world)["paused_until"] is not None
    assert act(world, "unblock").body["paused_until"] is None
    assert booked(world, "paused").status == 201


def test_caps_are_raised_and_taken_back(world: World) -> None:
    assert booked(world, "large", check_out="2027-03-20").wrong().keys() == {"units"}
    raised = act(world, "limits", unpaid_unit_nights=100, open_holds=5, bookings_per_hour=None).body
    assert raised["caps"] == {
        "open_holds": 5,
        "unpaid_unit_nights": 100,
        "bookings_per_hour": 10,
        "bookings_per_day": 30,
    }
    [limits] = raised["acts"]
    assert (limits["act"], limits["note"], limits["caps"]["open_holds"]) == ("limits", NOTE, 5)
    assert booked(world, "large", check_out="2027-03-20").status == 201
    assert act(world, "limits").body["caps"]["unpaid_unit_nights"] == 60


@pytest.mark.parametrize(
    ("what", "more", "told"),
    [
        ("block", {}, "block"),
        ("unblock", {}, "paused_until"),
        ("limits", {"open_holds": 9}, "caps"),
    ],
)
def test_a_dry_run_answers_the_same_and_writes_nothing(
    world: World, what: str, more: dict[str, int], told: str
) -> None:
    for number in range(3):
        booking = world.book(key=f"{number}")
        world.call("POST", f"/v1/bookings/{booking['booking_id']}/cancel", {"reason": "x"}, by=world.guest())
    before = shown(world)
    world.touched.clear()
    dry = act(world, what, **more, dry_run=True).body
    assert not [call for call in world.touched if "Put" in call or "Update" in call or "Write" in call]
    assert dry[told] != before[told]
    assert shown(world) == before
    done = act(world, what, **more).body
    assert without_request(done) == without_request(dry)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "note"),
        ({"note": ""}, "note"),
        ({"note": "x", "open_holds": 0}, "open_holds"),
        ({"note": "x", "open_holds": 51}, "open_holds"),
        ({"note": "x", "unpaid_unit_nights": 100_001}, "unpaid_unit_nights"),
        ({"note": "x", "bookings_per_hour": 1001}, "bookings_per_hour"),
        ({"note": "x", "bookings_per_day": -1}, "bookings_per_day"),
        ({"note": "x", "dry_run": "yes"}, "dry_run"),
    ],
)
def test_what_is_wrong_with_limits(world: World, body: dict[str, Any], field: str) -> None:
    reply = world.call("POST", path(world, "/limits"), body, by=world.operator())
    assert (reply.status, list(reply.wrong())) == (400, [field])


def test_a_single_stay_above_the_cap_is_a_wrong_field(world: World) -> None:
    listing = world.listing(units=100)
    request = world.request(listing, units=50, guests=50, check_out="2027-02-13")
    reply = world.call("POST", "/v1/bookings", request, by=world.guest(), key="all")
    assert (reply.status, reply.code) == (400, "invalid_request")
    assert reply.wrong() == {"units": "an unpaid booking may hold at most 60 units × nights, and this is 1500"}
