"""A host's profile over HTTP, what she is warned of, and how a confirmed guest reaches her."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.ids import PersonId
from tests.api.harness import Person, World
from tests.builders import a_booking, expired, opened
from tests.replacing import replace

REACHED = {"email": "lodge@host.example", "phone": "+251 11 551 7700", "language": "am"}
TAX = {"name": "Abebe Kebede", "tin": "0012 345 678", "vat_registered": True}


class Nameless(Person):
    """Whose token names no address, and of whom the issuer tells none."""

    def claims(self) -> dict[str, str]:
        return super().claims() | {"email": ""}


@pytest.fixture
def nameless(world: World) -> Nameless:
    return Nameless(world.host().sub, "host")


def profile(world: World, by: Person) -> Any:
    reply = world.call("GET", "/v1/hosts/me", by=by)
    assert reply.status == 200
    return reply.body


def test_the_address_of_the_token_is_there_until_it_is_corrected(world: World) -> None:
    host = world.host()
    known = {"email": f"{host.sub}@people.example", "phone": None, "language": None}
    assert profile(world, host) == {"host_id": host.sub, "notify": known, "tax": None, "warnings": []}
    reply = world.call("PUT", "/v1/hosts/me", {"notify": REACHED, "tax": TAX}, by=host)
    assert reply.status == 200
    assert reply.body == {
        "host_id": host.sub,
        "notify": {**REACHED, "phone": "+251115517700"},
        "tax": {**TAX, "tin": "0012345678"},
        "warnings": [],
    }
    assert profile(world, host) == reply.body


def test_a_part_stays_as_it_is_where_it_is_left_out(world: World) -> None:
    world.call("PUT", "/v1/hosts/me", {"notify": REACHED}, by=world.host())
    changed = world.call("PUT", "/v1/hosts/me", {"tax": TAX}, by=world.host()).body
    assert changed["notify"]["email"] == REACHED["email"]
    nothing = world.call("PUT", "/v1/hosts/me", {"notify": {}}, by=world.host()).body
    assert nothing["notify"] == {"email": None, "phone": None, "language": None}
    assert nothing["tax"] == changed["tax"]
    assert [warning["code"] for warning in nothing["warnings"]] == ["no_notify_email"]


def test_publishing_without_an_address_warns(world: World, nameless: Nameless) -> None:
    reply = world.call("POST", "/v1/listings", world.draft(), by=nameless)
    [warning] = reply.body["warnings"]
    assert reply.status == 201
    assert warning["code"] == "no_notify_email"
    assert "/v1/hosts/me" in warning["message"]
    assert profile(world, nameless)["warnings"] == [warning]
    # What everybody reads of the listing says nothing of it.
    assert "warnings" not in world.call("GET", f"/v1/listings/{reply.body['listing_id']}").body
    world.call("PUT", "/v1/hosts/me", {"notify": REACHED}, by=nameless)
    assert world.call("POST", "/v1/listings", world.draft(), by=nameless).body["warnings"] == []


def test_publishing_remembers_the_address_of_the_token(world: World, nameless: Nameless) -> None:
    world.listing(by=world.host())
    assert profile(world, nameless)["notify"]["email"] == f"{nameless.sub}@people.example"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"notify": {"email": "lodge"}}, {"notify.email"}),
        ({"notify": {"phone": "12"}, "tax": {"name": "A", "tin": "12"}}, {"notify.phone", "tax.tin"}),
        ({"notify": {"language": "fr"}}, {"notify.language"}),
        ({"tax": {"name": " ", "vat_registered": "yes"}}, {"tax.name", "tax.tin", "tax.vat_registered"}),
        ({"notify": {"sms": True}, "fax": 1}, {"notify.sms", "fax"}),
    ],
)
def test_all_wrong_fields_are_told_at_once(world: World, body: Any, wrong: set[str]) -> None:
    reply = world.call("PUT", "/v1/hosts/me", body, by=world.host())
    assert (reply.status, reply.code) == (400, "invalid_request")
    assert set(reply.wrong()) == wrong


def test_the_confirmed_guest_reaches_the_host_and_never_before(world: World) -> None:
    listing = world.listing()
    world.call("PUT", "/v1/hosts/me", {"notify": REACHED}, by=world.host())
    booking = world.book(listing)
    assert "host" not in world.read(booking)
    assert "host" not in world.read(booking, by=world.operator())
    paid = world.paid(booking)
    contact = {"email": REACHED["email"], "phone": "+251115517700"}
    assert paid["status"] == "confirmed"
    assert paid["host"] == contact
    assert world.read(booking, by=world.operator())["host"] == contact
    assert "host" not in world.read(booking, by=world.host())
    listed = world.call("GET", "/v1/bookings", by=world.guest()).body["items"]
    assert all("host" not in item for item in listed)
    world.call("POST", f"/v1/bookings/{booking['booking_id']}/cancel", {}, by=world.guest())
    assert world.read(booking)["host"] == contact


def test_an_expired_booking_tells_nothing_of_the_host(world: World) -> None:
    booking = world.store(expired(opened(a_booking(guest_id=PersonId(world.guest().sub)))))
    assert "host" not in world.read({"booking_id": booking.booking_id})


def test_an_expired_token_is_no_first_sight(world: World) -> None:
    assert world.call("GET", "/v1/hosts/me", by=replace(world.host(), exp="1")).status == 401


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("00-1234.56/78", "0012345678"),
        ("p051234567x", "P051234567X"),
        (" P051 234 567 x ", "P051234567X"),
        ("12345678", "12345678"),
    ],
)
def test_a_taxpayers_number_is_kept_in_one_way_of_writing(world: World, written: str, kept: str) -> None:
    reply = world.call("PUT", "/v1/hosts/me", {"tax": {**TAX, "tin": written}}, by=world.host())
    assert (reply.status, reply.body["tax"]["tin"]) == (200, kept)
