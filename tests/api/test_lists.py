"""Lists: pages, filters, and cursors that are good for nothing but their own list."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adapters.chapa_server import failed
from tests.api.harness import Person, World, answers


@dataclass(frozen=True)
class List:
    """One list, made long: its path, who asks, and each query under which it has entries."""

    path: str
    by: Person | None
    query: dict[str, str]
    count: int
    most: int = 100


def own_bookings(world: World, count: int) -> List:
    listing = world.listing()
    for n in range(count):
        world.book(listing, key=str(n), check_in=f"2027-02-{n + 1:02}", check_out=f"2027-02-{n + 2:02}")
        world.clock.forward(hours=13)  # the holds of three end
    return List("/v1/bookings", world.guest(), {}, count)


def own_payments(world: World, count: int) -> List:
    return List("/v1/payments", own_bookings(world, count).by, {}, count)


def own_listings(world: World, count: int) -> List:
    for n in range(count):
        world.listing(title=f"House {n}")
        world.clock.forward(seconds=1)
    return List("/v1/hosts/me/listings", world.host(), {}, count)


def city(world: World, count: int) -> List:
    own_listings(world, count)
    return List("/v1/listings", None, {"city": f"Bishoftu {world.name}"}, count, most=50)


def stays(world: World, count: int) -> List:
    query = city(world, count).query | {"check_in": "2027-02-01", "check_out": "2027-02-03"}
    return List("/v1/listings", None, query, count, most=50)


def cities(world: World, count: int) -> List:
    for n in range(count):
        world.listing(city=f"Bishoftu {n}")
    return List("/v1/cities", None, {"prefix": "Bisho"}, count)


def events(world: World, count: int) -> List:
    booking = world.paid(world.book())
    path = f"/v1/payments/{booking['payment']['tx_ref']}/events"
    found = world.call("GET", path, by=world.guest(), query={"limit": 100}).body["items"]
    assert len(found) >= count
    return List(path, world.guest(), {}, len(found))


LISTS: list[Callable[[World, int], List]] = [own_bookings, own_payments, own_listings, city, stays, cities, events]


def pages(world: World, each: List, limit: int, **query: str) -> list[list[Any]]:
    found: list[list[Any]] = []
    cursor: dict[str, str] = {}
    while True:
        reply = world.call("GET", each.path, by=each.by, query={**each.query, **query, "limit": limit, **cursor})
        assert reply.status == 200, reply.text
        assert set(reply.body) == {"items", "next_cursor"}
        assert len(reply.body["items"]) <= limit
        found.append(reply.body["items"])
        if reply.body["next_cursor"] is None:
            return found
        cursor = {"cursor": reply.body["next_cursor"]}
        assert len(found) < 30


def flat(found: list[list[Any]]) -> list[Any]:
    return [item for page in found for item in page]


@pytest.mark.parametrize("make", LISTS, ids=lambda make: make.__name__)
def test_page_by_page_every_item_comes_once_in_order(world: World, make: Callable[[World, int], List]) -> None:
    each = make(world, 5)
    [whole] = pages(world, each, each.most)
    assert len(whole) == each.count
    for limit in (1, 2, 3):
        assert flat(pages(world, each, limit)) == whole


@pytest.mark.parametrize("make", LISTS, ids=lambda make: make.__name__)
def test_a_limit_is_one_to_a_hundred_or_fifty(world: World, make: Callable[[World, int], List]) -> None:
    each = make(world, 1)
    for limit in (0, each.most + 1, -1, 10**30, "", "x", "1.0", "1e1", "٣", "0x1", " 1", "+1", "true"):
        reply = world.call("GET", each.path, by=each.by, query={**each.query, "limit": limit})
        assert (reply.status, reply.code, list(reply.wrong())) == (400, "invalid_request", ["limit"])


@pytest.mark.parametrize("make", LISTS, ids=lambda make: make.__name__)
def test_a_cursor_that_was_tampered_with(world: World, make: Callable[[World, int], List]) -> None:
    each = make(world, 2)
    cursor: str = world.call("GET", each.path, by=each.by, query={**each.query, "limit": 1}).body["next_cursor"]
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    tail = base64.urlsafe_b64encode(raw[:16] + b'{"booking_id":{"S":"GZ0"}}').decode().rstrip("=")
    changed = cursor[:20] + ("B" if cursor[20] == "A" else "A") + cursor[21:]
    for forged in (
        "",
        "x",
        "null",
        # Base 64 is read generously: these stand for the same bytes.
        cursor + "=",
        cursor + "==",
        cursor[:9] + "!" + cursor[9:],
        cursor[:9] + "\n" + cursor[9:],
        cursor[:-4],
        cursor + "AAAA",
        changed,
        tail,
        cursor * 100,
        "é",
        "\x00",
        raw[16:].decode(),
    ):
        reply = world.call("GET", each.path, by=each.by, query={**each.query, "limit": 1, "cursor": forged})
        assert (reply.status, reply.code) == (400, "invalid_cursor"), forged
    assert world.call("GET", each.path, by=each.by, query={**each.query, "limit": 2, "cursor": cursor}).status == 200
    twice = {**each.query, "cursor": [cursor, cursor]}
    assert world.call("GET", each.path, by=each.by, query=twice).code == "invalid_request"


def test_a_query_is_refused_for_what_is_not_in_it_and_where_there_is_none_nobody_looks(world: World) -> None:
    twice = {"status": ["confirmed", "confirmed"]}
    for query, field in (({"stauts": "confirmed"}, "stauts"), (twice, "status")):
        reply = world.call("GET", "/v1/bookings", by=world.guest(), query=query)
        assert (reply.status, list(reply.wrong())) == (400, [field])
    booking = world.book()
    for path in (f"/v1/bookings/{booking['booking_id']}", "/v1/config", f"/pay/{booking['payment']['tx_ref']}"):
        assert world.call("GET", path, by=world.guest(), query={"stauts": ["a", "b"]}).status == 200
    nudge = f"/v1/payments/chapa/callback/{booking['payment']['tx_ref']}"
    for method in ("GET", "POST"):
        assert world.call(method, nudge, query={"trx_ref": ["a", "b"], "status": "success"}).status == 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(cursor=st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_cursor_can_be_guessed(world: World, cursor: str) -> None:
    reply = world.call("GET", "/v1/bookings", by=world.guest(), query={"cursor": cursor})
    assert (reply.status, reply.code) == (400, "invalid_cursor")


def test_a_cursor_is_good_for_one_caller_one_query_and_one_route(world: World) -> None:
    own_bookings(world, 2)
    listing = world.listing()
    for n in range(2):
        world.book(listing, by=world.guest("other"), key=str(n))
    guest = world.guest()
    cursor = world.call("GET", "/v1/bookings", by=guest, query={"limit": 1}).body["next_cursor"]
    elsewhere: list[tuple[str, Person, dict[str, Any]]] = [
        ("/v1/bookings", world.guest("other"), {}),
        ("/v1/bookings", guest, {"status": "expired"}),
        ("/v1/payments", guest, {}),
        ("/v1/hosts/me/listings", Person(guest.sub, "host"), {}),
    ]
    for path, by, query in elsewhere:
        reply = world.call("GET", path, by=by, query={**query, "cursor": cursor})
        assert (reply.status, reply.code) == (400, "invalid_cursor"), (path, query)
    # The size of a page may change on the way.
    assert len(world.call("GET", "/v1/bookings", by=guest, query={"cursor": cursor, "limit": 50}).body["items"]) == 1


def test_a_cursor_of_one_search_or_payment_is_not_one_of_another(world: World) -> None:
    city(world, 2)
    name = f"Bishoftu {world.name}"
    cursor = world.call("GET", "/v1/listings", query={"city": name, "limit": 1}).body["next_cursor"]
    queries: list[dict[str, Any]] = [{"city": name, "guests": 2}, {"city": name, "max_price": 10**9}, {"city": "Adama"}]
    for changed in queries:
        assert world.call("GET", "/v1/listings", query={**changed, "cursor": cursor}).code == "invalid_cursor"
    listing = world.listing()
    one, other = (world.book(listing, key=key)["payment"]["tx_ref"] for key in "ab")
    path = "/v1/payments/{}/events"
    cursor = world.call("GET", path.format(one), by=world.guest(), query={"limit": 1}).body["next_cursor"]
    moved = world.call("GET", path.format(other), by=world.guest(), query={"limit": 1, "cursor": cursor})
    assert moved.code == "invalid_cursor"


def test_a_filter_may_empty_a_page_but_only_null_is_the_end(world: World) -> None:
    listing = world.listing()
    done = world.paid(world.book(listing, key="done"))
    world.gateway.says = "pending"
    for n in range(3):
        world.clock.forward(seconds=1)
        world.book(listing, key=str(n))
    each = List("/v1/bookings", world.guest(), {}, 1)
    found = pages(world, each, 1, status="confirmed")
    assert [len(page) for page in found[:4]] == [0, 0, 0, 1]
    assert flat(found)[0]["booking_id"] == done["booking_id"]
    paid = pages(world, List("/v1/payments", world.guest(), {}, 1), 2, status="completed")
    assert [item["tx_ref"] for item in flat(paid)] == [done["payment"]["tx_ref"]]
    reply = world.call("GET", "/v1/bookings", by=world.guest(), query={"status": "paid"})
    assert reply.wrong() == {"status": "must be one of pending_payment, confirmed, expired, cancelled"}


def test_a_page_of_payments_may_end_within_a_booking(world: World) -> None:
    listing = world.listing()
    world.gateway.open = answers(400, failed("no"))
    for key in "ab":
        booking = world.book(listing, key=key)
        for _ in range(3):
            world.call("POST", f"/v1/bookings/{booking['booking_id']}/payments", by=world.guest())
        world.clock.forward(seconds=1)
    each = List("/v1/payments", world.guest(), {}, 8)
    whole = [item["tx_ref"] for item in flat(pages(world, each, 100))]
    assert len(whole) == 8
    assert [tx_ref[-2:] for tx_ref in whole] == ["-4", "-3", "-2", "-1"] * 2
    for limit in (1, 3, 5):
        assert [item["tx_ref"] for item in flat(pages(world, each, limit))] == whole


def test_newest_first(world: World) -> None:
    own_bookings(world, 3)
    found = world.call("GET", "/v1/bookings", by=world.guest()).body["items"]
    assert [item["check_in"] for item in found] == ["2027-02-03", "2027-02-02", "2027-02-01"]
    assert world.call("GET", "/v1/bookings", by=world.guest("other")).body == {"items": [], "next_cursor": None}
