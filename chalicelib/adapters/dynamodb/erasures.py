"""Erasures on DynamoDB, and how far contacts have expired: small items in the bookings' index of what is due."""

from __future__ import annotations

from datetime import datetime

from chalicelib.adapters.dynamodb.calls import Writes, reading
from chalicelib.adapters.dynamodb.records import FORM, decode_erasure, decode_expiry, encode_erasure, encode_expiry
from chalicelib.adapters.dynamodb.tables import DUE_SHARDS, ErasureItem, instant_key
from chalicelib.domain.ids import shard_of
from chalicelib.domain.people.erasure import Erasure, erasure_task
from chalicelib.domain.people.expiry import TASK, Expiry
from chalicelib.domain.record import replace
from chalicelib.domain.timing import ACCESS_KEPT
from chalicelib.services.ports.outcomes import VersionLost


class DynamoErasures:
    """The ErasureStore port, over the tables that ``connect`` has bound."""

    def __init__(self, writes: Writes | None = None) -> None:
        self._writes = writes or Writes()

    @reading()
    def load(self, erasure_id: str) -> Erasure | None:
        name = erasure_task(erasure_id)
        if (item := _item(name)) is None:
            return None
        erasure = decode_erasure(item.record or b"", form=int(item.schema or 0), name=name)
        return replace(erasure, version=int(item.version or 0))

    def save(self, erasure: Erasure) -> Erasure:
        after = replace(erasure, version=erasure.version + 1)
        ends = None if after.finished_at is None else int((after.finished_at + ACCESS_KEPT).timestamp())
        name = erasure_task(erasure.erasure_id)
        self._put(name, encode_erasure(after), erasure.version, due_at=after.due_at, expires_at=ends)
        return after

    @reading()
    def expiry(self) -> Expiry | None:
        if (item := _item(TASK)) is None:
            return None
        expiry = decode_expiry(item.record or b"", form=int(item.schema or 0), name=TASK)
        return replace(expiry, version=int(item.version or 0))

    def save_expiry(self, expiry: Expiry) -> Expiry:
        after = replace(expiry, version=expiry.version + 1)
        self._put(TASK, encode_expiry(after), expiry.version, due_at=after.due_at, expires_at=None)
        return after

    def _put(self, name: str, record: bytes, version: int, *, due_at: datetime | None, expires_at: int | None) -> None:
        item = ErasureItem(
            name,
            schema=FORM,
            version=version + 1,
            due_shard=None if due_at is None else str(shard_of(name, DUE_SHARDS)),
            due_at=None if due_at is None else instant_key(due_at),
            record=record,
            expires_at=expires_at,
        )
        # Nobody saved since this one was loaded; nobody made it, where there was none.
        unchanged = ErasureItem.version == version if version else ErasureItem.booking_id.does_not_exist()
        self._writes.one(lambda: item.save(condition=unchanged), lost=VersionLost)


def _item(name: str) -> ErasureItem | None:
    try:
        return ErasureItem.get(name, consistent_read=True)
    except ErasureItem.DoesNotExist:
        return None
