"""HEAD answers as GET does, without the body; a method that a path does not have is refused, and told what it has."""

from __future__ import annotations

import pytest

from chalicelib.api.core import routing
from tests.api.harness import World, sample
from tests.api.test_statuses import a_right_call, named

OF_GET = [route for route in routing.ROUTES if route.method == "GET"]


@pytest.mark.parametrize("route", OF_GET, ids=named)
def test_head_answers_as_get_does(world: World, route: routing.Route) -> None:
    told, headed = a_right_call(world, route), a_right_call(world, route, method="HEAD")
    assert told.text or told.status == 303
    assert (headed.status, headed.text) == (told.status, "")
    assert headed.headers | {"X-Request-Id": ""} == told.headers | {"X-Request-Id": ""}


def test_head_of_a_later_page(world: World) -> None:
    for number in range(2):
        world.book(key=str(number))
    first = world.call("GET", "/v1/bookings", by=world.guest(), query={"limit": 1})
    later = {"limit": 1, "cursor": first.body["next_cursor"]}
    assert world.call("HEAD", "/v1/bookings", by=world.guest(), query=later).status == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/health", {"GET", "HEAD"}),
        ("PATCH", "/v1/bookings", {"GET", "HEAD", "POST"}),
        ("PUT", "/v1/listings/{listing_id}", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("BREW", "/pay/{tx_ref}", {"GET", "HEAD", "POST"}),
        ("HEAD", "/v1/webhooks/chapa", {"POST"}),
    ],
)
def test_a_method_that_the_path_does_not_have(world: World, method: str, path: str, allowed: set[str]) -> None:
    world.touched.clear()
    reply = world.call(method, sample(path))
    assert reply.status == 405
    assert set(reply.headers["Allow"].split(", ")) == allowed | {"OPTIONS"}
    if method != "HEAD":
        assert reply.code == "method_not_allowed"
        assert reply.headers["Allow"] in reply.body["detail"]
    assert world.touched == []
