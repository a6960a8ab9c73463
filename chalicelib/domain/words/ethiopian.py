"""Dates of the Ethiopian calendar, for people to read: twelve months of thirty days, then Pagume of five or six.

Everything is stored, compared and sent in Gregorian dates. Every fourth year is a leap year, for ever: the calendar has
no rule for centuries, so its New Year moves on against ours in 2100.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from chalicelib.domain.record import Record

MONTHS = {
    "en": (
        *("Meskerem", "Tikimt", "Hidar", "Tahsas", "Tir", "Yekatit", "Megabit"),
        *("Miyazya", "Ginbot", "Sene", "Hamle", "Nehase", "Pagume"),
    ),
    "am": (
        *("መስከረም", "ጥቅምት", "ኅዳር", "ታኅሣሥ", "ጥር", "የካቲት", "መጋቢት"),
        *("ሚያዝያ", "ግንቦት", "ሰኔ", "ሐምሌ", "ነሐሴ", "ጳጉሜን"),
    ),
}
ERA = {"en": "E.C.", "am": "ዓ.ም."}

_MONTH, _YEAR, _FOUR_YEARS = 30, 365, 1461
_FIRST = 2431
"""The Gregorian ordinal of 1 Meskerem of the year 0. The leap day ends every fourth year: the last of four."""


class EthiopianDate(Record, frozen=True, order=True):
    """A day of the Ethiopian calendar. Raises ValueError for a day that there is not."""

    year: int
    month: int
    day: int

    def __post_init__(self) -> None:
        if not 1 <= self.month <= len(MONTHS["en"]) or not 1 <= self.day <= self._days_of_month:
            raise ValueError(f"{self.year}-{self.month}-{self.day} is no day of the Ethiopian calendar")

    @classmethod
    def of(cls, day: date) -> EthiopianDate:
        """The Ethiopian date of a Gregorian one."""
        four_years, rest = divmod(day.toordinal() - _FIRST, _FOUR_YEARS)
        year = min(rest // _YEAR, 3)
        month, day_of_month = divmod(rest - year * _YEAR, _MONTH)
        return cls(four_years * 4 + year, month + 1, day_of_month + 1)

    @property
    def gregorian(self) -> date:
        """The Gregorian date of this day."""
        days = self.year * _YEAR + self.year // 4 + (self.month - 1) * _MONTH + self.day - 1
        return date.fromordinal(_FIRST + days)

    def text(self, language: Literal["en", "am"]) -> str:
        """``17 ኅዳር 2019 ዓ.ም.``: with the month's name and the era, so that nobody takes it for a Gregorian date."""
        return f"{self.day} {MONTHS[language][self.month - 1]} {self.year} {ERA[language]}"

    @property
    def _days_of_month(self) -> int:
        if self.month < len(MONTHS["en"]):
            return _MONTH
        return 6 if self.year % 4 == 3 else 5
