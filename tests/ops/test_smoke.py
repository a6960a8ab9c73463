"""The smoke test passes what works and names what does not."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
import requests
import responses

from ops.stages.smoke import HASHES, TRY, SmokeError, Target, smoke

API = "https://api.guzo.example"
SECRETS = {"chapa_webhook_secret": "one", "paystack_secret_key": "two"}
AIM = Target(API, "dev", "0123", ("chapa", "paystack"), SECRETS)
HEADERS = {"chapa": "x-chapa-signature", "paystack": "x-paystack-signature"}


@pytest.fixture
def api() -> Any:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        mocked.get(f"{API}/health", json={"version": "1.0.0", "commit": "0123", "stage": "dev"})
        mocked.get(f"{API}/v1/config", json={"currencies": ["ETB"]})
        mocked.get(f"{API}/v1/listings?city=Addis%20Ababa", json={"items": []})
        mocked.get(f"{API}/v1/bookings", status=401, json={"code": "unauthenticated"})
        for gateway in HEADERS:
            mocked.add_callback("POST", f"{API}/v1/webhooks/{gateway}", callback=judge(gateway))
        yield mocked


def judge(gateway: str) -> Any:
    algorithm, secret = HASHES[gateway]

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        right = hmac.new(SECRETS[secret].encode(), TRY, algorithm).hexdigest()
        if request.headers[HEADERS[gateway]] != right or request.body != TRY:
            return 401, {}, '{"code": "bad_signature"}'
        return 200, {}, "{}"

    return answer


def test_what_works_is_told(api: responses.RequestsMock) -> None:
    lines = list(smoke(AIM))
    assert "a forged webhook of Chapa is refused" in lines
    assert "a signed webhook of Paystack is taken" in lines
    assert len(lines) == 8


def test_a_secret_that_is_not_there_yet_is_said(api: responses.RequestsMock) -> None:
    lines = list(smoke(Target(API, "dev", "0123", ("chapa",), {})))
    assert lines[-1] == "no webhook of Chapa could be signed: chapa_webhook_secret is not in SSM yet"


@pytest.mark.parametrize(
    ("method", "path", "answer", "sentence"),
    [
        ("GET", "/health", {"json": {"version": "1", "commit": "old", "stage": "dev"}}, "of another release or stage"),
        ("GET", "/health", {"status": 500}, "200 was expected, 500 came"),
        ("GET", "/health", {"body": "<html>"}, "does not answer with JSON"),
        ("GET", "/v1/listings?city=Addis%20Ababa", {"status": 503, "json": {}}, "200 was expected, 503 came"),
        ("GET", "/v1/bookings", {"json": {}}, "401 was expected, 200 came"),
        ("GET", "/v1/bookings", {"status": 401, "json": {"code": "x"}}, "is refused, but as x"),
        ("POST", "/v1/webhooks/chapa", {"json": {}}, "401 was expected, 200 came"),
        ("POST", "/v1/webhooks/chapa", {"status": 401, "json": {"code": "x"}}, "refused otherwise than as one"),
    ],
)
def test_what_does_not_work_is_named(
    api: responses.RequestsMock, method: str, path: str, answer: dict[str, Any], sentence: str
) -> None:
    if method == "POST":
        api.remove(method, API + path)
        api.add(method, API + path, **answer)
    else:
        api.replace(method, API + path, **answer)
    with pytest.raises(SmokeError, match=sentence):
        list(smoke(AIM))


def test_a_signed_webhook_that_is_not_taken_is_named(api: responses.RequestsMock) -> None:
    wrong = Target(API, "dev", "0123", ("chapa",), {"chapa_webhook_secret": "another"})
    with pytest.raises(SmokeError, match="A signed webhook of Chapa is answered 401"):
        list(smoke(wrong))


def test_the_hashes_are_the_gateways_own() -> None:
    assert {name: algorithm for name, (algorithm, _) in HASHES.items()} == {
        "chapa": hashlib.sha256,
        "paystack": hashlib.sha512,
    }
