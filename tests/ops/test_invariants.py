"""What does not hold of stored items is found, and named."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.bookings import _booking_item
from chalicelib.adapters.dynamodb.ledger import _line_item
from chalicelib.adapters.dynamodb.listings import _listing_item
from chalicelib.domain.booking import Booking
from chalicelib.domain.finance.ledger import line_of
from chalicelib.domain.lifecycle import due_at
from chalicelib.domain.record import replace
from ops.invariants import Item, broken
from tests.adapters.golden import bookings, raw
from tests.builders import NOW, a_booking, a_listing, cancelled, change_entry, change_payment, opened, paid

STATES = bookings()


def stored(*found: Booking) -> list[Item]:
    return [raw(_booking_item(booking).to_dynamodb_dict()) for booking in found]


def month(taken: int = 1, *, days: Iterable[str] = ("14", "15", "16"), **attributes: Item) -> Item:
    key = {"listing_id": {"S": a_listing().listing_id}, "part": {"S": "MONTH#2027-01"}, "schema": {"N": "2"}}
    return {**key, **{f"t{day}": {"N": str(taken)} for day in days}, **attributes}


def lines(*found: Booking) -> list[Item]:
    """Everything that these bookings promise the ledger."""
    every = [
        line_of(booking, entry, time_zone="Africa/Addis_Ababa")
        for booking in found
        for entry in booking.outbox
        if entry.is_line
    ]
    return [raw(_line_item(line, None).to_dynamodb_dict()) for line in every]


def listings(*months: Item) -> list[Item]:
    return [raw(_listing_item(a_listing()).to_dynamodb_dict()), *months]


@pytest.mark.parametrize("booking", STATES.values(), ids=STATES)
def test_every_state_that_a_booking_can_be_in_is_in_order(booking: Booking) -> None:
    nights = [month(booking.stay.units, days=[f"{day:%d}" for day in booking.held_nights])]
    assert list(broken(stored(booking), listings(*nights), lines(booking))) == []


def test_other_items_are_passed_over() -> None:
    others = [{"booking_id": {"S": name}} for name in ("SALT", "GUEST#hanna", "ORPHAN#GZ4T1B8WCD7K2M9Q-1")]
    city = {"listing_id": {"S": "CITIES"}, "part": {"S": "hawasa"}}
    assert list(broken(others, [city], [{"book": {"S": "TOTALS#2027-01"}, "line": {"S": "14"}}])) == []


def test_nights_that_are_taken_for_nobody_or_not_taken_are_named() -> None:
    booking = opened(a_booking())
    (first, second) = broken(stored(booking), listings(month(days=["13", "14", "15"], p16={"N": "9"})), [])
    assert first.endswith("on 2027-01-13: 1 units are taken, and bookings keep 0")
    assert second.endswith("on 2027-01-16: 0 units are taken, and bookings keep 1")
    gone = cancelled(booking)
    assert len(list(broken(stored(gone), listings(month()), []))) == 3


def test_a_listing_that_is_gone_is_named() -> None:
    booking = opened(a_booking())
    assert list(broken(stored(booking), [month()], [])) == [
        f"{booking.place.listing_id} has bookings, and is not there"
    ]


def test_what_cannot_be_read_is_named() -> None:
    (item,), (listing,) = stored(opened(a_booking())), listings()
    newer = {"schema": {"N": "9"}}
    assert list(broken([item | newer], [listing | newer, month(0, **newer)], [])) == [
        f"{item['booking_id']['S']} cannot be read: form 9",
        f"{listing['listing_id']['S']} cannot be read: form 9",
        f"{listing['listing_id']['S']} MONTH#2027-01 cannot be read: form 9",
    ]


def test_attributes_that_do_not_say_what_the_record_says_are_named() -> None:
    booking = opened(a_booking())
    (item,) = stored(booking)
    assert due_at(booking) is not None
    del item["due_at"]
    assert found(item | {"status": {"S": "confirmed"}}) == [
        "its attribute says confirmed, and its record pending_payment",
        "something is due, and the clock does not know it",
    ]
    (asked,) = stored(STATES["booking_in_review"])
    del asked["attention"]
    assert "a person is needed, and nobody is asked" in found(asked)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"accepted": False}, "was received for nothing, and ETB 0.00 goes back"),
        ({"status": "failed"}, "is failed, and was accepted or refunded"),
        ({"facts": None}, "is completed, and nothing was received"),
    ],
)
def test_money_that_is_not_accounted_for_is_named(changes: dict[str, Any], finding: str) -> None:
    booking = paid(opened(a_booking()))
    payment = booking.payments[0]
    if "facts" in changes:
        changes = {"facts": replace(payment.facts, received=None)}
    (item,) = stored(change_payment(booking, payment.tx_ref, **changes))
    assert any(finding in each for each in found(item))


def test_a_line_that_is_missing_or_belongs_to_nobody_is_named() -> None:
    booking = paid(opened(a_booking()))
    [entry] = [entry for entry in booking.outbox if entry.is_line]
    line_id = f"{booking.payments[0].tx_ref}.payment"
    # Until it is written, it is owed.
    assert list(broken(stored(booking), listings(month()), [])) == []
    written = change_entry(booking, replace(entry, status="sent"), now=NOW)
    assert list(broken(stored(written), listings(month()), [])) == [
        f"{line_id} is not in the ledger, and its booking says that it was written"
    ]
    assert list(broken(stored(written), listings(month()), lines(booking))) == []
    assert list(broken([], listings(), lines(booking))) == [f"{line_id} is in the ledger, and no booking promises it"]
    (line,) = lines(booking)
    assert list(broken(stored(booking), listings(month()), [line | {"schema": {"N": "9"}}])) == [
        f"{line['line']['S']} of the ledger cannot be read: form 9"
    ]


def test_a_history_that_ends_elsewhere_is_named() -> None:
    booking = replace(paid(opened(a_booking())), history=opened(a_booking()).history)
    (item,) = stored(booking)
    assert found(item) == ["its history ends with pending_payment, and it is confirmed"]


def found(item: Item) -> list[str]:
    prefix = item["booking_id"]["S"] + ": "
    every = broken([item], listings(month()), [])
    return [each.removeprefix(prefix) for each in every if each.startswith(prefix)]
