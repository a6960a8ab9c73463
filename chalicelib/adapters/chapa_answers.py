"""What Chapa's answers mean: whatever bytes come, one of our outcomes, and paid only if they say just that.

Where Chapa's documents and its recorded answers disagree, both are taken: an unpaid payment is a 200 that
says ``pending``, or a 404 "not paid yet". Only ``data.status`` of a 200 decides what became of a payment; the
envelope around it says ``success`` for unpaid ones too.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from chalicelib.domain.errors import (
    FieldError,
    GatewayBadAnswer,
    GatewayRejected,
    GatewayTrouble,
    GatewayUnreachable,
    ReferenceUsed,
)
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Said, Verification
from chalicelib.outbound import Answer, read_json
from chalicelib.services.ports import RefundAnswer, RefundSaid

RECEIPT = "https://chapa.link/payment-receipt/"

SAYS: Mapping[str, Said] = {
    "success": "paid",
    "pending": "pending",
    "failed": "failed",
    "failed/cancelled": "failed",
    "cancelled": "failed",
    "refunded": "refunded",
    "reversed": "reversed",
}
"""Word for word; any other word is taken for pending, and asked about again."""

REFUND_SAYS: Mapping[str, RefundSaid] = {
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

NOT_ACCEPTED = "The payment gateway does not accept this."
MOST_REASONS = 20

_LINK = re.compile(r"https?://[!#-;=?-\[\]_a-z~]{1,2040}", re.ASCII)
_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_WORD = re.compile(r"[!-~]{1,64}", re.ASCII)
_FIELD = re.compile(r"[A-Za-z0-9_.-]{1,60}", re.ASCII)
_SENTENCE = re.compile(r"[A-Za-z][!-;=?-~]*(?: [!-;=?-~]+)+", re.ASCII)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z", re.ASCII)
_USED = re.compile(r"used before|already (?:been )?(?:used|taken|exists)|validation\.unique", re.IGNORECASE)
_OF_REFERENCE = re.compile(r"reference|tx.?ref", re.IGNORECASE)


def read_link(answer: Answer, *, secure: bool, private: tuple[str, ...]) -> str:
    """The checkout link of an opened payment, or GatewayTrouble.

    ``secure``: only https will do. ``private`` is what the reasons of a refusal must not repeat.
    """
    fields = _fields(answer)
    if answer.status != 200 or fields.get("status") != "success":
        raise _refusal(answer, fields, private)
    data = fields.get("data")
    link = data.get("checkout_url") if isinstance(data, dict) else None
    if type(link) is not str or not _is_link(link, secure=secure):
        raise GatewayBadAnswer("The payment gateway's answer holds no checkout link.", fate_known=False)
    return link


def read_verification(answer: Answer) -> Verification:
    """What became of a payment, or GatewayBadAnswer where the answer says nothing of it."""
    fields = _fields(answer)
    if answer.status in (400, 404):
        words = _words(fields)
        if "not paid" in words:
            return Verification("pending")
        if ("invalid" in words or "not found" in words) and ("transaction" in words or "reference" in words):
            return Verification("unknown")
    data = fields.get("data")
    if answer.status != 200 or not isinstance(data, dict) or type(data.get("status")) is not str:
        raise _senseless(answer)
    said = SAYS.get(data["status"], "pending")
    currency = data.get("currency")
    amount = _money(data.get("amount"), currency)
    reference = data.get("reference")
    reference = reference if type(reference) is str and _REFERENCE.fullmatch(reference) else None
    return Verification(
        said,
        tx_ref=read_word(data.get("tx_ref")),
        amount=amount,
        reported="" if amount else _reported(data.get("amount"), currency),
        mode=read_word(data.get("mode")),
        provider_reference=reference,
        receipt_url=RECEIPT + reference if reference and said == "paid" else None,
        fee=_money(data.get("charge"), currency),
        paid_at=_instant(data.get("updated_at")) if said == "paid" else None,
    )


def read_closed(answer: Answer) -> bool:
    """Whether a link that we asked to cancel is certainly closed: now, before, or it never was."""
    fields = _fields(answer)
    if answer.status == 200:
        return fields.get("status") == "success"
    closed = {400: "already expired", 404: "link not found"}.get(answer.status)
    return closed is not None and closed in _words(fields)


def read_refund(answer: Answer) -> RefundAnswer:
    """What Chapa says of a refund that it was just asked for, in either of its two forms, or GatewayTrouble."""
    fields = _fields(answer)
    data = fields.get("data")
    if answer.status == 200 and fields.get("status") == "success":
        # Taken over, whatever else the answer lacks: to ask again would be to pay twice.
        return _refund_said(data if isinstance(data, dict) else {}, unheard_of="processing")
    reasons = [_speakable(text, ()) for _, text in _reasons(fields.get("message"))]
    if answer.status in (400, 404, 422) and reasons:
        raise GatewayRejected(" ".join(reasons[:3]), fate_known=True)
    raise _senseless(answer)


def read_refund_status(answer: Answer) -> RefundAnswer:
    """What became of a refund, or GatewayBadAnswer where the answer says nothing of it."""
    fields = _fields(answer)
    data = fields.get("data")
    if answer.status == 200 and isinstance(data, dict):
        return _refund_said(data, unheard_of="unknown")
    if answer.status in (400, 404) and _words(fields):
        return RefundAnswer("unknown")
    raise _senseless(answer)


def _refund_said(data: Mapping[str, Any], *, unheard_of: RefundSaid) -> RefundAnswer:
    status = data.get("status")
    said = REFUND_SAYS.get(status.lower(), unheard_of) if type(status) is str else unheard_of
    name = data.get("ref_id")
    return RefundAnswer(said, name if type(name) is str and _REFERENCE.fullmatch(name) else None)


def refuse_without_reading(answer: Answer) -> None:
    """Raise for the statuses that say the same of every call: too often, and refused credentials."""
    if answer.status == 429:
        raise GatewayUnreachable(
            "The payment gateway is asked too often.",
            fate_known=True,
            retry_after=_retry_after(answer.headers),
        )
    if answer.status in (401, 403):
        raise GatewayBadAnswer("The payment gateway refused our credentials.", fate_known=True)


def read_word(value: object) -> str | None:
    """A short text of visible ASCII, as references, modes and names of events are; None for anything else."""
    return value if type(value) is str and _WORD.fullmatch(value) else None


def _fields(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object. HTML, broken JSON and the like say nothing, so they have no fields."""
    try:
        fields = read_json(answer.body)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _reasons(message: object) -> list[tuple[str, str]]:
    """Each with the field that it is about ("": none). Chapa sends a text, a list, or an object of lists."""
    named = message.items() if isinstance(message, dict) else [("", message)]
    reasons = [
        (name, text)
        for name, value in named
        for text in (value if isinstance(value, list) else [value])
        if type(text) is str and text.strip()
    ]
    return reasons[:MOST_REASONS]


def _words(fields: Mapping[str, Any]) -> str:
    return " ".join(text for _, text in _reasons(fields.get("message"))).lower()


def _senseless(answer: Answer) -> GatewayBadAnswer:
    return GatewayBadAnswer(
        f"The payment gateway answered {answer.status} with nothing that can be used.", fate_known=False
    )


def _refusal(answer: Answer, fields: Mapping[str, Any], private: tuple[str, ...]) -> GatewayTrouble:
    """What an opening that gave no link is called."""
    reasons = _reasons(fields.get("message"))
    if answer.status < 500 and any(_is_used(name, text) for name, text in reasons):
        return ReferenceUsed("The payment gateway knows this reference already.", fate_known=True)
    # 400 and 422 are about the request. Other refusals ("Payments through API is disabled" is a 404) come in
    # Chapa's envelope, which tells them from the "Not Found" of a wrong address. A 408 is a time-out.
    heard = answer.status in (400, 422) or (400 <= answer.status < 500 and answer.status != 408 and "status" in fields)
    if not heard or not reasons:
        return _senseless(answer)
    spoken = [(name, _speakable(text, private)) for name, text in reasons]
    errors = tuple(FieldError(FIELDS.get(name, name), text) for name, text in spoken if _FIELD.fullmatch(name))
    said = [text for name, text in spoken if not name and text != NOT_ACCEPTED][:3]
    return GatewayRejected(
        " ".join(["The payment gateway refused this payment.", *said]), fate_known=True, errors=errors
    )


def _is_used(field: str, text: str) -> bool:
    about_reference = field == "tx_ref" or (not field and _OF_REFERENCE.search(text))
    return bool(about_reference and _USED.search(text))


def _speakable(text: str, private: tuple[str, ...]) -> str:
    """A reason for people: Chapa's sentence, or ours for its rule keys and for what must not be repeated."""
    text = text.strip()
    if text in RULES:
        return RULES[text]
    repeats = any(len(word) > 2 and word.lower() in text.lower() for word in private)
    if repeats or len(text) > 200 or "CHASECK" in text or not _SENTENCE.fullmatch(text):
        return NOT_ACCEPTED
    return text


def _is_link(link: str, *, secure: bool) -> bool:
    if not _LINK.fullmatch(link):
        return False
    try:
        parts = urlsplit(link)
        _ = parts.port  # raises for what is no port
    except ValueError:
        return False
    return bool(parts.hostname) and "@" not in parts.netloc and (parts.scheme == "https" or not secure)


def _retry_after(headers: Mapping[str, str]) -> int:
    """In seconds, from 1 to 300; 30 where nothing readable is said."""
    for name in ("retry-after", "x-ratelimit-reset"):
        value = headers.get(name, "").strip()
        if value.isascii() and value.isdigit() and len(value) <= 12:
            # More than thirty years is no pause but an instant.
            seconds = int(value) if int(value) < 10**9 else int(value) - time.time()
        else:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - time.time()
            except (ValueError, OverflowError):
                continue
        return min(max(round(seconds), 1), 300)
    return 30


def _money(amount: object, currency: object) -> Money | None:
    """Read from the digits as they were sent, as number or text; None where they are no amount of money.

    A number with an exponent is none: nobody writes a price so, and a person looks at what is unreadable.
    """
    if not isinstance(amount, str) or type(currency) is not str:
        return None
    try:
        return Money.parse(amount, currency)
    except ValueError:
        return None


def _reported(*parts: object) -> str:
    """An unreadable amount for people: at most 40 characters, each of which can be shown."""
    text = " ".join(part for part in parts if isinstance(part, str))[:40]
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)


def _instant(value: object) -> datetime | None:
    if type(value) is not str or not _INSTANT.fullmatch(value):
        return None
    try:
        instant = datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        return None
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
