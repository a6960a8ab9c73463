"""What is written down: one id from the request to the e-mail it caused, and never a secret or a person."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.services.ports.outcomes import Fault, StoreBusy
from tests.adapters.chapa_server import KEY, failed
from tests.api.harness import SHOP, WEBHOOK_SECRET, Person, Reply, World, answers

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """The log lines since it was last called, without the metrics."""

    def read() -> list[dict[str, Any]]:
        written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [line for line in written if "_aws" not in line]

    return read


def of(reply: Reply, written: list[dict[str, Any]], function: str = "api") -> list[str]:
    """The events of one request: all that was written, and all of it under its id and its function."""
    assert {line["request_id"] for line in written} == {reply.request_id}
    assert {line["function"] for line in written} == {function}
    return [line["message"] for line in written]


def test_every_line_of_a_request_carries_its_id(world: World, lines: Lines) -> None:
    listing = world.listing()
    lines()
    reply = world.call("POST", "/v1/bookings", world.request(listing), by=world.guest(), key="k")
    assert of(reply, lines()) == ["booking_held", "payment_opened", "answered"]
    assert of(world.webhook(reply.body["payment"]["tx_ref"]), lines(), "webhooks") == [
        "webhook_received",
        "payment_verified",
        "answered",
    ]
    written = lines
    refused = world.call("POST", "/v1/bookings", {}, by=world.guest(), key="k")
    [line, answered] = written()
    assert (line["message"], line["code"], line["request_id"]) == ("refused", "invalid_request", refused.request_id)
    assert (answered["method"], answered["route"], answered["status"]) == ("POST", "/v1/bookings", 400)
    assert isinstance(answered["duration_ms"], int)
    assert of(world.call("GET", "/health"), lines()) == ["answered"]
    forged = world.call("POST", "/v1/webhooks/chapa", raw="{}")
    assert of(forged, lines(), "webhooks") == ["webhook_refused", "answered"]


def test_the_id_goes_from_the_request_to_the_e_mail(world: World, lines: Lines) -> None:
    reply = world.call("POST", "/v1/bookings", world.request(world.listing()), by=world.guest(), key="k")
    booking = world.paid(reply.body)
    messages = world.messages(world.resources.emails_queue_url)
    task = {"booking_id": booking["booking_id"], "entries": ["1", "2", "3"], "request_id": reply.request_id}
    assert [json.loads(message["Body"]) for message in messages] == [task]
    world.container.queue.enqueue_outbox(world.container.task_of(json.dumps(task)))
    lines()
    addresses = world.deliver_letters()
    assert "hanna.tesfaye@gmail.com" in addresses
    written = lines()
    assert {line["request_id"] for line in written} == {reply.request_id}
    assert {line["message"] for line in written} == {"email_sent", "line_written"}
    assert {line["lambda_request_id"] for line in written} == {"lambda-1"}


def test_a_crash_is_told_to_the_log_only(world: World, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("marked hanna@gmail.com")

    monkeypatch.setattr(world.container.bookings, "load", broken)
    reply = world.call("GET", "/v1/bookings/GZ4T1B8WCD7K2M9Q", by=world.guest())
    assert (reply.status, reply.code, reply.body["retryable"]) == (500, "internal_error", True)
    crashed, answered = lines()
    assert (crashed["message"], crashed["level"], crashed["cause"]) == ("crashed", "ERROR", "RuntimeError")
    assert "chalicelib.services.access" in crashed["trace"]
    assert "marked" not in reply.text + json.dumps([crashed, answered])


@pytest.mark.parametrize("trouble", [StoreBusy("marked"), Fault("marked")])
def test_when_the_store_is_busy_it_may_be_tried_again(
    world: World, lines: Lines, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def busy(*_: Any, **__: Any) -> None:
        raise trouble

    monkeypatch.setattr(world.container.bookings, "load", busy)
    reply = world.call("GET", "/v1/bookings/GZ4T1B8WCD7K2M9Q", by=world.guest())
    assert (reply.status, reply.code, reply.body["retryable"]) == (503, "busy", True)
    assert int(reply.headers["Retry-After"]) > 0
    assert "marked" not in reply.text + json.dumps(lines())


MARKS = {
    "first_name": "Markfirst",
    "last_name": "Marklast",
    "email": "marked.mailbox@gmail.com",
    "phone": "0911987654",
}
SECRETS = (*MARKS.values(), "251911987654", "911987654", "marked", "Marked", WEBHOOK_SECRET, KEY, "CHASECK")


def test_nothing_that_is_personal_or_secret_is_ever_logged(
    world: World, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Marked values through every path, the ones that fail too; then all that was written is looked through."""
    caplog.set_level(logging.DEBUG, logger="urllib3")
    guest = Person("guest-markedperson")
    more: dict[str, Any] = {"contact": MARKS, "return_url": f"{SHOP}/marked-path?marked=1"}
    listing = world.listing(title="Markedhouse", description="Marked words", address="Marked Road 7")
    token = {"authorization": "Bearer marked.token.value", "cookie": "marked=1", "user-agent": "marked"}
    key = "marked-key"

    def paths(booking: dict[str, Any]) -> None:
        tx_ref, booking_id = booking["payment"]["tx_ref"], booking["booking_id"]
        calls: list[tuple[str, str, Any]] = [
            ("GET", f"/v1/bookings/{booking_id}", None),
            ("PATCH", f"/v1/bookings/{booking_id}", {"contact": {"first_name": "Markedmore"}}),
            ("POST", f"/v1/bookings/{booking_id}/payments", {}),
            ("GET", f"/v1/payments/{tx_ref}", None),
            ("POST", f"/v1/payments/{tx_ref}/verify", {}),
            ("GET", f"/v1/payments/{tx_ref}/events", None),
            ("GET", f"/pay/{tx_ref}", None),
            ("POST", f"/pay/{tx_ref}", None),
            ("GET", f"/v1/payments/chapa/callback/{tx_ref}", None),
            ("POST", f"/v1/payments/{tx_ref}/refunds", {"reason": "Marked reason", "amount": 1}),
            ("POST", f"/v1/bookings/{booking_id}/end-stay", {"as": "no_show", "note": "Marked reason"}),
            ("POST", f"/v1/bookings/{booking_id}/cancel", {"reason": "Marked reason"}),
        ]
        for method, path, body in calls:
            for person in (guest, world.operator()):
                world.call(method, path, body, by=person, key=key, headers=token)

    booking = world.book(listing, by=guest, key=key, **more)
    raw = json.dumps({"event": "charge.success", "tx_ref": booking["payment"]["tx_ref"], **MARKS}).encode()
    world.deliver(raw)
    world.gateway.says, world.gateway.changed = "success", {"email": MARKS["email"], "first_name": "Markfirst"}
    world.clock.forward(seconds=10)
    world.deliver(raw)
    paths(booking)
    world.deliver_letters()

    world.gateway.open = answers(400, failed({"email": [f"{MARKS['email']} is marked"], "phone": "0911987654"}))
    paths(world.book(listing, by=guest, key="refused-" + key, **more))
    world.gateway.open = world.gateway.verify = answers(500, json.dumps(failed("marked " + KEY)).encode())
    paths(world.book(listing, by=guest, key="broken-" + key, **more))

    wrong = world.request(listing, contact=MARKS | {"email": "marked", "marked": "marked"}, units="marked")
    world.call("POST", "/v1/bookings", wrong, by=guest, key=key, headers=token)
    world.call("POST", "/v1/bookings", raw='{"marked": "marked"', by=guest, key=key)
    world.call("POST", "/v1/bookings", wrong, by=Person("marked", exp="marked"), key="marked key", headers=token)
    world.call("GET", "/v1/listings", query={"city": "Marked", "marked": "marked", "cursor": "marked"})
    world.call("GET", "/v1/bookings", query={"cursor": "marked"}, by=guest)
    world.call("GET", "/v1/payments/marked", by=guest)
    world.call("GET", "/pay/marked")
    world.deliver(b'{"marked": 1}', secret="marked")
    world.deliver(b"marked")
    world.deliver(json.dumps({"event": "marked event", "tx_ref": MARKS["email"]}).encode())
    for name in ("load", "save"):
        with pytest.MonkeyPatch.context() as patch:

            def crash(*_: Any, **__: Any) -> None:
                raise ValueError(f"marked {MARKS}")

            patch.setattr(world.container.bookings, name, crash)
            world.call("GET", f"/v1/bookings/{booking['booking_id']}", by=guest)
            world.call("POST", f"/v1/bookings/{booking['booking_id']}/cancel", {"reason": "Marked"}, by=guest)

    out, err = capfd.readouterr()
    assert len(out.splitlines()) > 100
    assert err == ""
    for secret in SECRETS:
        assert secret not in out, next(line for line in out.splitlines() if secret in line)


def test_a_line_never_drops_a_field_that_the_code_meant_to_show(world: World, lines: Lines) -> None:
    booking = world.paid(world.book())
    world.call("GET", f"/v1/payments/chapa/callback/{booking['payment']['tx_ref']}")
    world.deliver(b'{"event": "payout.success"}')
    world.call("POST", "/v1/bookings", {}, by=world.guest(), key="k")
    world.deliver_letters()
    assert not [line for line in lines() if "dropped" in line]
