"""Four eyes over HTTP: a proposal in place of an act, and the second person's calls."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain import refunds as refunding
from chalicelib.domain.booking import Actor
from chalicelib.domain.ids import BookingId
from tests.api.harness import Person, Reply, World


def second(world: World) -> Person:
    return Person(f"second-{world.name}", "approver")


def stuck(world: World) -> tuple[str, dict[str, Any]]:
    """A refund that the gateway refused, and the call that posts it again."""
    booking = world.paid(world.book())
    tx_ref = booking["payment"]["tx_ref"]
    body = {"reason": "x", "amount": 100}
    made = world.call("POST", f"/v1/payments/{tx_ref}/refunds", body, by=world.operator(), key="k").body
    before = world.container.bookings.load(BookingId(booking["booking_id"]))
    assert before is not None
    now, refund_id = world.clock.now(), made["refund_id"]
    claimed = refunding.claim(before, refund_id, owner="x", actor=Actor("sweep"), now=now)
    put = refunding.put_before_person(
        claimed, refund_id, actor=Actor("sweep"), now=now, detail="refused", definitely_not_executed=True
    )
    world.container.bookings.save(before, put)
    return refund_id, {"as": "post_again", "note": "The key was wrong."}


def proposed(world: World) -> tuple[str, str]:
    refund_id, body = stuck(world)
    reply = world.call("POST", f"/v1/ops/refunds/{refund_id}/resolve", body, by=world.operator())
    assert (reply.status, reply.code, reply.body["retryable"]) == (409, "second_person_needed", False)
    proposal_id = reply.body["proposal_id"]
    assert proposal_id == f"{refund_id.partition('-')[0]}-P1"
    again = world.call("POST", f"/v1/ops/refunds/{refund_id}/resolve", body, by=world.operator())
    assert (again.status, again.body["proposal_id"]) == (409, proposal_id)
    return refund_id, proposal_id


def decide(world: World, proposal_id: str, way: str, by: Person, body: Any = None, **more: Any) -> Reply:
    return world.call("POST", f"/v1/ops/proposals/{proposal_id}/{way}", body, by=by, **more)


def test_two_people_post_a_refund_again(world: World) -> None:
    refund_id, proposal_id = proposed(world)
    path = f"/v1/ops/proposals/{proposal_id}"
    known = world.call("GET", path, by=second(world))
    assert known.status == 200
    told = known.body
    assert (told["act"], told["how"], told["subject"], told["status"], told["amount"]["amount"]) == (
        "resolve_refund",
        "post_again",
        refund_id,
        "open",
        100,
    )
    assert (told["proposed_by"], told["reason"]) == (world.operator().sub, "The key was wrong.")
    assert (told["decided_by"], told["refunds"][0]["status"]) == (None, "attention")
    assert world.call("GET", "/v1/ops/proposals", by=second(world)).body == {"items": [told], "next_cursor": None}
    [item] = world.call("GET", "/v1/ops/attention", by=second(world), query={"kind": "proposal"}).body["items"]
    assert (item["item_id"], item["actions"]) == (f"proposal.{proposal_id}", ["approve", "reject"])
    acknowledged = world.call(
        "POST", f"/v1/ops/attention/{item['item_id']}/acknowledge", {"note": "x"}, by=world.operator()
    )
    assert (acknowledged.status, acknowledged.code) == (409, "wrong_resolution_call")

    own = decide(world, proposal_id, "approve", world.operator())
    assert (own.status, own.code, own.body["proposal_id"]) == (409, "second_person_needed", proposal_id)
    stale = decide(world, proposal_id, "approve", second(world), headers={"if-match": '"1"'})
    assert (stale.status, stale.code) == (412, "precondition_failed")
    before = world.stored()
    tried = decide(world, proposal_id, "approve", second(world), {"dry_run": True, "note": "Seen."})
    assert (tried.status, world.stored()) == (200, before)
    done = decide(
        world, proposal_id, "approve", second(world), {"note": "Seen."}, headers={"if-match": known.headers["ETag"]}
    )
    assert (done.status, done.body | {"decided_at": None}) == (200, tried.body | {"decided_at": None})
    assert (done.body["status"], done.body["decided_by"], done.body["note"]) == ("approved", second(world).sub, "Seen.")
    assert done.body["refunds"][0]["status"] == "owed"
    assert decide(world, proposal_id, "approve", second(world)).body == done.body
    refused = decide(world, proposal_id, "reject", second(world))
    assert (refused.status, refused.code) == (409, "proposal_closed")
    assert world.call("GET", "/v1/ops/proposals", by=second(world)).body["items"] == []
    trail = world.call("GET", f"/v1/payments/{refund_id[:-3]}/events", by=world.operator(), query={"limit": 100})
    by = {event["kind"]: event["by"] for event in trail.body["items"] if event.get("by")}
    assert (by["proposed"], by["proposal_approved"], by["refund_post_again"]) == (
        world.operator().sub,
        second(world).sub,
        world.operator().sub,
    )


def test_a_second_person_rejects(world: World) -> None:
    _, proposal_id = proposed(world)
    stale = decide(world, proposal_id, "reject", second(world), headers={"if-match": '"1"'})
    assert (stale.status, stale.code) == (412, "precondition_failed")
    assert decide(world, proposal_id, "reject", world.operator()).code == "second_person_needed"
    before = world.stored()
    tried = decide(world, proposal_id, "reject", second(world), {"dry_run": True})
    assert (tried.status, tried.body["status"], world.stored()) == (200, "rejected", before)
    done = decide(world, proposal_id, "reject", second(world), {"note": "It is on its way."})
    assert (done.status, done.body["status"], done.body["refunds"][0]["status"]) == (200, "rejected", "attention")
    assert decide(world, proposal_id, "reject", second(world)).body == done.body


@pytest.mark.parametrize("call", ["GET {}", "POST {}/approve", "POST {}/reject"])
@pytest.mark.parametrize("proposal_id", ["GZ00000000000000-P1", "x", "GZ4T1B8WCD7K2M9Q"])
def test_a_proposal_that_there_is_not(world: World, proposal_id: str, call: str) -> None:
    method, path = call.format(f"/v1/ops/proposals/{proposal_id}").split(" ")
    reply = world.call(method, path, by=second(world))
    assert (reply.status, reply.code) == (404, "proposal_not_found")


@pytest.mark.parametrize("group", ["finance", "support", "host", ""])
@pytest.mark.parametrize("way", ["approve", "reject"])
def test_who_may_not_decide(world: World, way: str, group: str) -> None:
    _, proposal_id = proposed(world)
    reply = decide(world, proposal_id, way, Person(f"else-{world.name}", group))
    assert (reply.status, reply.code) == (403, "forbidden")


def test_above_the_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.domain.money import Money
    from tests.replacing import replace

    limits = {"ETB": Money(200000, "ETB")}
    monkeypatch.setattr(world.container, "rules", replace(world.container.rules, second_person_above=limits))
    booking = world.paid(world.book())
    path = f"/v1/payments/{booking['payment']['tx_ref']}/refunds"
    body = {"reason": "A flood.", "amount": 245000}
    reply = world.call("POST", path, body, by=world.operator(), key="k")
    assert (reply.status, reply.code) == (409, "second_person_needed")
    assert world.read(booking)["payment"]["refunds"] == []
    cancelled = world.call("POST", f"/v1/bookings/{booking['booking_id']}/cancel", {"reason": "x"}, by=world.operator())
    assert (cancelled.status, cancelled.code) == (409, "second_person_needed")
    assert cancelled.body["proposal_id"] != reply.body["proposal_id"]
    done = decide(world, reply.body["proposal_id"], "approve", second(world), {})
    assert (done.status, done.body["refunds"][0]["amount"]["amount"]) == (200, 245000)
    found = world.call("POST", path, body, by=world.operator(), key="k")
    assert (found.status, found.body["refund_id"], found.headers["Idempotent-Replayed"]) == (
        202,
        done.body["refunds"][0]["refund_id"],
        "true",
    )
    # What was proposed as all of it is less by now.
    late = decide(world, cancelled.body["proposal_id"], "approve", second(world), {})
    assert (late.status, late.code) == (409, "proposal_outdated")


def test_a_page_of_proposals_is_asked_for_rightly(world: World) -> None:
    for query, code in (({"limit": 0}, "invalid_request"), ({"cursor": "x"}, "invalid_cursor")):
        reply = world.call("GET", "/v1/ops/proposals", by=world.operator(), query=query)
        assert (reply.status, reply.code) == (400, code)
