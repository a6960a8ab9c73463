"""An operator closes a listing over HTTP: preview, progress, and opening it again."""

from __future__ import annotations

from types import SimpleNamespace

from chalicelib import events
from tests.api.harness import World

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
