"""The clock: a bounded window, oldest first, nothing enqueued twice; and bookings that raise hold nobody up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.errors import Busy, GatewayTimeout
from chalicelib.domain.ids import BookingId, PersonId
from chalicelib.services import sweep as sweeping
from chalicelib.services.access import Principal
from chalicelib.services.ports import Fault, StoreBusy, Task
from chalicelib.services.sweep import process_task, sweep
from tests.builders import NOW, a_booking_id, a_stay
from tests.call_log import Crash, raises
from tests.fakes import Fakes
from tests.scenes import PUBLIC, Scene, id_of

FIRST = id_of("first")
ONE = f"{FIRST}-1"


def many(scene: Scene, count: int) -> list[BookingId]:
    """So many bookings by as many guests, one a second; oldest first."""
    ids = []
    for n in range(count):
        guest = Principal(PersonId(f"guest-{n}"))
        ids.append(scene.book(guest=guest, stay=a_stay(NOW.date() + timedelta(days=1 + n % 300), 1)).booking.booking_id)
        scene.ports.clock.move(seconds=1)
    scene.forget()
    return ids


def test_what_is_due_goes_to_the_queue_oldest_first(scene: Scene, ports: Fakes) -> None:
    ids = many(scene, 12)
    ports.clock.move_to(NOW + timedelta(minutes=2, seconds=8))
    assert sweep(ports) == 9
    assert [task.booking_id for task in ports.queue.tasks] == ids[:9]
    assert ports.call_log.names() == ["queue.depth", "bookings.due", "queue.reconcile"]


def test_nothing_due_nothing_sent(scene: Scene, ports: Fakes) -> None:
    many(scene, 3)
    assert sweep(ports) == 0
    assert ports.queue.tasks == []


def test_the_queue_is_topped_up_to_a_window(scene: Scene, ports: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "WINDOW", 8)
    ids = many(scene, 20)
    ports.clock.move(minutes=2)
    assert sweep(ports) == 8
    assert [task.booking_id for task in ports.queue.tasks] == ids[:8]
    # Nobody worked: nothing is enqueued again.
    assert sweep(ports) == 0
    assert len(ports.queue.tasks) == 8
    # Three were worked off: three more come in, the oldest that do not wait yet.
    for task in [ports.queue.tasks.pop(0) for _ in range(3)]:
        process_task(ports, task, public_url=PUBLIC)
    assert sweep(ports) == 3
    assert [task.booking_id for task in ports.queue.tasks] == ids[3:11]


def test_the_window_is_five_thousand() -> None:
    assert sweeping.WINDOW == 5_000


def test_a_backlog_drains_in_order(scene: Scene, ports: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "WINDOW", 5)
    ids = many(scene, 23)
    ports.clock.move(minutes=2)
    worked = []
    while sweep(ports):
        worked += [task.booking_id for task in ports.queue.tasks]
        while ports.queue.tasks:
            process_task(ports, ports.queue.tasks.pop(0), public_url=PUBLIC)
    assert worked == ids


def test_a_full_queue_is_left_alone(scene: Scene, ports: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "WINDOW", 2)
    many(scene, 4)
    ports.clock.move(minutes=2)
    ports.queue.tasks += [Task(FIRST), Task(FIRST)]
    assert sweep(ports) == 0
    assert ports.call_log.names() == ["queue.depth"]


def test_a_queue_that_is_down_is_told(scene: Scene, ports: Fakes) -> None:
    scene.booked()
    ports.queue.down = True
    with pytest.raises(Fault):
        sweep(ports)


# -- working off


def test_one_booking_is_brought_up_to_date(scene: Scene, ports: Fakes) -> None:
    booking = scene.booked()
    ports.gateway.pay(ONE)
    ports.clock.move(minutes=2)
    scene.work(booking)
    assert scene.now(FIRST).status == "confirmed"


def test_a_task_for_nothing_is_done(scene: Scene, ports: Fakes) -> None:
    process_task(ports, Task(a_booking_id("nobody's")), public_url=PUBLIC)
    assert ports.call_log.names() == ["bookings.load"]


def test_an_opening_that_lapsed_is_taken_over(scene: Scene, ports: Fakes) -> None:
    ports.run_before("gateway.initialize", raises(Crash()))
    with pytest.raises(Crash):
        scene.book()
    ports.clock.move(seconds=24)
    scene.work(scene.now(FIRST))
    assert scene.payment(ONE).status == "created"
    ports.clock.move(seconds=1)
    scene.work(scene.now(FIRST))
    assert scene.payment(ONE).status == "pending"
    assert ports.gateway.charges[ONE].opening.return_url == f"{PUBLIC}/pay/{ONE}"
    assert ports.call_log.count("gateway.initialize") == 2


def test_an_opening_that_lapsed_too_late_is_left(scene: Scene, ports: Fakes) -> None:
    ports.run_before("gateway.initialize", raises(Crash()))
    with pytest.raises(Crash):
        scene.book()
    ports.clock.move(minutes=28)
    scene.work(scene.now(FIRST))
    assert ports.gateway.charges == {}
    # That is no trouble: nothing was tried that was then refused.
    assert ports.observe.of("booking_failing") == []


def test_an_opening_that_failed_without_lapsing_is_the_guests_to_try(scene: Scene, ports: Fakes) -> None:
    ports.gateway.trouble("initialize", GatewayTimeout("silence", definitely_not_executed=False))
    scene.book()
    scene.run(minutes=10)
    assert ports.call_log.count("gateway.initialize") == 1


# -- bookings that raise


@pytest.mark.parametrize("error", [StoreBusy(), Busy(), ValueError("a bug"), Fault("down")])
def test_a_booking_that_raises_is_put_off(scene: Scene, ports: Fakes, error: Exception) -> None:
    booking = scene.booked()
    ports.clock.move(minutes=2)
    ports.run_before("bookings.load", raises(error))
    scene.work(booking)
    assert scene.due_at(booking) == NOW + timedelta(minutes=12)
    assert ports.observe.of("booking_failing")[0]["booking_id"] == FIRST
    # The others go on; it is tried again in its time.
    scene.run(minutes=11)
    assert scene.payment(ONE).looked_at == NOW + timedelta(minutes=12)
    assert ports.tables.bookings[FIRST].failures == 0


def test_a_booking_that_goes_on_raising_is_shown_to_a_person(scene: Scene, ports: Fakes) -> None:
    scene.booked()
    row = ports.tables.bookings[FIRST]
    broken, row.booking = row.booking, None  # type: ignore[assignment]
    ports.tables.bookings[FIRST] = row

    def load() -> None:
        ports.run_before("bookings.load", load)
        raise ValueError("nobody can read it")

    ports.run_before("bookings.load", load)
    scene.run(hours=23)
    assert ports.bookings.concerns(limit=9, after=None).items == ()
    scene.run(hours=2)
    [concern] = ports.bookings.concerns(limit=9, after=None).items
    assert (concern.subject, concern.kind) == (FIRST, "failing")
    ports.call_log._before.clear()
    row.booking = broken


def test_what_a_door_was_promised_is_delivered_again(scene: Scene, ports: Fakes) -> None:
    """A webhook was answered 200 because this task would look at its payment: it must come again."""
    booking = scene.booked()
    ports.run_before("bookings.load", raises(StoreBusy()))
    with pytest.raises(StoreBusy):
        scene.work(booking, ONE)
    assert ports.call_log.count("bookings.back_off_failing") == 1


def test_a_booking_that_cannot_even_be_put_off_is_delivered_again(scene: Scene, ports: Fakes) -> None:
    booking = scene.booked()
    ports.run_before("bookings.load", raises(StoreBusy()))
    ports.run_before("bookings.back_off_failing", raises(StoreBusy()))
    with pytest.raises(StoreBusy):
        scene.work(booking)


def test_a_deferred_webhook_finds_its_orphan(scene: Scene, ports: Fakes) -> None:
    scene.booked(key="another")
    nobodys = a_booking_id("nobody's")
    ports.gateway.charges[f"{nobodys}-1"] = ports.gateway.charges[f"{id_of('another')}-1"]
    ports.gateway.pay(f"{nobodys}-1")
    process_task(ports, Task(nobodys), public_url=PUBLIC)
    assert ports.tables.orphans == {}
    process_task(ports, Task(nobodys, f"{nobodys}-1", webhook_claim="paid"), public_url=PUBLIC)
    assert list(ports.tables.orphans) == [f"{nobodys}-1"]


def test_a_silent_gateway_is_no_failing_booking(scene: Scene, ports: Fakes) -> None:
    booking = scene.booked()
    ports.gateway.down = GatewayTimeout("silence", definitely_not_executed=False)
    ports.clock.move(minutes=2)
    scene.work(booking)
    assert ports.call_log.count("bookings.back_off_failing") == 0
    assert scene.payment(ONE).unanswered == 1
