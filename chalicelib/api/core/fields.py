"""The fields that requests are made of: their types, limits, and what a type alone cannot say."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit
from zoneinfo import available_timezones

import msgspec
from msgspec import Meta

from chalicelib.domain.listings.calendar import MAX_NIGHTS
from chalicelib.domain.listings.cities import city_key
from chalicelib.domain.money import EXPONENTS, MAX_MINOR, Money
from chalicelib.domain.words.names import person_name
from chalicelib.domain.words.phone import normalise
from chalicelib.domain.words.text import visible

FORMATS: Mapping[str, str] = {
    "phone": "an Ethiopian phone number in any usual way of writing (`0911223344`, `+251 911 22 33 44`), answered as "
    "`0911223344`, or for a landline as `+251115517700`; or another country's with its + or 00 (`+254 712 345 678`), "
    "answered as `+254712345678`",
    "person-name": "a name in any script, or a part of it, with its initials, apostrophes, hyphens and slashes "
    "(`T.G. Abebe`, `O'Neil`, `ገ/መድህን`); without links, addresses, and characters that turn the direction of writing",
    "tin": "a taxpayer's number: ten digits in Ethiopia (`0012345678`), elsewhere 8 to 15 digits and letters; spaces, "
    "dots, slashes and hyphens between them are left out",
    "iana-time-zone": "a name of the IANA time zone database, of a place, such as `Africa/Addis_Ababa`",
}
"""What a type and its limits cannot say, by the name that the OpenAPI document has for it."""

MAX_CITY = 80
"""Characters of a city's name."""
MAX_UNITS = 1000
MAX_PRICE = MAX_MINOR // (MAX_UNITS * MAX_NIGHTS)
"""Of one unit for one night, so that the dearest stay is still an amount that is believed."""

_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(
    rf"(?!.*=\?)(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?=[a-z]){_LABEL}", re.IGNORECASE | re.ASCII
)
"""An address as mail servers take it. ``=?`` begins what mail programs decode into other letters."""
_MAILTO = re.compile("^mailto:", re.IGNORECASE)
_MAX_EMAIL = 254

_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")

_TIN = re.compile("[0-9A-Z]{8,15}", re.ASCII)
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


def checked(check: Callable[[str], str], *, schema: dict[str, object] | None = None, **limits: Any) -> Meta:
    """A field's limits, and the function that has the last word on its value.

    ``schema`` is what the OpenAPI document says of that function; a ``format`` in it is one of ``FORMATS``, or common.
    """
    return Meta(extra={"check": check}, extra_json_schema=schema, **limits)


def matching(pattern: str, says: str) -> Meta:
    """A text of this pattern, as the document has it; ``says`` is the sentence for any other: ``must be a month``."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(says)
        return text

    return checked(check, schema={"pattern": f"^{pattern}$"})


def plain_text(text: str) -> str:
    """Trimmed text of at least one visible character, without control characters.

    Nor with those that reorder what stands after them, nor with what stands for bytes that were no text (U+FFFD).
    """
    text = text.strip()
    if all(unicodedata.category(letter)[0] in "CZ" for letter in text):
        raise ValueError("must not be empty")
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Co") and letter != "\n" for letter in text):
        raise ValueError("must not hold control characters")
    if _REORDERING.search(text):
        raise ValueError("must not turn the direction of writing")
    if "\ufffd" in text:
        raise ValueError("must be text in UTF-8")
    return text


def one_line(text: str) -> str:
    """The same, on one line."""
    text = plain_text(text)
    if "\n" in text or "\u2028" in text or "\u2029" in text:
        raise ValueError("must be one line")
    return text


def optional_line(text: str) -> str:
    """The same, or nothing."""
    return one_line(text) if text.strip() else ""


def name(text: str) -> str:
    """A person's name, or a part of it."""
    return person_name(one_line(text))


def maybe_name(text: str) -> str:
    """The same, or nothing."""
    return name(text) if text.strip() else ""


def city(text: str) -> str:
    """The name of a place, with a letter or digit at least by which it is found."""
    text = one_line(text)
    if not city_key(text):
        raise ValueError("must be the name of a place")
    return text


def email_address(text: str) -> str:
    """A plain address, without a name beside it; a domain of other letters as mail servers know it (``xn--…``)."""
    local, _, domain = _MAILTO.sub("", visible(text).strip()).rpartition("@")
    if not domain.isascii():
        domain = _ascii_domain(domain)
    address = f"{local}@{domain}"
    if len(address) > _MAX_EMAIL or not _EMAIL.fullmatch(address):
        raise ValueError("must be an e-mail address")
    return address


def _ascii_domain(domain: str) -> str:
    """The domain in punycode; nothing for one that there cannot be."""
    import idna  # large tables, which few addresses need

    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return ""


def phone_number(text: str) -> str:
    """The form in which a phone number is kept, of any usual way in which it is written."""
    try:
        return normalise(text)
    except ValueError:
        raise ValueError(
            "must be an Ethiopian phone number, such as 0911223344, "
            "or another country's with its +, such as +254712345678"
        ) from None


def tax_number(text: str) -> str:
    """A taxpayer's number, without what separates its groups: ten digits in Ethiopia, letters among them elsewhere."""
    number = re.sub("[ ./-]", "", visible(text)).upper()
    if not _TIN.fullmatch(number):
        raise ValueError("must be a taxpayer's number, such as 0012345678")
    return number


def time_zone(name: str) -> str:
    """The name of a place's zone that this system has rules for; zones of no place, as Etc/GMT+3, are left out."""
    if name not in zones():
        raise ValueError("must be an IANA time zone of a place, such as Africa/Addis_Ababa")
    return name


def time_of_day(text: str) -> str:
    """Hours and minutes, as a clock of 24 hours shows them."""
    if not _TIME.fullmatch(text):
        raise ValueError("must be a time of day, such as 14:00")
    return text


def currency_code(text: str) -> str:
    """A currency that can be paid in."""
    if text not in EXPONENTS:
        raise ValueError("must be one of " + ", ".join(sorted(EXPONENTS)))
    return text


def in_utc(at: datetime) -> datetime:
    """The same instant in UTC, in whole milliseconds."""
    try:
        return at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000)
    except OverflowError:
        raise ValueError("must be an instant, such as 2027-01-14T08:15:30Z") from None


def web_url(text: str) -> str:
    """An address that begins with https."""
    parts = url_parts(text)
    if parts is None or parts.scheme != "https" or not parts.hostname:
        raise ValueError("must be an https address")
    return text


def url_parts(text: str) -> SplitResult | None:
    """The parts of an address; None for one that readers could take for different ones."""
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.username is None else None


@cache
def zones() -> frozenset[str]:
    """The names of all places' zones: Africa/Addis_Ababa, but neither Factory nor localtime, UTC nor Etc/UTC."""
    return frozenset(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))


class DryRun(msgspec.Struct, frozen=True):
    """Whether it is only tried."""

    dry_run: bool = False
    """Answer what would be, and write nothing."""


class NoBody(msgspec.Struct, frozen=True):
    """Nothing, or an empty object."""


Currency = Annotated[str, checked(currency_code, schema={"enum": sorted(EXPONENTS)})]
"""ISO 4217 code of a currency that can be paid in."""


class MoneyIn(msgspec.Struct, frozen=True):
    """A price in minor units. ``formatted`` is accepted, as answers have it, and ignored."""

    amount: Annotated[int, Meta(ge=1, le=MAX_PRICE)]
    """In minor units, as cents."""
    currency: Currency
    formatted: str | None = None
    """Taken as answers have it, and ignored."""

    @property
    def money(self) -> Money:
        """The price."""
        return Money(self.amount, self.currency)


_TEXT = {"pattern": r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ue000-\uf8ff\ufffd]*$"}
_LINE = {"pattern": r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ue000-\uf8ff\ufffd]*$"}
"""No control characters, none that reorder others or were lost, and none for private use.

That one at least must be visible is left to be said in words.
"""
_NAME: dict[str, object] = {**_LINE, "format": "person-name"}

Name = Annotated[str, checked(name, schema=_NAME, min_length=1, max_length=60)]
MaybeName = Annotated[str, checked(maybe_name, schema=_NAME, max_length=60)]
Title = Annotated[str, checked(one_line, schema=_LINE, min_length=1, max_length=120)]
"""What the listing is called, on one line."""
City = Annotated[str, checked(city, schema=_LINE, min_length=1, max_length=MAX_CITY)]
"""The city, in any of its usual spellings."""
LongText = Annotated[str, checked(plain_text, schema=_TEXT, min_length=1, max_length=4000)]
ReviewText = Annotated[str, checked(plain_text, schema=_TEXT, min_length=1, max_length=2000)]
Sentence = Annotated[str, checked(plain_text, schema=_TEXT, min_length=1, max_length=500)]
Address = Annotated[str, checked(optional_line, schema=_LINE, max_length=200)]
"""Street, quarter or landmark, on one line; empty where there is none."""
Email = Annotated[str, checked(email_address, schema={"format": "email"}, max_length=_MAX_EMAIL)]
"""An e-mail address, without a name beside it. It is kept as mail servers know it."""
Phone = Annotated[str, checked(phone_number, schema={"format": "phone"}, max_length=64)]
"""A mobile, a landline or a foreign number, in any usual way of writing."""
Moment = Annotated[datetime, Meta(tz=True, extra={"check": in_utc})]
"""An instant, as RFC 3339 writes it, in any offset."""
TaxNumber = Annotated[str, checked(tax_number, schema={"format": "tin"}, max_length=40)]
"""A taxpayer's number, in any usual way of writing."""
Zone = Annotated[str, checked(time_zone, schema={"format": "iana-time-zone"}, max_length=64)]
"""The listing's time zone, by its IANA name: its days and times are counted in it."""
TimeOfDay = Annotated[str, checked(time_of_day, schema={"pattern": f"^{_TIME.pattern}$"})]
WebUrl = Annotated[str, checked(web_url, schema={"format": "uri", "pattern": "^https://"}, max_length=2000)]
Photos = Annotated[tuple[WebUrl, ...], Meta(max_length=10)]
"""Addresses of pictures, the best one first."""
Count = Annotated[int, Meta(ge=1, le=MAX_UNITS)]
Price = Annotated[int, Meta(ge=0, le=MAX_MINOR)]
