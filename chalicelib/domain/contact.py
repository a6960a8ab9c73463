"""Phone numbers of guests: Ethiopian mobiles in the one form that Chapa takes, all others in the international one."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contact:
    """Who the booking is for. ``phone`` is 0911223344 or, of another country, +254712345678."""

    first_name: str
    last_name: str
    email: str
    phone: str


_SEPARATORS = str.maketrans("", "", " \t-.()\u00a0")


_TRUNK = "(0)"


_MOBILE = re.compile(r"(?:(?:\+|00)?2510?|0)?([79][0-9]{8})", re.ASCII)


_INTERNATIONAL = re.compile(r"\+(?!251)[1-9][0-9]{7,14}", re.ASCII)


def normalise(text: str) -> str:
    """``+251 911 22 33 44``, ``251911223344`` or ``911223344`` as ``0911223344``; likewise 07.

    Another country's, with its plus and 8 to 15 digits, as ``+254712345678`` (E.164); the ``(0)`` of ``+44 (0)20…``,
    which is for callers at home, is left out. Raises ValueError, with a sentence for the guest, for anything else: a
    number without a plus does not say of which country it is.
    """
    number = text.replace(_TRUNK, "", 1).translate(_SEPARATORS)
    if match := _MOBILE.fullmatch(number):
        return "0" + match[1]
    if _INTERNATIONAL.fullmatch(number):
        return number
    raise ValueError(
        "Give an Ethiopian mobile number, such as 0911223344, or another country's with its +, such as +254712345678."
    )
