"""What a host does with a listing over HTTP, who comes to it, and what they say afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.api.harness import Reply, World
from tests.builders import NOW

WISHED: list[tuple[str, str, Any]] = [
    ("PATCH", "", {"title": "x"}),
    ("DELETE", "", None),
    ("PUT", "/nights", {"from": "2027-01-14", "to": "2027-01-15", "price": None, "closed": True}),
]


def change(world: World, listing: dict[str, Any], body: dict[str, Any], **headers: str) -> Reply:
    path = f"/v1/listings/{listing['listing_id']}"
    return world.call(
        "PATCH", path, body, by=world.host(), headers={name.replace("_", "-"): v for name, v in headers.items()}
    )


@pytest.mark.parametrize(("method", "path", "body"), WISHED, ids=[wished[0] for wished in WISHED])
def test_only_its_host_may_touch_a_listing(world: World, method: str, path: str, body: Any) -> None:
    url = f"/v1/listings/{world.listing()['listing_id']}{path}"
    before = world.stored()
    for person, status, code in (
        (world.host("other"), 404, "listing_not_found"),
        (world.guest("host"), 403, "forbidden"),
        (world.operator(), 403, "forbidden"),
    ):
        reply = world.call(method, url, body, by=person)
        assert (reply.status, reply.code) == (status, code)
    absent = world.call(method, f"/v1/listings/lst_0000000000000000{path}", body, by=world.host())
    assert (absent.status, absent.code) == (404, "listing_not_found")
    assert world.stored() == before
    assert world.call(method, url, body, by=world.host()).status in (200, 204)


def test_changing_any_part(world: World) -> None:
    listing = world.listing()
    world.clock.forward(hours=1)
    reply = change(world, listing, {"title": "Lake view", "units": 2, "photos": []})
    assert (reply.status, reply.headers["ETag"]) == (200, '"2"')
    changed = {"title": "Lake view", "units": 2, "updated_at": "2027-01-02T10:15:30Z"}
    assert reply.body == listing | changed
    read = world.call("GET", f"/v1/listings/{listing['listing_id']}")
    assert (read.body, read.headers["ETag"]) == (reply.body, '"2"')
    before = world.stored()
    assert change(world, listing, {}).body == reply.body
    assert world.stored() == before


def test_a_cheaper_listing_moves_up_and_a_closed_one_goes(world: World) -> None:
    one, other = world.listing(title="one"), world.listing(title="other")
    change(world, other, {"nightly_price": {"amount": 100, "currency": "ETB"}})
    city = {"city": one["city"]}
    found = world.call("GET", "/v1/listings", query=city).body["items"]
    assert [item["title"] for item in found] == ["other", "one"]
    assert change(world, other, {"status": "closed"}).body["status"] == "closed"
    found = world.call("GET", "/v1/listings", query=city).body["items"]
    assert [item["title"] for item in found] == ["one"]
    change(world, other, {"status": "open"})
    assert len(world.call("GET", "/v1/listings", query=city).body["items"]) == 2


def test_every_wrong_part_at_once(world: World) -> None:
    body = {"title": None, "units": 0, "nightly_price": {"amount": 1}, "host_id": "x", "status": "gone", "photos": [1]}
    listing = world.listing()
    world.touched.clear()
    reply = change(world, listing, body)
    assert (reply.status, reply.code) == (400, "invalid_request")
    assert reply.wrong() == {
        "host_id": "is not a field here",
        "title": "must be text",
        "units": "must be at least 1",
        "nightly_price.currency": "is missing",
        "photos.0": "must be text",
        "status": "must be one of open, closed",
    }
    assert world.touched == ["dynamodb.GetItem"]


def test_a_change_only_of_what_was_read(world: World) -> None:
    listing = world.listing()
    assert change(world, listing, {"units": 3}, if_match='"1"').status == 200
    for tag in ('"1"', '"3"', "2", 'W/"2"', '"x"', "", '"02x"', "é"):
        reply = change(world, listing, {"units": 9}, if_match=tag)
        assert (reply.status, reply.code) == (412, "precondition_failed"), tag
    assert change(world, listing, {"units": 5}, if_match="*").status == 200
    assert change(world, listing, {"units": 6}, if_match='"3"').body["units"] == 6


def test_a_change_of_any_of_several_versions(world: World) -> None:
    listing = world.listing()
    assert change(world, listing, {"units": 3}, if_match='"7", "1"').status == 200
    assert change(world, listing, {"units": 4}, if_match='"2","x"').status == 200
    for tags in ('"1", "2"', 'W/"3", "2"', '"1""3"', 'x"3"'):
        assert change(world, listing, {"units": 9}, if_match=tags).status == 412, tags


def test_fewer_units_than_were_sold(world: World) -> None:
    listing = world.listing(units=3)
    world.book(listing, units=2, guests=4)
    assert change(world, listing, {"units": 1}).status == 200
    path = f"/v1/listings/{listing['listing_id']}/availability"
    nights = world.call("GET", path, query={"from": "2027-01-14", "to": "2027-01-18"}).body["nights"]
    assert [night["left"] for night in nights] == [0, 0, 0, 1]


def test_closing_a_listing(world: World) -> None:
    listing = world.listing()
    booking = world.book(listing)
    path = f"/v1/listings/{listing['listing_id']}"
    for _ in range(2):
        reply = world.call("DELETE", path, by=world.host())
        assert (reply.status, reply.text) == (204, "")
    assert world.call("GET", path).body["status"] == "closed"
    refused = world.call("POST", "/v1/bookings", world.request(listing), by=world.guest("other"), key="k")
    assert (refused.status, refused.code) == (409, "listing_closed")
    assert world.paid(booking)["status"] == "confirmed"
    nights = world.call("GET", f"{path}/availability", query={"from": "2027-01-14", "to": "2027-01-15"}).body["nights"]
    assert [night["left"] for night in nights] == [0]


def nights_of(world: World, listing: dict[str, Any], **body: Any) -> Reply:
    wanted = {"from": "2027-01-15", "to": "2027-01-17", "price": None, "closed": False} | body
    return world.call("PUT", f"/v1/listings/{listing['listing_id']}/nights", wanted, by=world.host())


def test_nights_at_another_price_or_closed(world: World) -> None:
    listing = world.listing()
    reply = nights_of(world, listing, price={"amount": 300000, "currency": "ETB"})
    assert reply.status == 200
    path = f"/v1/listings/{listing['listing_id']}/availability"
    shown = world.call("GET", path, query={"from": "2027-01-15", "to": "2027-01-17"})
    assert reply.body == shown.body
    assert [night["price"]["amount"] for night in reply.body["nights"]] == [300000, 300000]
    booking = world.book(listing)
    assert [(line["description"], line["amount"]["amount"]) for line in booking["lines"]] == [
        ("1 night × 1 unit", 245000),
        ("2 nights × 1 unit", 600000),
    ]
    assert [night["closed"] for night in nights_of(world, listing, closed=True).body["nights"]] == [True, True]
    refused = world.call("POST", "/v1/bookings", world.request(listing), by=world.guest("other"), key="k")
    assert (refused.code, refused.body["nights"]) == ("dates_unavailable", ["2027-01-15", "2027-01-16"])
    again = nights_of(world, listing).body["nights"]
    assert [(night["price"]["amount"], night["left"], night["closed"]) for night in again] == [(245000, 3, False)] * 2


def test_what_a_change_of_nights_leaves_out_stays(world: World) -> None:
    path = f"/v1/listings/{world.listing()['listing_id']}/nights"
    for change, shown in (
        ({"price": {"amount": 300000, "currency": "ETB"}}, (300000, False)),
        ({"closed": True}, (300000, True)),
        ({}, (300000, True)),
        ({"price": None}, (245000, True)),
        ({"closed": False}, (245000, False)),
    ):
        reply = world.call("PUT", path, {"from": "2027-01-15", "to": "2027-01-17"} | change, by=world.host())
        assert [(night["price"]["amount"], night["closed"]) for night in reply.body["nights"]] == [shown] * 2


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"from": "2027-01-17"}, {"to"}),
        ({"closed": None}, {"closed"}),
        ({"to": "2027-04-16"}, {"to"}),
        ({"price": {"amount": 100, "currency": "USD"}}, {"price.currency"}),
        ({"price": {"amount": 0, "currency": "ETB"}, "closed": 1, "from": "x"}, {"price.amount", "closed", "from"}),
        ({"price": 100}, {"price"}),
        ({"note": "x"}, {"note"}),
    ],
)
def test_nights_that_are_refused(world: World, body: dict[str, Any], wrong: set[str]) -> None:
    listing = world.listing()
    before = world.stored()
    reply = nights_of(world, listing, **body)
    assert (reply.status, reply.code, set(reply.wrong())) == (400, "invalid_request", wrong)
    assert world.stored() == before


def test_ninety_nights_may_be_set(world: World) -> None:
    assert len(nights_of(world, world.listing(), to="2027-04-15").body["nights"]) == 90


def test_a_hosts_bookings(world: World) -> None:
    one, other = world.listing(title="one"), world.listing(title="other")
    early = world.book(one, check_in="2027-02-01", check_out="2027-02-02", key="1")
    late = world.paid(world.book(one, check_in="2027-03-01", check_out="2027-03-02", key="2"))
    far = world.book(other, key="3")
    world.book(world.listing(by=world.host("neighbour")), by=world.guest("else"))

    def ask(**query: Any) -> list[dict[str, Any]]:
        reply = world.call("GET", "/v1/hosts/me/bookings", by=world.host(), query=query)
        assert reply.status == 200, reply.text
        items: list[dict[str, Any]] = reply.body["items"]
        return items

    found = ask(listing_id=one["listing_id"])
    assert [item["booking_id"] for item in found] == [late["booking_id"], early["booking_id"]]
    assert [item["contact"] is None for item in found] == [False, True], "the contact only once it is confirmed"
    assert {item["booking_id"] for item in ask()} == {each["booking_id"] for each in (early, late, far)}
    assert [item["booking_id"] for item in ask(status="confirmed")] == [late["booking_id"]]

    every, cursor = [], None
    for _ in range(20):
        query = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        reply = world.call("GET", "/v1/hosts/me/bookings", by=world.host(), query=query)
        assert len(reply.body["items"]) <= 1
        every += [item["booking_id"] for item in reply.body["items"]]
        if (cursor := reply.body["next_cursor"]) is None:
            break
    assert every == [item["booking_id"] for item in ask()]

    neighbour = world.host("neighbour")
    reply = world.call("GET", "/v1/hosts/me/bookings", by=neighbour, query={"listing_id": one["listing_id"]})
    assert (reply.status, reply.code) == (404, "listing_not_found")
    assert world.call("GET", "/v1/hosts/me/bookings", by=world.guest("host")).status == 403


def test_reviews(world: World) -> None:
    listing = world.listing()
    booking = world.paid(world.book(listing))
    path = f"/v1/listings/{listing['listing_id']}/reviews"
    said = {"booking_id": booking["booking_id"], "rating": 4, "text": "Quiet.\nThe lake is near."}

    def review(body: dict[str, Any] = said, *, who: str = "guest", key: str | None = None) -> Reply:
        return world.call("POST", path, body, by=world.guest(who), key=key)

    early = review()
    assert (early.status, early.body["retryable"]) == (409, False)
    world.clock.at = NOW + timedelta(days=30)
    assert review(who="stranger").code == "booking_not_found"
    wrong = review(said | {"rating": 6, "text": " ", "stars": 5})
    assert set(wrong.wrong()) == {"rating", "text", "stars"}
    assert review(said | {"rating": 4.5}).wrong() == {"rating": "must be a whole number"}
    elsewhere = f"/v1/listings/{world.listing()['listing_id']}/reviews"
    assert world.call("POST", elsewhere, said, by=world.guest()).status == 404

    made = review(key="k")
    assert made.status == 201
    assert review(key="k").headers["Idempotent-Replayed"] == "true"
    reused = review(said | {"rating": 1}, key="k")
    assert (reused.status, reused.code) == (422, "idempotency_key_reused")
    for again in (review(), review(key="k2"), review(said | {"rating": 1}, key="k2")):
        assert (again.status, again.code) == (409, "already_reviewed")
    assert world.call("GET", f"/v1/listings/{listing['listing_id']}").body["rating"] == {"average": 4.0, "count": 1}
    shown = world.call("GET", path)
    assert shown.body == {"items": [made.body], "next_cursor": None}
    assert (made.body["rating"], made.body["text"]) == (4, said["text"])
    assert not [word for word in ("Hanna", "hanna", world.guest().sub) if word in shown.text]


def test_reviews_newest_first_and_counted_once_each(world: World) -> None:
    listing = world.listing()
    bookings = [
        world.paid(world.book(listing, key=str(n), by=world.guest(f"g{n}")), by=world.guest(f"g{n}")) for n in range(3)
    ]
    world.clock.at = NOW + timedelta(days=30)
    path = f"/v1/listings/{listing['listing_id']}/reviews"
    for n, booking in enumerate(bookings):
        body = {"booking_id": booking["booking_id"], "rating": n + 3, "text": f"number {n}"}
        assert world.call("POST", path, body, by=world.guest(f"g{n}")).status == 201
        world.clock.forward(seconds=1)
    assert world.call("GET", f"/v1/listings/{listing['listing_id']}").body["rating"] == {"average": 4.0, "count": 3}
    first = world.call("GET", path, query={"limit": 2}).body
    rest = world.call("GET", path, query={"limit": 2, "cursor": first["next_cursor"]}).body
    assert [item["text"] for item in first["items"] + rest["items"]] == ["number 2", "number 1", "number 0"]
    assert rest["next_cursor"] is None
    other = f"/v1/listings/{world.listing()['listing_id']}/reviews"
    assert world.call("GET", other, query={"cursor": first["next_cursor"]}).code == "invalid_cursor"
    assert world.call("GET", "/v1/listings/lst_0000000000000000/reviews").code == "listing_not_found"
