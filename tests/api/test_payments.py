"""Payments over HTTP: read, verified, their trail, and the unsigned callback."""

from __future__ import annotations

from typing import Any

import pytest

from tests.adapters.chapa_server import Script, Talk, failed
from tests.api.harness import World, answers

TOTAL = {"amount": 735000, "currency": "ETB", "formatted": "ETB 7,350.00"}


def verify(world: World, booking: dict[str, Any], method: str = "POST", **by: Any) -> Any:
    return world.call(method, f"/v1/payments/{booking['payment']['tx_ref']}/verify", **({"by": world.guest()} | by))


def test_a_payment_as_the_contract_shows_it(world: World) -> None:
    booking = world.book()
    tx_ref = booking["payment"]["tx_ref"]
    assert len(tx_ref) <= 20
    assert world.call("GET", f"/v1/payments/{tx_ref}", by=world.guest()).body == booking["payment"]
    world.clock.forward(minutes=1)
    world.paid(booking)
    paid = world.call("GET", f"/v1/payments/{tx_ref}", by=world.host()).body
    assert paid == {
        "tx_ref": tx_ref,
        "booking_id": booking["booking_id"],
        "gateway": "chapa",
        "status": "completed",
        "amount": TOTAL,
        "checkout_url": None,
        "refunds": [],
        "created_at": "2027-01-02T09:15:30Z",
        "updated_at": "2027-01-02T09:16:30Z",
        "provider_reference": "APk7Wq2ZtR9d",
        "receipt_url": "https://chapa.link/payment-receipt/APk7Wq2ZtR9d",
        "paid_at": "2026-03-04T08:16:02Z",
        "fee": {"amount": 6125, "currency": "ETB", "formatted": "ETB 61.25"},
        "mode": "test",
        "received": TOTAL,
    }


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_verifying_asks_the_gateway(world: World, method: str) -> None:
    booking = world.book()
    assert verify(world, booking, method).body["status"] == "pending"
    world.gateway.says = "success"
    world.clock.forward(seconds=2)
    reply = verify(world, booking, method, by=world.operator())
    assert (reply.status, reply.body["status"]) == (200, "completed")
    assert world.read(booking)["status"] == "confirmed"


def test_the_gateway_is_not_asked_again_within_two_seconds(world: World) -> None:
    booking = world.book()
    verify(world, booking)
    world.gateway.says = "success"
    world.clock.forward(seconds=1.9)
    assert (verify(world, booking).body["status"], world.gateway.looks()) == ("pending", 1)
    world.clock.forward(seconds=0.1)
    assert (verify(world, booking).body["status"], world.gateway.looks()) == ("completed", 2)


def _reset(talk: Talk) -> None:
    talk.reset()


def _silence(talk: Talk) -> None:
    talk.silence()


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        (answers(500, b"oops"), 502, "gateway_bad_answer"),
        (answers(401, failed("Invalid API Key")), 502, "gateway_bad_answer"),
        (answers(200, b"<html>"), 502, "gateway_bad_answer"),
        (answers(200, {"status": "success", "data": None}), 502, "gateway_bad_answer"),
        (answers(429, {}, headers="Retry-After: 9\r\n"), 503, "gateway_unreachable"),
        (_reset, 503, "gateway_unreachable"),
        (_silence, 504, "gateway_timeout"),
    ],
)
def test_a_gateway_that_does_not_answer_changes_nothing(world: World, script: Script, status: int, code: str) -> None:
    booking = world.book()
    world.gateway.verify = script
    if script is _silence:
        world.impatient()
    reply = verify(world, booking)
    assert (reply.status, reply.code, reply.body["retryable"]) == (status, code, True)
    now = world.read(booking)
    assert (now["status"], now["payment"]) == ("pending_payment", booking["payment"])
    # No answer is no information: it is asked again at once.
    world.gateway.verify, world.gateway.says = None, "success"
    assert verify(world, booking).body["status"] == "completed"


@pytest.mark.parametrize(
    "changed",
    [{"amount": 7349.99}, {"amount": 7350.01}, {"currency": "USD"}, {"mode": "live"}, {"tx_ref": "GZ00000000000000-1"}],
    ids=str,
)
def test_money_that_does_not_match_is_never_taken_for_paid(world: World, changed: dict[str, Any]) -> None:
    booking = world.book()
    world.gateway.says, world.gateway.changed = "success", changed
    reply = verify(world, booking)
    assert (reply.status, reply.body["status"]) == (200, "review")
    assert world.read(booking)["status"] == "pending_payment"


def test_the_trail_of_a_payment(world: World) -> None:
    booking = world.book()
    world.clock.forward(minutes=1)
    world.paid(booking)
    path = f"/v1/payments/{booking['payment']['tx_ref']}/events"
    items = world.call("GET", path, by=world.guest()).body["items"]
    assert all(set(item) == {"at", "kind", "cause", "from", "to", "detail"} for item in items)
    at, later = "2027-01-02T09:15:30Z", "2027-01-02T09:16:30Z"
    assert [tuple(item.values()) for item in items] == [
        (at, "booking_held", "guest", None, None, ""),
        (at, "payment_created", "guest", None, "created", ""),
        (at, "payment_pending", "guest", "created", "pending", ""),
        (later, "payment_completed", "webhook", "pending", "completed", ""),
        (later, "booking_confirmed", "webhook", None, None, ""),
    ]
    assert "hanna" not in str(items).lower()


def test_refunding(world: World) -> None:
    booking = world.paid(world.book())
    path = f"/v1/payments/{booking['payment']['tx_ref']}/refunds"
    body = {"amount": 245000, "reason": "One night less."}
    assert world.call("POST", path, body, by=world.host()).code == "idempotency_key_required"
    reply = world.call("POST", path, body, by=world.host(), key="k")
    assert reply.status == 202
    refund = reply.body
    assert set(refund) == {"refund_id", "amount", "reason", "status", "created_at", "updated_at"}
    assert (refund["refund_id"], refund["status"]) == (f"{booking['payment']['tx_ref']}-R1", "owed")
    repeat = world.call("POST", path, body, by=world.host(), key="k")
    assert (repeat.status, repeat.body, repeat.headers["Idempotent-Replayed"]) == (202, refund, "true")
    assert world.call("POST", path, body | {"amount": 1}, by=world.host(), key="k").code == "idempotency_key_reused"
    reply = world.call("POST", path, body | {"amount": 490001}, by=world.operator(), key="k2")
    assert (reply.status, reply.code) == (409, "refund_exceeds_payment")
    reply = world.call("POST", path, body, by=world.operator(), key="k3")
    assert (reply.status, reply.code, reply.body["retryable"]) == (409, "refund_under_way", True)
    world.end_refund(refund["refund_id"])
    rest = {"reason": "The rest."}
    reply = world.call("POST", path, rest, by=world.operator(), key="k3")
    assert (reply.status, reply.code) == (409, "cancel_booking_required")
    rest = world.call("POST", path, rest | {"cancel_booking": False}, by=world.operator(), key="k3").body
    assert rest["amount"]["amount"] == 490000
    assert [each["refund_id"] for each in world.read(booking)["payment"]["refunds"]] == [
        refund["refund_id"],
        rest["refund_id"],
    ]
    assert world.call("POST", path, {"reason": "More."}, by=world.operator(), key="k4").code == "refund_exceeds_payment"
