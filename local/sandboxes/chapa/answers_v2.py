"""The answers of Chapa's version 2, their variants, and its webhook payloads.

Amounts are in minor units, statuses in capitals. That numbers are sent as text, and that an older answer misspells
`merchant_reference`, is seen in integrations; the answers are documented in outline only.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.sandboxes.core.call_log import stamp
from local.sandboxes.core.calls import Answer, Body, FixedAnswer
from local.sandboxes.core.transactions import CHECKOUT_WINDOW, Transaction

CURRENCIES = ("ETB", "USD", "UGX", "DJF")
REFERENCE_LENGTH = 20
PHONE = re.compile(r"\+?251[79]\d{8}")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
INITIALIZED = "Payment initialized successfully"
BAD_KEY = "Invalid API key or User does not exist"


def write(value: Any) -> bytes:
    """Write compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def error(code: str, message: str, details: Any = None) -> Body:
    """Return the envelope of a refusal."""
    return {"status": "error", "message": message, "error": {"code": code, "details": details}}


def success(message: str, data: Any) -> Body:
    """Return the envelope of a success."""
    return {"status": "success", "message": message, "data": data}


def minor(transaction: Transaction) -> int:
    """Return the amount in minor units."""
    return int(transaction.amount * 100)


def opened(transaction: Transaction, checkout_url: str) -> Body:
    """Return the answer to an opened payment."""
    expires = transaction.created_at + CHECKOUT_WINDOW
    data = {"checkout_url": checkout_url, "created_at": stamp(transaction.created_at), "expires_at": stamp(expires)}
    return success(INITIALIZED, data)


def payment(transaction: Transaction, status: str) -> Body:
    """Return verify's `data`."""
    return {
        "chapa_reference": transaction.reference, "merchant_reference": transaction.tx_ref,
        "amount": str(minor(transaction)), "currency": transaction.currency, "status": status.upper(),
        "payment_method": transaction.method, "service_fee": str(int(transaction.charge * 100)),
        "customer": {
            "first_name": transaction.first_name, "last_name": transaction.last_name, "email": transaction.email,
            "phone_number": transaction.mobile,
        },
        "meta": dict(transaction.meta) if transaction.meta is not None else None,
        "created_at": stamp(transaction.created_at), "updated_at": stamp(transaction.updated_at),
    }  # fmt: skip


def payments(page: Sequence[Transaction], *, limit: int, rest: int) -> Body:
    """Return a page of the list; `rest` is how many come after it."""
    more = rest > 0
    pagination = {
        "next_cursor": page[-1].reference if page and more else None,
        "prev_cursor": None,
        "limit": limit,
        "has_more": more,
    }
    items = [payment(each, "success" if each.status == "paid" else each.status) for each in page]
    return success("Payments retrieved successfully", {"items": items, "pagination": pagination})


def payment_payload(transaction: Transaction, event: str) -> Body:
    """Return the flat payload of a webhook, whose event names the outcome."""
    return {"webhook_type": "payment", "event": event, **payment(transaction, event.partition(".")[2])}


@dataclass(frozen=True)
class VerifyVariant:
    """A variant of verify's answer: `status` replaces the true one, `change` alters the data."""

    about: str
    status: str | None = None
    change: Callable[[Body], Body] = lambda data: data


def _with(**other: Any) -> Callable[[Body], Body]:
    return lambda data: {**data, **other}


def _without(*keys: str) -> Callable[[Body], Body]:
    return lambda data: {key: value for key, value in data.items() if key not in keys}


def _misspelt(data: Body) -> Body:
    return {("merchant_referece" if key == "merchant_reference" else key): value for key, value in data.items()}


def _amount(change: Callable[[str], Any]) -> Callable[[Body], Body]:
    return lambda data: {**data, "amount": change(data["amount"])}


def _small(data: Body) -> Body:
    return {**data, "status": data["status"].lower()}


VERIFY: dict[str, VerifyVariant] = {
    "normal": VerifyVariant("the truth: status in capitals, amounts in minor units as text"),
    "number_amount": VerifyVariant("the truth, the amount as a number", change=_amount(int)),
    "lower_case": VerifyVariant("the truth, status in small letters", change=_small),
    "misspelt": VerifyVariant("the truth, the reference under merchant_referece", change=_misspelt),
    "with_mode": VerifyVariant("the truth, with mode test", change=_with(mode="test")),
    "wrong_mode": VerifyVariant("the truth, but mode live", change=_with(mode="live")),
    "wrong_amount": VerifyVariant("the truth, but one less", change=_amount(lambda text: str(int(text) - 1))),
    "major_amount": VerifyVariant("the truth, in major units", change=_amount(lambda text: f"{int(text) / 100:.2f}")),
    "wrong_currency": VerifyVariant("the truth, but in USD", change=_with(currency="USD")),
    "wrong_reference": VerifyVariant("the truth, but of another", change=_with(merchant_reference="SOMEBODY-ELSE-1")),
    "no_amount": VerifyVariant("the truth without amount", change=_without("amount")),
    "no_reference": VerifyVariant("the truth without Chapa's reference", change=_without("chapa_reference")),
    "no_data": VerifyVariant("envelope success, data null", change=lambda _data: {}),
    "success_unpaid": VerifyVariant("SUCCESS, even if nobody paid", status="success"),
    **{
        status: VerifyVariant(f"data.status {status.upper()}", status=status)
        for status in (
            "pending", "failed", "cancelled", "incomplete", "auth_needed", "blocked",
            "partially_refunded", "fully_refunded",
        )
    },
    "unheard_of": VerifyVariant("a data.status that nobody documented", status="under_review"),
}  # fmt: skip

USED = "merchant_reference already exists"

FIXED_ANSWERS: Mapping[str, Mapping[str, FixedAnswer]] = {
    "v2_initialize": {
        "used_before": FixedAnswer("409 for a used reference", 409, error("INVALID_STATE", USED)),
        "conflict": FixedAnswer(
            "409 about something else than the reference",
            409,
            error("INVALID_STATE", "Another request with this Idempotency-Key is being processed"),
        ),
        "used_before_400": FixedAnswer("400 for a used reference", 400, error("INVALID_VALUE", USED)),
        "missing_field": FixedAnswer(
            "400 MISSING_REQUIRED_FIELD with details by field",
            400,
            error("MISSING_REQUIRED_FIELD", "Validation failed", {"customer.email": ["customer.email is required"]}),
        ),
        "processing_failed": FixedAnswer("500 PROCESSING_FAILED", 500, error("PROCESSING_FAILED", "Unable to process")),
        "v1_key": FixedAnswer(f"401 {BAD_KEY}", 401, {"status": "error", "message": BAD_KEY, "error": None}),
        "no_link": FixedAnswer("200 success without a checkout_url", 200, success(INITIALIZED, {})),
    },
    "v2_verify": {
        "unknown": FixedAnswer("404 NOT_FOUND", 404, error("NOT_FOUND", "Payment not found")),
        "processing_failed": FixedAnswer("500 PROCESSING_FAILED", 500, error("PROCESSING_FAILED", "Unable to process")),
    },
}


def verification(transaction: Transaction, behaviour: str) -> Answer:
    """Return verify's answer about a known transaction."""
    variant = VERIFY.get(behaviour, VERIFY["normal"])
    true = {"paid": "success", "expired": "cancelled"}.get(transaction.status, transaction.status)
    if transaction.cancelled_by_customer:
        true = "cancelled"
    data = variant.change(payment(transaction, variant.status or true))
    return 200, success("Payment retrieved successfully", data or None)


def validated(fields: Mapping[str, Any]) -> tuple[dict[str, Any] | None, Answer | None]:
    """Return the fields as they are stored, or the refusal."""
    amount, currency, reference = (fields.get(name) for name in ("amount", "currency", "merchant_reference"))
    given = fields.get("customer")
    customer = given if isinstance(given, dict) else {}
    for name, value in (("amount", amount), ("currency", currency), ("merchant_reference", reference)):
        if value in (None, ""):
            return None, (400, error("MISSING_REQUIRED_FIELD", f"{name} is required"))
    checks = [
        (type(amount) is int and 0 < amount <= 10**11, "amount must be a positive whole number of minor units"),
        (currency in CURRENCIES, f"currency must be one of {', '.join(CURRENCIES)}"),
        (isinstance(reference, str), "merchant_reference must be a string"),
        (_fits(EMAIL, customer.get("email")), "customer.email must be an e-mail address"),
        (_fits(PHONE, customer.get("phone_number")), "customer.phone_number must begin with 2517 or 2519"),
    ]
    if wrong := next((text for right, text in checks if not right), None):
        return None, (400, error("INVALID_VALUE", wrong))
    if len(str(reference)) > REFERENCE_LENGTH:
        # Seen: no refusal that names the field, but a failure.
        return None, (500, error("PROCESSING_FAILED", "Unable to process payment"))
    meta = fields.get("meta")
    return {
        "amount": amount, "currency": currency, "tx_ref": reference, "mobile": customer.get("phone_number"),
        **{name: customer.get(name) for name in ("email", "first_name", "last_name")},
        "meta": meta if isinstance(meta, dict) else None,
    }, None  # fmt: skip


def _fits(shape: re.Pattern[str], value: Any) -> bool:
    return value is None or (isinstance(value, str) and shape.fullmatch(value) is not None)
