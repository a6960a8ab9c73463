"""What is sent to Chapa, what its recorded answers mean, and which webhooks are believed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.adapters.gateways.chapa.email import accepts_email
from chalicelib.adapters.gateways.chapa.v1 import ChapaV1
from chalicelib.adapters.gateways.chapa.v1_parsing import UNKNOWN, read_closed, read_link, read_verification
from chalicelib.adapters.gateways.transport import HttpResponse
from chalicelib.domain.booking import GatewayStatus
from chalicelib.domain.errors import GatewayBadAnswer, GatewayError, GatewayRejected, GatewayUnreachable, ReferenceUsed
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from chalicelib.services.ports.gateways import BadSignature, NotJson, Opening, WebhookNotice
from chalicelib.services.ports.outcomes import Fault
from chalicelib.settings import BadSetting
from tests.adapters.chapa_server import KEY, LINK, OPENED, OPENING, PAID, PENDING, Keys, answering, failed, serving
from tests.replacing import replace

TX_REF = OPENING.tx_ref


def answer(status: int, body: object) -> HttpResponse:
    return HttpResponse(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def paid(**changed: object) -> dict[str, object]:
    return PAID | {"data": PAID["data"] | changed}


# The key


@pytest.mark.parametrize(
    "key",
    [
        "",
        "CHAPUBK_TEST-abc",
        "CHASECK-",
        "CHASECK_TEST-a b",
        "CHASECK-a\r\nX: y",
        "CHASECK-é",
        "CHAPA_TEST_PRIV_abc",
        "CHAPA_LIVE_PRIV_abc",
    ],
)
def test_what_is_no_secret_key_is_refused_and_never_sent(key: str) -> None:
    chapa = ChapaV1("http://127.0.0.1:1/v1", Keys(chapa_secret_key=key))
    with pytest.raises(BadSetting, match="chapa_secret_key is no secret key of Chapa: take one"):
        chapa.check_key()
    with pytest.raises(GatewayBadAnswer) as raised:
        chapa.verify(TX_REF)
    assert raised.value.definitely_not_executed
    assert key == "" or key not in raised.value.detail


def test_a_key_that_cannot_be_read_opened_nothing() -> None:
    keys = Keys()
    del keys.named["chapa_secret_key"]
    with pytest.raises(GatewayUnreachable) as raised:
        ChapaV1("http://127.0.0.1:1/v1", keys).initialize(OPENING)
    assert raised.value.definitely_not_executed
    assert isinstance(raised.value.__cause__, Fault)


def test_a_rotated_key_is_used_at_the_next_call() -> None:
    keys = Keys()
    with serving(answering(200, OPENED, keep=True)) as server:
        chapa = ChapaV1(server.url, keys)
        chapa.initialize(OPENING)
        keys.named["chapa_secret_key"] = "CHASECK_TEST-new"
        chapa.initialize(OPENING)
    assert [request.headers["authorization"] for request in server.requests] == [
        f"Bearer {KEY}",
        "Bearer CHASECK_TEST-new",
    ]


# What is sent


def sent(opening: Opening) -> Any:
    with serving(answering(200, OPENED)) as server:
        assert ChapaV1(server.url, Keys()).initialize(opening) == LINK
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v1/transaction/initialize")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    return request.json()


def test_an_opening_as_chapa_wants_it() -> None:
    assert sent(OPENING) == {
        "amount": "2450.00",
        "currency": "ETB",
        "tx_ref": TX_REF,
        "email": "hanna.tesfaye@gmail.com",
        "first_name": "Hanna",
        "last_name": "Tesfaye",
        "phone_number": "0911223344",
        "callback_url": OPENING.callback_url,
        "return_url": OPENING.return_url,
        "customization": {"title": "Lake house", "description": f"Lake house {TX_REF}"},
        "meta": {"booking_id": "GZ4T1B8WCD7K2M9Q"},
    }


def test_what_chapa_would_refuse_and_can_do_without_is_left_out() -> None:
    body = sent(replace(OPENING, email="hanna@example.com", phone="+251911223344", last_name=""))
    assert not {"email", "phone_number", "last_name"} & set(body)


def test_names_are_sent_as_they_are() -> None:
    assert sent(replace(OPENING, first_name="ሐና", last_name="O'Brien"))["first_name"] == "ሐና"


@pytest.mark.parametrize(
    ("title", "shown", "described"),
    [
        ("Hanna's café: view/lake", "Hannas cafe view", f"Hannas cafe view lake {TX_REF}"),
        ("የሐይቅ ቤት", "Guzo", f"Guzo {TX_REF}"),
        ("የሐይቅ ቤት - .", "Guzo", f"Guzo {TX_REF}"),
        (
            "A very long title of a house by the lake",
            "A very long titl",
            f"A very long title of a house {TX_REF}",
        ),
        ("Fifteen letter house", "Fifteen letter h", f"Fifteen letter house {TX_REF}"),
        ("Sixteen letters, house", "Sixteen letters", f"Sixteen letters house {TX_REF}"),
        ("", "Guzo", f"Guzo {TX_REF}"),
    ],
)
def test_a_title_is_cleaned_and_cut(title: str, shown: str, described: str) -> None:
    assert sent(replace(OPENING, title=title))["customization"] == {"title": shown, "description": described}
    assert len(shown) <= 16
    assert len(described) <= 50


@pytest.mark.parametrize(
    "address", ["hanna@gmail.com", "H.T+x@mail.tour.et", "a@my-example.com", "a@testing.com", "a@latest.com"]
)
def test_addresses_that_chapa_takes(address: str) -> None:
    assert accepts_email(address)


@pytest.mark.parametrize(
    "address",
    [
        "a@example.com",
        "a@Example.ORG",
        "a@mail.example.net",
        "a@test.com",
        "a@guest.test",
        "a@x.example",
        "a@x.invalid",
        "a@localhost",
        "a@x.localhost",
        "a@printer.local",
        "",
        "a",
        "a@",
        "@gmail.com",
        "a@b@gmail.com",
        "a b@gmail.com",
        ".a@gmail.com",
        "a..b@gmail.com",
        "a@-x.com",
        "ሐና@gmail.com",
        "a@ሐና.com",
        "a@gmail.com\n",
        "\u212a@gmail.com",
        "a" * 250 + "@gmail.com",
    ],
)
def test_addresses_that_chapa_refuses_or_may_refuse(address: str) -> None:
    assert not accepts_email(address)


def test_neither_verify_nor_cancel_sends_a_body() -> None:
    with serving(answering(200, PENDING, keep=True)) as server:
        chapa = ChapaV1(server.url, Keys())
        chapa.verify("a/b?c")
        chapa.cancel("a/b?c")
    verify, cancel = server.requests
    assert (verify.method, verify.path) == ("GET", "/v1/transaction/verify/a%2Fb%3Fc")
    assert "content-length" not in verify.headers
    assert (cancel.method, cancel.path) == ("PUT", "/v1/transaction/cancel/a%2Fb%3Fc")
    assert cancel.headers.get("content-length", "0") == "0"
    assert "content-type" not in verify.headers | cancel.headers


# What an opening's answer means


def opened(status: int, body: object, *, secure: bool = True, private: tuple[str, ...] = ()) -> str:
    return read_link(answer(status, body), secure=secure, private=private)


def refused(status: int, body: object, *, private: tuple[str, ...] = ()) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        opened(status, body, private=private)
    return raised.value


def test_the_link_is_answered() -> None:
    assert opened(200, OPENED) == LINK
    assert opened(200, b"\xef\xbb\xbf" + json.dumps(OPENED).encode()) == LINK


@pytest.mark.parametrize(
    "link",
    [
        None,
        7,
        [LINK],
        "",
        "checkout.chapa.co/x",
        "//checkout.chapa.co/x",
        "/x",
        "javascript:alert(1)",
        "http://checkout.chapa.co/x",
        "ftp://checkout.chapa.co/x",
        "https://",
        "https:///x",
        "https://user@chapa.co/x",
        "https://user:word@chapa.co/x",
        "https://chapa.co:x/",
        "https://[::1/x",
        "https://chapa.co/a b",
        "https://chapa.co/\n",
        "https://chapa.co/\\@evil.et",
        'https://chapa.co/">',
        "https://ቻፓ.et/x",
        "https://chapa.co/" + "x" * 2040,
    ],
)
def test_what_is_no_safe_link_is_a_bad_answer_that_leaves_the_fate_open(link: object) -> None:
    trouble = refused(200, OPENED | {"data": {"checkout_url": link}})
    assert type(trouble) is GatewayBadAnswer
    assert not trouble.definitely_not_executed


def test_a_gateway_without_tls_may_send_links_without_it() -> None:
    body = OPENED | {"data": {"checkout_url": "http://127.0.0.1:8001/chapa/checkout/x"}}
    assert opened(200, body, secure=False) == "http://127.0.0.1:8001/chapa/checkout/x"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {}),
        (200, []),
        (200, "x"),
        (200, {"status": "success", "data": None}),
        (200, {"status": "success", "data": []}),
        (200, {"status": "success", "data": {}}),
        (200, {"status": "failed", "data": {"checkout_url": LINK}}),
        (200, {"message": "Something went wrong", "status": "failed", "data": None}),
        (200, b""),
        (200, b"{"),
        (200, b"<html></html>"),
        (200, b"\xff\xfe"),
        (200, b'{"status": "success", "status": "success", "data": {}}'),
        (200, b"[" * 100_000),
        (200, b'{"status": "success", "data": {"checkout_url": NaN}}'),
        (201, OPENED),
        (204, b""),
        (302, OPENED),
        (304, b""),
        (400, {}),
        (400, b"<html>Bad request</html>"),
        (400, failed(None)),
        (400, failed("")),
        (400, failed({})),
        (400, failed({"email": [7, None]})),
        (400, failed({"email": {"deep": ["no"]}})),
        (404, {"message": "Not Found"}),
        (408, failed("Request Time-out")),
        (500, failed("Server Error")),
        (500, failed("Transaction reference has been used before")),
        (502, b"<html>Bad gateway</html>"),
        (503, {}),
        (599, OPENED),
    ],
)
def test_what_makes_no_sense_leaves_the_fate_open(status: int, body: object) -> None:
    trouble = refused(status, body)
    assert type(trouble) is GatewayBadAnswer
    assert not trouble.definitely_not_executed
    assert "went wrong" not in trouble.detail
    assert "<" not in trouble.detail


@pytest.mark.parametrize(
    ("status", "message", "detail"),
    [
        (400, "Invalid currency, XXX is not supported", " Invalid currency, XXX is not supported"),
        (400, "User can't receive payments", " User can't receive payments"),
        (
            404,
            "Payments through API is disabled, please contact us",
            " Payments through API is disabled, please contact us",
        ),
        (422, ["This is one.", "This is two."], " This is one. This is two."),
        (400, "<b>This is markup</b>", ""),
        (400, "validation", ""),
        (400, "This is long " + "x" * 200, ""),
        (400, "The key CHASECK_TEST-abc is wrong", ""),
        (400, "This\nis odd", ""),
    ],
)
def test_a_refusal_of_chapas_is_told_in_its_own_words_if_those_can_be_shown(
    status: int, message: object, detail: str
) -> None:
    trouble = refused(status, failed(message))
    assert type(trouble) is GatewayRejected
    assert trouble.definitely_not_executed
    assert trouble.detail == "The payment gateway refused this payment." + detail
    assert trouble.errors == ()


def test_every_wrong_field_is_named_as_ours() -> None:
    message = {
        "email": ["validation.email"],
        "phone_number": ["validation.unheard_of"],
        "first_name": ["The first name is required."],
        "last_name": "validation.required",
        "amount": ["validation.min.numeric", "The amount must not exceed 1000000."],
        "customization.title": ["The customization.title must not exceed 16 characters."],
        "bad name!": ["This is left out."],
    }
    trouble = refused(400, failed(message))
    assert type(trouble) is GatewayRejected
    assert [(error.field, error.message) for error in trouble.errors] == [
        ("contact.email", "The payment gateway does not accept this e-mail address."),
        ("contact.phone", "The payment gateway does not accept this."),
        ("contact.first_name", "The first name is required."),
        ("contact.last_name", "The payment gateway needs this."),
        ("total", "This is less than the payment gateway accepts."),
        ("total", "The amount must not exceed 1000000."),
        ("customization.title", "The customization.title must not exceed 16 characters."),
    ]


def test_reasons_without_end_are_cut() -> None:
    trouble = refused(400, failed({f"field{number}": ["validation.required"] for number in range(500)}))
    assert len(trouble.errors) == 20


def test_a_reason_that_repeats_the_guest_is_not_passed_on() -> None:
    message = {"email": ["The address Hanna.T@gmail.com is taken away."], "amount": ["The amount is wrong."]}
    trouble = refused(400, failed(message), private=("hanna.t@gmail.com", "", "Ha"))
    assert [error.message for error in trouble.errors] == [
        "The payment gateway does not accept this.",
        "The amount is wrong.",
    ]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Transaction reference has been used before"),
        (400, "TRANSACTION REFERENCE HAS BEEN USED BEFORE"),
        (400, ["Transaction reference has been used before"]),
        (400, {"tx_ref": ["Transaction reference has been used before"]}),
        (400, {"tx_ref": "Transaction reference has been used before"}),
        (400, {"email": ["validation.email"], "tx_ref": ["The tx ref has already been taken."]}),
        (422, {"tx_ref": ["validation.unique"]}),
        (409, "This tx_ref already exists"),
        (400, "TThe reference number has been used before"),
        (400, "Duplicate transaction reference"),
        (400, "The transaction reference must be unique."),
        (400, {"tx_ref": ["This value is already in use."]}),
        (200, "Transaction reference has been used before"),
    ],
)
def test_a_reference_that_was_used_is_its_own_refusal(status: int, message: object) -> None:
    trouble = refused(status, failed(message))
    assert type(trouble) is ReferenceUsed
    assert trouble.definitely_not_executed


@pytest.mark.parametrize(
    "message",
    [
        "This card was used before",
        "A transaction reference is required",
        "Transaction reference is not valid",
        "Duplicate phone number",
        {"email": ["The email has already been taken."]},
        {"tx_ref": ["validation.required"]},
    ],
)
def test_other_refusals_are_not_taken_for_a_used_reference(message: object) -> None:
    assert type(refused(400, failed(message))) is GatewayRejected


# What became of a payment


def test_a_paid_payment() -> None:
    assert read_verification(answer(200, PAID)) == Verification(
        "paid",
        tx_ref=TX_REF,
        amount=Money(245000, "ETB"),
        mode="test",
        provider_reference="APk7Wq2ZtR9d",
        receipt_url="https://chapa.link/payment-receipt/APk7Wq2ZtR9d",
        fee=Money(6125, "ETB"),
        paid_at=datetime(2026, 3, 4, 8, 16, 2, 123000, tzinfo=UTC),
    )


def test_an_unpaid_payment_in_the_recorded_form_and_in_the_documented_one() -> None:
    assert read_verification(answer(200, PENDING)) == Verification(
        "pending", tx_ref=TX_REF, amount=Money(245000, "ETB"), mode="test"
    )
    not_paid = {"message": "Payment not paid yet", "status": None, "data": None}
    assert read_verification(answer(404, not_paid)) == Verification("pending")
    assert read_verification(answer(400, not_paid)) == Verification("pending")
    assert read_verification(answer(200, not_paid)) == Verification("pending")
    assert read_verification(answer(200, not_paid | {"status": "success", "data": {}})) == Verification("pending")
    # What became of a payment is in its data, where there is any.
    assert read_verification(answer(200, PAID | {"message": "Payment not paid yet"})).status == "paid"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Invalid transaction reference"),
        (404, "Invalid transaction or Transaction not found"),
        (404, "Transaction not found."),
        (400, {"tx_ref": ["Invalid reference"]}),
    ],
)
def test_a_reference_that_chapa_does_not_know(status: int, message: object) -> None:
    assert read_verification(answer(status, failed(message))) == Verification("unknown")


@pytest.mark.parametrize("status", [200, 201, 401, 403, 405, 409, 422, 429, 500, 502, 503])
@pytest.mark.parametrize("message", sorted(UNKNOWN))
def test_no_other_status_says_that_a_reference_is_not_known(status: int, message: str) -> None:
    """A payment that is not known is given up in the end."""
    with pytest.raises(GatewayBadAnswer):
        read_verification(answer(status, failed(message)))


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("success", "paid"),
        ("pending", "pending"),
        ("failed", "failed"),
        ("failed/cancelled", "failed"),
        ("cancelled", "failed"),
        ("refunded", "refunded"),
        ("reversed", "reversed"),
        ("Success", "pending"),
        ("SUCCESS", "pending"),
        (" success", "pending"),
        ("success\n", "pending"),
        ("successful", "pending"),
        ("null", "pending"),
        ("", "pending"),
        ("processing", "pending"),
    ],
)
def test_only_the_exact_word_is_believed(word: str, said: GatewayStatus) -> None:
    verification = read_verification(answer(200, paid(status=word)))
    assert verification.status == said
    assert (verification.paid_at is not None) == (said == "paid")
    assert (verification.receipt_url is not None) == (said == "paid")


@pytest.mark.parametrize("envelope", ["failed", None, 7])
def test_the_envelope_decides_nothing(envelope: object) -> None:
    assert read_verification(answer(200, PAID | {"status": envelope})).status == "paid"
    assert read_verification(answer(200, PENDING | {"status": envelope})).status == "pending"


@pytest.mark.parametrize(
    ("digits", "minor"),
    [
        ("2450", 245000),
        ("2450.0", 245000),
        ('"2450.00"', 245000),
        ('"2450.000"', 245000),
        ("2450.10", 245010),
        ("0.1", 10),
        ("0", 0),
        ("9007199254740.99", 900719925474099),
    ],
)
def test_amounts_are_read_digit_for_digit(digits: str, minor: int) -> None:
    raw = json.dumps(paid(amount="AMOUNT", charge="AMOUNT")).replace('"AMOUNT"', digits).encode()
    verification = read_verification(answer(200, raw))
    assert verification.amount == verification.fee == Money(minor, "ETB")
    assert verification.reported == ""


@pytest.mark.parametrize(
    ("amount", "currency", "reported"),
    [
        ("5", '"XXX"', "5 XXX"),
        ("5", '"etb"', "5 etb"),
        ("-5", '"ETB"', "-5 ETB"),
        ("2.45e3", '"ETB"', "2.45e3 ETB"),
        ("1e999999", '"ETB"', "1e999999 ETB"),
        ("9" * 5000, '"ETB"', "9" * 40),
        ("2450.001", '"ETB"', "2450.001 ETB"),
        ('"1,000"', '"ETB"', "1,000 ETB"),
        ('"NaN"', '"ETB"', "NaN ETB"),
        ('"٢\\ud800\\n5"', '"ETB"', "???5 ETB"),
        ("true", '"ETB"', "ETB"),
        ("null", "null", ""),
        ("[]", "{}", ""),
        ("5", "5", "5 5"),
    ],
)
def test_what_cannot_be_read_as_money_is_kept_for_people(amount: str, currency: str, reported: str) -> None:
    raw = json.dumps(paid(amount="AMOUNT", charge="AMOUNT", currency="CURRENCY"))
    verification = read_verification(
        answer(200, raw.replace('"AMOUNT"', amount).replace('"CURRENCY"', currency).encode())
    )
    assert verification.status == "paid"
    assert (verification.amount, verification.fee, verification.reported) == (None, None, reported)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"tx_ref": 7}, "tx_ref"),
        ({"tx_ref": None}, "tx_ref"),
        ({"tx_ref": "a b"}, "tx_ref"),
        ({"tx_ref": "\ud800"}, "tx_ref"),
        ({"tx_ref": "x" * 65}, "tx_ref"),
        ({"mode": True}, "mode"),
        ({"mode": ""}, "mode"),
        ({"reference": "../x"}, "provider_reference"),
        ({"reference": "x" * 65}, "provider_reference"),
        ({"reference": 7}, "provider_reference"),
        ({"reference": "AP\n"}, "provider_reference"),
        ({"updated_at": 7}, "paid_at"),
        ({"updated_at": "2026-03-04"}, "paid_at"),
        ({"updated_at": "2026-13-04T08:16:02.000000Z"}, "paid_at"),
        ({"updated_at": "2026-03-04T08:16:02"}, "paid_at"),
        ({"charge": None}, "fee"),
    ],
)
def test_a_fact_that_cannot_be_read_is_none(changed: Mapping[str, object], field: str) -> None:
    verification = read_verification(answer(200, paid(**changed)))
    assert verification.status == "paid"
    assert getattr(verification, field) is None
    assert field != "provider_reference" or verification.receipt_url is None


def test_a_reference_with_an_underscore_is_kept() -> None:
    assert read_verification(answer(200, paid(reference="AP_k7-Wq2"))).provider_reference == "AP_k7-Wq2"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        # "Not found" and "invalid" of something else than the reference.
        (404, failed("The route transaction/verify could not be found")),
        (404, failed("Invalid endpoint for this transaction")),
        (400, failed("Invalid transaction currency")),
        (404, failed("Business not found for this transaction reference")),
        (200, {"status": "success", "message": "Something else", "data": None}),
        (200, {}),
        (200, {"status": "success", "data": None}),
        (200, {"status": "success", "data": [PAID["data"]]}),
        (200, {"status": "success", "data": {}}),
        (200, paid(status=None)),
        (200, paid(status=True)),
        (200, paid(status=7)),
        (200, paid(status=["success"])),
        (200, b"<html>"),
        (200, b""),
        (200, json.dumps(PAID).encode()[:-3]),
        (200, json.dumps(PAID).encode("utf-16")),
        (200, b'{"data": {"status": "pending", "status": "success"}}'),
        (200, b'{"data": {"status": "success", "amount": Infinity}}'),
        (200, b'{"data":' * 50_000),
        (201, PAID),
        (302, PAID),
        (400, PAID),
        (404, PAID),
        (404, {"message": "Not Found"}),
        (404, failed("Payments through API is disabled, please contact us")),
        (400, b"<html>Invalid transaction reference</html>"),
        (500, failed("Invalid transaction reference")),
        (502, PAID),
    ],
)
def test_an_answer_that_says_nothing_of_the_payment_is_trouble(status: int, body: object) -> None:
    with pytest.raises(GatewayBadAnswer) as raised:
        read_verification(answer(status, body))
    assert not raised.value.definitely_not_executed


# Closing a link


@pytest.mark.parametrize(
    ("status", "body", "closed"),
    [
        (200, {"message": "Checkout link expired successfully", "status": "success", "data": {}}, True),
        (400, failed("Payment link already expired"), True),
        (404, failed("Payment link not found"), True),
        (200, b"<html>", False),
        (200, failed("Payment link already expired"), False),
        (400, failed("Payment already completed"), False),
        (400, failed("Payment link not found"), False),
        (404, failed("Payment link already expired"), False),
        (404, {"message": "Not Found"}, False),
        (409, failed("Payment link already expired"), False),
        (500, failed("Payment link already expired"), False),
    ],
)
def test_a_link_is_closed_only_when_that_is_certain(status: int, body: object, *, closed: bool) -> None:
    assert read_closed(answer(status, body)) is closed


# Webhooks: the vectors were made apart from this code

SECRET = "demo-webhook-secret-2026"
CONSTANT = "9b052bd56b5798cacd132759a3ce04f5c918015c8423c1e4d5225271e23ed6dc"
BODY_A = b'{"event":"charge.success","status":"success","mode":"test","tx_ref":"BK7Q2M-a1-9f3c","amount":"2450.00"}'
SIGNATURE_A = "02ec49948d642925704e9ac944e1521abe0e60aaa8ce49f4416ac5a1872aa34c"
REDUMPED_A = "7037e68073459e309ee2a2ba81b455c60eca6910ef0776682072f4b795dcb901"
BODY_B = rb'{"event":"charge.failed\/cancelled","tx_ref":"BK7Q2M-a1-9f3c"}'
SIGNATURE_B = "f080d4df74e4b8a4dc2208b2348d0504198383c8b5d9c15f4124d89638a86c0c"
REDUMPED_B = "d136477f0706b25ee4918b37e6f917f13f1e886da115bed0bf415d4b947a2e25"


def read(body: bytes, headers: Mapping[str, str], **secrets: str) -> WebhookNotice:
    return ChapaV1("https://api.chapa.co/v1", Keys(**secrets)).read_webhook(body, headers)


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"x-chapa-signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def test_signed_webhooks_are_read() -> None:
    assert read(BODY_A, {"X-Chapa-Signature": SIGNATURE_A, "Chapa-Signature": CONSTANT}) == WebhookNotice(
        tx_ref="BK7Q2M-a1-9f3c", event="charge.success", claims_paid=True
    )
    assert read(BODY_B, {"x-chapa-signature": SIGNATURE_B}) == WebhookNotice(
        tx_ref="BK7Q2M-a1-9f3c", event="charge.failed/cancelled", claims_paid=False
    )


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY_A, {}),
        (BODY_A, {"x-chapa-signature": ""}),
        (BODY_A, {"x-chapa-signature": REDUMPED_A}),
        (BODY_A, {"x-chapa-signature": SIGNATURE_B}),
        (BODY_A, {"x-chapa-signature": CONSTANT}),
        (BODY_A, {"chapa-signature": CONSTANT}),
        (BODY_A, {"x-chapa-signature": SIGNATURE_A.upper()}),
        (BODY_A, {"x-chapa-signature": SIGNATURE_A[:-1]}),
        (BODY_A, {"x-chapa-signature": SIGNATURE_A + "0"}),
        (BODY_A, {"x-chapa-signature": " " + SIGNATURE_A}),
        (BODY_A, {"x-chapa-signature": "sha256=" + SIGNATURE_A}),
        (BODY_A, {"x-chapa-signature": SIGNATURE_A[:-1] + "ç"}),
        (BODY_A, {"x-chapa-signature": "\ud800"}),
        (BODY_A, {"x-chapa-signature": SIGNATURE_A, "X-Chapa-Signature": SIGNATURE_B}),
        (BODY_A + b" ", {"x-chapa-signature": SIGNATURE_A}),
        (BODY_A.replace(b"2450", b"1"), {"x-chapa-signature": SIGNATURE_A}),
        (BODY_B, {"x-chapa-signature": REDUMPED_B}),
        (b"", {"x-chapa-signature": SIGNATURE_A}),
    ],
)
def test_anything_else_is_not_believed(body: bytes, headers: Mapping[str, str]) -> None:
    with pytest.raises(BadSignature):
        read(body, headers)


PAYOUT = (
    b'{"event":"payout.success","type":"Payout","amount":"2000.00","charge":"60.00","currency":"ETB","status":"success",'
    b'"reference":"PO-2026-0007","chapa_reference":"2o10dfs332U","bank_reference":"GT3412w3"}'
)
PAYOUT_SIGNATURE = "ac8396566e5f36cf09df93859100729a1c6b6889b47e2eb428f11f4f24073fa1"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-chapa-signature": PAYOUT_SIGNATURE},
        {"chapa-signature": PAYOUT_SIGNATURE},
        {"x-chapa-signature": PAYOUT_SIGNATURE, "Chapa-Signature": CONSTANT},
        {"x-chapa-signature": CONSTANT, "Chapa-Signature": PAYOUT_SIGNATURE},
        {"x-chapa-signature": "0" * 64, "Chapa-Signature": PAYOUT_SIGNATURE},
    ],
)
def test_either_header_may_carry_the_bodys_hmac(headers: Mapping[str, str]) -> None:
    assert read(PAYOUT, headers).event == "payout.success"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "no_signature"),
        ({"Authorization": "Basic Z3V6bzpkZW1vLWJhc2ljLTIwMjY="}, "no_signature"),
        ({"x-chapa-signature": PAYOUT_SIGNATURE[::-1]}, "wrong_signature"),
        ({"chapa-signature": CONSTANT}, "constant_signature"),
        ({"x-chapa-signature": CONSTANT}, "constant_signature"),
        ({"x-chapa-signature": "0" * 64, "Chapa-Signature": CONSTANT}, "constant_signature"),
        ({"x-chapa-signature": PAYOUT_SIGNATURE, "X-Chapa-Signature": PAYOUT_SIGNATURE}, "repeated_signature"),
        ({"chapa-signature": PAYOUT_SIGNATURE, "Chapa-Signature": CONSTANT}, "repeated_signature"),
    ],
)
def test_a_refused_webhook_says_why(headers: Mapping[str, str], reason: str) -> None:
    with pytest.raises(BadSignature) as refused:
        read(PAYOUT, headers)
    assert str(refused.value) == reason


def test_the_constant_of_the_previous_secret_is_told_too() -> None:
    with pytest.raises(BadSignature, match="constant_signature"):
        read(PAYOUT, {"chapa-signature": CONSTANT}, chapa_webhook_secret="new", chapa_webhook_secret_previous=SECRET)
    with pytest.raises(BadSignature, match="wrong_signature"):
        read(PAYOUT, {"chapa-signature": CONSTANT}, chapa_webhook_secret="new")


@pytest.mark.parametrize("space", [" ", "\n", "\r\n", "\t "])
def test_white_space_behind_a_secret_was_pasted_with_it(space: str) -> None:
    assert read(BODY_A, signed(BODY_A), chapa_webhook_secret=SECRET + space).claims_paid
    rotation = {"chapa_webhook_secret": "new", "chapa_webhook_secret_previous": SECRET + space}
    assert read(BODY_A, signed(BODY_A), **rotation).claims_paid
    assert read(BODY_A, signed(BODY_A, f" {SECRET}"), chapa_webhook_secret=f" {SECRET}").claims_paid


def test_during_a_rotation_both_secrets_count_and_then_only_the_new_one() -> None:
    rotation = {"chapa_webhook_secret": "new", "chapa_webhook_secret_previous": SECRET}
    assert read(BODY_A, signed(BODY_A), **rotation).claims_paid
    assert read(BODY_A, signed(BODY_A, "new"), **rotation).claims_paid
    with pytest.raises(BadSignature):
        read(BODY_A, signed(BODY_A), chapa_webhook_secret="new")


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_secret_signs_nothing(empty: str) -> None:
    with pytest.raises(BadSignature):
        read(BODY_A, signed(BODY_A, empty), chapa_webhook_secret_previous=empty)
    with pytest.raises(BadSignature):
        read(BODY_A, signed(BODY_A, empty), chapa_webhook_secret=empty)
    with pytest.raises(BadSignature):
        read(BODY_A, signed(BODY_A), chapa_webhook_secret=empty, chapa_webhook_secret_previous=SECRET)


def test_without_a_readable_secret_nothing_is_judged() -> None:
    keys = Keys()
    del keys.named["chapa_webhook_secret"]
    with pytest.raises(Fault):
        ChapaV1("https://api.chapa.co/v1", keys).read_webhook(BODY_A, {"x-chapa-signature": SIGNATURE_A})


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"7", b"\xff", b'{"a": NaN}', b"[" * 100_000, b"{} {}"]
)
def test_signed_bytes_that_are_no_json_object(body: bytes) -> None:
    with pytest.raises(NotJson):
        read(body, signed(body))


@pytest.mark.parametrize(
    ("body", "notice"),
    [
        (b"{}", WebhookNotice(None, "", claims_paid=False)),
        (b'{"trx_ref": "GZ-1", "status": "success"}', WebhookNotice("GZ-1", "", claims_paid=True)),
        (b'{"tx_ref": 7, "trx_ref": "GZ-1"}', WebhookNotice("GZ-1", "", claims_paid=False)),
        (b'{"tx_ref": ["GZ-1"], "event": {"a": 1}}', WebhookNotice(None, "", claims_paid=False)),
        (
            b'{"tx_ref": "GZ\\u0000", "event": "charge.success"}',
            WebhookNotice(None, "charge.success", claims_paid=True),
        ),
        (b'{"event": "payout.new", "status": "odd"}', WebhookNotice(None, "payout.new", claims_paid=False)),
        (b'{"event": "' + b"x" * 999 + b'"}', WebhookNotice(None, "", claims_paid=False)),
        (b'{"status": "failed", "status": "success"}', WebhookNotice(None, "", claims_paid=True)),
        (b'\xef\xbb\xbf{"event": "x"}', WebhookNotice(None, "x", claims_paid=False)),
    ],
)
def test_a_signed_object_is_a_hint_whatever_is_in_it(body: bytes, notice: WebhookNotice) -> None:
    assert read(body, signed(body)) == notice
