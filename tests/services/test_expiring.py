"""Contacts expire by themselves so many months after a stay: the clock is moved, and every way is gone once."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.contact import NOBODY
from chalicelib.domain.disputes import open_dispute
from chalicelib.domain.ids import PersonId
from chalicelib.domain.listings.calendar import instant_of
from chalicelib.domain.people.expiry import FIRST_DAY, TASK, Expiry, months_before, steps_of
from chalicelib.services.access import Principal
from chalicelib.services.cancel import cancel
from chalicelib.services.clock.expiring import BATCH, expire_contacts
from chalicelib.services.clock.sweep import process_task, sweep
from chalicelib.services.ports.outcomes import StoreBusy
from chalicelib.services.ports.queues import Task
from tests.builders import HANNA, a_stay
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import HOST_ABEBE, OPERATOR, PUBLIC, Harness
from tests.replacing import replace

ADDIS = ZoneInfo("Africa/Addis_Ababa")


@pytest.fixture
def harness() -> Harness:
    return Harness(units=99)


@pytest.fixture
def ports(harness: Harness) -> Fakes:
    """A stage that keeps contacts for six months, on which the work is done up to today."""
    ports = harness.ports
    ports.rules = replace(ports.rules, contact_months=6)
    today = ports.clock.now().date()
    ports.erasures.save_expiry(Expiry(done_until=months_before(today, 6), due_at=ports.clock.now()))
    return ports


def booked(harness: Harness, number: int = 0, *, paid: bool = True, day: date = date(2027, 1, 14)) -> Booking:
    guest = Principal(PersonId(f"guest-{number}"), "guest@gmail.com")
    make = harness.confirmed_booking if paid else harness.held_booking
    booking = make(key=f"key-{number}", guest=guest, stay=a_stay(day))
    harness.deliver_outbox()
    return booking


def day_comes(harness: Harness, day: date) -> None:
    """It is after noon of this day in Addis Ababa, and the clock has done what was due."""
    ports = harness.ports
    at = datetime.combine(day, time(12, 30), ADDIS)
    harness.advance(seconds=(at - ports.clock.now()).total_seconds())
    for _ in range(500):
        sweep(ports)
        if not ports.queue.tasks:
            return
        while ports.queue.tasks:
            process_task(ports, ports.queue.tasks.pop(0), public_url=PUBLIC)
    raise AssertionError("contacts expire for ever")


def is_gone(harness: Harness, booking: Booking) -> bool:
    stored = harness.stored_booking(booking)
    assert (stored.contact == NOBODY) is (stored.contact_erased_at is not None)
    return stored.contact == NOBODY


def known(ports: Fakes) -> Expiry:
    found = ports.erasures.expiry()
    assert found is not None
    return found


def test_a_contact_goes_so_many_months_after_the_last_night(harness: Harness, ports: Fakes) -> None:
    booking = booked(harness)
    assert booking.stay.check_out == date(2027, 1, 17)
    day_comes(harness, date(2027, 7, 17))
    assert not is_gone(harness, booking)
    day_comes(harness, date(2027, 7, 18))
    assert is_gone(harness, booking)
    last = harness.stored_booking(booking).history[-1]
    assert (last.kind, last.cause, last.by, last.detail) == ("contact_erased", "sweep", "", "its time is over")
    assert {"level": "info", "count": 1, "due": 0} in ports.observe.of("contacts_expired")
    harness.check_invariants()


def test_a_stay_that_ended_early_counts_from_its_end(harness: Harness, ports: Fakes) -> None:
    booking = booked(harness)
    early = replace(booking, stay=replace(booking.stay, check_out=date(2027, 1, 16)))
    ports.tables.bookings[booking.booking_id].booking = early
    day_comes(harness, date(2027, 7, 17))
    assert is_gone(harness, booking)


def test_what_never_became_a_stay_goes_by_the_day_it_was_made(harness: Harness, ports: Fakes) -> None:
    unpaid = booked(harness, paid=False, day=date(2027, 6, 20))
    given_up = booked(harness, 1, day=date(2027, 6, 20))
    cancel(ports, HOST_ABEBE, given_up.booking_id, reason="The roof leaks.")
    ports.gateway.reported_refund_status = "refunded"
    day_comes(harness, date(2027, 7, 2))
    assert not is_gone(harness, unpaid)
    day_comes(harness, date(2027, 7, 3))
    assert is_gone(harness, unpaid)
    assert is_gone(harness, given_up)


def test_a_booking_that_is_cancelled_late_goes_when_no_stay_of_its_day_can_last(harness: Harness, ports: Fakes) -> None:
    booking = booked(harness, day=date(2027, 9, 1))
    day_comes(harness, date(2027, 7, 20))
    cancel(ports, HOST_ABEBE, booking.booking_id, reason="The roof leaks.")
    ports.gateway.reported_refund_status = "refunded"
    day_comes(harness, date(2028, 9, 1))
    assert not is_gone(harness, booking)
    # 630 days after it was made no stay can last; six months later it is gone.
    day_comes(harness, date(2029, 3, 26))
    assert is_gone(harness, booking)


def test_what_is_under_way_waits_and_is_looked_at_again_each_day(harness: Harness, ports: Fakes) -> None:
    booking = booked(harness)
    day_comes(harness, date(2027, 7, 10))
    disputed = open_dispute(
        harness.stored_booking(booking),
        booking.payments[0].tx_ref,
        amount=None,
        reason="",
        due_at=None,
        note="",
        actor=Actor("operator", OPERATOR.person_id, OPERATOR.email),
        now=ports.clock.now(),
    )
    ports.tables.bookings[booking.booking_id].booking = disputed
    day_comes(harness, date(2027, 8, 1))
    assert not is_gone(harness, booking)
    assert known(ports).waiting == (booking.booking_id,)
    closed = replace(disputed.disputes[0], status="won")
    payment = replace(disputed.payments[0], disputes=(closed,))
    ports.tables.bookings[booking.booking_id].booking = replace(disputed, payments=(payment,))
    day_comes(harness, date(2027, 8, 3))
    assert is_gone(harness, booking)
    assert known(ports).waiting == ()


def test_many_go_in_batches_whatever_stops_the_work(harness: Harness, ports: Fakes) -> None:
    bookings = [booked(harness, number) for number in range(BATCH + 9)]
    harness.advance(days=200)
    ports.queue.tasks.clear()
    ports.queue.down = True
    gone = 0
    for _ in range(400):
        expire_contacts(ports)
        gone = sum(is_gone(harness, booking) for booking in bookings)
        if gone:
            break
    assert gone == BATCH
    ports.queue.down = False
    for call in ("bookings.leaving", "bookings.save", "erasures.save_expiry"):
        ports.run_before(call, raises(StoreBusy("down")))
        process_task(ports, Task(TASK), public_url=PUBLIC)
        assert not ports.call_log.armed
    day_comes(harness, ports.clock.now().date() + timedelta(days=1))
    assert all(is_gone(harness, booking) for booking in bookings)


def test_two_workers_at_once_do_no_harm(harness: Harness, ports: Fakes) -> None:
    booking = booked(harness)
    harness.advance(days=200)
    ports.run_before("erasures.save_expiry", lambda: expire_contacts(ports))
    expire_contacts(ports)
    day_comes(harness, ports.clock.now().date() + timedelta(days=1))
    assert is_gone(harness, booking)


def test_nothing_is_read_twice_on_one_day(harness: Harness, ports: Fakes) -> None:
    day_comes(harness, date(2027, 1, 9))
    ports.call_log.forget()
    expire_contacts(ports)
    assert ports.call_log.names() == ["erasures.expiry"]


def test_a_stage_where_nobody_has_begun_begins_by_itself_within_the_hour(harness: Harness) -> None:
    ports = harness.ports
    ports.clock.move_to(ports.clock.now().replace(minute=59))
    sweep(ports)
    assert ports.queue.tasks == []
    ports.clock.move(minutes=1)
    sweep(ports)
    assert [task.booking_id for task in ports.queue.tasks] == [TASK]
    process_task(ports, ports.queue.tasks.pop(), public_url=PUBLIC)
    assert known(ports).done_until == FIRST_DAY - timedelta(days=1)
    assert ports.queue.tasks == []


def test_a_stage_that_is_to_keep_contacts_for_a_shorter_time_catches_up(harness: Harness, ports: Fakes) -> None:
    booking = booked(harness)
    day_comes(harness, date(2027, 5, 1))
    assert not is_gone(harness, booking)
    ports.rules = replace(ports.rules, contact_months=3)
    day_comes(harness, date(2027, 5, 3))
    assert is_gone(harness, booking)
    ports.rules = replace(ports.rules, contact_months=24)
    before = known(ports).done_until
    day_comes(harness, date(2027, 6, 3))
    assert known(ports).done_until == before


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2027, 7, 18), 6, date(2027, 1, 18)),
        (date(2027, 1, 18), 1, date(2026, 12, 18)),
        (date(2027, 3, 31), 1, date(2027, 2, 28)),
        (date(2028, 3, 31), 1, date(2028, 2, 29)),
        (date(2029, 2, 28), 24, date(2027, 2, 28)),
        (date(2027, 12, 31), 12, date(2026, 12, 31)),
    ],
)
def test_months_are_those_of_the_calendar(day: date, months: int, before: date) -> None:
    assert months_before(day, months) == before


def test_a_day_takes_the_same_few_queries_however_much_there_is() -> None:
    steps = steps_of(date(2027, 7, 1))
    assert len(steps) == len(set(steps)) == 93
    assert steps[0].day == date(2027, 7, 1)
    assert steps[90].day == date(2027, 4, 2)
    assert steps[-1].day == date(2025, 10, 9)


def test_who_is_guest_of_two_stays_keeps_the_later_contact(harness: Harness, ports: Fakes) -> None:
    first, second = booked(harness), booked(harness, 1, day=date(2027, 4, 1))
    day_comes(harness, date(2027, 7, 20))
    assert is_gone(harness, first)
    assert harness.stored_booking(second).contact == HANNA


@pytest.mark.parametrize("count", [1, 2, 3])
def test_all_that_waited_are_looked_at_again(harness: Harness, ports: Fakes, count: int) -> None:
    made = [booked(harness, number) for number in range(count)]
    for booking in made:
        harness.owe_beside(booking.payments[0].tx_ref, 100)
    day_comes(harness, date(2027, 7, 18))
    assert sorted(known(ports).waiting) == sorted(booking.booking_id for booking in made)
    for booking in made:
        harness.end_refunds(booking.booking_id)
    day_comes(harness, date(2027, 7, 19))
    assert [is_gone(harness, booking) for booking in made] == [True] * count
    assert known(ports).waiting == ()


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "UTC", "Africa/Addis_Ababa", "Pacific/Kiritimati"])
def test_the_months_are_counted_by_the_stages_day(harness: Harness, ports: Fakes, zone: str) -> None:
    ports.rules = replace(ports.rules, time_zone=zone)
    midnight = instant_of(date(2027, 7, 18), "00:00", zone)
    for at, done_until in ((midnight - timedelta(seconds=1), 16), (midnight, 17)):
        ports.clock.move_to(at)
        ports.erasures.save_expiry(replace(known(ports), done_until=date(2027, 1, 15), due_at=at, position=""))
        for _ in range(9):
            expire_contacts(ports)
        assert known(ports).done_until == date(2027, 1, done_until)
