"""The webhooks and callbacks that the sandbox sends, and how they are signed."""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from local.sandboxes.chapa import webhooks
from local.sandboxes.chapa.answers_v1 import json_as_php
from local.sandboxes.core.webhook_sender import SigningKeys
from tests.local.sandbox_bench import KEY, SECRET, TX_REF, Bench, Received, a_bench

CONSTANT = "9b052bd56b5798cacd132759a3ce04f5c918015c8423c1e4d5225271e23ed6dc"
BODY_A = {
    "event": "charge.success",
    "status": "success",
    "mode": "test",
    "tx_ref": "BK7Q2M-a1-9f3c",
    "amount": "2450.00",
}
BODY_B = {"event": "charge.failed/cancelled", "tx_ref": "BK7Q2M-a1-9f3c"}


@pytest.fixture
def bench() -> Iterator[Bench]:
    with a_bench() as made:
        yield made


def signed_rightly(received: Received) -> bool:
    right = hmac.new(SECRET.encode(), received.body, hashlib.sha256).hexdigest()
    return received.headers.get("x-chapa-signature") == right


def test_the_test_vectors() -> None:
    vectors = {
        json_as_php(BODY_A): "02ec49948d642925704e9ac944e1521abe0e60aaa8ce49f4416ac5a1872aa34c",
        json.dumps(BODY_A).encode(): "7037e68073459e309ee2a2ba81b455c60eca6910ef0776682072f4b795dcb901",
        json_as_php(BODY_B): "f080d4df74e4b8a4dc2208b2348d0504198383c8b5d9c15f4124d89638a86c0c",
        json_as_php(BODY_B).replace(b"\\", b""): ("d136477f0706b25ee4918b37e6f917f13f1e886da115bed0bf415d4b947a2e25"),
    }
    for body, signature in vectors.items():
        assert webhooks.body_signature(body, SECRET) == signature
    assert webhooks.constant_signature(SECRET) == CONSTANT
    assert json_as_php(BODY_B) == rb'{"event":"charge.failed\/cancelled","tx_ref":"BK7Q2M-a1-9f3c"}'


def test_a_success(bench: Bench) -> None:
    bench.paid(callback="never")
    [received] = bench.webhooks()
    assert received.method == "POST"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["chapa-signature"] == CONSTANT
    assert signed_rightly(received)
    assert received.json == {
        "event": "charge.success", "first_name": "Hanna", "last_name": "Tesfaye",
        "email": "hanna.tesfaye@gmail.com", "mobile": "251900123456", "currency": "ETB",
        "amount": "2450.00", "charge": "61.25", "status": "success", "failure_reason": None, "mode": "test",
        "reference": bench.verified()["reference"],
        "created_at": "2027-01-02T09:15:30.000000Z", "updated_at": "2027-01-02T09:15:30.000000Z",
        "type": "API", "tx_ref": TX_REF, "payment_method": "telebirr",
        "customization": {"title": "Lake house", "description": "Booking GZ4T1B8WCD7K2M9Q", "logo": None},
        "meta": {"booking_id": "GZ4T1B8WCD7K2M9Q"},
    }  # fmt: skip


@pytest.mark.parametrize("outcome", ["failed", "cancel"])
def test_a_failure_has_a_slash_that_php_escapes(bench: Bench, outcome: str) -> None:
    bench.initialize()
    bench.pay(outcome)
    bench.wait_until_idle()
    [received] = bench.webhooks()
    assert rb'"event":"charge.failed\/cancelled"' in received.body
    assert received.json["status"] == "failed/cancelled"
    assert received.json["failure_reason"]
    assert signed_rightly(received)


def test_amharic_is_escaped_or_plain(bench: Bench) -> None:
    bench.control(webhook="plain_json")
    bench.initialize(first_name="ሃና")
    bench.pay("failed")
    bench.wait_until_idle()
    bench.control(webhook="normal")
    bench.pay()
    bench.wait_until_idle()
    plain, escaped = bench.webhooks()
    assert "ሃና".encode() in plain.body
    assert b"charge.failed/cancelled" in plain.body
    assert rb"\u1203\u1293" in escaped.body
    assert signed_rightly(plain)
    assert signed_rightly(escaped)


@pytest.mark.parametrize(
    ("pattern", "headers"),
    [
        ("constant_signature", {"chapa-signature"}),
        ("no_signature", set()),
        ("custom_signature", {"chapa-signature"}),
        ("custom_basic", set()),
        ("wrong_key", {"chapa-signature", "x-chapa-signature"}),
        ("api_key_signature", {"chapa-signature", "x-chapa-signature"}),
        ("tampered", {"chapa-signature", "x-chapa-signature"}),
        ("respaced", {"chapa-signature", "x-chapa-signature"}),
    ],
)
def test_webhooks_without_the_usual_signature(bench: Bench, pattern: str, headers: set[str]) -> None:
    bench.paid(webhook=pattern, callback="never")
    [received] = bench.webhooks()
    assert {name for name in received.headers if name.endswith("chapa-signature")} == headers
    assert not signed_rightly(received)
    assert received.json["tx_ref"] == TX_REF


def test_what_each_bad_signature_is(bench: Bench) -> None:
    keys = SigningKeys(SECRET, KEY)
    body = json_as_php(BODY_A)
    signed = {name: sign(body, keys) for name, (_, sign) in webhooks.SIGNATURES.items()}
    assert signed["constant"] == (body, {"Chapa-Signature": CONSTANT})
    assert signed["x_only"] == (body, {"x-chapa-signature": signed["good"][1]["x-chapa-signature"]})
    assert signed["custom"] == (body, {"Chapa-Signature": signed["good"][1]["x-chapa-signature"]})
    assert signed["custom_basic"][1] == {"Authorization": f"Basic {b64encode(f'guzo:{SECRET}'.encode()).decode()}"}
    assert signed["constant_as_x"][1]["x-chapa-signature"] == CONSTANT
    assert signed["api_key"][1]["x-chapa-signature"] == webhooks.body_signature(body, KEY)
    assert json.loads(signed["tampered"][0])["amount"] == "24500.00"
    assert signed["tampered"][1] == signed["good"][1] == signed["respaced"][1]
    assert signed["respaced"][0] != body
    assert json.loads(signed["respaced"][0]) == BODY_A


def test_callback_first_then_webhook(bench: Bench) -> None:
    bench.paid()
    callback, webhook = bench.receiver.got
    assert callback.path.startswith(f"/callback/{TX_REF}?")
    assert webhook.path == "/webhooks"


def test_callback_as_a_query(bench: Bench) -> None:
    bench.paid(webhook="never")
    [callback] = bench.callbacks()
    assert callback.method == "GET"
    assert callback.body == b""
    assert parse_qs(urlsplit(callback.path).query) == {
        "trx_ref": [TX_REF],
        "ref_id": [bench.verified()["reference"]],
        "status": ["success"],
    }


def test_callback_as_json(bench: Bench) -> None:
    bench.paid(webhook="never", callback="json")
    [callback] = bench.callbacks()
    assert callback.method == "GET"
    reference = bench.verified()["reference"]
    assert callback.json == {"trx_ref": TX_REF, "ref_id": reference, "status": "success"}


def test_callback_of_the_in_page_script(bench: Bench) -> None:
    bench.paid(webhook="never", callback="browser_post")
    [callback] = bench.callbacks()
    assert callback.method == "POST"
    assert callback.json == {"tx_ref": bench.verified()["reference"], "status": "success"}


def test_a_forged_callback_says_success_of_a_failure(bench: Bench) -> None:
    bench.control(webhook="never", callback="forged")
    bench.initialize()
    bench.pay("failed")
    bench.wait_until_idle()
    [callback] = bench.callbacks()
    query = parse_qs(urlsplit(callback.path).query)
    assert query["status"] == ["success"]
    assert query["ref_id"] != [bench.verified()["reference"]]


def test_callback_never_or_nowhere(bench: Bench) -> None:
    bench.paid(webhook="never", callback="never")
    assert bench.receiver.got == []
    bench.control(callback="query")
    bench.initialize(tx_ref="other", callback_url=...)
    bench.pay(tx_ref="other")
    bench.wait_until_idle()
    assert bench.receiver.got == []


def test_never(bench: Bench) -> None:
    bench.paid(webhook="never", callback="never")
    assert bench.webhooks() == []
    assert bench.verified()["status"] == "success"


def test_triple(bench: Bench) -> None:
    bench.paid(webhook="triple", callback="never")
    first, second, third = bench.webhooks()
    assert first.body == second.body == third.body


@pytest.mark.parametrize(
    ("pattern", "events"),
    [
        ("success_after_failed", ["charge.failed/cancelled", "charge.success"]),
        ("failed_after_success", ["charge.success", "charge.failed/cancelled"]),
    ],
)
def test_order_of_events(bench: Bench, pattern: str, events: list[str]) -> None:
    bench.paid(webhook=pattern, callback="never")
    assert [received.json["event"] for received in bench.webhooks()] == events
    assert bench.verified()["status"] == "success"


def test_late_waits_for_the_local_clock(bench: Bench) -> None:
    bench.paid(webhook="late", callback="never")
    assert bench.webhooks() == []
    bench.move_clock(minutes=44)
    assert bench.sandbox.idle()
    bench.move_clock(minutes=2)
    bench.receiver.wait_for(1)
    assert len(bench.webhooks()) == 1


def test_before_initialize_has_answered(bench: Bench) -> None:
    answered: list[bool] = []
    seen: list[bool] = []
    bench.receiver.on_request = lambda received: seen.append(bool(answered))
    bench.control(webhook="before_initialize")
    assert bench.initialize().status_code == 200
    answered.append(True)
    [received] = bench.webhooks()
    assert received.json["event"] == "charge.success"
    assert seen == [False]
    assert bench.verified()["status"] == "success"


def test_tries_again_until_200(bench: Bench) -> None:
    bench.receiver.statuses = [500, 202, 302]
    bench.paid(callback="never")
    assert len(bench.receiver.wait_for(4)) == 4
    bench.wait_until_idle()
    assert bench.sandbox.scheduler.waiting() == 0
    assert len({received.body for received in bench.webhooks()}) == 1


def test_gives_up_after_ten_times(bench: Bench) -> None:
    bench.receiver.statuses = [500] * 20
    bench.paid(callback="never")
    bench.receiver.wait_for(11)
    bench.wait_until_idle()
    assert bench.sandbox.scheduler.waiting() == 0
    assert len(bench.webhooks()) == 11


def test_a_retry_comes_when_the_clock_moves() -> None:
    with a_bench(time_scale=0.001) as bench:
        bench.receiver.statuses = [500]
        bench.control(callback="never")
        bench.initialize()
        bench.pay()

        def came_within_a_minute() -> bool:
            bench.move_clock(minutes=1)
            return len(bench.receiver.got) == 1

        bench.wait_until(came_within_a_minute)
        bench.wait_until(lambda: bench.sandbox.scheduler.waiting() == 1)
        bench.move_clock(minutes=11)
        bench.receiver.wait_for(2)
        bench.wait_until_idle()
        assert [entry["status"] for entry in bench.log(kind="webhook")] == [500, 200]


def test_retry_never(bench: Bench) -> None:
    bench.receiver.statuses = [500]
    bench.paid(callback="never", retry="never")
    assert bench.sandbox.scheduler.waiting() == 0
    assert len(bench.webhooks()) == 1


def test_nobody_listens(bench: Bench) -> None:
    bench.control(retry="never", callback="never")
    bench.initialize()
    bench.receiver.close()
    bench.pay()
    bench.wait_until_idle()
    [entry] = bench.log(kind="webhook")
    assert entry["status"] is None
    assert "Connection" in entry["answer"]


def test_a_proxy_of_the_environment_is_not_asked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    bench.paid(retry="never")
    assert [entry["status"] for entry in bench.log() if entry["kind"] != "request"] == [200, 200]


def test_the_switch_for_one_payment(bench: Bench) -> None:
    bench.control(webhook="never", tx_ref=TX_REF)
    bench.paid(callback="never")
    assert bench.webhooks() == []
    bench.initialize(tx_ref="other")
    bench.pay(tx_ref="other")
    bench.wait_until_idle()
    assert [received.json["tx_ref"] for received in bench.webhooks()] == ["other"]
