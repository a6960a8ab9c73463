"""Ethiopian mobile numbers, brought to the one form that gateways take: 0911223344."""

from __future__ import annotations

import re

_SEPARATORS = str.maketrans("", "", " \t-.()\u00a0")
_MOBILE = re.compile(r"(?:(?:\+|00)?2510?|0)?([79][0-9]{8})", re.ASCII)


def normalise(text: str) -> str:
    """``+251 911 22 33 44``, ``251911223344`` or ``911223344`` as ``0911223344``; likewise 07.

    Raises ValueError, with a sentence for the guest, for anything else.
    """
    match = _MOBILE.fullmatch(text.translate(_SEPARATORS))
    if match is None:
        raise ValueError("Give an Ethiopian mobile number, such as 0911223344 or +251911223344.")
    return "0" + match[1]
