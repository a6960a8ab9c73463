"""Who a booking is for."""

from __future__ import annotations

from typing import Literal

from chalicelib.domain.record import Record

Language = Literal["en", "am"]
"""The language in which Guzo writes to a guest: `en` for English, `am` for Amharic."""


class Contact(Record, frozen=True, kw_only=True):
    """A guest, and where they are reached. ``phone`` is 0911223344, or in E.164: +251115517700, +254712345678.

    ``last_name`` is empty for those who have one name.
    """

    first_name: str
    last_name: str
    email: str
    phone: str

    @property
    def name(self) -> str:
        """The whole name."""
        return f"{self.first_name} {self.last_name}".strip()


NOBODY = Contact(first_name="", last_name="", email="", phone="")
"""Whose contact was erased."""
