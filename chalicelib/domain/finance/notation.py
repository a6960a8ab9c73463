"""How a file writes numbers: which mark stands before the decimals, and which between thousands."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BETWEEN = " '\u2019\u00a0\u202f"
"""What stands between thousands and nowhere else: spaces, also those that do not break, and apostrophes."""
_NUMBER = re.compile(rf"[0-9]+(?:[.,{_BETWEEN}][0-9]+)*", re.ASCII)
_EITHER = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}", re.ASCII)
"""`2,450` and `120.000`: the mark can stand before decimals and between thousands."""
_GROUPED = re.compile(r"[0-9]{1,3}(?:(?P<mark>\D)[0-9]{3})(?:(?P=mark)[0-9]{3})*", re.ASCII)


class UnclearNumbers(ValueError):
    """No one reading fits all numbers of a file; the message says why."""


def plain_decimals(texts: Iterable[str]) -> dict[str, str]:
    """Each number of a file as a plain decimal, ``2450.00``, by the text that the file has for it.

    A file has one notation, so each of its numbers says how the others are read: ``2.450,00`` and ``61,5`` that a comma
    stands before the decimals, ``2,450.00`` and ``1,234,567`` that a point does. Where none says it, a point does, as
    gateways write amounts (``120.000``). What is no number, or has its thousands elsewhere than every three digits,
    stays as it is. Raises UnclearNumbers where two numbers contradict each other, or a comma can be read in two ways.
    """
    written = tuple(dict.fromkeys(texts))
    numbers = [text for text in written if _NUMBER.fullmatch(text)]
    told: dict[str, str] = {}
    for text in numbers:
        if mark := _before_decimals(text):
            told.setdefault(mark, text)
    if len(told) > 1:
        raise UnclearNumbers(
            f"the decimals of {told[',']} stand behind a comma and those of {told['.']} behind a point: write all alike"
        )
    unclear = next((text for text in numbers if "," in text), None)
    if not told and unclear is not None:
        raise UnclearNumbers(f"{unclear} can be read in two ways: write amounts with two decimals")
    decimal = next(iter(told), ".")
    return {text: _plain(text, decimal) if text in numbers else text for text in written}


def _before_decimals(text: str) -> str | None:
    """The mark that stands before decimals in the notation of a number; None where it leaves that open."""
    marks = [mark for mark in text if mark in ".,"]
    if not marks or _EITHER.fullmatch(text):
        return None
    if len(marks) > 1 and len(set(marks)) == 1:
        return "," if marks[0] == "." else "."
    return marks[-1]


def _plain(text: str, decimal: str) -> str:
    whole, point, fraction = text.partition(decimal)
    grouped = _GROUPED.fullmatch(whole)
    if not (whole.isdigit() or grouped) or (point and not fraction.isdigit()):
        return text
    digits = whole.replace(grouped["mark"], "") if grouped else whole
    return f"{digits}.{fraction}" if point else digits
