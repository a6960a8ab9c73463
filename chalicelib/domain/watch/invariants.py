"""What must hold of every stored booking, by itself and beside the nights and the ledger.

A finding is a sentence that says what does not hold; nothing is mended here. The daily check of a stage, ``python -m
ops check`` and ``make drill`` say the same by these functions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from hashlib import blake2b

from chalicelib.domain.attention import attention
from chalicelib.domain.booking import Booking, OutboxEntry
from chalicelib.domain.finance.ledger import LedgerLine, line_of, money_moved
from chalicelib.domain.ids import BookingId
from chalicelib.domain.lifecycle import due_at, fold
from chalicelib.domain.record import Record
from chalicelib.domain.timing import OWED_AT_MOST


class StoredBooking(Record, frozen=True):
    """A booking as it is stored, with what stands beside its record: its status, and whether two indexes have it."""

    booking: Booking
    status: str
    is_clocked: bool
    """The clock has it: it will be looked at when something is due."""
    is_asked: bool
    """It is on the attention list."""


class Finding(Record, frozen=True):
    """Something that does not hold: what it is about (a booking, a line, or a listing's nights), and a sentence."""

    about: str
    says: str
    booking_id: BookingId | None = None

    @property
    def finding_id(self) -> str:
        """The same for the same sentence: it is reported once, however often it is found."""
        return blake2b(f"{self.about} {self.says}".encode(), digest_size=8).hexdigest()


def of_booking(stored: StoredBooking) -> Iterator[str]:
    """What does not hold of a booking and of what stands beside its record, whenever it is read."""
    booking = stored.booking
    if stored.status != booking.status:
        yield f"its attribute says {stored.status}, and its record {booking.status}"
    if fold(booking.history).get("") != booking.status:
        yield f"its history ends with {fold(booking.history).get('')}, and it is {booking.status}"
    if due_at(booking) is not None and not stored.is_clocked:
        yield "something is due, and the clock does not know it"
    if attention(booking) is not None and not stored.is_asked:
        yield "a person is needed, and nobody is asked"
    yield from _of_money(booking)


def _of_money(booking: Booking) -> Iterator[str]:
    """No money is forgotten, and nothing is confirmed without money."""
    if booking.status == "confirmed" and not any(payment.accepted for payment in booking.payments):
        yield "it is confirmed, and no payment was accepted"
    for payment in booking.payments:
        if payment.status == "completed":
            received, back = payment.facts.received, payment.refunded_or_owed
            if received is None:
                yield f"{payment.tx_ref} is completed, and nothing was received"
            elif back > received:
                yield f"{payment.tx_ref}: {received.formatted} was received, and {back.formatted} goes back"
            elif not payment.accepted and back != received:
                yield f"{payment.tx_ref}: {received.formatted} was received for nothing, and {back.formatted} goes back"
        elif payment.accepted or payment.refunds:
            yield f"{payment.tx_ref} is {payment.status}, and was accepted or refunded"


def overdue(booking: Booking, *, now: datetime) -> Iterator[str]:
    """What a booking has owed for longer than ``OWED_AT_MOST`` without a person having been asked: a letter, a line of
    the ledger, a refund that was not started.
    """
    late = now - OWED_AT_MOST
    for entry in booking.outbox:
        if entry.status == "owed" and not entry.needs_a_person and entry.due_at <= late:
            what = "the ledger's line" if entry.is_line else "the letter"
            yield f"{what} {entry.entry_id} ({entry.kind}) is owed, and was due at {entry.due_at:%Y-%m-%d %H:%M} UTC"
    for refund in booking.refunds:
        if refund.status == "owed" and (refund.due_at or refund.created_at) <= late:
            due = refund.due_at or refund.created_at
            yield f"the refund {refund.refund_id} is owed, and was to be started at {due:%Y-%m-%d %H:%M} UTC"


def lines_of(booking: Booking, *, time_zone: str) -> tuple[LedgerLine, ...]:
    """The lines of the ledger that a booking says were written."""
    written = (entry for entry in booking.outbox if entry.is_line and entry.status == "sent")
    return tuple(line_of(booking, entry, time_zone=time_zone) for entry in written)


def of_lines(booking: Booking, wanted: Iterable[LedgerLine], kept: Mapping[str, LedgerLine]) -> Iterator[str]:
    """What does not agree between a booking and its lines; ``kept`` are those that are there, by their ids."""
    for line in wanted:
        there = kept.get(line.line_id)
        if there is None:
            yield missing_line(line.line_id)
        elif there.gross != line.gross:
            yield f"{line.line_id}: the ledger says {there.gross.formatted}, and its booking {line.gross.formatted}"
    if any(entry.is_line and entry.status != "sent" for entry in booking.outbox):
        return  # some line is still to be written: the sum is not complete
    moved: Counter[str] = Counter()
    for line in wanted:
        moved[line.gross.currency] += line.gross.minor
    own = money_moved(booking)
    for currency in sorted(moved.keys() | own.keys()):
        if moved[currency] != own.get(currency, 0):
            yield f"its lines add up to {moved[currency]} {currency} (minor units), and it says {own.get(currency, 0)}"


def missing_line(line_id: str) -> str:
    """The sentence about a line that its booking says was written."""
    return f"{line_id} is not in the ledger, and its booking says that it was written"


def promises(booking: Booking | None, line_id: str) -> bool:
    """Whether a booking has the entry that a line of the ledger was made from."""
    return booking is not None and any(line_name(entry) == line_id for entry in booking.outbox if entry.is_line)


def line_name(entry: OutboxEntry) -> str:
    """The id of the line that an entry of the outbox promises."""
    return f"{entry.about}.{entry.kind}"


def unpromised_line(line_id: str) -> str:
    """The sentence about a line that no booking has promised."""
    return f"{line_id} is in the ledger, and no booking promises it"


def of_nights(kept: Mapping[date, int], taken: Mapping[date, int]) -> Iterator[str]:
    """Where the units that bookings keep on a listing's nights are not those that are taken there."""
    for day in sorted(kept.keys() | taken.keys()):
        if kept.get(day, 0) != taken.get(day, 0):
            yield f"on {day}: {taken.get(day, 0)} units are taken, and bookings keep {kept.get(day, 0)}"


def nights_kept(bookings: Iterable[Booking]) -> Counter[date]:
    """How many units these bookings keep on each night."""
    kept: Counter[date] = Counter()
    for booking in bookings:
        for day in booking.held_nights:
            kept[day] += booking.stay.units
    return kept
