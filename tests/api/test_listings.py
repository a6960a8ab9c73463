"""The catalogue over HTTP."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.harness import World

FIELDS = {
    *("listing_id", "host_id", "title", "description", "city", "address", "time_zone", "nightly_price", "units"),
    *("guests_per_unit", "cancellation_policy", "check_in_time", "check_out_time", "photos", "status", "rating"),
    *("created_at", "updated_at"),
}


def search(world: World, **query: Any) -> dict[str, Any]:
    reply = world.call("GET", "/v1/listings", query={"city": f"Bishoftu {world.name}"} | query)
    assert reply.status == 200, reply.text
    found: dict[str, Any] = reply.body
    assert set(found) == {"items", "next_cursor"}
    return found


def test_publishing_a_listing(world: World) -> None:
    photos = ["https://photos.example/1.jpg"]
    draft = world.draft(address="Babogaya Road 7", check_in_time="15:30", check_out_time="10:00", photos=photos)
    reply = world.call("POST", "/v1/listings", draft, by=world.host())
    assert reply.status == 201
    listing = reply.body
    assert set(listing) == FIELDS
    assert re.fullmatch(r"lst_[0-9A-HJKMNP-TV-Z]{16}", listing["listing_id"])
    assert listing["host_id"] == world.host().sub
    money = {"amount": 245000, "currency": "ETB", "formatted": "ETB 2,450.00"}
    assert {name: listing[name] for name in draft} == draft | {"nightly_price": money}
    assert (listing["status"], listing["rating"]) == ("open", {"average": None, "count": 0})
    assert listing["created_at"] == listing["updated_at"] == "2027-01-02T09:15:30Z"
    # As a browser resolves it against the address of the call, whatever prefix stands before that.
    assert reply.headers["Location"] == f"listings/{listing['listing_id']}"
    read = world.call("GET", f"/v1/listings/{listing['listing_id']}")
    assert (read.status, read.body) == (200, listing)
    assert read.headers["ETag"] == reply.headers["ETag"] == '"1"'


def test_what_a_draft_may_leave_out(world: World) -> None:
    listing = world.listing()
    assert {name: listing[name] for name in ("address", "check_in_time", "check_out_time", "photos")} == {
        "address": "",
        "check_in_time": "14:00",
        "check_out_time": "11:00",
        "photos": [],
    }


def test_searching_a_city_cheapest_first(world: World) -> None:
    prices = {"b": 300000, "a": 200000, "c": 400000}
    for title, amount in prices.items():
        world.listing(title=title, nightly_price={"amount": amount, "currency": "ETB"})
    world.listing(title="elsewhere", city=f"Adama {world.name}")
    assert [item["title"] for item in search(world)["items"]] == ["a", "b", "c"]
    assert all(set(item) == FIELDS for item in search(world)["items"])
    folded = f"  bISHOFTU   {world.name.upper()} "
    assert [item["title"] for item in search(world, city=folded)["items"]] == ["a", "b", "c"]
    assert [item["title"] for item in search(world, max_price=300000)["items"]] == ["a", "b"]
    assert search(world, max_price=0) == {"items": [], "next_cursor": None}
    assert search(world, city="Nowhere") == {"items": [], "next_cursor": None}


def test_searching_with_dates_gives_a_quote_and_only_what_is_free(world: World) -> None:
    small = world.listing(title="small", units=1)
    world.listing(title="large", guests_per_unit=6)
    dates = {"check_in": "2027-01-14", "check_out": "2027-01-17"}
    quotes = {item["title"]: item["quote"] for item in search(world, **dates)["items"]}
    total = {"amount": 735000, "currency": "ETB", "formatted": "ETB 7,350.00"}
    assert quotes == {"small": {"nights": 3, "total": total}, "large": {"nights": 3, "total": total}}
    world.book(small, check_in="2027-01-16", check_out="2027-01-18")
    assert [item["title"] for item in search(world, **dates)["items"]] == ["large"]
    free = search(world, check_in="2027-01-14", check_out="2027-01-16")["items"]
    assert {item["title"] for item in free} == {"small", "large"}
    assert [item["title"] for item in search(world, guests=6, **dates)["items"]] == ["large"]
    seven = search(world, guests=7, **dates)["items"]
    assert [item["quote"]["total"]["amount"] for item in seven] == [2 * 735000]
    assert search(world, check_in="2027-01-01", check_out="2027-01-04")["items"] == []


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({}, {"city": "is missing"}),
        ({"city": " "}, {"city": "must not be empty"}),
        ({"city": "x", "limit": 0}, {"limit": "must be at least 1"}),
        ({"city": "x", "limit": 101}, {"limit": "must be at most 100"}),
        ({"city": "x", "limit": "many"}, {"limit": "must be a whole number"}),
        ({"city": "x", "limit": "1.0"}, {"limit": "must be a whole number"}),
        ({"city": "x", "limit": "null"}, {"limit": "must be a whole number"}),
        ({"city": "x", "limit": "9" * 5000}, {"limit": "must be a whole number"}),
        ({"city": "x", "limit": ["1", "2"]}, {"limit": "is given twice"}),
        (
            {"city": "x", "guests": 0, "max_price": -1},
            {"guests": "must be at least 1", "max_price": "must be at least 0"},
        ),
        ({"city": "x", "town": "x"}, {"town": "is not a field here"}),
        ({"city": "x", "check_in": "2027-01-14"}, {"check_out": "is needed with the other date"}),
        ({"city": "x", "check_out": "2027-01-14"}, {"check_in": "is needed with the other date"}),
        ({"city": "x", "check_in": "null", "check_out": "tomorrow"}, dict.fromkeys(("check_in", "check_out"), "")),
        ({"city": "x", "check_in": "2027-01-14", "check_out": "2027-01-14"}, {"check_out": "must be after check_in"}),
        ({"city": "x", "check_in": "2027-01-14", "check_out": "2027-02-14"}, {"check_out": "at most 30 nights"}),
    ],
)
def test_searches_that_are_refused(world: World, query: dict[str, Any], wrong: dict[str, str]) -> None:
    world.touched.clear()
    reply = world.call("GET", "/v1/listings", query=query)
    assert (reply.status, reply.code) == (400, "invalid_request")
    said = reply.wrong()
    assert set(said) == set(wrong)
    assert all(sentence in said[field] for field, sentence in wrong.items())
    assert world.touched == []


def test_thirty_nights_may_be_searched(world: World) -> None:
    world.listing()
    assert len(search(world, check_in="2027-01-14", check_out="2027-02-13")["items"]) == 1


def test_days_at_the_ends_of_time(world: World) -> None:
    listing = world.listing()
    assert search(world, check_in="0001-01-01", check_out="0001-01-02")["items"] == []
    assert len(search(world, check_in="9999-12-30", check_out="9999-12-31")["items"]) == 1
    path = f"/v1/listings/{listing['listing_id']}/availability"
    for start, end in (("0001-01-01", "0001-01-02"), ("9999-12-30", "9999-12-31")):
        nights = world.call("GET", path, query={"from": start, "to": end}).body["nights"]
        assert [night["date"] for night in nights] == [start]


def test_availability(world: World) -> None:
    listing = world.listing()
    world.book(listing, units=3, guests=6)
    path = f"/v1/listings/{listing['listing_id']}/availability"
    reply = world.call("GET", path, query={"from": "2027-01-13", "to": "2027-01-18"})
    assert reply.status == 200
    price = {"amount": 245000, "currency": "ETB", "formatted": "ETB 2,450.00"}
    assert reply.body == {
        "nights": [
            {"date": f"2027-01-{day}", "left": left, "price": price, "closed": False}
            for day, left in ((13, 4), (14, 1), (15, 1), (16, 1), (17, 4))
        ]
    }
    assert len(world.call("GET", path, query={"from": "2027-01-01", "to": "2027-05-01"}).body["nights"]) == 120


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({}, {"from", "to"}),
        ({"from": "2027-01-14", "to": "2027-01-14"}, {"to"}),
        ({"from": "2027-01-14", "to": "2027-05-15"}, {"to"}),
        ({"from": "yesterday", "to": "2027-02-30"}, {"from", "to"}),
        ({"from": "2027-01-14", "to": "2027-01-15", "start": "2027-01-14"}, {"start"}),
    ],
)
def test_ranges_that_are_refused(world: World, query: dict[str, Any], wrong: set[str]) -> None:
    reply = world.call("GET", f"/v1/listings/{world.listing()['listing_id']}/availability", query=query)
    assert (reply.status, reply.code, set(reply.wrong())) == (400, "invalid_request", wrong)


def test_a_listing_that_is_not_there(world: World) -> None:
    path = "/v1/listings/lst_0000000000000000"
    assert world.call("GET", path).code == "listing_not_found"
    reply = world.call("GET", f"{path}/availability", query={"from": "2027-01-14", "to": "2027-01-15"})
    assert (reply.status, reply.code) == (404, "listing_not_found")


def test_a_host_lists_the_own_listings_newest_first(world: World) -> None:
    for title in ("first", "second", "third"):
        world.listing(title=title)
        world.clock.forward(seconds=1)
    world.listing(by=world.host("neighbour"))
    reply = world.call("GET", "/v1/hosts/me/listings", by=world.host())
    assert [item["title"] for item in reply.body["items"]] == ["third", "second", "first"]


def test_the_documents(world: World) -> None:
    world.touched.clear()
    health = world.call("GET", "/health").body
    assert health == {"status": "ok", "version": health["version"], "commit": "unknown", "stage": "local"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", health["version"])
    assert world.call("GET", "/v1/config").body == {
        "issuer": "https://issuer.example",
        "client_id": "guzo-web",
        "currencies": ["ETB", "USD"],
        "languages": ["en", "am"],
        "hold_minutes": 30,
        "return_origins": ["http://localhost:3000", "https://shop.example.et"],
        "version": health["version"],
    }
    assert world.touched == []
