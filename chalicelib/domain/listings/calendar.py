"""Nights and stays: which nights of a stay are short, and what a host changes of a night."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from itertools import groupby
from typing import Final, Literal
from zoneinfo import ZoneInfo

from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.money import Money
from chalicelib.domain.record import Record, replace

MAX_NIGHTS = 90
"""Of one stay, and of one change by a host: at most four months, each of them one item."""

MAX_DAYS_AHEAD = 540


class Unchanged(Enum):
    """That a value stays as it is, where None means something else."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


class Night(Record, frozen=True):
    """One night of a listing: units ``taken``, its own price (None: the listing's), closed by the host."""

    date: date
    taken: int = 0
    price: Money | None = None
    closed: bool = False


class NightChange(Record, frozen=True):
    """What a host changes of a night; what is left out stays as it is. A ``price`` of None is the listing's own."""

    price: Money | Literal[Unchanged.UNCHANGED] | None = UNCHANGED
    closed: bool | None = None

    def of(self, night: Night) -> Night:
        """The night with this change made."""
        return replace(
            night,
            price=night.price if self.price is UNCHANGED else self.price,
            closed=night.closed if self.closed is None else self.closed,
        )


class Stay(Record, frozen=True):
    """Nights from ``check_in`` up to, not including, ``check_out``, for ``guests`` in ``units``."""

    check_in: date
    check_out: date
    units: int
    guests: int

    @property
    def nights(self) -> int:
        return (self.check_out - self.check_in).days

    @property
    def unit_nights(self) -> int:
        return self.units * self.nights

    @property
    def dates(self) -> tuple[date, ...]:
        return dates_between(self.check_in, self.check_out)


Nights = Mapping[date, Night]
"""The nights that differ from an untouched one, by date. A missing date is free, open, at the listing's price."""


def dates_between(start: date, end: date) -> tuple[date, ...]:
    """Every date from ``start`` up to, not including, ``end``."""
    return tuple(start + timedelta(days=n) for n in range((end - start).days))


def by_month(days: Iterable[date]) -> tuple[tuple[date, ...], ...]:
    """The days of each calendar month, for days in their order."""
    return tuple(tuple(month) for _, month in groupby(days, key=lambda day: (day.year, day.month)))


def short_nights(listing: Listing, nights: Nights, stay: Stay) -> tuple[date, ...]:
    """The nights of the stay that are closed or have fewer than ``stay.units`` left."""
    return tuple(
        day
        for day in stay.dates
        if (night := nights.get(day, Night(day))).closed or night.taken + stay.units > listing.units
    )


def units_left(listing: Listing, night: Night) -> int:
    """How many units can still be booked on a night; 0 when closed, or when fewer units exist than were sold."""
    return 0 if night.closed else max(0, listing.units - night.taken)


def instant_of(day: date, time_of_day: str, time_zone: str) -> datetime:
    """The instant, in UTC, at which the clock at ``time_zone`` shows ``time_of_day`` (``HH:MM``) on ``day``."""
    # In UTC, because Python reckons within one zone by the clock on the wall: there, 24 hours before a check-in
    # would be 23 when summer time begins.
    return datetime.combine(day, time.fromisoformat(time_of_day), ZoneInfo(time_zone)).astimezone(UTC)
