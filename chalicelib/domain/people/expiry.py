"""Contacts expire by themselves: so many months after a stay nobody needs to know any more whose it was.

The work goes on day by day. Those whose last night was so long ago are found by the day of their arrival; bookings that
never became a stay by the day on which they were made; and whatever was passed over, because something was under way or
because it was cancelled late, by the day after which no stay that was booked then can still last.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal

from chalicelib.domain.ids import BookingId
from chalicelib.domain.listings.calendar import MAX_DAYS_AHEAD, MAX_NIGHTS
from chalicelib.domain.record import Record

TASK = BookingId("EXPIRY#contacts")
"""The name under which the clock and its queue have this work, among bookings."""
FIRST_DAY = date(2026, 1, 1)
"""No stay that Guzo knows of was over before it."""
MOST_WAITING = 200
"""How many bookings are remembered that still needed their guest; any other is found by the last way."""

Way = Literal["left", "made", "made_long_ago"]
"""How bookings are found whose contact expires on a day."""


class Expiry(Record, frozen=True, kw_only=True):
    """How far the work has come: every contact whose stay ended on ``done_until`` or before is gone.

    ``position`` is where the work on the day after has come; ``waiting`` are bookings that still needed their guest
    when their day came. ``due_at`` is when the clock carries it on.
    """

    done_until: date
    due_at: datetime
    position: str = ""
    waiting: tuple[BookingId, ...] = ()
    version: int = 0


class Step(Record, frozen=True, kw_only=True):
    """One query: the bookings that are found in this ``way``, by this ``day``."""

    way: Way
    day: date


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier; of a month that has no such day, its last."""
    number = day.year * 12 + day.month - 1 - months
    year, month = divmod(number, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@lru_cache(maxsize=1)  # asked for at each of its own steps
def steps_of(ended_on: date) -> tuple[Step, ...]:
    """All queries that find the bookings whose contact expires once what ended on this day is old enough."""
    arrivals = (ended_on - timedelta(days=nights) for nights in range(MAX_NIGHTS + 1))
    return (
        *(Step(way="left", day=day) for day in arrivals),
        Step(way="made", day=ended_on),
        Step(way="made_long_ago", day=ended_on - timedelta(days=MAX_DAYS_AHEAD + MAX_NIGHTS)),
    )
