"""What Chapa's version 2 and Paystack are known to say; people, references and amounts are made up."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.adapters.gateways.transport import HttpResponse
from chalicelib.domain.money import Money
from tests.adapters.chapa_server import OPENING
from tests.replacing import replace

V2_KEY = "CHAPA_TEST_PRIV_mPq3Zt0V8rYb1Lk7"
V2_LINK = "https://checkout.chapa.global/test/payment/hosted/TESTI89728391f"
V2_OPENED: dict[str, Any] = {
    "status": "success",
    "message": "Payment initialized successfully",
    "data": {
        "checkout_url": V2_LINK,
        "created_at": "2026-03-04T08:15:30.000000Z",
        "expires_at": "2026-03-04T09:15:30.000000Z",
    },
}
V2_PAID: dict[str, Any] = {
    "status": "success",
    "message": "Payment retrieved successfully",
    "data": {
        "chapa_reference": "CHk7Wq2ZtR9d",
        "merchant_reference": OPENING.tx_ref,
        "amount": "245000",
        "currency": "ETB",
        "status": "SUCCESS",
        "payment_method": "telebirr",
        "service_fee": "6125",
        "customer": {
            "first_name": "Hanna",
            "last_name": "Tesfaye",
            "email": "hanna.tesfaye@gmail.com",
            "phone_number": "251911223344",
        },
        "created_at": "2026-03-04T08:15:30.000000Z",
        "updated_at": "2026-03-04T08:16:02.123456Z",
    },
}


def v2_error(code: str | None, message: object, details: object = None) -> dict[str, object]:
    return {"status": "error", "message": message, "error": {"code": code, "details": details}}


KES = replace(
    OPENING,
    amount=Money(245000, "KES"),
    callback_url="https://api.tour.et/v1/payments/paystack/callback",
)
PAYSTACK_KEY = "sk_test_mPq3Zt0V8rYb1Lk7"
PAYSTACK_LINK = "https://checkout.paystack.com/k7w2m9q4x1z8r5t"
PAYSTACK_OPENED: dict[str, Any] = {
    "status": True,
    "message": "Authorization URL created",
    "data": {"authorization_url": PAYSTACK_LINK, "access_code": "k7w2m9q4x1z8r5t", "reference": KES.tx_ref},
}
PAYSTACK_PAID: dict[str, Any] = {
    "status": True,
    "message": "Verification successful",
    "data": {
        "id": 5201447713,
        "domain": "test",
        "status": "success",
        "reference": KES.tx_ref,
        "receipt_number": None,
        "amount": 245000,
        "message": None,
        "gateway_response": "Successful",
        "paid_at": "2026-03-04T08:16:02.000Z",
        "created_at": "2026-03-04T08:15:30.000Z",
        "channel": "card",
        "currency": "KES",
        "metadata": {"booking_id": "GZ4T1B8WCD7K2M9Q"},
        "log": None,
        "fees": 7105,
        "customer": {"id": 190338214, "first_name": None, "email": "hanna.tesfaye@gmail.com"},
        "paidAt": "2026-03-04T08:16:02.000Z",
        "requested_amount": 245000,
        "plan_object": {},
        "subaccount": {},
    },
}
PAYSTACK_REFUND: dict[str, Any] = {
    "status": True,
    "message": "Refund has been queued for processing",
    "data": {
        "transaction": {"id": 5201447713, "domain": "test", "reference": KES.tx_ref, "amount": 245000},
        "integration": 733019,
        "merchant_note": "Trip cancelled",
        "status": "pending",
        "currency": "KES",
        "domain": "test",
        "amount": 245000,
        "id": 8814420,
    },
}


def paystack_refusal(message: object, code: str | None = None, **more: object) -> dict[str, object]:
    coded = {} if code is None else {"type": "validation_error", "code": code, "meta": {"nextStep": "Look again"}}
    return {"status": False, "message": message, **coded, **more}


def answer(status: int, body: object) -> HttpResponse:
    return HttpResponse(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def changed(known: dict[str, Any], **fields: object) -> dict[str, Any]:
    """A known answer of which some data is another; a field that is ``...`` is left out."""
    data = {name: value for name, value in (known["data"] | fields).items() if value is not ...}
    return known | {"data": data}
