"""Whoever looked at a page that is stale changes nothing: the If-Match of every act on what has versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.api.core.routing import ROUTES
from tests.api.harness import Reply, World
from tests.api.test_proposals import proposed, second

KEEPING = {"amount": 100, "reason": "The water was cold."}
NOTE = {"note": "She comes late."}


class Thing:
    """What is acted on: where it is read with its tag, and the acts on it."""

    def __init__(self, world: World, read: str, *, by: Any = None) -> None:
        self.world, self.read, self.by = world, read, by or world.operator()

    def tag(self) -> str:
        reply = self.world.call("GET", self.read, by=self.by)
        assert reply.status == 200, reply.text
        return reply.headers["ETag"]

    def act(self, method: str, path: str, body: object, tag: str) -> Reply:
        return self.world.call(method, path, body, by=self.by, key="k", headers={"if-match": tag})


Made = tuple[Thing, str, object]


def _booking(world: World, booking: Mapping[str, Any]) -> tuple[Thing, str]:
    path = f"/v1/bookings/{booking['booking_id']}"
    return Thing(world, path), path


def confirmed(world: World) -> dict[str, Any]:
    return world.paid(world.book())


def correct(world: World) -> Made:
    thing, path = _booking(world, world.book())
    return thing, path, {"contact": {"email": "h@gmail.com"}}


def cancel(world: World) -> Made:
    thing, path = _booking(world, world.book())
    return thing, f"{path}/cancel", {"reason": "x"}


def end_stay(world: World) -> Made:
    thing, path = _booking(world, confirmed(world))
    world.clock.at += timedelta(days=12, hours=12)
    return thing, f"{path}/end-stay", {"as": "no_show"}


def note(world: World) -> Made:
    booking = world.book()
    return _booking(world, booking)[0], f"/v1/ops/bookings/{booking['booking_id']}/notes", NOTE


def give_back(world: World) -> Made:
    tx_ref = confirmed(world)["payment"]["tx_ref"]
    return Thing(world, f"/v1/payments/{tx_ref}"), f"/v1/payments/{tx_ref}/refunds", KEEPING


def resolve_payment(world: World) -> Made:
    booking = world.book()
    world.gateway.changed = {"amount": 7000.0}
    thing, _ = _booking(world, world.paid(booking))
    return thing, f"/v1/ops/payments/{booking['payment']['tx_ref']}/resolve", {"as": "refund", "note": "x"}


def resolve_refund(world: World) -> Made:
    booking = confirmed(world)
    thing, _ = _booking(world, booking)
    tx_ref = booking["payment"]["tx_ref"]
    thing.act("POST", f"/v1/payments/{tx_ref}/refunds", KEEPING, thing.tag())
    # Its gateway does not answer for a day: a person is asked.
    known = world.container.bookings.load(booking["booking_id"])
    assert known is not None
    refund = known.refund(f"{tx_ref}-R1")
    assert refund is not None
    from chalicelib.domain.booking import SWEEP
    from chalicelib.domain.refunds import put_before_person

    asked = put_before_person(known, refund.refund_id, actor=SWEEP, now=world.clock.now(), detail="x")
    world.container.bookings.save(known, asked, None)
    return thing, f"/v1/ops/refunds/{refund.refund_id}/resolve", {"as": "already_refunded", "note": "x"}


def enter_dispute(world: World) -> Made:
    booking = confirmed(world)
    due = "2027-01-20T16:00:00+03:00"
    body = {"tx_ref": booking["payment"]["tx_ref"], "reason": "x", "note": "x", "due_at": due}
    return _booking(world, booking)[0], "/v1/ops/disputes", body


def _disputed(world: World) -> tuple[Thing, str]:
    thing, path, body = enter_dispute(world)
    made = thing.act("POST", path, body, thing.tag())
    return thing, made.body["dispute_id"]


def close_dispute(world: World) -> Made:
    thing, dispute_id = _disputed(world)
    return thing, f"/v1/ops/disputes/{dispute_id}/close", {"as": "won", "note": "x"}


def acknowledge(world: World) -> Made:
    thing, dispute_id = _disputed(world)
    return thing, f"/v1/ops/attention/dispute.{dispute_id}/acknowledge", NOTE


def resend(world: World) -> Made:
    booking = confirmed(world)
    world.deliver_letters()
    return _booking(world, booking)[0], f"/v1/ops/bookings/{booking['booking_id']}/messages/1/resend", NOTE


def account(act: str) -> Callable[[World], Made]:
    def made(world: World) -> Made:
        sub = world.guest().sub
        world.book()
        path = f"/v1/ops/accounts/{sub}"
        thing = Thing(world, path)
        if act == "unblock":
            thing.act("POST", f"{path}/block", NOTE, thing.tag())
        return thing, f"{path}/{act}", NOTE | ({"open_holds": 9} if act == "limits" else {})

    return made


def close_listing(world: World) -> Made:
    path = f"/v1/listings/{world.listing()['listing_id']}"
    return Thing(world, path), path.replace("/v1", "/v1/ops") + "/close", {"cancel_bookings": False, "reason": "x"}


def reopen_listing(world: World) -> Made:
    thing, path, body = close_listing(world)
    assert world.call("POST", path, body, by=world.operator()).status == 202
    return thing, path.replace("close", "reopen"), None


def change_listing(world: World) -> Made:
    path = f"/v1/listings/{world.listing()['listing_id']}"
    return Thing(world, path, by=world.host()), path, {"units": 9}


def change_profile(world: World) -> Made:
    return Thing(world, "/v1/hosts/me", by=world.host()), "/v1/hosts/me", {"notify": {"phone": "0911223344"}}


def decide(way: str) -> Callable[[World], Made]:
    def made(world: World) -> Made:
        _, proposal_id = proposed(world)
        path = f"/v1/ops/proposals/{proposal_id}"
        return Thing(world, path, by=second(world)), f"{path}/{way}", NOTE

    return made


ACTS: Mapping[str, Callable[[World], Made]] = {
    "PATCH /v1/bookings/{booking_id}": correct,
    "POST /v1/bookings/{booking_id}/cancel": cancel,
    "POST /v1/bookings/{booking_id}/end-stay": end_stay,
    "POST /v1/ops/bookings/{booking_id}/notes": note,
    "POST /v1/payments/{tx_ref}/refunds": give_back,
    "POST /v1/ops/payments/{tx_ref}/resolve": resolve_payment,
    "POST /v1/ops/refunds/{refund_id}/resolve": resolve_refund,
    "POST /v1/ops/proposals/{proposal_id}/approve": decide("approve"),
    "POST /v1/ops/proposals/{proposal_id}/reject": decide("reject"),
    "POST /v1/ops/disputes": enter_dispute,
    "POST /v1/ops/disputes/{dispute_id}/close": close_dispute,
    "POST /v1/ops/attention/{item_id}/acknowledge": acknowledge,
    "POST /v1/ops/bookings/{booking_id}/messages/{entry_id}/resend": resend,
    "POST /v1/ops/accounts/{sub}/block": account("block"),
    "POST /v1/ops/accounts/{sub}/unblock": account("unblock"),
    "POST /v1/ops/accounts/{sub}/limits": account("limits"),
    "POST /v1/ops/listings/{listing_id}/close": close_listing,
    "POST /v1/ops/listings/{listing_id}/reopen": reopen_listing,
    "PATCH /v1/listings/{listing_id}": change_listing,
    "PUT /v1/hosts/me": change_profile,
}


def test_every_act_on_what_has_versions_is_here() -> None:
    assert set(ACTS) == {f"{route.method} {route.path}" for route in ROUTES if route.conditional}


@pytest.mark.parametrize("route", ACTS)
def test_an_act_on_a_stale_page_changes_nothing(world: World, route: str) -> None:
    thing, path, body = ACTS[route](world)
    method, tag = route.partition(" ")[0], thing.tag()
    before = world.stored(with_trail=False)
    refused = thing.act(method, path, body, '"99999"')
    assert (refused.status, refused.code) == (412, "precondition_failed")
    assert world.stored(with_trail=False) == before
    done = thing.act(method, path, body, tag)
    assert done.status in (200, 201, 202), done.text
    assert thing.tag() != tag


def test_a_repeat_is_answered_though_its_page_is_stale(world: World) -> None:
    thing, path, body = give_back(world)
    tag = thing.tag()
    first = thing.act("POST", path, body, tag)
    again = thing.act("POST", path, body, tag)
    assert (again.status, again.body["refund_id"]) == (202, first.body["refund_id"])
    other = world.call("POST", path, body, by=thing.by, key="other", headers={"if-match": tag})
    assert other.status == 412


def test_a_refusal_of_a_stale_page_is_that_it_is_stale(world: World) -> None:
    thing, path, body = give_back(world)
    tag = thing.tag()
    everything = {"reason": "x", "cancel_booking": True}
    assert thing.act("POST", path, everything, tag).status == 202
    stale = world.call("POST", path, body, by=thing.by, key="other", headers={"if-match": tag})
    assert (stale.status, stale.code) == (412, "precondition_failed")
    fresh = world.call("POST", path, body, by=thing.by, key="other", headers={"if-match": thing.tag()})
    assert (fresh.status, fresh.code) == (409, "refund_exceeds_payment")


def test_the_attention_list_names_the_version_of_each_booking(world: World) -> None:
    thing, _ = _disputed(world)
    [item] = world.call("GET", "/v1/ops/attention", by=world.operator()).body["items"]
    assert (item["etag"], item["guest"]) == (thing.tag(), "Hanna Tesfaye")
    assert item["amount"] == {"amount": 735000, "currency": "ETB", "formatted": "ETB 7,350.00"}
    today = world.clock.now().date()
    looks = world.call("GET", "/v1/ops/audit", by=world.operator(), query={"day": today}).body["items"]
    assert [look["subject"] for look in looks if look["act"] == "list"] == ["attention"]
