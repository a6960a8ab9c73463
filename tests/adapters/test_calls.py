"""How many calls of DynamoDB each use case makes: each costs a warm function more than all of its own code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from chalicelib.domain.ids import PersonId, derive_listing_id
from chalicelib.services.deliver import deliver
from chalicelib.services.search import Search, search
from tests.builders import SALT
from tests.dynamo import DynamoBench, Wire
from tests.fakes import Fakes
from tests.harness import Harness
from tests.replacing import replace

LISTINGS = 20


@pytest.fixture
def harness(bench: DynamoBench) -> Harness:
    """A harness over the real stores, with its listing published and the salt made, as in a warm function."""
    harness = Harness()
    harness.ports = Fakes(
        bookings=bench.bookings,
        listings=bench.listings,
        hosts=bench.hosts,
        suppressions=bench.suppressions,
        ledger=bench.ledger,
    )
    bench.listings.publish(harness.listing)
    bench.bookings.salt()
    return harness


@pytest.fixture
def wire(bench: DynamoBench, harness: Harness) -> Iterator[Wire]:
    wire = Wire(bench.connection)
    yield wire
    wire.close()


def test_a_booking_is_one_read_one_transaction_and_its_link(harness: Harness, wire: Wire) -> None:
    harness.book()
    assert wire.operations == ["BatchGetItem", "TransactWriteItems", "PutItem"]


def test_a_repeated_booking_is_found_and_read_as_it_stands(harness: Harness, wire: Wire) -> None:
    harness.book()
    wire.requests.clear()
    assert harness.book().replayed
    assert wire.operations == ["BatchGetItem", "GetItem"]


def test_a_paid_webhook_is_two_writes_and_a_repeated_one_at_most_as_many(harness: Harness, wire: Wire) -> None:
    tx_ref = harness.book().booking.payments[0].tx_ref
    harness.ports.gateway.pay(tx_ref)
    for _ in range(2):
        wire.requests.clear()
        harness.webhook(tx_ref)
        assert wire.operations == ["UpdateItem", "PutItem"]


def test_letters_read_booking_host_and_addresses_and_write_the_count_the_line_and_the_mark(
    harness: Harness, wire: Wire
) -> None:
    tx_ref = harness.book().booking.payments[0].tx_ref
    harness.ports.gateway.pay(tx_ref)
    harness.webhook(tx_ref)
    [task] = harness.ports.queue.letters
    wire.requests.clear()
    assert deliver(harness.ports, task.booking_id, task.entries, first_delivery=True) == 2
    booking, host_and_addresses, count, line, mark = "GetItem", "BatchGetItem", "UpdateItem", "PutItem", "PutItem"
    assert wire.operations == [booking, host_and_addresses, count, line, mark]


def test_a_search_of_twenty_with_dates_is_two_reads(bench: DynamoBench, harness: Harness, wire: Wire) -> None:
    for number in range(LISTINGS - 1):
        listing_id = derive_listing_id(SALT, PersonId("host-2"), f"{number}")
        bench.listings.publish(replace(harness.listing, listing_id=listing_id))
    wire.requests.clear()
    check_in = harness.ports.clock.now().date() + timedelta(days=30)
    found = search(
        harness.ports,
        Search(harness.listing.city, check_in, check_in + timedelta(days=3), guests=2, limit=LISTINGS),
    )
    assert len(found.items) == LISTINGS
    assert wire.operations == ["Query", "BatchGetItem"]
