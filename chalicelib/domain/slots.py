"""A guest's hold slots: at most three unpaid bookings at once, so that nobody empties a calendar for free.

No write gives a slot back. It is free once its time is over; and as soon as its booking is not unpaid any more, which
is looked up only when a guest's slots are all taken.
"""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.ids import BookingId
from chalicelib.domain.record import Record

SLOTS = 3
"""How many unpaid bookings a guest may hold at once."""


class HoldSlot(Record, frozen=True):
    """One of a guest's slots: the booking that took it last, and until when at most (None: none ever did)."""

    number: int
    occupant: BookingId | None = None
    frees_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether it is free whatever became of its booking."""
        return self.frees_at is None or self.frees_at < now
