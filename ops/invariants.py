"""What must hold of everything that is stored: of each booking, of the nights that all of them keep, of the ledger.

It reads raw items, so that it can look at a table that no stage uses: one that was restored, one that was exported.
A finding is a sentence that names what it is about; nothing is mended here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.adapters.dynamodb.ledger import LINES
from chalicelib.adapters.dynamodb.months import MONTH_FORM
from chalicelib.adapters.dynamodb.records import decode_booking, decode_line, decode_listing
from chalicelib.adapters.dynamodb.tables import LISTING, MONTH
from chalicelib.domain.booking import Booking
from chalicelib.domain.ids import is_booking_id
from chalicelib.domain.watch import invariants
from chalicelib.domain.watch.invariants import StoredBooking, line_name, missing_line, unpromised_line
from chalicelib.services.ports.outcomes import Unreadable

Item = dict[str, Any]
"""An item as DynamoDB has it."""
NightKey = tuple[str, str]
"""A listing and a day."""


def broken(bookings: Iterable[Item], listings: Iterable[Item], ledger: Iterable[Item]) -> Iterator[str]:
    """Yield a sentence for each thing that does not hold of these three tables."""
    kept: Counter[NightKey] = Counter()
    named: set[str] = set()
    lines: dict[str, bool] = {}
    for item in bookings:
        if is_booking_id(item["booking_id"]["S"]):
            yield from _of_item(item, kept, named, lines)
    taken: Counter[NightKey] = Counter()
    there: set[str] = set()
    for item in listings:
        yield from _of_part(item, taken, there)
    yield from (f"{listing_id} has bookings, and is not there" for listing_id in sorted(named - there))
    for listing_id, day in sorted(kept.keys() | taken.keys()):
        if kept[listing_id, day] != taken[listing_id, day]:
            night = f"{listing_id} on {day}"
            yield f"{night}: {taken[listing_id, day]} units are taken, and bookings keep {kept[listing_id, day]}"
    yield from _of_ledger(ledger, lines)


def _of_item(item: Item, kept: Counter[NightKey], named: set[str], lines: dict[str, bool]) -> Iterator[str]:
    """Check a booking's item; add the nights that it keeps, the listing that it names, and the lines that it promises.

    ``lines``: by the line's id, whether it was written.
    """
    name = item["booking_id"]["S"]
    booking = _booking(item)
    yield from (f"{name} {finding}" if booking is None else f"{name}: {finding}" for finding in of_item(item))
    if booking is None:
        return
    kept.update({(booking.place.listing_id, day.isoformat()): booking.stay.units for day in booking.held_nights})
    named.add(booking.place.listing_id)
    lines.update({line_name(entry): entry.status == "sent" for entry in booking.outbox if entry.is_line})


def _of_ledger(ledger: Iterable[Item], lines: Mapping[str, bool]) -> Iterator[str]:
    """Check each line of the ledger, and that every one which its booking calls written is there."""
    written = set()
    for item in ledger:
        if not item["book"]["S"].startswith(LINES):
            continue
        name = item["line"]["S"]
        try:
            line = decode_line(_record(item), form=_form(item), name=name)
        except Unreadable:
            yield f"{name} of the ledger cannot be read: form {_form(item)}"
            continue
        written.add(line.line_id)
        if line.line_id not in lines:
            yield unpromised_line(line.line_id)
    for line_id, sent in sorted(lines.items()):
        if sent and line_id not in written:
            yield missing_line(line_id)


def _of_part(item: Item, taken: Counter[NightKey], there: set[str]) -> Iterator[str]:
    """Check a listing or one of its months; add the nights that are taken, and the listing that is there."""
    listing_id, part = item["listing_id"]["S"], item["part"]["S"]
    if part.startswith(MONTH):
        if _form(item) > MONTH_FORM:
            yield f"{listing_id} {part} cannot be read: form {_form(item)}"
            return
        taken.update(_taken(item))
    elif part == LISTING:
        there.add(listing_id)
        try:
            decode_listing(_record(item), form=_form(item), name=listing_id)
        except Unreadable:
            yield f"{listing_id} cannot be read: form {_form(item)}"


def of_item(item: Item) -> Iterator[str]:
    """Yield what does not hold of one booking's item by itself: that it can be read, first of all."""
    booking = _booking(item)
    if booking is None:
        yield f"cannot be read: form {_form(item)}"
    else:
        yield from of_booking(booking, item)


def _booking(item: Item) -> Booking | None:
    """The booking of an item; None: this release cannot read it."""
    try:
        return decode_booking(_record(item), form=_form(item), name=item["booking_id"]["S"])
    except Unreadable:
        return None


def of_booking(booking: Booking, item: Item) -> Iterator[str]:
    """Yield what does not hold of one booking and of the attributes that stand beside its record."""
    yield from invariants.of_booking(
        StoredBooking(booking, item["status"]["S"], is_clocked="due_at" in item, is_asked="attention" in item)
    )


def _taken(month: Item) -> Counter[NightKey]:
    """How many units of each of a month's nights are taken."""
    listing_id, prefix = month["listing_id"]["S"], month["part"]["S"].removeprefix(MONTH)
    days = {name[1:]: value for name, value in month.items() if name[0] == "t" and name[1:].isdigit()}
    return Counter({(listing_id, f"{prefix}-{day}"): int(value["N"]) for day, value in days.items()})


def _record(item: Item) -> bytes:
    return bytes(item["record"]["B"]) if "record" in item else b""


def _form(item: Item) -> int:
    return int(item.get("schema", {"N": "0"})["N"])
