"""Reading any payment gateway's response: whatever bytes come, only fields of the expected type and form are used."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Never
from urllib.parse import urlsplit

from chalicelib.adapters.gateways.transport import HttpResponse
from chalicelib.domain.errors import FieldError, GatewayBadAnswer, GatewayRejected
from chalicelib.domain.money import Money
from chalicelib.gateways import KEY_PREFIXES
from chalicelib.services.ports.gateways import Opening

NOT_ACCEPTED = "The payment gateway does not accept this."
MAX_REASONS = 20

Reason = tuple[str, str]
"""The gateway's name of the field that a reason is about ("": none), and the reason."""

_LINK = re.compile(r"https?://[!#-;=?-\[\]_a-z~]{1,2040}", re.ASCII)
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_WORD = re.compile(r"[!-~]{1,64}", re.ASCII)
_FIELD = re.compile(r"[A-Za-z0-9_.-]{1,60}", re.ASCII)
_SENTENCE = re.compile(r"[A-Za-z][!-;=?-~]*(?: [!-;=?-~]+)+", re.ASCII)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z", re.ASCII)
_MINOR = re.compile(r"[0-9]{1,16}", re.ASCII)
_KEY = re.compile(KEY_PREFIXES, re.ASCII)


class Number(str):
    """A number of a JSON text, digit for digit: no float ever touches an amount."""

    __slots__ = ()


def read_json(text: bytes, *, unique: bool = True) -> object:
    """JSON in UTF-8, its numbers as Number.

    Raises ValueError for anything else: NaN and Infinity, nesting without end, and (when ``unique``) an object that
    names a field twice.
    """
    try:
        return json.loads(
            text.decode("utf-8-sig"),
            parse_int=Number,
            parse_float=Number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_fields if unique else None,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")


def _unique_fields(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is named twice")
    return fields


def page_number(after: str) -> int:
    """The page that a cursor of a list with numbered pages stands for; the first one for none."""
    return int(after or 1)


def read_fields(response: HttpResponse) -> dict[str, Any]:
    """The response's JSON object; empty for HTML, broken JSON and the like."""
    try:
        fields = read_json(response.body)
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
    return reasons[:MAX_REASONS]


def read_message(fields: Mapping[str, Any]) -> str:
    """The text of a response's ``message``, in lower case; a message that is a list or an object as one text."""
    return " ".join(text for _, text in read_reasons(fields.get("message"))).lower()


def unreadable_response(response: HttpResponse) -> GatewayBadAnswer:
    """The error for a response that carries no information: whether the call was executed is not known."""
    return GatewayBadAnswer(
        f"The payment gateway answered {response.status} with nothing that can be used.", definitely_not_executed=False
    )


def rejected(
    reasons: list[Reason], *, names: Mapping[str, str], rules: Mapping[str, str], private: tuple[str, ...]
) -> GatewayRejected:
    """The refusal of an opening, with its reasons by our names of the fields.

    ``names`` maps the gateway's names of what the guest gave us to ours; others are left as they are. ``rules`` maps
    the gateway's rule keys to sentences. ``private`` is what no reason may repeat.
    """
    displayable = [(name, displayable_reason(text, private, rules)) for name, text in reasons]
    errors = tuple(
        FieldError(names.get(name, name), text)
        for name, text in displayable
        if _FIELD.fullmatch(name) and not _repeats(name, private)
    )
    general = [text for name, text in displayable if not name and text != NOT_ACCEPTED][:3]
    return GatewayRejected(
        " ".join(["The payment gateway refused this payment.", *general]), definitely_not_executed=True, errors=errors
    )


def displayable_reason(text: str, private: tuple[str, ...], rules: Mapping[str, str]) -> str:
    """A reason for people: the gateway's sentence; ours for its rule keys and for what must not be repeated."""
    text = text.strip()
    if text in rules:
        return rules[text]
    if _repeats(text, private) or len(text) > 200 or not _SENTENCE.fullmatch(text):
        return NOT_ACCEPTED
    return text


def _repeats(text: str, private: tuple[str, ...]) -> bool:
    """Whether it holds what must not be repeated: one of these texts, or what looks like a key."""
    return _KEY.search(text) is not None or any(len(word) > 2 and word.lower() in text.lower() for word in private)


def private_texts(opening: Opening) -> tuple[str, ...]:
    """What the reasons of a refusal must not repeat: the guest's own data."""
    return (opening.email, opening.phone, opening.first_name, opening.last_name)


def read_checkout_link(data: object, name: str, *, secure: bool) -> str:
    """The checkout link in a response's data; with ``secure`` it must be https. Raises GatewayBadAnswer."""
    link = data.get(name) if isinstance(data, dict) else None
    if type(link) is not str or not _is_link(link, secure=secure):
        raise GatewayBadAnswer("The payment gateway's answer holds no checkout link.", definitely_not_executed=False)
    return link


def read_word(value: object) -> str | None:
    """A short text of visible ASCII, as references, modes and names of events are; None for any other value."""
    return value if type(value) is str and _WORD.fullmatch(value) else None


def read_reference(value: object) -> str | None:
    """A reference of the gateway's own that may be put into a path; None for any other value."""
    return value if type(value) is str and _REFERENCE.fullmatch(value) else None


def read_id(value: object) -> str | None:
    """A numeric id above zero, of at most 16 digits, as text; None for any other value."""
    return str(value) if isinstance(value, str) and _MINOR.fullmatch(value) and value.strip("0") else None


def read_minor(amount: object, currency: object) -> Money | None:
    """An amount in minor units, from its digits as number or text; None where they are no amount of money."""
    if not isinstance(amount, str) or not _MINOR.fullmatch(amount) or type(currency) is not str:
        return None
    try:
        return Money(int(amount), currency)
    except ValueError:
        return None


def read_major(amount: object, currency: object) -> Money | None:
    """An amount in major units, from its digits as number or text; None where they are no amount of money.

    A number with an exponent counts as unreadable: nobody writes a price so, and a person looks at it.
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
