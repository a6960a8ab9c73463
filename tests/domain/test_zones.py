"""A date is the listing's own, an instant is everybody's: around midnight, the date line and changes of clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.booking import Actor, Booking, Cause
from chalicelib.domain.cancellation import back_if_cancelled, cancel
from chalicelib.domain.errors import StayBegun, StayNotOver
from chalicelib.domain.listings.listing import CancellationPolicy
from chalicelib.domain.people.review import check_reviewable
from tests.builders import a_booking, a_listing, a_stay, expired, opened, paid
from tests.strategies import ZONES

MS = timedelta(milliseconds=1)
DAY = timedelta(days=1)
HOLD = timedelta(hours=3)

# Zone, check-in day and time, nights, check-out time; and the two instants, in UTC.
STAYS = [
    # No summer time; check-in on the day before, or after, in UTC
    ("Africa/Addis_Ababa", "2027-01-14", "14:00", 3, "11:00", "2027-01-14T11:00", "2027-01-17T08:00"),
    ("Africa/Addis_Ababa", "2027-01-14", "01:00", 1, "00:30", "2027-01-13T22:00", "2027-01-14T21:30"),
    ("Asia/Kathmandu", "2027-01-14", "05:30", 1, "05:44", "2027-01-13T23:45", "2027-01-14T23:59"),
    ("Pacific/Kiritimati", "2027-01-14", "13:59", 1, "14:00", "2027-01-13T23:59", "2027-01-15T00:00"),
    ("Pacific/Pago_Pago", "2027-01-14", "13:00", 1, "12:59", "2027-01-15T00:00", "2027-01-15T23:59"),
    # Into summer time: one hour less between check-in and check-out
    ("Europe/Berlin", "2027-03-27", "14:00", 1, "11:00", "2027-03-27T13:00", "2027-03-28T09:00"),
    ("Europe/Berlin", "2027-03-25", "14:00", 6, "11:00", "2027-03-25T13:00", "2027-03-31T09:00"),
    ("America/New_York", "2027-03-13", "15:00", 1, "11:00", "2027-03-13T20:00", "2027-03-14T15:00"),
    # Out of it: one hour more
    ("Europe/Berlin", "2027-10-30", "14:00", 1, "11:00", "2027-10-30T12:00", "2027-10-31T10:00"),
    ("America/New_York", "2027-11-06", "15:00", 1, "11:00", "2027-11-06T19:00", "2027-11-07T16:00"),
    ("Australia/Lord_Howe", "2027-04-03", "14:00", 1, "11:00", "2027-04-03T03:00", "2027-04-04T00:30"),
    # In the hour that there is twice, or not at all
    ("Europe/Berlin", "2027-10-31", "02:30", 1, "02:30", "2027-10-31T00:30", "2027-11-01T01:30"),
    ("Europe/Berlin", "2027-03-28", "02:30", 1, "02:30", "2027-03-28T01:30", "2027-03-29T00:30"),
    # Once the clocks have changed
    ("Europe/Berlin", "2027-03-28", "14:00", 1, "11:00", "2027-03-28T12:00", "2027-03-29T09:00"),
    ("America/New_York", "2027-07-01", "15:00", 2, "11:00", "2027-07-01T19:00", "2027-07-03T15:00"),
]
stays = pytest.mark.parametrize("stay", STAYS, ids=lambda stay: f"{stay[0]} {stay[1]} {stay[2]}")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def booked(stay: tuple[str, str, str, int, str, str, str], policy: CancellationPolicy = "flexible") -> Booking:
    zone, check_in, in_time, nights, out_time, _, _ = stay
    listing = a_listing(time_zone=zone, check_in_time=in_time, check_out_time=out_time, cancellation_policy=policy)
    made = instant(stay[5]) - timedelta(days=30)
    return opened(
        a_booking(listing=listing, stay=a_stay(date.fromisoformat(check_in), nights), now=made, hold_for=HOLD)
    )


@stays
def test_when_a_stay_begins_and_ends(stay: tuple[str, str, str, int, str, str, str]) -> None:
    booking = booked(stay)
    assert (booking.check_in_at, booking.check_out_at) == (instant(stay[5]), instant(stay[6]))
    assert booking.check_in_at.tzinfo == booking.check_out_at.tzinfo == UTC
    assert (len(booking.stay.dates), booking.stay.nights) == (stay[3], stay[3])
    assert booking.stay.dates[0].isoformat() == stay[1]


@stays
def test_until_when_a_stay_can_be_cancelled_and_late_money_gets_its_place(
    stay: tuple[str, str, str, int, str, str, str],
) -> None:
    begins = instant(stay[5])
    confirmed = paid(booked(stay))
    assert cancel(confirmed, actor=Actor("guest"), reason="", now=begins - MS).status == "cancelled"
    causes: tuple[Cause, ...] = ("guest", "host", "operator")
    for cause in causes:
        with pytest.raises(StayBegun):
            cancel(confirmed, actor=Actor(cause), reason="", now=begins)
    over = expired(booked(stay))
    assert paid(over, now=begins - MS).status == "confirmed"
    assert paid(over, now=begins).status == "expired"


@stays
def test_from_when_a_stay_can_be_reviewed(stay: tuple[str, str, str, int, str, str, str]) -> None:
    confirmed = paid(booked(stay))
    check_reviewable(confirmed, now=instant(stay[6]))
    with pytest.raises(StayNotOver):
        check_reviewable(confirmed, now=instant(stay[6]) - MS)


NOTICES: dict[CancellationPolicy, list[tuple[timedelta, int, int]]] = {
    # with so much notice at least, such a part comes back
    "flexible": [(DAY, 1, 1)],
    "moderate": [(5 * DAY, 1, 1), (DAY, 1, 2)],
    "strict": [(7 * DAY, 1, 2)],
}


@stays
@pytest.mark.parametrize("policy", get_args(CancellationPolicy))
def test_a_days_notice_is_24_hours_whatever_the_clocks_do(
    stay: tuple[str, str, str, int, str, str, str], policy: CancellationPolicy
) -> None:
    begins = instant(stay[5])
    confirmed = paid(booked(stay, policy))
    steps = [*NOTICES[policy], (timedelta(0), 0, 1)]
    for (notice, part, of), (_, then, then_of) in pairwise(steps):
        until = begins - notice
        assert back_if_cancelled(confirmed, now=until) == (confirmed.total.share(part, of), until)
        assert back_if_cancelled(confirmed, now=until + MS)[0] == confirmed.total.share(then, then_of)


@pytest.mark.parametrize(
    ("zone", "now", "today"),
    [
        ("Africa/Addis_Ababa", "2027-01-14T20:59:59.999", "2027-01-14"),
        ("Africa/Addis_Ababa", "2027-01-14T21:00", "2027-01-15"),
        ("Pacific/Pago_Pago", "2027-01-14T10:59:59.999", "2027-01-13"),
        ("Pacific/Pago_Pago", "2027-01-14T11:00", "2027-01-14"),
        ("Pacific/Kiritimati", "2027-01-14T09:59:59.999", "2027-01-14"),
        ("Pacific/Kiritimati", "2027-01-14T10:00", "2027-01-15"),
        ("Asia/Kathmandu", "2027-01-14T18:14:59.999", "2027-01-14"),
        ("Asia/Kathmandu", "2027-01-14T18:15", "2027-01-15"),
        # In winter and in summer
        ("Europe/Berlin", "2027-01-14T22:59:59.999", "2027-01-14"),
        ("Europe/Berlin", "2027-01-14T23:00", "2027-01-15"),
        ("Europe/Berlin", "2027-07-14T21:59:59.999", "2027-07-14"),
        ("Europe/Berlin", "2027-07-14T22:00", "2027-07-15"),
        ("America/New_York", "2027-07-14T03:59:59.999", "2027-07-13"),
        ("America/New_York", "2027-12-14T04:59:59.999", "2027-12-13"),
        ("America/New_York", "2027-12-14T05:00", "2027-12-14"),
    ],
)
def test_today_at_a_listing(zone: str, now: str, today: str) -> None:
    assert a_listing(time_zone=zone).today(instant(now)).isoformat() == today


@given(
    st.sampled_from((*ZONES, "Europe/London", "Australia/Lord_Howe", "America/St_Johns")),
    st.dates(date(2026, 1, 1), date(2028, 12, 31)),
    st.times().map(lambda time: time.replace(second=0, microsecond=0)),
    st.integers(1, 90),
)
def test_the_clock_on_the_wall_shows_the_listings_times(zone: str, day: date, time: object, nights: int) -> None:
    listing = a_listing(time_zone=zone, check_in_time=f"{time:%H:%M}", check_out_time=f"{time:%H:%M}")
    booking = a_booking(listing=listing, stay=a_stay(day, nights))
    for at, on in ((booking.check_in_at, day), (booking.check_out_at, day + timedelta(days=nights))):
        shown = at.astimezone(ZoneInfo(zone))
        # In the hour that is left out the clock shows what it would have shown.
        gap = shown.replace(fold=0).utcoffset() != (shown - timedelta(hours=3)).utcoffset()
        assert gap or (f"{shown:%H:%M}", shown.date()) == (f"{time:%H:%M}", on)
    hours = (booking.check_out_at - booking.check_in_at - timedelta(days=nights)) / timedelta(hours=1)
    assert abs(hours) <= 1
