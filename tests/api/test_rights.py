"""What each group of the staff may do, over every call of theirs; the token's trigger knows the same groups."""

from __future__ import annotations

import pytest

from chalicelib import shape_tokens
from chalicelib.api.core.routing import ROUTES, Route
from chalicelib.services.access import STAFF
from tests.api.harness import Person, World, sample

OF_STAFF = [route for route in ROUTES if route.role == "operator"]


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("group", [*STAFF, "host"])
@pytest.mark.parametrize("route", OF_STAFF, ids=named)
def test_a_call_is_for_the_groups_that_have_its_right(world: World, route: Route, group: str) -> None:
    by = Person(f"{group}-{world.name}", group)
    reply = world.call(route.method, sample(route.path), {} if route.body else None, by=by, key="k")
    if route.right in STAFF.get(group, ()):
        assert reply.status != 403
    else:
        assert (reply.status, reply.code) == (403, "forbidden")
        assert world.touched == []


def test_an_operator_has_every_right_and_the_others_have_not() -> None:
    assert STAFF["operator"] == frozenset().union(*STAFF.values()) | {"accounts"}
    assert "money" not in STAFF["support"]
    assert {"help", "accounts"}.isdisjoint(STAFF["finance"])


@pytest.mark.parametrize(
    ("call", "body", "allowed"),
    [
        ("POST /v1/bookings/{}/cancel", {"reason": "They asked."}, {"operator", "finance"}),
        ("POST /v1/payments/{}-1/refunds", {"reason": "They asked.", "amount": 1}, {"operator", "finance"}),
        ("POST /v1/bookings/{}/end-stay", {"as": "no_show", "note": "Nobody came."}, {"operator", "finance"}),
        ("PATCH /v1/bookings/{}", {"contact": {"first_name": "Sara"}}, {"operator", "support"}),
        ("GET /v1/bookings/{}", None, {"operator", "support", "finance", "approver"}),
        ("GET /v1/payments/{}-1/events", None, {"operator", "support", "finance", "approver"}),
    ],
)
@pytest.mark.parametrize("group", STAFF)
def test_calls_that_others_share_ask_the_staff_for_the_same_rights(
    world: World, group: str, call: str, body: object, allowed: set[str]
) -> None:
    booking = world.book()
    method, path = call.split(" ")
    reply = world.call(method, path.format(booking["booking_id"]), body, by=Person("staff", group), key="k")
    assert (reply.status == 403) is (group not in allowed), reply.text


def test_the_trigger_of_tokens_asks_all_of_the_staff_for_a_second_factor() -> None:
    assert set(STAFF) == shape_tokens.STAFF


def test_an_account_that_nobody_can_have_is_not_acted_on(world: World) -> None:
    for act, limits in (("block", {}), ("unblock", {}), ("limits", {"open_holds": 2})):
        path = f"/v1/ops/accounts/{'x' * 256}/{act}"
        reply = world.call("POST", path, limits | {"note": "Who is that?"}, by=world.operator())
        assert (reply.status, reply.code) == (404, "account_not_found")


def test_a_console_is_made_of_its_own_files(world: World) -> None:
    known = world.call("GET", "/console/ops.js")
    assert known.status == 200
    again = world.call("GET", "/console/ops.js", headers={"if-none-match": known.headers["ETag"]})
    assert (again.status, again.text) == (304, "")
    assert (world.call("GET", "/console/docs.js").code) == "route_not_found"


def test_a_page_of_a_report_is_asked_for_rightly(world: World) -> None:
    reply = world.call("GET", "/v1/ops/settlements/0", by=world.operator(), query={"limit": "x"})
    assert reply.wrong().keys() == {"limit"}
