"""What operators write down of a booking for each other, over HTTP."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.operators.notes import MAX_NOTES
from tests.api.harness import Reply, World

NOTE = "She comes late: the host knows."


def noted(world: World, booking: dict[str, Any], note: str = NOTE, **more: Any) -> Reply:
    path = f"/v1/ops/bookings/{booking['booking_id']}/notes"
    return world.call("POST", path, {"note": note, **more}, by=more.pop("by", world.operator()))


def trail(world: World, booking: dict[str, Any], by: Any) -> list[dict[str, Any]]:
    path = f"/v1/payments/{booking['payment']['tx_ref']}/events"
    items: list[dict[str, Any]] = world.call("GET", path, by=by, query={"limit": 100}).body["items"]
    return items


def test_operators_read_it_with_its_writer_and_the_guest_does_not(world: World) -> None:
    booking = world.book()
    reply = noted(world, booking)
    who = world.operator()
    assert (reply.status, reply.body["detail"], reply.body["by"]) == (201, NOTE, who.sub)
    [event] = [each for each in trail(world, booking, who) if each["kind"] == "note"]
    assert event == reply.body
    assert [each for each in trail(world, booking, world.guest()) if each["kind"] == "note"] == []
    assert NOTE not in str(trail(world, booking, world.guest()))


def test_the_same_words_at_once_again_are_a_repeat(world: World) -> None:
    booking = world.book()
    first = noted(world, booking)
    assert noted(world, booking).body == first.body
    noted(world, booking, "Other words.")
    noted(world, booking)
    assert [each["kind"] for each in trail(world, booking, world.operator())].count("note") == 3


def test_only_tried_it_writes_nothing(world: World) -> None:
    booking = world.book()
    before = world.stored()
    tried = noted(world, booking, dry_run=True)
    assert (tried.status, tried.body["detail"]) == (201, NOTE)
    assert world.stored() == before


def test_a_booking_takes_a_hundred(world: World) -> None:
    booking = world.book()
    for number in range(MAX_NOTES):
        assert noted(world, booking, f"{number}").status == 201
    reply = noted(world, booking, "one more")
    assert (reply.status, reply.wrong()) == (400, {"note": f"this booking has its {MAX_NOTES} notes"})


def test_a_booking_that_there_is_not(world: World) -> None:
    reply = noted(world, {"booking_id": "GZ00000000000000"})
    assert (reply.status, reply.code) == (404, "booking_not_found")
