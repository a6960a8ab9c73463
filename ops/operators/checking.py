"""Look for what must not be: `check` goes through every booking, `rebuild` through one from its first event on.

Both read, and never write. What two tables say together (nights that are taken, lines of the ledger) is compared where
nobody writes meanwhile, on a restored copy: `make drill`.
"""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from chalicelib.domain.booking import Booking
from chalicelib.domain.ids import BookingId, is_booking_id
from chalicelib.domain.lifecycle import fold
from ops.invariants import of_item
from ops.operators.desk import Desk, Refused

SOUND, BROKEN = 0, 1


class FindingOut(msgspec.Struct, frozen=True):
    """Something that does not hold of a booking."""

    booking_id: str
    """The booking."""
    finding: str
    """What does not hold, as a sentence."""


class StatusOut(msgspec.Struct, frozen=True):
    """A status as it is stored, and as the history has it; null where there is none."""

    subject: str
    """What it is of: a payment, a refund, a dispute; empty for the booking."""
    stored: str | None
    """What the record says."""
    rebuilt: str | None
    """What the history says when it is gone through."""


def check(desk: Desk, asked: argparse.Namespace) -> int:
    """Check the invariants of every booking, page by page."""
    dynamodb, table = desk.stage.client("dynamodb"), desk.stage.settings.bookings_table
    about = dynamodb.describe_table(TableName=table)["Table"]["ItemCount"]
    scan: dict[str, Any] = {"TableName": table, "Limit": asked.page}
    if asked.start is not None:
        scan["ExclusiveStartKey"] = {"booking_id": {"S": asked.start}}
    items = bookings = findings = 0
    while True:
        page = dynamodb.scan(**scan)
        items += len(page["Items"])
        for item in page["Items"]:
            name = item["booking_id"]["S"]
            if not is_booking_id(name):
                continue
            bookings += 1
            for finding in of_item(item):
                findings += 1
                desk.tell(FindingOut(name, finding), f"{name}: {finding}")
        last = page.get("LastEvaluatedKey")
        progress = f"{items} of about {max(about, items)} items, {bookings} bookings, {findings} findings"
        if last is None:
            desk.say(f"{progress}: done")
            return BROKEN if findings else SOUND
        scan["ExclusiveStartKey"] = last
        desk.say(f"{progress}; to go on from here: --from '{last['booking_id']['S']}'")


def rebuild(desk: Desk, asked: argparse.Namespace) -> int:
    """Compare a booking's statuses with those that its history adds up to."""
    wanted = asked.booking_id
    booking = desk.ports.bookings.load(BookingId(wanted)) if is_booking_id(wanted) else None
    if booking is None:
        raise Refused("There is no such booking.")
    compared = statuses(booking)
    for each in compared:
        sign = "✓" if each.stored == each.rebuilt else "✗"
        name = each.subject or booking.booking_id
        desk.tell(each, f"{sign} {name}: stored {each.stored}, from its history {each.rebuilt}")
    return SOUND if all(each.stored == each.rebuilt for each in compared) else BROKEN


def statuses(booking: Booking) -> list[StatusOut]:
    """Every status of a booking beside the one that its history ends with."""
    rebuilt = fold(booking.history)
    stored: dict[str, str] = {"": booking.status}
    stored |= {payment.tx_ref: payment.status for payment in booking.payments}
    stored |= {refund.refund_id: refund.status for refund in booking.refunds}
    stored |= {dispute.dispute_id: dispute.status for dispute in booking.disputes}
    letters = {entry.entry_id for entry in booking.outbox}
    subjects = [*stored, *sorted(rebuilt.keys() - stored.keys() - letters)]
    return [StatusOut(subject, stored.get(subject), rebuilt.get(subject)) for subject in subjects]


def add(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add ``check`` and ``rebuild`` to the command line."""
    every = verbs.add_parser(
        "check",
        parents=[common],
        help="what must hold of every stored booking; reads only",
        description=__doc__,
        epilog="Ends with 1 where anything was found.",
    )
    every.add_argument("--from", dest="start", metavar="KEY", help="go on after this key, as an earlier run told it")
    every.add_argument("--page", type=int, default=500, help="how many items are read at once (%(default)s)")
    every.set_defaults(run=check)
    one = verbs.add_parser(
        "rebuild",
        parents=[common],
        help="a booking's statuses from its history, beside those that are stored; reads only",
        epilog="Ends with 1 where they differ.",
    )
    one.add_argument("booking_id")
    one.set_defaults(run=rebuild)
