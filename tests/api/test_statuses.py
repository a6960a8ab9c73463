"""Every status that the OpenAPI document promises is reached by some test of this folder: here by those that no other
has a reason to reach. ``conformance.py`` holds every answer to the document, and tells what no test reached.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.adapters.gateways.paystack.gateway import Paystack
from chalicelib.api.core import routing
from chalicelib.domain import refunds as refunding
from chalicelib.domain.booking import Actor
from chalicelib.domain.ids import BookingId
from chalicelib.gateways import PAYSTACK_V1
from chalicelib.services.ports.outcomes import StoreBusy
from tests.adapters.chapa_server import Talk
from tests.api.conformance import operation_of
from tests.api.harness import Reply, World, answers, sample, signature
from tests.replacing import replace
from tools.openapi import examples

KEEPING = {"reason": "x", "cancel_booking": False}

KEY = "sk_test_marked-2026"


def named(route: routing.Route) -> str:
    return f"{route.method} {route.path}"


class Down:
    """A store that cannot be reached, whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise StoreBusy("down")


@pytest.fixture
def paystack(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage whose shillings come through Paystack."""
    secrets: Any = SimpleNamespace(get=lambda _: KEY, find=lambda _: None)
    by_name = {"chapa": world.container.gateways.named("chapa"), "paystack": Paystack(PAYSTACK_V1.base_url, secrets)}
    gateways = SimpleNamespace(named=by_name.__getitem__, for_currency=lambda _: by_name["chapa"])
    stage = replace(world.container.settings, gateways={"ETB": "chapa", "KES": "paystack"})
    monkeypatch.setattr(world.container, "gateways", gateways)
    monkeypatch.setattr(world.container, "settings", stage)


def signed(route: routing.Route, raw: bytes) -> dict[str, str]:
    if route.signed_by == "x-paystack-signature":
        return {route.signed_by: hmac.new(KEY.encode(), raw, hashlib.sha512).hexdigest()}
    return {route.signed_by: signature(raw)} if route.signed_by else {}


def a_right_call(world: World, route: routing.Route, *, method: str | None = None) -> Reply:
    """A call that is right as far as can be seen without the store."""
    raw = None
    if route.signed_by is not None:
        raw = json.dumps({"event": "charge.success", "tx_ref": "", "data": {"reference": ""}})
        raw = raw.replace('""', f'"{examples.TX_REF}"')
    parameters = operation_of(route).get("parameters", ())
    return world.call(
        method or route.method,
        sample(route.path),
        None if route.body is None else examples.BODIES[route.body],
        by=world.staff(),
        key="k",
        query={each["name"]: each["example"] for each in parameters if each["in"] == "query" and "example" in each},
        raw=raw,
        headers=signed(route, raw.encode()) if raw else None,
    )


@pytest.mark.parametrize("route", routing.ROUTES, ids=named)
def test_a_fault_of_ours_is_a_500_that_tells_nothing(
    world: World, route: routing.Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: float) -> Any:
        raise RuntimeError("marked")

    monkeypatch.setattr(world.container, "gateway_budget", broken)
    reply = a_right_call(world, route)
    assert reply.status == 500
    assert route.error_page or reply.code == "internal_error"
    assert "marked" not in reply.text


@pytest.mark.usefixtures("paystack")
@pytest.mark.parametrize("route", routing.ROUTES, ids=named)
def test_a_store_that_is_down_is_a_503_where_it_is_needed(
    world: World, route: routing.Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("bookings", "listings", "hosts", "ledger", "watch", "queue", "dead_letters"):
        monkeypatch.setattr(world.container, part, Down())
    reply = a_right_call(world, route)
    if route.uses_store:
        assert reply.status == 503
        assert route.error_page or reply.code == "busy"
        assert reply.headers["Retry-After"] == "1"
    else:
        assert reply.status < 400


def test_a_paystack_webhook(world: World, paystack: None) -> None:
    def deliver(raw: bytes, signed_as: bytes) -> Reply:
        headers = {"x-paystack-signature": hmac.new(KEY.encode(), signed_as, hashlib.sha512).hexdigest()}
        return world.call("POST", "/v1/webhooks/paystack", raw=raw.decode(), headers=headers)

    raw = json.dumps({"event": "charge.success", "data": {"reference": "not-ours"}}).encode()
    assert deliver(raw, raw).body == {"received": True}
    assert (deliver(raw, raw + b" ").status, deliver(raw, raw + b" ").code) == (401, "bad_signature")
    assert (deliver(b"[]", b"[]").status, deliver(b"[]", b"[]").code) == (400, "invalid_json")


def test_a_stage_without_chapa_does_not_take_its_webhooks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.container, "settings", replace(world.container.settings, gateways={"KES": "paystack"}))
    reply = world.deliver(b"{}")
    assert (reply.status, reply.code) == (404, "route_not_found")


def test_queries_of_hosts_and_operators_that_are_not_right(world: World) -> None:
    reply = world.call("GET", "/v1/hosts/me/bookings", by=world.host(), query={"status": "x"})
    assert (reply.status, list(reply.wrong())) == (400, ["status"])
    reply = world.call("GET", "/v1/ops/report", by=world.operator(), query={"from": "2027-02-01", "to": "2027-01-01"})
    assert (reply.status, reply.wrong()) == (400, {"to": "must not be before from"})


def test_a_payment_to_resolve_that_is_not_there(world: World) -> None:
    path = sample("/v1/ops/payments/{tx_ref}/resolve")
    reply = world.call("POST", path, {"as": "accept", "note": "x"}, by=world.operator())
    assert (reply.status, reply.code) == (404, "payment_not_found")


@pytest.mark.parametrize(("refused", "status", "answer"), [(True, 202, "owed"), (False, 409, "refund_under_way")])
def test_a_refund_in_attention_is_posted_again_where_no_money_is_moving(
    world: World, status: int, answer: str, *, refused: bool
) -> None:
    booking = world.paid(world.book())
    tx_ref = booking["payment"]["tx_ref"]
    made = world.call("POST", f"/v1/payments/{tx_ref}/refunds", KEEPING, by=world.operator(), key="k").body
    before = world.container.bookings.load(BookingId(booking["booking_id"]))
    assert before is not None
    now, refund_id = world.clock.now(), made["refund_id"]
    claimed = refunding.claim(before, refund_id, owner="x", actor=Actor("sweep"), now=now)
    stuck = refunding.put_before_person(
        claimed, refund_id, actor=Actor("sweep"), now=now, detail="refused", definitely_not_executed=refused
    )
    world.container.bookings.save(before, stuck)
    body = {"as": "post_again", "note": "The key was wrong."}
    path = f"/v1/ops/refunds/{refund_id}/resolve"
    reply = world.call("POST", path, body, by=world.operator())
    if refused:
        assert (reply.status, reply.code) == (409, "second_person_needed")
        assert world.approve(reply).status == 200
        [refund] = world.read(booking)["payment"]["refunds"]
        assert refund["status"] == answer
        # It went by itself meanwhile: that takes nobody else.
        known = world.container.bookings.load(BookingId(booking["booking_id"]))
        assert known is not None
        world.container.bookings.save(known, replace(stuck, version=known.version))
        reply = world.call("POST", path, body | {"as": "already_refunded"}, by=world.operator())
        assert (reply.status, reply.body["status"]) == (status, "refunded")
    else:
        assert (reply.status, reply.code) == (status, answer)


def _silence(talk: Talk) -> None:
    talk.silence()


def test_verifying_as_older_frontends_do_while_the_gateway_is_not_well(world: World) -> None:
    booking = world.book()
    path = f"/v1/payments/{booking['payment']['tx_ref']}/verify"
    world.impatient()
    for script, status in ((answers(500, b"oops"), 502), (_silence, 504)):
        world.gateway.verify = script
        world.clock.forward(seconds=2)
        assert world.call("GET", path, by=world.guest()).status == status


def test_the_gateways_own_log_while_the_gateway_is_not_well(world: World) -> None:
    booking = world.paid(world.book())
    path = f"/v1/ops/payments/{booking['payment']['tx_ref']}/gateway-events"
    world.impatient()
    for script, status in ((answers(500, b"oops"), 502), (_silence, 504)):
        world.gateway.events = script
        assert world.call("GET", path, by=world.operator()).status == status
