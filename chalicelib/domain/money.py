"""Money: an integer number of minor units and a currency. Never a float, on any path."""

from __future__ import annotations

import re
from decimal import Decimal

from chalicelib.domain.record import Record

EXPONENTS = {"ETB": 2, "USD": 2, "NGN": 2, "GHS": 2, "ZAR": 2, "KES": 2}
"""How many decimals each currency that Guzo knows has (ISO 4217)."""

MAX_MINOR = 10**15
"""The largest amount, in minor units, that is believed: exact in every JSON reader (below 2**53)."""

_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)


class Money(Record, frozen=True):
    """``minor`` units (cents, santim) of ``currency`` (ISO 4217, upper case).

    Raises ValueError for an unknown currency or an amount beyond ``MAX_MINOR``, TypeError for anything but int.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError("minor units are an int")
        if self.currency not in EXPONENTS:
            raise ValueError(f"unknown currency {self.currency!r}")
        if abs(self.minor) > MAX_MINOR:
            raise ValueError("amount too large")

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """Read a gateway's decimal in major units: ``2450``, ``2450.00``, ``2450.000``.

        Raises ValueError for a sign, an exponent, separators, or a fraction finer than the minor unit.
        """
        if currency not in EXPONENTS:
            raise ValueError(f"unknown currency {currency!r}")
        if not _DECIMAL.fullmatch(text):
            raise ValueError("not a plain decimal")
        whole, _, fraction = text.partition(".")
        digits = EXPONENTS[currency]
        kept, finer = fraction[:digits].ljust(digits, "0"), fraction[digits:]
        if finer.strip("0"):
            raise ValueError("finer than the minor unit")
        return cls(int(whole + kept), currency)

    @property
    def decimal(self) -> str:
        """Major units as plain text, ``2450.00``: what the gateway is sent."""
        exponent = EXPONENTS[self.currency]
        return str(Decimal(self.minor).scaleb(-exponent).quantize(Decimal(1).scaleb(-exponent)))

    @property
    def formatted(self) -> str:
        """For people: ``ETB 2,450.00``."""
        sign = "-" if self.minor < 0 else ""
        exponent = EXPONENTS[self.currency]
        whole, fraction = divmod(abs(self.minor), 10**exponent)
        return f"{self.currency} {sign}{whole:,}.{fraction:0{exponent}}"

    def __add__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.minor - other.minor, self.currency)

    def __mul__(self, count: int) -> Money:
        return Money(self.minor * count, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same_currency(other)
        return self.minor < other.minor

    def __le__(self, other: Money) -> bool:
        self._same_currency(other)
        return self.minor <= other.minor

    def share(self, numerator: int, denominator: int) -> Money:
        """``numerator/denominator`` of a non-negative amount, rounded half up to the minor unit."""
        if not 0 <= numerator <= denominator or denominator == 0 or self.minor < 0:
            raise ValueError("a share lies between nothing and all of a non-negative amount")
        return Money((2 * self.minor * numerator + denominator) // (2 * denominator), self.currency)

    def _same_currency(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix")


def zero(currency: str) -> Money:
    """Nothing, in ``currency``."""
    return Money(0, currency)
