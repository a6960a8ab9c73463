"""What gateways send unsigned: it makes us ask, leads the guest to the page, and does nothing else."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

import pytest

from chalicelib.gateways import GATEWAYS
from tests.adapters.chapa_server import failed
from tests.api.harness import OPENS, World, answers

PAGE = "https://api.guzo.example/api/pay/"
OURS = "GZ4T1B8WCD7K2M9Q-1"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_callback_is_a_nudge(world: World, method: str) -> None:
    booking = world.book()
    tx_ref = booking["payment"]["tx_ref"]
    path = f"/v1/payments/chapa/callback/{tx_ref}"
    world.gateway.says = "success"
    world.clock.forward(minutes=1)
    query = {"trx_ref": "GZ00000000000000-1", "ref_id": "x", "status": "failed"}
    reply = world.call(method, path, query=query, raw="status=failed", content_type="text/plain")
    assert (reply.status, reply.body) == (200, {"received": True})
    assert world.read(booking)["status"] == "confirmed"


def test_a_callback_makes_nobody_flood_the_gateway(world: World) -> None:
    path = f"/v1/payments/chapa/callback/{world.book()['payment']['tx_ref']}"
    for _ in range(5):
        assert world.call("GET", path).status == 200
    assert world.gateway.looks() == 1
    world.clock.forward(seconds=5.1)
    world.call("GET", path)
    assert world.gateway.looks() == 2


@pytest.mark.parametrize("attempt", [1, 2])
def test_how_soon_a_nudge_brings_another_look_goes_by_the_age_of_its_payment(world: World, attempt: int) -> None:
    if attempt == 2:
        world.gateway.open = answers(400, failed("It is refused."))
        booking = world.book()
        world.clock.forward(minutes=25)
        world.gateway.open = OPENS
        opened = world.call("POST", f"/v1/bookings/{booking['booking_id']}/payments", by=world.guest())
        tx_ref = opened.body["tx_ref"]
    else:
        tx_ref = world.book()["payment"]["tx_ref"]
    path = f"/v1/payments/chapa/callback/{tx_ref}"
    looks = []
    # Seconds since the look before: at least five, and a tenth of the payment's age.
    for seconds in (60, 6.5, 0.6, 60, 12.5, 1.7):
        world.clock.forward(seconds=seconds)
        world.call("GET", path)
        looks.append(world.gateway.asked.count(f"GET verify/{tx_ref}"))
    assert looks == [1, 1, 2, 3, 3, 4]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_callback_is_always_answered_200(world: World, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    booking = world.book()
    path = "/v1/payments/chapa/callback/"
    before = world.stored()
    world.touched.clear()
    for strange in ("x", "GZ", "SALT", "GZ4T1B8WCD7K2M9Q", "GZ4T1B8WCD7K2M9Q-100", "' OR 1", "\ud800"):
        assert world.call(method, path + strange).body == {"received": True}
    assert world.touched == []
    assert world.call(method, path + "GZ00000000000000-1").body == {"received": True}
    assert world.stored() == before
    assert world.gateway.looks() == 0, "an unsigned call makes nobody ask for a reference that is not ours"
    world.gateway.verify = answers(500, b"")
    assert world.call(method, path + booking["payment"]["tx_ref"]).status == 200
    world.clock.forward(minutes=1)

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("marked")

    monkeypatch.setattr(world.container.bookings, "load", broken)
    assert world.call(method, path + booking["payment"]["tx_ref"]).body == {"received": True}


def leads_to(world: World, gateway: str, query: dict[str, Any] | None) -> str:
    path = f"/v1/payments/{gateway}/callback"
    reply = world.call("GET", path, query=query)
    assert (reply.status, reply.text) == (303, "")
    return urljoin(f"https://api.guzo.example/api{path}", reply.headers["Location"])


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize(
    "name", ["reference", "trxref", "tx_ref", "trx_ref", "merchant_reference", "merchant_referece"]
)
def test_the_guest_who_comes_back_is_led_to_the_page_and_nowhere_else(world: World, gateway: str, name: str) -> None:
    world.touched.clear()
    assert leads_to(world, gateway, {name: OURS, "status": "success"}) == PAGE + OURS
    for strange in (
        "",
        "x",
        "//evil.example",
        "https://evil.example",
        "../../evil",
        f"{OURS}/..",
        f"{OURS}@evil.example",
        f"{OURS}-R1",
        "a\r\nb: c",
        "\ud800",
    ):
        assert leads_to(world, gateway, {name: strange}) == PAGE + "unknown"
    assert leads_to(world, gateway, None) == PAGE + "unknown"
    assert world.touched == [], "nothing is read or written for an address that anybody can make up"


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_of_several_references_ours_is_taken(world: World, gateway: str) -> None:
    query = {"chapa_reference": "CHk7Wq2ZtR9d", "reference": ["CHk7Wq2ZtR9d", OURS], "tx_ref": "x", "next": "//evil"}
    assert leads_to(world, gateway, query) == PAGE + OURS


def test_what_the_query_says_of_a_payment_is_not_believed(world: World) -> None:
    booking = world.book()
    tx_ref = booking["payment"]["tx_ref"]
    world.clock.forward(minutes=1)
    query = {"merchant_reference": tx_ref, "status": "success"}
    assert leads_to(world, "chapa", query) == PAGE + tx_ref
    assert world.call("GET", f"/pay/{tx_ref}").status == 200
    assert world.gateway.looks() == 1, "the page asks"
    assert world.read(booking)["status"] == "pending_payment"
    world.gateway.says = "success"
    world.clock.forward(minutes=1)
    world.call("GET", f"/pay/{tx_ref}")
    assert world.read(booking)["status"] == "confirmed"
