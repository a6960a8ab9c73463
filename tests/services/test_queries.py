"""The caller's own bookings and payments, the verify call, and what happened to a payment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.booking import Booking, Payment, VerifySchedule
from chalicelib.domain.errors import Forbidden, GatewayRejected, GatewayTimeout, PaymentNotFound
from chalicelib.domain.money import Money
from chalicelib.services import queries as reading
from chalicelib.services.operators.lists import resolve_review
from chalicelib.services.refunds import refund
from tests.builders import NOW
from tests.fakes import Fakes
from tests.harness import GUEST_DAWIT, GUEST_HANNA, OPERATOR, Harness, booking_id_of
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"


def three(harness: Harness) -> list[Booking]:
    """Confirmed, expired and open, in the order in which they were made."""
    paid = harness.confirmed_booking(key="paid")
    harness.ports.clock.move(minutes=1)
    gone = harness.expired_booking(key="gone")
    harness.ports.clock.move(minutes=1)
    return [paid, gone, harness.held_booking(key="open")]


def test_own_bookings_newest_first(harness: Harness, ports: Fakes) -> None:
    made = three(harness)
    harness.book(key="other", guest=GUEST_DAWIT)
    found = reading.own_bookings(ports, GUEST_HANNA, status=None, limit=9, after=None)
    assert [booking.booking_id for booking in found.items] == [booking.booking_id for booking in reversed(made)]
    assert found.next_cursor is None


def test_own_bookings_of_a_status_page_by_page(harness: Harness, ports: Fakes) -> None:
    made = three(harness)
    after: str | None = None
    shown = []
    for _ in range(4):
        page = reading.own_bookings(ports, GUEST_HANNA, status="confirmed", limit=1, after=after)
        shown += list(page.items)
        after = page.next_cursor
        if after is None:
            break
    assert after is None
    assert shown == [made[0]]


def attempts(harness: Harness, key: str, count: int) -> Booking:
    """A booking with so many attempts, all but the last refused by the gateway."""
    ports = harness.ports
    ports.clock.move(seconds=1)
    ports.gateway.fail_next("initialize", GatewayRejected("refused", definitely_not_executed=True), times=count - 1)
    booking = harness.book(key=key).booking
    while booking.payments[-1].status != "pending":
        try:
            booking = harness.pay(booking).booking
        except GatewayRejected:
            booking = harness.stored_booking(booking)
    return booking


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 9, 100])
@pytest.mark.parametrize("status", [None, "failed", "pending", "completed"])
def test_own_payments_newest_first_page_by_page(harness: Harness, ports: Fakes, limit: int, status: Any) -> None:
    made = [attempts(harness, "a", 3), attempts(harness, "b", 1), attempts(harness, "c", 4)]
    expected = [
        payment.tx_ref
        for booking in reversed(made)
        for payment in reversed(booking.payments)
        if status in (None, payment.status)
    ]
    shown: list[Payment] = []
    after: Any = None
    for _ in range(20):
        page = reading.own_payments(ports, GUEST_HANNA, status=status, limit=limit, after=after)
        assert len(page.items) <= limit
        assert all(payment in booking.payments for booking, payment in page.items)
        assert page.items or status, "an empty page, where more is said to come"
        shown += [payment for _, payment in page.items]
        after = page.next_cursor
        if after is None:
            break
    assert after is None
    assert [payment.tx_ref for payment in shown] == expected


def test_verify_asks_and_answers_the_payment(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE)
    booking, payment = reading.verify(ports, GUEST_HANNA, ONE)
    assert (booking, payment) == (harness.stored_booking(FIRST), harness.stored_payment(ONE))
    assert payment.status == "completed"
    assert {event.cause for event in booking.history if event.kind == "payment_completed"} == {"verify"}


def test_verify_is_for_operators_too(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE)
    assert reading.verify(ports, OPERATOR, ONE)[1].status == "completed"


def test_verify_within_two_seconds_answers_what_is_known(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    reading.verify(ports, GUEST_HANNA, ONE)
    ports.gateway.pay(ONE)
    ports.clock.move(seconds=1)
    assert reading.verify(ports, GUEST_HANNA, ONE)[1].status == "pending"
    assert ports.call_log.count("gateway.verify") == 1


def test_verify_tells_that_the_gateway_gave_no_answer(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    silence = GatewayTimeout("silence", definitely_not_executed=False)
    ports.gateway.fail_next("verify", silence)
    with pytest.raises(GatewayTimeout) as raised:
        reading.verify(ports, GUEST_HANNA, ONE)
    assert raised.value is silence
    [payment] = booking.payments
    after_silence = replace(
        payment, schedule=VerifySchedule(consecutive_failures=1, next_verify_at=NOW + timedelta(seconds=15) * 0.75)
    )
    assert harness.stored_payment(ONE) == after_silence


def test_a_booking_that_vanishes_while_it_is_verified(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    row = ports.tables.bookings[FIRST]
    ports.run_before("bookings.load", lambda: ports.tables.bookings.pop(FIRST), skip=1)
    assert reading.verify(ports, GUEST_HANNA, ONE) == (booking, booking.payments[0])
    ports.tables.bookings[FIRST] = row


def test_events_are_those_of_the_payment_and_of_its_booking(harness: Harness, ports: Fakes) -> None:
    booking = attempts(harness, "first", 2)
    two = f"{FIRST}-2"
    ports.gateway.pay(two)
    harness.webhook(two)
    ports.gateway.set_status(two, "reversed")
    found = reading.events(ports, GUEST_HANNA, two, limit=100, after=None)
    assert [(event.kind, event.subject.removeprefix(FIRST)) for event in found.items] == [
        ("booking_held", ""),
        ("payment_created", "-2"),
        ("payment_pending", "-2"),
        ("payment_completed", "-2"),
        ("booking_confirmed", ""),
    ]
    assert found.next_cursor is None
    assert len(reading.events(ports, OPERATOR, ONE, limit=100, after=None).items) == 4
    assert booking.booking_id == FIRST


def test_events_of_a_tenth_attempt_are_not_the_first_ones(harness: Harness, ports: Fakes) -> None:
    booking = attempts(harness, "first", 10)
    assert booking.payments[9].tx_ref == f"{ONE}0"
    found = reading.events(ports, GUEST_HANNA, ONE, limit=100, after=None).items
    assert {event.subject for event in found} == {"", ONE}


def test_events_of_its_refunds_are_among_them(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    refund(ports, OPERATOR, ONE, amount=100, reason="a broken window", key="k")
    kinds = [event.kind for event in reading.events(ports, OPERATOR, ONE, limit=100, after=None).items]
    assert kinds[-1] == "refund_owed"


@pytest.mark.parametrize("limit", [1, 2, 4, 5, 6])
def test_events_page_by_page_oldest_first(harness: Harness, ports: Fakes, limit: int) -> None:
    harness.confirmed_booking()
    every = reading.events(ports, GUEST_HANNA, ONE, limit=100, after=None).items
    shown: list[Any] = []
    after: str | None = None
    while True:
        page = reading.events(ports, GUEST_HANNA, ONE, limit=limit, after=after)
        assert 0 < len(page.items) <= limit
        shown += page.items
        after = page.next_cursor
        if after is None:
            break
    assert tuple(shown) == every
    assert len(every) == 5


def test_what_operators_write_down_is_theirs_alone(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.gateway.pay(ONE, amount=Money(100, "ETB"))
    harness.webhook(ONE)
    resolve_review(ports, OPERATOR, ONE, as_="refund", note="a known fraudster")
    told = {
        who.person_id: [event.detail for event in reading.events(ports, who, ONE, limit=100, after=None).items]
        for who in (GUEST_HANNA, OPERATOR)
    }
    assert "a known fraudster" in told[OPERATOR.person_id]
    assert "a known fraudster" not in told[GUEST_HANNA.person_id]
    # What stands for it is nothing at all.
    assert told[GUEST_HANNA.person_id] == [
        "" if event.cause == "operator" else event.detail
        for event in harness.stored_booking(booking).history
        if event.subject != "1"
    ]
    assert harness.stored_booking(booking.booking_id).payments[0].status == "completed"


# What the gateway's own log tells


def test_the_gateways_log_is_asked_for_by_the_reference_that_is_known(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    assert [event.text for event in reading.gateway_events(ports, OPERATOR, ONE)] == ["Payment pending"]
    assert ports.call_log.calls[-1].args == (ONE,)
    ports.gateway.pay(ONE)
    harness.webhook(ONE)
    assert [event.text for event in reading.gateway_events(ports, OPERATOR, ONE)] == ["Payment paid"]
    assert ports.call_log.calls[-1].args == (f"AP{ONE}",)


def test_the_gateways_log_is_for_operators(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.call_log.forget()
    with pytest.raises(Forbidden):
        reading.gateway_events(ports, GUEST_HANNA, ONE)
    assert ports.call_log.count("gateway.events") == 0
    with pytest.raises(PaymentNotFound):
        reading.gateway_events(ports, OPERATOR, f"{FIRST}-2")


def test_a_gateway_that_tells_nothing_is_trouble(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.fail_next("events", GatewayTimeout("silence", definitely_not_executed=False))
    with pytest.raises(GatewayTimeout):
        reading.gateway_events(ports, OPERATOR, ONE)
