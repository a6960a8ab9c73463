"""Webhooks: nothing before the signature, and 200 only once what must be done is durable."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.services.ports.outcomes import Fault, StoreBusy
from tests.adapters.chapa_server import KEY
from tests.api.harness import WEBHOOK_SECRET, Reply, World, answers, signature

PATH = "/v1/webhooks/chapa"
OURS = b'{"event": "charge.success", "tx_ref": "GZ4T1B8WCD7K2M9Q-1"}'


def unsigned(world: World, raw: str | bytes, **headers: str) -> Any:
    return world.call("POST", PATH, raw=raw, headers=headers)


def test_what_is_not_signed_is_neither_read_nor_answered(world: World) -> None:
    world.container.secrets.get("chapa_webhook_secret")  # the secrets themselves may have been read for the first time
    world.touched.clear()
    good = signature(OURS)
    constant = hmac.new(WEBHOOK_SECRET.encode(), WEBHOOK_SECRET.encode(), hashlib.sha256).hexdigest()
    wrong: list[dict[str, str]] = [
        {},
        {"x-chapa-signature": ""},
        {"x-chapa-signature": good.upper()},
        {"x-chapa-signature": good[:-1]},
        {"x-chapa-signature": f" {good}"},
        {"x-chapa-signature": f"sha256={good}"},
        {"x-chapa-signature": f"{good}, {good}"},
        {"x-chapa-signature": "é" * 64},
        {"x-chapa-signature": constant},
        {"x-chapa-signature": signature(OURS, "")},
        {"x-chapa-signature": signature(OURS, "another")},
        {"x-chapa-signature": signature(OURS, KEY)},
        {"x-chapa-signature": hashlib.sha256(OURS + WEBHOOK_SECRET.encode()).hexdigest()},
        # The one that Chapa sends with every body proves nothing.
        {"Chapa-Signature": constant},
        {"x-chapa-signature": signature(OURS, "another"), "Chapa-Signature": constant},
    ]
    for headers in wrong:
        reply = unsigned(world, OURS.decode(), **headers)
        assert (reply.status, reply.code) == (401, "bad_signature"), headers
        assert "WWW-Authenticate" not in reply.headers
    for raw in (OURS + b" ", OURS.replace(b"-1", b"-2"), b"", b"{", b"\xff" * 60_000):
        assert unsigned(world, raw, **{"x-chapa-signature": good}).code == "bad_signature"
    assert world.touched == []
    assert world.gateway.asked == []


def test_a_custom_webhook_signs_its_body_in_the_other_header(world: World) -> None:
    reply = world.call("POST", PATH, raw=b"{}", headers={"Chapa-Signature": signature(b"{}")})
    assert reply.status == 200


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"1", b'"x"', b"null", b"\xff", b"[" * 50_000, b'{"a": NaN}'])
def test_signed_bytes_that_are_no_json_object(world: World, raw: bytes) -> None:
    world.container.secrets.get("chapa_webhook_secret")
    world.touched.clear()
    reply = world.deliver(raw)
    assert (reply.status, reply.code) == (400, "invalid_json")
    assert world.touched == []


def test_the_previous_secret_is_good_during_a_rotation(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.container.secrets, "_values", {"chapa_webhook_secret": "new", "chapa_secret_key": KEY})
    assert world.deliver(OURS).status == 401
    more = {"chapa_webhook_secret": "new", "chapa_webhook_secret_previous": WEBHOOK_SECRET, "chapa_secret_key": KEY}
    monkeypatch.setattr(world.container.secrets, "_values", more)
    assert world.deliver(b"{}").status == 200
    assert world.deliver(b"{}", secret="new").status == 200
    assert world.deliver(b"{}", secret="").status == 401


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "image/png"])
def test_the_content_type_does_not_matter(world: World, content_type: str | None) -> None:
    for raw in ("{}", b"{}"):
        headers = {"x-chapa-signature": signature(b"{}")}
        reply = world.call("POST", PATH, raw=raw, headers=headers, content_type=content_type)
        assert (reply.status, reply.body) == (200, {"received": True})


def test_a_signed_hint_makes_us_ask(world: World) -> None:
    booking = world.book()
    tx_ref = booking["payment"]["tx_ref"]
    # What it says is not believed: the gateway is asked.
    assert world.webhook(tx_ref).status == 200
    assert (world.read(booking)["status"], world.gateway.looks()) == ("pending_payment", 1)
    world.gateway.says = "success"
    assert world.webhook(tx_ref, event="charge.failed/cancelled").status == 200
    confirmed = world.read(booking)
    assert confirmed["status"] == "confirmed"
    # Once more, out of order, or long after: harmless, and the gateway is asked each time.
    for event in ("charge.success", "charge.success", "charge.failed/cancelled", "payout.success", ""):
        assert world.webhook(tx_ref, event=event).status == 200
    world.clock.forward(days=400)
    assert world.webhook(tx_ref).status == 200
    assert world.read(booking)["payments"] == confirmed["payments"]


def test_a_webhook_may_come_before_our_call_has_ended(world: World) -> None:
    listing = world.listing()
    replies: list[Any] = []

    def early(talk: Any) -> object:
        world.gateway.says = "success"
        replies.append(world.webhook(talk.request.json()["tx_ref"]))
        return answers(200, {"status": "success", "data": {"checkout_url": "https://checkout.chapa.co/x"}})(talk)

    world.gateway.open = early
    booking = world.book(listing)
    assert [reply.status for reply in replies] == [200]
    assert (booking["status"], booking["payment"]["status"]) == ("confirmed", "completed")
    assert booking["payment"]["checkout_url"] is None


def test_late_money_confirms_while_the_nights_are_free(world: World) -> None:
    listing = world.listing(units=1)
    booking = world.book(listing)
    world.clock.forward(hours=1)
    world.call("GET", f"/v1/payments/chapa/callback/{booking['payment']['tx_ref']}")
    assert world.read(booking)["status"] == "expired"
    assert world.paid(booking)["status"] == "confirmed"


def test_late_money_that_is_sold_out_is_owed_back(world: World) -> None:
    listing = world.listing(units=1)
    booking = world.book(listing)
    world.clock.forward(hours=1)
    world.call("GET", f"/v1/payments/chapa/callback/{booking['payment']['tx_ref']}")
    world.book(listing, by=world.guest("other"))
    late = world.paid(booking)
    assert (late["status"], late["payment"]["status"]) == ("expired", "completed")
    [refund] = late["payment"]["refunds"]
    assert (refund["status"], refund["amount"]) == ("owed", late["total"])


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"event": "charge.success"},
        {"event": "charge.success", "tx_ref": None},
        {"event": ["x"], "tx_ref": {"a": 1}},
        {"tx_ref": "SALT"},
        {"tx_ref": "somebody-else-1"},
        {"tx_ref": "GZ4T1B8WCD7K2M9Q-100"},
        {"tx_ref": "\ud800"},
        {"event": "charge.dispute", "tx_ref": "x" * 10_000},
    ],
)
def test_what_is_not_about_us_is_taken_and_forgotten(world: World, fields: dict[str, Any]) -> None:
    before = world.stored()
    reply = world.deliver(json.dumps(fields).encode())
    assert (reply.status, reply.body) == (200, {"received": True})
    assert (world.stored(), world.gateway.asked) == (before, [])


def test_money_for_a_reference_that_we_do_not_hold_is_kept_for_a_person(world: World) -> None:
    tx_ref = "GZ4T1B8WCD7K2M9Q-1"
    world.gateway.opened[tx_ref] = {"amount": "100.00"}
    assert world.webhook(tx_ref).status == 200
    assert world.call("GET", "/v1/ops/attention", by=world.operator()).body["items"] == []
    world.gateway.says = "success"
    for _ in range(2):
        assert world.webhook(tx_ref).status == 200
    [matter] = world.call("GET", "/v1/ops/attention", by=world.operator()).body["items"]
    assert (matter["kind"], matter["subject"]) == ("orphan", tx_ref)


def waiting(world: World) -> list[Any]:
    return [json.loads(message["Body"]) for message in world.messages(world.resources.reconcile_queue_url)]


def noted(tx_ref: str, reply: Reply) -> dict[str, Any]:
    """What a deferred webhook leaves in the queue."""
    booking_id = tx_ref.partition("-")[0]
    return {
        "booking_id": booking_id,
        "tx_ref": tx_ref,
        "request_id": reply.request_id,
        "claim": "paid",
        "actor": {"cause": "webhook"},
        "gateway": "chapa",
    }


def test_an_unknown_reference_and_a_silent_gateway_is_noted_for_later(world: World) -> None:
    tx_ref = "GZ4T1B8WCD7K2M9Q-1"
    world.gateway.verify = answers(500, b"")
    reply = world.webhook(tx_ref)
    assert reply.status == 200
    assert waiting(world) == [noted(tx_ref, reply)]


def test_a_silent_gateway_is_asked_again_soon(world: World) -> None:
    booking = world.book()
    world.gateway.verify = answers(500, b"")
    assert world.webhook(booking["payment"]["tx_ref"]).status == 200
    [item] = [item for item in world.table(world.resources.bookings_table) if item.get("due_at")]
    assert item["due_at"]["S"] <= "2027-01-02T09:15:45.500Z", "it is due within half a minute"


def test_a_store_that_cannot_save_leaves_it_to_the_queue(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    booking = world.book()
    tx_ref = booking["payment"]["tx_ref"]
    world.gateway.says = "success"

    def busy(*_: Any, **__: Any) -> None:
        raise StoreBusy("marked")

    monkeypatch.setattr(world.container.bookings, "save", busy)
    reply = world.webhook(tx_ref)
    assert reply.status == 200
    assert waiting(world) == [noted(tx_ref, reply)]

    def down(*_: Any, **__: Any) -> None:
        raise Fault("marked")

    monkeypatch.setattr(world.container.queue, "enqueue_reconcile", down)
    reply = world.webhook(tx_ref)
    assert (reply.status, reply.code, reply.body["retryable"]) == (503, "busy", True)
    assert int(reply.headers["Retry-After"]) > 0


def test_a_store_that_cannot_even_be_read_leaves_it_to_the_queue(world: World) -> None:
    tx_ref = world.book()["payment"]["tx_ref"]
    with broken_dynamodb(world):
        assert world.webhook(tx_ref).status == 200
    assert [task["tx_ref"] for task in waiting(world)] == [tx_ref]


def test_without_the_secret_nothing_can_be_checked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise Fault("marked")

    monkeypatch.setattr(world.container.secrets, "get", down)
    reply = world.deliver(OURS)
    assert (reply.status, reply.code) == (503, "busy")
    assert "marked" not in reply.text


def test_a_gateway_that_this_stage_does_not_use(world: World) -> None:
    reply = world.call("POST", "/v1/webhooks/paystack", raw="{}", headers={"x-paystack-signature": "x"})
    assert (reply.status, reply.code) == (404, "route_not_found")


@contextmanager
def broken_dynamodb(world: World) -> Iterator[None]:
    """Every call is refused by DynamoDB itself."""

    def refuse(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "InternalServerError", "Message": "marked"}}, "GetItem")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.container._connection.client._client, "call", refuse)
        yield
