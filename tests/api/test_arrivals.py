"""Who comes, who is in the house and who leaves, over HTTP."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.api.harness import World


@pytest.fixture
def stayed(world: World) -> list[str]:
    """Bookings that arrive on the 14th, the 15th and the 16th, for three, one and two nights."""
    listing = world.listing()
    days = (("14", "17"), ("15", "16"), ("16", "18"))
    made = [
        world.paid(world.book(listing, key=first, check_in=f"2027-01-{first}", check_out=f"2027-01-{last}"))
        for first, last in days
    ]
    return [booking["booking_id"] for booking in made]


def test_who_is_in_the_house(world: World, stayed: list[str]) -> None:
    query = {"date": "2027-01-16", "host_id": world.host().sub}
    found = world.call("GET", "/v1/ops/arrivals", by=world.operator(), query=query).body["items"]
    told = [(each["booking_id"], each["movement"]) for each in found]
    assert told == [(stayed[2], "arrives"), (stayed[1], "departs"), (stayed[0], "stays")]
    assert found[0]["contact"]["phone"] == "0911223344"
    everywhere = world.call(
        "GET", "/v1/ops/arrivals", by=world.operator(), query={"date": "2027-01-16", "limit": 100}
    ).body["items"]
    assert [each for each in everywhere if each["booking_id"] in stayed] == found
    # Page by page it is the same.
    paged, cursor = [], None
    while True:
        page = world.call(
            "GET",
            "/v1/ops/arrivals",
            by=world.operator(),
            query=query | {"limit": 1} | ({"cursor": cursor} if cursor else {}),
        ).body
        paged += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == found


def test_who_looked_at_it_is_noted(world: World, stayed: list[str]) -> None:
    query = {"date": "2027-01-16", "host_id": world.host().sub}
    world.call("GET", "/v1/ops/arrivals", by=world.operator(), query=query)
    trail = world.call("GET", "/v1/ops/audit", by=world.operator(), query={"day": "2027-01-02", "limit": 100}).body
    noted = [each for each in trail["items"] if each["by"] == world.operator().sub]
    assert [(each["act"], each["subject"], each["found"]) for each in noted] == [("list", "2027-01-16", len(stayed))]


def test_a_host_sees_who_arrives_and_who_is_there(world: World, stayed: list[str]) -> None:
    world.clock.at = datetime.fromisoformat("2027-01-15T10:00:00Z")
    query = {"arriving_from": "2027-01-14", "arriving_to": "2027-01-15"}
    found = world.call("GET", "/v1/hosts/me/bookings", by=world.host(), query=query).body["items"]
    assert [(each["booking_id"], each["movement"]) for each in found] == [(stayed[0], "stays"), (stayed[1], "arrives")]
    later = world.call("GET", "/v1/hosts/me/bookings", by=world.host(), query={"arriving_from": "2027-01-15"}).body
    assert [(each["booking_id"], each.get("movement")) for each in later["items"]] == [
        (stayed[1], "arrives"),
        (stayed[2], None),
    ]
    # Without a period nothing has changed: latest stays first.
    plain = world.call("GET", "/v1/hosts/me/bookings", by=world.host()).body["items"]
    assert [each["booking_id"] for each in plain] == stayed[::-1]
    assert not any("movement" in each for each in plain)


def test_what_cannot_be_asked(world: World) -> None:
    reply = world.call("GET", "/v1/ops/arrivals", by=world.operator(), query={"date": "x"})
    assert (reply.status, list(reply.wrong())) == (400, ["date"])
    reply = world.call("GET", "/v1/ops/arrivals", by=world.operator(), query={"listing_id": "lst_none"})
    assert (reply.status, reply.code) == (404, "listing_not_found")
    assert world.call("GET", "/v1/ops/arrivals", by=world.host()).status == 403
    query = {"arriving_from": "2027-01-15", "arriving_to": "2027-01-14"}
    reply = world.call("GET", "/v1/hosts/me/bookings", by=world.host(), query=query)
    assert (reply.status, list(reply.wrong())) == (400, ["arriving_to"])
