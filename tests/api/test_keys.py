"""A key that cannot work stops payments and nothing else: the log says which to take, and what it stopped goes on."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from tests.adapters.chapa_server import KEY, Keys
from tests.api.harness import World

WRONG = ["marked-nonsense", "CHASECK-marked-live", "CHAPUBK_TEST-marked"]


@pytest.fixture
def keys(world: World, monkeypatch: pytest.MonkeyPatch) -> Keys:
    """The secrets of the gateway, to be changed at will."""
    secrets = world.container.secrets
    given = Keys(chapa_secret_key=KEY, chapa_webhook_secret=secrets.get("chapa_webhook_secret"))
    monkeypatch.setattr(cast(Any, world.container.gateways.named("chapa")), "_secrets", given)
    return given


@pytest.mark.parametrize("wrong", WRONG)
def test_a_booking_is_kept_and_paid_for_once_the_key_is_right(
    world: World, keys: Keys, wrong: str, capfd: pytest.CaptureFixture[str]
) -> None:
    keys.named["chapa_secret_key"] = wrong
    booking = world.book()
    assert (booking["status"], booking["payment"]["status"]) == ("pending_payment", "failed")
    problem = booking["payment"]["problem"]
    assert (problem["code"], problem["status"], problem["retryable"]) == ("gateway_bad_answer", 502, True)
    path = f"/v1/bookings/{booking['booking_id']}/payments"
    reply = world.call("POST", path, {}, by=world.guest())
    assert (reply.status, reply.code) == (502, "gateway_bad_answer")
    assert world.gateway.asked == [], "nothing was sent"

    out, err = capfd.readouterr()
    assert "marked" not in out + err + json.dumps(booking) + reply.text
    lines = [json.loads(line) for line in out.splitlines()]
    told = [line for line in lines if line.get("message") == "key_unusable"]
    assert [line["level"] for line in told] == ["ERROR", "ERROR"]
    assert all("chapa_secret_key" in line["detail"] and "CHASECK_TEST-" in line["detail"] for line in told)
    assert sum(line["key_unusable"][0] for line in lines if "_aws" in line and "key_unusable" in line) == 2
    assert not [line for line in lines if line.get("message") == "crashed"]

    keys.named["chapa_secret_key"] = KEY
    paid = world.call("POST", path, {}, by=world.guest())
    assert (paid.status, paid.body["status"]) == (201, "pending")
    assert world.paid(booking | {"payment": paid.body})["status"] == "confirmed"


def test_money_that_came_while_the_key_was_wrong_is_found(world: World, keys: Keys) -> None:
    booking = world.book()
    tx_ref = booking["payment"]["tx_ref"]
    world.gateway.says = "success"
    keys.named["chapa_secret_key"] = WRONG[0]
    world.clock.forward(minutes=1)
    assert world.webhook(tx_ref).status == 200
    reply = world.call("POST", f"/v1/payments/{tx_ref}/verify", {}, by=world.guest())
    assert (reply.status, reply.code) == (502, "gateway_bad_answer")
    assert world.call("GET", f"/pay/{tx_ref}").status == 200
    assert world.read(booking)["payment"]["status"] == "pending"
    keys.named["chapa_secret_key"] = KEY
    world.clock.forward(minutes=1)
    assert world.call("POST", f"/v1/payments/{tx_ref}/verify", {}, by=world.guest()).body["status"] == "completed"
    assert world.read(booking)["status"] == "confirmed"


def test_a_key_that_cannot_be_read_holds_nothing_up_but_the_link(world: World, keys: Keys) -> None:
    del keys.named["chapa_secret_key"]
    booking = world.book()
    assert (booking["status"], booking["payment"]["status"]) == ("pending_payment", "failed")
    assert booking["payment"]["problem"]["code"] == "gateway_unreachable"
