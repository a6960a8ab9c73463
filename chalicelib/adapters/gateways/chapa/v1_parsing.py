"""Reading the responses of Chapa's version 1: one of our outcomes, whatever bytes come; paid only for a paid payment.

Where Chapa's documents and its recorded responses disagree, both are read: an unpaid payment is a 200 with
``pending``, or a 404 (seen as a 200 too) with "Payment not paid yet". Only ``data.status`` of a 200 decides what became
of a payment; the envelope around it has the status ``success`` for unpaid ones too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chalicelib.adapters.gateways.parsing import (
    Reason,
    displayable_reason,
    read_checkout_link,
    read_fields,
    read_instant,
    read_major,
    read_message,
    read_reasons,
    read_reference,
    read_word,
    rejected,
    reported,
    unreadable_response,
)
from chalicelib.adapters.gateways.transport import HttpResponse
from chalicelib.domain.booking import GatewayStatus
from chalicelib.domain.errors import GatewayError, GatewayRejected, ReferenceUsed
from chalicelib.domain.finance.settlement import StatementRow, TransactionPage
from chalicelib.domain.verification import Verification
from chalicelib.services.ports.gateways import GatewayEvent, RefundAnswer, RefundGatewayStatus

RECEIPT = "https://chapa.link/payment-receipt/"

STATUS_MAP: Mapping[str, GatewayStatus] = {
    "success": "paid",
    "pending": "pending",
    "failed": "failed",
    "failed/cancelled": "failed",
    "cancelled": "failed",
    "refunded": "refunded",
    "reversed": "reversed",
}
"""Chapa's ``data.status`` as it is written; any other counts as pending, so that it is verified again."""

REFUND_STATUS_MAP: Mapping[str, RefundGatewayStatus] = {
    "refund initiated": "processing",
    "initiated": "processing",
    "processing": "processing",
    "refunded": "refunded",
    "reversed": "reversed",
}

FIELDS = {
    "amount": "total",
    "email": "contact.email",
    "first_name": "contact.first_name",
    "last_name": "contact.last_name",
    "phone_number": "contact.phone",
}
"""Chapa's names of what the guest gave us, and ours."""

RULES = {
    "validation.required": "The payment gateway needs this.",
    "validation.email": "The payment gateway does not accept this e-mail address.",
    "validation.numeric": "The payment gateway needs a number here.",
    "validation.min.numeric": "This is less than the payment gateway accepts.",
    "validation.max.numeric": "This is more than the payment gateway accepts.",
    "validation.url": "The payment gateway does not accept this address.",
}
"""Sentences for Chapa's bare rule keys: it sends some reasons as these, and others as sentences."""

MAX_EVENTS = 100
MAX_EVENT_LENGTH = 200
"""Of a payment's log: how many lines, and how many characters of each, are shown."""

UNPAID = "payment not paid yet"
UNKNOWN = frozenset(
    {
        "invalid transaction reference",
        "invalid transaction or transaction not found",
        "transaction not found",
        "invalid reference",
    }
)
"""Chapa's messages about a reference that it does not know, in lower case. Another "not found" may be of the path."""

_USED = re.compile(
    r"used before|(?:already|previously) (?:been )?(?:used|taken|exists?|in use)|already existing|in use already"
    r"|duplicated?|(?:not|be) unique|validation\.unique",
    re.IGNORECASE,
)
"""The wordings of a used reference: the documented one, and those of the frameworks that its field errors come from."""
_OF_REFERENCE = re.compile(r"reference|tx.?ref", re.IGNORECASE)


def read_link(response: HttpResponse, *, secure: bool, private: tuple[str, ...]) -> str:
    """The checkout link of an opened payment. Raises GatewayError.

    ``secure``: the link must be https. ``private`` is what the reasons of a refusal must not repeat.
    """
    fields = read_fields(response)
    if response.status != 200 or fields.get("status") != "success":
        raise _opening_error(response, fields, private)
    return read_checkout_link(fields.get("data"), "checkout_url", secure=secure)


def read_verification(response: HttpResponse) -> Verification:
    """What became of a payment. Raises GatewayBadAnswer for a response that does not tell it."""
    fields = read_fields(response)
    data, message = fields.get("data"), read_message(fields).rstrip(".")
    if not data and response.status in (200, 400, 404) and message == UNPAID:
        return Verification("pending")
    if response.status in (400, 404) and message in UNKNOWN:
        return Verification("unknown")
    if response.status != 200 or not isinstance(data, dict) or type(data.get("status")) is not str:
        raise unreadable_response(response)
    status = STATUS_MAP.get(data["status"], "pending")
    currency = data.get("currency")
    amount = read_major(data.get("amount"), currency)
    reference = read_reference(data.get("reference"))
    return Verification(
        status,
        tx_ref=read_word(data.get("tx_ref")),
        amount=amount,
        reported="" if amount else reported(data.get("amount"), currency),
        mode=read_word(data.get("mode")),
        provider_reference=reference,
        receipt_url=RECEIPT + reference if reference and status == "paid" else None,
        fee=read_major(data.get("charge"), currency),
        paid_at=read_instant(data.get("updated_at")) if status == "paid" else None,
    )


def read_closed(response: HttpResponse) -> bool:
    """Whether a link that we asked to cancel is certainly closed: by this call, by an earlier one, or it never was."""
    fields = read_fields(response)
    if response.status == 200:
        return fields.get("status") == "success"
    closed = {400: "already expired", 404: "link not found"}.get(response.status)
    return closed is not None and closed in read_message(fields)


def read_refund(response: HttpResponse) -> RefundAnswer:
    """What became of a refund that was just posted, from either of Chapa's two forms. Raises GatewayError."""
    fields = read_fields(response)
    data = fields.get("data")
    if response.status == 200 and fields.get("status") == "success":
        # Accepted, whatever else the response lacks: to post it again would be to pay twice.
        return _refund_answer(data if isinstance(data, dict) else {}, otherwise="processing")
    reasons = [displayable_reason(text, (), RULES) for _, text in read_reasons(fields.get("message"))]
    if response.status in (400, 404, 422) and reasons:
        raise GatewayRejected(" ".join(reasons[:3]), definitely_not_executed=True)
    raise unreadable_response(response)


def read_refund_status(response: HttpResponse) -> RefundAnswer:
    """What became of a refund. Raises GatewayBadAnswer for a response that does not tell it."""
    fields = read_fields(response)
    data = fields.get("data")
    if response.status == 200 and isinstance(data, dict):
        return _refund_answer(data, otherwise="unknown")
    if response.status in (400, 404) and read_message(fields):
        return RefundAnswer("unknown")
    raise unreadable_response(response)


def read_events(response: HttpResponse) -> tuple[GatewayEvent, ...]:
    """The readable lines of a payment's log. Raises GatewayBadAnswer where there is no log."""
    fields = read_fields(response)
    data = fields.get("data")
    if response.status == 200 and isinstance(data, list):
        lines = [_event(line) for line in data[:MAX_EVENTS] if isinstance(line, dict)]
        return tuple(line for line in lines if line is not None)
    if response.status in (400, 404) and "not found" in read_message(fields):
        return ()
    raise unreadable_response(response)


def _event(line: Mapping[str, Any]) -> GatewayEvent | None:
    at, text = read_instant(line.get("created_at")), line.get("message")
    if at is None or type(text) is not str:
        return None
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:MAX_EVENT_LENGTH]
    return GatewayEvent(at, shown) if shown else None


def _refund_answer(data: Mapping[str, Any], *, otherwise: RefundGatewayStatus) -> RefundAnswer:
    """``otherwise`` stands for a status that is missing or not in REFUND_STATUS_MAP."""
    status = data.get("status")
    known = REFUND_STATUS_MAP.get(status.lower(), otherwise) if type(status) is str else otherwise
    return RefundAnswer(known, read_reference(data.get("ref_id")))


def _opening_error(response: HttpResponse, fields: Mapping[str, Any], private: tuple[str, ...]) -> GatewayError:
    """The error for an opening that gave no link."""
    reasons = read_reasons(fields.get("message"))
    if response.status < 500 and any(means_reference_used(reason) for reason in reasons):
        return ReferenceUsed("The payment gateway knows this reference already.", definitely_not_executed=True)
    # 400 and 422 are about the request. Other refusals ("Payments through API is disabled" is a 404) come in
    # Chapa's envelope, which tells them from the "Not Found" of a wrong address. A 408 is a time-out.
    is_refusal = response.status in (400, 422) or (
        400 <= response.status < 500 and response.status != 408 and "status" in fields
    )
    if not is_refusal or not reasons:
        return unreadable_response(response)
    return rejected(reasons, names=FIELDS, rules=RULES, private=private)


def means_reference_used(reason: Reason) -> bool:
    """Whether the reason of a refusal is that our reference was used before, in a known wording."""
    field, text = reason
    about_reference = field in ("tx_ref", "merchant_reference") or (not field and _OF_REFERENCE.search(text))
    return bool(about_reference and _USED.search(text))


def read_transactions(response: HttpResponse, page: int = 1) -> TransactionPage:
    """The ``page``-th page of the list of transactions. Raises GatewayBadAnswer where any of it cannot be read.

    Its rows have no reference of ours, and amounts with three decimals.
    """
    data = read_fields(response).get("data")
    rows = data.get("transactions") if isinstance(data, dict) else None
    pagination = data.get("pagination") if isinstance(data, dict) else None
    if response.status != 200 or not isinstance(rows, list) or not isinstance(pagination, dict):
        raise unreadable_response(response)
    found = [_transaction(row) for row in rows]
    if None in found:
        raise unreadable_response(response)
    more = bool(pagination.get("next_page_url"))
    return TransactionPage(tuple(row for row in found if row), more=more, cursor=f"{page + 1}")


def _transaction(row: object) -> StatementRow | None:
    if not isinstance(row, dict) or (reference := read_reference(row.get("ref_id"))) is None:
        return None
    customer = row.get("customer")
    return StatementRow(
        reference=reference,
        status=STATUS_MAP.get(str(row.get("status")), "pending"),
        amount=str(row.get("amount")),
        currency=str(row.get("currency")),
        fee="" if row.get("charge") is None else str(row.get("charge")),
        at=read_instant(row.get("created_at")),
        payer=str(customer.get("email") or "") if isinstance(customer, dict) else "",
    )
