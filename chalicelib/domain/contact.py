"""Who a booking is for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contact:
    """A guest, and where they are reached. ``phone`` is 0911223344, or in E.164: +251115517700, +254712345678."""

    first_name: str
    last_name: str
    email: str
    phone: str
