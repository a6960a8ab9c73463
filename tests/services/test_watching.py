"""What the stage looks at every five minutes: refunds that wait, disputes near their day, payments that fell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import pytest

from chalicelib.domain.booking import Booking, with_dispute
from chalicelib.domain.disputes import DisputeFacts
from chalicelib.domain.errors import GatewayBadAnswer
from chalicelib.domain.timing import CHECK_OLDEST
from chalicelib.domain.watch.health import OPENED, PAID, slot_of
from chalicelib.domain.watch.watching import older_days, payments_fell
from chalicelib.services.cancel import cancel
from chalicelib.services.clock import watching
from chalicelib.services.clock.watching import _of_an_hour, watch
from chalicelib.services.disputes import DisputeRequest, enter_dispute
from chalicelib.services.operators.attention import acknowledge
from tests.builders import NOW
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, OPERATOR, Harness, resolve_refund
from tests.replacing import replace


@pytest.fixture
def harness() -> Harness:
    return Harness(units=30)


@pytest.fixture
def ports(harness: Harness) -> Fakes:
    return harness.ports


def counted(ports: Fakes, event: str) -> int:
    """How often a run of the watch counts this event."""
    ports.observe.lines.clear()
    watch(ports)
    return ports.observe.events.count(event)


def disputed(ports: Fakes, booking: Booking, due_at: datetime) -> str:
    """An operator enters a dispute; answer its id."""
    request = DisputeRequest(booking.payments[0].tx_ref, "The card's owner does not know it", "By e-mail.", due_at)
    entered, _ = enter_dispute(ports, OPERATOR, request, key="k", dry_run=False)
    return entered.dispute.dispute_id


def test_a_refund_rings_from_a_day_on_until_it_is_resolved(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    cancel(ports, GUEST_HANNA, booking.booking_id, reason="Ill.")
    ports.gateway.down = GatewayBadAnswer("refused", definitely_not_executed=True)
    harness.advance(hours=23)
    assert counted(ports, "refund_overdue") == 0
    harness.advance(hours=2)
    [refund] = harness.stored_booking(booking).refunds
    assert refund.status == "attention"
    assert [counted(ports, "refund_overdue") for _ in range(2)] == [1, 1]
    ports.gateway.down = None
    resolve_refund(ports, OPERATOR, refund.refund_id, as_="paid_otherwise", note="By bank.")
    assert counted(ports, "refund_overdue") == 0


def test_a_dispute_rings_half_way_and_near_its_end_until_it_is_answered(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    due = ports.clock.now() + timedelta(hours=10)
    dispute_id = disputed(ports, booking, due)
    begun = ports.clock.now()
    told = []
    for hours in (4.9, 5, 7.9, 8, 11):
        ports.clock.move_to(begun + timedelta(hours=hours))
        told.append((counted(ports, "dispute_half_way"), counted(ports, "dispute_nearly_over")))
    assert told == [(0, 0), (1, 0), (1, 0), (1, 1), (1, 1)]
    acknowledge(ports, OPERATOR, f"dispute.{dispute_id}", note="Answered.")
    assert counted(ports, "dispute_half_way") == 0


def test_a_dispute_whose_day_is_not_known_cannot_ring(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    tx_ref = booking.payments[0].tx_ref
    harness.webhook(
        tx_ref, dispute=DisputeFacts(provider_dispute_id="2867", status="needs_response", tx_ref=tx_ref, due_at=None)
    )
    assert harness.stored_booking(booking).disputes[0].due_at is None
    ports.clock.move(days=90)
    assert counted(ports, "dispute_half_way") == 0


def test_a_long_list_is_read_page_by_page_up_to_a_bound(
    harness: Harness, ports: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        booking = harness.confirmed_booking(key=f"{number}")
        due = ports.clock.now() + timedelta(hours=1)
        disputed(ports, booking, due)
    ports.clock.move(hours=1)
    monkeypatch.setattr(watching, "PAGE", 1)
    assert counted(ports, "dispute_nearly_over") == 3
    monkeypatch.setattr(watching, "MOST_PAGES", 2)
    assert counted(ports, "dispute_nearly_over") == 2


@pytest.mark.parametrize(
    ("now", "then", "fell"),
    [
        ((10, 4), (10, 8), False),
        ((10, 3), (10, 8), True),
        ((9, 0), (10, 8), False),  # too few to say anything
        ((100, 0), (10, 0), False),  # last week nobody paid either
        ((19, 0), (9, 9), False),  # no last week to speak of
        ((20, 0), (9, 9), True),
        ((20, 1), (0, 0), False),
        ((0, 0), (50, 40), False),
    ],
)
def test_when_payments_have_fallen(now: tuple[int, int], then: tuple[int, int], fell: bool) -> None:
    def counts(opened: int, paid: int) -> Mapping[str, int]:
        return {OPENED: opened, PAID: paid}

    assert payments_fell(counts(*now), counts(*then)) is fell


def test_an_hour_is_compared_with_the_same_one_of_last_week(ports: Fakes) -> None:
    week, minute = timedelta(days=7), timedelta(minutes=1)
    at = slot_of(NOW)
    ports.clock.move_to(at + week)
    ports.watch.add_counts(at - 30 * minute, {OPENED: 20, PAID: 18})
    ports.watch.add_counts(at + week - 40 * minute, {OPENED: 20, PAID: 5})
    assert counted(ports, "payments_fell") == 1
    # Who opened a payment a moment ago has not paid yet, and does not count.
    ports.watch.add_counts(at + week - 40 * minute, {PAID: 10})
    ports.watch.add_counts(at + week - 10 * minute, {OPENED: 500})
    assert counted(ports, "payments_fell") == 0
    # What was opened a quarter of an hour before the hour, and paid in it, does.
    ports.watch.add_counts(at - 70 * minute, {OPENED: 20})
    ports.watch.add_counts(at - 70 * minute, {PAID: 20})
    ports.clock.move_to(at + week)
    assert counted(ports, "payments_fell") == 0


def test_every_day_of_the_past_has_its_turn_once_a_month() -> None:
    today = date(2027, 3, 1)
    seen: list[date] = []
    for number in range(30):
        day = today + timedelta(days=number)
        found = older_days(day, newest=day - timedelta(days=3))
        assert 12 <= len(found) <= 14
        assert found == tuple(sorted(found))
        assert found[-1] < day - timedelta(days=3)
        seen += found
    assert len(seen) == len(set(seen))
    oldest = today + timedelta(days=30) - CHECK_OLDEST
    every = {oldest + timedelta(days=number) for number in range((today - timedelta(days=33) - oldest).days)}
    assert every <= set(seen)


@pytest.mark.parametrize("then", [1, 5, 9.9])
def test_the_time_for_an_answer_begins_when_it_was_heard_of(harness: Harness, ports: Fakes, then: float) -> None:
    """What the gateway says of it since makes it no younger."""
    booking = harness.confirmed_booking()
    dispute_id = disputed(ports, booking, ports.clock.now() + timedelta(hours=10))
    begun = ports.clock.now()
    stored = harness.stored_booking(booking)
    known = stored.dispute(dispute_id)
    assert known is not None
    heard = replace(known, updated_at=begun + timedelta(hours=then))
    ports.tables.bookings[booking.booking_id].booking = with_dispute(stored, heard)
    ports.clock.move_to(begun + timedelta(hours=9.9))
    assert (counted(ports, "dispute_half_way"), counted(ports, "dispute_nearly_over")) == (1, 1)


@pytest.mark.parametrize(
    ("minutes", "opened", "paid"),
    [
        # What lies in the slot that begins so many minutes before the end of the hour that is looked at.
        (5, False, True), (15, False, True), (20, True, True), (60, True, True), (65, True, False), (75, True, False),
        (80, False, False),
    ],
)  # fmt: skip
def test_which_minutes_an_hour_has(ports: Fakes, minutes: int, *, opened: bool, paid: bool) -> None:
    """Payments of an hour, and openings of the hour that begins a quarter of an hour earlier."""
    at = slot_of(NOW)
    ports.clock.move_to(at)
    ports.watch.add_counts(at - timedelta(minutes=minutes), {OPENED: 1, PAID: 1})
    found = _of_an_hour(ports, weeks_ago=0)
    assert (found[OPENED], found[PAID]) == (opened, paid)
