from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.booking import REFUND_TRANSITIONS, Actor, RefundStatus
from chalicelib.domain.cancellation import ALL, HALF, NOTHING, Share, back_if_cancelled, cancel, share_back
from chalicelib.domain.errors import StayBegun
from chalicelib.domain.listings.calendar import instant_of
from chalicelib.domain.listings.listing import CancellationPolicy
from chalicelib.domain.money import Money
from tests.builders import NOW, a_booking, a_listing, a_stay, expired, opened, paid
from tests.strategies import policies

MS = timedelta(milliseconds=1)
CHECK_IN = datetime(2027, 1, 14, 11, 0, tzinfo=UTC)
DAY = timedelta(hours=24)

BOUNDARIES = [
    ("flexible", DAY, ALL, NOTHING),
    ("moderate", 5 * DAY, ALL, HALF),
    ("moderate", DAY, HALF, NOTHING),
    ("strict", 7 * DAY, HALF, NOTHING),
]


# What a guest gets back


@pytest.mark.parametrize(("policy", "notice", "until_then", "after"), BOUNDARIES)
def test_the_share_changes_to_the_millisecond(
    policy: CancellationPolicy, notice: timedelta, until_then: tuple[int, int], after: tuple[int, int]
) -> None:
    boundary = CHECK_IN - notice
    assert share_back(policy, check_in=CHECK_IN, now=boundary - MS) == Share(*until_then, boundary)
    assert share_back(policy, check_in=CHECK_IN, now=boundary) == Share(*until_then, boundary)
    later = share_back(policy, check_in=CHECK_IN, now=boundary + MS)
    assert (later.numerator, later.denominator) == after


@pytest.mark.parametrize("policy", get_args(CancellationPolicy))
def test_in_the_end_nothing_comes_back_and_nothing_changes(policy: CancellationPolicy) -> None:
    for now in (CHECK_IN - DAY + MS, CHECK_IN, CHECK_IN + 9 * DAY):
        if policy != "strict":
            assert share_back(policy, check_in=CHECK_IN, now=now) == Share(0, 1, None)
    assert share_back("strict", check_in=CHECK_IN, now=CHECK_IN - 7 * DAY + MS) == Share(0, 1, None)


def test_a_year_ahead() -> None:
    now = CHECK_IN - timedelta(days=365)
    assert share_back("flexible", check_in=CHECK_IN, now=now) == Share(1, 1, CHECK_IN - DAY)
    assert share_back("moderate", check_in=CHECK_IN, now=now) == Share(1, 1, CHECK_IN - 5 * DAY)
    assert share_back("strict", check_in=CHECK_IN, now=now) == Share(1, 2, CHECK_IN - 7 * DAY)


@given(policies, st.integers(-40 * 86_400, 40 * 86_400), st.integers(0, 86_400))
def test_waiting_never_gives_more_and_the_change_comes_when_it_was_told(
    policy: CancellationPolicy, seconds: int, wait: int
) -> None:
    now = CHECK_IN + timedelta(seconds=seconds)
    share = share_back(policy, check_in=CHECK_IN, now=now)
    later = share_back(policy, check_in=CHECK_IN, now=now + timedelta(seconds=wait))
    assert later.numerator * share.denominator <= share.numerator * later.denominator
    if share.changes_at is None:
        assert share == Share(*NOTHING, None)
    else:
        assert now <= share.changes_at
        assert share_back(policy, check_in=CHECK_IN, now=share.changes_at) == share
        after = share_back(policy, check_in=CHECK_IN, now=share.changes_at + MS)
        assert after.numerator * share.denominator < share.numerator * after.denominator


# Counted back from check-in, in the listing's zone


@pytest.mark.parametrize(
    ("zone", "check_in", "boundary"),
    [
        ("Africa/Addis_Ababa", date(2027, 3, 28), datetime(2027, 3, 27, 11, 0, tzinfo=UTC)),
        # Summer time begins in the night of 28 March: the clock showed 13:00 then, 24 hours before 14:00.
        ("Europe/Berlin", date(2027, 3, 28), datetime(2027, 3, 27, 12, 0, tzinfo=UTC)),
        ("Europe/Berlin", date(2027, 3, 27), datetime(2027, 3, 26, 13, 0, tzinfo=UTC)),
        # It ends in the night of 31 October: 15:00 then.
        ("Europe/Berlin", date(2027, 10, 31), datetime(2027, 10, 30, 13, 0, tzinfo=UTC)),
        ("America/New_York", date(2027, 1, 14), datetime(2027, 1, 13, 19, 0, tzinfo=UTC)),
        ("Pacific/Apia", date(2027, 1, 14), datetime(2027, 1, 13, 1, 0, tzinfo=UTC)),
    ],
)
def test_24_hours_are_24_hours_in_every_zone(zone: str, check_in: date, boundary: datetime) -> None:
    at = instant_of(check_in, "14:00", zone)
    assert share_back("flexible", check_in=at, now=boundary) == Share(1, 1, boundary)
    assert share_back("flexible", check_in=at, now=boundary + MS) == Share(0, 1, None)


@pytest.mark.parametrize(
    ("zone", "check_in", "boundary"),
    [
        ("Africa/Addis_Ababa", date(2027, 3, 28), datetime(2027, 3, 27, 11, 0, tzinfo=UTC)),
        ("Europe/Berlin", date(2027, 3, 28), datetime(2027, 3, 27, 12, 0, tzinfo=UTC)),
        ("Europe/Berlin", date(2027, 10, 31), datetime(2027, 10, 30, 13, 0, tzinfo=UTC)),
    ],
)
def test_a_booking_counts_by_its_own_zone_and_check_in_time(zone: str, check_in: date, boundary: datetime) -> None:
    booking = paid(opened(a_booking(listing=a_listing(time_zone=zone), stay=a_stay(check_in))))
    assert booking.check_in_at == boundary + DAY
    assert back_if_cancelled(booking, now=boundary) == (booking.total, boundary)
    assert back_if_cancelled(booking, now=boundary + MS) == (Money(0, "ETB"), None)


def test_the_listings_check_in_time_moves_the_boundary() -> None:
    booking = paid(opened(a_booking(listing=a_listing(check_in_time="09:30", check_out_time="12:15"))))
    boundary = datetime(2027, 1, 13, 6, 30, tzinfo=UTC)
    assert back_if_cancelled(booking, now=boundary) == (booking.total, boundary)
    assert back_if_cancelled(booking, now=boundary + MS)[0] == Money(0, "ETB")
    assert booking.check_out_at == datetime(2027, 1, 17, 9, 15, tzinfo=UTC)


def test_half_of_an_odd_amount_rounds_up() -> None:
    listing = a_listing(nightly_price=Money(333, "ETB"), cancellation_policy="strict")
    booking = paid(opened(a_booking(listing=listing)))
    assert booking.total == Money(999, "ETB")
    assert back_if_cancelled(booking, now=NOW) == (Money(500, "ETB"), booking.check_in_at - 7 * DAY)


def test_what_was_not_confirmed_gives_nothing_back() -> None:
    for booking in (a_booking(), opened(a_booking()), expired(opened(a_booking()))):
        assert back_if_cancelled(booking, now=NOW) == (Money(0, "ETB"), None)


# Confirmed late


@pytest.mark.parametrize("policy", get_args(CancellationPolicy))
def test_late_money_may_be_taken_back_in_full_for_24_hours(policy: CancellationPolicy) -> None:
    late = CHECK_IN - timedelta(hours=30)
    end = late + DAY
    for now in (late, end - MS):
        given_back = share_back(policy, check_in=CHECK_IN, now=now, confirmed_late_at=late)
        assert given_back == Share(*ALL, end)
    assert share_back(policy, check_in=CHECK_IN, now=end, confirmed_late_at=late) == Share(*NOTHING, None)


def test_where_the_policy_gives_all_for_longer_the_later_end_is_told() -> None:
    late = CHECK_IN - 10 * DAY
    for policy, until in (("flexible", CHECK_IN - DAY), ("moderate", CHECK_IN - 5 * DAY)):
        assert share_back(policy, check_in=CHECK_IN, now=late, confirmed_late_at=late) == Share(*ALL, until)  # type: ignore[arg-type]
    assert share_back("strict", check_in=CHECK_IN, now=late, confirmed_late_at=late) == Share(*ALL, late + DAY)
    assert share_back("strict", check_in=CHECK_IN, now=late + DAY, confirmed_late_at=late) == Share(
        *HALF, CHECK_IN - 7 * DAY
    )
    soon = CHECK_IN - 5 * DAY - timedelta(hours=1)
    assert share_back("moderate", check_in=CHECK_IN, now=soon, confirmed_late_at=soon) == Share(*ALL, soon + DAY)


@given(policies, st.integers(0, 20 * 24), st.integers(0, 30 * 24))
def test_a_change_is_told_exactly_also_after_late_money(policy: CancellationPolicy, before: int, after: int) -> None:
    late = CHECK_IN - timedelta(hours=before)
    now = late + timedelta(hours=after)
    share = share_back(policy, check_in=CHECK_IN, now=now, confirmed_late_at=late)
    if share.changes_at is not None:
        nearly = share_back(policy, check_in=CHECK_IN, now=share.changes_at - MS, confirmed_late_at=late)
        changed = share_back(policy, check_in=CHECK_IN, now=share.changes_at + MS, confirmed_late_at=late)
        assert (nearly.numerator, nearly.denominator) == (share.numerator, share.denominator)
        assert (changed.numerator, changed.denominator) != (share.numerator, share.denominator)


def test_a_booking_remembers_that_it_was_late() -> None:
    booking = expired(opened(a_booking(listing=a_listing(cancellation_policy="strict"))))
    at = booking.check_in_at - timedelta(hours=2)
    late = paid(booking, now=at)
    assert late.confirmed_late_at == at
    assert back_if_cancelled(late, now=at) == (booking.total, booking.check_in_at)


def test_nothing_is_promised_that_a_begun_stay_refuses() -> None:
    booking = expired(opened(a_booking()))
    late = paid(booking, now=booking.check_in_at - timedelta(hours=2))
    for now, back in (
        (booking.check_in_at - MS, (booking.total, booking.check_in_at)),
        (booking.check_in_at, (Money(0, "ETB"), None)),
        (booking.check_in_at + MS, (Money(0, "ETB"), None)),
    ):
        assert back_if_cancelled(late, now=now) == back
    with pytest.raises(StayBegun):
        cancel(late, actor=Actor("guest"), reason="", now=booking.check_in_at)


# Moves


def test_moves_lead_only_to_statuses_that_exist() -> None:
    assert set(REFUND_TRANSITIONS) == set(get_args(RefundStatus))
    assert all(to in REFUND_TRANSITIONS for moves in REFUND_TRANSITIONS.values() for to in moves)
    assert all(status not in moves for status, moves in REFUND_TRANSITIONS.items())
    assert [status for status, moves in REFUND_TRANSITIONS.items() if not moves] == ["refunded"]
