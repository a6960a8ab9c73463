"""The attention list over HTTP, and how things leave it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import boto3
import pytest

from chalicelib.domain.ids import BookingId
from chalicelib.domain.verification import Verification
from chalicelib.services.ports.mail import MailRefused
from tests.api.harness import World, sample

NOTE = {"note": "The guest was told by telephone."}
NOBODYS = "GZ00000000000000-1"


def path(item_id: str) -> str:
    return f"/v1/ops/attention/{item_id}/acknowledge"


def listed(world: World) -> list[dict[str, Any]]:
    reply = world.call("GET", "/v1/ops/attention", by=world.operator())
    assert reply.status == 200
    items: list[dict[str, Any]] = reply.body["items"]
    return items


def reversal(world: World, _: pytest.MonkeyPatch) -> None:
    booking = world.paid(world.book())
    world.gateway.says = "reversed"
    world.webhook(booking["payment"]["tx_ref"], "charge.reversed")


def email(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise MailRefused

    world.paid(world.book(world.listing()))
    monkeypatch.setattr(world.container.mailer, "send", refuse)
    world.deliver_letters()


def orphan(world: World, _: pytest.MonkeyPatch) -> None:
    world.container.bookings.orphan(NOBODYS, Verification("paid", NOBODYS), world.clock.now())


def failing(world: World, _: pytest.MonkeyPatch) -> None:
    booking_id = BookingId(world.book()["booking_id"])
    for hours in (1, 26):
        world.container.bookings.back_off_failing(booking_id, world.clock.now() + timedelta(hours=hours))


@pytest.mark.parametrize("make", [reversal, email, orphan, failing], ids=lambda make: make.__name__)
def test_what_can_be_acknowledged_says_so_and_leaves_when_it_was(
    world: World, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(world, monkeypatch)
    matters = listed(world)
    assert matters
    for matter in matters:
        assert matter["actions"] == (["resend", "acknowledge"] if make is email else ["acknowledge"])
        world.clock.forward(seconds=1)
        reply = world.call("POST", path(matter["item_id"]), NOTE, by=world.operator())
        assert (reply.status, reply.body["note"]) == (200, NOTE["note"])
        assert (reply.body["item_id"], reply.body["booking_id"]) == (matter["item_id"], matter["booking_id"])
        assert reply.body["acknowledged_by"] == world.operator().sub
        world.clock.forward(minutes=1)
        again = world.call("POST", path(matter["item_id"]), {"note": "And again."}, by=world.staff())
        assert (again.status, again.body) == (200, reply.body)
    assert listed(world) == []


def test_a_note_is_for_operators_and_not_for_the_guest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reversal(world, monkeypatch)
    [matter] = listed(world)
    world.call("POST", path(matter["item_id"]), NOTE, by=world.operator())
    trail = f"/v1/payments/{matter['subject']}/events"
    told = world.call("GET", trail, by=world.operator(), query={"limit": 100}).body["items"][-1]
    assert (told["kind"], told["cause"], told["detail"]) == ("payment_reversed_acknowledged", "operator", NOTE["note"])
    assert (told["from"], told["to"]) == ("completed", "completed")
    operator = world.operator()
    assert (told.pop("by"), told.pop("by_name")) == (operator.sub, operator.claims()["email"])
    seen = world.call("GET", trail, by=world.guest(), query={"limit": 100})
    assert seen.body["items"][-1] == told | {"detail": ""}
    assert NOTE["note"] not in seen.text
    assert world.operator().sub not in seen.text


def test_what_has_a_call_of_its_own_names_it(world: World) -> None:
    world.gateway.changed = {"amount": 7349.0}
    world.paid(world.book())
    [matter] = listed(world)
    assert matter["actions"] == ["resolve"]
    reply = world.call("POST", path(matter["item_id"]), NOTE, by=world.operator())
    assert (reply.status, reply.code) == (409, "wrong_resolution_call")
    assert f"/v1/ops/payments/{matter['subject']}/resolve" in reply.body["detail"]
    assert listed(world) == [matter]


@pytest.mark.parametrize("item_id", ["x", "orphan.x", "payment_review.GZ00000000000000-1", "%2e%2e", "email..1"])
def test_what_is_not_on_the_list(world: World, item_id: str) -> None:
    reply = world.call("POST", path(item_id), NOTE, by=world.operator())
    assert (reply.status, reply.code) == (404, "attention_item_not_found")


def test_a_note_is_needed(world: World) -> None:
    route = sample("/v1/ops/attention/{item_id}/acknowledge")
    for body, wrong in (({}, "note"), ({"note": " "}, "note"), (NOTE | {"as": "x"}, "as")):
        reply = world.call("POST", route, body, by=world.operator())
        assert (reply.status, list(reply.wrong())) == (400, [wrong])
    assert world.call("POST", route, NOTE, by=world.host()).status == 403


def test_a_booking_that_cannot_be_read_stands_there_as_such(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(world, monkeypatch)
    [matter] = listed(world)
    table = world.resources.bookings_table
    item = next(each for each in world.table(table) if each["booking_id"]["S"] == matter["booking_id"])
    boto3.client("dynamodb").put_item(TableName=table, Item=item | {"record": {"B": b"broken"}})
    [broken] = listed(world)
    assert (broken["kind"], broken["subject"]) == ("unreadable", matter["booking_id"])
    assert (broken["reason"], broken["actions"]) == ("this release cannot read its record", [])


def test_a_list_that_meets_a_booking_that_cannot_be_read_puts_it_before_a_person(world: World) -> None:
    """Whoever lists it finds it first; the list shows the others."""
    listing = world.listing(units=3)
    broken, fine = (world.book(listing, key=key)["booking_id"] for key in ("broken", "fine"))
    table = world.resources.bookings_table
    item = next(each for each in world.table(table) if each["booking_id"]["S"] == broken)
    boto3.client("dynamodb").put_item(TableName=table, Item=item | {"record": {"B": b"broken"}})
    assert listed(world) == []
    seen = world.call("GET", "/v1/bookings", by=world.guest())
    assert [each["booking_id"] for each in seen.body["items"]] == [fine]
    [waiting] = listed(world)
    assert (waiting["kind"], waiting["subject"], waiting["actions"]) == ("unreadable", broken, [])
    world.clock.forward(minutes=1)
    world.call("GET", "/v1/bookings", by=world.guest())
    assert [each["since"] for each in listed(world)] == [waiting["since"]]
