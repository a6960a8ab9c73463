"""A stage's three tables, as they were at an instant: restored beside the live ones, read, and taken away again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ops.aws import OpsError
from ops.invariants import Item

Tell = Callable[[str], None]
"""Tells a person what was done."""


@dataclass(frozen=True)
class Tables:
    """The names of a stage's tables, or of those restored from them."""

    listings: str
    bookings: str
    ledger: str

    def __iter__(self) -> Iterator[str]:
        return iter((self.listings, self.bookings, self.ledger))

    def beside(self, suffix: str) -> Tables:
        """The names of the tables that are restored from these."""
        return Tables(*(f"{name}-{suffix}" for name in self))


def tables_of(outputs: dict[str, str]) -> Tables:
    """The tables that a stage uses."""
    return Tables(*(outputs[f"{name}TableName"] for name in ("Listings", "Bookings", "Ledger")))


def latest_instant(dynamodb: Any, tables: Tables) -> datetime:
    """The newest instant that all tables can be restored to. Raises OpsError where one keeps no past."""
    newest: list[datetime] = []
    for name in tables:
        told = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = told.get("PointInTimeRecoveryDescription", {})
        if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
            raise OpsError(f"{name} has no point-in-time recovery: it cannot be restored.")
        newest.append(recovery["LatestRestorableDateTime"])
    return min(newest)


def restore(dynamodb: Any, tables: Tables, target: Tables, *, at: datetime, pause: float) -> None:
    """Make the target tables, each as its table was at that instant; wait for all.

    They are made at the same time, since AWS takes as long for an empty table as for one of some gigabytes.
    """
    for name, made in zip(tables, target, strict=True):
        dynamodb.restore_table_to_point_in_time(SourceTableName=name, TargetTableName=made, RestoreDateTime=at)
    for made in target:
        while _status(dynamodb, made) != "ACTIVE":
            time.sleep(pause)


def items(dynamodb: Any, table: str) -> Iterator[Item]:
    """Every item of a table, strongly consistent."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def delete(dynamodb: Any, tables: Tables, *, pause: float) -> None:
    """Delete those of these tables that are there; one that is still being made can be deleted once it is."""
    for name in tables:
        while (status := _status(dynamodb, name)) == "CREATING":
            time.sleep(pause)
        if status is not None:
            dynamodb.delete_table(TableName=name)


@contextmanager
def timed(tell: Tell, step: str) -> Iterator[None]:
    """Tell how long a step took, once it is done."""
    began = time.monotonic()
    yield
    tell(f"{time.monotonic() - began:8.1f} s  {step}")


def instant(text: str) -> datetime:
    """An instant that a person names: 2026-11-26T10:00:00Z. Raises ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant names its zone: 2026-11-26T10:00:00Z")
    return at.astimezone(UTC)


def _status(dynamodb: Any, table: str) -> str | None:
    try:
        status: str = dynamodb.describe_table(TableName=table)["Table"]["TableStatus"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return None
    return status
