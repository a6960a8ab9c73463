"""What is sent to version 2 of Chapa's API, what its answers mean, and which version a key is for."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.adapters.gateways.chapa.by_key import ChapaByKey, base_urls
from chalicelib.adapters.gateways.chapa.v2 import ChapaV2
from chalicelib.adapters.gateways.chapa.v2_parsing import read_link, read_verification
from chalicelib.domain.booking import GatewayStatus
from chalicelib.domain.disputes import DisputeFacts
from chalicelib.domain.errors import GatewayBadAnswer, GatewayError, GatewayRejected, ReferenceUsed
from chalicelib.domain.ids import tx_ref_of
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from chalicelib.gateways import CHAPA_V2, Mode
from chalicelib.services.ports.gateways import BadSignature, Gateway, Opening, RefundAnswer, WebhookNotice
from chalicelib.settings import BadSetting
from tests.adapters.chapa_server import KEY, OPENED, OPENING, PENDING, Keys, answering, failed, serving
from tests.adapters.chapa_server import PAID as PAID_IN_V1
from tests.adapters.shapes import V2_KEY, V2_LINK, V2_OPENED, V2_PAID, answer, changed, v2_error
from tests.replacing import replace

NOT_FOUND = v2_error("NOT_FOUND", "Payment not found")


def keys(**named: str) -> Keys:
    return Keys(**({"chapa_secret_key": V2_KEY} | named))


def paid(**fields: object) -> dict[str, Any]:
    return changed(V2_PAID, **fields)


def verified(status: int, body: object, *, key_mode: str = "test") -> Verification:
    return read_verification(answer(status, body), key_mode=key_mode)


# The key


@pytest.mark.parametrize("key", ["", KEY, "CHAPA_TEST_PUB_abc", "CHAPA_LIVE_a b", "CHAPA_PROD_abc", "CHAPA_TEST_é"])
def test_what_is_no_key_for_version_2_is_refused(key: str) -> None:
    with pytest.raises(BadSetting, match="take one from the dashboard that begins with CHAPA_TEST_") as raised:
        ChapaV2(CHAPA_V2.base_url, keys(chapa_secret_key=key)).check_key()
    assert key == "" or key not in str(raised.value)


# What is sent


def test_the_list_of_payments_is_asked_for_page_by_page() -> None:
    rest = {"next_cursor": "CHk7Wq2ZtR9d", "prev_cursor": None, "limit": 100, "has_more": True}
    listed = {"status": "success", "data": {"items": [V2_PAID["data"]], "pagination": rest}}
    with serving(answering(200, listed)) as server:
        gateway = ChapaV2(server.url, keys())
        page = gateway.transactions()
        assert (page.rows[0].tx_ref, page.more, page.cursor) == (OPENING.tx_ref, True, "CHk7Wq2ZtR9d")
        gateway.transactions(page.cursor)
        assert [request.path for request in server.requests] == [
            "/v1/payments?limit=100",
            "/v1/payments?limit=100&cursor=CHk7Wq2ZtR9d",
        ]


def sent(opening: Opening) -> Any:
    with serving(answering(200, V2_OPENED)) as server:
        assert ChapaV2(server.url, keys()).initialize(opening) == V2_LINK
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v1/payments/hosted")
    assert request.headers["authorization"] == f"Bearer {V2_KEY}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == opening.tx_ref
    return request.json()


def test_an_opening_as_version_2_wants_it() -> None:
    assert sent(OPENING) == {
        "amount": 245000,
        "currency": "ETB",
        "merchant_reference": OPENING.tx_ref,
        "customer": {
            "first_name": "Hanna",
            "last_name": "Tesfaye",
            "email": "hanna.tesfaye@gmail.com",
            "phone_number": "251911223344",
        },
        "meta": {"booking_id": "GZ4T1B8WCD7K2M9Q"},
    }


def test_what_it_would_refuse_and_can_do_without_is_left_out() -> None:
    body = sent(replace(OPENING, email="hanna@example.com", phone="+44 20 7946 0000", last_name=""))
    assert body["customer"] == {"first_name": "Hanna"}


def test_our_longest_reference_is_one_of_theirs() -> None:
    assert len(tx_ref_of(OPENING.tx_ref.rpartition("-")[0], 99)) <= 20  # type: ignore[arg-type]


def test_verify_asks_by_our_reference() -> None:
    with serving(answering(200, V2_PAID)) as server:
        ChapaV2(server.url, keys()).verify("a/b?c")
    [request] = server.requests
    assert (request.method, request.path) == ("GET", "/v1/payments/a%2Fb%3Fc/verify")
    assert "idempotency-key" not in request.headers
    assert "content-length" not in request.headers


def test_what_it_has_no_call_for_is_not_asked() -> None:
    chapa = ChapaV2("http://127.0.0.1:1/v2", keys())
    assert chapa.cancel(OPENING.tx_ref) is False
    assert chapa.refund_status("x") == RefundAnswer("unknown")
    with pytest.raises(GatewayRejected, match=r"ETB 2,450\.00 .* dashboard") as raised:
        chapa.refund("CH1", amount=Money(245000, "ETB"), refund_id="R1", reason="x")
    assert raised.value.definitely_not_executed
    assert CHAPA_V2.base_url == "https://api.chapa.global/v2"


# What an opening's answer means


def refused(status: int, body: object, *, private: tuple[str, ...] = ()) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        read_link(answer(status, body), secure=True, private=private)
    return raised.value


@pytest.mark.parametrize("status", [200, 201])
def test_the_link_is_answered(status: int) -> None:
    assert read_link(answer(status, V2_OPENED), secure=True, private=()) == V2_LINK


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (409, v2_error("INVALID_STATE", "merchant_reference already exists")),
        (400, v2_error("INVALID_VALUE", "The merchant reference has already been used")),
        (400, v2_error("INVALID_VALUE", "Validation failed", {"merchant_reference": ["has already been taken"]})),
        (400, v2_error("INVALID_VALUE", "No", [{"field": "merchant_reference", "message": "was used before"}])),
    ],
)
def test_a_reference_that_was_used_is_its_own_refusal(status: int, body: object) -> None:
    trouble = refused(status, body)
    assert type(trouble) is ReferenceUsed
    assert trouble.definitely_not_executed


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, v2_error("PROCESSING_FAILED", "Unable to process payment")),
        (400, v2_error("PROCESSING_FAILED", "Unable to process payment")),
        (500, v2_error("INVALID_VALUE", "amount is wrong")),
        (408, v2_error("INVALID_VALUE", "amount is wrong")),
        (409, b"<html>"),
        (409, v2_error(None, "")),
        (409, v2_error("INVALID_STATE", "Another request with this Idempotency-Key is being processed")),
        (409, v2_error("INVALID_STATE", "The account is being changed")),
        (409, {"message": "Conflict"}),
        (404, {"message": "Not Found"}),
        (400, {"status": "error"}),
        (400, b""),
        (200, {"status": "success", "data": {}}),
        (200, {"status": "success", "data": {"checkout_url": "http://checkout.chapa.global/x"}}),
        (200, v2_error("INVALID_VALUE", "amount is wrong")),
        (200, {"status": "SUCCESS", "data": V2_OPENED["data"]}),
        (302, V2_OPENED),
    ],
)
def test_what_makes_no_sense_leaves_the_fate_open(status: int, body: object) -> None:
    trouble = refused(status, body)
    assert type(trouble) is GatewayBadAnswer
    assert not trouble.definitely_not_executed


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (v2_error("INVALID_VALUE", "Currency is not supported"), " Currency is not supported"),
        (v2_error("MISSING_REQUIRED_FIELD", ""), ""),
        (v2_error("INVALID_VALUE", "Key CHAPA_TEST_PRIV_x is wrong"), ""),
        (v2_error("NOT_FOUND", ["One is gone.", "Two are gone."]), " One is gone. Two are gone."),
    ],
)
def test_a_refusal_is_told_in_its_own_words(body: object, detail: str) -> None:
    trouble = refused(404 if "NOT_FOUND" in str(body) else 400, body)
    assert type(trouble) is GatewayRejected
    assert trouble.definitely_not_executed
    assert trouble.detail == "The payment gateway refused this payment." + detail


@pytest.mark.parametrize(
    "details",
    [
        {
            "customer.email": ["INVALID_VALUE"],
            "amount": "MISSING_REQUIRED_FIELD",
            "customer.phone_number": ["is Hanna"],
        },
        [
            {"field": "customer.email", "message": "INVALID_VALUE"},
            {"field": "amount", "message": "MISSING_REQUIRED_FIELD"},
            {"field": "customer.phone_number", "message": ["is Hanna"]},
            "what is this",
        ],
    ],
)
def test_every_wrong_field_is_named_as_ours(details: object) -> None:
    trouble = refused(400, v2_error("INVALID_VALUE", "Validation failed", details), private=("Hanna",))
    assert type(trouble) is GatewayRejected
    assert [(error.field, error.message) for error in trouble.errors] == [
        ("contact.email", "The payment gateway does not accept this value."),
        ("total", "The payment gateway needs this."),
        ("contact.phone", "The payment gateway does not accept this."),
    ]


# What became of a payment


def test_a_paid_payment() -> None:
    assert verified(200, V2_PAID) == Verification(
        "paid",
        tx_ref=OPENING.tx_ref,
        amount=Money(245000, "ETB"),
        mode="test",
        provider_reference="CHk7Wq2ZtR9d",
        paid_at=datetime(2026, 3, 4, 8, 16, 2, 123000, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("success", "paid"),
        ("pending", "pending"),
        ("incomplete", "pending"),
        ("auth_needed", "pending"),
        ("failed", "failed"),
        ("cancelled", "failed"),
        ("blocked", "failed"),
        ("fully_refunded", "refunded"),
        ("partially_refunded", "paid"),
        ("expired", "pending"),
        ("successful", "pending"),
        ("", "pending"),
    ],
)
def test_only_the_exact_word_is_believed(word: str, said: GatewayStatus) -> None:
    assert verified(200, paid(status=word)).status == said
    assert verified(200, paid(status=word.upper())).status == said
    assert verified(200, paid(status=word.capitalize())).status == "pending"
    assert verified(200, paid(status=f" {word}")).status == "pending"


def test_when_a_part_went_back_the_amount_is_not_believed() -> None:
    verification = verified(200, paid(status="PARTIALLY_REFUNDED"))
    assert (verification.amount, verification.reported) == (None, "ETB 2,450.00 less a refund")


@pytest.mark.parametrize(
    ("fields", "key_mode", "mode"),
    [
        ({}, "test", "test"),
        ({}, "live", "live"),
        ({"mode": "test"}, "live", "test"),
        ({"mode": "LIVE"}, "test", "live"),
        ({"mode": ""}, "test", None),
        ({"mode": 7}, "test", None),
        ({"mode": None}, "live", "live"),
        ({"chapa_reference": "TESTI89728391f"}, "live", "test"),
        ({"chapa_reference": "TESTI89728391f", "mode": "live"}, "live", "live"),
    ],
)
def test_the_mode_is_that_of_the_key_unless_the_answer_knows_better(
    fields: Mapping[str, object], key_mode: str, mode: str | None
) -> None:
    assert verified(200, paid(**fields), key_mode=key_mode).mode == mode


def test_the_mode_is_that_of_the_key_that_was_asked_with() -> None:
    live = keys(chapa_secret_key="CHAPA_LIVE_PRIV_x")
    with serving(answering(200, V2_PAID, keep=True)) as server:
        assert ChapaV2(server.url, keys()).verify(OPENING.tx_ref).mode == "test"
        assert ChapaV2(server.url, live, mode="live").verify(OPENING.tx_ref).mode == "live"


@pytest.mark.parametrize(
    ("amount", "currency", "read", "reported"),
    [
        (245000, "ETB", Money(245000, "ETB"), ""),
        ("0", "ETB", Money(0, "ETB"), ""),
        ("2450.00", "ETB", None, "2450.00 minor ETB"),
        (2450.5, "ETB", None, "2450.5 minor ETB"),
        (-5, "ETB", None, "-5 minor ETB"),
        ("1e5", "ETB", None, "1e5 minor ETB"),
        ("245000", "XXX", None, "245000 minor XXX"),
        ("9" * 17, "ETB", None, "9" * 17 + " minor ETB"),
        (None, "ETB", None, "minor ETB"),
        (True, None, None, "minor"),
    ],
)
def test_amounts_are_whole_minor_units(amount: object, currency: object, read: Money | None, reported: str) -> None:
    verification = verified(200, paid(amount=amount, currency=currency))
    assert verification.status == "paid"
    assert (verification.amount, verification.reported) == (read, reported)


def test_a_misspelt_reference_is_read() -> None:
    assert verified(200, paid(merchant_reference=..., merchant_referece="GZ-1")).tx_ref == "GZ-1"
    assert verified(200, paid(merchant_reference=...)).tx_ref is None
    assert verified(200, paid(merchant_reference=7)).tx_ref is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, NOT_FOUND),
        (400, NOT_FOUND),
        (404, v2_error(None, "Payment not found")),
        (404, {**NOT_FOUND, "error": None}),
    ],
)
def test_a_reference_that_it_does_not_know(status: int, body: object) -> None:
    assert verified(status, body) == Verification("unknown")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"message": "Not Found"}),
        (404, v2_error("NOT_FOUND", "Not found")),
        (404, v2_error("NOT_FOUND", "Merchant not found")),
        (404, b"<html>Payment not found</html>"),
        (500, NOT_FOUND),
        (500, v2_error("PROCESSING_FAILED", "Unable to process")),
        (400, v2_error("INVALID_VALUE", "Wrong")),
        (404, V2_PAID),
        (201, V2_PAID),
        (200, {"status": "success", "data": None}),
        (200, paid(status=None)),
        (200, paid(status=["SUCCESS"])),
        (200, b'{"data": {"status": "pending", "status": "SUCCESS"}}'),
        (200, b""),
    ],
)
def test_an_answer_that_says_nothing_of_the_payment_is_trouble(status: int, body: object) -> None:
    with pytest.raises(GatewayBadAnswer) as raised:
        verified(status, body)
    assert not raised.value.definitely_not_executed


# Webhooks


def signed(body: bytes, secret: str = "demo-webhook-secret-2026") -> dict[str, str]:
    return {"X-Chapa-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


@pytest.mark.parametrize(
    ("body", "notice"),
    [
        (
            b'{"event":"payment.success","merchant_reference":"GZ-1","status":"SUCCESS"}',
            WebhookNotice("GZ-1", "payment.success", claims_paid=True),
        ),
        (b'{"event":"x","merchant_referece":"GZ-1","status":"SUCCESS"}', WebhookNotice("GZ-1", "x", claims_paid=True)),
        (
            b'{"event":"payment.failed","merchant_reference":"GZ-1","status":"FAILED"}',
            WebhookNotice("GZ-1", "payment.failed", claims_paid=False),
        ),
        (b'{"event":"charge.success","tx_ref":"GZ-1"}', WebhookNotice("GZ-1", "charge.success", claims_paid=True)),
        (
            b'{"event":"charge.reversed","tx_ref":"GZ-1","status":"reversed"}',
            WebhookNotice("GZ-1", "charge.reversed", claims_paid=False),
        ),
        (
            b'{"event":"charge.dispute.create","tx_ref":"GZ-1","amount":"5.00","dueAt":"2027-01-01T00:00:00Z"}',
            WebhookNotice(
                "GZ-1",
                "charge.dispute.create",
                claims_paid=False,
                dispute=DisputeFacts(provider_dispute_id="", status="needs_response", reason="announced by Chapa"),
            ),
        ),
    ],
)
def test_webhooks_of_either_version_are_read(body: bytes, notice: WebhookNotice) -> None:
    for gateway in (ChapaV2(CHAPA_V2.base_url, keys()), ChapaByKey("https://api.chapa.co/v1", keys())):
        assert gateway.read_webhook(body, signed(body)) == notice
        with pytest.raises(BadSignature):
            gateway.read_webhook(body, signed(body, "another"))


# Which version


@pytest.mark.parametrize(
    ("key", "mode", "version"),
    [
        ("CHASECK-a", "live", "v1"),
        ("CHASECK_TEST-a", "test", "v1"),
        ("CHAPA_TEST_PRIV_a", "test", "v2"),
        (" CHAPA_LIVE_a\n", "live", "v2"),
    ],
)
def test_the_key_chooses_the_version(key: str, mode: Mode, version: str) -> None:
    with serving(answering(200, OPENED if version == "v1" else V2_OPENED)) as server:
        chapa = ChapaByKey(server.url, keys(chapa_secret_key=key), mode=mode)
        chapa.check_key()
        chapa.initialize(OPENING)
    assert server.requests[0].path.startswith(f"/{version}/")


@pytest.mark.parametrize("key", ["", "CHASECKa", "CHAPUBK_TEST-a", "chapa_test_a", "sk_test_a", "CHAPA_TEST_PUB_a"])
@pytest.mark.parametrize(
    ("mode", "beginnings"), [("test", ["CHASECK_TEST-", "CHAPA_TEST_"]), ("live", ["CHASECK-", "CHAPA_LIVE_"])]
)
def test_a_key_of_neither_version_is_refused_with_what_to_do(key: str, mode: Mode, beginnings: list[str]) -> None:
    chapa = ChapaByKey("http://127.0.0.1:1/v1", keys(chapa_secret_key=key), mode=mode)
    with pytest.raises(BadSetting, match=r"no secret key of Chapa: take one from the dashboard that begins") as raised:
        chapa.check_key()
    assert all(f" {beginning} (version " in str(raised.value) for beginning in beginnings)
    assert key == "" or key not in str(raised.value)
    with pytest.raises(GatewayBadAnswer) as trouble:
        chapa.initialize(OPENING)
    assert trouble.value.definitely_not_executed


@pytest.mark.parametrize(
    ("setting", "urls"),
    [
        ("https://api.chapa.co/v1", ("https://api.chapa.co/v1", "https://api.chapa.global/v2")),
        ("https://api.chapa.global/v2/", ("https://api.chapa.co/v1", "https://api.chapa.global/v2")),
        ("http://127.0.0.1:8001/chapa/v1", ("http://127.0.0.1:8001/chapa/v1", "http://127.0.0.1:8001/chapa/v2")),
        ("http://127.0.0.1:8001/chapa/v2", ("http://127.0.0.1:8001/chapa/v1", "http://127.0.0.1:8001/chapa/v2")),
        ("http://127.0.0.1:8001/x", ("http://127.0.0.1:8001/x", "http://127.0.0.1:8001/x")),
    ],
)
def test_one_setting_names_the_addresses_of_both(setting: str, urls: tuple[str, str]) -> None:
    assert base_urls(setting) == urls


def test_a_key_of_the_other_version_needs_no_deployment() -> None:
    named = Keys()
    with serving(answering(200, OPENED, keep=True), answering(200, V2_OPENED, keep=True)) as server:
        chapa = ChapaByKey(server.url, named)
        chapa.initialize(OPENING)
        named.named["chapa_secret_key"] = "CHAPA_TEST_PRIV_x"
        assert chapa.initialize(OPENING) == V2_LINK
    assert [request.path for request in server.requests] == ["/v1/transaction/initialize", "/v2/payments/hosted"]


def test_a_reference_of_no_payment_that_the_new_version_does_not_know_is_asked_of_the_old_one() -> None:
    named = keys(chapa_secret_key_previous=KEY)
    with serving(answering(404, NOT_FOUND, keep=True), answering(200, PAID_IN_V1, keep=True)) as server:
        verification = ChapaByKey(server.url, named).verify(OPENING.tx_ref)
    assert (verification.status, verification.provider_reference) == ("paid", "APk7Wq2ZtR9d")
    assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {V2_KEY}", f"Bearer {KEY}"]
    with serving(answering(200, V2_PAID, keep=True)) as server:
        assert ChapaByKey(server.url, named).verify(OPENING.tx_ref).status == "paid"
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["PENDING", "FAILED", "FULLY_REFUNDED", "SOMETHING"])
def test_a_reference_that_the_new_version_knows_is_asked_of_no_other(status: str) -> None:
    answer = V2_PAID | {"data": V2_PAID["data"] | {"status": status}}
    with serving(answering(200, answer, keep=True)) as server:
        verification = ChapaByKey(server.url, keys(chapa_secret_key_previous=KEY)).verify(OPENING.tx_ref)
    assert verification.status != "unknown"
    assert len(server.requests) == 1


@pytest.mark.parametrize("previous", ["", "nonsense", "CHAPA_TEST_PRIV_older", "CHASECK-live"])
def test_a_previous_key_of_the_same_version_of_none_or_of_the_other_mode_is_not_asked_with(previous: str) -> None:
    named = keys(chapa_secret_key_previous=previous)
    with serving(answering(404, NOT_FOUND, keep=True)) as server:
        assert ChapaByKey(server.url, named).verify(OPENING.tx_ref).status == "unknown"
    assert len(server.requests) == 1


# The version that opened a payment, and its key


def give_back(gateway: Gateway, reference: str) -> RefundAnswer:
    return gateway.refund(reference, amount=Money(100, "ETB"), refund_id="R1", reason="over")


def test_a_payment_remembers_the_version_of_the_key_that_opens_it() -> None:
    named = Keys()
    chapa = ChapaByKey("http://127.0.0.1:1/v1", named)
    assert chapa.api_version == "v1"
    named.named["chapa_secret_key"] = V2_KEY
    assert chapa.api_version == "v2"
    named.named["chapa_secret_key"] = "nonsense"
    assert chapa.api_version == ""
    del named.named["chapa_secret_key"]
    assert chapa.api_version == ""
    assert chapa.of_version("") is chapa.of_version("v9") is chapa


@pytest.mark.parametrize(("version", "key"), [("v1", KEY), ("v2", V2_KEY)])
@pytest.mark.parametrize("current", ["v1", "v2"])
def test_a_payment_is_asked_about_in_its_own_version_with_that_ones_key(version: str, key: str, current: str) -> None:
    both = {"v1": KEY, "v2": V2_KEY}
    named = Keys(chapa_secret_key=both[current])
    if version != current:
        named.named["chapa_secret_key_previous"] = both[version]
    unknown = {"v1": answering(400, failed("Invalid transaction reference")), "v2": answering(404, NOT_FOUND)}
    with serving(unknown[version]) as server:
        # The answer of the version that opened it is the answer, and nobody else is asked.
        assert ChapaByKey(server.url, named).of_version(version).verify(OPENING.tx_ref) == Verification("unknown")
    [request] = server.requests
    assert request.headers["authorization"] == f"Bearer {key}"


def test_without_the_key_that_opened_a_payment_nothing_is_known_of_it() -> None:
    for previous in ({}, {"chapa_secret_key_previous": V2_KEY}, {"chapa_secret_key_previous": "nonsense"}):
        with serving(answering(404, NOT_FOUND)) as server, pytest.raises(GatewayBadAnswer) as raised:
            ChapaByKey(server.url, keys(**previous)).of_version("v1").verify(OPENING.tx_ref)
        assert raised.value.definitely_not_executed
        assert server.requests == []


@pytest.mark.parametrize("current", ["", "nonsense", "CHASECK-live", "CHAPA_LIVE_PRIV_x", "CHAPUBK_TEST-x"])
def test_a_key_that_is_not_set_right_is_not_stood_in_for_by_the_one_before(current: str) -> None:
    """The key before serves while one of another version replaces it, and never hides a mistake."""
    named = Keys(chapa_secret_key=current, chapa_secret_key_previous=KEY)
    with serving(answering(200, PAID_IN_V1)) as server, pytest.raises(GatewayBadAnswer) as raised:
        ChapaByKey(server.url, named).of_version("v1").verify(OPENING.tx_ref)
    assert raised.value.definitely_not_executed
    assert server.requests == []


def test_money_of_the_old_version_goes_back_by_the_old_version() -> None:
    named = keys(chapa_secret_key_previous=KEY)
    done = {"status": "success", "message": "Refund initiated", "data": {"ref_id": "MqT58vRk2c", "status": "initiated"}}
    with serving(answering(200, done, keep=True)) as server:
        chapa = ChapaByKey(server.url, named).of_version("v1")
        assert give_back(chapa, "AP1") == RefundAnswer("processing", "MqT58vRk2c")
        assert chapa.refund_status("MqT58vRk2c").status == "processing"
    assert [request.path for request in server.requests] == ["/v1/refund/AP1", "/v1/refund/MqT58vRk2c/verify"]


def test_money_of_the_new_version_is_for_the_dashboard_whatever_the_old_key_is_worth() -> None:
    named = keys(chapa_secret_key_previous=KEY)
    for chapa in (ChapaByKey("http://127.0.0.1:1/v1", named), ChapaByKey("http://127.0.0.1:1/v1", keys())):
        for gateway in (chapa, chapa.of_version("v2")):
            with pytest.raises(GatewayRejected, match="dashboard"):
                give_back(gateway, "CH1")


def test_the_chooser_answers_as_the_version_that_it_chose() -> None:
    with serving(answering(200, PENDING)) as server:
        assert ChapaByKey(server.url, Keys()).verify(OPENING.tx_ref).status == "pending"


def test_chapa_has_no_call_that_tells_of_a_dispute() -> None:
    with serving(answering(500, b"")) as server:
        for key in (KEY, V2_KEY):
            assert ChapaByKey(server.url, Keys(chapa_secret_key=key)).dispute("2867") is None
    assert server.requests == []
