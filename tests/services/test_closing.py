"""An operator closes a listing: what is shown before, what is cancelled batch by batch, and whatever stops it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib.domain.booking import Booking
from chalicelib.domain.errors import (
    ClosingNotFound,
    Forbidden,
    ListingClosed,
    ListingLocked,
    ListingNotFound,
    PreconditionFailed,
)
from chalicelib.domain.ids import PersonId
from chalicelib.domain.money import Money
from chalicelib.domain.operators.closing import closing_task
from chalicelib.domain.timing import HOLD_IN_FLIGHT
from chalicelib.services.access import Principal
from chalicelib.services.cancel import cancel
from chalicelib.services.clock.sweep import process_task, sweep
from chalicelib.services.hosts import hosting
from chalicelib.services.operators import closing
from chalicelib.services.operators import lists as operators
from chalicelib.services.operators.closing import MOST_SHOWN, ClosingReport, close, progress, reopen
from chalicelib.services.ports.bookings import AttentionEntry
from chalicelib.services.ports.outcomes import Fault, Page, StoreBusy
from chalicelib.services.ports.queues import Task
from chalicelib.services.refunds import refund
from tests.builders import NOW, a_stay
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, HOST_ABEBE, OPERATOR, PUBLIC, Harness

PRICE = 245000


@pytest.fixture
def harness() -> Harness:
    return Harness(units=99)


def booked(harness: Harness, day: int, *, paid: bool = True, nights: int = 1) -> Booking:
    """A booking of a guest of its own, for one night of this month."""
    number = len(harness.ports.tables.bookings)
    guest = Principal(PersonId(f"guest-{number}"), "guest@gmail.com")
    make = harness.confirmed_booking if paid else harness.held_booking
    return make(key=f"key-{number}", guest=guest, stay=a_stay(date(2027, 1, day), nights))


def shut(harness: Harness, *, who: Any = OPERATOR, cancel: bool = True, dry_run: bool = False) -> ClosingReport:
    return close(
        harness.ports,
        who,
        harness.listing.listing_id,
        cancel_bookings=cancel,
        reason="the host has left",
        dry_run=dry_run,
    )


def told(harness: Harness) -> ClosingReport:
    return progress(harness.ports, OPERATOR, harness.listing.listing_id)


def statuses(harness: Harness) -> list[str]:
    return [row.booking.status for row in harness.ports.tables.bookings.values()]


def listing_now(harness: Harness) -> Any:
    return harness.ports.tables.listings[harness.listing.listing_id]


def test_a_preview_shows_what_would_happen_and_writes_nothing(harness: Harness, ports: Fakes) -> None:
    later, sooner, unpaid = booked(harness, 20, nights=2), booked(harness, 14), booked(harness, 16, paid=False)
    before = dict(ports.tables.bookings)
    report = shut(harness, dry_run=True)
    assert [each.booking_id for each in report.bookings] == [each.booking_id for each in (sooner, unpaid, later)]
    assert (report.expected, report.returns, report.partial) == (3, (Money(3 * PRICE, "ETB"),), False)
    assert report.closing is None
    assert (ports.tables.bookings, ports.tables.closings, listing_now(harness)) == (before, {}, harness.listing)
    assert ports.queue.tasks == []
    with pytest.raises(ClosingNotFound):
        told(harness)


def test_every_booking_to_come_is_cancelled_with_all_back(harness: Harness, ports: Fakes) -> None:
    bookings = [booked(harness, day) for day in (14, 15, 16)]
    unpaid = booked(harness, 20, paid=False)
    report = shut(harness)
    assert report.closing is not None
    assert (report.closing.expected, report.closing.cancelled, report.closing.finished_at) == (4, 0, None)
    assert statuses(harness) == ["confirmed"] * 3 + ["pending_payment"]
    harness.advance(minutes=5)
    for booking in bookings:
        after = harness.stored_booking(booking)
        assert (after.status, [each.amount.minor for each in after.refunds]) == ("cancelled", [PRICE])
        [event] = [event for event in after.history if event.kind == "booking_cancelled"]
        assert (event.cause, event.by, event.detail) == ("operator", OPERATOR.person_id, "the host has left")
    assert harness.stored_booking(unpaid).status == "cancelled"
    assert harness.units_taken == {}
    done = told(harness)
    assert done.closing is not None
    assert (done.closing.cancelled, done.closing.returned) == (4, (Money(3 * PRICE, "ETB"),))
    assert done.closing.finished_at is not None
    assert (done.expected, done.returns, done.bookings) == (0, (), ())
    harness.check_invariants()


def test_what_went_back_before_is_not_the_closings(harness: Harness, ports: Fakes) -> None:
    partly, gone = booked(harness, 14), booked(harness, 15)
    refund(ports, OPERATOR, partly.payments[0].tx_ref, amount=1000, reason="a broken shower", key="r")
    cancel(ports, Principal(gone.guest_id), gone.booking_id, reason="Plans changed.")
    assert harness.stored_booking(gone).refunds
    ports.clock.move(minutes=1)
    report = shut(harness)
    assert (report.expected, report.returns) == (1, (Money(PRICE - 1000, "ETB"),))
    harness.advance(minutes=5)
    done = told(harness).closing
    assert done is not None
    assert (done.cancelled, done.returned) == (1, (Money(PRICE - 1000, "ETB"),))


@pytest.mark.parametrize("who", ["the guest", "the host", "another operator"])
def test_what_others_cancel_meanwhile_is_not_the_closings(harness: Harness, ports: Fakes, who: str) -> None:
    kept, gone = booked(harness, 14), booked(harness, 15)
    shut(harness)
    ports.clock.move(seconds=1)
    others = {"the guest": Principal(gone.guest_id), "the host": HOST_ABEBE}
    other = others.get(who, Principal(PersonId("operator-two"), "two@guzo.example", OPERATOR.groups))
    cancel(ports, other, gone.booking_id, reason="Plans changed.")
    harness.advance(minutes=5)
    assert statuses(harness) == ["cancelled"] * 2
    assert harness.stored_booking(kept).refunds
    done = told(harness).closing
    assert done is not None
    assert (done.cancelled, done.returned) == (1, (Money(PRICE, "ETB"),))


def test_a_stay_that_has_begun_is_left_alone(harness: Harness, ports: Fakes) -> None:
    begun, to_come = booked(harness, 14, nights=5), booked(harness, 16)
    ports.clock.move_to(begun.check_in_at)
    assert [each.booking_id for each in shut(harness).bookings] == [to_come.booking_id]
    harness.advance(minutes=5)
    assert [harness.stored_booking(each).status for each in (begun, to_come)] == ["confirmed", "cancelled"]


def test_it_may_only_be_closed(harness: Harness, ports: Fakes) -> None:
    booked(harness, 14)
    report = shut(harness, cancel=False)
    assert report.closing is not None
    assert (report.closing.finished_at, report.closing.expected, report.expected) == (ports.clock.now(), 0, 1)
    harness.advance(minutes=5)
    assert statuses(harness) == ["confirmed"]
    with pytest.raises(ListingClosed):
        harness.book(key="new")
    # What was left is cancelled by a second call.
    assert shut(harness).closing is not None
    harness.advance(minutes=5)
    assert statuses(harness) == ["cancelled"]


def test_only_an_operator_closes_and_opens_it(harness: Harness, ports: Fakes) -> None:
    for who in (GUEST_HANNA, HOST_ABEBE):
        with pytest.raises(Forbidden):
            shut(harness, who=who)
        with pytest.raises(Forbidden):
            progress(ports, who, harness.listing.listing_id)
        with pytest.raises(Forbidden):
            reopen(ports, who, harness.listing.listing_id, note="She stays.")
    shut(harness, cancel=False)
    with pytest.raises(ListingLocked):
        hosting.update(ports, HOST_ABEBE, harness.listing.listing_id, {"status": "open"}, only_versions=None)
    # All else of it is still its host's.
    hosting.update(ports, HOST_ABEBE, harness.listing.listing_id, {"title": "Old house"}, only_versions=None)
    assert reopen(ports, OPERATOR, harness.listing.listing_id, note="She stays.").status == "open"
    known = ports.closings.load(harness.listing.listing_id)
    assert known is not None
    assert known.reopened_by is not None
    assert (known.reopened_by.person_id, known.reopened_note) == (OPERATOR.person_id, "She stays.")
    assert known.reopened_at == ports.clock.now()
    reopen(ports, OPERATOR, harness.listing.listing_id, note="Again.")
    assert ports.closings.load(harness.listing.listing_id) == known
    hosting.update(ports, HOST_ABEBE, harness.listing.listing_id, {"status": "closed"}, only_versions=None)
    hosting.update(ports, HOST_ABEBE, harness.listing.listing_id, {"status": "open"}, only_versions=None)
    with pytest.raises(ListingNotFound):
        close(ports, OPERATOR, "lst_NONE", cancel_bookings=True, reason="x", dry_run=True)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "BATCH", 2)


@pytest.mark.usefixtures("small_batches")
def test_it_goes_on_batch_by_batch(harness: Harness, ports: Fakes) -> None:
    for day in (14, 14, 15, 15, 16):
        booked(harness, day)
    shut(harness)
    counted = []
    while ports.queue.tasks:
        process_task(ports, ports.queue.tasks.pop(0), public_url=PUBLIC)
        ports.queue.tasks = [task for task in ports.queue.tasks if task.booking_id.startswith("CLOSING#")]
        known = told(harness).closing
        assert known is not None
        counted.append((known.cancelled, sum(money.minor for money in known.returned)))
    assert counted == [(2, 2 * PRICE), (4, 4 * PRICE), (5, 5 * PRICE)]
    assert statuses(harness) == ["cancelled"] * 5


@pytest.mark.usefixtures("small_batches")
def test_a_message_that_is_lost_is_found_again_by_the_clock(harness: Harness, ports: Fakes) -> None:
    for day in (14, 15, 16):
        booked(harness, day)
    ports.run_before("queue.enqueue_reconcile", raises(Fault("the queue is down")))
    shut(harness)
    ports.queue.tasks.clear()
    harness.advance(minutes=10)
    assert statuses(harness) == ["cancelled"] * 3
    done = told(harness).closing
    assert done is not None
    assert (done.cancelled, done.finished_at is not None) == (3, True)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("at", range(5))
def test_a_batch_that_died_anywhere_is_done_again_and_counted_once(harness: Harness, ports: Fakes, at: int) -> None:
    for day in (14, 15, 16):
        booked(harness, day)
    shut(harness)
    task = Task(closing_task(harness.listing.listing_id))
    ports.queue.tasks.clear()
    where = ("bookings.save", "bookings.save", "closings.save", "closings.save", "queue.enqueue_reconcile")[at]
    hook = ports.run_after if at in (1, 3) else ports.run_before
    hook(where, raises(MemoryError("the process died")))
    process_task(ports, task, public_url=PUBLIC)
    ports.queue.tasks.clear()
    harness.advance(minutes=30)
    done = told(harness).closing
    assert done is not None
    assert (done.cancelled, done.returned, done.finished_at is not None) == (3, (Money(3 * PRICE, "ETB"),), True)
    assert statuses(harness) == ["cancelled"] * 3
    harness.check_invariants()


@pytest.mark.usefixtures("small_batches")
def test_two_workers_count_nothing_twice(harness: Harness, ports: Fakes) -> None:
    for day in (14, 15, 16):
        booked(harness, day)
    shut(harness)
    task = Task(closing_task(harness.listing.listing_id))
    ports.run_before("closings.save", lambda: process_task(ports, task, public_url=PUBLIC))
    process_task(ports, task, public_url=PUBLIC)
    harness.advance(minutes=30)
    done = told(harness).closing
    assert done is not None
    assert (done.cancelled, done.returned) == (3, (Money(3 * PRICE, "ETB"),))


def test_a_hold_that_lands_after_the_first_pass_is_cancelled_by_the_second(harness: Harness, ports: Fakes) -> None:
    """It read the listing while that was open."""
    booked(harness, 16)

    def rival() -> None:
        shut(harness)
        process_task(ports, Task(closing_task(harness.listing.listing_id)), public_url=PUBLIC)

    ports.run_before("bookings.hold", rival)
    late = harness.book(key="late").booking
    assert late.status == "pending_payment"
    harness.advance(seconds=HOLD_IN_FLIGHT.total_seconds() + 1)
    assert harness.stored_booking(late).status == "cancelled"
    done = told(harness).closing
    assert done is not None
    assert (done.cancelled, done.finished_at is not None) == (2, True)


def test_a_repeat_carries_on_and_begins_nothing_anew(harness: Harness, ports: Fakes) -> None:
    booked(harness, 16)
    first = shut(harness).closing
    ports.queue.tasks.clear()
    assert shut(harness).closing == first
    assert {task.booking_id for task in ports.queue.tasks} == {closing_task(harness.listing.listing_id)}
    harness.advance(minutes=5)
    done = told(harness).closing
    assert shut(harness).closing == done == shut(harness, cancel=False).closing


@pytest.mark.parametrize("worked", [0, 5])
@pytest.mark.parametrize(("first", "then"), [(True, False), (False, False), (True, True)])
def test_a_repeat_that_asks_for_no_more_leaves_the_first_as_it_is(
    harness: Harness, ports: Fakes, worked: int, *, first: bool, then: bool
) -> None:
    booked(harness, 14)
    shut(harness, cancel=first)
    harness.advance(minutes=worked)
    before = told(harness).closing
    ports.clock.move(minutes=1)
    shut(harness, cancel=then)
    after = told(harness).closing
    assert after == before
    harness.advance(minutes=5)
    assert statuses(harness) == ["cancelled" if first else "confirmed"]


def test_opening_it_again_ends_the_cancelling(harness: Harness, ports: Fakes) -> None:
    booking = booked(harness, 16)
    shut(harness)
    reopen(ports, OPERATOR, harness.listing.listing_id, note="She stays.")
    harness.advance(minutes=5)
    assert harness.stored_booking(booking).status == "confirmed"
    done = told(harness).closing
    assert done is not None
    assert (done.cancelled, done.finished_at is not None) == (0, True)
    # Closed once more, it is another closing.
    again = shut(harness).closing
    assert again is not None
    assert (again.finished_at, again.expected) == (None, 1)


def test_a_record_that_cannot_be_read_holds_up_no_other(harness: Harness, ports: Fakes) -> None:
    broken, fine = booked(harness, 14), booked(harness, 15)
    harness.deliver_outbox()
    shut(harness)
    ports.tables.unreadable.add(broken.booking_id)
    harness.advance(minutes=5)
    assert harness.stored_booking(fine).status == "cancelled"
    assert ports.tables.bookings[broken.booking_id].attention == "unreadable"
    done = told(harness).closing
    assert done is not None
    assert done.finished_at is not None


def test_a_closing_that_keeps_failing_is_tried_again(harness: Harness, ports: Fakes) -> None:
    booking = booked(harness, 16)
    shut(harness)
    ports.run_before("closings.load", raises(StoreBusy("down")))
    process_task(ports, ports.queue.tasks.pop(0), public_url=PUBLIC)
    assert ports.observe.of("booking_failing") != []
    assert sweep(ports) == 0
    harness.advance(minutes=11)
    assert harness.stored_booking(booking).status == "cancelled"


def test_a_preview_of_a_great_many_counts_up_to_a_bound(
    harness: Harness, ports: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (14, 15, 16):
        booked(harness, day)
    monkeypatch.setattr(closing, "MOST_COUNTED", 2)
    monkeypatch.setattr(closing, "MOST_SHOWN", 1)
    report = shut(harness, dry_run=True)
    assert (report.expected, len(report.bookings), report.partial) == (2, 1, True)


def test_what_fails_for_a_day_is_on_the_attention_list(harness: Harness, ports: Fakes) -> None:
    entry = AttentionEntry(closing_task(harness.listing.listing_id), "failing", ports.clock.now())
    ports.bookings.attention_entries = lambda **_: Page((entry,), None)  # type: ignore[method-assign]
    [item] = operators.attention(ports, OPERATOR, kind=None, limit=9, after=None).items
    assert (item.kind, item.subject, item.booking_id, item.actions) == ("failing", harness.listing.listing_id, None, ())


@pytest.mark.parametrize("nights", [1, 3])
@pytest.mark.parametrize("hours", range(0, 24, 3))
@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "UTC", "Africa/Addis_Ababa", "Pacific/Kiritimati"])
def test_whose_stay_has_not_begun_is_cancelled_whatever_day_it_is_there(zone: str, hours: int, nights: int) -> None:
    """The listing's day may be before or behind UTC's: who arrives today or tomorrow is found by it all the same."""
    harness = Harness(units=99, time_zone=zone, check_in_time="23:00")
    ports = harness.ports
    ports.clock.move_to(NOW.replace(hour=0, minute=0) + timedelta(days=10, hours=hours))
    now = ports.clock.now()
    today = harness.listing.today(now)
    made = [booked(harness, (today + timedelta(days=day)).day, nights=nights) for day in range(3)]
    ports.clock.move(minutes=1)
    expected = [each.booking_id for each in made if ports.clock.now() < each.check_in_at]
    assert len(expected) >= 2
    assert [each.booking_id for each in shut(harness, dry_run=True).bookings] == expected
    assert shut(harness).expected == len(expected)
    process_task(ports, Task(closing_task(harness.listing.listing_id)), public_url=PUBLIC)
    cancelled = {each.booking_id for each in made if harness.stored_booking(each).status == "cancelled"}
    assert cancelled == set(expected)


@pytest.mark.parametrize("count", [100, 101])
def test_more_than_one_query_answers_are_counted_each_once(harness: Harness, ports: Fakes, count: int) -> None:
    for number in range(count):
        booked(harness, 14 + number % 5, paid=False)
    report = shut(harness, dry_run=True)
    assert (report.expected, report.partial) == (count, False)
    assert len({each.booking_id for each in report.bookings}) == len(report.bookings) == MOST_SHOWN


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("broken", range(5))
def test_a_batch_with_a_record_that_cannot_be_read_is_not_the_last(harness: Harness, ports: Fakes, broken: int) -> None:
    made = [booked(harness, day) for day in (14, 15, 16, 17, 18)]
    harness.deliver_outbox()
    shut(harness)
    ports.tables.unreadable.add(made[broken].booking_id)
    harness.advance(minutes=5)
    done = told(harness).closing
    assert done is not None
    assert (done.cancelled, done.finished_at is not None) == (4, True)
    # Once it can be read again, the same call cancels it as well.
    ports.tables.unreadable.clear()
    assert shut(harness).expected == 1
    harness.advance(minutes=5)
    assert statuses(harness) == ["cancelled"] * 5


@pytest.mark.parametrize("act", ["close", "reopen"])
@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize("stale", [False, True])
def test_only_a_change_of_what_was_not_read_is_refused(
    harness: Harness, ports: Fakes, act: str, *, repeat: bool, stale: bool
) -> None:
    """A repeat, which changes nothing, is answered whatever version was read."""
    listing_id = harness.listing.listing_id

    def call(versions: list[int] | None) -> None:
        if act == "close":
            close(ports, OPERATOR, listing_id, cancel_bookings=False, reason="x", dry_run=False, only_versions=versions)
        else:
            reopen(ports, OPERATOR, listing_id, note="x", only_versions=versions)

    if act == "reopen":
        shut(harness, cancel=False)
    if repeat:
        call(None)
    version = listing_now(harness).version
    if stale and not repeat:
        with pytest.raises(PreconditionFailed):
            call([version + 1])
        assert listing_now(harness).version == version
    else:
        call([version + stale])
        assert listing_now(harness).status == ("closed" if act == "close" else "open")


@pytest.mark.parametrize("status", ["open", "closed"])
def test_a_host_may_say_that_it_is_closed_what_an_operator_has_closed(
    harness: Harness, ports: Fakes, status: str
) -> None:
    shut(harness, cancel=False)
    changes = {"status": status, "title": "Old house"}
    if status == "open":
        with pytest.raises(ListingLocked):
            hosting.update(ports, HOST_ABEBE, harness.listing.listing_id, changes, only_versions=None)
    else:
        hosting.update(ports, HOST_ABEBE, harness.listing.listing_id, changes, only_versions=None)
    assert (listing_now(harness).status, listing_now(harness).closed_by_operator) == ("closed", True)
