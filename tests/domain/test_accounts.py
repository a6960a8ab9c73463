"""What an account may hold, how often it may book, and when it is paused: by tables, and for any history."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import combinations, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.cancellation import cancel
from chalicelib.domain.errors import AccountBlocked, RateLimited, Refusal, TooManyOpenHolds
from chalicelib.domain.ids import BookingId, PersonId
from chalicelib.domain.people.accounts import (
    MAX_ACTS,
    OPEN_HOLDS,
    Account,
    AccountAct,
    Act,
    Caps,
    OpenHold,
    caps_of,
    check_may_book,
    check_not_blocked,
    looked_up,
    too_large,
    with_act,
    with_hold,
)
from chalicelib.domain.people.limits import Limits
from chalicelib.domain.timing import PAUSES
from chalicelib.domain.verification import Availability
from tests.builders import NOW, a_booking, a_booking_id, a_stay, expired, opened, paid
from tests.replacing import replace

LIMITS = Limits()
STAY = a_stay()
HOUR, DAY, MINUTE, MS = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1), timedelta(milliseconds=1)


def held(account: Account, booking: Booking, *, now: datetime | None = None) -> Account:
    return with_hold(account, booking, now=now or booking.created_at)


def after(account: Account, *bookings: Booking, now: datetime) -> Account:
    return looked_up(account, {each.booking_id: each for each in bookings}, unreadable=(), now=now)


def given_up(key: str, at: datetime, by: str = "guest") -> Booking:
    """A booking that was made a minute before it was cancelled."""
    booking = opened(a_booking(key=key, now=at - MINUTE))
    return cancel(booking, actor=Actor(by), reason="", now=at)  # type: ignore[arg-type]


def let_go(times: list[datetime]) -> tuple[Account, dict[BookingId, Booking]]:
    """An account that gave up a booking at each of these times, in their order, and looked after each."""
    account, made = Account(), {}
    for number, at in enumerate(times):
        booking = given_up(f"{number}", at)
        made[booking.booking_id] = booking
        account = after(held(account, booking), *made.values(), now=at)
    return account, made


@pytest.mark.parametrize("hours", [(0, 1, 30), (0, 1, 2), (0, 20, 30), (0, 20, 43), (0, 24, 25, 26), (0, 1, 2, 3, 40)])
def test_a_pause_does_not_depend_on_the_order_in_which_the_holds_were_made(hours: tuple[int, ...]) -> None:
    """The second hold may be given up before the first one is: what counts is when."""
    lapsed = [given_up(f"{number}", NOW + hour * HOUR) for number, hour in enumerate(hours)]
    told = set()
    for order in permutations(lapsed):
        account = Account()
        for booking in order:
            account = held(account, booking)
        account = after(account, *lapsed, now=max(each.updated_at for each in lapsed))
        told.add((account.paused_until, tuple(lapse.at for lapse in account.lapses)))
    [(until, at)] = told
    assert list(at) == sorted(each.updated_at for each in lapsed)
    within_a_day = any(last - first < 24 for first, _, last in combinations(hours, 3))
    assert (until is not None) is within_a_day


@pytest.mark.parametrize("ago", [HOUR - MS, HOUR, HOUR + MS, DAY - MS, DAY, DAY + MS])
def test_how_often_it_booked_is_told_as_it_is_counted(ago: timedelta) -> None:
    """What an operator is shown of the last hour and day is what the account is held to."""
    for span, limits in ((HOUR, Limits(bookings_per_hour=1)), (DAY, Limits(bookings_per_day=1))):
        account = replace(Account(), made=(NOW - ago,))
        counted = account.made_within(span, NOW)
        assert counted == (ago < span)
        if counted:
            with pytest.raises(RateLimited) as told:
                check_may_book(account, limits, STAY, now=NOW)
            # Who waits so long is let in, and is not told to wait again.
            wait = timedelta(seconds=told.value.retry_after or 0)
            check_may_book(account, limits, STAY, now=NOW + wait)
        else:
            check_may_book(account, limits, STAY, now=NOW)


# Open holds, and units times nights


def test_a_hold_counts_while_its_booking_waits_for_money() -> None:
    booking = opened(a_booking())
    account = held(Account(), booking)
    assert account.holds == (OpenHold(booking.booking_id, booking.hold_counts_until, 3),)
    assert after(account, booking, now=NOW).holds == account.holds
    assert after(account, booking, now=booking.hold_counts_until).holds == account.holds
    # Half a day after its end a hold counts no more, whatever became of it; nor where it is not there any more.
    assert after(account, booking, now=booking.hold_counts_until + MS).holds == ()
    assert after(account, now=NOW).holds == ()
    for ended in (paid(booking), expired(booking), cancel(booking, actor=Actor("guest"), reason="", now=NOW)):
        assert after(account, ended, now=ended.updated_at).holds == ()


def test_what_cannot_be_read_is_taken_for_unpaid_until_its_time_is_over() -> None:
    booking = a_booking()
    account = held(Account(), booking)
    for now, holds in ((NOW, 1), (booking.hold_counts_until, 1), (booking.hold_counts_until + MS, 0)):
        found = looked_up(account, {}, unreadable=(booking.booking_id,), now=now)
        assert (len(found.holds), found.lapses) == (holds, ())


@pytest.mark.parametrize(
    ("holds", "units", "nights", "refused"),
    [
        ([], 1, 60, None),
        ([], 20, 3, None),
        ([30, 27], 1, 3, None),
        ([30, 28], 1, 3, TooManyOpenHolds),
        ([57], 1, 4, TooManyOpenHolds),
        ([1, 1], 1, 1, None),
        ([1, 1, 1], 1, 1, TooManyOpenHolds),
    ],
)
def test_what_an_account_may_hold_unpaid(
    holds: list[int], units: int, nights: int, refused: type[Refusal] | None
) -> None:
    account = Account(holds=tuple(OpenHold(a_booking_id(f"{n}"), NOW + DAY, size) for n, size in enumerate(holds)))
    stay = a_stay(nights=nights, units=units)
    assert list(too_large(account, LIMITS, stay)) == []
    if refused is None:
        check_may_book(account, LIMITS, stay, now=NOW)
        return
    with pytest.raises(refused) as told:
        check_may_book(account, LIMITS, stay, now=NOW)
    assert told.value.retry_after == 60


@pytest.mark.parametrize(("units", "nights"), [(1, 61), (61, 1), (31, 2), (50, 30)])
def test_a_stay_above_the_cap_by_itself_is_a_wrong_field(units: int, nights: int) -> None:
    [wrong] = too_large(Account(), LIMITS, a_stay(nights=nights, units=units))
    assert wrong.field == "units"
    assert f"at most 60 units × nights, and this is {units * nights}" in wrong.message


def test_who_paid_once_may_hold_five_times_as_much() -> None:
    booking = paid(opened(a_booking()))
    account = after(held(Account(), booking), booking, now=NOW)
    assert account.has_paid
    assert list(too_large(account, LIMITS, a_stay(nights=30, units=10))) == []
    assert [error.field for error in too_large(account, LIMITS, a_stay(nights=43, units=7))] == ["units"]
    # Also once it is cancelled, or was looked up again.
    assert after(held(account, opened(a_booking(key="next"))), now=NOW).has_paid


# How often


@pytest.mark.parametrize(
    ("ago", "wait"),
    [
        ([59] * 9, None),
        ([59] * 10, MINUTE),
        ([60] * 10, None),
        ([90] * 20 + [30] * 9, None),
        ([59, *[5] * 9], MINUTE),
        ([5] * 12, 55 * MINUTE),
        # An account whose caps were lowered has made more than it may.
        ([50] * 2 + [5] * 10, 55 * MINUTE),
        ([24 * 60 - 1] * 5 + [120] * 30, 22 * 60 * MINUTE),
        ([24 * 60 - 1] * 30, MINUTE),
        ([24 * 60] * 30, None),
        ([24 * 60 - 1] * 20 + [120] * 10, MINUTE),
        ([24 * 60 - 1] * 20 + [120] * 9, None),
        ([24 * 60 - 1] * 31 + [3] * 10, 57 * MINUTE),
    ],
)
def test_how_often_an_account_may_book(ago: list[int], wait: timedelta | None) -> None:
    account = Account(made=tuple(NOW - minutes * MINUTE for minutes in ago))
    if wait is None:
        check_may_book(account, LIMITS, STAY, now=NOW)
        return
    with pytest.raises(RateLimited) as told:
        check_may_book(account, LIMITS, STAY, now=NOW)
    assert told.value.retry_after == wait.total_seconds()
    # Who waits as long as told is not told to wait for that again.
    later = NOW + timedelta(seconds=told.value.retry_after or 0)
    recent = [at for at in account.made if at > later - HOUR]
    assert len(recent) < LIMITS.bookings_per_hour


instants = st.lists(st.integers(0, 3 * 24 * 3600), min_size=1, max_size=120).map(sorted)


@given(instants, st.integers(1, 6), st.integers(1, 12))
def test_no_hour_and_no_day_ever_sees_more_bookings_than_allowed(
    wanted: list[int], per_hour: int, per_day: int
) -> None:
    limits = Limits(bookings_per_hour=per_hour, bookings_per_day=per_day)
    account = Account()
    made: list[datetime] = []
    for number, seconds in enumerate(wanted):
        now = NOW + timedelta(seconds=seconds)
        full = sum(at > now - HOUR for at in made) >= per_hour or sum(at > now - DAY for at in made) >= per_day
        if full:
            with pytest.raises(RateLimited) as told:
                check_may_book(account, limits, STAY, now=now)
            assert 0 < (told.value.retry_after or 0) <= DAY.total_seconds()
        else:
            check_may_book(account, limits, STAY, now=now)
            made.append(now)
            account = replace(held(account, a_booking(key=f"{number}", now=now)), holds=())
        for span, most in ((HOUR, per_hour), (DAY, per_day)):
            assert all(sum(start < at <= start + span for at in made) <= most for start in [at - MS for at in made])


# Pauses


@pytest.mark.parametrize(
    ("minutes", "pause"),
    [
        ([0], None),
        ([0, 1], None),
        ([0, 1, 2], PAUSES[0]),
        ([0, 1, 2, 20], PAUSES[1]),
        ([0, 1, 2, 20, 90], PAUSES[2]),
        ([0, 1, 2, 20, 90, 500], PAUSES[3]),
        ([0, 1, 2, 20, 90, 500, 501], PAUSES[3]),
        ([0, 1, 1439], PAUSES[0]),
        # The first of them is a day old.
        ([0, 1, 1440], None),
        ([0, 1, 1440, 1440], PAUSES[0]),
    ],
)
def test_the_third_hold_given_up_within_a_day_brings_a_pause(minutes: list[int], pause: timedelta | None) -> None:
    times = [NOW + each * MINUTE for each in minutes]
    account, _ = let_go(times)
    assert account.paused_until == (None if pause is None else times[-1] + pause)
    if pause is None:
        check_may_book(account, LIMITS, STAY, now=times[-1])
        return
    with pytest.raises(RateLimited) as told:
        check_may_book(account, LIMITS, STAY, now=times[-1])
    assert told.value.retry_after == pause.total_seconds()
    check_may_book(account, LIMITS, STAY, now=times[-1] + pause)


def test_a_hold_that_ran_out_counts_and_one_that_others_cancelled_does_not() -> None:
    account = Account()
    for number in range(2):
        booking = opened(a_booking(key=f"{number}"))
        account = after(held(account, booking), over := expired(booking), now=over.updated_at)
    assert (len(account.lapses), account.paused_until) == (2, None)
    now = account.lapses[-1].at
    by_host, by_operator = (given_up(by, now, by) for by in ("host", "operator"))
    account = after(held(held(account, by_host), by_operator), by_host, by_operator, now=now)
    assert (len(account.lapses), account.holds, account.paused_until) == (2, (), None)
    third = given_up("third", now)
    assert after(held(account, third), third, now=now).paused_until == now + PAUSES[0]


def test_a_lapse_counts_once_however_often_it_is_looked_up() -> None:
    account, made = let_go([NOW, NOW + MINUTE, NOW + 2 * MINUTE])
    again = account
    for _ in range(5):
        again = after(again, *made.values(), now=NOW + 3 * MINUTE)
    assert again == account


def test_a_payment_clears_the_pause_and_what_brought_it() -> None:
    account, made = let_go([NOW, NOW + MINUTE])
    open_one = opened(a_booking(key="open", now=NOW + MINUTE))
    third = given_up("third", NOW + 2 * MINUTE)
    account = held(held(account, open_one), third)
    paused = after(account, *made.values(), open_one, third, now=NOW + 2 * MINUTE)
    assert paused.is_paused(NOW + 2 * MINUTE)
    now_paid = paid(open_one, now=NOW + 3 * MINUTE)
    cleared = after(paused, *made.values(), now_paid, third, now=NOW + 3 * MINUTE)
    assert (cleared.lapses, cleared.paused_until, cleared.has_paid) == ((), None, True)
    check_may_book(cleared, LIMITS, STAY, now=NOW + 3 * MINUTE)


@pytest.mark.parametrize("availability", Availability)
def test_late_money_for_a_hold_that_ran_out_clears_too(availability: Availability) -> None:
    account, made = let_go([NOW, NOW + MINUTE])
    over = expired(opened(a_booking(key="late")))
    account = after(held(account, over), *made.values(), over, now=over.updated_at)
    assert account.is_paused(over.updated_at)
    late = paid(over, availability=availability, now=over.updated_at + MINUTE)
    cleared = after(account, *made.values(), late, now=late.updated_at)
    assert (cleared.lapses, cleared.paused_until) == ((), None)
    assert cleared.has_paid is (availability is Availability.FREE)


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ("", 0), ("L", 1), ("LL", 2), ("P", 0), ("LP", 0), ("PL", 1), ("LPL", 1), ("PLP", 0), ("LPLP", 0), ("PPL", 1),
        ("PLLP", 0), ("LPLPL", 1), ("PLPLL", 2),
    ],
)  # fmt: skip
@pytest.mark.parametrize("turned", [False, True])
def test_only_what_lapsed_after_the_latest_payment_counts(events: str, left: int, *, turned: bool) -> None:
    account, made = Account(), []
    for number, event in enumerate(events):
        at = NOW + (1 + number) * MINUTE
        booking = given_up(f"{number}", at) if event == "L" else paid(opened(a_booking(key=f"{number}")), now=at)
        made.append(booking)
    for booking in reversed(made) if turned else made:
        account = held(account, booking)
    account = after(account, *made, now=NOW + HOUR)
    assert len(account.lapses) == left
    assert account.has_paid is ("P" in events)


def test_what_lapses_after_a_payment_counts_anew() -> None:
    booking = paid(opened(a_booking(key="paid")), now=NOW)
    later = [given_up(f"{number}", NOW + (1 + number) * MINUTE) for number in range(3)]
    account = held(Account(), booking)
    for each in later[:2]:
        account = held(account, each)
    two = after(account, booking, *later[:2], now=NOW + 2 * MINUTE)
    assert (len(two.lapses), two.paused_until) == (2, None)
    three = after(held(two, later[2]), *later, now=NOW + 3 * MINUTE)
    assert three.paused_until == NOW + 3 * MINUTE + PAUSES[0]


def test_old_lapses_and_bookings_are_forgotten_but_a_pause_is_not() -> None:
    account, _ = let_go([NOW + each * MINUTE for each in (0, 1, 2, 20, 90, 500)])
    until = NOW + 500 * MINUTE + PAUSES[3]
    later = until - MS
    kept = held(account, a_booking(key="next", now=later))
    assert (len(kept.lapses), len(kept.made), kept.paused_until) == (1, 1, until)
    assert held(account, a_booking(key="next", now=until), now=until).paused_until is None


@given(st.lists(st.tuples(st.integers(0, 2 * 24 * 60), st.booleans()), max_size=12).map(sorted))
def test_who_lets_holds_go_waits_ever_longer_and_who_pays_does_not(story: list[tuple[int, bool]]) -> None:
    account = Account()
    made: dict[BookingId, Booking] = {}
    let: list[datetime] = []
    for number, (minutes, pays) in enumerate(story):
        at = NOW + minutes * MINUTE
        booking = opened(a_booking(key=f"{number}", now=at))
        booking = paid(booking, now=at) if pays else cancel(booking, actor=Actor("guest"), reason="", now=at)
        made[booking.booking_id] = booking
        let = [] if pays else [*let, at]
        account = after(held(account, booking), *made.values(), now=at)
        recent = sum(each > at - DAY for each in let)
        if pays:
            assert account.paused_until is None
        elif recent >= 3:
            assert account.paused_until is not None
            assert account.paused_until >= at + PAUSES[min(recent - 3, 3)]
        assert account.paused_until is None or account.paused_until <= at + PAUSES[3]
        assert len(account.lapses) <= len(let)


# What operators decide


def act(kind: Act, **changes: Any) -> AccountAct:
    operator = PersonId("operator-sara")
    return AccountAct(at=NOW, act=kind, note="As agreed.", by=operator, by_name="sara@guzo.example.et", **changes)


def test_a_blocked_account_books_nothing_until_it_is_unblocked() -> None:
    check_not_blocked(Account())
    blocked = with_act(Account(), act("block"))
    with pytest.raises(AccountBlocked):
        check_not_blocked(blocked)
    # The first block stands, with who and why.
    assert with_act(blocked, act("block")) is blocked
    free = with_act(blocked, act("unblock"))
    check_not_blocked(free)
    assert [each.act for each in free.acts] == ["block", "unblock"]
    assert with_act(free, act("unblock")) is free


def test_unblocking_ends_a_pause() -> None:
    account, made = let_go([NOW, NOW, NOW])
    assert account.is_paused(NOW)
    free = with_act(account, act("unblock"))
    check_may_book(after(free, *made.values(), now=NOW), LIMITS, STAY, now=NOW)


@pytest.mark.parametrize("field", Caps.__struct_fields__)
def test_a_cap_of_ones_own_counts_where_it_is_higher(field: str) -> None:
    stage = caps_of(Account(), LIMITS)
    for own, counts in ((10**4, 10**4), (1, getattr(stage, field)), (0, getattr(stage, field))):
        raised = with_act(Account(), act("limits", caps=Caps(**{field: own})))
        assert caps_of(raised, LIMITS) == replace(stage, **{field: counts})
    back = with_act(raised, act("limits", caps=Caps()))
    assert (caps_of(back, LIMITS), len(back.acts)) == (stage, 2)
    assert stage.open_holds == OPEN_HOLDS


def test_acts_are_remembered_up_to_a_bound() -> None:
    account = Account()
    for number in range(MAX_ACTS + 5):
        account = with_act(account, act("limits", caps=Caps(open_holds=number)))
    assert len(account.acts) == MAX_ACTS
    assert account.acts[-1].caps == Caps(open_holds=MAX_ACTS + 4) == account.caps
