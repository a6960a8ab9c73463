"""What Chapa's answers mean: whatever bytes come, one of our outcomes, and paid only if they say just that.

Where Chapa's documents and its recorded answers disagree, both are taken: an unpaid payment is a 200 that
says ``pending``, or a 404 "not paid yet". Only ``data.status`` of a 200 decides what became of a payment; the
envelope around it says ``success`` for unpaid ones too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chalicelib.adapters.gateways.parsing import (
    Reason,
    displayable_reason,
    read_fields,
    read_instant,
    read_link_of,
    read_major,
    read_reasons,
    read_reference,
    read_word,
    rejected,
    reported,
    unreadable_response,
)
from chalicelib.adapters.gateways.transport import Answer
from chalicelib.domain.errors import GatewayError, GatewayRejected, ReferenceUsed
from chalicelib.domain.verification import GatewayStatus, Verification
from chalicelib.services.ports import GatewayEvent, RefundAnswer, RefundGatewayStatus

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
"""Word for word; any other word is taken for pending, and asked about again."""

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
"""Chapa's names of what the guest gave us, and ours. Others are left as they are."""

RULES = {
    "validation.required": "The payment gateway needs this.",
    "validation.email": "The payment gateway does not accept this e-mail address.",
    "validation.numeric": "The payment gateway needs a number here.",
    "validation.min.numeric": "This is less than the payment gateway accepts.",
    "validation.max.numeric": "This is more than the payment gateway accepts.",
    "validation.url": "The payment gateway does not accept this address.",
}
"""Chapa's bare rule keys in words: it sends some reasons as these, and others as sentences."""

MOST_EVENTS = 100
LONGEST_EVENT = 200
"""Lines of a payment's log, and characters of one."""

_USED = re.compile(r"used before|already (?:been )?(?:used|taken|exists)|validation\.unique", re.IGNORECASE)
_OF_REFERENCE = re.compile(r"reference|tx.?ref", re.IGNORECASE)


def read_link(answer: Answer, *, secure: bool, private: tuple[str, ...]) -> str:
    """The checkout link of an opened payment, or GatewayError.

    ``secure``: only https will do. ``private`` is what the reasons of a refusal must not repeat.
    """
    fields = read_fields(answer)
    if answer.status != 200 or fields.get("status") != "success":
        raise _refusal(answer, fields, private)
    return read_link_of(fields.get("data"), "checkout_url", secure=secure)


def read_verification(answer: Answer) -> Verification:
    """What became of a payment, or GatewayBadAnswer where the answer says nothing of it."""
    fields = read_fields(answer)
    if answer.status in (400, 404):
        words = _words(fields)
        if "not paid" in words:
            return Verification("pending")
        if ("invalid" in words or "not found" in words) and ("transaction" in words or "reference" in words):
            return Verification("unknown")
    data = fields.get("data")
    if answer.status != 200 or not isinstance(data, dict) or type(data.get("status")) is not str:
        raise unreadable_response(answer)
    said = STATUS_MAP.get(data["status"], "pending")
    currency = data.get("currency")
    amount = read_major(data.get("amount"), currency)
    reference = read_reference(data.get("reference"))
    return Verification(
        said,
        tx_ref=read_word(data.get("tx_ref")),
        amount=amount,
        reported="" if amount else reported(data.get("amount"), currency),
        mode=read_word(data.get("mode")),
        provider_reference=reference,
        receipt_url=RECEIPT + reference if reference and said == "paid" else None,
        fee=read_major(data.get("charge"), currency),
        paid_at=read_instant(data.get("updated_at")) if said == "paid" else None,
    )


def read_closed(answer: Answer) -> bool:
    """Whether a link that we asked to cancel is certainly closed: now, before, or it never was."""
    fields = read_fields(answer)
    if answer.status == 200:
        return fields.get("status") == "success"
    closed = {400: "already expired", 404: "link not found"}.get(answer.status)
    return closed is not None and closed in _words(fields)


def read_refund(answer: Answer) -> RefundAnswer:
    """What Chapa says of a refund that it was just asked for, in either of its two forms, or GatewayError."""
    fields = read_fields(answer)
    data = fields.get("data")
    if answer.status == 200 and fields.get("status") == "success":
        # Taken over, whatever else the answer lacks: to ask again would be to pay twice.
        return _refund_said(data if isinstance(data, dict) else {}, unheard_of="processing")
    reasons = [displayable_reason(text, (), RULES) for _, text in read_reasons(fields.get("message"))]
    if answer.status in (400, 404, 422) and reasons:
        raise GatewayRejected(" ".join(reasons[:3]), definitely_not_executed=True)
    raise unreadable_response(answer)


def read_refund_status(answer: Answer) -> RefundAnswer:
    """What became of a refund, or GatewayBadAnswer where the answer says nothing of it."""
    fields = read_fields(answer)
    data = fields.get("data")
    if answer.status == 200 and isinstance(data, dict):
        return _refund_said(data, unheard_of="unknown")
    if answer.status in (400, 404) and _words(fields):
        return RefundAnswer("unknown")
    raise unreadable_response(answer)


def read_events(answer: Answer) -> tuple[GatewayEvent, ...]:
    """The lines of a payment's log, or GatewayBadAnswer where the answer is none. A line that cannot be read is not."""
    fields = read_fields(answer)
    data = fields.get("data")
    if answer.status == 200 and isinstance(data, list):
        lines = [_event(line) for line in data[:MOST_EVENTS] if isinstance(line, dict)]
        return tuple(line for line in lines if line is not None)
    if answer.status in (400, 404) and "not found" in _words(fields):
        return ()
    raise unreadable_response(answer)


def _event(line: Mapping[str, Any]) -> GatewayEvent | None:
    at, text = read_instant(line.get("created_at")), line.get("message")
    if at is None or type(text) is not str:
        return None
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:LONGEST_EVENT]
    return GatewayEvent(at, shown) if shown else None


def _refund_said(data: Mapping[str, Any], *, unheard_of: RefundGatewayStatus) -> RefundAnswer:
    status = data.get("status")
    said = REFUND_STATUS_MAP.get(status.lower(), unheard_of) if type(status) is str else unheard_of
    return RefundAnswer(said, read_reference(data.get("ref_id")))


def _words(fields: Mapping[str, Any]) -> str:
    return " ".join(text for _, text in read_reasons(fields.get("message"))).lower()


def _refusal(answer: Answer, fields: Mapping[str, Any], private: tuple[str, ...]) -> GatewayError:
    """What an opening that gave no link is called."""
    reasons = read_reasons(fields.get("message"))
    if answer.status < 500 and any(says_used(reason) for reason in reasons):
        return ReferenceUsed("The payment gateway knows this reference already.", definitely_not_executed=True)
    # 400 and 422 are about the request. Other refusals ("Payments through API is disabled" is a 404) come in
    # Chapa's envelope, which tells them from the "Not Found" of a wrong address. A 408 is a time-out.
    heard = answer.status in (400, 422) or (400 <= answer.status < 500 and answer.status != 408 and "status" in fields)
    if not heard or not reasons:
        return unreadable_response(answer)
    return rejected(reasons, names=FIELDS, rules=RULES, private=private)


def says_used(reason: Reason) -> bool:
    """Whether this reason is that our reference was given before."""
    field, text = reason
    about_reference = field in ("tx_ref", "merchant_reference") or (not field and _OF_REFERENCE.search(text))
    return bool(about_reference and _USED.search(text))
