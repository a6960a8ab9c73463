"""Whatever Chapa's version 2 or Paystack, or somebody in their place, sends: an outcome, and never paid by mistake."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.adapters.gateways.chapa import v2_parsing as chapa_v2_answers
from chalicelib.adapters.gateways.chapa.v2 import ChapaV2
from chalicelib.adapters.gateways.paystack import parsing as paystack_answers
from chalicelib.adapters.gateways.paystack.gateway import Paystack
from chalicelib.adapters.gateways.transport import HttpResponse
from chalicelib.domain.errors import GatewayError, GatewayRejected
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from chalicelib.gateways import CHAPA_V2, PAYSTACK_V1
from chalicelib.services.ports.gateways import BadSignature, Gateway, NotJson, RefundAnswer
from tests.adapters.chapa_server import OPENING, Keys
from tests.adapters.shapes import (
    KES,
    PAYSTACK_KEY,
    PAYSTACK_LINK,
    PAYSTACK_OPENED,
    PAYSTACK_PAID,
    PAYSTACK_REFUND,
    V2_LINK,
    V2_OPENED,
    V2_PAID,
    paystack_refusal,
    v2_error,
)

T = TypeVar("T")

WORDS = [
    *chapa_v2_answers.STATUS_MAP,
    *(word.upper() for word in chapa_v2_answers.STATUS_MAP),
    *paystack_answers.STATUS_MAP,
    *paystack_answers.REFUND_STATUS_MAP,
    *("Success", "not found", "Invalid key", "duplicate_reference", "NOT_FOUND", "PROCESSING_FAILED", "error"),
    *("ETB", "KES", "etb", "test", "live", "TEST1", KES.tx_ref, V2_LINK, PAYSTACK_LINK),
]
NAMES = [
    *V2_PAID["data"],
    *PAYSTACK_PAID["data"],
    *("message", "status", "data", "error", "code", "details", "checkout_url", "authorization_url", "mode", "field"),
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from([*WORDS, "245000", "2450.00", 245000, 10**400, -0.0])
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)
statuses = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 400, 404, 404, 409, 422, 500, 502])


@st.composite
def nearly(draw: st.DrawFn, known: dict[str, Any]) -> dict[str, Any]:
    """A known answer of which some fields were changed or taken away."""
    body: dict[str, Any] = json.loads(json.dumps(known))
    for part in (body, body.get("data")):
        if not isinstance(part, dict):
            continue
        for name in draw(st.lists(st.sampled_from(sorted(part)), max_size=3)):
            if draw(st.booleans()):
                part[name] = draw(anything)
            else:
                part.pop(name, None)
    return body


def dumped(body: object, *, ascii_only: bool) -> bytes:
    return json.dumps(body, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


def raws(*known: dict[str, Any]) -> st.SearchStrategy[bytes]:
    bodies = [
        anything,
        *(nearly(each) for each in known),
        st.builds(v2_error, st.sampled_from(WORDS), anything, anything),
        st.builds(paystack_refusal, anything, st.sampled_from(WORDS) | st.none()),
    ]
    cut = st.sampled_from([json.dumps(each).encode() for each in known])
    return st.one_of(
        st.builds(dumped, st.one_of(bodies), ascii_only=st.booleans()),
        st.builds(
            lambda raw, start, more: raw[:start] + more + raw[start + 3 :],
            cut,
            st.integers(0, 900),
            st.binary(max_size=4),
        ),
        st.binary(max_size=60),
    )


answers = raws(V2_OPENED, V2_PAID, PAYSTACK_OPENED, PAYSTACK_PAID, PAYSTACK_REFUND)


def outcome(call: Callable[[], T]) -> T | GatewayError:
    try:
        return call()
    except GatewayError as trouble:
        told = [trouble.detail, *(error.message for error in trouble.errors)]
        assert all(text.isprintable() and len(text) <= 1000 for text in told)
        return trouble


def data_of(raw: bytes) -> dict[str, Any]:
    """The same question asked of the standard library's reader."""
    return dict(json.loads(raw.decode("utf-8-sig"), parse_float=str, parse_int=str)["data"])


def is_printable(verification: Verification) -> bool:
    texts = (verification.tx_ref, verification.mode, verification.provider_reference, verification.reported)
    return all(text is None or (text.isprintable() and text.isascii()) for text in texts)


@given(statuses, answers, st.sampled_from(["test", "live"]))
@example(200, json.dumps(V2_PAID).encode(), "test")
@example(200, b"[" * 200_000, "test")
def test_version_2_is_never_taken_for_paid_by_mistake(status: int, raw: bytes, key_mode: str) -> None:
    verification = outcome(lambda: chapa_v2_answers.read_verification(HttpResponse(status, {}, raw), key_mode=key_mode))
    if isinstance(verification, GatewayError):
        assert not verification.definitely_not_executed
        return
    assert is_printable(verification)
    if verification.status == "paid":
        data = data_of(raw)
        assert status == 200
        assert data["status"] in ("success", "SUCCESS", "partially_refunded", "PARTIALLY_REFUNDED")
        assert verification.amount is None or data["status"].lower() == "success"
    if verification.amount is not None:
        data = data_of(raw)
        assert verification.amount == Money(int(data["amount"]), data["currency"])
        assert data["amount"].isascii()
        assert data["amount"].isdigit()


@given(statuses, answers)
@example(200, json.dumps(PAYSTACK_PAID).encode())
@example(200, b'{"status": true, "data": {"status": "pending"}, "data": {"status": "success"}}')
def test_paystack_is_never_taken_for_paid_by_mistake(status: int, raw: bytes) -> None:
    verification = outcome(lambda: paystack_answers.read_verification(HttpResponse(status, {}, raw)))
    if isinstance(verification, GatewayError):
        assert verification.definitely_not_executed == ("credentials" in verification.detail)
        return
    assert is_printable(verification)
    if verification.status == "paid":
        assert status == 200
        assert json.loads(raw.decode("utf-8-sig"))["status"] is True
        assert data_of(raw)["status"] == "success"
    if verification.amount is not None:
        data = data_of(raw)
        asked = data.get("requested_amount")
        assert verification.amount.minor <= int(data["amount"])
        assert verification.amount.minor == min(int(data["amount"]), int(data["amount"] if asked is None else asked))


@pytest.mark.parametrize(
    ("read", "name", "good"),
    [
        (chapa_v2_answers.read_link, "checkout_url", "success"),
        (paystack_answers.read_link, "authorization_url", True),
    ],
)
@given(status=statuses, raw=answers, secure=st.booleans())
def test_an_opening_ends_in_a_link_or_trouble(
    *, read: Callable[..., str], name: str, good: object, status: int, raw: bytes, secure: bool
) -> None:
    link = outcome(lambda: read(HttpResponse(status, {}, raw), secure=secure, private=(OPENING.email, OPENING.phone)))
    if isinstance(link, GatewayError):
        known = isinstance(link, GatewayRejected) or "credentials" in link.detail
        assert link.definitely_not_executed == known
        return
    body = json.loads(raw.decode("utf-8-sig"))
    assert status in (200, 201)
    assert body["status"] == good
    assert link == body["data"][name]
    assert link.startswith("https://" if secure else "http")


@pytest.mark.parametrize("read", [paystack_answers.read_refund, paystack_answers.read_refund_status])
@given(status=statuses, raw=answers)
def test_a_refund_is_said_to_be_done_only_when_it_is(
    read: Callable[[HttpResponse], RefundAnswer], status: int, raw: bytes
) -> None:
    answer = outcome(lambda: read(HttpResponse(status, {}, raw)))
    if isinstance(answer, GatewayError):
        return
    if answer.status == "refunded":
        assert data_of(raw)["status"] == "processed"
    assert answer.provider_refund_id is None or answer.provider_refund_id.isdigit()


@pytest.mark.parametrize(
    ("gateway", "header", "digest", "key"),
    [
        (ChapaV2(CHAPA_V2.base_url, Keys()), "x-chapa-signature", hashlib.sha256, "demo-webhook-secret-2026"),
        (
            Paystack(PAYSTACK_V1.base_url, Keys(paystack_secret_key=PAYSTACK_KEY)),
            "x-paystack-signature",
            hashlib.sha512,
            PAYSTACK_KEY,
        ),
    ],
)
@given(raw=answers, signature=st.text(max_size=130) | st.just("signed"))
def test_a_webhook_is_refused_unless_it_is_signed(
    *, gateway: Gateway, header: str, digest: Any, key: str, raw: bytes, signature: str
) -> None:
    right = hmac.new(key.encode(), raw, digest).hexdigest()
    sent = right if signature == "signed" else signature
    try:
        notice = gateway.read_webhook(raw, {header: sent})
    except BadSignature:
        assert sent != right
        return
    except NotJson:
        assert sent == right
        return
    assert sent == right
    assert notice.tx_ref is None or notice.tx_ref.isprintable()
