"""Calls to DynamoDB: a write is repeated after a conflict or throttling, with jitter, and after nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import random
from typing import Any, TypeVar
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.connection import Connection
from pynamodb.exceptions import GetError, PynamoDBException, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from chalicelib.domain.timing import DYNAMODB_CONFLICT_PAUSE
from chalicelib.services.ports.outcomes import Page, StoreBusy

T = TypeVar("T")

TRIES = 6
"""How often a write is tried while it conflicts with another write, or DynamoDB throttles."""

BATCH = 100
"""How many keys one BatchGetItem may have."""

AT_ONCE = 4
"""How many batches are read at once: a search of a big city waits for three rounds of calls, not for ten."""

Item = dict[str, dict[str, Any]]
"""An item in DynamoDB's own form: each value under its type."""

_CONDITION = {"ConditionalCheckFailed", "ConditionalCheckFailedException"}
_INCONCLUSIVE = {
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
    "ThrottlingError",
    "ThrottlingException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
}
"""Codes after which it is not known whether the conditions hold: the write is repeated, after a pause with jitter."""


class _Inconclusive(Exception):
    """The write conflicted with another one, or the table throttled: whether its conditions hold is not known."""


class Writes:
    """Conditional writes, each repeated after a conflict or throttling, with jitter. Raises StoreBusy after TRIES."""

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep, jitter: Callable[[], float] = random) -> None:
        self._sleep = sleep
        self._jitter = jitter

    def one(self, write: Callable[[], object], *, lost: type[Exception]) -> None:
        """One conditional write; ``lost`` is raised when its condition does not hold."""

        def attempt() -> None:
            try:
                write()
            except PynamoDBException as error:
                if _code(error) in _CONDITION:
                    raise lost from error
                _raise(error)

        self._tried(attempt)

    def all(
        self, connection: Connection, fill: Callable[[TransactWrite], None], lost: Sequence[type[Exception]]
    ) -> None:
        """One transaction. ``lost[i]`` is raised when the condition of the i-th item fails, the first in that order.

        The last of ``lost`` stands for all items that follow.
        """
        # One token for all tries of botocore: a try whose response was lost does not become a second transaction.
        token = uuid4().hex

        def attempt() -> None:
            try:
                with TransactWrite(connection=connection, client_request_token=token) as transaction:
                    fill(transaction)
            except TransactWriteError as error:
                codes = [reason.code if reason else "" for reason in error.cancellation_reasons]
                # First what is certain about the first item (it exists, its version is lost); then what proves
                # nothing; then the rest in order.
                if codes and codes[0] in _CONDITION:
                    raise lost[0] from error
                if any(code in _INCONCLUSIVE for code in codes):
                    raise _Inconclusive from error
                for position, code in enumerate(codes):
                    if code in _CONDITION:
                        raise lost[min(position, len(lost) - 1)] from error
                _raise(error)

        self._tried(attempt)

    def _tried(self, attempt: Callable[[], None]) -> None:
        for tries in range(TRIES):
            try:
                return attempt()
            except _Inconclusive:
                self._sleep(self._jitter() * DYNAMODB_CONFLICT_PAUSE.total_seconds() * 2**tries)
        raise StoreBusy("the store stayed busy")


def _raise(error: PynamoDBException) -> None:
    if _code(error) in _INCONCLUSIVE:
        raise _Inconclusive from error
    raise _busy(error) from error


def _busy(error: PynamoDBException) -> StoreBusy:
    return StoreBusy(f"the store failed: {_code(error) or type(error.cause).__name__}")


def _code(error: PynamoDBException) -> str | None:
    """DynamoDB's own code; None without an answer: botocore's time-outs have a ``response`` that is None."""
    response = getattr(error.cause, "response", None) or {}
    code: str | None = response.get("Error", {}).get("Code")
    return code


@contextmanager
def reading() -> Iterator[None]:
    """Raise StoreBusy for a read that DynamoDB did not answer, as for a write."""
    try:
        yield
    except PynamoDBException as error:
        raise _busy(error) from error


def read_together(
    connection: Connection, keys: Mapping[str, Sequence[Item]], *, eventual: Collection[str] = ()
) -> dict[str, list[Item]]:
    """The items of these few keys that are there, by table, in one call: consistent, but for ``eventual`` tables.

    DynamoDB may leave some of them for another call, or all of them where it throttles: raises StoreBusy.
    """
    found: dict[str, list[Item]] = {table: [] for table in keys}
    waiting: Any = {
        table: {"Keys": list(of), "ConsistentRead": table not in eventual} for table, of in keys.items() if of
    }
    while waiting:
        answer = _batch_get(connection, waiting)
        for table, items in answer["Responses"].items():
            found[table] += items
        if answer.get("UnprocessedKeys") == waiting:
            raise StoreBusy("the store left all of a batch for later")
        waiting = answer.get("UnprocessedKeys")
    return found


def _batch_get(connection: Connection, asked: Any) -> dict[str, Any]:
    """PynamoDB's own batch reads one table."""
    try:
        return dict(connection.dispatch("BatchGetItem", {"RequestItems": asked}))
    except (BotoCoreError, ClientError) as error:
        raise GetError("Failed to batch get items", error) from error


def batch_read(
    connection: Connection, table_name: str, keys: Sequence[Item], *, consistent: bool = True
) -> Iterator[Item]:
    """Every item of these keys that is there, in no order: 100 keys a call, and some calls at once.

    DynamoDB may leave some keys for another call; one that brings nothing at all is throttled: raises StoreBusy.
    """

    def read(batch: Any) -> Any:
        return connection.batch_get_item(table_name, batch, consistent_read=consistent)

    waiting = list(keys)
    while waiting:
        batches = [waiting[start : start + BATCH] for start in range(0, len(waiting), BATCH)]
        for batch, answer in zip(batches, _side_by_side(read, batches), strict=True):
            yield from answer["Responses"].get(table_name, ())
            left = answer.get("UnprocessedKeys", {}).get(table_name, {}).get("Keys", [])
            if len(left) == len(batch):
                raise StoreBusy("the store left all of a batch for later")
            waiting = waiting[len(batch) :] + left


def _side_by_side(read: Callable[[Any], T], batches: Sequence[Any]) -> list[T]:
    """What each of these calls answers, in their order; a single one needs no thread."""
    if len(batches) == 1:
        return [read(batches[0])]
    with ThreadPoolExecutor(min(len(batches), AT_ONCE)) as pool:
        return list(pool.map(read, batches))


@reading()
def page_of(
    index: Any,
    key: str,
    read: Callable[[Any], T],
    *,
    limit: int,
    after: str | None,
    newest_first: bool = False,
    range_condition: Condition | None = None,
    consistent: bool = False,
) -> Page[T]:
    """One page of an index or a partition, each item as ``read`` makes it; its cursor is the last key as JSON."""
    results = index.query(
        key,
        range_condition,
        scan_index_forward=not newest_first,
        limit=limit,
        page_size=limit,
        consistent_read=consistent,
        last_evaluated_key=json.loads(after) if after else None,
    )
    items = tuple(read(item) for item in results)
    last = results.last_evaluated_key
    return Page(items, json.dumps(last, separators=(",", ":")) if last else None)
