"""The fields that requests are made of: their types, limits, and what a type alone cannot say."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import msgspec
from msgspec import Meta

from ..domain.money import EXPONENTS, MAX_MINOR
from ..domain.phone import normalise

_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+",
    re.IGNORECASE | re.ASCII,
)


def checked(check: Callable[[Any], Any], **limits: Any) -> Meta:
    """A field's limits, and the function that has the last word on its value."""
    return Meta(extra={"check": check}, **limits)


def plain_text(text: str) -> str:
    """Trimmed text of at least one visible character, without control characters."""
    text = text.strip()
    if not text:
        raise ValueError("must not be empty")
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Co") and letter != "\n" for letter in text):
        raise ValueError("must not hold control characters")
    return text


def one_line(text: str) -> str:
    """The same, on one line."""
    text = plain_text(text)
    if "\n" in text or "\u2028" in text or "\u2029" in text:
        raise ValueError("must be one line")
    return text


def maybe_line(text: str) -> str:
    return one_line(text) if text.strip() else ""


def email_address(text: str) -> str:
    if not _EMAIL.fullmatch(text.strip()) or ".." in text:
        raise ValueError("must be an e-mail address")
    return text.strip()


def phone_number(text: str) -> str:
    """The national form, 0911223344, of any way in which Ethiopian mobile numbers are written."""
    return normalise(text)


def time_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("must be an IANA time zone, such as Africa/Addis_Ababa")
    return name


def web_url(text: str) -> str:
    if not _is_https(text):
        raise ValueError("must be an https address")
    return text


def web_urls(texts: tuple[str, ...]) -> tuple[str, ...]:
    for position, text in enumerate(texts):
        if not _is_https(text):
            raise ValueError(f"[{position}] must be an https address")
    return texts


def currency_code(text: str) -> str:
    if text not in EXPONENTS:
        raise ValueError("must be one of " + ", ".join(sorted(EXPONENTS)))
    return text


def _is_https(text: str) -> bool:
    if not text.isascii() or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and parts.username is None


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


class MoneyIn(msgspec.Struct, frozen=True):
    """An amount in minor units. ``formatted`` is accepted, as answers have it, and ignored."""

    amount: Annotated[int, Meta(ge=0, le=MAX_MINOR)]
    currency: Annotated[str, checked(currency_code)]
    formatted: str | None = None


Name = Annotated[str, checked(one_line, max_length=60)]
Title = Annotated[str, checked(one_line, max_length=120)]
City = Annotated[str, checked(one_line, max_length=80)]
LongText = Annotated[str, checked(plain_text, max_length=4000)]
Address = Annotated[str, checked(maybe_line, max_length=200)]
Email = Annotated[str, checked(email_address, max_length=254)]
Phone = Annotated[str, checked(phone_number, max_length=32)]
Zone = Annotated[str, checked(time_zone, max_length=64)]
TimeOfDay = Annotated[str, Meta(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]\Z")]
Url = Annotated[str, Meta(max_length=2000)]
Photos = Annotated[tuple[Annotated[str, Meta(max_length=2000)], ...], checked(web_urls, max_length=10)]
Count = Annotated[int, Meta(ge=1, le=1000)]
Price = Annotated[int, Meta(ge=0, le=MAX_MINOR)]
