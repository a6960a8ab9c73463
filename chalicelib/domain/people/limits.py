"""What a stage lets one account, or one mailbox, take before it says: enough for now."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.record import Record


class Limits(Record, frozen=True, kw_only=True):
    """The stage's settings. An operator may raise those of an account (``accounts.Caps``)."""

    letters_per_day: int = 20
    """Letters to one guest's address on one day."""
    unpaid_letters_per_day: int = 3
    """How many of them may be about bookings for which no money came: anybody can cause those, for any address."""
    bookings_per_hour: int = 10
    bookings_per_day: int = 30
    unpaid_unit_nights: int = 60
    """Units times nights that an account holds without having paid, added up over its open holds."""


LIMITS_MAX: Mapping[str, int] = {
    "letters_per_day": 200,
    "unpaid_letters_per_day": 200,
    "bookings_per_hour": 1_000,
    "bookings_per_day": 1_000,
    "unpaid_unit_nights": 100_000,
}
"""What a stage may set each to. Letters and bookings of a day are kept one by one, in an item that must stay small."""
