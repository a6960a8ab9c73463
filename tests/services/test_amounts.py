"""A payment of another amount than was asked for: once accepted, what came is what counts, for every sum of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.booking import Booking
from chalicelib.domain.cancellation import back_if_cancelled
from chalicelib.domain.errors import RefundExceedsPayment
from chalicelib.domain.money import Money
from chalicelib.services.access import Principal
from chalicelib.services.cancel import cancel
from chalicelib.services.operators import lists as operators
from chalicelib.services.refunds import refund
from tests.builders import NOW, a_stay
from tests.fakes import Fakes
from tests.harness import GUEST_DAWIT, GUEST_HANNA, HOST_ABEBE, OPERATOR, Harness, booking_id_of

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
PRICE = Money(735_001, "ETB")
FEE = Money(7_000, "ETB")
DAYS = {"all": timedelta(days=6), "half": timedelta(days=2), "nothing": timedelta(hours=23)}
"""Under the moderate policy: what comes back with so much notice."""


@dataclass(frozen=True)
class Row:
    """What was received, what of it went back before, and what a guest, or anybody else, gets by cancelling."""

    received: Money
    before: int
    all: int
    half: int
    nothing: int
    others: int


def etb(received: int, *more: int) -> Row:
    return Row(Money(received, "ETB"), *more)


ROWS = [
    #   received   before      all     half  nothing   others
    etb(735_001, 0, 735_001, 367_501, 0, 735_001),
    etb(735_001, 1, 735_000, 367_501, 0, 735_000),
    etb(735_001, 367_500, 367_501, 367_501, 0, 367_501),
    etb(735_001, 367_501, 367_500, 367_500, 0, 367_500),
    etb(735_001, 735_001, 0, 0, 0, 0),
    etb(735_000, 0, 735_000, 367_501, 0, 735_000),
    etb(300_000, 0, 300_000, 300_000, 0, 300_000),
    etb(300_000, 100_000, 200_000, 200_000, 0, 200_000),
    etb(900_000, 0, 735_001, 367_501, 0, 900_000),
    etb(900_000, 300_000, 600_000, 367_501, 0, 600_000),
    Row(Money(5_001, "USD"), 0, 5_001, 2_501, 0, 5_001),
    Row(Money(5_001, "USD"), 4_000, 1_001, 1_001, 0, 1_001),
    # Of more minor units than the price has, in money that is worth more.
    Row(Money(800_001, "USD"), 0, 800_001, 400_001, 0, 800_001),
]


@pytest.fixture
def harness() -> Any:
    harness = Harness(nightly_price=PRICE, cancellation_policy="moderate")
    yield harness
    harness.check_invariants()


def received(harness: Harness, amount: Money, *, key: str = "first", guest: Principal = GUEST_HANNA) -> Booking:
    """Book one night; so much comes for it, of which the gateway keeps its fee, and waits for a person if it is odd."""
    booking = harness.held_booking(key=key, guest=guest, stay=a_stay(nights=1))
    tx_ref = booking.payments[0].tx_ref
    harness.ports.gateway.pay(tx_ref, amount=amount, fee=FEE)
    harness.webhook(tx_ref)
    return harness.stored_booking(booking)


def accepted(harness: Harness, row: Row) -> Booking:
    booking = received(harness, row.received)
    if booking.payments[0].status == "review":
        operators.resolve_review(harness.ports, OPERATOR, ONE, as_="accept", note="It is enough.")
    if row.before:
        refund(
            harness.ports,
            OPERATOR,
            ONE,
            amount=row.before,
            reason="a broken shower",
            key="before",
            cancel_booking=False,
        )
    booking = harness.stored_booking(booking)
    assert (booking.status, booking.payments[0].facts.received) == ("confirmed", row.received)
    return booking


@pytest.mark.parametrize("share", list(DAYS))
@pytest.mark.parametrize("who", [GUEST_HANNA, HOST_ABEBE, OPERATOR], ids=["guest", "host", "operator"])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_cancelling_gives_back(harness: Harness, ports: Fakes, row: Row, who: Principal, share: str) -> None:
    booking = accepted(harness, row)
    ports.clock.move_to(booking.check_in_at - DAYS[share])
    given = getattr(row, share) if who is GUEST_HANNA else row.others
    cancelled, _ = cancel(ports, who, FIRST, reason="Plans changed.")
    refunds = cancelled.refunds[bool(row.before) :]
    assert [each.amount for each in refunds] == [Money(given, row.received.currency)] * bool(given)


@pytest.mark.parametrize("share", list(DAYS))
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_cancelling_would_give_back_is_told_before_and_until_when(harness: Harness, row: Row, share: str) -> None:
    booking = accepted(harness, row)
    back, changes_at = back_if_cancelled(booking, now=booking.check_in_at - DAYS[share])
    assert back == Money(getattr(row, share), row.received.currency)
    # Where nothing is left, nothing changes.
    until = {"all": timedelta(days=5), "half": timedelta(hours=24)}.get(share)
    assert changes_at == (booking.check_in_at - until if until and row.others else None)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_no_more_goes_back_than_came(harness: Harness, ports: Fakes, row: Row) -> None:
    accepted(harness, row)
    left = row.received.minor - row.before
    with pytest.raises(RefundExceedsPayment):
        refund(ports, HOST_ABEBE, ONE, amount=left + 1, reason="more", key="more", cancel_booking=False)
    if not left:
        with pytest.raises(RefundExceedsPayment):
            refund(ports, HOST_ABEBE, ONE, amount=None, reason="nothing", key="nothing", cancel_booking=False)
        return
    made, _ = refund(ports, HOST_ABEBE, ONE, amount=left, reason="all", key="all", cancel_booking=False)
    assert made.amount == Money(left, row.received.currency)


@pytest.mark.parametrize("amount", sorted({row.received for row in ROWS if row.received != PRICE}, key=str), ids=str)
@pytest.mark.parametrize("how", ["refused", "late", "cancelled"])
def test_money_that_is_not_kept_goes_back_as_it_came(harness: Harness, ports: Fakes, amount: Money, how: str) -> None:
    received(harness, amount)
    if how == "cancelled":
        cancel(ports, GUEST_HANNA, FIRST, reason="Plans changed.")
    elif how == "late":
        harness.advance(hours=1)
        harness.book(key="other", guest=GUEST_DAWIT, stay=a_stay(nights=1, units=4))
    as_: Any = "refund" if how == "refused" else "accept"
    booking, payment = operators.resolve_review(ports, OPERATOR, ONE, as_=as_, note="Seen on the statement.")
    assert booking.status == {"refused": "pending_payment", "late": "expired", "cancelled": "cancelled"}[how]
    assert [each.amount for each in payment.refunds] == [amount]


@pytest.mark.parametrize("row", [row for row in ROWS if not row.before], ids=str)
@pytest.mark.parametrize("part", [0, 1])
def test_all_of_it_that_went_back_at_the_gateway_is_the_refund_of_all(
    harness: Harness, ports: Fakes, row: Row, part: int
) -> None:
    accepted(harness, row)
    refund(ports, OPERATOR, ONE, amount=row.received.minor - part, reason="a flood", key="all", cancel_booking=False)
    # Somebody gave it back in the gateway's dashboard, before ours was posted.
    ports.gateway.set_status(ONE, "refunded")
    harness.webhook(ONE, "charge.refunded")
    payment = harness.stored_payment(ONE)
    assert [each.status for each in payment.refunds] == ["owed" if part else "refunded"]
    assert payment.has_open_reversal == bool(part)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_report_adds_up_what_came(harness: Harness, ports: Fakes, row: Row) -> None:
    accepted(harness, row)
    received(harness, PRICE, key="other", guest=GUEST_DAWIT)
    harness.deliver_outbox()
    sums = {each.currency: each for each in operators.report(ports, OPERATOR, NOW.date(), NOW.date())}
    same = row.received.currency == "ETB"
    own = sums[row.received.currency]
    assert (own.amounts, own.counts) == (
        {"payment": row.received.minor + same * PRICE.minor},
        {"payment": 1 + same},
    )
    # A fee in another currency than the money itself is in none of its sums.
    assert (own.fees, own.fees_unknown) == ((2 * FEE.minor, 0) if same else (0, 1))
