"""What is sent to Paystack, what its answers mean, and which webhooks are believed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.adapters.gateways.parsing import read_json
from chalicelib.adapters.gateways.paystack.gateway import Paystack
from chalicelib.adapters.gateways.paystack.parsing import (
    dispute_facts,
    read_dispute,
    read_link,
    read_refund,
    read_refund_in_list,
    read_refund_status,
    read_verification,
)
from chalicelib.domain.booking import DisputeStatus, GatewayStatus
from chalicelib.domain.disputes import DisputeFacts
from chalicelib.domain.errors import GatewayBadAnswer, GatewayError, GatewayRejected, ReferenceUsed
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from chalicelib.gateways import PAYSTACK_V1
from chalicelib.services.ports.gateways import (
    BadSignature,
    NotJson,
    Opening,
    RefundAnswer,
    RefundGatewayStatus,
    WebhookNotice,
)
from chalicelib.services.ports.outcomes import Fault
from chalicelib.settings import BadSetting
from tests.adapters.chapa_server import Keys, answering, serving
from tests.adapters.shapes import (
    KES,
    PAYSTACK_KEY,
    PAYSTACK_LINK,
    PAYSTACK_OPENED,
    PAYSTACK_PAID,
    PAYSTACK_REFUND,
    answer,
    changed,
    paystack_refusal,
)
from tests.replacing import replace


def keys(**named: str) -> Keys:
    return Keys(**({"paystack_secret_key": PAYSTACK_KEY} | named))


def paid(**fields: object) -> dict[str, Any]:
    return changed(PAYSTACK_PAID, **fields)


def verified(status: int, body: object) -> Verification:
    return read_verification(answer(status, body))


# The key


@pytest.mark.parametrize(
    "key", ["", "pk_test_abc", "sk_test_", "sk_prod_abc", "sk_live_a b", "CHASECK-abc", "sk_test_é"]
)
def test_what_is_no_secret_key_is_refused_and_never_sent(key: str) -> None:
    paystack = Paystack("http://127.0.0.1:1", keys(paystack_secret_key=key))
    with pytest.raises(BadSetting, match="paystack_secret_key is no secret key of Paystack: take one") as raised:
        paystack.check_key()
    assert key in ("", "sk_test_") or key not in str(raised.value)
    with pytest.raises(GatewayBadAnswer) as trouble:
        paystack.verify(KES.tx_ref)
    assert trouble.value.definitely_not_executed


# What is sent


def sent(opening: Opening) -> Any:
    with serving(answering(200, PAYSTACK_OPENED)) as server:
        assert Paystack(server.url, keys()).initialize(opening) == PAYSTACK_LINK
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v1/transaction/initialize")
    assert request.headers["authorization"] == f"Bearer {PAYSTACK_KEY}"
    assert request.headers["content-type"] == "application/json"
    return request.json()


def test_an_opening_as_paystack_wants_it() -> None:
    assert sent(KES) == {
        "email": "hanna.tesfaye@gmail.com",
        "amount": 245000,
        "currency": "KES",
        "reference": KES.tx_ref,
        "callback_url": "https://api.tour.et/v1/payments/paystack/callback",
        "metadata": {"booking_id": "GZ4T1B8WCD7K2M9Q"},
    }
    assert PAYSTACK_V1.base_url == "https://api.paystack.co"


def test_an_address_that_paystack_may_refuse_is_sent_all_the_same_for_it_must_be_there() -> None:
    assert sent(replace(KES, email="hanna@example.com"))["email"] == "hanna@example.com"


def test_what_is_asked_about_is_named_in_the_path() -> None:
    with serving(answering(200, PAYSTACK_PAID, keep=True), answering(200, PAYSTACK_REFUND)) as server:
        paystack = Paystack(server.url, keys())
        paystack.verify("a/b?c")
        paystack.refund_status("8814420")
    assert [(each.method, each.path) for each in server.requests] == [
        ("GET", "/v1/transaction/verify/a%2Fb%3Fc"),
        ("GET", "/v1/refund/8814420"),
    ]
    assert all("content-length" not in each.headers for each in server.requests)


def test_a_refund_as_paystack_wants_it() -> None:
    with serving(answering(200, PAYSTACK_REFUND)) as server:
        said = Paystack(server.url, keys()).refund(
            "5201447713", amount=Money(1000, "KES"), refund_id="GZ-1-R1", reason="It\n rained."
        )
    assert said == RefundAnswer("processing", "8814420")
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v1/refund")
    assert request.json() == {
        "transaction": "5201447713",
        "amount": 1000,
        "currency": "KES",
        "merchant_note": "GZ-1-R1 It rained.",
    }


def test_no_call_closes_a_link() -> None:
    assert Paystack("http://127.0.0.1:1", keys()).cancel(KES.tx_ref) is False


# What an opening's answer means


def refused(status: int, body: object, *, private: tuple[str, ...] = ()) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        read_link(answer(status, body), secure=True, private=private)
    return raised.value


def test_the_link_is_answered() -> None:
    assert read_link(answer(200, PAYSTACK_OPENED), secure=True, private=()) == PAYSTACK_LINK


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, paystack_refusal("Duplicate Transaction Reference", "duplicate_reference")),
        (400, paystack_refusal("Whatever it says", "duplicate_reference")),
        (400, paystack_refusal("Duplicate Transaction Reference")),
        (400, {"status": "false", "message": "Duplicate Transaction Reference"}),
        (422, paystack_refusal("", "duplicate_reference")),
    ],
)
def test_a_reference_that_was_used_is_its_own_refusal(status: int, body: object) -> None:
    trouble = refused(status, body)
    assert type(trouble) is ReferenceUsed
    assert trouble.definitely_not_executed


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("Email Address is required", "contact.email"),
        ("Invalid Email Address Passed", "contact.email"),
        ("Invalid Amount Sent", "total"),
        ("Currency not supported by merchant", "currency"),
        ("Invalid callback URL given", "callback_url"),
    ],
)
def test_a_refusal_names_the_field_that_its_sentence_is_about(message: str, field: str) -> None:
    trouble = refused(400, paystack_refusal(message, "missing_params"))
    assert type(trouble) is GatewayRejected
    assert trouble.definitely_not_executed
    assert [(error.field, error.message) for error in trouble.errors] == [(field, message)]


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ("This merchant is not active", " This merchant is not active"),
        ("The key sk_test_abc is odd", ""),
        ("Hello Hanna you cannot", ""),
        ("<b>No markup please</b>", ""),
    ],
)
def test_other_refusals_are_told_in_its_own_words(message: str, detail: str) -> None:
    trouble = refused(404, paystack_refusal(message, "x"), private=("hanna",))
    assert type(trouble) is GatewayRejected
    assert trouble.detail == "The payment gateway refused this payment." + detail
    assert trouble.errors == ()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, PAYSTACK_OPENED | {"status": "true"}),
        (200, PAYSTACK_OPENED | {"status": "success"}),
        (200, PAYSTACK_OPENED | {"status": 1}),
        (200, PAYSTACK_OPENED | {"data": None}),
        (200, changed(PAYSTACK_OPENED, authorization_url="http://checkout.paystack.com/x")),
        (200, paystack_refusal("Duplicate Transaction Reference", "duplicate_reference")),
        (201, PAYSTACK_OPENED),
        (400, {"message": "Duplicate Transaction Reference"}),
        (400, paystack_refusal(None)),
        (400, b"<html>"),
        (404, {"message": "Not Found"}),
        (408, paystack_refusal("Time is up for you")),
        (500, paystack_refusal("Server error", "duplicate_reference")),
        (502, b"<html>"),
    ],
)
def test_what_makes_no_sense_leaves_the_fate_open(status: int, body: object) -> None:
    trouble = refused(status, body)
    assert type(trouble) is GatewayBadAnswer
    assert not trouble.definitely_not_executed


@pytest.mark.parametrize("status", [400, 404])
def test_a_refused_key_may_come_under_another_status(status: int) -> None:
    body = paystack_refusal("Invalid key")
    for read in (
        lambda: read_link(answer(status, body), secure=True, private=()),
        lambda: verified(status, body),
        lambda: read_refund(answer(status, body)),
        lambda: read_refund_status(answer(status, body)),
    ):
        with pytest.raises(GatewayBadAnswer, match="credentials") as raised:
            read()
        assert raised.value.definitely_not_executed


# What became of a payment


def test_a_paid_payment() -> None:
    assert verified(200, PAYSTACK_PAID) == Verification(
        "paid",
        tx_ref=KES.tx_ref,
        amount=Money(245000, "KES"),
        mode="test",
        provider_reference="5201447713",
        fee=Money(7105, "KES"),
        paid_at=datetime(2026, 3, 4, 8, 16, 2, tzinfo=UTC),
    )
    assert verified(200, paid(paid_at=None)).paid_at == datetime(2026, 3, 4, 8, 16, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("success", "paid"),
        ("failed", "failed"),
        ("reversed", "reversed"),
        ("abandoned", "pending"),
        ("ongoing", "pending"),
        ("pending", "pending"),
        ("processing", "pending"),
        ("queued", "pending"),
        ("Success", "pending"),
        ("SUCCESS", "pending"),
        ("success ", "pending"),
        ("", "pending"),
    ],
)
def test_only_the_exact_word_is_believed(word: str, said: GatewayStatus) -> None:
    verification = verified(200, paid(status=word))
    assert verification.status == said
    assert (verification.paid_at is not None) == (said == "paid")


@pytest.mark.parametrize(
    ("fields", "amount", "reported"),
    [
        ({"amount": 252105}, 245000, ""),
        ({"amount": 252105, "requested_amount": ...}, 252105, ""),
        ({"amount": 252105, "requested_amount": None}, 252105, ""),
        ({"amount": 244999}, 244999, ""),
        ({"amount": 245000, "requested_amount": 244999}, 244999, ""),
        ({"amount": "245000", "requested_amount": "245000"}, 245000, ""),
        ({"amount": 0, "requested_amount": 0}, 0, ""),
        ({"amount": None}, None, "minor KES"),
        ({"amount": "2450.00"}, None, "2450.00 minor KES"),
        ({"amount": -1}, None, "-1 minor KES"),
        ({"requested_amount": "x"}, None, "x minor KES"),
        ({"requested_amount": 2450.5}, None, "2450.5 minor KES"),
        ({"currency": "XXX"}, None, "245000 minor XXX"),
        ({"currency": None}, None, "245000 minor"),
    ],
)
def test_what_counts_is_what_was_asked_for_and_no_more_than_was_paid(
    fields: Mapping[str, object], amount: int | None, reported: str
) -> None:
    verification = verified(200, paid(**fields))
    assert verification.status == "paid"
    assert verification.amount == (None if amount is None else Money(amount, "KES"))
    assert verification.reported == reported


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"reference": 7}, "tx_ref"),
        ({"reference": ...}, "tx_ref"),
        ({"domain": True}, "mode"),
        ({"domain": ...}, "mode"),
        ({"id": "AP7"}, "provider_reference"),
        ({"id": 0}, "provider_reference"),
        ({"id": 1.5}, "provider_reference"),
        ({"id": True}, "provider_reference"),
        ({"fees": None}, "fee"),
        ({"fees": "x"}, "fee"),
    ],
)
def test_a_fact_that_cannot_be_read_is_none(fields: Mapping[str, object], field: str) -> None:
    verification = verified(200, paid(**fields))
    assert verification.status == "paid"
    assert getattr(verification, field) is None


@pytest.mark.parametrize("metadata", [None, "", 0, [], {"a": 1}])
def test_metadata_may_be_anything(metadata: object) -> None:
    assert verified(200, paid(metadata=metadata, log=None)).status == "paid"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, paystack_refusal("Entity not found")),
        (404, paystack_refusal("Transaction reference not found.", "transaction_not_found")),
        (400, paystack_refusal("Transaction not found")),
    ],
)
def test_a_reference_that_paystack_does_not_know(status: int, body: object) -> None:
    assert verified(status, body) == Verification("unknown")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, PAYSTACK_PAID | {"status": False}),
        (200, PAYSTACK_PAID | {"status": "true"}),
        (200, PAYSTACK_PAID | {"status": None}),
        (200, PAYSTACK_PAID | {"data": None}),
        (200, PAYSTACK_PAID | {"data": [PAYSTACK_PAID["data"]]}),
        (200, paid(status=None)),
        (200, paid(status=True)),
        (200, b'{"status": true, "data": {"status": "pending", "status": "success"}}'),
        (200, b"<html>"),
        (201, PAYSTACK_PAID),
        (404, PAYSTACK_PAID),
        (404, {"message": "Not found"}),
        (400, paystack_refusal("Something else is wrong")),
        (404, paystack_refusal("Route not found")),
        (404, paystack_refusal("Integration not found")),
        (500, paystack_refusal("Entity not found")),
        (502, b"<html>not found</html>"),
    ],
)
def test_an_answer_that_says_nothing_of_the_payment_is_trouble(status: int, body: object) -> None:
    with pytest.raises(GatewayBadAnswer) as raised:
        verified(status, body)
    assert not raised.value.definitely_not_executed


# Giving money back


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("pending", "processing"),
        ("processing", "processing"),
        ("processed", "refunded"),
        ("failed", "reversed"),
        ("needs-attention", "waiting"),
        ("Processed", "unknown"),
        ("new", "unknown"),
        (None, "unknown"),
    ],
)
def test_how_far_a_refund_is(word: object, said: RefundGatewayStatus) -> None:
    body = changed(PAYSTACK_REFUND, status=word, transaction=5201447713)
    assert read_refund_status(answer(200, body)) == RefundAnswer(said, "8814420")


@pytest.mark.parametrize(
    ("status", "body", "name"),
    [
        (200, PAYSTACK_REFUND, "8814420"),
        (201, PAYSTACK_REFUND, "8814420"),
        (200, PAYSTACK_REFUND | {"data": None}, None),
        (200, changed(PAYSTACK_REFUND, id=None, status="new"), None),
        (200, changed(PAYSTACK_REFUND, id="8814420"), "8814420"),
    ],
)
def test_a_refund_that_was_taken_over_is_under_way_whatever_else_is_missing(
    status: int, body: object, name: str | None
) -> None:
    assert read_refund(answer(status, body)) == RefundAnswer("processing", name)


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_refund_that_was_refused_is_told_with_its_reason(status: int) -> None:
    with pytest.raises(GatewayRejected, match="Transaction cannot be refunded") as raised:
        read_refund(answer(status, paystack_refusal("Transaction cannot be refunded", "x")))
    assert raised.value.definitely_not_executed


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, PAYSTACK_REFUND | {"status": "true"}),
        (200, paystack_refusal("Transaction cannot be refunded")),
        (400, b"<html>"),
        (400, {"message": "No such luck"}),
        (409, paystack_refusal("Somebody else is at it")),
        (500, paystack_refusal("Transaction cannot be refunded")),
    ],
)
def test_a_refund_of_which_nothing_is_said_may_be_under_way(status: int, body: object) -> None:
    with pytest.raises(GatewayBadAnswer) as raised:
        read_refund(answer(status, body))
    assert not raised.value.definitely_not_executed


def test_a_refund_that_nobody_knows_and_no_answer_about_one() -> None:
    assert read_refund_status(answer(404, paystack_refusal("Entity not found"))) == RefundAnswer("unknown")
    for status, body in ((404, {"message": "Not found"}), (500, paystack_refusal("Entity not found")), (200, b"")):
        with pytest.raises(GatewayBadAnswer):
            read_refund_status(answer(status, body))


# Webhooks: the vector was made apart from this code

VECTOR_KEY = "sk_test_demo000000000000000000000000000000"
VECTOR = (
    b'{"event":"charge.success","data":{"id":5201447713,"domain":"test","status":"success",'
    b'"reference":"BK7Q2M-a1-9f3c","amount":245000,"currency":"KES"}}'
)
SIGNATURE = (
    "85f8350801a4f78ee5d550333b78aea9b07c19ba59ee357a868826139e08a5e4"
    "a1019726db4647d95efcf0e7e2834cc647160e58b5b030f5f3d08f96794597bb"
)
HEADER = "x-paystack-signature"


def read(body: bytes, headers: Mapping[str, str], **secrets: str) -> WebhookNotice:
    return Paystack(PAYSTACK_V1.base_url, keys(**({"paystack_secret_key": VECTOR_KEY} | secrets))).read_webhook(
        body, headers
    )


def signed(body: bytes, key: str = VECTOR_KEY) -> dict[str, str]:
    return {"X-Paystack-Signature": hmac.new(key.encode(), body, hashlib.sha512).hexdigest()}


def test_the_vector_of_the_fact_sheet() -> None:
    assert read(VECTOR, {"X-Paystack-Signature": SIGNATURE}) == WebhookNotice(
        "BK7Q2M-a1-9f3c", "charge.success", claims_paid=True
    )


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (VECTOR, {}),
        (VECTOR, {HEADER: ""}),
        (VECTOR, {HEADER: SIGNATURE.upper()}),
        (VECTOR, {HEADER: SIGNATURE[:64]}),
        (VECTOR, {HEADER: SIGNATURE[:-1]}),
        (VECTOR, {HEADER: SIGNATURE + "0"}),
        (VECTOR, {HEADER: "sha512=" + SIGNATURE}),
        (VECTOR, {HEADER: SIGNATURE[:-1] + "ç"}),
        (VECTOR, {HEADER: hmac.new(VECTOR_KEY.encode(), VECTOR, hashlib.sha256).hexdigest()}),
        (VECTOR, {HEADER: SIGNATURE, "X-Paystack-Signature": "0" * 128}),
        (VECTOR, {"x-chapa-signature": SIGNATURE}),
        (VECTOR + b" ", {HEADER: SIGNATURE}),
        (VECTOR.replace(b"245000", b"245001"), {HEADER: SIGNATURE}),
        (VECTOR.replace(b",", b", "), {HEADER: SIGNATURE}),
        (b"", {HEADER: SIGNATURE}),
    ],
)
def test_anything_else_is_not_believed(body: bytes, headers: Mapping[str, str]) -> None:
    with pytest.raises(BadSignature):
        read(body, headers)


def test_during_a_rotation_both_keys_count_and_then_only_the_new_one() -> None:
    rotation = {"paystack_secret_key": "sk_test_new", "paystack_secret_key_previous": f" {VECTOR_KEY}\n"}
    assert read(VECTOR, signed(VECTOR), **rotation).claims_paid
    assert read(VECTOR, signed(VECTOR, "sk_test_new"), **rotation).claims_paid
    with pytest.raises(BadSignature):
        read(VECTOR, signed(VECTOR), paystack_secret_key="sk_test_new")


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_key_signs_nothing(empty: str) -> None:
    for secrets in ({"paystack_secret_key_previous": empty}, {"paystack_secret_key": empty}):
        with pytest.raises(BadSignature):
            read(VECTOR, signed(VECTOR, empty.strip()), **secrets)
    with pytest.raises(BadSignature):
        read(VECTOR, signed(VECTOR), paystack_secret_key=empty, paystack_secret_key_previous=VECTOR_KEY)


def test_without_a_readable_key_nothing_is_judged() -> None:
    with pytest.raises(Fault):
        Paystack(PAYSTACK_V1.base_url, Keys()).read_webhook(VECTOR, {HEADER: SIGNATURE})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"a": NaN}', b"[" * 100_000])
def test_signed_bytes_that_are_no_json_object(body: bytes) -> None:
    with pytest.raises(NotJson):
        read(body, signed(body))


@pytest.mark.parametrize(
    ("body", "notice"),
    [
        (
            b'{"event": "refund.processed", "data": {"transaction_reference": "GZ-1", "refund_reference": "6"}}',
            WebhookNotice("GZ-1", "refund.processed", claims_paid=False),
        ),
        (
            b'{"event": "charge.dispute.create", "data": {"id": 5, "transaction": {"reference": "GZ-1"}}}',
            WebhookNotice(
                "GZ-1",
                "charge.dispute.create",
                claims_paid=False,
                dispute=DisputeFacts(provider_dispute_id="5", status="needs_response", tx_ref="GZ-1"),
            ),
        ),
        (
            b'{"event": "charge.dispute.remind", "data": {"transaction": {"reference": "GZ-1"}}}',
            WebhookNotice(
                "GZ-1",
                "charge.dispute.remind",
                claims_paid=False,
                dispute=DisputeFacts(provider_dispute_id="", status="needs_response"),
            ),
        ),
        (
            b'{"event": "transfer.success", "data": {"reference": "TR-1"}}',
            WebhookNotice("TR-1", "transfer.success", claims_paid=False),
        ),
        (
            b'{"event": "charge.success", "data": {"reference": 7}}',
            WebhookNotice(None, "charge.success", claims_paid=True),
        ),
        (b'{"event": "charge.success", "data": [1]}', WebhookNotice(None, "charge.success", claims_paid=True)),
        (b'{"event": ["charge.success"], "status": "success"}', WebhookNotice(None, "", claims_paid=False)),
        (b"{}", WebhookNotice(None, "", claims_paid=False)),
    ],
)
def test_a_signed_object_is_a_hint_whatever_is_in_it(body: bytes, notice: WebhookNotice) -> None:
    assert read(body, signed(body)) == notice


def listed(*refunds: object) -> dict[str, object]:
    return {"status": True, "message": "Refunds retrieved", "data": list(refunds)}


def noted(note: object, **more: object) -> dict[str, object]:
    return PAYSTACK_REFUND["data"] | {"merchant_note": note} | more


def test_a_refund_is_looked_for_by_its_note_on_five_pages_at_most() -> None:
    since = datetime(2027, 1, 2, 0, 30, tzinfo=UTC)
    full = answering(200, listed(*[noted("GZ-1-R2 It rained.")] * 50), keep=True)
    with serving(full, full, answering(200, listed(noted("GZ-1-R1 It rained.", status="processed")))) as server:
        paystack = Paystack(server.url, keys())
        assert paystack.find_refund("GZ-1-R1", since=since) == RefundAnswer("refunded", "8814420")
    assert [(request.method, request.path) for request in server.requests] == [
        ("GET", f"/v1/refund?perPage=50&page={page}&from=2027-01-01") for page in (1, 2, 3)
    ]
    with serving(full) as server, pytest.raises(GatewayBadAnswer):
        Paystack(server.url, keys()).find_refund("GZ-1-R1", since=since)
    assert len(server.requests) == 5


@pytest.mark.parametrize("note", [None, 7, "", "GZ-1-R10 It rained.", "It rained. GZ-1-R1", "GZ-1-R1x"])
def test_another_refunds_note(note: object) -> None:
    page = listed(noted(note), "junk", None)
    assert read_refund_in_list(answer(200, page), "GZ-1-R1") == (None, 3)
    assert read_refund_in_list(answer(200, listed(noted(note), noted("GZ-1-R1"))), "GZ-1-R1") == (
        RefundAnswer("processing", "8814420"),
        2,
    )


@pytest.mark.parametrize(("first", "second"), [("failed", "pending"), ("pending", "failed")])
def test_a_refund_that_was_posted_again_is_the_one_that_did_not_come_back(first: str, second: str) -> None:
    both = {"failed": noted("GZ-1-R1", id=1, status="failed"), "pending": noted("GZ-1-R1", id=2, status="pending")}
    found, _ = read_refund_in_list(answer(200, listed(both[first], both[second])), "GZ-1-R1")
    assert found == RefundAnswer("processing", "2")
    found, _ = read_refund_in_list(answer(200, listed(both["failed"])), "GZ-1-R1")
    assert found == RefundAnswer("reversed", "1")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"<html>"),
        (200, {"status": True, "data": {}}),
        (200, {"status": False, "message": "No", "data": []}),
        (404, paystack_refusal("Not here")),
        (500, listed()),
    ],
)
def test_what_is_no_list_of_refunds(status: int, body: object) -> None:
    with pytest.raises(GatewayBadAnswer):
        read_refund_in_list(answer(status, body), "GZ-1-R1")


# Disputes


def a_dispute(**changes: Any) -> dict[str, Any]:
    """As the API has it."""
    data = {
        "id": 2867,
        "refund_amount": 245000,
        "currency": "KES",
        "status": "awaiting-merchant-feedback",
        "resolution": None,
        "category": "chargeback",
        "transaction": {"id": 5991760, "reference": KES.tx_ref, "amount": 735000, "currency": "KES"},
        "transaction_reference": None,
        "dueAt": "2027-01-16T18:00:00.000Z",
        "resolvedAt": None,
        "createdAt": "2027-01-15T13:30:56.000Z",
    }
    return {"status": True, "message": "Dispute retrieved", "data": data | changes}


def dispute(**changes: Any) -> DisputeFacts | None:
    return read_dispute(answer(200, a_dispute(**changes)))


def known(**changes: Any) -> DisputeFacts:
    whole = DisputeFacts(
        provider_dispute_id="2867",
        status="needs_response",
        tx_ref=KES.tx_ref,
        amount=Money(245000, "KES"),
        reason="chargeback",
        due_at=datetime(2027, 1, 16, 18, tzinfo=UTC),
    )
    return replace(whole, **changes)


def test_a_dispute_as_paystack_tells_of_it() -> None:
    assert dispute() == known()
    event = read_json(json.dumps(a_dispute()["data"]).encode())
    assert dispute_facts(event) == known(), "an event says the same"


@pytest.mark.parametrize(
    ("status", "resolution", "means"),
    [
        ("pending", None, "needs_response"),
        ("awaiting-merchant-feedback", None, "needs_response"),
        ("awaiting-bank-feedback", None, "under_review"),
        ("resolved", "merchant-accepted", "lost"),
        ("resolved", "auto-accepted", "lost"),
        ("resolved", "declined", "won"),
        ("archived", "declined", "won"),
        ("archived", None, "under_review"),
        ("resolved", None, "under_review"),
        ("resolved", "settled", "under_review"),
        ("resolved", 7, "under_review"),
        ("escalated", None, "needs_response"),
        ("Resolved", "declined", "needs_response"),
        (None, "declined", "needs_response"),
        (["resolved"], "declined", "needs_response"),
    ],
)
def test_what_becomes_of_a_dispute(status: Any, resolution: Any, means: DisputeStatus) -> None:
    facts = dispute(status=status, resolution=resolution)
    assert facts is not None
    assert facts.status == means
    over = status in ("resolved", "archived")
    assert facts.resolution == (resolution if over and isinstance(resolution, str) else "")


@pytest.mark.parametrize(
    ("changes", "means"),
    [
        ({"refund_amount": None}, {"amount": Money(735000, "KES")}),
        ({"refund_amount": "12.5", "transaction": 5991760}, {"amount": None, "tx_ref": None}),
        ({"currency": None}, {}),
        ({"transaction_reference": "GZ-2"}, {"tx_ref": "GZ-2"}),
        ({"dueAt": None}, {"due_at": None}),
        ({"dueAt": "tomorrow"}, {"due_at": None}),
        ({"category": None}, {"reason": ""}),
        ({"category": {"a": 1}}, {"reason": ""}),
    ],
)
def test_what_a_dispute_lacks_is_not_made_up(changes: dict[str, Any], means: dict[str, Any]) -> None:
    assert dispute(**changes) == known(**means)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, a_dispute(id=None)),
        (200, a_dispute(id="x")),
        (200, {"status": True, "message": "Dispute retrieved", "data": None}),
        (200, {"status": True, "data": [a_dispute()["data"]]}),
        (200, a_dispute() | {"status": False}),
        (500, a_dispute()),
        (404, {"message": "Not Found"}),
        (404, {"status": False, "message": "No such route"}),
        (502, b"<html>"),
    ],
)
def test_what_tells_nothing_of_a_dispute(status: int, body: object) -> None:
    with pytest.raises(GatewayBadAnswer) as trouble:
        read_dispute(answer(status, body))
    assert not trouble.value.definitely_not_executed


@pytest.mark.parametrize("status", [400, 404])
def test_a_dispute_that_paystack_does_not_know(status: int) -> None:
    assert read_dispute(answer(status, {"status": False, "message": "Dispute not found"})) is None


def test_a_dispute_is_asked_about_by_its_number() -> None:
    with serving(answering(200, a_dispute())) as server:
        assert Paystack(server.url, keys()).dispute("28/67") == known()
    assert [(each.method, each.path) for each in server.requests] == [("GET", "/v1/dispute/28%2F67")]


@pytest.mark.parametrize("data", [None, [], {}, {"id": "0"}, {"id": "x"}, {"transaction": {"reference": "GZ-1"}}])
def test_an_event_that_names_no_dispute(data: Any) -> None:
    assert dispute_facts(data) is None


def test_settlements_and_what_is_in_each_are_asked_for_page_by_page() -> None:
    row = {"id": 359143, "status": "success", "currency": "KES", "total_amount": 9610, "total_fees": 390,
           "total_processed": 10000, "settlement_date": "2027-01-03T00:00:00.000Z"}  # fmt: skip
    listed = {"status": True, "data": [row], "meta": {"page": 1, "pageCount": 2}}
    with serving(answering(200, listed)) as server:
        gateway = Paystack(server.url, keys())
        page = gateway.payouts()
        assert (page.payouts[0].payout_id, page.payouts[0].net, page.more) == ("359143", 9610, True)
        gateway.payouts(page.cursor)
        assert [request.path.partition("/settlement")[2] for request in server.requests] == [
            "?page=1&perPage=50",
            "?page=2&perPage=50",
        ]
    inside = {"status": True, "data": [PAYSTACK_PAID["data"]], "meta": {"page": 1, "pageCount": 1}}
    with serving(answering(200, inside)) as server:
        found = Paystack(server.url, keys()).payout_transactions("359143")
        assert ([row.status for row in found.rows], found.more) == (["paid"], False)
        [request] = server.requests
        assert request.path.endswith("/settlement/359143/transactions?page=1&perPage=50")
