"""The clock: a bounded window, oldest first, nothing enqueued twice; and bookings that raise hold nobody up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.errors import Busy, GatewayTimeout
from chalicelib.domain.ids import BookingId, PersonId
from chalicelib.services.access import Principal
from chalicelib.services.clock import sweep as sweeping
from chalicelib.services.clock.sweep import process_task, sweep
from chalicelib.services.ports.outcomes import Fault, StoreBusy
from chalicelib.services.ports.queues import Task
from tests.builders import NOW, a_booking_id, a_stay
from tests.call_log import Crash, raises
from tests.fakes import Fakes
from tests.harness import PUBLIC, Harness, booking_id_of

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"


def many(harness: Harness, count: int) -> list[BookingId]:
    """So many bookings by as many guests, one a second; oldest first."""
    ids = []
    for n in range(count):
        guest = Principal(PersonId(f"guest-{n}"))
        ids.append(
            harness.book(guest=guest, stay=a_stay(NOW.date() + timedelta(days=1 + n % 300), 1)).booking.booking_id
        )
        harness.ports.clock.move(seconds=1)
    harness.clear_logs()
    return ids


def test_what_is_due_goes_to_the_queue_oldest_first(harness: Harness, ports: Fakes) -> None:
    ids = many(harness, 12)
    ports.clock.move_to(NOW + timedelta(minutes=2, seconds=8))
    assert sweep(ports) == 9
    assert [task.booking_id for task in ports.queue.tasks] == ids[:9]
    assert ports.call_log.names() == ["queue.depth", "bookings.due", "queue.enqueue_reconcile", "watch.note_sweep"]


def test_nothing_due_nothing_sent(harness: Harness, ports: Fakes) -> None:
    many(harness, 3)
    assert sweep(ports) == 0
    assert ports.queue.tasks == []


def test_the_queue_is_topped_up_to_a_window(harness: Harness, ports: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "WINDOW", 8)
    ids = many(harness, 20)
    ports.clock.move(minutes=2)
    assert sweep(ports) == 8
    assert [task.booking_id for task in ports.queue.tasks] == ids[:8]
    # Nobody worked: nothing is enqueued again.
    assert sweep(ports) == 0
    assert len(ports.queue.tasks) == 8
    # Three were processed: three more come in, the oldest that do not wait yet.
    for task in [ports.queue.tasks.pop(0) for _ in range(3)]:
        process_task(ports, task, public_url=PUBLIC)
    assert sweep(ports) == 3
    assert [task.booking_id for task in ports.queue.tasks] == ids[3:11]


def test_the_window_is_five_thousand() -> None:
    assert sweeping.WINDOW == 5_000


def test_a_backlog_drains_in_order(harness: Harness, ports: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "WINDOW", 5)
    ids = many(harness, 23)
    ports.clock.move(minutes=2)
    worked = []
    while sweep(ports):
        worked += [task.booking_id for task in ports.queue.tasks]
        while ports.queue.tasks:
            process_task(ports, ports.queue.tasks.pop(0), public_url=PUBLIC)
    assert worked == ids


def test_a_full_queue_is_left_alone(harness: Harness, ports: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "WINDOW", 2)
    many(harness, 4)
    ports.clock.move(minutes=2)
    ports.queue.tasks += [Task(FIRST), Task(FIRST)]
    assert sweep(ports) == 0
    assert ports.call_log.names() == ["queue.depth", "watch.note_sweep"]


def test_when_it_ran_last_is_noted(harness: Harness, ports: Fakes) -> None:
    assert ports.watch.last_sweep() is None
    many(harness, 3)
    sweep(ports)
    assert ports.watch.last_sweep() == ports.clock.now()


def test_a_sweep_that_cannot_be_noted_has_swept(harness: Harness, ports: Fakes) -> None:
    many(harness, 3)
    ports.clock.move(minutes=2, seconds=8)
    ports.run_before("watch.note_sweep", raises(StoreBusy()))
    assert sweep(ports) == 3
    assert "sweep_not_noted" in ports.observe.events


def test_a_queue_that_is_down_is_told(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.queue.down = True
    with pytest.raises(Fault):
        sweep(ports)


# -- working off


def test_one_booking_is_brought_up_to_date(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.gateway.pay(ONE)
    ports.clock.move(minutes=2)
    harness.process_task(booking)
    assert harness.stored_booking(FIRST).status == "confirmed"


def test_a_task_for_nothing_is_done(harness: Harness, ports: Fakes) -> None:
    process_task(ports, Task(a_booking_id("nobody's")), public_url=PUBLIC)
    assert ports.call_log.names() == ["bookings.load", "bookings.load"]


def test_an_opening_that_lapsed_is_taken_over(harness: Harness, ports: Fakes) -> None:
    ports.run_before("gateway.initialize", raises(Crash()))
    with pytest.raises(Crash):
        harness.book()
    ports.clock.move(seconds=24)
    harness.process_task(harness.stored_booking(FIRST))
    assert harness.stored_payment(ONE).status == "created"
    ports.clock.move(seconds=1)
    harness.process_task(harness.stored_booking(FIRST))
    assert harness.stored_payment(ONE).status == "pending"
    assert ports.gateway.charges[ONE].opening.return_url == f"{PUBLIC}/pay/{ONE}"
    assert ports.call_log.count("gateway.initialize") == 2


def test_an_opening_that_lapsed_too_late_is_left(harness: Harness, ports: Fakes) -> None:
    ports.run_before("gateway.initialize", raises(Crash()))
    with pytest.raises(Crash):
        harness.book()
    ports.clock.move(minutes=28)
    harness.process_task(harness.stored_booking(FIRST))
    assert ports.gateway.charges == {}
    # That is no trouble: nothing was tried that was then refused.
    assert ports.observe.of("booking_failing") == []


def test_an_opening_that_failed_without_lapsing_is_the_guests_to_try(harness: Harness, ports: Fakes) -> None:
    ports.gateway.fail_next("initialize", GatewayTimeout("silence", definitely_not_executed=False))
    harness.book()
    harness.advance(minutes=10)
    assert ports.call_log.count("gateway.initialize") == 1


# -- bookings that raise


@pytest.mark.parametrize("error", [StoreBusy(), Busy(), ValueError("a bug"), Fault("down")])
def test_a_booking_that_raises_is_put_off(harness: Harness, ports: Fakes, error: Exception) -> None:
    booking = harness.held_booking()
    ports.clock.move(minutes=2)
    ports.run_before("bookings.load", raises(error))
    harness.process_task(booking)
    assert harness.due_at(booking) == NOW + timedelta(minutes=12)
    assert ports.observe.of("booking_failing")[0]["booking_id"] == FIRST
    # The others go on; it is tried again in its time.
    harness.advance(minutes=11)
    assert harness.stored_payment(ONE).schedule.verified_at == NOW + timedelta(minutes=12)
    assert ports.tables.bookings[FIRST].failures == 0


def test_a_booking_that_goes_on_raising_is_shown_to_a_person(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    row = ports.tables.bookings[FIRST]
    broken, row.booking = row.booking, None  # type: ignore[assignment]
    ports.tables.bookings[FIRST] = row

    def load() -> None:
        ports.run_before("bookings.load", load)
        raise ValueError("nobody can read it")

    ports.run_before("bookings.load", load)
    harness.advance(hours=23)
    assert ports.bookings.attention_entries(limit=9, after=None).items == ()
    harness.advance(hours=2)
    [entry] = ports.bookings.attention_entries(limit=9, after=None).items
    assert (entry.subject, entry.kind) == (FIRST, "failing")
    ports.call_log._before.clear()
    row.booking = broken


def test_what_a_door_was_promised_is_delivered_again(harness: Harness, ports: Fakes) -> None:
    """A webhook was answered 200 because this task would look at its payment: it must come again."""
    booking = harness.held_booking()
    ports.run_before("bookings.lease_verification", raises(StoreBusy()))
    with pytest.raises(StoreBusy):
        harness.process_task(booking, ONE)
    assert ports.call_log.count("bookings.back_off_failing") == 1


def test_a_booking_that_cannot_even_be_put_off_is_delivered_again(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.run_before("bookings.load", raises(StoreBusy()))
    ports.run_before("bookings.back_off_failing", raises(StoreBusy()))
    with pytest.raises(StoreBusy):
        harness.process_task(booking)


def test_a_deferred_webhook_finds_its_orphan(harness: Harness, ports: Fakes) -> None:
    harness.held_booking(key="another")
    nobodys = a_booking_id("nobody's")
    ports.gateway.charges[f"{nobodys}-1"] = ports.gateway.charges[f"{booking_id_of('another')}-1"]
    ports.gateway.pay(f"{nobodys}-1")
    process_task(ports, Task(nobodys), public_url=PUBLIC)
    assert ports.tables.orphans == {}
    process_task(ports, Task(nobodys, f"{nobodys}-1", claim="paid", gateway="chapa"), public_url=PUBLIC)
    assert list(ports.tables.orphans) == [f"{nobodys}-1"]


def test_a_silent_gateway_is_no_failing_booking(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.gateway.down = GatewayTimeout("silence", definitely_not_executed=False)
    ports.clock.move(minutes=2)
    harness.process_task(booking)
    assert ports.call_log.count("bookings.back_off_failing") == 0
    assert harness.stored_payment(ONE).schedule.consecutive_failures == 1
