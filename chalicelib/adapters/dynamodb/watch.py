"""How the stage fares, on DynamoDB: small items beside the bookings, which expire by themselves.

The counts of five minutes are the attributes of one item, ``COUNTS#2027-01-14T09:35``, each under its own name: adding
some to them is one write unit. ``SWEEP`` says when the clock last ticked, ``CHECK`` how far the day's check is.
``FINDING#…`` is what a check found, on the attention list until a person has dealt with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pynamodb.connection import Connection
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from chalicelib.adapters.dynamodb.bookings import FINDING, acknowledge_item
from chalicelib.adapters.dynamodb.calls import Writes, batch_read, reading
from chalicelib.adapters.dynamodb.records import (
    FORM,
    decode_check,
    decode_finding,
    encode_check,
    encode_finding,
    read_each,
)
from chalicelib.adapters.dynamodb.tables import ASKED, BookingItem, WatchItem, instant_key
from chalicelib.domain.record import replace
from chalicelib.domain.timing import COUNTS_KEPT
from chalicelib.domain.watch.health import Counts
from chalicelib.domain.watch.invariants import Finding
from chalicelib.domain.watch.watching import Check
from chalicelib.services.ports.outcomes import Acknowledgement, VersionLost

COUNTS = "COUNTS#"
SWEEP = "SWEEP"
CHECK = "CHECK"
_NO_COUNTS = {"booking_id", "schema", "expires_at"}


class DynamoWatch:
    """The WatchStore port."""

    def __init__(self, connection: Connection, writes: Writes | None = None) -> None:
        self._connection = connection
        self._writes = writes or Writes()

    def add_counts(self, slot: datetime, counts: Counts) -> None:
        actions: list[Action] = [
            *(Path(name).add(number) for name, number in counts.items()),
            WatchItem.schema.set(FORM),
            WatchItem.expires_at.set(int((slot + COUNTS_KEPT).timestamp())),
        ]
        # No condition: everybody's counts are added up.
        self._writes.one(lambda: WatchItem(_key(slot)).update(actions=actions), lost=VersionLost)

    @reading()
    def counts(self, slots: Sequence[datetime]) -> Mapping[datetime, Counts]:
        by_key = {_key(slot): slot for slot in slots}
        keys = [{"booking_id": {"S": key}} for key in by_key]
        found = batch_read(self._connection, WatchItem.Meta.table_name or "", keys) if keys else ()
        return {
            by_key[item["booking_id"]["S"]]: {
                name: int(value["N"]) for name, value in item.items() if name not in _NO_COUNTS
            }
            for item in found
        }

    def note_sweep(self, at: datetime) -> None:
        actions: list[Action] = [WatchItem.schema.set(FORM), WatchItem.at.set(instant_key(at))]
        # No condition: the last one counts.
        self._writes.one(lambda: WatchItem(SWEEP).update(actions=actions), lost=VersionLost)

    @reading()
    def last_sweep(self) -> datetime | None:
        try:
            return datetime.fromisoformat(WatchItem.get(SWEEP).at)
        except WatchItem.DoesNotExist:
            return None

    @reading()
    def load_check(self) -> Check | None:
        try:
            item = BookingItem.get(CHECK, consistent_read=True)
        except BookingItem.DoesNotExist:
            return None
        return replace(
            decode_check(item.record or b"", form=int(item.schema or 0), name=CHECK), version=int(item.version)
        )

    def save_check(self, check: Check) -> Check:
        after = replace(check, version=check.version + 1)
        item = BookingItem(CHECK, schema=FORM, version=after.version, record=encode_check(after))
        # No other run went on with it since it was loaded; nobody began one, where there was none.
        unchanged = BookingItem.version == check.version if check.version else BookingItem.booking_id.does_not_exist()
        self._writes.one(lambda: item.save(condition=unchanged), lost=VersionLost)
        return after

    def report(self, finding: Finding, now: datetime) -> bool:
        item = BookingItem(
            FINDING + finding.finding_id,
            schema=FORM,
            attention=ASKED,
            attention_at=f"{instant_key(now)}#invariant",
            record=encode_finding(finding),
        )
        try:
            # Once: the first report stands, with its time, also when somebody has dealt with it.
            self._writes.one(lambda: item.save(condition=BookingItem.booking_id.does_not_exist()), lost=VersionLost)
        except VersionLost:
            return False
        return True

    @reading()
    def findings(self, finding_ids: Sequence[str]) -> Mapping[str, Finding]:
        found = {item.booking_id: item for item in BookingItem.batch_get([FINDING + each for each in finding_ids])}
        batch = read_each([each for each in finding_ids if FINDING + each in found], lambda each: _finding(found, each))
        return {finding.finding_id: finding for finding in batch.items}

    def acknowledge_finding(self, finding_id: str, acknowledgement: Acknowledgement) -> Acknowledgement | None:
        return acknowledge_item(self._writes, FINDING + finding_id, acknowledgement)


def _finding(found: Mapping[str, BookingItem], finding_id: str) -> Finding:
    item = found[FINDING + finding_id]
    return decode_finding(item.record or b"", form=int(item.schema or 0), name=finding_id)


def _key(slot: datetime) -> str:
    return f"{COUNTS}{slot.astimezone(UTC):%Y-%m-%dT%H:%M}"
