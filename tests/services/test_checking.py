"""The daily check: what breaks a promise is found and told, once; what is sound is not; nothing stops it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from chalicelib.domain.booking import Booking
from chalicelib.domain.finance.ledger import LedgerLine
from chalicelib.domain.ids import BookingId
from chalicelib.domain.listings.calendar import MAX_NIGHTS
from chalicelib.domain.money import Money
from chalicelib.domain.people.limits import Limits
from chalicelib.domain.watch.watching import Check
from chalicelib.services.cancel import cancel
from chalicelib.services.clock import checking
from chalicelib.services.clock.checking import check
from chalicelib.services.operators import attention as acknowledging
from chalicelib.services.operators import lists
from chalicelib.services.operators.notes import add_note
from chalicelib.services.ports.outcomes import StoreBusy, Unreadable, VersionLost
from tests.builders import a_stay, change_payment
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, OPERATOR, Harness
from tests.replacing import replace


@pytest.fixture
def harness() -> Harness:
    return Harness(units=3)


@pytest.fixture
def ports(harness: Harness) -> Fakes:
    return harness.ports


def next_day(harness: Harness) -> None:
    """The first run of the next day's check is due; whatever was due before that was done."""
    harness.advance(days=1)
    harness.sweep_and_drain()
    harness.clear_logs()


def run(ports: Fakes) -> Check:
    """Run it as its schedule does, until there is nothing to do; answer how the check ended."""
    for _ in range(50):
        done = check(ports)
        ports.clock.move(minutes=5)
        if done is None:
            break
    else:
        raise AssertionError("the check never ends")
    kept = ports.watch.load_check()
    assert kept is not None
    assert kept.finished_at is not None
    assert not kept.suspects
    return kept


def found(ports: Fakes) -> list[str]:
    """What the attention list says of it."""
    page = lists.attention(ports, OPERATOR, kind="invariant", limit=100, after=None)
    return [item.reason for item in page.items]


def put(harness: Harness, booking: Booking) -> None:
    """Store a booking as no use case would; what stands beside its record stays as it was."""
    harness.ports.tables.bookings[booking.booking_id].booking = booking


def a_story(harness: Harness) -> list[Booking]:
    """Bookings in the states that a day leaves: confirmed, expired, cancelled with a refund, held."""
    confirmed = harness.confirmed_booking(key="confirmed")
    harness.confirmed_booking(key="refunded")
    harness.deliver_outbox()
    refunded = next(
        row.booking for row in harness.ports.tables.bookings.values() if row.booking.booking_id != confirmed.booking_id
    )
    cancel(harness.ports, GUEST_HANNA, refunded.booking_id, reason="Ill.")
    harness.advance(hours=2)
    return [confirmed, harness.expired_booking(key="expired"), harness.held_booking(key="held")]


def test_a_sound_stage_has_no_findings(harness: Harness, ports: Fakes) -> None:
    a_story(harness)
    next_day(harness)
    done = run(ports)
    assert (done.findings, done.unreadable) == (0, 0)
    assert done.checked >= 4
    assert found(ports) == []
    assert "invariant_broken" not in ports.observe.events


def test_it_reads_and_writes_nothing_but_how_far_it_is(harness: Harness, ports: Fakes) -> None:
    a_story(harness)
    next_day(harness)
    before = {key: row.booking for key, row in ports.tables.bookings.items()}
    run(ports)
    assert {key: row.booking for key, row in ports.tables.bookings.items()} == before
    writing = {"save", "hold", "write", "put", "enqueue_reconcile", "enqueue_outbox", "send", "set_nights"}
    called = {name.partition(".")[2] for name in ports.call_log.names()}
    assert not called & writing, called & writing
    assert not {name for name in ports.call_log.names() if name.startswith("gateway.")}


def test_it_is_done_once_a_day_from_three_in_the_morning_on(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    first = run(ports)
    assert check(ports) is None
    # NOW is in the morning in Addis Ababa: the next day begins for it at three there.
    midnight = ports.clock.now().replace(hour=21, minute=0, second=0, microsecond=0)
    ports.clock.move_to(midnight + timedelta(hours=2, minutes=59))
    assert check(ports) is None
    ports.clock.move(minutes=1)
    second = check(ports)
    assert second is not None
    assert second.day == first.day + timedelta(days=1)
    assert second.since == first.begun_at


# A breach of each promise


def a_night_taken_for_nobody(harness: Harness, booking: Booking) -> str:
    """Promise 1."""
    day = booking.stay.check_in
    night = harness.ports.tables.nights[booking.place.listing_id, day]
    harness.ports.tables.nights[booking.place.listing_id, day] = replace(night, taken=night.taken + 1)
    return f"{booking.place.listing_id} {day:%Y-%m}: on {day}: 2 units are taken, and bookings keep 1"


def a_night_sold_twice(harness: Harness, booking: Booking) -> str:
    """Promise 1."""
    day = booking.stay.check_in
    night = harness.ports.tables.nights[booking.place.listing_id, day]
    harness.ports.tables.nights[booking.place.listing_id, day] = replace(night, taken=0)
    return f"{booking.place.listing_id} {day:%Y-%m}: on {day}: 0 units are taken, and bookings keep 1"


def money_for_nothing(harness: Harness, booking: Booking) -> str:
    """Promises 2 and 3."""
    put(harness, change_payment(booking, booking.payments[0].tx_ref, accepted=False))
    return f"{booking.booking_id}: it is confirmed, and no payment was accepted"


def money_without_a_booking(harness: Harness, booking: Booking) -> str:
    """Promise 2."""
    payment = booking.payments[0]
    put(harness, change_payment(booking, payment.tx_ref, accepted=False))
    return f"{booking.booking_id}: {payment.tx_ref}: ETB 7,350.00 was received for nothing, and ETB 0.00 goes back"


def a_confirmation_without_money(harness: Harness, booking: Booking) -> str:
    """Promise 3."""
    payment = booking.payments[0]
    put(harness, change_payment(booking, payment.tx_ref, status="failed"))
    return f"{booking.booking_id}: {payment.tx_ref} is failed, and was accepted or refunded"


def a_letter_that_nobody_sends(harness: Harness, booking: Booking) -> str:
    """Promise 7."""
    letter = next(entry for entry in booking.outbox if not entry.is_line)
    due = harness.ports.clock.now() - timedelta(days=1, minutes=1)
    owed = replace(letter, status="owed", due_at=due)
    put(harness, replace(booking, outbox=tuple(owed if each is letter else each for each in booking.outbox)))
    says = f"the letter {letter.entry_id} ({letter.kind}) is owed, and was due at {due:%Y-%m-%d %H:%M} UTC"
    return f"{booking.booking_id}: {says}"


def a_line_that_is_gone(harness: Harness, booking: Booking) -> str:
    """Ledger and bookings."""
    line_id = f"{booking.payments[0].tx_ref}.payment"
    del harness.ports.tables.lines[line_id]
    return f"{booking.booking_id}: {line_id} is not in the ledger, and its booking says that it was written"


def a_line_of_another_sum(harness: Harness, booking: Booking) -> str:
    """Ledger and bookings."""
    line_id = f"{booking.payments[0].tx_ref}.payment"
    line, key = harness.ports.tables.lines[line_id]
    harness.ports.tables.lines[line_id] = replace(line, gross=Money(1, "ETB")), key
    return f"{booking.booking_id}: {line_id}: the ledger says ETB 0.01, and its booking ETB 7,350.00"


def money_that_no_line_tells_of(harness: Harness, booking: Booking) -> str:
    """Ledger and bookings."""
    put(harness, replace(booking, outbox=tuple(entry for entry in booking.outbox if not entry.is_line)))
    return f"{booking.booking_id}: its lines add up to 0 ETB (minor units), and it says 735000"


def a_refund_that_nobody_starts(harness: Harness, booking: Booking) -> str:
    """Promise 2."""
    cancel(harness.ports, GUEST_HANNA, booking.booking_id, reason="Ill.")
    cancelled = harness.stored_booking(booking)
    [refund] = cancelled.refunds
    due = harness.ports.clock.now() - timedelta(days=1, minutes=1)
    owed = replace(refund, status="owed", due_at=due)
    put(harness, change_payment(cancelled, cancelled.payments[0].tx_ref, refunds=(owed,)))
    harness.ports.tables.bookings[booking.booking_id].due_at = due
    harness.deliver_outbox()
    says = f"the refund {refund.refund_id} is owed, and was to be started at {due:%Y-%m-%d %H:%M} UTC"
    return f"{booking.booking_id}: {says}"


def a_line_that_nobody_promised(harness: Harness, booking: Booking) -> str:
    """Ledger and bookings."""
    line, key = harness.ports.tables.lines[f"{booking.payments[0].tx_ref}.payment"]
    other: LedgerLine = replace(line, line_id=f"{booking.payments[0].tx_ref}-R9.refund")
    harness.ports.tables.lines[other.line_id] = other, key
    return f"{other.line_id}: {other.line_id} is in the ledger, and no booking promises it"


def a_booking_that_the_clock_has_lost(harness: Harness, booking: Booking) -> str:
    """Promise 6."""
    lost = harness.held_booking(key="lost")
    harness.ports.clock.move(minutes=1)
    harness.ports.tables.bookings[lost.booking_id].due_at = None
    return f"{lost.booking_id}: something is due, and the clock does not know it"


BREACHES = [
    a_night_taken_for_nobody,
    a_night_sold_twice,
    money_for_nothing,
    money_without_a_booking,
    a_confirmation_without_money,
    a_letter_that_nobody_sends,
    a_line_that_is_gone,
    a_line_of_another_sum,
    money_that_no_line_tells_of,
    a_refund_that_nobody_starts,
    a_line_that_nobody_promised,
    a_booking_that_the_clock_has_lost,
]


@pytest.mark.parametrize("plant", BREACHES, ids=lambda plant: plant.__name__)
def test_a_planted_breach_is_found_told_once_and_acknowledged(
    harness: Harness, ports: Fakes, plant: Callable[[Harness, Booking], str]
) -> None:
    harness.confirmed_booking()
    harness.sweep_and_drain()
    [row] = ports.tables.bookings.values()
    next_day(harness)
    wanted = plant(harness, row.booking)
    harness.clear_logs()
    done = run(ports)
    assert wanted in found(ports)
    assert done.findings == len(found(ports)) == ports.observe.events.count("invariant_broken")
    assert ports.observe.events.count("attention_needed") == done.findings
    # Whoever deals with it takes it off the list; the same sentence does not come back.
    page = lists.attention(ports, OPERATOR, kind="invariant", limit=100, after=None)
    for item in page.items:
        assert item.actions == ("acknowledge",)
        first = acknowledging.acknowledge(ports, OPERATOR, item.item_id, note="Mended by hand.")
        again = acknowledging.acknowledge(ports, OPERATOR, item.item_id, note="Again.")
        assert again.acknowledgement == first.acknowledgement
    assert found(ports) == []
    ports.clock.move(days=1)
    assert run(ports).findings == 0
    assert found(ports) == []


def test_a_difference_of_nights_that_the_next_run_does_not_find_is_not_told(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    harness.sweep_and_drain()
    next_day(harness)
    says = a_night_taken_for_nobody(harness, booking)
    done = check(ports)
    assert done is not None
    assert [f"{each.about}: {each.says}" for each in done.suspects] == [says]
    assert found(ports) == []
    night = ports.tables.nights[booking.place.listing_id, booking.stay.check_in]
    ports.tables.nights[booking.place.listing_id, booking.stay.check_in] = replace(night, taken=1)
    assert run(ports).findings == 0


def test_what_cannot_be_read_is_put_before_a_person_and_does_not_stop_it(harness: Harness, ports: Fakes) -> None:
    broken = harness.confirmed_booking(key="first")
    other = harness.confirmed_booking(key="second")
    harness.sweep_and_drain()
    next_day(harness)
    ports.tables.unreadable.add(broken.booking_id)
    says = money_for_nothing(harness, other)
    done = run(ports)
    assert done.unreadable >= 1
    assert says in found(ports)
    kinds = [item.kind for item in lists.attention(ports, OPERATOR, kind=None, limit=100, after=None).items]
    assert "unreadable" in kinds


def test_it_is_taken_up_where_a_run_ended(harness: Harness, ports: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "PAGE", 1)
    monkeypatch.setattr(checking, "MOST_PAGES", 1)
    story = a_story(harness)
    next_day(harness)
    says = money_for_nothing(harness, harness.stored_booking(story[0]))
    runs = 0
    while (done := check(ports)) is not None and done.finished_at is None:
        runs += 1
        ports.clock.move(minutes=5)
    assert runs > 5
    assert says in found(ports)


def test_a_run_ends_in_time(harness: Harness, ports: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "PAGE", 1)
    a_story(harness)
    next_day(harness)
    for skip in range(30):
        ports.run_before("watch.save_check", lambda: ports.clock.move(seconds=15), skip=skip)
    done = check(ports)
    assert done is not None
    assert done.finished_at is None
    assert ports.call_log.count("watch.save_check") == 3


def test_two_runs_at_once_do_not_both_go_on(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("watch.save_check", raises(VersionLost()))
    assert check(ports) is None


def test_a_check_that_a_newer_release_has_begun_is_left_to_it(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("watch.load_check", raises(Unreadable("CHECK")))
    assert check(ports) is None
    assert ports.observe.of("record_unreadable") == [{"level": "error", "reason": "CHECK"}]
    assert ports.call_log.count("watch.save_check") == 0


def test_a_store_that_is_down_leaves_it_where_it_was(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    harness.sweep_and_drain()
    ports.run_before("bookings.load_stored", raises(StoreBusy()))
    with pytest.raises(StoreBusy):
        check(ports)
    assert run(ports).checked >= 1


def test_an_old_booking_that_changed_is_checked_the_next_day(harness: Harness, ports: Fakes) -> None:
    """Whichever thirtieth has its turn, and though no line of the ledger tells of the change."""
    booking = harness.confirmed_booking()
    harness.sweep_and_drain()
    run(ports)
    harness.advance(days=5)
    run(ports)
    del ports.tables.lines[f"{booking.payments[0].tx_ref}.payment"]
    next_day(harness)
    assert run(ports).findings == 0, "it has not changed, and it is not its turn"
    add_note(ports, OPERATOR, booking.booking_id, note="She comes late.")
    next_day(harness)
    assert run(ports).findings == 1


def test_every_older_booking_is_checked_within_a_month(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    harness.sweep_and_drain()
    run(ports)
    harness.advance(days=5)
    run(ports)
    says = money_for_nothing(harness, harness.stored_booking(booking))
    for _ in range(30):
        ports.clock.move(days=1)
        run(ports)
        if says in found(ports):
            return
    raise AssertionError("it was never checked again")


def test_a_listing_with_too_many_bookings_is_left_to_the_drill(
    harness: Harness, ports: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "MOST_OF_A_LISTING", 1)
    for key in ("first", "second"):
        harness.confirmed_booking(key=key)
    harness.sweep_and_drain()
    next_day(harness)
    booking = harness.stored_booking(next(iter(ports.tables.bookings)))
    a_night_taken_for_nobody(harness, booking)
    assert run(ports).findings == 0
    assert "nights_not_checked" in ports.observe.events


def test_a_finding_that_this_release_cannot_read_is_on_the_list(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    harness.sweep_and_drain()
    next_day(harness)
    a_line_that_is_gone(harness, harness.stored_booking(BookingId(booking.booking_id)))
    run(ports)
    ports.run_before("watch.findings", ports.tables.findings.clear)
    [item] = lists.attention(ports, OPERATOR, kind="invariant", limit=9, after=None).items
    assert item.reason.endswith("this release cannot read it")


def test_a_difference_of_nights_is_told_by_the_next_days_check_where_that_finds_it(
    harness: Harness, ports: Fakes
) -> None:
    """Also where the check of a day ended with it, and the next day's is the next run."""
    booking = harness.confirmed_booking()
    harness.sweep_and_drain()
    next_day(harness)
    says = a_night_taken_for_nobody(harness, booking)
    done = check(ports)
    assert done is not None
    assert (done.finished_at is not None, len(done.suspects)) == (True, 1)
    next_day(harness)
    check(ports)
    assert found(ports) == [says]


@pytest.mark.parametrize("nights", [1, 30, 60, MAX_NIGHTS])
def test_nights_of_a_stay_that_began_in_another_month_are_not_taken_for_nobody(
    harness: Harness, ports: Fakes, nights: int
) -> None:
    ports.rules = replace(ports.rules, limits=Limits(unpaid_unit_nights=1000))
    harness.confirmed_booking(stay=a_stay(date(2027, 1, 31), nights))
    harness.sweep_and_drain()
    next_day(harness)
    assert run(ports).findings == 0


def test_the_next_check_looks_back_to_the_beginning_of_the_last_one(harness: Harness, ports: Fakes) -> None:
    """What is booked while a check is under way may lie behind where it is."""
    harness.confirmed_booking()
    harness.sweep_and_drain()
    next_day(harness)
    begun = ports.clock.now()
    first = check(ports)
    assert first is not None
    assert first.finished_at is not None
    ports.tables.check = replace(first, finished_at=begun + timedelta(hours=5))
    next_day(harness)
    second = check(ports)
    assert second is not None
    assert second.since == first.begun_at == begun
