"""Business days, in which a gateway says how long a refund takes."""

from __future__ import annotations

from datetime import datetime, timedelta

SATURDAY = 5


def business_days_later(instant: datetime, days: int) -> datetime:
    """The same time of day, ``days`` business days later: Saturdays and Sundays do not count.

    Public holidays do: each country, and each bank, keeps its own.
    """
    while days > 0:
        instant += timedelta(days=1)
        days -= instant.weekday() < SATURDAY
    return instant
