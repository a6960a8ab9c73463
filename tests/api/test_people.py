"""All that is held of a person, and erasing it, over HTTP."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib import events
from chalicelib.services.operators.erasing import BATCH
from tests.api.harness import Person, Reply, World
from tests.api.test_closings import work

HANNA = {"email": "hanna.tesfaye@gmail.com"}
NAMES = ("Hanna", "Tesfaye", "hanna.tesfaye", "0911223344")


def export(world: World, body: dict[str, Any] = HANNA, **more: Any) -> Reply:
    return world.call("POST", "/v1/ops/people/export", body | more, by=world.operator())


def erase(world: World, body: dict[str, Any] = HANNA, **more: Any) -> Reply:
    return world.call("POST", "/v1/ops/people/erase", body | more, by=world.operator())


def left(world: World, booking: dict[str, Any]) -> None:
    """The stay is over, and so is all that was watched for it."""
    world.clock.forward(days=30)
    for _ in range(3):
        world.clock.forward(hours=7)
        world.call("POST", f"/v1/payments/{booking['payment']['tx_ref']}/verify", {}, by=world.operator())


def test_what_is_held_is_shown_then_erased_and_then_only_the_money_is_left(world: World) -> None:
    booking = world.paid(world.book())
    world.deliver_letters()
    left(world, booking)
    shown = export(world)
    [held] = shown.body["items"]
    assert (shown.status, held["kind"], held["booking"]["booking_id"]) == (200, "booking", booking["booking_id"])
    assert held["booking"]["contact"]["email"] == HANNA["email"]
    assert {message["kind"] for message in held["booking"]["messages"]} == {"booking_confirmed", "host_new_booking"}
    assert held["history"][0]["kind"] == "booking_held"
    assert held["account"]["sub"] == world.guest().sub
    previewed = erase(world, dry_run=True, note="Asked by letter.")
    assert (previewed.status, previewed.body["state"], previewed.body["bookings"]) == (202, "previewed", 1)
    assert export(world).body["items"][0]["booking"]["contact"]["email"] == HANNA["email"]
    done = erase(world, note="Asked by letter.")
    assert (done.status, done.body["state"], done.body["erased"], done.body["left"]) == (202, "finished", 1, [])
    assert done.body["begun_at"] == done.body["finished_at"]
    # Nobody sees who it was any more: not the guest, the host, operators, nor a repeat of the first call.
    path = f"/v1/bookings/{booking['booking_id']}"
    for by in (world.guest(), world.host(), world.operator()):
        read = world.call("GET", path, by=by)
        assert read.body["contact"] == {"first_name": "", "last_name": "", "email": "", "phone": ""}
        assert read.body["total"] == booking["total"]
        assert not any(name in read.text for name in NAMES)
    assert world.call("GET", f"/pay/{booking['payment']['tx_ref']}").status in (200, 303)
    again = world.book()
    assert (again["booking_id"], again["contact"]["email"]) == (booking["booking_id"], "")
    for query in ("hanna.tesfaye@gmail.com", "0911223344", "Tesfaye", "Hanna Tesfaye"):
        assert world.call("POST", "/v1/ops/search", {"q": query}, by=world.operator()).body["items"] == []
    day = {"from": "2027-01-02", "to": "2027-01-02"}
    lists = ("/v1/ops/bookings", "/v1/ops/payments", "/v1/ops/ledger")
    for listed in lists:
        reply = world.call("GET", listed, by=world.operator(), query=day)
        assert (reply.status, len(reply.body["items"])) == (200, 1)
        assert not any(name in reply.text for name in NAMES)
    world.clock.forward(seconds=1)
    after = export(world)
    assert {item["kind"] for item in after.body["items"]} == {"search", "erasure"}
    assert not any(name in after.text for name in NAMES)
    refused = world.call("PATCH", path, {"contact": {"first_name": "Hanna"}}, by=world.operator())
    assert refused.code == "contact_fixed"


def test_what_is_in_the_way_is_named(world: World) -> None:
    booking = world.paid(world.book())
    for dry_run in (True, False):
        refused = erase(world, dry_run=dry_run)
        assert (refused.status, refused.code) == (409, "data_still_needed")
        [matter] = refused.body["matters"]
        assert matter == {"kind": "stay", "subject": booking["booking_id"], "until": "2027-01-17T08:00:00Z"}


def test_nobody_is_held_and_nobody_is_erased(world: World) -> None:
    assert export(world, {"phone": "0911223344"}).body == {"items": [], "next_cursor": None}
    done = erase(world, {"phone": "0911223344"})
    assert (done.body["state"], done.body["bookings"], done.body["erased"]) == ("finished", 0, 0)


def test_many_bookings_go_on_being_erased_after_the_answer(world: World) -> None:
    listing = world.listing(units=50)
    for number in range(BATCH + 2):
        booking = world.book(listing, key=f"key-{number}", by=world.guest(f"guest-{number}"))
    context = SimpleNamespace(aws_request_id="lambda-1", get_remaining_time_in_millis=lambda: 60_000)
    for _ in range(9):
        world.clock.forward(hours=30)
        events.on_schedule(context)
        work(world)
    first = erase(world)
    assert (first.status, first.body["state"], first.body["erased"]) == (202, "under_way", BATCH)
    work(world)
    told = erase(world)
    assert (told.body["state"], told.body["bookings"]) == ("finished", 0)
    read = world.call("GET", f"/v1/bookings/{booking['booking_id']}", by=world.operator())
    assert read.body["contact"]["email"] == ""


@pytest.mark.parametrize("call", [export, erase])
@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"email"}),
        ({"email": None, "phone": None}, {"email"}),
        ({"email": "hanna@gmail.com", "phone": "0911223344"}, {"phone"}),
        ({"email": "nobody"}, {"email"}),
        ({"phone": "12"}, {"phone"}),
        ({"name": "Hanna"}, {"name", "email"}),
    ],
)
def test_a_person_is_named_by_one_address_or_one_number(world: World, call: Any, body: Any, wrong: set[str]) -> None:
    reply = call(world, body)
    assert (reply.status, reply.code) == (400, "invalid_request")
    assert reply.wrong().keys() == wrong


@pytest.mark.parametrize("group", ["support", "finance"])
@pytest.mark.parametrize("act", ["export", "erase"])
def test_it_is_not_for_plain_support_nor_finance(world: World, group: str, act: str) -> None:
    reply = world.call("POST", f"/v1/ops/people/{act}", HANNA, by=Person("staff", group))
    assert (reply.status, reply.code) == (403, "forbidden")


def test_a_cursor_is_good_for_its_own_person_only(world: World) -> None:
    listing = world.listing(units=9)
    for key in ("one", "two"):
        world.book(listing, key=key)
    first = export(world, limit=1).body
    second = export(world, limit=1, cursor=first["next_cursor"]).body
    ids = {first["items"][0]["booking"]["booking_id"], second["items"][0]["booking"]["booking_id"]}
    assert len(ids) == 2
    wrong = export(world, {"phone": "0911223344"}, limit=1, cursor=first["next_cursor"])
    assert (wrong.status, wrong.code) == (400, "invalid_cursor")


def test_the_trail_names_who_exported_and_erased(world: World) -> None:
    world.book()
    export(world)
    erase(world)
    trail = world.call("GET", "/v1/ops/audit", by=world.operator(), query={"day": "2027-01-02"}).body["items"]
    told = [(item["act"], item["found"], item["outcome"]) for item in trail]
    assert told == [("export", 1, ""), ("erase", 0, "data_still_needed")]
    assert HANNA["email"] not in str(trail)


@pytest.mark.parametrize("call", ["export", "erase"])
@pytest.mark.parametrize("body", [None, {}, {"email": None}])
def test_nobody_named_is_a_wrong_field_however_the_body_says_nothing(world: World, call: str, body: Any) -> None:
    reply = world.call("POST", f"/v1/ops/people/{call}", body, by=world.operator())
    assert (reply.status, list(reply.wrong())) == (400, ["email"])
