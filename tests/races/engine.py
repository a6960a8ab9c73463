"""DynamoDB Local under the same scenes that the fakes play in, and the bad days that no emulator has by itself."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from pynamodb.connection import Connection

from chalicelib.adapters.dynamodb.bookings import DynamoBookings
from chalicelib.adapters.dynamodb.calls import Writes
from chalicelib.adapters.dynamodb.listings import DynamoListings
from chalicelib.adapters.dynamodb.records import decode_account, decode_booking, decode_listing
from chalicelib.adapters.dynamodb.tables import SALT as SALT_KEY
from chalicelib.adapters.dynamodb.tables import SaltItem
from chalicelib.domain.ids import BookingId, ListingId, PersonId, is_booking_id
from chalicelib.domain.listings.calendar import Night
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from local.stack.emulator.dynamodb_local import ENDPOINT, DynamoDBLocal, NotFetched
from tests.builders import SALT, a_listing
from tests.call_log import CallLog
from tests.dynamo import BOOKINGS, CONFLICT, LISTINGS, admin_client, bind, bindings_restored, drop_tables, make_tables
from tests.fake_stores import Row, Tables
from tests.fakes import Fakes
from tests.harness import Harness
from tests.replacing import replace


@pytest.fixture(scope="session")
def clients() -> Iterator[tuple[Connection, Any]]:
    """The client under test and one of the tests' own, both of one DynamoDB Local."""
    with ExitStack() as opened:
        try:
            engine = opened.enter_context(DynamoDBLocal())
        except NotFetched as absent:
            pytest.skip(str(absent))
        opened.enter_context(bindings_restored())
        patch = opened.enter_context(pytest.MonkeyPatch.context())
        patch.setenv(ENDPOINT, engine.url)
        connection, admin = bind(), admin_client()
        for name in {LISTINGS, BOOKINGS} & set(admin.list_tables()["TableNames"]):
            admin.delete_table(TableName=name)
        yield connection, admin


@pytest.fixture
def tables(clients: tuple[Connection, Any]) -> Iterator[tuple[Connection, Any]]:
    """Tables that are new and empty."""
    make_tables(clients[1])
    yield clients
    drop_tables(clients[1])


class Logged:
    """A real store, whose calls are logged as a fake's are."""

    def __init__(self, port: str, store: object, call_log: CallLog) -> None:
        self._port = port
        self._store = store
        self._call_log = call_log

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._call_log.run_call(f"{self._port}.{name}", args, lambda: method(*args, **kwargs))

        return call


class EngineFakes(Fakes):
    """Fakes, but for the stores, which are the real ones. ``tables`` is read from them each time."""

    def __init__(self, connection: Connection, admin: Any) -> None:
        self._admin = admin
        super().__init__()
        real: Any = DynamoBookings(connection, Writes()), DynamoListings(connection, Writes())
        self.bookings: Any = Logged("bookings", real[0], self.call_log)
        self.listings: Any = Logged("listings", real[1], self.call_log)

    @property
    def tables(self) -> Tables:
        return read_tables(self._admin, bookings=BOOKINGS, listings=LISTINGS)

    @tables.setter
    def tables(self, _: Tables) -> None:
        """Nothing is ever put there by hand."""


class EngineHarness(Harness):
    """A harness whose stores are on DynamoDB Local."""

    def __init__(self, connection: Connection, admin: Any, **listing: Any) -> None:
        SaltItem(SALT_KEY, schema=1, salt=SALT).save()
        self.ports = EngineFakes(connection, admin)
        self.listing = a_listing(**listing)
        self.ports.listings.publish(self.listing)
        self.clear_logs()


def read_tables(admin: Any, *, bookings: str, listings: str) -> Tables:
    """All that two real tables hold, in the form in which the fakes hold it."""
    found = Tables()
    for item in _all(admin, bookings):
        key = item["booking_id"]["S"]
        kind, _, rest = key.partition("#")
        if key == SALT_KEY:
            found.salt = item["salt"]["B"]
        elif kind == "ACCOUNT":
            account = decode_account(**_record(item, key))
            found.accounts[PersonId(rest)] = replace(account, version=int(item["version"]["N"]))
        elif kind == "ORPHAN":
            at = item["attention_at"]["S"].partition("#")[0]
            found.orphans[rest] = (Verification("paid"), datetime.fromisoformat(at))
        elif is_booking_id(key):
            found.bookings[BookingId(key)] = _row(item)
    for item in _all(admin, listings):
        listing_id, part = ListingId(item["listing_id"]["S"]), item["part"]["S"]
        if part == "LISTING":
            found.listings[listing_id] = replace(
                decode_listing(**_record(item, listing_id)), version=int(item["version"]["N"])
            )
        else:
            for night in _nights(item, part.removeprefix("MONTH#")):
                found.nights[listing_id, night.date] = night
    return found


def _all(admin: Any, table: str) -> Iterator[dict[str, Any]]:
    for page in admin.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def _row(item: dict[str, Any]) -> Row:
    booking_id = item["booking_id"]["S"]
    booking = replace(decode_booking(**_record(item, booking_id)), version=int(item["version"]["N"]))
    due = datetime.fromisoformat(item["due_at"]["S"]) if "due_at" in item else None
    since, _, kind = item["attention_at"]["S"].partition("#") if "attention_at" in item else ("", "", "")
    return Row(booking, due, kind or None, datetime.fromisoformat(since) if since else booking.created_at)


def _nights(item: dict[str, Any], month: str) -> Iterator[Night]:
    for number in (f"{day:02}" for day in range(1, 32)):
        taken, price, closed = (item.get(f"{what}{number}") for what in "tpc")
        if taken or price or closed:
            money = Money(int(price["N"]), item["currency"]["S"]) if price else None
            yield Night(
                date.fromisoformat(f"{month}-{number}"), int(taken["N"]) if taken else 0, money, closed is not None
            )


@contextmanager
def conflicts(connection: Connection, *, seed: int, share: float = 0.15) -> Iterator[list[str]]:
    """Some of the writes are in another one's way, as AWS says on a hot item and DynamoDB Local never does.

    Which ones is drawn from ``seed``. Yields the operations that were refused so far.
    """
    chance, lock, refused = random.Random(seed), threading.Lock(), []
    events = connection.client.meta.events

    def refuse(model: Any, params: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        if model.name not in ("TransactWriteItems", "PutItem", "UpdateItem"):
            return None
        with lock:
            if chance.random() >= share:
                return None
            refused.append(model.name)
            first = chance.random() < 0.5
        return AWSResponse("", 400, {}, None), _conflict(model.name, first=first)

    events.register_first("before-call.dynamodb", refuse)
    try:
        yield refused
    finally:
        events.unregister("before-call.dynamodb", refuse)


def _conflict(operation: str, *, first: bool) -> dict[str, Any]:
    single = operation != "TransactWriteItems"
    code = f"{CONFLICT}Exception" if single else "TransactionCanceledException"
    error: dict[str, Any] = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPHeaders": {}}}
    if not single:
        error["CancellationReasons"] = [{"Code": CONFLICT if first else "None"}, {"Code": CONFLICT}]
    return error


def _record(item: dict[str, Any], name: str) -> dict[str, Any]:
    return {"record": item["record"]["B"], "form": int(item["schema"]["N"]), "name": name}
