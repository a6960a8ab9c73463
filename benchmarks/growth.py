"""Growth: what a request costs while the tables fill, where heat gathers, and how a backlog drains.

**Cost**: a city fills with listings, and the tables with bookings, on DynamoDB Local; at each size the same requests
are made through the real stores, and their calls, units and items are counted as DynamoDB reports them. **Heat**:
DynamoDB gives a partition 1,000 write and 3,000 read units a second, whatever the table has; from what a booking
writes follows how many a second one listing's month bears, and the shards of ``due``. **Backlog**: the shipped sweep,
with its window and its consumers, on a clock that jumps. Nothing here is a time of this machine's.
"""

from __future__ import annotations

import argparse
import heapq
import math
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import boto3
import msgspec
from botocore.httpsession import URLLib3Session

from chalicelib.adapters import direct
from chalicelib.adapters.dynamodb.bookings import DynamoBookings, _booking_item
from chalicelib.adapters.dynamodb.direct import Answer, DirectConnection
from chalicelib.adapters.dynamodb.ledger import DynamoLedger
from chalicelib.adapters.dynamodb.listings import DynamoListings, _listing_item
from chalicelib.adapters.dynamodb.tables import DAY_SHARDS, DUE_SHARDS, connect
from chalicelib.domain.booking import Booking
from chalicelib.domain.ids import PersonId, derive_listing_id
from chalicelib.domain.lifecycle import due_at, indexed_due_at
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.money import Money
from chalicelib.services.access import Principal
from chalicelib.services.clock.sweep import WINDOW, process_task, sweep
from chalicelib.services.deliver import deliver
from chalicelib.services.ports.queues import Task
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import own_bookings
from chalicelib.services.search import MOST_LISTINGS, Search, search
from local.stack.emulator.dynamodb_local import DynamoDBLocal
from tests.builders import NOW, SALT, a_booking, a_listing
from tests.dynamo import BOOKINGS, LEDGER, LISTINGS, make_tables
from tests.fakes import Fakes
from tests.harness import PUBLIC, Harness

WRITES, READS = 1_000, 3_000
"""The units a second that DynamoDB gives one partition."""
FLAT = 0.10
"""How much a request may grow from the smallest size to the largest."""
PRICED = {"search of 20 with dates"}
"""What prices the whole city, up to MOST_LISTINGS."""


# Cost


@dataclass
class Counting:
    """A client whose calls, units and items are added up, as DynamoDB reports them."""

    client: direct.DirectClient
    calls: int = 0
    units: float = 0
    items: int = 0

    def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        raw = self.client.call(operation, {**arguments, "ReturnConsumedCapacity": "TOTAL"})
        told = msgspec.json.decode(raw)
        consumed = told.get("ConsumedCapacity", [])
        self.calls += 1
        self.units += sum(each["CapacityUnits"] for each in ([consumed] if isinstance(consumed, dict) else consumed))
        answer = _ANSWER.decode(raw)
        batches = answer.get("Responses", {}).values()
        self.items += len(answer.get("Items", ())) + ("Item" in answer) + sum(map(len, batches))
        return answer


_ANSWER = msgspec.json.Decoder(Answer)


@contextmanager
def counted() -> Iterator[tuple[Counting, Any, DirectConnection]]:
    """A DynamoDB Local with empty tables, over a connection whose calls are counted."""
    with DynamoDBLocal() as engine:
        credentials = SimpleNamespace(access_key="x", secret_key="x", token=None)
        client = direct.DirectClient(
            direct.DYNAMODB,
            URLLib3Session(
                timeout=(5, 60), max_pool_connections=16, socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
            ),
            endpoint=engine.url,
            region="us-east-1",
            credentials=lambda: SimpleNamespace(get_frozen_credentials=lambda: credentials),
            agent="growth",
            decode=bytes,
        )
        counting = Counting(client)
        made = DirectConnection(counting)
        connect(listings_table=LISTINGS, bookings_table=BOOKINGS, ledger_table=LEDGER, connection=made)
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
        make_tables(boto3.client("dynamodb", endpoint_url=engine.url, **keys))
        yield counting, client, made


def fill(client: direct.DirectClient, table: str, items: Iterator[dict[str, Any]]) -> None:
    """Put these items, 25 a call, four calls at once."""

    def put(batch: Sequence[dict[str, Any]]) -> None:
        waiting: Any = {table: [{"PutRequest": {"Item": item}} for item in batch]}
        while waiting:
            waiting = msgspec.json.decode(client.call("BatchWriteItem", {"RequestItems": waiting})).get(
                "UnprocessedItems"
            )

    batches = iter(lambda: list(islice(items, 25)), [])
    with ThreadPoolExecutor(4) as pool:
        while some := list(islice(batches, 400)):
            list(pool.map(put, some))


def listings(start: int, end: int) -> Iterator[dict[str, Any]]:
    """Listings of one city, with a price each."""
    for number in range(start, end):
        listing = a_listing(
            listing_id=derive_listing_id(SALT, PersonId("host-many"), str(number)),
            nightly_price=Money(100_000 + number, "ETB"),
        )
        yield cast(dict[str, Any], _listing_item(listing).serialize())


def bookings(start: int, end: int) -> Iterator[dict[str, Any]]:
    """Bookings of many guests, listings and days that need nothing any more."""
    model = _booking_item(a_booking()).serialize()
    for name in ("due_shard", "due_at"):
        model.pop(name, None)
    for number in range(start, end):
        made = NOW - timedelta(minutes=number % 500_000)
        created = f"{made:%Y-%m-%dT%H:%M:%S}.000Z"
        booking_id = f"GZ{number:014X}"
        yield {
            **model,
            "booking_id": {"S": booking_id},
            "guest_id": {"S": f"guest-{number % 100_000}"},
            "created": {"S": created},
            "listing_id": {"S": f"lst_{number % 5_000:016x}"},
            "stay_key": {"S": f"{made:%Y-%m-%d}#{booking_id}"},
            "day": {"S": f"{created[:10]}#{number % DAY_SHARDS}"},
            "email_key": {"S": f"email-{number % 100_000}"},
            "phone_key": {"S": f"phone-{number % 100_000}"},
            "name_key": {"S": f"name-{number % 10_000}"},
        }


def requests(counting: Counting, connection: DirectConnection) -> dict[str, tuple[int, float, int]]:
    """Calls, units and items of each request, made now."""
    ports = Fakes(
        bookings=DynamoBookings(connection), listings=DynamoListings(connection), ledger=DynamoLedger(connection)
    )
    host = PersonId(f"host-{uuid4()}")
    harness = Harness(host_id=host, listing_id=derive_listing_id(SALT, host, "measured"), city="Harar", units=1000)
    harness.ports = ports
    ports.listings.publish(harness.listing)
    ports.bookings.salt()
    guest = Principal(PersonId(f"guest-{uuid4()}"), "hanna.tesfaye@gmail.com")
    check_in = ports.clock.now().date() + timedelta(days=30)
    city = a_listing().city
    found: dict[str, tuple[int, float, int]] = {}
    booked: list[str] = []

    def book() -> None:
        booked.append(harness.book(guest=guest).booking.payments[0].tx_ref)

    def pay() -> None:
        ports.gateway.pay(booked[0])
        harness.webhook(booked[0])

    dated = Search(city, check_in, check_in + timedelta(days=3), guests=2, limit=20)
    every: dict[str, Callable[[], object]] = {
        "search of 20": lambda: search(ports, Search(city, limit=20)),
        "search of 20 with dates": lambda: search(ports, dated),
        "GET listing": lambda: ports.listings.load(harness.listing.listing_id),
        "POST booking": book,
        "webhook, paid": pay,
        "a guest's bookings": lambda: own_bookings(ports, guest, status=None, limit=20, after=None),
        "sweep, nothing due": lambda: ports.bookings.due(NOW - timedelta(days=1), WINDOW),
    }
    for name, request in every.items():
        counting.calls, counting.units, counting.items = 0, 0, 0
        request()
        found[name] = (counting.calls, counting.units, counting.items)
    return found


def grown(sizes: Sequence[tuple[int, int]]) -> dict[tuple[int, int], dict[str, tuple[int, float, int]]]:
    """By the numbers of listings in the city and of bookings: what each request costs then."""
    costs: dict[tuple[int, int], dict[str, tuple[int, float, int]]] = {}
    with counted() as (counting, client, connection):
        before = (0, 0)
        for size in sizes:
            fill(client, LISTINGS, listings(before[0], size[0]))
            fill(client, BOOKINGS, bookings(before[1], size[1]))
            before = size
            costs[size] = requests(counting, connection)
            print(f"{size[0]:,} listings, {size[1]:,} bookings", file=sys.stderr, flush=True)
    return costs


def is_flat(costs: Sequence[tuple[int, float, int]]) -> bool:
    """Whether none of calls, units and items moves by more than FLAT from the smallest size to any other."""
    first = costs[0] if costs else (0, 0.0, 0)
    return all(
        abs(now - then) <= FLAT * max(then, 1) for each in costs[1:] for then, now in zip(first, each, strict=True)
    )


# Heat


MONTH_WRITES = 2
"""What a hold writes into the month of its listing: one item below a kilobyte, in a transaction."""
LISTING_READS = 2
"""What a hold reads of the listing's partition: the listing and its month, consistently."""


def due_writes(paid_after: timedelta | None) -> int:
    """What a booking writes into ``due`` in all its life, paid after so long, or never: one for each entry that is put
    there or taken away, counted over the use cases themselves."""
    harness = Harness()
    ports = harness.ports
    written, entry = 0, None

    def note(now: datetime | None) -> None:
        nonlocal written, entry
        if now != entry:
            written += (entry is not None) + (now is not None)
            entry = now

    save = ports.bookings.save

    def counted_save(before: Booking, after: Booking, listing: Listing | None = None) -> Booking:
        saved = save(before, after, listing)
        note(indexed_due_at(before, after))
        return saved

    ports.bookings.save = counted_save  # type: ignore[method-assign]
    booking = harness.book().booking
    # What the hold wrote; the link's save, which came after it, leaves the index alone.
    note(entry or due_at(booking))
    pays_at = None if paid_after is None else booking.created_at + paid_after
    while True:
        stored = ports.bookings.load(booking.booking_id)
        at = due_at(stored) if stored else None
        if pays_at is not None and (at is None or pays_at <= at):
            ports.clock.move_to(max(pays_at, ports.clock.now()))
            ports.gateway.pay(booking.payments[0].tx_ref)
            harness.webhook(booking.payments[0].tx_ref)
            pays_at = None
        elif at is None:
            return written
        else:
            ports.clock.move_to(max(at, ports.clock.now()))
            process_task(ports, Task(booking.booking_id), public_url=PUBLIC)
        for task in [*ports.queue.letters]:
            deliver(ports, task.booking_id, task.entries, first_delivery=True)
        ports.queue.letters.clear()


LIVES: dict[str, timedelta | None] = {
    "paid at once": timedelta(minutes=1),
    "paid after twenty minutes": timedelta(minutes=20),
    "never paid": None,
}


def shards_for(rate: float, writes: int) -> int:
    """How many shards ``due`` needs for so many bookings a second that write so much there, with a quarter to spare."""
    return math.ceil(rate * writes / (0.75 * WRITES))


def hot_month() -> float:
    """How many holds a second one listing's month bears: its item cannot be split."""
    return min(WRITES / MONTH_WRITES, READS / LISTING_READS)


# Backlog


@dataclass
class Drained:
    """How a backlog went: minutes until all was done, and the most that the gateway saw."""

    minutes: float
    most_at_once: int
    most_a_second: int
    most_waiting: int
    done_twice: int


@dataclass
class _Backlog:
    """The two ports that the sweep needs: bookings that are due, and a queue."""

    waits: dict[str, datetime]
    now: datetime
    queue_of: list[str] = field(default_factory=list)
    noted: int = 0

    def depth(self) -> int:
        return len(self.queue_of)

    def enqueue_reconcile(self, tasks: Sequence[Task]) -> None:
        self.queue_of += [task.booking_id for task in tasks]

    def due(self, now: datetime, limit: int) -> list[str]:
        return list(islice((each for each, at in self.waits.items() if at <= now), limit))

    def note_sweep(self, now: datetime) -> None:
        assert now == self.now
        self.noted += 1


def drain(count: int, *, seconds: float, consumers: int = 10) -> Drained:
    """Let so many bookings that are all due be worked off, each taking so long, most of it at the gateway."""
    begin = NOW
    backlog = _Backlog({f"GZ{number:014X}": begin for number in range(count)}, begin)
    clock = SimpleNamespace(now=lambda: backlog.now)
    ports = cast(
        Ports,
        SimpleNamespace(clock=clock, queue=backlog, bookings=backlog, watch=backlog, observe=lambda *_, **__: None),
    )
    busy: list[tuple[float, str]] = []
    done, twice, most_waiting, at_once = 0, 0, 0, 0
    starts: dict[int, int] = {}
    second = 0.0
    sweeps = 0.0
    taken = 0
    while backlog.waits or busy:
        if second >= sweeps:
            backlog.now = begin + timedelta(seconds=second)
            backlog.queue_of = backlog.queue_of[taken:]
            taken = 0
            sweep(ports)
            sweeps += 60
            most_waiting = max(most_waiting, len(backlog.queue_of))
        while busy and busy[0][0] <= second:
            _, booking_id = heapq.heappop(busy)
            if backlog.waits.pop(booking_id, None) is None:
                twice += 1
            done += 1
        while len(busy) < consumers and taken < len(backlog.queue_of):
            booking_id = backlog.queue_of[taken]
            taken += 1
            if booking_id not in backlog.waits:
                continue  # one read, and nothing to do
            heapq.heappush(busy, (second + seconds, booking_id))
            starts[int(second)] = starts.get(int(second), 0) + 1
        at_once = max(at_once, len(busy))
        has_work = taken < len(backlog.queue_of)
        second = busy[0][0] if busy and (has_work or busy[0][0] < sweeps) and busy[0][0] <= sweeps else sweeps
    return Drained(second / 60, at_once, max(starts.values(), default=0), most_waiting, twice)


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; 1 where a request's cost is not flat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listings", type=int, default=100_000, help="in one city, at most")
    parser.add_argument("--bookings", type=int, default=1_000_000, help="in the table, at most")
    parser.add_argument("--backlog", type=int, default=100_000)
    told = parser.parse_args(arguments)
    sizes = [(max(20, told.listings // divisor), max(20, told.bookings // divisor)) for divisor in (1000, 100, 10, 1)]
    costs = grown(sizes)
    heads = [f"{listed:,} listings, {booked:,} bookings" for listed, booked in sizes]
    print("| calls / units / items | " + " | ".join(heads) + " | |\n|---|" + "---|" * (len(sizes) + 1))
    flat = True
    for name in costs[sizes[0]]:
        each = [costs[size][name] for size in sizes]
        cells = " | ".join(f"{calls} / {units:g} / {items}" for calls, units, items in each)
        bounded = [costs[size][name] for size in sizes if name not in PRICED or size[0] >= MOST_LISTINGS]
        flat &= is_flat(bounded)
        said = (
            "grows" if not is_flat(bounded) else "flat" if is_flat(each) else f"flat from {MOST_LISTINGS} listings on"
        )
        print(f"| {name} | {cells} | {said} |")
    print(f"\nOne listing's month bears {hot_month():.0f} holds a second.\n")
    print(f"| bookings are | writes into `due` | {DUE_SHARDS} shards bear | shards for 100 / 500 / 1,000 a second |")
    print("|---|---|---|---|")
    for kind, paid_after in LIVES.items():
        writes = due_writes(paid_after)
        needed = " / ".join(str(shards_for(rate, writes)) for rate in (100, 500, 1000))
        print(f"| {kind} | {writes} | {DUE_SHARDS * WRITES / writes:.0f} a second | {needed} |")
    print("\n| backlog | drained after | at once at the gateway | started in one second | waiting, most | twice |")
    print("|---|---|---|---|---|---|")
    for name, seconds in (
        ("lapsed holds, 0.5 s each", 0.5),
        ("payments, 1 s each", 1.0),
        ("payments, 12 s each", 12.0),
    ):
        found = drain(told.backlog, seconds=seconds)
        print(
            f"| {told.backlog:,} {name} | {found.minutes / 60:.1f} h | {found.most_at_once} | {found.most_a_second} | "
            f"{found.most_waiting:,} | {found.done_twice} |"
        )
    return int(not flat)


if __name__ == "__main__":
    sys.exit(main())
