"""Write what is stored as lines of JSON: `make export STAGE=prod [ARGS="--to FOLDER --since 2026-11-01"]`.

A stored record is deflated with a dictionary of ours, which no query engine reads; this reads the tables, consistently
but not at one instant, and writes one file a day for the ledger (by the day on which money moved) and one for bookings
(by the day, in UTC, on which they were made). A day is always written whole. There is nothing personal in it: no guest,
no contact. Without a folder it goes to the stage's bucket (`Analytics=on`), where Athena reads it: docs/analytics.md.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from chalicelib.adapters.dynamodb.ledger import LINES
from chalicelib.adapters.dynamodb.records import decode_booking, decode_line
from chalicelib.domain.booking import Booking
from chalicelib.domain.finance.ledger import LedgerLine
from chalicelib.domain.ids import is_booking_id
from chalicelib.services.ports.outcomes import Unreadable
from ops.aws import OpsError, deployed_stack, outputs_of, run
from ops.invariants import Item
from ops.stages.tables import items, tables_of

Row = dict[str, Any]
Put = Callable[[str, bytes], None]
"""Keeps a file under a name: ledger/day=2027-01-14/lines.json.gz"""


def main(arguments: list[str] | None = None) -> int:
    """Run `make export`; return the exit code: 1 when something could not be read."""
    parser = argparse.ArgumentParser(prog="make export", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="write there, and not to the stage's bucket")
    parser.add_argument(
        "--since", type=date.fromisoformat, default=date.min, metavar="DAY", help="leave out days before"
    )
    told = parser.parse_args(arguments)

    def command(session: Any) -> int:
        outputs = outputs_of(deployed_stack(session, told.stage))
        put = into_folder(told.to) if told.to else into_bucket(session, outputs.get("AnalyticsBucketName"))
        unreadable = export(session, outputs, put, since=told.since)
        for name in unreadable:
            print(f"✗ {name} cannot be read by this release, and is left out")
        return int(bool(unreadable))

    return run(command)


def export(session: Any, outputs: dict[str, str], put: Put, *, since: date = date.min) -> list[str]:
    """Write every day from ``since`` on; return what could not be read."""
    dynamodb, tables = session.client("dynamodb"), tables_of(outputs)
    unreadable: list[str] = []
    _write("ledger", _rows(items(dynamodb, tables.ledger), ledger_row, unreadable), put, since)
    _write("bookings", _rows(items(dynamodb, tables.bookings), booking_row, unreadable), put, since)
    return unreadable


def into_folder(folder: Path) -> Put:
    """Keep files in a folder."""

    def put(name: str, content: bytes) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return put


def into_bucket(session: Any, bucket: str | None) -> Put:
    """Keep files in a bucket. Raises OpsError where the stage has none."""
    if bucket is None:
        raise OpsError(
            "The stage has no bucket for this: deploy it with PARAMETERS=Analytics=on, or name a folder: --to"
        )
    s3 = session.client("s3")
    return lambda name, content: s3.put_object(Bucket=bucket, Key=name, Body=content)


def ledger_row(item: Item) -> Row | None:
    """A line of the ledger as columns; None for another item. Raises Unreadable."""
    if not item["book"]["S"].startswith(LINES):
        return None
    line = decode_line(bytes(item["record"]["B"]), form=int(item["schema"]["N"]), name=item["line"]["S"])
    return of_line(line)


def of_line(line: LedgerLine) -> Row:
    """The columns of a line of the ledger."""
    return {
        "day": line.day.isoformat(),
        "line_id": line.line_id,
        "kind": line.kind,
        "at": line.at.isoformat(),
        "gross_minor": line.gross.minor,
        "fee_minor": line.fee.minor if line.fee else None,
        "net_minor": line.net.minor if line.net else None,
        "currency": line.gross.currency,
        "gateway": line.gateway,
        "mode": line.mode,
        "booking_id": line.booking_id,
        "tx_ref": line.tx_ref,
        "refund_id": line.refund_id,
        "listing_id": line.listing_id,
        "host_id": line.host_id,
        "counts_on": line.counts_on.isoformat(),
        "provider_reference": line.provider_reference,
    }


def booking_row(item: Item) -> Row | None:
    """A booking as columns; None for another item. Raises Unreadable."""
    name = item["booking_id"]["S"]
    if not is_booking_id(name):
        return None
    return of_booking(decode_booking(bytes(item["record"]["B"]), form=int(item["schema"]["N"]), name=name))


def of_booking(booking: Booking) -> Row:
    """The columns of a booking."""
    return {
        "day": booking.created_at.date().isoformat(),
        "booking_id": booking.booking_id,
        "status": booking.status,
        "created_at": booking.created_at.isoformat(),
        "listing_id": booking.place.listing_id,
        "host_id": booking.place.host_id,
        "city": booking.place.city,
        "check_in": booking.stay.check_in.isoformat(),
        "check_out": booking.stay.check_out.isoformat(),
        "nights": len(booking.stay.dates),
        "units": booking.stay.units,
        "guests": booking.stay.guests,
        "total_minor": booking.total.minor,
        "currency": booking.total.currency,
        "language": booking.language,
        "paid": booking.was_paid,
        "refunded_minor": sum(refund.amount.minor for refund in booking.refunds if refund.status == "refunded"),
    }


def _rows(found: Iterable[Item], columns: Callable[[Item], Row | None], unreadable: list[str]) -> Iterator[Row]:
    for item in found:
        try:
            row = columns(item)
        except Unreadable as error:
            unreadable.append(str(error))
            continue
        if row is not None:
            yield row


def _write(table: str, rows: Iterable[Row], put: Put, since: date) -> None:
    """Write the rows of a table, a file a day. The day is in the file's name, as a partition, and not in its lines."""
    days: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        day = row.pop("day")
        if day >= since.isoformat():
            days[day].append(row)
    for day, found in sorted(days.items()):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found)
        # Without a date in the file: the same rows are the same bytes.
        put(f"{table}/day={day}/lines.json.gz", gzip.compress(lines.encode(), mtime=0))


if __name__ == "__main__":
    sys.exit(main())
