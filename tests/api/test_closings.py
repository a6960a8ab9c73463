"""An operator closes a listing over HTTP: preview, progress, and opening it again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from chalicelib import events
from chalicelib.domain.money import Money
from tests.api.harness import Person, World
from tests.replacing import replace

WHY = {"cancel_bookings": True, "reason": "The host has left."}


def work(world: World) -> None:
    """Run the consumer of the reconcile queue over all that waits there, until nothing more does."""
    context = SimpleNamespace(aws_request_id="lambda-1", get_remaining_time_in_millis=lambda: 60_000)
    while waiting := world.messages(world.resources.reconcile_queue_url):
        records = [
            {
                "messageId": each["MessageId"],
                "receiptHandle": "r",
                "body": each["Body"],
                "attributes": each["Attributes"],
                "eventSource": "aws:sqs",
            }
            for each in waiting
        ]
        assert events.on_tasks({"Records": records}, context) == {"batchItemFailures": []}


def test_closing_a_listing(world: World) -> None:
    listing = world.listing()
    path = f"/v1/ops/listings/{listing['listing_id']}/close"
    paid = world.paid(world.book(listing))
    held = world.book(listing, by=world.guest("other"), check_in="2027-02-01", check_out="2027-02-02")
    assert world.call("GET", path, by=world.operator()).code == "closing_not_found"
    before = world.stored()
    shown = world.call("POST", path, WHY | {"dry_run": True}, by=world.operator())
    assert (shown.status, shown.body["state"], shown.body["listing_status"]) == (202, "previewed", "open")
    assert [(each["booking_id"], each["status"], each["back"]["amount"]) for each in shown.body["bookings"]] == [
        (paid["booking_id"], "confirmed", 735000),
        (held["booking_id"], "pending_payment", 0),
    ]
    assert (shown.body["expected"], [each["amount"] for each in shown.body["to_return"]]) == (2, [735000])
    assert (world.stored(), shown.body["begun_at"], shown.body["partial"]) == (before, None, False)
    begun = world.call("POST", path, WHY, by=world.operator())
    assert (begun.status, begun.body["state"], begun.body["listing_status"]) == (202, "under_way", "closed")
    work(world)
    told = world.call("GET", path, by=world.operator()).body
    assert (told["cancelled"], told["left"], told["bookings"]) == (2, 0, [])
    assert [each["amount"] for each in told["returned"]] == [735000]
    assert world.read(paid)["status"] == "cancelled"
    assert world.read(held, by=world.guest("other"))["status"] == "cancelled"
    world.clock.forward(minutes=1)
    assert events.on_schedule(SimpleNamespace(aws_request_id="lambda-2"))["due"] > 0
    work(world)
    told = world.call("GET", path, by=world.operator()).body
    assert (told["state"], told["cancelled"], told["reason"]) == ("finished", 2, "The host has left.")


def test_its_host_cannot_open_it_again(world: World) -> None:
    listing = world.listing()
    path = f"/v1/ops/listings/{listing['listing_id']}"
    assert world.call("POST", f"{path}/close", WHY, by=world.host()).status == 403
    closed = world.call("POST", f"{path}/close", WHY | {"cancel_bookings": False}, by=world.operator())
    assert (closed.body["state"], closed.body["expected"]) == ("finished", 0)
    change = f"/v1/listings/{listing['listing_id']}"
    refused = world.call("PATCH", change, {"status": "open"}, by=world.host())
    assert (refused.status, refused.code) == (409, "listing_locked")
    assert world.call("PATCH", change, {"title": "Old house"}, by=world.host()).body["status"] == "closed"
    opened = world.call("POST", f"{path}/reopen", {"note": "She stays."}, by=world.operator())
    assert (opened.status, opened.body["status"]) == (200, "open")
    told = world.call("GET", f"{path}/close", by=world.operator()).body
    assert (told["reopened_note"], told["reopened_by"]) == ("She stays.", world.operator().sub)
    assert told["reopened_at"] is not None
    assert world.call("POST", f"{path}/reopen", by=world.host()).status == 403


def test_what_closing_needs(world: World) -> None:
    reply = world.call("POST", f"/v1/ops/listings/{world.listing()['listing_id']}/close", {}, by=world.operator())
    assert (reply.status, set(reply.wrong())) == (400, {"cancel_bookings", "reason"})
    reply = world.call("POST", "/v1/ops/listings/lst_none/close", WHY, by=world.operator())
    assert (reply.status, reply.code) == (404, "listing_not_found")


def test_two_people_close_a_listing_whose_bookings_give_back_much(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = replace(world.container.rules, second_person_above={"ETB": Money(700000, "ETB")})
    monkeypatch.setattr(world.container, "rules", rules)
    listing = world.listing()
    for key in ("one", "two"):
        world.paid(world.book(listing, key=key))
    path = f"/v1/ops/listings/{listing['listing_id']}/close"
    shown = world.call("POST", path, WHY | {"dry_run": True}, by=world.operator()).body
    assert (shown["state"], shown["needs_second_person"], shown["proposal_id"]) == ("previewed", True, None)
    needed = world.call("POST", path, WHY, by=world.operator())
    assert (needed.status, needed.code) == (409, "second_person_needed")
    proposal_id = needed.body["proposal_id"]
    told = world.call("GET", path, by=world.operator()).body
    assert (told["state"], told["proposal_id"], told["begun_at"], told["listing_status"]) == (
        "proposed",
        proposal_id,
        None,
        "open",
    )
    known = world.call("GET", f"/v1/ops/proposals/{proposal_id}", by=world.operator())
    shown = known.body
    assert (shown["act"], shown["booking_id"], shown["listing_id"]) == ("close_listing", None, listing["listing_id"])
    assert (shown["subject"], shown["amount"]["amount"], shown["refunds"]) == (listing["listing_id"], 1470000, [])
    [item] = world.call("GET", "/v1/ops/attention", by=world.operator()).body["items"]
    assert (item["kind"], item["subject"], item["booking_id"]) == ("proposal", proposal_id, None)
    decide = f"/v1/ops/proposals/{proposal_id}/approve"
    second = Person(f"second-{world.name}", "approver")
    stale = world.call("POST", decide, {}, by=second, headers={"if-match": '"99999"'})
    assert (stale.status, stale.code) == (412, "precondition_failed")
    tried = world.call("POST", decide, {"dry_run": True}, by=second, headers={"if-match": known.headers["ETag"]})
    assert (tried.status, tried.body["status"]) == (200, "approved")
    assert world.call("GET", path, by=world.operator()).body["state"] == "proposed"
    done = world.call("POST", decide, {}, by=second, headers={"if-match": known.headers["ETag"]})
    assert (done.status, done.body["status"]) == (200, "approved"), done.text
    work(world)
    told = world.call("GET", path, by=world.operator()).body
    assert (told["listing_status"], told["cancelled"], told["proposal_id"]) == ("closed", 2, None)
