"""Validation of initialize: Paystack reports one reason at a time, with a code."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from local.sandboxes.core.calls import Body
from local.sandboxes.paystack.answers import refusal

CURRENCIES = ("NGN", "GHS", "ZAR", "KES", "USD")
REFERENCE = re.compile(r"[A-Za-z0-9.=-]{1,100}")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
DIGITS = re.compile(r"\d{1,12}")


class RefusedRequestError(Exception):
    """Initialize is refused; `body` says why."""

    def __init__(self, message: str, code: str = "invalid_params") -> None:
        super().__init__(message)
        self.body: Body = refusal(message, code)


def validated(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields as they are stored. Raises RefusedRequestError."""
    email, amount = fields.get("email"), fields.get("amount")
    if not email:
        raise RefusedRequestError("Email Address is required", "missing_params")
    if amount in (None, ""):
        raise RefusedRequestError("Amount is required", "missing_params")
    if not isinstance(email, str) or not EMAIL.fullmatch(email):
        raise RefusedRequestError("Invalid Email Address Passed", "invalid_email_address")
    if isinstance(amount, bool | float) or not DIGITS.fullmatch(str(amount)) or int(amount) == 0:
        raise RefusedRequestError("Invalid Amount Sent", "invalid_amount")
    currency, reference = fields.get("currency", "NGN"), fields.get("reference", "")
    if currency not in CURRENCIES:
        raise RefusedRequestError("Currency not supported by merchant", "unsupported_currency")
    if not isinstance(reference, str) or not REFERENCE.fullmatch(reference):
        raise RefusedRequestError("Only -, ., = and alphanumeric characters are allowed in a reference")
    url = fields.get("callback_url")
    return {
        "tx_ref": reference,
        "amount": Decimal(int(amount)) / 100,
        "currency": currency,
        "email": email,
        "return_url": url if isinstance(url, str) else None,
        "meta": _metadata(fields.get("metadata")),
    }


def _metadata(value: Any) -> dict[str, Any] | None:
    """Return metadata that came as an object, or as its JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None
