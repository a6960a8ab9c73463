"""The sandbox's version 2 of Chapa's API, beside version 1: one ledger and one page, but two sets of payments."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from local.sandboxes.chapa import SandboxSettings, create_blueprint
from local.sandboxes.chapa.answers_v2 import VERIFY
from local.sandboxes.chapa.faults import FAULTS_OF_V2
from tests.local.sandbox_bench import KEY, SECRET, TX_REF, Bench, Receiver, Reply

KEY_V2 = "CHAPA_TEST_PRIV_bench"
REDIRECT = "https://tour.et/back"


@pytest.fixture
def bench() -> Iterator[Bench]:
    receiver, app = Receiver(), Flask("bench")
    blueprint = create_blueprint(
        SandboxSettings(
            secret_key=KEY,
            secret_key_v2=KEY_V2,
            webhook_secret=SECRET,
            webhook_url=f"{receiver.url}/webhooks",
            public_url="http://127.0.0.1:8001",
            redirect_url=REDIRECT,
            time_scale=10_000.0,
        )
    )
    app.register_blueprint(blueprint)
    try:
        yield Bench(blueprint.sandbox, app, receiver, [])
    finally:
        blueprint.sandbox.close()
        receiver.close()


def ask(bench: Bench, method: str, path: str, *, key: str = KEY_V2, once: str = "", **request: Any) -> Reply:
    headers = {"Authorization": f"Bearer {key}"} | ({"Idempotency-Key": once} if once else {})
    return bench.open(f"/chapa/v2{path}", method=method, headers=headers, **request)


def opened(bench: Bench, *, once: str = "", **changes: Any) -> Reply:
    fields = {
        "amount": 245000,
        "currency": "ETB",
        "merchant_reference": TX_REF,
        "customer": {"first_name": "Hanna", "email": "hanna@gmail.com", "phone_number": "251911223344"},
        "meta": {"booking_id": "x"},
        **changes,
    }
    kept = {name: value for name, value in fields.items() if value is not ...}
    return ask(bench, "POST", "/payments/hosted", once=once, json=kept)


def verified(bench: Bench, reference: str = TX_REF) -> Any:
    answer = ask(bench, "GET", f"/payments/{reference}/verify")
    assert answer.status_code == 200
    return answer.json["data"]


def test_an_opening_and_what_became_of_it(bench: Bench) -> None:
    link = opened(bench).json["data"]["checkout_url"]
    assert link.startswith("http://127.0.0.1:8001/chapa/checkout/")
    assert (verified(bench)["status"], verified(bench)["amount"]) == ("PENDING", "245000")
    bench.pay("failed")
    assert verified(bench)["status"] == "FAILED"
    bench.pay("cancel")
    assert verified(bench)["status"] == "CANCELLED"
    bench.pay()
    data = verified(bench)
    assert data["status"] == "SUCCESS"
    assert verified(bench, data["chapa_reference"]) == data
    assert "mode" not in data


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount": ...}, 400, "MISSING_REQUIRED_FIELD"),
        ({"merchant_reference": ""}, 400, "MISSING_REQUIRED_FIELD"),
        ({"amount": "2450.00"}, 400, "INVALID_VALUE"),
        ({"amount": 0}, 400, "INVALID_VALUE"),
        ({"currency": "KES"}, 400, "INVALID_VALUE"),
        ({"customer": {"phone_number": "0911223344"}}, 400, "INVALID_VALUE"),
        ({"customer": {"email": "hanna"}}, 400, "INVALID_VALUE"),
        ({"merchant_reference": "x" * 21}, 500, "PROCESSING_FAILED"),
        ({"customer": ..., "meta": ...}, 200, None),
    ],
)
def test_what_is_refused(bench: Bench, changes: dict[str, Any], status: int, code: str | None) -> None:
    answer = opened(bench, **changes)
    assert answer.status_code == status
    assert code is None or (answer.json["status"], answer.json["error"]["code"]) == ("error", code)


def test_a_reference_is_used_once_but_the_same_request_is_answered_again(bench: Bench) -> None:
    first = opened(bench, once="k")
    assert opened(bench, once="k").json == first.json
    assert opened(bench, once="k", amount=1).status_code == 409
    assert opened(bench).status_code == 409
    assert opened(bench, once="other").json["error"]["code"] == "INVALID_STATE"


@pytest.mark.parametrize("key", [KEY, "", "CHAPA_TEST_PRIV_other"])
def test_a_key_of_the_other_version_is_refused(bench: Bench, key: str) -> None:
    answer = ask(bench, "GET", f"/payments/{TX_REF}/verify", key=key)
    assert (answer.status_code, answer.json["message"]) == (401, "Invalid API key or User does not exist")
    assert bench.call("GET", f"/transaction/verify/{TX_REF}", key=KEY_V2).status_code == 401


def test_neither_version_knows_the_others_payments(bench: Bench) -> None:
    opened(bench)
    assert bench.verify().status_code == 400
    assert bench.call("PUT", f"/transaction/cancel/{TX_REF}").status_code == 404
    bench.initialize(tx_ref="other")
    answer = ask(bench, "GET", "/payments/other/verify")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "NOT_FOUND")


def test_its_webhook_is_flat_and_in_its_own_words(bench: Bench) -> None:
    opened(bench)
    bench.pay()
    bench.wait_until_idle()
    [received] = bench.receiver.got
    assert received.headers["x-chapa-signature"] == hmac.new(SECRET.encode(), received.body, hashlib.sha256).hexdigest()
    assert (received.json["event"], received.json["status"]) == ("payment.success", "SUCCESS")
    assert received.json["merchant_reference"] == TX_REF
    assert [entry["event"] for entry in bench.log(kind="webhook")] == ["payment.success"]


def test_the_page_has_its_cards_and_leads_to_the_dashboards_address(bench: Bench) -> None:
    path = opened(bench).json["data"]["checkout_url"].removeprefix("http://127.0.0.1:8001")
    page = bench.get(path).text
    for text in ("ETB 2,450.00", "4242 4242 4242 4242", "insufficient funds"):
        assert text in page
    declined = bench.post(path, data={"do": "pay", "method": "card", "account": "4000000000009995"})
    assert declined.location == path
    assert "insufficient funds" in bench.get(path).text
    done = bench.post(path, data={"do": "pay", "method": "card", "account": "4242424242424242"})
    assert done.location == f"{REDIRECT}?merchant_reference={TX_REF}&status=success"


def test_every_way_to_verify_can_be_switched(bench: Bench) -> None:
    opened(bench)
    bench.pay()
    for value in [*VERIFY, "unknown", "processing_failed"]:
        bench.control(v2_verify=value)
        assert ask(bench, "GET", f"/payments/{TX_REF}/verify").status_code in (200, 404, 500)
    table = {row["name"]: row for row in bench.get("/chapa/_control").json["table"]}
    assert set(FAULTS_OF_V2) <= set(table["v2_verify"]["values"])
    assert set(FAULTS_OF_V2) <= set(table["v2_initialize"]["values"])


def test_other_paths_are_not_found(bench: Bench) -> None:
    assert ask(bench, "POST", "/refunds").json["error"]["code"] == "NOT_FOUND"


def test_payments_are_listed_newest_first_by_a_cursor(bench: Bench) -> None:
    for number in range(3):
        opened(bench, merchant_reference=f"GZ0000000000000{number}-1")
    first = ask(bench, "GET", "/payments?limit=2").json["data"]
    assert [item["merchant_reference"] for item in first["items"]] == ["GZ00000000000002-1", "GZ00000000000001-1"]
    assert first["pagination"]["has_more"]
    last = ask(bench, "GET", f"/payments?limit=2&cursor={first['pagination']['next_cursor']}").json["data"]
    assert [item["merchant_reference"] for item in last["items"]] == ["GZ00000000000000-1"]
    assert (last["pagination"]["has_more"], last["pagination"]["next_cursor"]) == (False, None)
    assert last["items"][0]["amount"] == "245000"
    assert ask(bench, "GET", "/payments?cursor=nothing").status_code == 400
    assert ask(bench, "GET", "/payments", key=KEY).status_code == 401
