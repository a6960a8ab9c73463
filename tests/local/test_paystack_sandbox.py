"""The Paystack sandbox: its calls, its page, its webhooks and its controls, as the fact sheet has them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from chalicelib.adapters.gateways.paystack.parsing import read_payouts, read_transactions
from chalicelib.adapters.gateways.transport import HttpResponse
from local.sandboxes.core.switches import Choice
from local.sandboxes.paystack import SandboxBlueprint, SandboxSettings, create_blueprint
from local.sandboxes.paystack.answers import FAULTS
from local.sandboxes.paystack.switches import SWITCHES
from tests.local.sandbox_bench import Receiver, Reply

KEY = "sk_test_bench"
REFERENCE = "GZ4T1B8WCD7K2M9Q-1"
HOME = "https://api.tour.et/v1/payments/paystack/callback"


@dataclass
class Bench:
    app: Flask
    blueprint: SandboxBlueprint
    receiver: Receiver
    clock: list[datetime]

    def call(self, method: str, path: str, *, key: str = KEY, **request: Any) -> Reply:
        headers = {"Authorization": f"Bearer {key}"}
        return self.app.test_client().open(f"/paystack{path}", method=method, headers=headers, **request)  # type: ignore[return-value]

    def initialize(self, **changes: Any) -> Reply:
        fields = {
            "email": "hanna.tesfaye@gmail.com",
            "amount": 245000,
            "currency": "KES",
            "reference": REFERENCE,
            "callback_url": HOME,
            "metadata": {"booking_id": "GZ4T1B8WCD7K2M9Q"},
            **changes,
        }
        kept = {name: value for name, value in fields.items() if value is not ...}
        return self.call("POST", "/transaction/initialize", json=kept)

    def verified(self) -> Any:
        answer = self.call("GET", f"/transaction/verify/{REFERENCE}")
        assert answer.status_code == 200
        assert answer.json["status"] is True
        return answer.json["data"]

    def control(self, **switches: Any) -> None:
        assert self.call("POST", "/_control", json=switches).status_code == 200

    def pay(self, outcome: str = "success") -> None:
        assert self.call("POST", "/_pay", json={"tx_ref": REFERENCE, "outcome": outcome}).status_code == 200
        self.wait_until_idle()

    def paid(self) -> None:
        assert self.initialize().status_code == 200
        self.pay()

    def refund(self, **fields: Any) -> Reply:
        return self.call("POST", "/refund", json={"transaction": REFERENCE, **fields})

    def wait_until_idle(self) -> None:
        while not self.blueprint.sandbox.idle():
            pass

    def events(self) -> list[Any]:
        return [received.json for received in self.receiver.got]


@contextmanager
def a_bench(time_scale: float = 10_000.0) -> Iterator[Bench]:
    clock, receiver, app = [datetime(2027, 1, 2, 9, 15, 30, tzinfo=UTC)], Receiver(), Flask("bench")
    blueprint = create_blueprint(
        SandboxSettings(
            secret_key=KEY,
            webhook_secret="",
            webhook_url=f"{receiver.url}/webhooks",
            public_url="http://127.0.0.1:8001",
            now=lambda: clock[0],
            time_scale=time_scale,
        )
    )
    app.register_blueprint(blueprint)
    try:
        yield Bench(app, blueprint, receiver, clock)
    finally:
        blueprint.sandbox.close()
        receiver.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    with a_bench() as made:
        yield made


def test_an_opening(bench: Bench) -> None:
    answer = bench.initialize()
    assert answer.status_code == 200
    assert (answer.json["status"], answer.json["message"]) == (True, "Authorization URL created")
    data = answer.json["data"]
    assert data["authorization_url"].startswith("http://127.0.0.1:8001/paystack/checkout/")
    assert (data["reference"], len(data["access_code"])) == (REFERENCE, 15)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"email": ...}, "missing_params"),
        ({"amount": ...}, "missing_params"),
        ({"email": "hanna"}, "invalid_email_address"),
        ({"amount": 0}, "invalid_amount"),
        ({"amount": "2450.00"}, "invalid_amount"),
        ({"amount": 2450.5}, "invalid_amount"),
        ({"currency": "ETB"}, "unsupported_currency"),
        ({"reference": "GZ_1"}, "invalid_params"),
    ],
)
def test_what_is_refused(bench: Bench, changes: dict[str, Any], code: str) -> None:
    answer = bench.initialize(**changes)
    assert answer.status_code == 400
    assert answer.json["status"] is False
    assert (answer.json["code"], answer.json["type"]) == (code, "validation_error")


def test_a_reference_is_used_once(bench: Bench) -> None:
    bench.initialize()
    answer = bench.initialize()
    assert (answer.status_code, answer.json["code"]) == (400, "duplicate_reference")


def test_a_wrong_key(bench: Bench) -> None:
    answer = bench.call("GET", "/transaction/verify/x", key="sk_test_other")
    assert (answer.status_code, answer.json) == (401, {"status": False, "message": "Invalid key"})


def test_a_fresh_link_is_abandoned_and_a_failure_is_not_announced(bench: Bench) -> None:
    bench.initialize()
    assert (bench.verified()["status"], bench.verified()["paid_at"]) == ("abandoned", None)
    bench.pay("failed")
    assert bench.verified()["status"] == "failed"
    bench.pay("cancel")
    assert bench.verified()["status"] == "abandoned"
    assert bench.receiver.got == []


def test_a_paid_one(bench: Bench) -> None:
    bench.paid()
    data = bench.verified()
    assert (data["status"], data["amount"], data["requested_amount"], data["currency"]) == (
        "success",
        245000,
        245000,
        "KES",
    )
    assert (data["domain"], data["reference"], data["fees"]) == ("test", REFERENCE, 6125)
    assert data["metadata"] == {"booking_id": "GZ4T1B8WCD7K2M9Q"}
    assert data["paid_at"] == "2027-01-02T09:15:30.000Z"
    assert type(data["id"]) is int
    assert bench.call("GET", "/transaction/verify/never").status_code == 404


def test_the_webhook_is_signed_under_the_secret_key(bench: Bench) -> None:
    bench.paid()
    [received] = bench.receiver.got
    assert received.json["event"] == "charge.success"
    assert "requested_amount" not in received.json["data"]
    right = hmac.new(KEY.encode(), received.body, hashlib.sha512).hexdigest()
    assert received.headers["x-paystack-signature"] == right


def test_a_refund_from_asked_for_to_done(bench: Bench) -> None:
    bench.paid()
    made = bench.refund(amount=245000, merchant_note="over").json["data"]
    bench.wait_until_idle()
    assert (made["status"], made["amount"], made["merchant_note"]) == ("pending", 245000, "over")
    assert made["transaction"]["reference"] == REFERENCE
    path = f"/refund/{made['id']}"
    found = bench.call("GET", path).json
    assert found["message"] == "Refund retrieved"
    assert type(found["data"]["transaction"]) is int
    statuses = []
    for _ in range(3):
        statuses.append(bench.call("GET", path).json["data"]["status"])
        bench.clock[0] += timedelta(hours=12)
    assert statuses == ["pending", "processing", "processed"]
    assert bench.verified()["status"] == "reversed"
    bench.receiver.wait_for(3)
    last = bench.events()[-1]
    assert [event["event"] for event in bench.events()] == ["charge.success", "refund.pending", "refund.processed"]
    assert (last["data"]["transaction_reference"], last["data"]["amount"]) == (REFERENCE, "245000")


@pytest.mark.parametrize(("reverses", "status"), [("whole", "success"), ("any", "success"), ("at_once", "reversed")])
def test_when_a_refund_reverses_the_payment_is_switched(bench: Bench, reverses: str, status: str) -> None:
    bench.control(refund_reverses=reverses)
    bench.paid()
    bench.refund(amount=1000)
    assert bench.verified()["status"] == status
    bench.clock[0] += timedelta(days=2)
    assert bench.verified()["status"] == ("success" if reverses == "whole" else "reversed")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"amount": 245001}, 400),
        ({"amount": "x"}, 400),
        ({"transaction": "never"}, 404),
        ({}, 200),
        ({"amount": 1}, 200),
    ],
)
def test_refunds_that_are_taken_and_that_are_not(bench: Bench, fields: dict[str, Any], status: int) -> None:
    assert bench.refund().status_code == 404
    bench.initialize()
    assert bench.refund().status_code == 400, "nobody paid"
    bench.pay()
    assert bench.refund(**fields).status_code == status


def test_a_refund_by_the_payments_id(bench: Bench) -> None:
    bench.paid()
    assert bench.refund(transaction=str(bench.verified()["id"])).status_code == 200


def test_every_default_is_one_of_its_values_and_every_call_has_the_faults(bench: Bench) -> None:
    table = {row["name"]: row for row in bench.call("GET", "/_control").json["table"]}
    assert list(table) == list(SWITCHES)
    for name, switch in SWITCHES.items():
        assert switch.check(switch.default) is None, name
        assert not isinstance(switch, Choice) or all(switch.values.values())
    for call in ("initialize", "verify", "refund", "refund_verify"):
        assert set(FAULTS) <= set(table[call]["values"])


def test_every_way_to_verify_can_be_switched(bench: Bench) -> None:
    bench.paid()
    choice = SWITCHES["verify"]
    assert isinstance(choice, Choice)
    for value in set(choice.values) - set(FAULTS):
        bench.control(verify=value)
        answer = bench.call("GET", f"/transaction/verify/{REFERENCE}")
        assert answer.status_code in (200, 400, 404), value


def test_the_page_takes_the_test_card_only_and_leads_back_with_the_reference(bench: Bench) -> None:
    link = bench.initialize().json["data"]["authorization_url"]
    path = link.removeprefix("http://127.0.0.1:8001/paystack")
    page = bench.call("GET", path).text
    for text in ("stands in for Paystack", "KES 2,450.00", "4084 0840 8408 4081", REFERENCE, 'name="viewport"'):
        assert text in page
    assert "telebirr" not in page
    declined = bench.call("POST", path, data={"do": "pay", "method": "card", "account": "4242424242424242"})
    assert declined.location == f"/paystack{path}"
    failed = bench.call("GET", path).text
    assert "That payment failed.</strong> Card 4242 4242 4242 4242 was declined" in failed
    assert 'value="4000 0000 0000 0002"' in failed
    done = bench.call("POST", path, data={"do": "pay", "method": "card", "account": "4084 0840 8408 4081"})
    assert (done.status_code, done.location) == (303, f"{HOME}?trxref={REFERENCE}&reference={REFERENCE}")
    assert bench.verified()["status"] == "success"


@pytest.mark.parametrize(
    ("retry", "pauses"),
    [("test", [3600.0] * 72), ("live", [180.0] * 4 + [3600.0] * 68), ("never", [])],
)
def test_a_webhook_that_is_not_taken_comes_again(retry: str, pauses: list[float]) -> None:
    again = create_blueprint(
        SandboxSettings(secret_key=KEY, webhook_secret="", webhook_url="http://x", public_url="http://x")
    ).sandbox.gateway.format.retry_delay
    found: list[float] = []
    while (pause := again(retry, len(found))) is not None:
        found.append(pause)
    assert found == pauses


def test_a_refused_delivery_is_tried_again() -> None:
    with a_bench(time_scale=100_000.0) as bench:
        bench.receiver.statuses = [500, 201, 200]
        bench.paid()
        assert len(bench.receiver.wait_for(3)) == 3
        assert len({received.body for received in bench.receiver.got}) == 1


def test_before_initialize_has_answered(bench: Bench) -> None:
    bench.control(webhook="before_initialize")
    bench.initialize()
    assert [event["event"] for event in bench.events()] == ["charge.success"]
    assert bench.verified()["status"] == "success"


def test_webhooks_at_will_and_money_that_nobody_opened(bench: Bench) -> None:
    asked = {"tx_ref": "GZNOBODY-1", "paid": True, "amount": "7350.00", "signature": "sha256"}
    assert bench.call("POST", "/_webhook", json=asked).json["answers"] == [{"status": 200, "answer": "ok"}]
    [received] = bench.receiver.got
    assert len(received.headers["x-paystack-signature"]) == 64
    answer = bench.call("GET", "/transaction/verify/GZNOBODY-1").json
    assert (answer["data"]["status"], answer["data"]["amount"]) == ("success", 735000)


def test_the_log_keeps_no_key(bench: Bench) -> None:
    bench.paid()
    log = bench.call("GET", "/_log").json
    assert [entry["kind"] for entry in log] == ["request", "webhook"]
    assert log[0]["body"]["amount"] == 245000
    assert KEY not in json.dumps(log)


def test_other_paths_are_not_found(bench: Bench) -> None:
    for path in ("/transaction/charge_authorization", "/refund/a/b"):
        assert bench.call("POST", path).json == {"status": False, "message": "Entity not found"}


# Disputes


def dispute(bench: Bench, do: str, **fields: Any) -> Any:
    answer = bench.call("POST", "/_dispute", json={"tx_ref": REFERENCE, "do": do, **fields})
    assert answer.status_code == 200
    bench.wait_until_idle()
    return answer.json


def test_a_dispute_is_announced_read_and_reminded_of(bench: Bench) -> None:
    bench.paid()
    made = dispute(bench, "create", amount="24.50", due_seconds=3600)
    assert (made["status"], made["refund_amount"], made["dueAt"]) == (
        "awaiting-merchant-feedback",
        2450,
        "2027-01-02T10:15:30.000Z",
    )
    for path in (f"/dispute/{made['id']}", f"/dispute/transaction/{bench.verified()['id']}"):
        answer = bench.call("GET", path)
        assert (answer.status_code, answer.json["data"]) == (200, made)
    assert bench.call("GET", "/dispute").json["data"] == [made]
    assert bench.call("GET", "/dispute", query_string={"status": "resolved"}).json["data"] == []
    dispute(bench, "remind")
    *_, created, reminded = bench.events()
    assert [created["event"], reminded["event"]] == ["charge.dispute.create", "charge.dispute.remind"]
    # The reference stands in the transaction only, and the dates have other names than in the API.
    assert (created["data"]["transaction_reference"], created["data"]["transaction"]["reference"]) == (None, REFERENCE)
    assert created["data"]["created_at"] == made["createdAt"]
    assert bench.verified()["status"] == "success"


@pytest.mark.parametrize(
    ("do", "status", "resolution", "payment", "told"),
    [
        ("answer", "awaiting-bank-feedback", None, "success", False),
        ("won", "resolved", "declined", "success", True),
        ("lost", "resolved", "merchant-accepted", "reversed", True),
        ("missed", "resolved", "auto-accepted", "reversed", True),
    ],
)
def test_how_a_dispute_goes_on(
    bench: Bench, do: str, status: str, resolution: str | None, payment: str, *, told: bool
) -> None:
    bench.paid()
    number = dispute(bench, "create")["id"]
    before = len(bench.events())
    dispute(bench, do)
    data = bench.call("GET", f"/dispute/{number}").json["data"]
    assert (data["id"], data["status"], data["resolution"]) == (number, status, resolution)
    assert bench.verified()["status"] == payment
    assert [event["event"] for event in bench.events()[before:]] == (["charge.dispute.resolve"] if told else [])


def test_a_part_that_is_lost_reverses_nothing(bench: Bench) -> None:
    bench.paid()
    dispute(bench, "create", amount="1.00", webhook=False)
    dispute(bench, "lost", webhook=False)
    assert (bench.verified()["status"], len(bench.events())) == ("success", 1)


def test_what_is_no_dispute(bench: Bench) -> None:
    assert bench.call("POST", "/_dispute", json={"tx_ref": REFERENCE}).status_code == 404
    bench.initialize()
    assert bench.call("POST", "/_dispute", json={"tx_ref": REFERENCE}).status_code == 404
    bench.pay()
    assert bench.call("POST", "/_dispute", json={"tx_ref": REFERENCE, "do": "won"}).status_code == 409
    assert bench.call("POST", "/_dispute", json={"tx_ref": REFERENCE, "do": "x"}).status_code == 400
    for path in ("/dispute/2867", "/dispute/transaction/1"):
        answer = bench.call("GET", path)
        assert (answer.status_code, answer.json) == (404, {"status": False, "message": "Dispute not found"})
    assert bench.call("GET", "/dispute/2867", key="sk_test_other").status_code == 401


def test_what_was_paid_on_a_day_is_settled_on_the_next(bench: Bench) -> None:
    """One lump of each currency a day; read by the app's own adapter, each adds up."""
    bench.paid()
    other = "GZ4T1B8WCD7K2M9R-1"
    assert bench.initialize(reference=other, currency="USD", amount=1000).status_code == 200
    assert bench.call("POST", "/_pay", json={"tx_ref": other, "outcome": "success"}).status_code == 200
    bench.wait_until_idle()
    assert bench.call("GET", "/settlement").json["data"] == [], "their day is not over"
    bench.clock[0] += timedelta(days=1)
    answer = bench.call("GET", "/settlement")
    payouts = read_payouts(HttpResponse(200, {}, answer.data)).payouts
    assert [(each.currency, each.gross) for each in payouts] == [("USD", 1000), ("KES", 245000)]
    kes = payouts[1]
    assert kes.on == bench.clock[0].date()
    assert (kes.gross - kes.fees, kes.paid) == (kes.net, kes.net)
    inside = bench.call("GET", f"/settlement/{kes.payout_id}/transactions")
    [row] = read_transactions(HttpResponse(200, {}, inside.data)).rows
    assert (row.tx_ref, row.status, row.amount) == (REFERENCE, "paid", "2450.00")
    assert Decimal(row.fee) * 100 == kes.fees
    # Pages, as of transactions.
    first = read_payouts(HttpResponse(200, {}, bench.call("GET", "/settlement?perPage=1").data))
    assert (len(first.payouts), first.more, first.cursor) == (1, True, "2")
    for path in ("/settlement/1/transactions", "/settlement/x/transactions"):
        assert bench.call("GET", path).status_code == 404
