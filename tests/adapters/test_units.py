"""What a booking costs: the bound that the architecture sets, counted from what is really sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from chalicelib.domain.booking import Booking
from chalicelib.domain.ids import PersonId
from chalicelib.domain.lifecycle import due_at
from chalicelib.domain.timing import FIRST_VERIFICATIONS
from chalicelib.services.access import Principal
from chalicelib.services.book import book as services_book
from chalicelib.services.clock.sweep import process_task
from chalicelib.services.deliver import deliver
from chalicelib.services.ports.queues import Task
from tests.dynamo import BOOKINGS, LEDGER, LISTINGS, DynamoBench
from tests.fakes import Fakes
from tests.harness import PUBLIC, Harness, a_request
from tests.units import Meter, size_of

BEFORE_THE_LEDGER = 19
MOST_WRITES, MOST_READS = BEFORE_THE_LEDGER + 4, 5.5
"""Five reads are halves: booking and account before the hold, the host's profile, and for each of two letters whether
its address is written to."""
SLOW_WRITES, SLOW_READS = 37, 7
SOMEBODY = Principal(PersonId(str(uuid4())), "hanna.tesfaye@gmail.com")


def book(harness: Harness) -> Booking:
    return services_book(
        harness.ports,
        SOMEBODY,
        a_request(harness.listing, expected_total=735000, return_url="https://shop.example.et/thanks"),
        key=str(uuid4()),
        public_url=PUBLIC,
        request_id=str(uuid4()),
    ).booking


@pytest.fixture
def harness(bench: DynamoBench) -> Harness:
    """A harness over the real stores, with its listing published, and ids as long as Cognito's and AWS's."""
    harness = Harness(host_id=PersonId(str(uuid4())))
    harness.ports = Fakes(
        bookings=bench.bookings,
        listings=bench.listings,
        hosts=bench.hosts,
        suppressions=bench.suppressions,
        ledger=bench.ledger,
    )
    bench.listings.publish(harness.listing)
    return harness


@pytest.fixture
def meter(bench: DynamoBench, harness: Harness) -> Iterator[Meter]:
    meter = Meter(
        bench.connection, bench.admin, {LISTINGS: "ListingsTable", BOOKINGS: "BookingsTable", LEDGER: "LedgerTable"}
    )
    yield meter
    meter.close()


def test_a_paid_three_night_booking(bench: DynamoBench, harness: Harness, meter: Meter) -> None:
    ports = harness.ports
    # As the container does it: the salt is read once in a process, not once a booking; it was made with the table.
    bench.bookings.salt()
    meter.charges.clear()
    meter.step = "hold"
    ports.run_before("gateway.initialize", lambda: setattr(meter, "step", "link"))
    booking = book(harness)
    [payment] = booking.payments
    assert payment.status == "pending"
    meter.step = "confirm"
    ports.clock.move(minutes=1)
    ports.gateway.pay(payment.tx_ref)
    harness.webhook(payment.tx_ref)
    meter.step = "e-mails"
    ports.clock.move(seconds=1)
    [task] = ports.queue.letters
    assert deliver(ports, task.booking_id, task.entries, first_delivery=True) == 2
    after = ports.bookings.load(booking.booking_id)
    assert after is not None
    assert (after.status, [email.status for email in after.letters]) == ("confirmed", ["sent", "sent"])
    meter.charges.pop()  # this last look was the test's own
    print()
    print(meter.bill())
    assert ports.queue.tasks == []
    added = ("write ledger", "index by_host", "index by_reference", "index by_email", "index by_phone", "index by_name")
    row = sum(charge.writes for charge in meter.charges if charge.what.startswith(added))
    moved = sum(charge.writes for charge in meter.charges if charge.what == "index due")
    # Ledger and search write six; the confirmation, which moved the index of what is due, leaves two of them out.
    print(f"ledger and search {row:g} WRU, index due {moved:g} WRU")
    assert (row, moved) == (6, 2)
    assert meter.writes <= MOST_WRITES
    assert meter.reads <= MOST_READS


def test_a_guest_who_pays_after_twenty_minutes(bench: DynamoBench, harness: Harness, meter: Meter) -> None:
    """Three looks at the gateway, each half a read, a lease and a save, come before the money."""
    ports = harness.ports
    bench.bookings.salt()
    meter.charges.clear()
    meter.step = "hold"
    booking = book(harness)
    [payment] = booking.payments
    meter.step = "looks"
    for _ in FIRST_VERIFICATIONS:
        stored = ports.bookings.load(booking.booking_id)
        meter.charges.pop()  # the test's own look
        assert stored is not None
        ports.clock.move_to(due_at(stored) or ports.clock.now())
        process_task(ports, Task(booking.booking_id), public_url=PUBLIC)
    meter.step = "confirm"
    assert ports.clock.now() < booking.created_at + timedelta(minutes=20)
    ports.clock.move_to(booking.created_at + timedelta(minutes=20))
    ports.gateway.pay(payment.tx_ref)
    harness.webhook(payment.tx_ref)
    meter.step = "e-mails"
    [task] = ports.queue.letters
    assert deliver(ports, task.booking_id, task.entries, first_delivery=True) == 2
    print()
    print(meter.bill())
    assert ports.call_log.count("gateway.verify") == len(FIRST_VERIFICATIONS) + 1
    assert meter.writes <= SLOW_WRITES
    assert meter.reads <= SLOW_READS


def test_a_paid_booking_stays_small(bench: DynamoBench, harness: Harness) -> None:
    """At most one kilobyte, with its history: one write unit for every later save."""
    ports = harness.ports
    booking = book(harness)
    ports.gateway.pay(booking.payments[0].tx_ref)
    harness.webhook(booking.payments[0].tx_ref)
    [task] = ports.queue.letters
    deliver(ports, task.booking_id, task.entries, first_delivery=True)
    item = bench.item(booking.booking_id)
    assert item is not None
    print(f"\n{size_of(item)} bytes")
    assert size_of(item) <= 1024


def test_the_meter_knows_its_rules(bench: DynamoBench, meter: Meter, harness: Harness) -> None:
    """Two for the month, twice its size for the booking, two for the account, one for each index entry."""
    book(harness)
    # One for each item of a batch that is read consistently, half of one for the others, whether it is there or not.
    read = {charge.what: charge.reads for charge in meter.charges if charge.what.endswith("of a batch")}
    assert read == {
        "get booking of a batch": 0.5,
        "get account of a batch": 0.5,
        "get listing of a batch": 1,
        "get month of a batch": 1,
    }
    held = {charge.what: charge.writes for charge in meter.charges if charge.writes}
    assert held["write in a transaction month (1 KB)"] == 2
    assert held["write in a transaction account (1 KB)"] == 2
    for index in ("by_guest", "by_listing", "by_day", "due"):
        assert held[f"index {index}"] == 1
    assert "index attention" not in held
    assert size_of({"ab": {"S": "ሐይቅ"}, "n": {"N": "120"}, "b": {"BOOL": True}}) == 2 + 9 + 1 + 2 + 1 + 1
