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


FOUND_FIELDS = {
    *("listing_id", "title", "city", "nightly_price", "units", "guests_per_unit", "cancellation_policy", "photos"),
    "rating",
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
    assert listing.pop("warnings") == []
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
    assert all(set(item) == FOUND_FIELDS for item in search(world)["items"])
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
    quote = {"nights": 3, "units": 1, "total": total}
    assert quotes == {"small": quote, "large": quote}
    world.book(small, check_in="2027-01-16", check_out="2027-01-18")
    assert [item["title"] for item in search(world, **dates)["items"]] == ["large"]
    free = search(world, check_in="2027-01-14", check_out="2027-01-16")["items"]
    assert {item["title"] for item in free} == {"small", "large"}
    assert [item["title"] for item in search(world, guests=6, **dates)["items"]] == ["large"]
    seven = search(world, guests=7, **dates)["items"]
    assert [(item["quote"]["units"], item["quote"]["total"]["amount"]) for item in seven] == [(2, 2 * 735000)]


def test_a_search_shows_the_first_photo_only(world: World) -> None:
    photos = [f"https://photos.example/{n}.jpg" for n in range(3)]
    world.listing(photos=photos)
    [item] = search(world)["items"]
    assert item["photos"] == photos[:1]


def test_a_search_is_in_the_stages_first_currency_or_another(world: World) -> None:
    for title, currency in (("birr", "ETB"), ("dollars", "USD")):
        world.listing(title=title, nightly_price={"amount": 9900, "currency": currency})
    for query in ({}, {"check_in": "2027-01-14", "check_out": "2027-01-17"}):
        assert [item["title"] for item in search(world, **query)["items"]] == ["birr"]
        assert [item["title"] for item in search(world, currency="USD", **query)["items"]] == ["dollars"]
        assert search(world, currency="KES", **query)["items"] == []


def test_cities_and_how_they_are_written(world: World) -> None:
    for n, city in enumerate(("Hawassa", "ሐዋሳ", "Hawassa", "Awassa", "Atlantis")):
        world.listing(city=city, title=f"House {n}")
    atlantis = {"city": "Atlantis", "names": ["Atlantis"], "listings": 1}
    hawassa = {"city": "Hawassa", "names": ["Hawassa", "Awassa", "ሐዋሳ"], "listings": 4}
    assert world.call("GET", "/v1/cities").body == {"items": [atlantis, hawassa], "next_cursor": None}
    for prefix in ("haw", "አዋ", "AWAS", "ሀዋሳ"):
        assert world.call("GET", "/v1/cities", query={"prefix": prefix}).body["items"] == [hawassa]
    for name in ("Hawassa", "Awassa", "ሐዋሳ"):
        assert len(search(world, city=name)["items"]) == 4
    reply = world.call("GET", "/v1/cities", query={"prefix": "\u202ex"})
    assert list(reply.wrong()) == ["prefix"]


@pytest.mark.parametrize("city", ["\ufffd\ufffd", "a\u202eb", "\ud800", "—", "...", "!?", "\u2066Adama\u2069"])
def test_no_city_is_called_so(world: World, city: str) -> None:
    """What invalid percent-encoding becomes (``%ff%fe``), what turns the direction of writing, what has no letter."""
    replies = [world.call("GET", "/v1/listings", query={"city": city})]
    if city != "\ud800":  # which is no JSON
        replies.append(world.call("POST", "/v1/listings", world.draft(city=city), by=world.host()))
    for reply in replies:
        assert (reply.status, list(reply.wrong())) == (400, ["city"])


def test_what_anybody_may_keep_for_a_while(world: World) -> None:
    listing = world.listing()
    path = f"/v1/listings/{listing['listing_id']}"
    calls: list[tuple[str, dict[str, Any]]] = [
        ("/v1/listings", {"city": f"Bishoftu {world.name}"}),
        ("/v1/listings", {"city": f"Bishoftu {world.name}", "check_in": "2027-01-14", "check_out": "2027-01-17"}),
        ("/v1/cities", {}),
        (path, {}),
        (f"{path}/availability", {"from": "2027-01-14", "to": "2027-01-17"}),
    ]
    tags = []
    for address, query in calls:
        first = world.call("GET", address, query=query)
        tags.append(first.headers["ETag"])
        for known in (tags[-1], f'"x", W/{tags[-1]}'):
            again = world.call("GET", address, query=query, headers={"If-None-Match": known})
            assert (again.status, again.text, again.headers["ETag"]) == (304, "", tags[-1])
        assert world.call("GET", address, query=query, headers={"If-None-Match": '"x"'}).text == first.text
    assert len(set(tags)) == len(calls)
    world.book(listing, units=4, guests=8)
    changed = [world.call("GET", address, query=query).headers["ETag"] for address, query in calls]
    # The listing itself and its city are as they were.
    assert [before == after for before, after in zip(tags, changed, strict=True)] == [True, False, True, True, False]
    assert world.call("GET", "/v1/listings/lst_0000000000000000").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({}, {"city": "is missing"}),
        ({"city": " "}, {"city": "must not be empty"}),
        ({"city": "x", "limit": 0}, {"limit": "must be at least 1"}),
        ({"city": "x", "limit": 51}, {"limit": "must be at most 50"}),
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
        ({"city": "x", "check_in": "2026-12-31", "check_out": "2027-01-04"}, {"check_in": "is in the past"}),
        (
            {"city": "x", "check_in": "2028-06-26", "check_out": "2028-06-27"},
            {"check_in": "is more than 540 days ahead"},
        ),
        ({"city": "x", "currency": "EUR"}, {"currency": "must be one of"}),
        # What is wrong with the dates comes with the rest.
        ({"check_in": "2026-12-31", "limit": 0}, dict.fromkeys(("city", "limit", "check_in", "check_out"), "")),
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
    city = f"Bishoftu {world.name}"
    for check_in, check_out in (("0001-01-01", "0001-01-02"), ("9999-12-30", "9999-12-31")):
        dates = {"city": city, "check_in": check_in, "check_out": check_out}
        assert list(world.call("GET", "/v1/listings", query=dates).wrong()) == ["check_in"]
    path = f"/v1/listings/{listing['listing_id']}/availability"
    for start, end in (("0001-01-01", "0001-01-02"), ("9999-12-30", "9999-12-31")):
        nights = world.call("GET", path, query={"from": start, "to": end}).body["nights"]
        assert [(night["date"], night["left"], night["bookable"]) for night in nights] == [(start, 0, False)]


def test_availability(world: World) -> None:
    listing = world.listing()
    world.book(listing, units=3, guests=6)
    path = f"/v1/listings/{listing['listing_id']}/availability"
    reply = world.call("GET", path, query={"from": "2027-01-13", "to": "2027-01-18"})
    assert reply.status == 200
    price = {"amount": 245000, "currency": "ETB", "formatted": "ETB 2,450.00"}
    assert reply.body == {
        "nights": [
            {"date": f"2027-01-{day}", "left": left, "price": price, "closed": False, "bookable": True}
            for day, left in ((13, 4), (14, 1), (15, 1), (16, 1), (17, 4))
        ]
    }
    assert len(world.call("GET", path, query={"from": "2027-01-01", "to": "2027-05-01"}).body["nights"]) == 120


def test_nights_that_no_stay_can_be_part_of_are_not_offered(world: World) -> None:
    """It is the 2nd of January 2027: the longest stay, begun on the last day that can be booked, ends in 630 days."""
    listing = world.listing(units=2)
    world.book(listing, units=2, guests=4, check_out="2027-01-15")
    path = f"/v1/listings/{listing['listing_id']}"

    def offered(start: str, end: str) -> list[tuple[int, bool]]:
        nights = world.call("GET", f"{path}/availability", query={"from": start, "to": end}).body["nights"]
        return [(night["left"], night["bookable"]) for night in nights]

    assert offered("2027-01-01", "2027-01-03") == [(0, False), (2, True)]
    assert offered("2027-01-14", "2027-01-16") == [(0, False), (2, True)]
    assert offered("2028-09-21", "2028-09-24") == [(2, True), (2, True), (0, False)]
    world.call("PUT", f"{path}/nights", {"from": "2027-01-20", "to": "2027-01-21", "closed": True}, by=world.host())
    assert offered("2027-01-20", "2027-01-22") == [(0, False), (2, True)]
    world.clock.forward(hours=11, minutes=44, seconds=29)
    assert offered("2027-01-02", "2027-01-03") == [(2, True)]
    world.clock.forward(seconds=2)
    assert offered("2027-01-02", "2027-01-03") == [(0, False)]
    world.call("DELETE", path, by=world.host())
    assert offered("2027-01-20", "2027-01-22") == [(0, False), (0, False)]


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
        "payment_limits": {
            currency: {"amount": 100_000_000, "currency": currency, "formatted": f"{currency} 1,000,000.00"}
            for currency in ("ETB", "USD")
        },
        "languages": ["en", "am"],
        "time_zone": "Africa/Addis_Ababa",
        "hold_minutes": 30,
        "return_origins": ["http://localhost:3000", "https://shop.example.et"],
        "version": health["version"],
    }
    assert world.touched == []
