"""Cancelling: by whom, what goes back, and what happens to links, nights and slots."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import GatewayTimeout, StayBegun
from chalicelib.domain.money import Money
from chalicelib.services.cancel import cancel
from tests.builders import NOW
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, HOST_ABEBE, NIGHTS, OPERATOR, Harness, booking_id_of

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
CHECK_IN = NOW.replace(day=14, hour=11, minute=0, second=0)
"""Two in the afternoon in Addis Ababa."""
MS = timedelta(milliseconds=1)


def stop(ports: Fakes, who: Any = GUEST_HANNA) -> str:
    return cancel(ports, who, FIRST, reason="plans changed")[1]


def test_an_unpaid_booking_is_given_up(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    assert stop(ports) == "guest"
    booking = harness.stored_booking(FIRST)
    assert (booking.status, booking.refunds, harness.units_taken) == ("cancelled", (), {})
    assert booking.payments[0].status == "expired"
    assert [event.detail for event in booking.history if event.kind == "booking_cancelled"] == ["plans changed"]
    assert harness.free_holds() == 3
    # Nights and link in one write.
    assert ports.call_log.count("bookings.save") == 1
    # The link goes at once, by the clock's hand.
    assert {task.booking_id for task in ports.queue.tasks} == {FIRST}
    harness.sweep_and_drain()
    assert ports.gateway.charges[ONE].cancelled
    harness.advance(hours=80)
    assert ports.mailer.sent == []


def test_a_guest_who_cancels_while_the_gateway_is_silent_is_told_of_money_once(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.down = GatewayTimeout("silent", definitely_not_executed=False)
    stop(ports)
    harness.advance(hours=12)
    assert ports.mailer.subjects == ["booking_cancelled 1"]
    # The money was there: it goes back, and that is told, too.
    ports.gateway.down = None
    ports.gateway.pay(ONE, on_its_way=True)
    harness.advance(hours=2)
    assert ports.mailer.subjects == ["booking_cancelled 1", "money_returned 2"]


@pytest.mark.parametrize(
    ("who", "before", "back"),
    [
        (GUEST_HANNA, timedelta(hours=24), 735000),
        (GUEST_HANNA, timedelta(hours=24) - MS, 0),
        (GUEST_HANNA, MS, 0),
        (HOST_ABEBE, MS, 735000),
        (OPERATOR, MS, 735000),
    ],
    ids=lambda part: getattr(part, "person_id", str(part)),
)
def test_what_goes_back(harness: Harness, ports: Fakes, who: Any, before: timedelta, back: int) -> None:
    harness.confirmed_booking()
    ports.clock.move_to(CHECK_IN - before)
    stop(ports, who)
    booking = harness.stored_booking(FIRST)
    assert (booking.status, harness.units_taken) == ("cancelled", {})
    # Nights, refund and letters in one write.
    assert ports.call_log.count("bookings.save") == 1
    assert [refund.amount for refund in booking.refunds] == ([Money(back, "ETB")] if back else [])
    assert [email.kind for email in booking.letters][-2:] == ["booking_cancelled", "host_cancelled"]


def test_a_stay_that_has_begun_is_not_cancelled(harness: Harness, ports: Fakes) -> None:
    before = harness.confirmed_booking()
    ports.clock.move_to(CHECK_IN)
    for who in (GUEST_HANNA, HOST_ABEBE, OPERATOR):
        with pytest.raises(StayBegun):
            stop(ports, who)
    assert harness.stored_booking(FIRST) == before
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)


def test_a_repeat_changes_nothing(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    stop(ports)
    before = harness.stored_booking(FIRST)
    harness.clear_logs()
    for who in (GUEST_HANNA, HOST_ABEBE):
        stop(ports, who)
    assert harness.stored_booking(FIRST) == before
    assert ports.call_log.count("bookings.save") == 0


def test_an_expired_booking_releases_nothing_twice(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()
    stop(ports)
    assert (harness.stored_booking(FIRST).status, harness.units_taken) == ("cancelled", {})


def test_money_for_a_cancelled_booking_goes_back(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    stop(ports)
    ports.gateway.pay(ONE, on_its_way=True)
    harness.webhook(ONE)
    booking = harness.stored_booking(FIRST)
    assert (booking.status, booking.payments[0].status, harness.units_taken) == ("cancelled", "completed", {})
    [refund] = booking.refunds
    assert (refund.amount, refund.reason) == (Money(735000, "ETB"), "booking_cancelled")


def test_money_that_comes_while_we_cancel_counts(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()

    def paid() -> None:
        ports.gateway.pay(ONE)
        harness.webhook(ONE)

    ports.run_before("bookings.save", paid)
    stop(ports)
    booking = harness.stored_booking(FIRST)
    assert (booking.status, [refund.amount.minor for refund in booking.refunds]) == ("cancelled", [735000])
    assert harness.units_taken == {}
