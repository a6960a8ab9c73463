"""What became of bookings, and what waits how long: by tables of zones, attempts, states and bounds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from chalicelib.domain.booking import RefundStatus
from chalicelib.domain.errors import Forbidden
from chalicelib.domain.ids import PersonId
from chalicelib.domain.listings.calendar import instant_of
from chalicelib.domain.timing import OPEN_FOR, PAID_WITHIN, REFUNDED_FOR
from chalicelib.services.access import Principal
from chalicelib.services.cancel import cancel
from chalicelib.services.operators import statistics as module
from chalicelib.services.operators.statistics import Statistics, Step, statistics
from tests.builders import change_payment, paid
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, HOST_ABEBE, OPERATOR, Harness
from tests.replacing import replace

MS = timedelta(milliseconds=1)
FIRST = date(2027, 1, 10)
DAY = timedelta(days=1)


@pytest.fixture
def harness() -> Harness:
    return Harness(units=99)


def read(ports: Fakes, start: date, end: date) -> Statistics:
    return statistics(ports, OPERATOR, start, end)


def guest(number: int) -> Principal:
    return Principal(PersonId(f"guest-{number}"), "guest@gmail.com")


def steps(found: Sequence[Step]) -> dict[timedelta | None, int]:
    return {step.under: step.count for step in found if step.count}


def place(bounds: Sequence[timedelta], time: timedelta) -> timedelta | None:
    """The step that a time belongs to: what reached a bound is not under it."""
    return next((bound for bound in bounds if time < bound), None)


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "UTC", "Africa/Addis_Ababa", "Pacific/Kiritimati"])
def test_a_booking_is_of_the_stages_day_and_days_come_in_order(harness: Harness, ports: Fakes, zone: str) -> None:
    ports.rules = replace(ports.rules, time_zone=zone)
    midnight = instant_of(FIRST, "00:00", zone)
    for number, after in enumerate((-MS, timedelta(), DAY - MS, DAY, 2 * DAY)):
        ports.clock.move_to(midnight + after)
        harness.held_booking(key=f"{number}", guest=guest(number))
    found = read(ports, FIRST - DAY, FIRST + DAY)
    assert [(funnel.day, funnel.held) for funnel in found.days] == [(FIRST - DAY, 1), (FIRST, 2), (FIRST + DAY, 1)]
    assert not found.partial


def test_each_booking_counts_once_on_each_step_that_it_ever_came_to(harness: Harness, ports: Fakes) -> None:
    """However many attempts it took, and whatever became of it since."""
    today = ports.clock.now().date()
    harness.held_booking(key="linked", guest=guest(0))
    harness.expired_booking(key="expired", guest=guest(1))
    harness.confirmed_booking(key="confirmed", guest=guest(2))
    cancelled = harness.confirmed_booking(key="cancelled", guest=guest(3))
    cancel(ports, HOST_ABEBE, cancelled.booking_id, reason="The roof leaks.")
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=3))
    again = harness.held_booking(key="again", guest=guest(4))
    second = harness.another_attempt(again, guest=guest(4)).payments[-1].tx_ref
    ports.gateway.pay(second)
    harness.webhook(second)
    [funnel] = read(ports, today, today).days
    assert (funnel.held, funnel.linked, funnel.paid, funnel.confirmed) == (5, 5, 3, 3)


@pytest.mark.parametrize("attempts", [1, 2])
@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("took", [each + more for each in PAID_WITHIN[:3] for more in (-MS, timedelta(), MS)])
def test_how_long_a_payment_took_is_from_its_own_opening_until_it_was_paid(
    harness: Harness, ports: Fakes, took: timedelta, attempts: int, *, said: bool
) -> None:
    """Until the gateway says that it was paid; where it does not say, until we heard of it, an hour later."""
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=5))
    booking = harness.held_booking()
    for _ in range(attempts - 1):
        booking = harness.another_attempt(booking)
    payment = booking.payments[-1]
    heard = payment.created_at + took + (timedelta(hours=1) if said else timedelta())
    done = paid(booking, now=heard, paid_at=payment.created_at + took if said else None)
    ports.tables.bookings[booking.booking_id].booking = done
    ports.clock.move_to(heard)
    today = booking.created_at.date()
    assert steps(read(ports, today, today).checkout_to_paid) == {place(PAID_WITHIN, took): 1}


def test_a_payment_that_was_made_before_we_saw_it_open_took_no_time(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    [payment] = booking.payments
    facts = replace(payment.facts, paid_at=payment.created_at - timedelta(seconds=5))
    ports.tables.bookings[booking.booking_id].booking = change_payment(booking, payment.tx_ref, facts=facts)
    today = booking.created_at.date()
    assert steps(read(ports, today, today).checkout_to_paid) == {PAID_WITHIN[0]: 1}


@pytest.mark.parametrize("attempts", [1, 2, 3])
@pytest.mark.parametrize("waited", [OPEN_FOR[0] - MS, OPEN_FOR[0]])
def test_the_attempt_that_is_open_waits_since_it_was_opened(
    harness: Harness, ports: Fakes, waited: timedelta, attempts: int
) -> None:
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=5))
    booking = harness.held_booking()
    for _ in range(attempts - 1):
        booking = harness.another_attempt(booking)
    ports.clock.move_to(booking.payments[-1].created_at + waited)
    open_now = [payment for payment in booking.payments if payment.status == "pending"]
    assert steps(read(ports, FIRST, FIRST).open_payments) == {place(OPEN_FOR, waited): len(open_now)}


@pytest.mark.parametrize(
    ("status", "waits"),
    [("owed", True), ("requested", True), ("processing", True), ("refunded", False), ("attention", False)],
)
@pytest.mark.parametrize("waited", [REFUNDED_FOR[0] - MS, REFUNDED_FOR[0], REFUNDED_FOR[-1] + DAY])
def test_which_refunds_are_under_way_and_since_when(
    harness: Harness, ports: Fakes, status: RefundStatus, waited: timedelta, *, waits: bool
) -> None:
    booking = harness.confirmed_booking()
    harness.owe_beside(booking.payments[0].tx_ref, 100)
    booking = harness.stored_booking(booking)
    [payment] = booking.payments
    [owed] = payment.refunds
    moved = change_payment(booking, payment.tx_ref, refunds=(replace(owed, status=status),))
    ports.tables.bookings[booking.booking_id].booking = moved
    ports.clock.move_to(owed.created_at + waited)
    found = steps(read(ports, FIRST, FIRST).refunds_under_way)
    assert found == ({place(REFUNDED_FOR, waited): 1} if waits else {})


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 6])
def test_no_more_are_read_than_its_bound_and_the_newest_days_come_first(
    harness: Harness, ports: Fakes, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(module, "MOST_READ", most)
    day = ports.clock.now().date()
    for number in range(6):
        harness.confirmed_booking(key=f"{number}", guest=guest(number))
        ports.clock.move(days=number % 2)
    ports.call_log.forget()
    found = read(ports, day, day + 3 * DAY)
    held = {funnel.day: funnel.held for funnel in found.days}
    newest = [day + 2 * DAY, day + 2 * DAY, day + DAY, day + DAY, day, day][:most]
    assert {each: count for each, count in held.items() if count} == {each: newest.count(each) for each in newest}
    assert list(held) == sorted(held)
    # A day that was not read is not said to have had none.
    assert min(held) == (min(newest) if most < 6 else day)
    assert found.partial is (most <= 6)


def test_what_waits_beyond_its_bound_is_told_as_partial(
    harness: Harness, ports: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        harness.held_booking(key=f"{number}", guest=guest(number))
    for most in (2, 3, 4):
        monkeypatch.setattr(module, "MOST_READ", most)
        assert read(ports, FIRST, FIRST).partial is (most <= 3)


@pytest.mark.parametrize("who", [GUEST_HANNA, HOST_ABEBE, None])
def test_they_are_for_the_staff(ports: Fakes, who: Principal | None) -> None:
    with pytest.raises(Exception) as refused:  # noqa: PT011 - of two kinds
        statistics(ports, who, FIRST, FIRST)
    assert who is None or isinstance(refused.value, Forbidden)
