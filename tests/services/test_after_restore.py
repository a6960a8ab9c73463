"""The incident: a restore loses three paid bookings, and a refunded one is back as confirmed. All of it is found."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import get_args

import pytest

from chalicelib.domain.booking import Booking, GatewayStatus
from chalicelib.domain.errors import Forbidden, GatewayTimeout, InvalidRequest
from chalicelib.domain.ids import TxRef
from chalicelib.domain.settlement import StatementRow, TransactionPage
from chalicelib.services.operators.after_restore import Recovered, after_restore
from chalicelib.services.operators.attention import acknowledge
from chalicelib.services.operators.lists import attention
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, OPERATOR, Harness
from tests.replacing import replace

HOUR, MS = timedelta(hours=1), timedelta(milliseconds=1)


@pytest.fixture
def harness() -> Harness:
    return Harness(units=20)


@pytest.fixture
def ports(harness: Harness) -> Fakes:
    return harness.ports


def listed(
    booking: Booking, *, by_tx_ref: bool = False, status: str = "paid", at: datetime | None = None
) -> StatementRow:
    [payment] = booking.payments
    return StatementRow(
        reference=payment.facts.provider_reference or "",
        status=status,  # type: ignore[arg-type]
        amount=payment.amount.decimal,
        currency="ETB",
        tx_ref=payment.tx_ref if by_tx_ref else "",
        at=at or booking.created_at,
        payer=booking.contact.email,
    )


def forget(ports: Fakes, *bookings: Booking) -> None:
    """The restore takes these bookings, and their lines, out of the tables."""
    for booking in bookings:
        del ports.tables.bookings[booking.booking_id]
        for line_id in [each for each in ports.tables.lines if each.startswith(booking.booking_id)]:
            del ports.tables.lines[line_id]


def recovered(ports: Fakes, *, dry_run: bool = False) -> list[Recovered]:
    now = ports.clock.now()
    return list(after_restore(ports, OPERATOR, now - 2 * HOUR, now, dry_run=dry_run))


def test_the_incident(harness: Harness, ports: Fakes) -> None:
    kept = harness.confirmed_booking(key="kept")
    refunded = harness.confirmed_booking(key="refunded")
    harness.sweep_and_drain()
    ports.clock.move(hours=5)
    lost = [harness.confirmed_booking(key=f"lost-{number}") for number in range(3)]
    harness.sweep_and_drain()
    rows = tuple(listed(booking, by_tx_ref=number == 0) for number, booking in enumerate(lost))
    forget(ports, *lost)
    # The refund was asked for, and done, in the time that was lost.
    ports.gateway.set_status(refunded.payments[0].tx_ref, "refunded")
    ports.clock.move(minutes=30)
    ports.gateway.listed = [TransactionPage((*rows, listed(kept), listed(refunded)), more=False)]

    would = recovered(ports, dry_run=True)
    assert ports.tables.orphans == {}
    assert [each.subject for each in would if each.outcome == "orphan"] == [
        lost[0].payments[0].tx_ref,
        *(row.reference for row in rows[1:]),
    ]

    found = recovered(ports)
    assert [each.outcome for each in found] == ["orphan"] * 3 + ["verified", "changed"]
    assert "refunded at the gateway" in found[-1].detail
    assert {each.subject for each in found[:3]} == set(ports.tables.orphans)
    assert all("hanna.tesfaye@gmail.com" in each.detail for each in found[:3])
    waiting = attention(ports, OPERATOR, kind=None, limit=20, after=None).items
    assert sorted(item.kind for item in waiting) == ["orphan", "orphan", "orphan", "payment_reversed"]
    # Once more changes nothing, and a person deals with each.
    again = recovered(ports)
    assert [each.outcome for each in again] == ["orphan"] * 3 + ["verified"] * 2
    assert len(ports.tables.orphans) == 3
    for name in list(ports.tables.orphans):
        acknowledge(ports, OPERATOR, f"orphan.{name}", note="The guest has a new booking.")
    assert [item.kind for item in attention(ports, OPERATOR, kind="orphan", limit=20, after=None).items] == []


def test_what_lies_outside_the_window_and_what_nobody_paid_is_left_alone(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    harness.sweep_and_drain()
    forget(ports, booking)
    old = listed(booking, at=ports.clock.now() - 3 * HOUR)
    ports.gateway.listed = [TransactionPage((old, listed(booking, status="failed")), more=True)]
    assert recovered(ports) == []


@pytest.mark.parametrize("status", get_args(GatewayStatus))
@pytest.mark.parametrize(
    ("at", "within"),
    [
        (-2 * HOUR - MS, False), (-2 * HOUR, True), (-HOUR, True), (timedelta(), True), (MS, False),
        # One without a time is looked at.
        (None, True),
    ],
)  # fmt: skip
def test_which_line_of_a_gateways_is_money_that_was_lost(
    ports: Fakes, status: GatewayStatus, at: timedelta | None, *, within: bool
) -> None:
    instant = None if at is None else ports.clock.now() + at
    row = StatementRow(reference="APlost", status=status, amount="1.00", currency="ETB", at=instant)
    ports.gateway.listed = [TransactionPage((row,), more=False)]
    is_money = status in ("paid", "refunded", "reversed")
    assert [each.subject for each in recovered(ports)] == ["APlost"] * (is_money and within)
    assert list(ports.tables.orphans) == ["APlost"] * (is_money and within)


def test_an_attempt_that_was_lost_is_found_though_its_booking_is_there(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    known = listed(booking, by_tx_ref=True)
    lost = replace(known, reference="APlost", tx_ref=TxRef(f"{booking.booking_id}-2"))
    ports.gateway.listed = [TransactionPage((known, lost), more=False)]
    assert [each.subject for each in recovered(ports) if each.outcome == "orphan"] == [lost.tx_ref]


def test_a_line_of_the_ledger_without_its_booking_is_no_payment_of_ours(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    harness.sweep_and_drain()
    del ports.tables.bookings[booking.booking_id]
    ports.gateway.listed = [TransactionPage((listed(booking),), more=False)]
    assert [each.outcome for each in recovered(ports)] == ["orphan"]


def test_a_gateway_that_does_not_answer_is_named(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    ports.clock.move(minutes=1)
    ports.gateway.down = GatewayTimeout("No answer in time.", definitely_not_executed=False)
    found = recovered(ports)
    assert [(each.outcome, each.subject) for each in found] == [
        ("incomplete", "chapa"),
        ("unanswered", TxRef(booking.payments[0].tx_ref)),
    ]
    ports.gateway.down = None
    ports.gateway.listed = [None]
    assert recovered(ports)[0].outcome == "incomplete"


def test_who_may_and_which_window(ports: Fakes) -> None:
    now = ports.clock.now()
    with pytest.raises(Forbidden):
        list(after_restore(ports, GUEST_HANNA, now - HOUR, now, dry_run=True))
    with pytest.raises(InvalidRequest):
        list(after_restore(ports, OPERATOR, now, now, dry_run=True))
