"""The answers of Chapa's version 1, and the variants of each call's answer.

The tables `VERIFY`, `FIXED_ANSWERS` and `REFUND` are both the implementation and the list that `GET /chapa/_control`
serves: a name, what it does, and how.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from local.sandboxes.core.call_log import stamp
from local.sandboxes.core.calls import Answer, Body, FixedAnswer
from local.sandboxes.core.transactions import Refund, Transaction, random_word

FETCHED = "Payment details fetched successfully"
UNKNOWN_TRANSACTION = "Invalid transaction reference"
UNKNOWN_TRANSACTION_404 = "Invalid transaction or Transaction not found"
UNPAID = {"message": "Payment not paid yet", "status": None, "data": None}
UNPAID_STATUS = {"404_unpaid": 404, "200_unpaid": 200}


def new_reference() -> str:
    """Return a reference as Chapa makes them: `AP` and ten letters or digits."""
    return "AP" + random_word(10)


def json_as_php(value: Any) -> bytes:
    r"""Write compact JSON as PHP does: `\/` for a slash and `\uXXXX` for all that is not ASCII."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


def plain_json(value: Any) -> bytes:
    """Write compact JSON that escapes nothing it need not."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def failed(message: Any) -> Body:
    """Return the envelope of a refusal; `message` is a string, or an object of lists by field."""
    return {"message": message, "status": "failed", "data": None}


def success(message: str, data: Any) -> Body:
    """Return the envelope of a success."""
    return {"message": message, "status": "success", "data": data}


def number(amount: Decimal) -> int | float:
    """Write an amount as the JSON number that Chapa sends: 2450, 61.25."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def international(phone: str | None) -> str | None:
    """Write 0911223344 as Chapa gives it back: 251911223344."""
    return "251" + phone[1:] if phone and phone.startswith("0") else phone


def customization(transaction: Transaction) -> Body:
    """Return the customization with all of its three keys."""
    return {key: transaction.customization.get(key) for key in ("title", "description", "logo")}


def payment(transaction: Transaction, status: str) -> Body:
    """Return verify's `data`. Before a try to pay it has no `reference`, and nothing about the payer."""
    dates = {"created_at": stamp(transaction.created_at), "updated_at": stamp(transaction.updated_at)}
    common = {"currency": transaction.currency, "amount": number(transaction.amount)}
    if status == "pending":
        return {
            "first_name": None, "last_name": None, "email": None, "phone_number": None,
            **common, "charge": None, "mode": "test", "method": None, "type": "Unknown",
            "status": "pending", "tx_ref": transaction.tx_ref,
            "customization": {"title": None, "description": None, "logo": None}, "meta": None, **dates,
        }  # fmt: skip
    return {
        "first_name": transaction.first_name, "last_name": transaction.last_name,
        "email": transaction.email, "phone_number": international(transaction.mobile),
        **common, "charge": number(transaction.charge), "mode": "test", "method": transaction.method,
        "type": "API", "status": status, "reference": transaction.reference,
        "tx_ref": transaction.tx_ref, "customization": customization(transaction),
        "meta": dict(transaction.meta) if transaction.meta is not None else None, **dates,
    }  # fmt: skip


@dataclass(frozen=True)
class VerifyVariant:
    """A variant of verify's answer: `status` replaces the true one, `change` alters the data."""

    about: str
    status: str | None = None
    change: Callable[[Body], Body] = lambda data: data


def _with(**other: Any) -> Callable[[Body], Body]:
    return lambda data: {**data, **other}


def _with_text_amounts(data: Body) -> Body:
    texts = {key: None if data[key] is None else f"{data[key]:.2f}" for key in ("amount", "charge")}
    return {**data, **texts}


def _without(*keys: str) -> Callable[[Body], Body]:
    return lambda data: {key: value for key, value in data.items() if key not in keys}


VERIFY: dict[str, VerifyVariant] = {
    "normal": VerifyVariant("the truth; unpaid is 200 with data.status pending and no reference"),
    "404_unpaid": VerifyVariant("the truth; unpaid is 404 `Payment not paid yet`, as the documents say"),
    "200_unpaid": VerifyVariant("the truth; unpaid is 200 `Payment not paid yet` with data null, as some have seen"),
    "string_amount": VerifyVariant("the truth, amount and charge as strings", change=_with_text_amounts),
    "wrong_amount": VerifyVariant(
        "the truth, but one birr less", change=lambda data: {**data, "amount": data["amount"] - 1}
    ),
    "wrong_currency": VerifyVariant("the truth, but in USD", change=_with(currency="USD")),
    "wrong_mode": VerifyVariant("the truth, but mode live", change=_with(mode="live")),
    "wrong_reference": VerifyVariant("the truth, but of another tx_ref", change=_with(tx_ref="SOMEBODY-ELSE-1")),
    "no_amount": VerifyVariant("the truth without amount", change=_without("amount")),
    "no_mode": VerifyVariant("the truth without mode", change=_without("mode")),
    "no_reference": VerifyVariant("the truth without Chapa's reference", change=_without("reference")),
    "no_data": VerifyVariant("envelope success, data null", change=lambda _data: {}),
    "pending": VerifyVariant("pending, even if paid", status="pending"),
    "success_unpaid": VerifyVariant("success, even if nobody paid", status="success"),
    "failed": VerifyVariant("data.status failed", status="failed"),
    "failed_cancelled": VerifyVariant("data.status failed/cancelled", status="failed/cancelled"),
    "cancelled": VerifyVariant("data.status cancelled", status="cancelled"),
    "refunded": VerifyVariant("data.status refunded", status="refunded"),
    "reversed": VerifyVariant("data.status reversed", status="reversed"),
    "unheard_of": VerifyVariant("a data.status that nobody documented", status="under_review"),
}


def actual_status(transaction: Transaction, *, after_cancel: str, refunds_done: Decimal) -> str:
    """Return `data.status` as the stored transaction has it."""
    if transaction.status == "paid":
        return "refunded" if refunds_done >= transaction.amount else "success"
    if transaction.status == "expired" or transaction.cancelled_by_customer:
        return after_cancel
    return transaction.status


def verification(transaction: Transaction, behaviour: str, true: str) -> Answer:
    """Return verify's answer about a known transaction."""
    variant = VERIFY.get(behaviour, VERIFY["normal"])
    if behaviour in UNPAID_STATUS and transaction.status != "paid":
        return UNPAID_STATUS[behaviour], dict(UNPAID)
    data = variant.change(payment(transaction, variant.status or true))
    return 200, success(FETCHED, data or None)


def _refusal(status: int, message: Any, about: str | None = None) -> FixedAnswer:
    return FixedAnswer(about or f"{status} {message}", status, failed(message))


FIXED_ANSWERS: dict[str, dict[str, FixedAnswer]] = {
    "initialize": {
        "used_before": _refusal(400, "Transaction reference has been used before"),
        "used_before_field": _refusal(
            400, {"tx_ref": ["The tx ref has already been taken."]}, "400, the used reference as a field's error"
        ),
        "field_errors": _refusal(
            400,
            {
                "email": ["validation.email"],
                "customization.title": ["The customization.title must not exceed 16 characters."],
            },
            "400 with an object of two fields in message",
        ),
        "message_list": _refusal(400, ["validation.email", "validation.required"], "400, message is a list"),
        "status_null": FixedAnswer("400 with status null", 400, {"message": "Invalid", "status": None, "data": None}),
        "cannot_receive": _refusal(400, "User can't receive payments"),
        "api_disabled": _refusal(404, "Payments through API is disabled, please contact us"),
        "no_link": FixedAnswer("200 success without a checkout_url", 200, success("Hosted Link", {})),
    },
    "verify": {
        "unknown": _refusal(400, UNKNOWN_TRANSACTION),
        "unknown_404": _refusal(404, UNKNOWN_TRANSACTION_404),
        "live_key": _refusal(401, "Live secret keys can't be used to verify a test transaction"),
    },
    "cancel": {
        "expired_already": _refusal(400, "Payment link already expired"),
        "unknown": _refusal(404, "Payment link not found"),
    },
    "refund": {
        "test_mode": _refusal(400, "Refunds can only be processed in live mode"),
        "too_much": _refusal(400, "Refund amount cannot exceed the full transaction amount or be less than 0"),
    },
    "refund_verify": {"unknown": _refusal(404, "Refund not found")},
    "events": {},
}


def _older_refund(transaction: Transaction, refund: Refund) -> Answer:
    made = stamp(refund.created_at)
    data = {
        "id": refund.number, "chapa_reference": transaction.reference, "bank_reference": "CB" + refund.ref_id,
        "amount": f"{refund.amount:.2f}", "ref": refund.reference, "currency": transaction.currency,
        "status": "Refund Initiated", "reason": refund.reason, "merchant_reference": transaction.tx_ref,
        "created_at": made, "updated_at": made,
    }  # fmt: skip
    return 200, success("Refund initiated successfully. Processing time: 1-3 business days", data)


def refund_data(transaction: Transaction, refund: Refund, status: str) -> Body:
    """Return a refund's data in the newer shape, which refund verify uses too."""
    made = stamp(refund.created_at)
    return {
        "amount": number(refund.amount), "currency": transaction.currency, "ref_id": refund.ref_id,
        "payment_reference": transaction.reference, "merchant_reference": refund.reference,
        "status": status, "created_at": made, "updated_at": made,
    }  # fmt: skip


def _newer_refund(transaction: Transaction, refund: Refund) -> Answer:
    data = refund_data(transaction, refund, "initiated")
    return 200, success("Refund initiated successfully", data)


def _refund_without_ref_id(transaction: Transaction, refund: Refund) -> Answer:
    status, body = _newer_refund(transaction, refund)
    return status, {**body, "data": _without("ref_id")(body["data"])}


REFUND: Mapping[str, tuple[str, Callable[[Transaction, Refund], Answer]]] = {
    "simulated": ("done as in live mode, answered in the older shape", _older_refund),
    "simulated_v2_shape": ("done as in live mode, answered in the newer shape", _newer_refund),
    "missing_ref_id": ("done as in live mode, newer shape without ref_id", _refund_without_ref_id),
}
REFUND_STATUSES = ("initiated", "processing", "refunded", "reversed")


def refund_progress(passed: timedelta, takes: timedelta, forced: str) -> str:
    """Return how far a simulated refund is: `forced` when that is a status, else by the time that passed."""
    if forced in REFUND_STATUSES:
        return forced
    if passed >= takes:
        return "refunded"
    return "processing" if passed >= takes / 2 else "initiated"
