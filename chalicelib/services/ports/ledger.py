"""Where the ledger is kept, with what hosts were paid and settlements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from chalicelib.domain.finance.ledger import LedgerLine, TotalRow
from chalicelib.domain.finance.settlement import Settlement
from chalicelib.domain.finance.statements import AccountEntry
from chalicelib.domain.ids import PersonId
from chalicelib.domain.people.access import Access
from chalicelib.domain.record import Record
from chalicelib.services.ports.outcomes import Page


class DayTotals(Record, frozen=True):
    """The kept totals of a day, one row for each gateway, currency and host; None: nobody has added it up yet.

    ``generation`` moves each time that a line comes too late for totals that were kept, or were being made.
    """

    generation: int
    rows: tuple[TotalRow, ...] | None


class LedgerStore(Protocol):
    """The ledger: lines that are written once and never change, and the totals of days that are over."""

    def write(self, line: LedgerLine, *, reference_key: str | None, late: bool) -> bool:
        """Write a line once; False when it is there already, unchanged. Raises StoreBusy.

        ``reference_key`` is the keyed hash under which its provider reference is found. ``late``: totals of its day may
        be kept already; they are dropped in the same transaction.
        """

    def of_day(self, day: date, *, limit: int, after: str | None) -> Page[LedgerLine]:
        """The lines of a day, in order of time, strongly consistent."""

    def kept(self, lines: Sequence[LedgerLine]) -> Mapping[str, LedgerLine]:
        """What stands in the ledger where these lines would stand, by id; strongly consistent. Raises Unreadable."""

    def of_host(self, host_id: PersonId, start: date, end: date, *, limit: int, after: str | None) -> Page[LedgerLine]:
        """A host's lines that count on a day from ``start`` to ``end``, both included, by that day."""

    def of_reference(self, reference_key: str) -> tuple[LedgerLine, ...]:
        """The lines whose provider reference has this keyed hash, at most 100."""

    def totals(self, start: date, end: date, *, hosts: bool) -> Mapping[date, DayTotals]:
        """What is kept of the days from ``start`` to ``end``, both included; without ``hosts`` no row is of a host."""

    def note_access(self, access: Access) -> str:
        """Note that somebody looked at contact data, or is about to act; answers its place. Raises StoreBusy."""

    def conclude_access(self, place: str, asked: Access, concluded: Access) -> None:
        """Say what came of an act that was noted as ``asked``, once. Raises VersionLost where that is not there."""

    def forget_notes(self, subject: str) -> None:
        """Take out why operators acted on what has this name (``looked_up_under``); that they did stays.

        Raises StoreBusy, also where one of these acts is just concluded.
        """

    def accesses_about(self, subject: str, *, limit: int, after: str | None) -> Page[Access]:
        """What was looked at or done under one name (``looked_up_under``), oldest first. It may be a second old."""

    def accesses(self, day: date, *, limit: int, after: str | None) -> Page[Access]:
        """What was looked at or done on a day (UTC), oldest first."""

    def enter(self, entry: AccountEntry) -> AccountEntry:
        """Write a line of a host's account once; answers the one that stands under its id. Raises StoreBusy."""

    def account(self, host_id: PersonId) -> tuple[AccountEntry, ...]:
        """Every line of a host's account, oldest first."""

    def keep_settlement(self, settlement: Settlement) -> None:
        """Keep the report of a statement for thirteen months, over an earlier one of the same id. Raises StoreBusy."""

    def settlement(self, settlement_id: str) -> Settlement | None: ...

    def keep_totals(self, day: date, totals: DayTotals) -> bool:
        """Keep the rows of a day; False when a line came since its generation was read, and nothing is kept."""
