"""Sums while something is under way: what each state of a refund, and of a payment, counts for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.booking import get_refund
from chalicelib.domain.errors import GatewayRejected, GatewayTimeout, RefundExceedsPayment
from chalicelib.domain.money import Money
from chalicelib.services.cancel import cancel
from chalicelib.services.operators import lists as operators
from chalicelib.services.refunds import refund
from tests.builders import NOW, a_stay
from tests.fakes import Fakes
from tests.harness import GUEST_DAWIT, GUEST_HANNA, HOST_ABEBE, OPERATOR, Harness, booking_id_of
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE, TWO = f"{FIRST}-1", f"{FIRST}-2"
R1, R2 = f"{ONE}-R1", f"{ONE}-R2"
PRICE, PART = 735_000, 245_000
REFUSED = GatewayRejected("refused", definitely_not_executed=True)
SILENCE = GatewayTimeout("silence", definitely_not_executed=False)


def work(harness: Harness) -> None:
    harness.process_task(harness.stored_booking(FIRST))


def requested(harness: Harness) -> None:
    harness.ports.gateway.fail_next("refund", SILENCE)
    work(harness)


def refunded(harness: Harness) -> None:
    work(harness)
    harness.ports.gateway.reported_refund_status = "refunded"
    harness.ports.clock.move(hours=1)
    work(harness)
    harness.ports.gateway.reported_refund_status = "processing"


def attention(harness: Harness) -> None:
    harness.ports.gateway.fail_next("refund", REFUSED)
    work(harness)


STATES: dict[str, Callable[[Harness], object]] = {
    "owed": lambda harness: None,
    "requested": requested,
    "processing": work,
    "refunded": refunded,
    "attention": attention,
}


@pytest.fixture(params=list(STATES))
def state(request: pytest.FixtureRequest, harness: Harness) -> str:
    """A confirmed booking, a part of whose money goes back and has got so far."""
    name: str = request.param
    harness.confirmed_booking()
    harness.advance(minutes=1)
    owe_back(harness, PART)
    STATES[name](harness)
    assert get_refund(harness.stored_booking(FIRST), R1).status == name
    return name


def owe_back(harness: Harness, amount: int | None, *, key: str = "k") -> Money:
    return refund(harness.ports, OPERATOR, ONE, amount=amount, reason="kind", key=key, cancel_booking=False)[0].amount


def test_what_is_left_is_less_by_it(harness: Harness, state: str) -> None:
    with pytest.raises(RefundExceedsPayment):
        owe_back(harness, PRICE - PART + 1, key="more")
    assert owe_back(harness, None, key="rest") == Money(PRICE - PART, "ETB")
    with pytest.raises(RefundExceedsPayment):
        owe_back(harness, None, key="nothing")


@pytest.mark.parametrize("who", ["guest", "host"])
def test_cancelling_gives_the_rest(harness: Harness, ports: Fakes, state: str, who: str) -> None:
    cancelled, _ = cancel(ports, GUEST_HANNA if who == "guest" else HOST_ABEBE, FIRST, reason="")
    assert [each.amount.minor for each in cancelled.refunds] == [PART, PRICE - PART]


def test_what_the_report_counts_it_for(harness: Harness, ports: Fakes, state: str) -> None:
    harness.confirmed_booking(key="other", guest=GUEST_DAWIT, stay=a_stay(nights=1))
    refund(ports, HOST_ABEBE, f"{booking_id_of('other', GUEST_DAWIT)}-1", amount=7, reason="kind", key="k")
    harness.deliver_outbox()
    [sums] = operators.report(ports, OPERATOR, NOW.date(), NOW.date())
    # Money that is only owed has not moved.
    back = {"refund": -PART} if state == "refunded" else {}
    assert (sums.amounts, sums.counts["payment"]) == ({"payment": PRICE + PART} | back, 2)


def test_money_that_went_back_is_this_refunds_only_where_no_other_can_be_meant(
    harness: Harness, ports: Fakes, state: str
) -> None:
    """A second refund of the payment, whose name was never heard, while the gateway says that money went back."""
    if state == "owed":
        requested(harness)
    harness.owe_beside(ONE, 100)
    requested(harness)
    ports.gateway.set_status(ONE, "refunded")
    ports.clock.move(hours=2)
    work(harness)
    second = get_refund(harness.stored_booking(FIRST), R2).status
    assert second == ("refunded" if state == "attention" else "requested")


# Payments


def paid(harness: Harness, **changes: Any) -> None:
    harness.held_booking()
    harness.ports.gateway.pay(ONE, **changes)
    harness.webhook(ONE)


def late(harness: Harness) -> None:
    harness.expired_booking()
    harness.book(key="other", guest=GUEST_DAWIT, stay=a_stay(units=4))
    harness.ports.gateway.pay(ONE, on_its_way=True)
    harness.webhook(ONE)


def cancelled_then_paid(harness: Harness) -> None:
    harness.held_booking()
    cancel(harness.ports, HOST_ABEBE, FIRST, reason="")
    harness.ports.gateway.pay(ONE, on_its_way=True)
    harness.webhook(ONE)


def paid_twice(harness: Harness) -> None:
    harness.ports.rules = replace(harness.ports.rules, checkout_window=timedelta(minutes=5))
    booking = harness.held_booking()
    harness.ports.clock.move(minutes=5)
    harness.pay(booking)
    for tx_ref in (TWO, ONE):
        harness.ports.gateway.pay(tx_ref, on_its_way=True)
        harness.webhook(tx_ref)


PAYMENTS: dict[str, tuple[Callable[[Harness], object], int, int]] = {
    # what was taken, and what of it is owed back
    "pending": (lambda harness: harness.held_booking(), 0, 0),
    "in review": (lambda harness: paid(harness, amount=Money(1, "ETB")), 0, 0),
    "confirmed": (lambda harness: harness.confirmed_booking(), PRICE, 0),
    "late, and the place gone": (late, PRICE, PRICE),
    "cancelled, then paid": (cancelled_then_paid, PRICE, PRICE),
    "paid twice": (paid_twice, 2 * PRICE, PRICE),
}


@pytest.mark.parametrize("name", list(PAYMENTS))
def test_what_the_report_counts_a_payment_for(harness: Harness, ports: Fakes, name: str) -> None:
    make, taken, owed_back = PAYMENTS[name]
    make(harness)
    harness.deliver_outbox()
    sums = operators.report(ports, OPERATOR, NOW.date(), NOW.date())
    assert [(day.amounts, day.counts) for day in sums] == (
        [({"payment": taken}, {"payment": taken // PRICE})] if taken else []
    )
    assert sum(each.amount.minor for each in harness.stored_booking(FIRST).refunds) == owed_back


def test_what_went_back_of_another_payment_is_no_reason_to_doubt(harness: Harness, ports: Fakes) -> None:
    """The second payment's refund, whose name was never heard, while all of the first one went back long ago."""
    paid_twice(harness)
    refunded(harness)
    assert get_refund(harness.stored_booking(FIRST), R1).status == "refunded"
    refund(ports, OPERATOR, TWO, amount=100, reason="kind", key="k")
    requested(harness)
    ports.gateway.set_status(TWO, "refunded")
    ports.clock.move(hours=2)
    work(harness)
    assert get_refund(harness.stored_booking(FIRST), f"{TWO}-R1").status == "refunded"
