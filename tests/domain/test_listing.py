from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.listings.calendar import (
    MAX_DAYS_AHEAD,
    MAX_NIGHTS,
    Night,
    Nights,
    Stay,
    instant_of,
    short_nights,
    units_left,
)
from chalicelib.domain.listings.prices import Line, Quote, price_of, quote
from chalicelib.domain.money import Money, zero
from tests.builders import a_listing, a_stay
from tests.replacing import replace
from tests.strategies import ZONES, listings, nights_around, stays

FIRST = date(2027, 1, 14)
CHEAP = Money(200_000, "ETB")


def on(day: int, **changes: object) -> Night:
    """The ``day``-th night of the stay of ``a_stay()``, counted from 0."""
    return replace(Night(FIRST + timedelta(days=day)), **changes)  # type: ignore[arg-type]


def by_date(*nights: Night) -> Nights:
    return {night.date: night for night in nights}


# Stays


def test_a_stay_is_its_nights_without_the_day_of_leaving() -> None:
    stay = Stay(date(2027, 2, 27), date(2027, 3, 2), units=1, guests=1)
    assert stay.nights == 3
    assert stay.dates == (date(2027, 2, 27), date(2027, 2, 28), date(2027, 3, 1))


def test_a_stay_of_no_nights_has_none() -> None:
    assert Stay(FIRST, FIRST, 1, 1).nights == 0
    assert Stay(FIRST, FIRST, 1, 1).dates == ()


def test_bounds() -> None:
    assert MAX_NIGHTS == 90
    assert MAX_DAYS_AHEAD == 540


# Prices


def test_a_night_costs_its_own_price_or_the_listings() -> None:
    listing = a_listing()
    assert price_of(listing, None) == listing.nightly_price
    assert price_of(listing, Night(FIRST)) == listing.nightly_price
    assert price_of(listing, Night(FIRST, price=CHEAP)) == CHEAP
    assert price_of(listing, Night(FIRST, price=zero("ETB"))) == zero("ETB")


def test_three_nights_at_one_price_are_one_line() -> None:
    assert quote(a_listing(), {}, a_stay()) == Quote(
        (Line("3 nights × 1 unit", Money(735_000, "ETB")),), Money(735_000, "ETB")
    )


def test_one_night_two_units() -> None:
    assert quote(a_listing(), {}, a_stay(nights=1, units=2)) == Quote(
        (Line("1 night × 2 units", Money(490_000, "ETB")),), Money(490_000, "ETB")
    )


def test_each_run_of_nights_at_the_same_price_is_a_line() -> None:
    nights = by_date(on(1, price=CHEAP), on(2, price=CHEAP), on(3, price=Money(245_000, "ETB")), on(4, taken=3))
    quoted = quote(a_listing(), nights, a_stay(nights=6, units=2))
    assert quoted.lines == (
        Line("1 night × 2 units", Money(490_000, "ETB")),
        Line("2 nights × 2 units", Money(800_000, "ETB")),
        Line("3 nights × 2 units", Money(1_470_000, "ETB")),
    )
    assert quoted.total == Money(2_760_000, "ETB")


@given(st.data())
def test_the_total_is_the_sum_of_the_lines_and_of_all_nights_times_units(data: st.DataObject) -> None:
    listing = data.draw(listings())
    stay = data.draw(stays(listing))
    nights = data.draw(nights_around(listing, stay))
    quoted = quote(listing, nights, stay)
    prices = [price_of(listing, nights.get(day)) for day in stay.dates]
    assert quoted.total.minor == sum(line.amount.minor for line in quoted.lines)
    assert quoted.total.minor == sum(price.minor for price in prices) * stay.units
    assert (
        {line.amount.currency for line in quoted.lines} == {quoted.total.currency} == {listing.nightly_price.currency}
    )
    runs = 1 + sum(before != after for before, after in pairwise(prices))
    assert len(quoted.lines) == runs
    assert sum(int(line.description.split()[0]) for line in quoted.lines) == stay.nights


@given(st.data())
def test_nights_outside_the_stay_never_count(data: st.DataObject) -> None:
    listing = data.draw(listings())
    stay = data.draw(stays(listing))
    nights = data.draw(nights_around(listing, stay))
    within = {day: night for day, night in nights.items() if day in stay.dates}
    assert quote(listing, nights, stay) == quote(listing, within, stay)
    assert short_nights(listing, nights, stay) == short_nights(listing, within, stay)


# Room


@pytest.mark.parametrize(
    ("taken", "units", "fits"),
    [
        (0, 4, True),
        (0, 5, False),
        (1, 3, True),
        (2, 2, True),
        (3, 2, False),
        (3, 1, True),
        (4, 1, False),
        (5, 1, False),
    ],
)
def test_a_night_has_room_up_to_the_last_unit(taken: int, units: int, fits: bool) -> None:
    stay = a_stay(units=units)
    nights = by_date(on(1, taken=taken))
    short = short_nights(a_listing(units=4), nights, stay)
    if units <= 4:
        assert short == (() if fits else (FIRST + timedelta(days=1),))
    else:
        assert short == stay.dates


def test_a_closed_night_is_short_even_when_empty() -> None:
    nights = by_date(on(0, closed=True), on(2, taken=4))
    assert short_nights(a_listing(), nights, a_stay()) == (FIRST, FIRST + timedelta(days=2))


def test_the_day_of_leaving_may_be_full() -> None:
    nights = by_date(on(-1, taken=4), on(3, taken=4), on(4, closed=True))
    assert short_nights(a_listing(), nights, a_stay()) == ()


@pytest.mark.parametrize(
    ("units", "night", "left"),
    [
        (4, Night(FIRST), 4),
        (4, Night(FIRST, taken=3), 1),
        (4, Night(FIRST, taken=4), 0),
        (2, Night(FIRST, taken=3), 0),
        (4, Night(FIRST, closed=True), 0),
    ],
)
def test_units_left(units: int, night: Night, left: int) -> None:
    assert units_left(a_listing(units=units), night) == left


@given(st.data())
def test_a_stay_fits_exactly_when_every_night_has_its_units_left(data: st.DataObject) -> None:
    listing = data.draw(listings())
    stay = data.draw(stays(listing))
    nights = data.draw(nights_around(listing, stay))
    left = {day: units_left(listing, nights.get(day, Night(day))) for day in stay.dates}
    assert short_nights(listing, nights, stay) == tuple(day for day in stay.dates if left[day] < stay.units)


# Places and times


@pytest.mark.parametrize(
    ("count", "total", "rating"), [(0, 0, None), (1, 5, 5.0), (3, 14, 4.7), (3, 13, 4.3), (8, 29, 3.6)]
)
def test_a_rating_is_the_average_to_one_decimal(count: int, total: int, rating: float | None) -> None:
    assert a_listing(rating_sum=total, rating_count=count).rating == rating


@pytest.mark.parametrize(
    ("now", "today"),
    [
        (datetime(2027, 1, 2, 20, 59, 59, 999000, UTC), date(2027, 1, 2)),
        (datetime(2027, 1, 2, 21, 0, tzinfo=UTC), date(2027, 1, 3)),
    ],
)
def test_today_is_the_listings_day(now: datetime, today: date) -> None:
    assert a_listing(time_zone="Africa/Addis_Ababa").today(now) == today


@pytest.mark.parametrize(
    ("day", "time_of_day", "zone", "instant"),
    [
        (FIRST, "14:00", "Africa/Addis_Ababa", datetime(2027, 1, 14, 11, 0, tzinfo=UTC)),
        (FIRST, "00:30", "Asia/Kathmandu", datetime(2027, 1, 13, 18, 45, tzinfo=UTC)),
        (date(2027, 3, 27), "14:00", "Europe/Berlin", datetime(2027, 3, 27, 13, 0, tzinfo=UTC)),
        (date(2027, 3, 28), "14:00", "Europe/Berlin", datetime(2027, 3, 28, 12, 0, tzinfo=UTC)),
        # A time that the clock skips, and one that it shows twice: the first.
        (date(2027, 3, 28), "02:30", "Europe/Berlin", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
        (date(2027, 10, 31), "02:30", "Europe/Berlin", datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_time_of_day_in_a_zone_is_an_instant(day: date, time_of_day: str, zone: str, instant: datetime) -> None:
    assert instant_of(day, time_of_day, zone) == instant


@given(st.dates(date(2026, 1, 1), date(2030, 1, 1)), st.times(), st.sampled_from(ZONES), st.integers(-400, 400))
def test_instants_are_reckoned_with_in_real_hours(day: date, time_of_day: time, zone: str, hours: int) -> None:
    """Also over a change to summer time, where the clock on the wall runs otherwise."""
    instant = instant_of(day, f"{time_of_day:%H:%M}", zone)
    later = instant + timedelta(hours=hours)
    assert later.timestamp() - instant.timestamp() == hours * 3600
