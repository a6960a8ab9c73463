"""What a stage watches of itself: money that stays owed, disputes near their day, payments that fell; and its check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Literal

from chalicelib.domain.booking import Booking, Dispute, Refund
from chalicelib.domain.record import Record
from chalicelib.domain.timing import CHECK_EVERYTHING, CHECK_OLDEST, OWED_AT_MOST
from chalicelib.domain.watch.health import OPENED, PAID, Counts
from chalicelib.domain.watch.invariants import Finding

ENOUGH_OPENED = 10
"""Openings in an hour below which the share of the paid ones says nothing."""
ENOUGH_WITHOUT_A_PAST = 20
"""Openings in an hour of which nobody paid, where there is no last week to compare with."""
FELL_BELOW = 0.5
"""The share of last week's share from which on payments have fallen."""
HALF_WAY, NEARLY_OVER = 0.5, 0.8
"""The parts of the time for an answer to a dispute."""

CheckPart = Literal["made", "ledger", "changed", "older"]
"""What a check goes through, in this order: bookings made since the last one; lines of the ledger since then; older
bookings that changed since then; a part of all others."""


class Check(Record, frozen=True, kw_only=True):
    """A daily check, under way or finished. ``position`` is where its ``part`` is taken up again.

    ``since`` is when the one before began. ``suspects`` are findings about nights, which are told when the next run
    finds them too: an index may lag behind a booking for a moment.
    """

    day: date
    begun_at: datetime
    since: datetime
    part: CheckPart = "made"
    position: str | None = None
    finished_at: datetime | None = None
    checked: int = 0
    findings: int = 0
    unreadable: int = 0
    suspects: tuple[Finding, ...] = ()
    version: int = 0


def overdue_refunds(bookings: Iterable[Booking], *, now: datetime) -> Iterator[Refund]:
    """Refunds that have waited for a person, or to be started, for over a day since they were owed."""
    for booking in bookings:
        for refund in booking.refunds:
            if refund.status in ("owed", "attention") and refund.created_at < now - OWED_AT_MOST:
                yield refund


def share_of_time(dispute: Dispute, *, now: datetime) -> float | None:
    """The part of the time for an answer that is over; None where nobody has to answer, or until when is not known."""
    if not dispute.needs_a_person or dispute.due_at is None:
        return None
    whole = dispute.due_at - dispute.created_at
    return (now - dispute.created_at) / whole if whole > timedelta(0) else 1.0


def payments_fell(now: Counts, last_week: Counts) -> bool:
    """Whether the share of opened payments that were paid is less than half of what it was at this time last week."""
    opened, paid = now.get(OPENED, 0), now.get(PAID, 0)
    opened_then, paid_then = last_week.get(OPENED, 0), last_week.get(PAID, 0)
    if opened_then < ENOUGH_OPENED:
        return opened >= ENOUGH_WITHOUT_A_PAST and not paid
    return opened >= ENOUGH_OPENED and paid / opened < FELL_BELOW * paid_then / opened_then


def older_days(today: date, *, newest: date) -> tuple[date, ...]:
    """The days whose bookings today's check goes through, of those before ``newest``: another part of them each day."""
    turns = CHECK_EVERYTHING // timedelta(days=1)
    oldest = today - CHECK_OLDEST
    first = oldest + timedelta(days=(today.toordinal() - oldest.toordinal()) % turns)
    return tuple(
        day
        for day in (first + timedelta(days=number) for number in range(0, CHECK_OLDEST.days, turns))
        if oldest <= day < newest
    )
