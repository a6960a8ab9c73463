"""Reading Paystack's responses: whatever bytes come, one of our outcomes, and paid only for a paid payment.

``status`` of a response is a boolean: whether the call worked. What became of a payment is ``data.status``. Refusals
are told apart by their ``code`` where there is one, else by their text.
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
    read_id,
    read_instant,
    read_message,
    read_minor,
    read_reasons,
    read_word,
    rejected,
    reported,
    unreadable_response,
)
from chalicelib.adapters.gateways.transport import HttpResponse
from chalicelib.domain.booking import DisputeStatus, GatewayStatus
from chalicelib.domain.disputes import DisputeFacts
from chalicelib.domain.errors import GatewayBadAnswer, GatewayError, GatewayRejected, ReferenceUsed
from chalicelib.domain.finance.settlement import Payout, PayoutPage, StatementRow, TransactionPage
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from chalicelib.services.ports.gateways import RefundAnswer, RefundGatewayStatus

STATUS_MAP: Mapping[str, GatewayStatus] = {
    "success": "paid",
    "failed": "failed",
    "reversed": "reversed",
    "abandoned": "pending",
    "ongoing": "pending",
    "pending": "pending",
    "processing": "pending",
    "queued": "pending",
}
"""Paystack's ``data.status`` as it is written; any other counts as pending, and is verified again. ``abandoned`` is not
final: a fresh link is, and the guest may still come back to it."""

REFUND_STATUS_MAP: Mapping[str, RefundGatewayStatus] = {
    "pending": "processing",
    "processing": "processing",
    "processed": "refunded",
    "failed": "reversed",
    "needs-attention": "waiting",
}
"""``failed``: the money is back with the merchant, so the refund itself came back. ``needs-attention``: it waits for
the guest's bank details."""

DISPUTE_STATUS_MAP: Mapping[str, DisputeStatus] = {
    "pending": "needs_response",
    "awaiting-merchant-feedback": "needs_response",
    "awaiting-bank-feedback": "under_review",
}
"""Of a dispute that is not resolved; any other status is one that a person must look at."""

RESOLUTION_MAP: Mapping[str, DisputeStatus] = {
    "merchant-accepted": "lost",
    "auto-accepted": "lost",
    "declined": "won",
}
"""How a dispute ended that is ``resolved`` or ``archived``; with any other word, that is not known yet."""

FIELDS = {"amount": "total", "email": "contact.email"}
"""Paystack's names of what the guest gave us, and ours."""

FIELDS_IN_TEXT = ("email", "amount", "currency", "reference", "callback_url", "metadata")
"""A refusal names its field only in its sentence ("Email Address is required"): the first of these found in it."""

UNKNOWN = re.compile(r"(?:entity|transaction(?: reference)?|reference) not found\.?")
"""The wordings of a reference that Paystack does not know, in lower case. Another "not found" may be of the path."""


def read_link(response: HttpResponse, *, secure: bool, private: tuple[str, ...]) -> str:
    """The checkout link of an opened payment. Raises GatewayError.

    ``secure``: the link must be https. ``private`` is what the reasons of a refusal must not repeat.
    """
    fields = read_fields(response)
    if response.status != 200 or fields.get("status") is not True:
        raise _opening_error(response, fields, private)
    return read_checkout_link(fields.get("data"), "authorization_url", secure=secure)


def read_verification(response: HttpResponse) -> Verification:
    """What became of a payment. Raises GatewayBadAnswer for a response that does not tell it."""
    fields = read_fields(response)
    _refuse_bad_key(fields)
    is_unknown = fields.get("code") == "transaction_not_found" or UNKNOWN.fullmatch(read_message(fields))
    if response.status in (400, 404) and _is_refusal(fields) and is_unknown:
        return Verification("unknown")
    data = fields.get("data")
    worked = response.status == 200 and fields.get("status") is True
    if not worked or not isinstance(data, dict) or type(data.get("status")) is not str:
        raise unreadable_response(response)
    status = STATUS_MAP.get(data["status"], "pending")
    amount, text = _amount(data)
    return Verification(
        status,
        tx_ref=read_word(data.get("reference")),
        amount=amount,
        reported=text,
        mode=read_word(data.get("domain")),
        provider_reference=read_id(data.get("id")),
        fee=read_minor(data.get("fees"), data.get("currency")),
        paid_at=read_instant(data.get("paid_at") or data.get("paidAt")) if status == "paid" else None,
    )


def read_refund(response: HttpResponse) -> RefundAnswer:
    """What became of a refund that was just posted. Raises GatewayError."""
    fields = read_fields(response)
    _refuse_bad_key(fields)
    data = fields.get("data")
    if response.status in (200, 201) and fields.get("status") is True:
        # Accepted, whatever else the response lacks: to post it again would be to pay twice.
        return _refund_answer(data if isinstance(data, dict) else {}, otherwise="processing")
    reasons = [displayable_reason(text, (), {}) for _, text in read_reasons(fields.get("message"))]
    if response.status in (400, 404, 422) and _is_refusal(fields) and reasons:
        raise GatewayRejected(" ".join(reasons[:3]), definitely_not_executed=True)
    raise unreadable_response(response)


def read_refund_status(response: HttpResponse) -> RefundAnswer:
    """What became of a refund. Raises GatewayBadAnswer for a response that does not tell it."""
    fields = read_fields(response)
    _refuse_bad_key(fields)
    data = fields.get("data")
    if response.status == 200 and fields.get("status") is True and isinstance(data, dict):
        return _refund_answer(data, otherwise="unknown")
    if response.status in (400, 404) and _is_refusal(fields) and read_message(fields):
        return RefundAnswer("unknown")
    raise unreadable_response(response)


def read_refund_in_list(response: HttpResponse, refund_id: str) -> tuple[RefundAnswer | None, int]:
    """The refund whose note begins with our id for it, if this page lists it, and how many refunds the page lists.

    A refund that came back and was posted again is listed twice under that id: then the one that did not come back.
    Raises GatewayBadAnswer.
    """
    fields = read_fields(response)
    _refuse_bad_key(fields)
    data = fields.get("data")
    if response.status != 200 or fields.get("status") is not True or not isinstance(data, list):
        raise unreadable_response(response)
    found = [_refund_answer(each, otherwise="processing") for each in data if _is_noted(each, refund_id)]
    alive = [each for each in found if each.status != "reversed"]
    return next(iter(alive or found), None), len(data)


def read_dispute(response: HttpResponse) -> DisputeFacts | None:
    """What became of a dispute; None where Paystack knows none. Raises GatewayBadAnswer."""
    fields = read_fields(response)
    _refuse_bad_key(fields)
    if response.status in (400, 404) and _is_refusal(fields) and "not found" in read_message(fields):
        return None
    facts = dispute_facts(fields.get("data")) if response.status == 200 and fields.get("status") is True else None
    if facts is None:
        raise unreadable_response(response)
    return facts


def dispute_facts(data: object) -> DisputeFacts | None:
    """What an answer, or an event, says of a dispute; None where it does not say of which."""
    if not isinstance(data, dict) or (own_name := read_id(data.get("id"))) is None:
        return None
    status, resolution = data.get("status"), read_word(data.get("resolution")) or ""
    over = status in ("resolved", "archived")
    transaction = data.get("transaction")
    of = transaction if isinstance(transaction, dict) else {}
    asked = read_minor(data.get("refund_amount"), data.get("currency") or of.get("currency"))
    return DisputeFacts(
        provider_dispute_id=own_name,
        status=(
            RESOLUTION_MAP.get(resolution, "under_review")
            if over
            else DISPUTE_STATUS_MAP.get(read_word(status) or "", "needs_response")
        ),
        tx_ref=read_word(data.get("transaction_reference")) or read_word(of.get("reference")),
        amount=asked or read_minor(of.get("amount"), of.get("currency")),
        reason=read_word(data.get("category")) or "",
        resolution=resolution if over else "",
        due_at=read_instant(data.get("dueAt") or data.get("due_at")),
    )


def _is_noted(refund: object, refund_id: str) -> bool:
    note = refund.get("merchant_note") if isinstance(refund, dict) else None
    return type(note) is str and note.split()[:1] == [refund_id]


def _refund_answer(data: Mapping[str, Any], *, otherwise: RefundGatewayStatus) -> RefundAnswer:
    """``otherwise`` stands for a status that is missing or not in REFUND_STATUS_MAP."""
    status = data.get("status")
    known = REFUND_STATUS_MAP.get(status, otherwise) if type(status) is str else otherwise
    return RefundAnswer(known, read_id(data.get("id")))


def _amount(data: Mapping[str, Any]) -> tuple[Money | None, str]:
    """The amount that the guest was asked for, where the response has it; never more than what was paid.

    ``amount`` may be above ``requested_amount``, where the guest carries the fee. Without the latter, only ``amount``
    counts: a fee in it cannot be told from money that is too much, so a person looks.
    """
    currency = data.get("currency")
    paid = read_minor(data.get("amount"), currency)
    if paid is None:
        return None, reported(data.get("amount"), "minor", currency)
    if data.get("requested_amount") is None:
        return paid, ""
    asked = read_minor(data["requested_amount"], currency)
    if asked is None:
        return None, reported(data["requested_amount"], "minor", currency)
    return min(asked, paid), ""


def _opening_error(response: HttpResponse, fields: Mapping[str, Any], private: tuple[str, ...]) -> GatewayError:
    """The error for an opening that gave no link."""
    _refuse_bad_key(fields)
    code, message = fields.get("code"), read_message(fields)
    if not 400 <= response.status < 500 or response.status == 408 or not _is_refusal(fields):
        return unreadable_response(response)
    if code == "duplicate_reference" or ("duplicate" in message and "reference" in message):
        return ReferenceUsed("The payment gateway knows this reference already.", definitely_not_executed=True)
    reasons = [_with_field(text) for _, text in read_reasons(fields.get("message"))]
    return rejected(reasons, names=FIELDS, rules={}, private=private) if reasons else unreadable_response(response)


def _with_field(text: str) -> Reason:
    plain = text.lower().replace("_", " ")
    return next((name for name in FIELDS_IN_TEXT if name.replace("_", " ") in plain), ""), text


def _is_refusal(fields: Mapping[str, Any]) -> bool:
    """Paystack's own envelope. An older sample writes the boolean as text."""
    return fields.get("status") in (False, "false")


def _refuse_bad_key(fields: Mapping[str, Any]) -> None:
    """A refused key is a 401, but is printed under 400 too."""
    if _is_refusal(fields) and read_message(fields) == "invalid key":
        raise GatewayBadAnswer("The payment gateway refused our credentials.", definitely_not_executed=True)


def read_transactions(response: HttpResponse, page: int = 1) -> TransactionPage:
    """The ``page``-th page of the list of transactions. Raises GatewayBadAnswer where any of it cannot be read."""
    fields = read_fields(response)
    rows, meta = fields.get("data"), fields.get("meta")
    if response.status != 200 or not isinstance(rows, list) or not isinstance(meta, dict):
        raise unreadable_response(response)
    found = [_transaction(row) for row in rows]
    if None in found:
        raise unreadable_response(response)
    more = bool(rows) and str(meta.get("page")) != str(meta.get("pageCount"))
    return TransactionPage(tuple(row for row in found if row), more=more, cursor=f"{page + 1}")


def read_payouts(response: HttpResponse, page: int = 1) -> PayoutPage:
    """The ``page``-th page of the list of settlements. Raises GatewayBadAnswer where any of it cannot be read."""
    fields = read_fields(response)
    rows, meta = fields.get("data"), fields.get("meta")
    if response.status != 200 or not isinstance(rows, list) or not isinstance(meta, dict):
        raise unreadable_response(response)
    found = [_payout(row) for row in rows]
    if None in found:
        raise unreadable_response(response)
    more = bool(rows) and str(meta.get("page")) != str(meta.get("pageCount"))
    return PayoutPage(tuple(each for each in found if each), more=more, cursor=f"{page + 1}")


def _payout(row: object) -> Payout | None:
    """``effective_amount`` is what is left after deductions; where it is missing, nothing was deducted."""
    if not isinstance(row, dict) or (number := read_id(row.get("id"))) is None:
        return None
    currency, on = row.get("currency"), read_instant(row.get("settlement_date"))
    gross, fees, net = (
        read_minor(row.get(name), currency) for name in ("total_processed", "total_fees", "total_amount")
    )
    effective = row.get("effective_amount")
    paid = net if effective is None else read_minor(effective, currency)
    if on is None or gross is None or fees is None or net is None or paid is None:
        return None
    return Payout(
        payout_id=number,
        status=str(row.get("status")),
        on=on.date(),
        currency=str(currency),
        gross=gross.minor,
        fees=fees.minor,
        net=net.minor,
        paid=paid.minor,
    )


def _transaction(row: object) -> StatementRow | None:
    if not isinstance(row, dict) or (number := read_id(row.get("id"))) is None:
        return None
    currency, customer = row.get("currency"), row.get("customer")
    amount, fee = read_minor(row.get("amount"), currency), read_minor(row.get("fees"), currency)
    return StatementRow(
        reference=number,
        status=STATUS_MAP.get(str(row.get("status")), "pending"),
        amount=amount.decimal if amount else reported(row.get("amount")),
        currency=str(currency),
        tx_ref=read_word(row.get("reference")) or "",
        fee=fee.decimal if fee else "",
        at=read_instant(row.get("paid_at")) or read_instant(row.get("created_at")),
        payer=str(customer.get("email") or "") if isinstance(customer, dict) else "",
    )
