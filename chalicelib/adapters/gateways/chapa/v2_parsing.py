"""Reading the responses of Chapa's version 2: one of our outcomes, and paid only for a paid payment.

Two things that it leaves open are decided here, on the side of a person who looks:

- **Mode.** No response is documented to name it; the key chooses it, and one key sees one mode. So the mode of a
  payment is that of the key that the call carried. Where a response names a mode all the same, that one counts; and a
  reference of Chapa's that begins with TEST is never live, whatever the key. A payment remembers the mode that it was
  opened in, so a key of the other mode never confirms it.
- **Part of the money went back.** ``partially_refunded`` does not say how much. As "refunded" it would mark a refund of
  all as done when only some went back; as "paid" it would confirm a booking whose money is partly gone. It becomes
  "paid" with an unreadable amount: that changes nothing for a completed payment, and puts any other before a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.adapters.gateways.chapa.v1_parsing import FIELDS as FIELDS_OF_V1
from chalicelib.adapters.gateways.chapa.v1_parsing import RULES, means_reference_used
from chalicelib.adapters.gateways.parsing import (
    MAX_REASONS,
    Reason,
    read_checkout_link,
    read_fields,
    read_instant,
    read_message,
    read_minor,
    read_reasons,
    read_reference,
    read_word,
    rejected,
    reported,
    unreadable_response,
)
from chalicelib.adapters.gateways.transport import HttpResponse
from chalicelib.domain.booking import GatewayStatus
from chalicelib.domain.errors import GatewayError, ReferenceUsed
from chalicelib.domain.finance.settlement import StatementRow, TransactionPage
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification

STATUS_MAP: Mapping[str, GatewayStatus] = {
    "success": "paid",
    "partially_refunded": "paid",
    "fully_refunded": "refunded",
    "pending": "pending",
    "incomplete": "pending",
    "auth_needed": "pending",
    "failed": "failed",
    "cancelled": "failed",
    "blocked": "failed",
}
"""In small letters, as documented, or in capitals, as sent; any other counts as pending, and is verified again."""

FIELDS = FIELDS_OF_V1 | {f"customer.{name}": ours for name, ours in FIELDS_OF_V1.items() if name != "amount"}

UNKNOWN = frozenset({"payment not found", "transaction not found"})
"""The messages about a reference that it does not know, in lower case. A wrong path is a ``NOT_FOUND`` too."""

CODES = RULES | {
    "INVALID_VALUE": "The payment gateway does not accept this value.",
    "MISSING_REQUIRED_FIELD": "The payment gateway needs this.",
}


def read_link(response: HttpResponse, *, secure: bool, private: tuple[str, ...]) -> str:
    """The checkout link of an opened payment. Raises GatewayError.

    ``secure``: the link must be https. ``private`` is what the reasons of a refusal must not repeat.
    """
    fields = read_fields(response)
    if response.status not in (200, 201) or fields.get("status") != "success":
        raise _opening_error(response, fields, private)
    return read_checkout_link(fields.get("data"), "checkout_url", secure=secure)


def read_verification(response: HttpResponse, *, key_mode: str) -> Verification:
    """What became of a payment. Raises GatewayBadAnswer for a response that does not tell it.

    ``key_mode`` is the mode of the key that the call carried.
    """
    fields = read_fields(response)
    is_refusal = response.status in (400, 404) and fields.get("status") == "error"
    if is_refusal and read_message(fields).rstrip(".") in UNKNOWN:
        return Verification("unknown")
    data = fields.get("data")
    if response.status != 200 or not isinstance(data, dict) or type(data.get("status")) is not str:
        raise unreadable_response(response)
    written = data["status"]
    plain = written.lower() if written in (written.lower(), written.upper()) else ""
    status = STATUS_MAP.get(plain, "pending")
    amount, text = _amount(data, partly_back=plain == "partially_refunded")
    reference = read_reference(data.get("chapa_reference"))
    return Verification(
        status,
        # The key is misspelt in some answers.
        tx_ref=read_word(data.get("merchant_reference")) or read_word(data.get("merchant_referece")),
        amount=amount,
        reported=text,
        mode=_mode(data, reference, key_mode),
        provider_reference=reference,
        paid_at=read_instant(data.get("updated_at")) if status == "paid" else None,
    )


def read_payments(response: HttpResponse) -> TransactionPage:
    """A page of the list of payments, which goes on by a cursor. Raises GatewayBadAnswer where any cannot be read."""
    fields = read_fields(response)
    data = fields.get("data")
    rows = data.get("items") if isinstance(data, dict) else None
    pagination = data.get("pagination") if isinstance(data, dict) else None
    if response.status != 200 or not isinstance(rows, list) or not isinstance(pagination, dict):
        raise unreadable_response(response)
    found = [_payment(row) for row in rows]
    cursor, more = read_reference(pagination.get("next_cursor")), pagination.get("has_more")
    if None in found or type(more) is not bool or (more and not cursor):
        raise unreadable_response(response)
    return TransactionPage(tuple(row for row in found if row), more=more, cursor=cursor or "")


def _payment(row: object) -> StatementRow | None:
    if not isinstance(row, dict) or (reference := read_reference(row.get("chapa_reference"))) is None:
        return None
    plain, currency = str(row.get("status")).lower(), row.get("currency")
    amount, fee = read_minor(row.get("amount"), currency), read_minor(row.get("service_fee"), currency)
    # How much of it went back is not said: a person looks.
    partly_back = plain == "partially_refunded"
    customer = row.get("customer")
    return StatementRow(
        reference=reference,
        status="refunded" if partly_back else STATUS_MAP.get(plain, "pending"),
        amount=amount.decimal if amount is not None else reported(row.get("amount"), "minor"),
        currency=str(currency),
        tx_ref=read_word(row.get("merchant_reference")) or "",
        fee=fee.decimal if fee is not None else "",
        at=read_instant(row.get("created_at")),
        payer=str(customer.get("email") or "") if isinstance(customer, dict) else "",
    )


def _amount(data: Mapping[str, Any], *, partly_back: bool) -> tuple[Money | None, str]:
    currency = data.get("currency")
    amount = read_minor(data.get("amount"), currency)
    if amount is None:
        # An operator must not take it for major units.
        return None, reported(data.get("amount"), "minor", currency)
    return (None, reported(amount.formatted, "less a refund")) if partly_back else (amount, "")


def _mode(data: Mapping[str, Any], reference: str | None, key_mode: str) -> str | None:
    named = data.get("mode")
    if named is not None:
        return (read_word(named) or "").lower() or None
    return "test" if reference and reference.startswith("TEST") else key_mode


def _opening_error(response: HttpResponse, fields: Mapping[str, Any], private: tuple[str, ...]) -> GatewayError:
    """The error for an opening that gave no link."""
    code = _code(fields)
    is_refusal = 400 <= response.status < 500 and response.status != 408 and fields.get("status") == "error"
    if not is_refusal or code == "PROCESSING_FAILED":
        return unreadable_response(response)
    reasons = _detailed(fields) + read_reasons(fields.get("message"))
    if any(means_reference_used(reason) for reason in reasons):
        return ReferenceUsed("The payment gateway knows this reference already.", definitely_not_executed=True)
    # Any other conflict may be with our own earlier call, which the gateway is still executing.
    if response.status == 409 or (not reasons and code is None):
        return unreadable_response(response)
    return rejected(reasons[:MAX_REASONS], names=FIELDS, rules=CODES, private=private)


def _code(fields: Mapping[str, Any]) -> str | None:
    error = fields.get("error")
    return read_word(error.get("code")) if isinstance(error, dict) else None


def _detailed(fields: Mapping[str, Any]) -> list[Reason]:
    """The reasons in ``error.details``, whose shape is not documented: by field, or a list that names fields."""
    error = fields.get("error")
    details = error.get("details") if isinstance(error, dict) else None
    if isinstance(details, list):
        rows = [row for row in details if isinstance(row, dict)]
        return [
            (read_word(row.get("field")) or "", text) for row in rows for _, text in read_reasons(row.get("message"))
        ]
    return read_reasons(details) if isinstance(details, dict) else []
