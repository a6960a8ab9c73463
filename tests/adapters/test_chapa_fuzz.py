"""Whatever Chapa, or somebody in its place, sends: one of the port's outcomes, and never paid by mistake."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.adapters.gateways.chapa.v1 import ChapaV1
from chalicelib.adapters.gateways.chapa.v1_parsing import (
    REFUND_STATUS_MAP,
    STATUS_MAP,
    read_closed,
    read_events,
    read_link,
    read_refund,
    read_refund_status,
    read_verification,
)
from chalicelib.adapters.gateways.transport import HttpResponse
from chalicelib.domain.errors import GatewayError, GatewayRejected
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from chalicelib.services.ports.gateways import BadSignature, NotJson, RefundAnswer
from tests.adapters.chapa_server import LINK, OPENED, OPENING, PAID, PENDING, Keys, failed

T = TypeVar("T")

WORDS = [
    *STATUS_MAP,
    "Success",
    "Payment not paid yet",
    "Invalid transaction reference",
    "ETB",
    "USD",
    "etb",
    "test",
    "live",
]
NAMES = [
    "message",
    "status",
    "data",
    "amount",
    "charge",
    "currency",
    "mode",
    "tx_ref",
    "reference",
    "checkout_url",
    "email",
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from([*WORDS, OPENING.tx_ref, LINK, "2450.00", 2450, 10**400, -0.0])
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)
statuses = st.sampled_from([200, 200, 200, 201, 204, 301, 302, 400, 400, 404, 409, 422, 500, 502, 503])


@st.composite
def nearly(draw: st.DrawFn, known: dict[str, Any]) -> dict[str, Any]:
    """A recorded answer of which some fields were changed or taken away."""
    body: dict[str, Any] = json.loads(json.dumps(known))
    for part in (body, body["data"]):
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


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A recorded answer with bytes cut out, doubled or overwritten."""
    raw = json.dumps(draw(st.sampled_from([PAID, PENDING, OPENED]))).encode()
    start = draw(st.integers(0, len(raw)))
    end = draw(st.integers(start, min(start + 20, len(raw))))
    return raw[:start] + draw(st.binary(max_size=5) | st.just(raw[start:end] * 2)) + raw[end:]


raw_answers = st.one_of(
    st.builds(dumped, anything, ascii_only=st.booleans()),
    st.builds(dumped, nearly(PAID) | nearly(PENDING), ascii_only=st.booleans()),
    st.builds(dumped, nearly(OPENED), ascii_only=st.booleans()),
    st.builds(dumped, anything.map(failed), ascii_only=st.booleans()),
    damaged(),
    st.binary(max_size=60),
)


def outcome(call: Callable[[], T]) -> T | GatewayError:
    try:
        return call()
    except GatewayError as trouble:
        return trouble


def plainly_paid(status: int, raw: bytes) -> bool:
    """The same question asked of the standard library's reader."""
    try:
        body = json.loads(raw)
        return status == 200 and body["data"]["status"] == "success"
    except (ValueError, TypeError, KeyError):
        return False


@given(statuses, raw_answers)
@example(200, json.dumps(PAID).encode())
@example(200, b"[" * 200_000)
@example(200, b'{"data": {"status": "success", "amount": 1e999999999999, "currency": "ETB"}}')
@example(200, b'{"data": {"status": "success", "updated_at": "0001-01-01T00:00:00Z"}}')
@example(200, b'{"data": {"status": "pending"}, "data": {"status": "success"}}')
def test_verify_ends_in_a_verification_or_trouble_and_paid_is_never_a_mistake(status: int, raw: bytes) -> None:
    verification = outcome(lambda: read_verification(HttpResponse(status, {}, raw)))
    if isinstance(verification, GatewayError):
        assert not verification.definitely_not_executed
        return
    assert isinstance(verification, Verification)
    if verification.status == "paid":
        assert plainly_paid(status, raw)
    if verification.amount is not None:
        data = json.loads(raw, parse_float=str, parse_int=str)["data"]
        assert verification.amount == Money.parse(data["amount"], data["currency"])
    assert verification.fee is None or verification.fee.minor >= 0
    assert len(verification.reported) <= 40
    for text in (
        verification.tx_ref,
        verification.mode,
        verification.provider_reference,
        verification.reported,
    ):
        assert text is None or text.isprintable()
        assert text is None or text.isascii()


@given(statuses, raw_answers, st.booleans())
@example(200, json.dumps(OPENED).encode(), True)
def test_an_opening_ends_in_a_link_or_trouble(status: int, raw: bytes, secure: bool) -> None:
    private = (OPENING.email, OPENING.phone)
    link = outcome(lambda: read_link(HttpResponse(status, {}, raw), secure=secure, private=private))
    if isinstance(link, GatewayError):
        assert link.definitely_not_executed == isinstance(link, GatewayRejected)
        told = [link.detail, *(error.message for error in link.errors)]
        assert all(text.isprintable() and len(text) <= 1000 for text in told)
        return
    assert status == 200
    assert link == json.loads(raw)["data"]["checkout_url"]
    assert link.startswith("https://" if secure else "http")
    assert len(link) <= 2048


@given(statuses, raw_answers)
def test_closing_ends_in_yes_or_no(status: int, raw: bytes) -> None:
    closed = read_closed(HttpResponse(status, {}, raw))
    assert not closed or status in (200, 400, 404)


@given(
    statuses,
    raw_answers
    | st.lists(st.fixed_dictionaries({"created_at": anything | st.just("2026-03-04T08:15:41Z"), "message": anything}))
    .map(lambda lines: json.dumps({"status": "success", "data": lines}).encode()),
)  # fmt: skip
def test_a_log_ends_in_lines_or_trouble(status: int, raw: bytes) -> None:
    told = outcome(lambda: read_events(HttpResponse(status, {}, raw)))
    if isinstance(told, GatewayError):
        assert not told.definitely_not_executed
        return
    assert len(told) <= 100
    assert all(event.text.isprintable() and 0 < len(event.text) <= 200 for event in told)


REFUNDED = {
    "message": "Refund verified successfully",
    "status": "success",
    "data": {"amount": 2450, "currency": "ETB", "ref_id": "MqT58vRk2c", "status": "refunded"},
}
refund_answers = raw_answers | st.builds(
    lambda status, ref, known: json.dumps(
        {**known, "data": known["data"] | {"status": status, "ref_id": ref}}
    ).encode(),
    st.sampled_from([*REFUND_STATUS_MAP, "Refund Initiated", "REFUNDED", "done"]) | anything,
    anything,
    st.just(REFUNDED),
)


@pytest.mark.parametrize("read", [read_refund, read_refund_status])
@given(status=statuses, raw=refund_answers)
@example(status=200, raw=json.dumps(REFUNDED).encode())
@example(status=200, raw=b"[" * 200_000)
@example(status=200, raw=b'{"status": "success", "data": {"status": "initiated"}, "data": {"status": "refunded"}}')
def test_a_refund_is_said_to_be_done_only_when_it_is(
    read: Callable[[HttpResponse], RefundAnswer], status: int, raw: bytes
) -> None:
    said = outcome(lambda: read(HttpResponse(status, {}, raw)))
    if isinstance(said, GatewayError):
        assert said.definitely_not_executed == isinstance(said, GatewayRejected)
        assert said.detail.isprintable()
        return
    if said.status == "refunded":
        assert status == 200
        assert json.loads(raw)["data"]["status"].lower() == "refunded"
    if said.provider_refund_id is not None:
        assert said.provider_refund_id == str(json.loads(raw)["data"]["ref_id"])
        assert said.provider_refund_id.isascii()
        assert "/" not in said.provider_refund_id


@given(raw_answers, st.text(max_size=70) | st.just("signed"))
def test_a_webhook_is_refused_unless_it_is_signed_and_then_read_or_no_json(raw: bytes, signature: str) -> None:
    keys = Keys()
    right = hmac.new(keys.get("chapa_webhook_secret").encode(), raw, hashlib.sha256).hexdigest()
    given_signature = right if signature == "signed" else signature
    try:
        notice = ChapaV1("https://api.chapa.co/v1", keys).read_webhook(raw, {"x-chapa-signature": given_signature})
    except BadSignature:
        assert given_signature != right
        return
    except NotJson:
        assert given_signature == right
        return
    assert given_signature == right
    fields = json.loads(raw.decode("utf-8-sig"))
    assert notice.tx_ref in (None, fields.get("tx_ref"), fields.get("trx_ref"))
    assert notice.claims_paid == (fields.get("event") == "charge.success" or fields.get("status") == "success")
