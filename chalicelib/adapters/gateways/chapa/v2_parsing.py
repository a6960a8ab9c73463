"""What the answers of Chapa's version 2 mean: one of our outcomes, and paid only if they say just that.

Two things that it leaves open are decided here, on the side of a person who looks:

- **Mode.** No answer is documented to name it; the key chooses it, and one key sees one mode. So the mode of a payment
  is that of the key that this very question was asked with. Where an answer names a mode all the same, that one
  counts; and a reference of Chapa's that begins with TEST is never live, whatever the key. A payment remembers
  the mode that it was opened in, so a key of the other mode never confirms it.
- **Part of the money went back.** ``partially_refunded`` does not say how much. As "refunded" it would mark a refund of
  all as done when only some went back; as "paid" it would confirm a booking whose money is partly gone. It is told as
  paid with an amount that cannot be read: that changes nothing for a completed payment, and puts any other before
  a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.adapters.gateways.chapa.v1_parsing import FIELDS as FIELDS_OF_V1
from chalicelib.adapters.gateways.chapa.v1_parsing import RULES, says_used
from chalicelib.adapters.gateways.parsing import (
    MOST_REASONS,
    Reason,
    read_fields,
    read_instant,
    read_link_of,
    read_minor,
    read_reasons,
    read_reference,
    read_word,
    rejected,
    reported,
    unreadable_response,
)
from chalicelib.adapters.gateways.transport import Answer
from chalicelib.domain.errors import GatewayError, ReferenceUsed
from chalicelib.domain.money import Money
from chalicelib.domain.verification import GatewayStatus, Verification

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
"""In small letters, as documented, or in capitals, as sent; any other word is pending, and asked about again."""

FIELDS = FIELDS_OF_V1 | {f"customer.{name}": ours for name, ours in FIELDS_OF_V1.items() if name != "amount"}

CODES = RULES | {
    "INVALID_VALUE": "The payment gateway does not accept this value.",
    "MISSING_REQUIRED_FIELD": "The payment gateway needs this.",
}


def read_link(answer: Answer, *, secure: bool, private: tuple[str, ...]) -> str:
    """The checkout link of an opened payment, or GatewayError.

    ``secure``: only https will do. ``private`` is what the reasons of a refusal must not repeat.
    """
    fields = read_fields(answer)
    if answer.status not in (200, 201) or fields.get("status") != "success":
        raise _refusal(answer, fields, private)
    return read_link_of(fields.get("data"), "checkout_url", secure=secure)


def read_verification(answer: Answer, *, key_mode: str) -> Verification:
    """What became of a payment, or GatewayBadAnswer where the answer says nothing of it.

    ``key_mode`` is the mode of the key that it was asked with.
    """
    fields = read_fields(answer)
    if answer.status in (400, 404) and fields.get("status") == "error":
        words = " ".join(text for _, text in read_reasons(fields.get("message"))).lower()
        if _code(fields) == "NOT_FOUND" or "not found" in words:
            return Verification("unknown")
    data = fields.get("data")
    if answer.status != 200 or not isinstance(data, dict) or type(data.get("status")) is not str:
        raise unreadable_response(answer)
    word = data["status"]
    plain = word.lower() if word in (word.lower(), word.upper()) else ""
    said = STATUS_MAP.get(plain, "pending")
    amount, text = _amount(data, partly_back=plain == "partially_refunded")
    reference = read_reference(data.get("chapa_reference"))
    return Verification(
        said,
        # The key is misspelt in some answers.
        tx_ref=read_word(data.get("merchant_reference")) or read_word(data.get("merchant_referece")),
        amount=amount,
        reported=text,
        mode=_mode(data, reference, key_mode),
        provider_reference=reference,
        paid_at=read_instant(data.get("updated_at")) if said == "paid" else None,
    )


def _amount(data: Mapping[str, Any], *, partly_back: bool) -> tuple[Money | None, str]:
    currency = data.get("currency")
    amount = read_minor(data.get("amount"), currency)
    if amount is None:
        # Not to be taken for major units by whoever reads it.
        return None, reported(data.get("amount"), "minor", currency)
    return (None, reported(amount.formatted, "less a refund")) if partly_back else (amount, "")


def _mode(data: Mapping[str, Any], reference: str | None, key_mode: str) -> str | None:
    named = data.get("mode")
    if named is not None:
        return (read_word(named) or "").lower() or None
    return "test" if reference and reference.startswith("TEST") else key_mode


def _refusal(answer: Answer, fields: Mapping[str, Any], private: tuple[str, ...]) -> GatewayError:
    """What an opening that gave no link is called."""
    code = _code(fields)
    heard = 400 <= answer.status < 500 and answer.status != 408 and fields.get("status") == "error"
    if not heard or code == "PROCESSING_FAILED":
        return unreadable_response(answer)
    reasons = _detailed(fields) + read_reasons(fields.get("message"))
    if answer.status == 409 or any(says_used(reason) for reason in reasons):
        return ReferenceUsed("The payment gateway knows this reference already.", definitely_not_executed=True)
    if not reasons and code is None:
        return unreadable_response(answer)
    return rejected(reasons[:MOST_REASONS], names=FIELDS, rules=CODES, private=private)


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
