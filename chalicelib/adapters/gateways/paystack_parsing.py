"""What Paystack's answers mean: whatever bytes come, one of our outcomes, and paid only if they say just that.

``status`` of an answer is a boolean and says only that the call worked; ``data.status`` says what became of a payment.
Refusals are told apart by their ``code``, where there is one, and not by their text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.adapters.gateways.parsing import (
    Reason,
    displayable_reason,
    read_fields,
    read_id,
    read_instant,
    read_link_of,
    read_minor,
    read_reasons,
    read_word,
    rejected,
    reported,
    unreadable_response,
)
from chalicelib.adapters.gateways.transport import Answer
from chalicelib.domain.errors import GatewayBadAnswer, GatewayError, GatewayRejected, ReferenceUsed
from chalicelib.domain.money import Money
from chalicelib.domain.verification import GatewayStatus, Verification
from chalicelib.services.ports import RefundAnswer, RefundGatewayStatus

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
"""Word for word; any other word is pending, and asked about again. ``abandoned`` is a fresh link, or a guest who may
still come back to it: it is not final."""

REFUND_STATUS_MAP: Mapping[str, RefundGatewayStatus] = {
    "pending": "processing",
    "processing": "processing",
    "processed": "refunded",
    "failed": "reversed",
    "needs-attention": "waiting",
}
"""``failed``: the money is back with the merchant, so the refund itself came back. ``needs-attention``: it waits for
the guest's bank details; after a day without another word a person is asked."""

FIELDS = {"amount": "total", "email": "contact.email"}
"""Paystack's names of what the guest gave us, and ours."""

NAMED = ("email", "amount", "currency", "reference", "callback_url", "metadata")
"""A refusal names its field in its sentence only ("Email Address is required"): the first of these words is it."""


def read_link(answer: Answer, *, secure: bool, private: tuple[str, ...]) -> str:
    """The checkout link of an opened payment, or GatewayError.

    ``secure``: only https will do. ``private`` is what the reasons of a refusal must not repeat.
    """
    fields = read_fields(answer)
    if answer.status != 200 or fields.get("status") is not True:
        raise _refusal(answer, fields, private)
    return read_link_of(fields.get("data"), "authorization_url", secure=secure)


def read_verification(answer: Answer) -> Verification:
    """What became of a payment, or GatewayBadAnswer where the answer says nothing of it."""
    fields = read_fields(answer)
    _refuse_bad_key(fields)
    if answer.status in (400, 404) and _is_refusal(fields) and "not found" in _words(fields):
        return Verification("unknown")
    data = fields.get("data")
    worked = answer.status == 200 and fields.get("status") is True
    if not worked or not isinstance(data, dict) or type(data.get("status")) is not str:
        raise unreadable_response(answer)
    said = STATUS_MAP.get(data["status"], "pending")
    amount, text = _amount(data)
    return Verification(
        said,
        tx_ref=read_word(data.get("reference")),
        amount=amount,
        reported=text,
        mode=read_word(data.get("domain")),
        provider_reference=read_id(data.get("id")),
        fee=read_minor(data.get("fees"), data.get("currency")),
        paid_at=read_instant(data.get("paid_at") or data.get("paidAt")) if said == "paid" else None,
    )


def read_refund(answer: Answer) -> RefundAnswer:
    """What Paystack says of a refund that it was just asked for, or GatewayError."""
    fields = read_fields(answer)
    _refuse_bad_key(fields)
    data = fields.get("data")
    if answer.status in (200, 201) and fields.get("status") is True:
        # Taken over, whatever else the answer lacks: to ask again would be to pay twice.
        return _refund_said(data if isinstance(data, dict) else {}, unheard_of="processing")
    reasons = [displayable_reason(text, (), {}) for _, text in read_reasons(fields.get("message"))]
    if answer.status in (400, 404, 422) and _is_refusal(fields) and reasons:
        raise GatewayRejected(" ".join(reasons[:3]), definitely_not_executed=True)
    raise unreadable_response(answer)


def read_refund_status(answer: Answer) -> RefundAnswer:
    """What became of a refund, or GatewayBadAnswer where the answer says nothing of it."""
    fields = read_fields(answer)
    _refuse_bad_key(fields)
    data = fields.get("data")
    if answer.status == 200 and fields.get("status") is True and isinstance(data, dict):
        return _refund_said(data, unheard_of="unknown")
    if answer.status in (400, 404) and _is_refusal(fields) and _words(fields):
        return RefundAnswer("unknown")
    raise unreadable_response(answer)


def read_refund_in_list(answer: Answer, refund_id: str) -> tuple[RefundAnswer | None, int]:
    """The refund whose note begins with our name for it, if this page has it, and how many it has. GatewayBadAnswer.

    One that came back and was posted again is there twice under that name: then the one that did not come back.
    """
    fields = read_fields(answer)
    _refuse_bad_key(fields)
    data = fields.get("data")
    if answer.status != 200 or fields.get("status") is not True or not isinstance(data, list):
        raise unreadable_response(answer)
    found = [_refund_said(each, unheard_of="processing") for each in data if _is_noted(each, refund_id)]
    alive = [each for each in found if each.said != "reversed"]
    return next(iter(alive or found), None), len(data)


def _is_noted(refund: object, refund_id: str) -> bool:
    note = refund.get("merchant_note") if isinstance(refund, dict) else None
    return type(note) is str and note.split()[:1] == [refund_id]


def _refund_said(data: Mapping[str, Any], *, unheard_of: RefundGatewayStatus) -> RefundAnswer:
    status = data.get("status")
    said = REFUND_STATUS_MAP.get(status, unheard_of) if type(status) is str else unheard_of
    return RefundAnswer(said, read_id(data.get("id")))


def _amount(data: Mapping[str, Any]) -> tuple[Money | None, str]:
    """What was asked of the guest, where the answer says it; and never more than what was paid.

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


def _refusal(answer: Answer, fields: Mapping[str, Any], private: tuple[str, ...]) -> GatewayError:
    """What an opening that gave no link is called."""
    _refuse_bad_key(fields)
    code, words = fields.get("code"), _words(fields)
    if not 400 <= answer.status < 500 or answer.status == 408 or not _is_refusal(fields):
        return unreadable_response(answer)
    if code == "duplicate_reference" or ("duplicate" in words and "reference" in words):
        return ReferenceUsed("The payment gateway knows this reference already.", definitely_not_executed=True)
    reasons = [_named(text) for _, text in read_reasons(fields.get("message"))]
    return rejected(reasons, names=FIELDS, rules={}, private=private) if reasons else unreadable_response(answer)


def _named(text: str) -> Reason:
    words = text.lower().replace("_", " ")
    return next((name for name in NAMED if name.replace("_", " ") in words), ""), text


def _is_refusal(fields: Mapping[str, Any]) -> bool:
    """Paystack's own envelope. An older sample writes the boolean as text."""
    return fields.get("status") in (False, "false")


def _refuse_bad_key(fields: Mapping[str, Any]) -> None:
    """A refused key is a 401, but is printed under 400 too."""
    if _is_refusal(fields) and _words(fields) == "invalid key":
        raise GatewayBadAnswer("The payment gateway refused our credentials.", definitely_not_executed=True)


def _words(fields: Mapping[str, Any]) -> str:
    return " ".join(text for _, text in read_reasons(fields.get("message"))).lower()
