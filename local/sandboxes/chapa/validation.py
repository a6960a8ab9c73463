"""Validation of initialize in version 1: each field's rule, and Chapa's message when it is broken.

Chapa mixes rule keys (`validation.required`) with English sentences, and reports several fields at once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

CURRENCIES = ("ETB", "USD")
LARGEST = Decimal(1_000_000)
SMALLEST = Decimal("0.01")
TX_REF_LENGTH = 50
TEXT_LENGTHS = {"title": 16, "description": 50}

# As PHP's is_numeric: "1e2" and "00010.50" are numbers, "1,000" is none.
NUMERIC = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?\s*")
TEXT = re.compile(r"[A-Za-z0-9._ -]*")
PHONE = re.compile(r"0[79]\d{8}")
EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
RESERVED_DOMAIN = re.compile(r"(.*\.)?(example\.(com|org|net)|test\.com|test|example|invalid|localhost)", re.IGNORECASE)

Errors = dict[str, list[str]]


class RefusedRequestError(Exception):
    """Initialize is refused; `message` is a sentence, or the errors by field."""

    def __init__(self, message: str | Errors) -> None:
        super().__init__(str(message))
        self.message = message


@dataclass(frozen=True)
class Strictness:
    """The two rules that a switch can turn off."""

    email_domains: bool = True
    phone_forms: bool = True


def validated(form: Mapping[str, Any], strict: Strictness) -> dict[str, Any]:
    """Return the fields as they are stored. Raises RefusedRequestError."""
    errors: Errors = {}
    fields: dict[str, Any] = {
        "amount": _amount(form.get("amount"), errors),
        "currency": _required("currency", form.get("currency"), errors),
        "tx_ref": _tx_ref(form.get("tx_ref"), errors),
        "email": _email(form.get("email"), errors, strict.email_domains),
        "mobile": _phone(form.get("phone_number"), errors, strict.phone_forms),
        "first_name": _text(form.get("first_name")),
        "last_name": _text(form.get("last_name")),
        "customization": _customization(form, errors),
        "meta": _object("meta", form, errors),
        "return_url": _text(form.get("return_url")),
        "callback_url": _text(form.get("callback_url")),
    }
    if fields["return_url"] and not is_url(fields["return_url"]):
        errors["return_url"] = ["validation.url"]
    if errors:
        raise RefusedRequestError(errors)
    if fields["currency"] not in CURRENCIES:
        raise RefusedRequestError(f"Invalid currency, {fields['currency']} is not supported")
    if fields["callback_url"] and not is_url(fields["callback_url"]):
        raise RefusedRequestError("Invalid callback_url")
    if form.get("subaccounts"):
        raise RefusedRequestError("The subaccount id provided is not associated with this business.")
    return fields


def is_url(text: str) -> bool:
    """Say whether it is an http or https address with a host."""
    try:
        address = urlsplit(text)
    except ValueError:
        return False
    return address.scheme in ("http", "https") and bool(address.hostname)


def _text(value: Any) -> str | None:
    """Return a value as text; an empty text counts as absent."""
    text = "" if value is None or isinstance(value, dict | list) else str(value)
    return text or None


def _required(name: str, value: Any, errors: Errors) -> str | None:
    text = _text(value)
    if text is None:
        errors[name] = ["validation.required"]
    return text


def _amount(value: Any, errors: Errors) -> Decimal | None:
    if value is None or value == "":
        errors["amount"] = ["validation.required"]
        return None
    if isinstance(value, bool) or not NUMERIC.fullmatch(str(value)):
        errors["amount"] = ["validation.numeric"]
        return None
    exact = Decimal(str(value))
    if exact > LARGEST:
        errors["amount"] = [f"The amount must not exceed {LARGEST}."]
        return None
    if exact < SMALLEST:
        errors["amount"] = ["validation.min.numeric"]
        return None
    return exact.quantize(SMALLEST)


def _tx_ref(value: Any, errors: Errors) -> str | None:
    tx_ref = _required("tx_ref", value, errors)
    if tx_ref and len(tx_ref) > TX_REF_LENGTH:
        errors["tx_ref"] = [f"The tx ref must not exceed {TX_REF_LENGTH} characters."]
    return tx_ref


def _email(value: Any, errors: Errors, refuse_reserved: bool) -> str | None:
    email = _text(value)
    if email is None:
        return None
    domain = email.rpartition("@")[2]
    if not EMAIL.fullmatch(email) or (refuse_reserved and RESERVED_DOMAIN.fullmatch(domain)):
        errors["email"] = ["validation.email"]
    return email


def _phone(value: Any, errors: Errors, refuse_other_forms: bool) -> str | None:
    phone = _text(value)
    if phone and refuse_other_forms and not PHONE.fullmatch(phone):
        errors["phone_number"] = ["validation.regex"]
    return phone


def _object(name: str, form: Mapping[str, Any], errors: Errors) -> dict[str, Any] | None:
    """Return an object that came nested (`meta: {…}`) or flat (`meta[key]: …`)."""
    nested = form.get(name)
    flat = {
        key[len(name) + 1 : -1]: value
        for key, value in form.items()
        if key.startswith(f"{name}[") and key.endswith("]")
    }
    if nested is not None and not isinstance(nested, dict):
        errors[name] = ["validation.array"]
        return None
    return None if nested is None and not flat else {**(nested or {}), **flat}


def _customization(form: Mapping[str, Any], errors: Errors) -> dict[str, Any]:
    customization = _object("customization", form, errors) or {}
    for key, limit in TEXT_LENGTHS.items():
        text, name = _text(customization.get(key)) or "", f"customization.{key}"
        wrong = []
        if len(text) > limit:
            wrong.append(f"The {name} must not exceed {limit} characters.")
        if not TEXT.fullmatch(text):
            wrong.append(f"The {name} may only contain letters, numbers, hyphens, underscores, spaces, and dots.")
        if wrong:
            errors[name] = wrong
    return customization
