"""The real stores over an emulated DynamoDB, made from the template; and a way to look, or get in, between.

``Wire`` listens on the one client that both stores share: it notes each request, and can answer one itself (with
what AWS would say on a bad day, which no emulator ever does), lose an answer, or have it sent again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from moto.core.responses import BaseResponse  # noqa: F401 - moto must be there before the first client is made
from pynamodb.connection import Connection
from pynamodb.models import Model

from chalicelib.adapters.dynamodb import tables
from chalicelib.adapters.dynamodb.bookings import DynamoBookings
from chalicelib.adapters.dynamodb.calls import Writes
from chalicelib.adapters.dynamodb.closings import DynamoClosings
from chalicelib.adapters.dynamodb.erasures import DynamoErasures
from chalicelib.adapters.dynamodb.hosts import DynamoHosts
from chalicelib.adapters.dynamodb.ledger import DynamoLedger
from chalicelib.adapters.dynamodb.listings import DynamoListings
from chalicelib.adapters.dynamodb.suppressions import DynamoSuppressions
from chalicelib.adapters.dynamodb.tables import connect
from chalicelib.adapters.dynamodb.watch import DynamoWatch
from chalicelib.domain.ids import BookingId, ListingId
from chalicelib.domain.listings.calendar import Night
from chalicelib.services.ports.bookings import BookingStore
from chalicelib.services.ports.ledger import LedgerStore
from chalicelib.services.ports.listings import ClosingStore, ListingStore
from chalicelib.services.ports.people import ErasureStore, HostStore, SuppressionStore
from chalicelib.services.ports.watch import WatchStore
from local.stack.emulator.resources import create_table

PREFIX = "guzo"
LISTINGS, BOOKINGS, LEDGER = f"{PREFIX}-listings", f"{PREFIX}-bookings", f"{PREFIX}-ledger"
CONFLICT = "TransactionConflict"
FAILED = "ConditionalCheckFailed"
NONE = "None"


@dataclass(frozen=True)
class Request:
    """One request as it was sent: the operation and its parsed body."""

    operation: str
    body: dict[str, Any]


Answer = tuple[AWSResponse, dict[str, Any]]


class Wire:
    """What goes over one DynamoDB client."""

    def __init__(self, connection: Connection) -> None:
        self.requests: list[Request] = []
        self._answers: list[tuple[str, Answer]] = []
        self._lost: list[str] = []
        self._resent: list[str] = []
        self._events = connection.client.meta.events
        self._listeners: list[tuple[str, Callable[..., Any]]] = [
            ("before-call.dynamodb", self._before),
            ("after-call.dynamodb", self._after),
            ("needs-retry.dynamodb", self._retry),
        ]
        for event, listener in self._listeners:
            self._events.register_first(event, listener)

    def close(self) -> None:
        for event, listener in self._listeners:
            self._events.unregister(event, listener)

    @property
    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]

    def refuse(self, operation: str, code: str, *, reasons: Iterable[str] = (), times: int = 1) -> None:
        """DynamoDB answers the next ``times`` calls of ``operation`` with this error, and does nothing."""
        error: dict[str, Any] = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPHeaders": {}}}
        if reasons:
            error["CancellationReasons"] = [{"Code": reason} for reason in reasons]
        self._answers += [(operation, (AWSResponse("", 400, {}, None), error))] * times

    def answer(self, operation: str, answer: dict[str, Any]) -> None:
        """DynamoDB answers the next call of ``operation`` with this."""
        self._answers.append((operation, (AWSResponse("", 200, {}, None), answer)))

    def cancel(self, *reasons: str, times: int = 1) -> None:
        """The next transactions are cancelled for these reasons, one for each item."""
        self.refuse("TransactWriteItems", "TransactionCanceledException", reasons=reasons, times=times)

    def lose_answer(self, operation: str) -> None:
        """The next ``operation`` is done, but the client only sees a time-out."""
        self._lost.append(operation)

    def send_again(self, operation: str) -> None:
        """The next ``operation`` is done, its answer is lost, and botocore sends the same request once more."""
        self._resent.append(operation)

    def _before(self, model: Any, params: dict[str, Any], **_: Any) -> Answer | None:
        self.requests.append(Request(model.name, json.loads(params["body"])))
        for place, (operation, answer) in enumerate(self._answers):
            if operation == model.name:
                del self._answers[place]
                return answer
        return None

    def _after(self, model: Any, **_: Any) -> None:
        if model.name in self._lost:
            self._lost.remove(model.name)
            raise ReadTimeoutError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")

    def _retry(self, operation: Any, **_: Any) -> float | None:
        if operation.name in self._resent:
            self._resent.remove(operation.name)
            return 0
        return None


class DynamoBench:
    """The stores under test, over tables that are new and empty."""

    def __init__(self, connection: Connection, admin: Any) -> None:
        self.connection = connection
        self.admin = admin
        self.slept: list[float] = []
        self.writes = Writes(sleep=self.slept.append, jitter=lambda: 0.5)
        self.bookings: BookingStore = DynamoBookings(connection, self.writes)
        self.listings: ListingStore = DynamoListings(connection, self.writes)
        self.closings: ClosingStore = DynamoClosings(self.writes)
        self.erasures: ErasureStore = DynamoErasures(self.writes)
        self.hosts: HostStore = DynamoHosts(self.writes)
        self.ledger: LedgerStore = DynamoLedger(connection, self.writes)
        self.suppressions: SuppressionStore = DynamoSuppressions(self.bookings.salt, self.writes)

        self.watch: WatchStore = DynamoWatch(connection, self.writes)

    def another(self) -> BookingStore:
        return DynamoBookings(self.connection, self.writes)

    def put_night(self, listing_id: ListingId, night: Night) -> None:
        """Make the night what it is said to be, whatever it was."""
        day = night.date.strftime("%d")
        part = f"MONTH#{night.date:%Y-%m}"
        found = self.listing_item(listing_id, part)
        item = {name: value for name, value in found.items() if name not in (f"t{day}", f"p{day}", f"c{day}")}
        item |= {"listing_id": {"S": listing_id}, "part": {"S": part}, "schema": {"N": "1"}}
        if night.taken:
            item[f"t{day}"] = {"N": str(night.taken)}
        if night.price:
            item |= {f"p{day}": {"N": str(night.price.minor)}, "currency": {"S": night.price.currency}}
        if night.closed:
            item[f"c{day}"] = {"BOOL": True}
        self.admin.put_item(TableName=LISTINGS, Item=item)

    def listing_item(self, listing_id: ListingId, part: str) -> dict[str, Any]:
        """One raw item of the listings table; empty when it is not there."""
        key = {"listing_id": {"S": listing_id}, "part": {"S": part}}
        found: dict[str, Any] = self.admin.get_item(TableName=LISTINGS, Key=key, ConsistentRead=True).get("Item", {})
        return found

    def item(self, key: str) -> dict[str, Any] | None:
        """One raw item of the bookings table."""
        return self.admin.get_item(TableName=BOOKINGS, Key={"booking_id": {"S": key}}).get("Item")

    def items(self) -> list[dict[str, Any]]:
        """Every raw item of all tables."""
        return [item for _, item in self.items_by_table()]

    def items_by_table(self) -> list[tuple[str, dict[str, Any]]]:
        """Every raw item, with its table's name."""
        names = (BOOKINGS, LISTINGS, LEDGER)
        return [(table, item) for table in names for item in self.admin.scan(TableName=table)["Items"]]

    def failures(self, booking_id: BookingId) -> int | None:
        item = self.item(booking_id)
        return None if item is None else int(item.get("failures", {}).get("N", 0))

    def make_unreadable(self, booking_id: BookingId) -> None:
        """The booking's record is broken from now on; its other attributes stay."""
        item = self.item(booking_id)
        assert item is not None
        self.admin.put_item(TableName=BOOKINGS, Item=item | {"record": {"B": b"broken"}})

    def remove(self, booking_id: BookingId) -> None:
        self.admin.delete_item(TableName=BOOKINGS, Key={"booking_id": {"S": booking_id}})


def make_tables(admin: Any) -> None:
    for logical_id in ("ListingsTable", "BookingsTable", "LedgerTable"):
        create_table(admin, PREFIX, logical_id)


def drop_tables(admin: Any) -> None:
    for name in (LISTINGS, BOOKINGS, LEDGER):
        admin.delete_table(TableName=name)


def admin_client() -> Any:
    """A client of the tests' own, beside the one under test: nothing that it does is counted."""
    return boto3.client("dynamodb")


def bind() -> Connection:
    """Bind the models to the tables, with their client made now."""
    connection = connect(listings_table=LISTINGS, bookings_table=BOOKINGS, ledger_table=LEDGER)
    _ = connection.client
    return connection


@contextmanager
def bindings_restored() -> Iterator[None]:
    """What is bound meanwhile is bound no longer: the models belong to the whole process."""
    models: list[Any] = [
        each
        for each in vars(tables).values()
        if isinstance(each, type) and issubclass(each, Model) and each is not Model
    ]
    before = [model._connection for model in models]
    try:
        yield
    finally:
        for model, connection in zip(models, before, strict=True):
            model._connection = connection
