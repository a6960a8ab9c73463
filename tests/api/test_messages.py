"""The letters of a booking over HTTP: what operators see of them, and that one is sent again."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from tests.adapters.test_ses_reports import bounce, event
from tests.api.harness import World


def bounced(world: World, booking: dict[str, Any], address: str, *, resend: int = 0) -> None:
    """SES reports that the guest's letter bounced, and the queue is worked off."""
    tags = {"booking": [booking["booking_id"]], "entry": ["1"], "resend": [str(resend)]}
    body = event(bounce(), tags).replace("hanna@example.com", address)
    boto3.client("sqs").send_message(QueueUrl=world.resources.emails_queue_url, MessageBody=body)
    world.deliver_letters()


@pytest.fixture
def booking(world: World) -> dict[str, Any]:
    """A confirmed booking whose letters went out."""
    made = world.paid(world.book())
    assert len(world.deliver_letters()) == 2
    return made


def messages(world: World, booking: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.read(booking, by=world.operator())["messages"]
    return found


def resend(world: World, booking: dict[str, Any], body: Any = None, entry_id: str = "1") -> Any:
    path = f"/v1/ops/bookings/{booking['booking_id']}/messages/{entry_id}/resend"
    return world.call("POST", path, body if body is not None else {}, by=world.operator())


def test_operators_alone_see_the_letters_of_a_booking(world: World, booking: dict[str, Any]) -> None:
    guests, hosts = messages(world, booking)
    sent = {"status": "sent", "why": None, "about": None, "resends": 0, "changed_at": "2027-01-02T09:15:30Z"}
    assert guests == {
        "entry_id": "1",
        "kind": "booking_confirmed",
        "reader": "guest",
        "address": booking["contact"]["email"],
        **sent,
    }
    host = f"{world.host().sub}@people.example"
    assert hosts == {"entry_id": "2", "kind": "host_new_booking", "reader": "host", "address": host, **sent}
    for person in (world.guest(), world.host()):
        assert "messages" not in world.read(booking, by=person)


def test_a_bounce_is_seen_corrected_and_sent_again(world: World, booking: dict[str, Any]) -> None:
    address = booking["contact"]["email"]
    bounced(world, booking, address)
    assert (messages(world, booking)[0]["status"], messages(world, booking)[0]["why"]) == ("bounced", "permanent")
    [item] = world.call("GET", "/v1/ops/attention", by=world.operator(), query={"kind": "email"}).body["items"]
    assert (item["reason"], item["actions"]) == ("booking_confirmed: bounced, permanent", ["resend", "acknowledge"])
    refused = resend(world, booking)
    assert (refused.status, refused.code) == (409, "address_suppressed")
    assert address not in refused.text
    path = f"/v1/bookings/{booking['booking_id']}"
    world.call("PATCH", path, {"contact": {"email": "hana@gmail.com"}}, by=world.operator())
    tried = resend(world, booking, {"dry_run": True})
    assert (tried.status, tried.body["status"], tried.body["address"]) == (202, "owed", "hana@gmail.com")
    assert messages(world, booking)[0]["status"] == "bounced"
    done = resend(world, booking, {"note": "Corrected by telephone."})
    assert (done.status, done.body["status"], done.body["resends"]) == (202, "owed", 1)
    assert world.deliver_letters() == ["hana@gmail.com"]
    assert messages(world, booking)[0]["status"] == "sent"
    assert world.call("GET", "/v1/ops/attention", by=world.operator()).body["items"] == []


def test_a_suppression_is_lifted_by_an_operator(world: World, booking: dict[str, Any]) -> None:
    address = booking["contact"]["email"]
    bounced(world, booking, address.upper())
    assert resend(world, booking).code == "address_suppressed"
    assert resend(world, booking, {"lift": True}).status == 202
    assert world.deliver_letters() == [address]
    bounced(world, booking, address, resend=1)
    assert resend(world, booking).code == "address_suppressed"


def test_no_address_is_kept_in_plain_text_where_it_is_suppressed(world: World, booking: dict[str, Any]) -> None:
    bounced(world, booking, "gone@people.example")
    assert "gone@people.example" not in world.stored()
    assert any(item["booking_id"]["S"].startswith("MAILBOX#") for item in world.table(world.resources.bookings_table))


def test_what_cannot_be_sent_again(world: World, booking: dict[str, Any]) -> None:
    assert (resend(world, booking, entry_id="9").status, resend(world, booking, entry_id="9").code) == (
        404,
        "message_not_found",
    )
    unknown = {"booking_id": "GZ00000000000000"}
    assert resend(world, unknown).code == "booking_not_found"
    world.call("PUT", "/v1/hosts/me", {"notify": {}}, by=world.host())
    assert (resend(world, booking, entry_id="2").status, resend(world, booking, entry_id="2").code) == (
        409,
        "no_address",
    )
    world.call("POST", f"/v1/bookings/{booking['booking_id']}/cancel", {}, by=world.guest())
    assert (resend(world, booking).status, resend(world, booking).code) == (409, "message_not_true")
    reply = resend(world, booking, {"note": " ", "lift": "yes", "twice": True})
    assert set(reply.wrong()) == {"note", "lift", "twice"}


def test_an_event_that_nobody_can_read_is_left_in_the_queue(world: World) -> None:
    from types import SimpleNamespace

    from chalicelib import events

    record = {
        "messageId": "m",
        "receiptHandle": "r",
        "body": json.dumps({"source": "aws.ses", "detail": {}}),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }
    context = SimpleNamespace(aws_request_id="lambda-1", get_remaining_time_in_millis=lambda: 60_000)
    assert events.on_emails({"Records": [record]}, context) == {"batchItemFailures": [{"itemIdentifier": "m"}]}
