"""What is wrong with a stay at a listing, or with what a host sets of it: every field, with the end of a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from chalicelib.domain.errors import FieldError
from chalicelib.domain.listings.calendar import MAX_DAYS_AHEAD, MAX_NIGHTS, Night, units_left
from chalicelib.domain.listings.listing import Listing

HORIZON = MAX_DAYS_AHEAD + MAX_NIGHTS
"""Days ahead of which no night can be part of a stay: the longest one begins on the last day that can be booked."""


def wrong_dates(check_in: date | None, check_out: date | None, *, most: int = MAX_NIGHTS) -> Iterator[FieldError]:
    """What is wrong with the two dates of a stay, whatever day it is; None for one that is not known."""
    if check_in is not None and check_out is not None:
        nights = (check_out - check_in).days
        if nights < 1:
            yield FieldError("check_out", "must be after check_in")
        elif nights > most:
            yield FieldError("check_out", f"must be at most {most} nights after check_in")


def wrong_stay(
    listing: Listing,
    *,
    today: date,
    check_in: date | None = None,
    check_out: date | None = None,
    units: int | None = None,
    guests: int | None = None,
) -> Iterator[FieldError]:
    """What is wrong with a stay at this listing today; None for what is not known of it."""
    if check_in is not None:
        yield from wrong_check_in(check_in, today=today)
    yield from wrong_dates(check_in, check_out)
    if units is not None and units > listing.units:
        yield FieldError("units", f"must be at most {listing.units}, all that the listing has")
    most_units = listing.units if units is None else min(units, listing.units)
    if guests is not None and guests > most_units * listing.guests_per_unit:
        yield FieldError(
            "guests", f"must be at most {most_units * listing.guests_per_unit} in {most_units} of these units"
        )


def wrong_check_in(check_in: date, *, today: date) -> Iterator[FieldError]:
    """A stay begins today or later, and within the days that can be booked ahead."""
    if check_in < today:
        yield FieldError("check_in", "is in the past at the listing")
    if check_in > today + timedelta(days=MAX_DAYS_AHEAD):
        yield FieldError("check_in", f"is more than {MAX_DAYS_AHEAD} days ahead")


def may_be_booked(listing: Listing, night: Night, *, today: date) -> bool:
    """Whether the night can be part of a new stay: none that is over, and none that no stay reaches yet."""
    in_reach = today <= night.date < today + timedelta(days=HORIZON)
    return in_reach and listing.status == "open" and units_left(listing, night) > 0


def wrong_range(start: date, end: date, *, today: date) -> Iterator[FieldError]:
    """What is wrong with the nights from ``start`` up to, not including, ``end``, of which a host sets something."""
    if start < today:
        yield FieldError("from", "is in the past at the listing")
    if end <= start:
        yield FieldError("to", "must be after from")
    elif (end - start).days > MAX_NIGHTS:
        yield FieldError("to", f"must be at most {MAX_NIGHTS} nights after from")
    elif end > today + timedelta(days=HORIZON):
        yield FieldError("to", f"must be at most {HORIZON} days ahead")


def wrong_times(check_in_time: str, check_out_time: str) -> Iterator[FieldError]:
    """A unit is free from check-out until the next guest's check-in, on the same day; both as ``HH:MM``."""
    if check_out_time > check_in_time:
        yield FieldError("check_out_time", "must not be later than check_in_time")
