"""Who may do what: 401 without a good token, 403 without the role, 404 for what is not theirs; nothing is touched."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chalicelib.api.core import routing
from tests.api.harness import Person, Reply, World, sample

SIGNED_IN = [route for route in routing.ROUTES if route.signed_in]
PUBLIC = {
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/docs/{file}"),
    ("GET", "/ops"),
    ("GET", "/host"),
    ("GET", "/console/{file}"),
    ("GET", "/v1/config"),
    ("GET", "/v1/cities"),
    ("GET", "/v1/listings"),
    ("GET", "/v1/listings/{listing_id}"),
    ("GET", "/v1/listings/{listing_id}/availability"),
    ("GET", "/v1/listings/{listing_id}/reviews"),
    ("POST", "/v1/webhooks/chapa"),
    ("POST", "/v1/webhooks/paystack"),
    ("GET", "/v1/payments/chapa/callback/{tx_ref}"),
    ("POST", "/v1/payments/chapa/callback/{tx_ref}"),
    ("GET", "/v1/payments/chapa/callback"),
    ("GET", "/v1/payments/paystack/callback"),
    ("GET", "/pay/{tx_ref}"),
    ("POST", "/pay/{tx_ref}"),
}


def named(route: routing.Route) -> str:
    return f"{route.method} {route.path}"


def a_call(world: World, route: routing.Route, by: Person | None) -> Reply:
    world.touched.clear()
    return world.call(route.method, sample(route.path), {} if route.body else None, by=by, key="k")


def test_only_what_the_contract_calls_public_is_public() -> None:
    assert {(route.method, route.path) for route in routing.ROUTES if not route.signed_in} <= PUBLIC


@pytest.mark.parametrize("route", SIGNED_IN, ids=named)
def test_without_a_token_that_is_good_now(world: World, route: routing.Route) -> None:
    now = int(time.time())
    for by in (
        None,
        Person(""),
        *(world.guest(exp=exp) for exp in ("", "0", str(now - 1), str(now), "-1", "soon", "1e99", "²", "None")),
    ):
        reply = a_call(world, route, by)
        assert (reply.status, reply.code) == (401, "unauthenticated")
        assert reply.headers["WWW-Authenticate"] == "Bearer"
        assert world.touched == []


@pytest.mark.parametrize("groups", ["", "hosts", "Host", "operator-x", "host,operator"])
def test_a_role_that_one_lacks(world: World, groups: str) -> None:
    nobody = world.guest(groups=groups)
    days = {"from": "2027-01-01", "to": "2027-01-02"}
    note: dict[str, Any] = {"note": "x"}
    calls: list[tuple[str, str, Any, Any]] = [
        ("POST", "/v1/listings", world.draft(), None),
        ("GET", "/v1/hosts/me", None, None),
        ("PUT", "/v1/hosts/me", {}, None),
        ("GET", "/v1/hosts/me/listings", None, None),
        ("GET", "/v1/hosts/me/bookings", None, None),
        ("PATCH", "/v1/listings/lst_0000000000000000", {"units": 1}, None),
        ("DELETE", "/v1/listings/lst_0000000000000000", None, None),
        ("GET", "/v1/ops/attention", None, None),
        ("GET", "/v1/ops/bookings", None, days),
        ("GET", "/v1/ops/payments", None, days),
        ("GET", "/v1/ops/report", None, days),
        ("POST", "/v1/ops/payments/GZ4T1B8WCD7K2M9Q-1/resolve", {"as": "accept"} | note, None),
        ("POST", "/v1/ops/refunds/GZ4T1B8WCD7K2M9Q-1-R1/resolve", {"as": "post_again"} | note, None),
    ]
    for method, path, body, query in calls:
        world.touched.clear()
        reply = world.call(method, path, body, by=nobody, query=query)
        assert (reply.status, reply.code) == (403, "forbidden"), path
        assert world.touched == []


@pytest.mark.parametrize("route", [route for route in routing.ROUTES if route.role], ids=named)
def test_the_role_comes_before_what_is_wrong_with_the_request(world: World, route: routing.Route) -> None:
    world.touched.clear()
    reply = world.call(route.method, sample(route.path), raw="{", by=world.guest(), key="", query={"limit": "x"})
    assert (reply.status, reply.code) == (403, "forbidden")
    assert world.touched == []


def test_an_id_may_be_percent_encoded(world: World) -> None:
    listing = world.listing()
    encoded = "%6C" + listing["listing_id"][1:].replace("_", "%5f")
    assert world.call("GET", f"/v1/listings/{encoded}").body == listing


def test_a_host_is_no_operator(world: World) -> None:
    assert world.call("GET", "/v1/ops/attention", by=world.host()).status == 403
    assert world.call("POST", "/v1/listings", world.draft(), by=world.operator()).status == 403


OWN = [
    # method, path, body, and who may: guest, host, operator
    ("GET", "/v1/bookings/{booking}", None, {"guest", "host", "operator"}),
    ("POST", "/v1/bookings/{booking}/payments", None, {"guest"}),
    ("POST", "/v1/bookings/{booking}/cancel", {"reason": "ill"}, {"guest", "host", "operator"}),
    ("PATCH", "/v1/bookings/{booking}", {"contact": {"email": "h@gmail.com"}}, {"guest", "operator"}),
    ("POST", "/v1/bookings/{booking}/end-stay", {"as": "no_show"}, {"host", "operator"}),
    ("GET", "/v1/payments/{payment}", None, {"guest", "host", "operator"}),
    ("POST", "/v1/payments/{payment}/verify", None, {"guest", "operator"}),
    ("GET", "/v1/payments/{payment}/verify", None, {"guest", "operator"}),
    ("GET", "/v1/payments/{payment}/events", None, {"guest", "operator"}),
    ("POST", "/v1/payments/{payment}/refunds", {"amount": 1, "reason": "kind"}, {"host", "operator"}),
]


@pytest.mark.parametrize(("method", "path", "body", "may"), OWN, ids=[f"{own[0]} {own[1]}" for own in OWN])
def test_other_peoples_things_do_not_exist(world: World, method: str, path: str, body: Any, may: set[str]) -> None:
    booking = world.paid(world.book())
    path = path.format(booking=booking["booking_id"], payment=booking["payment"]["tx_ref"])
    people = {
        "guest": world.guest(),
        "host": world.host(),
        "operator": world.operator(),
        "another guest": world.guest("other"),
        "another host": world.host("other-host"),
        "the host, a host no more": world.guest("host"),
        "the guest in other letters": Person(world.guest().sub.upper()),
    }
    before, asked = world.stored(), list(world.gateway.asked)
    absent = world.call(
        method, sample(path.replace(booking["booking_id"], "GZ00000000000000")), body, by=world.staff(), key="k"
    )
    assert absent.status == 404
    for who, person in people.items():
        if who in may:
            continue
        world.touched.clear()
        reply = world.call(method, path, body, by=person, key="k")
        assert (reply.status, reply.code) == (404, absent.code), who
        assert reply.body["detail"] == absent.body["detail"]
        assert set(world.touched) <= {"dynamodb.GetItem"}
    assert (world.stored(), world.gateway.asked) == (before, asked)
    for who in sorted(may):
        status = world.call(method, path, body, by=people[who], key=who).status
        # This guest has paid, and this stay has not begun: the call is theirs, and its time is another.
        another_time = path.endswith(("/payments", "/end-stay")) or (method, who) == ("PATCH", "guest")
        assert status < 300 or (status == 409 and another_time), who
        if path.endswith("/refunds"):
            world.end_refund(f"{booking['payment']['tx_ref']}-R{1 + sorted(may).index(who)}")


def test_an_operator_who_is_the_guest_acts_as_guest(world: World) -> None:
    boss = Person(world.guest().sub, "operator")
    booking = world.book(by=boss)
    assert world.read(booking, by=boss)["contact"] is not None
    assert world.call("POST", f"/v1/bookings/{booking['booking_id']}/payments", by=boss).status == 200


def test_ids_that_nothing_can_have_are_not_looked_up(world: World) -> None:
    for booking_id in (
        "GZ",
        "gz4t1b8wcd7k2m9q",
        "SALT",
        "GUEST#guest",
        "ORPHAN#x",
        "GZ4T1B8WCD7K2M9QQ",
        "\ud800",
        "%00",
    ):
        for path in (f"/v1/bookings/{booking_id}", f"/v1/payments/{booking_id}-1", f"/v1/payments/{booking_id}"):
            world.touched.clear()
            assert world.call("GET", path, by=world.staff()).status == 404
            assert world.touched == []
    for listing_id in ("lst_", "x", "lst_ilouilouilouilou", "me", "../me"[:2]):
        world.touched.clear()
        assert world.call("GET", f"/v1/listings/{listing_id}").code == "listing_not_found"
        assert world.touched == []
    booking = world.book()
    for attempt in ("0", "01", "2", "99", "-1", "1 "):
        assert world.call("GET", f"/v1/payments/{booking['booking_id']}-{attempt}", by=world.guest()).status == 404


def test_the_host_sees_the_contact_only_once_it_is_confirmed(world: World) -> None:
    booking = world.book()
    contact = booking["contact"]
    assert contact is not None
    assert world.read(booking, by=world.host())["contact"] is None
    assert world.read(booking, by=world.operator())["contact"] == contact
    assert "hanna" not in world.call("GET", f"/v1/bookings/{booking['booking_id']}", by=world.host()).text.lower()
    world.paid(booking)
    assert world.read(booking, by=world.host())["contact"] == contact


def test_a_listing_never_shows_its_hosts_address_nor_does_an_unpaid_booking(world: World) -> None:
    listing = world.listing()
    assert "people.example" not in world.call("GET", f"/v1/listings/{listing['listing_id']}").text
    booking = world.book(listing)
    for person in (world.guest(), world.host(), world.operator()):
        assert "people.example" not in world.call("GET", f"/v1/bookings/{booking['booking_id']}", by=person).text
    # From now on guest and host know each other.
    world.paid(booking)
    assert world.read(booking)["host"]["email"] == f"{world.host().sub}@people.example"
