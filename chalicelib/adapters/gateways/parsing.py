"""Reading what any payment gateway answers: whatever bytes come, only what is certainly there is believed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from chalicelib.adapters.gateways.transport import Answer, read_json
from chalicelib.domain.errors import FieldError, GatewayBadAnswer, GatewayRejected
from chalicelib.domain.money import Money
from chalicelib.gateways import KEY_BEGINNINGS
from chalicelib.services.ports import Opening

NOT_ACCEPTED = "The payment gateway does not accept this."
MOST_REASONS = 20

Reason = tuple[str, str]
"""The gateway's name of the field that a reason is about ("": none), and the reason."""

_LINK = re.compile(r"https?://[!#-;=?-\[\]_a-z~]{1,2040}", re.ASCII)
_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_WORD = re.compile(r"[!-~]{1,64}", re.ASCII)
_FIELD = re.compile(r"[A-Za-z0-9_.-]{1,60}", re.ASCII)
_SENTENCE = re.compile(r"[A-Za-z][!-;=?-~]*(?: [!-;=?-~]+)+", re.ASCII)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z", re.ASCII)
_MINOR = re.compile(r"[0-9]{1,16}", re.ASCII)
_KEY = re.compile(KEY_BEGINNINGS, re.ASCII)


def read_fields(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object. HTML, broken JSON and the like say nothing, so they have no fields."""
    try:
        fields = read_json(answer.body)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def read_reasons(message: object) -> list[Reason]:
    """Reasons that are a text, a list, or an object of lists."""
    named = message.items() if isinstance(message, dict) else [("", message)]
    reasons = [
        (name, text)
        for name, value in named
        for text in (value if isinstance(value, list) else [value])
        if type(text) is str and text.strip()
    ]
    return reasons[:MOST_REASONS]


def unreadable_response(answer: Answer) -> GatewayBadAnswer:
    """What an answer is called that says nothing: the fate of what was asked is open."""
    return GatewayBadAnswer(
        f"The payment gateway answered {answer.status} with nothing that can be used.", definitely_not_executed=False
    )


def rejected(
    reasons: list[Reason], *, names: Mapping[str, str], rules: Mapping[str, str], private: tuple[str, ...]
) -> GatewayRejected:
    """The refusal of an opening, with its reasons by our names of the fields.

    ``names`` are the gateway's names of what the guest gave us, and ours; others are left as they are.
    """
    spoken = [(name, displayable_reason(text, private, rules)) for name, text in reasons]
    errors = tuple(
        FieldError(names.get(name, name), text)
        for name, text in spoken
        if _FIELD.fullmatch(name) and not _repeats(name, private)
    )
    said = [text for name, text in spoken if not name and text != NOT_ACCEPTED][:3]
    return GatewayRejected(
        " ".join(["The payment gateway refused this payment.", *said]), definitely_not_executed=True, errors=errors
    )


def displayable_reason(text: str, private: tuple[str, ...], rules: Mapping[str, str]) -> str:
    """A reason for people: the gateway's sentence, or ours for its rule keys and for what must not be repeated."""
    text = text.strip()
    if text in rules:
        return rules[text]
    if _repeats(text, private) or len(text) > 200 or not _SENTENCE.fullmatch(text):
        return NOT_ACCEPTED
    return text


def _repeats(text: str, private: tuple[str, ...]) -> bool:
    """It holds what must not be repeated: one of these words, or what looks like a key."""
    return _KEY.search(text) is not None or any(len(word) > 2 and word.lower() in text.lower() for word in private)


def private_words(opening: Opening) -> tuple[str, ...]:
    """What the reasons of a refusal must not repeat."""
    return (opening.email, opening.phone, opening.first_name, opening.last_name)


def read_link_of(data: object, name: str, *, secure: bool) -> str:
    """The checkout link in an answer's data. Raises GatewayBadAnswer.

    ``secure``: only https will do.
    """
    link = data.get(name) if isinstance(data, dict) else None
    if type(link) is not str or not _is_link(link, secure=secure):
        raise GatewayBadAnswer("The payment gateway's answer holds no checkout link.", definitely_not_executed=False)
    return link


def read_word(value: object) -> str | None:
    """A short text of visible ASCII, as references, modes and names of events are; None for anything else."""
    return value if type(value) is str and _WORD.fullmatch(value) else None


def read_reference(value: object) -> str | None:
    """A reference of the gateway's own, letters and digits, that may be put into an address; None for others."""
    return value if type(value) is str and _REFERENCE.fullmatch(value) else None


def read_id(value: object) -> str | None:
    """A whole number that names something, as text. Some answers send it as text; a longer one is none."""
    return str(value) if isinstance(value, str) and _MINOR.fullmatch(value) and value.strip("0") else None


def read_minor(amount: object, currency: object) -> Money | None:
    """Minor units, from the digits as they were sent, as number or text; None where they are no amount of money."""
    if not isinstance(amount, str) or not _MINOR.fullmatch(amount) or type(currency) is not str:
        return None
    try:
        return Money(int(amount), currency)
    except ValueError:
        return None


def read_major(amount: object, currency: object) -> Money | None:
    """Major units, read from the digits as they were sent, as number or text; None where they are no amount of money.

    A number with an exponent is none: nobody writes a price so, and a person looks at what is unreadable.
    """
    if not isinstance(amount, str) or type(currency) is not str:
        return None
    try:
        return Money.parse(amount, currency)
    except ValueError:
        return None


def reported(*parts: object) -> str:
    """An unreadable amount for people: at most 40 characters, each of which can be shown."""
    text = " ".join(part for part in parts if isinstance(part, str))[:40]
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)


def read_instant(value: object) -> datetime | None:
    """An instant in UTC, in whole milliseconds."""
    if type(value) is not str or not _INSTANT.fullmatch(value):
        return None
    try:
        instant = datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        return None
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _is_link(link: str, *, secure: bool) -> bool:
    if not _LINK.fullmatch(link):
        return False
    try:
        parts = urlsplit(link)
        _ = parts.port  # raises for what is no port
    except ValueError:
        return False
    return bool(parts.hostname) and "@" not in parts.netloc and (parts.scheme == "https" or not secure)
