"""The ledger on DynamoDB: lines that are put once and never change, and the kept totals of days that are over.

A line lies under its day (``LINES#2027-01-14``), in order of time. The totals of a day lie under its month
(``TOTALS#2027-01``), those by host in chunks beside them (``HOSTS#2027-01``): one query reads a month of either.
"""

from __future__ import annotations

import secrets
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from pynamodb.connection import Connection
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.adapters.dynamodb.calls import Writes, page_of, reading
from chalicelib.adapters.dynamodb.records import (
    FORM,
    decode_access,
    decode_entry,
    decode_line,
    decode_settlement,
    decode_totals,
    encode_access,
    encode_entry,
    encode_line,
    encode_settlement,
    encode_totals,
)
from chalicelib.adapters.dynamodb.tables import LedgerItem, instant_key
from chalicelib.domain.finance.ledger import LedgerLine, TotalRow, merge
from chalicelib.domain.finance.settlement import Settlement
from chalicelib.domain.finance.statements import AccountEntry
from chalicelib.domain.ids import PersonId
from chalicelib.domain.people.access import Access, looked_up_under
from chalicelib.domain.record import replace
from chalicelib.domain.timing import ACCESS_KEPT
from chalicelib.services.ports.ledger import DayTotals
from chalicelib.services.ports.outcomes import Page, StoreBusy, VersionLost

LINES = "LINES#"
TOTALS = "TOTALS#"
HOSTS = "HOSTS#"
ACCESSES = "ACCESSES#"
SETTLEMENT = "SETTLEMENT#"
ACCOUNT = "ACCOUNT#"
MATCHES_OF_A_PART = 400
"""Lines of a report in one item, each below a kilobyte before it is deflated."""
ROWS_OF_A_CHUNK = 400
"""Rows by host in one item: about a hundredth of what an item may weigh."""
MOST_OF_A_REFERENCE = 100


class DynamoLedger:
    """The LedgerStore port."""

    def __init__(self, connection: Connection, writes: Writes | None = None) -> None:
        self._connection = connection
        self._writes = writes or Writes()

    def write(self, line: LedgerLine, *, reference_key: str | None, late: bool) -> bool:
        item = _line_item(line, reference_key)
        # It is written once: whoever comes again finds it, as it was made from the same booking.
        absent = LedgerItem.book.does_not_exist()
        try:
            if not late:
                self._writes.one(lambda: item.save(condition=absent), lost=VersionLost)
                return True

            def fill(transaction: TransactWrite) -> None:
                transaction.save(item, condition=absent)
                # Whoever adds up the day now, or did so before, has not seen this line.
                outdated: list[Action] = [
                    LedgerItem.generation.set((LedgerItem.generation | 0) + 1),
                    LedgerItem.schema.set(FORM),
                    LedgerItem.record.remove(),
                ]
                transaction.update(LedgerItem(*_totals_key(line.day)), actions=outdated)

            self._writes.all(self._connection, fill, lost=(VersionLost,))
        except VersionLost:
            return False
        return True

    def of_day(self, day: date, *, limit: int, after: str | None) -> Page[LedgerLine]:
        return page_of(LedgerItem, f"{LINES}{day}", _line, limit=limit, after=after, consistent=True)

    @reading()
    def kept(self, lines: Sequence[LedgerLine]) -> Mapping[str, LedgerLine]:
        keys = [(f"{LINES}{line.day}", _order(line)) for line in lines]
        found = LedgerItem.batch_get(keys, consistent_read=True) if keys else ()
        return {line.line_id: line for line in map(_line, found)}

    def of_host(self, host_id: PersonId, start: date, end: date, *, limit: int, after: str | None) -> Page[LedgerLine]:
        days = LedgerItem.counted.between(start.isoformat(), f"{end}~")
        page = page_of(LedgerItem.by_host, host_id, _key, limit=limit, after=after, range_condition=days)
        return Page(self._read(page.items), page.next_cursor)

    def of_reference(self, reference_key: str) -> tuple[LedgerLine, ...]:
        page = page_of(LedgerItem.by_reference, reference_key, _key, limit=MOST_OF_A_REFERENCE, after=None)
        return self._read(page.items)

    @reading()
    def _read(self, keys: tuple[tuple[str, str], ...]) -> tuple[LedgerLine, ...]:
        found = {_key(item): item for item in LedgerItem.batch_get(keys, consistent_read=True)}
        return tuple(_line(found[key]) for key in keys if key in found)

    @reading()
    def totals(self, start: date, end: date, *, hosts: bool) -> Mapping[date, DayTotals]:
        found: dict[date, DayTotals] = {}
        for first, last in _months(start, end):
            kept = {item.line: item for item in _of_days(TOTALS, first, last)}
            parts = list(_of_days(HOSTS, first, last)) if hosts else []
            for item in kept.values():
                day = date.fromisoformat(f"{item.book.removeprefix(TOTALS)}-{item.line}")
                generation = int(item.generation or 0)
                rows: tuple[TotalRow, ...] | None = None
                if item.record is not None:
                    own = [part for part in parts if part.line.startswith(f"{item.line}#{generation}#")]
                    complete = not hosts or len(own) == int(item.chunks or 0)
                    sources = own if hosts else [item]
                    rows = tuple(row for source in sources for row in _rows(source)) if complete else None
                found[day] = DayTotals(generation, rows)
        return found

    def note_access(self, access: Access) -> str:
        place = f"{instant_key(access.at)}#{access.request_id}#{secrets.token_hex(4)}"
        self._writes.one(_access_item(place, access).save, lost=VersionLost)
        return place

    def conclude_access(self, place: str, asked: Access, concluded: Access) -> None:
        item = _access_item(place, concluded)
        # It still says what was asked: nobody has concluded it.
        as_asked = LedgerItem.record == encode_access(asked)
        self._writes.one(lambda: item.save(condition=as_asked), lost=VersionLost)

    def accesses(self, day: date, *, limit: int, after: str | None) -> Page[Access]:
        return page_of(LedgerItem, f"{ACCESSES}{day}", _access, limit=limit, after=after, consistent=True)

    def forget_notes(self, subject: str) -> None:
        after: str | None = None
        while True:
            page = self._accesses_about(subject, limit=100, after=after)
            for item in page.items:
                if (access := _access(item)).note:
                    self._rewrite_access(item.line, access, replace(access, note=""))
            after = page.next_cursor
            if after is None:
                return

    def _rewrite_access(self, place: str, before: Access, after: Access) -> None:
        try:
            self.conclude_access(place, before, after)
        except VersionLost as lost:
            raise StoreBusy("an act is just concluded") from lost

    def accesses_about(self, subject: str, *, limit: int, after: str | None) -> Page[Access]:
        page = self._accesses_about(subject, limit=limit, after=after)
        return Page(tuple(map(_access, page.items)), page.next_cursor)

    @reading()
    def _accesses_about(self, subject: str, *, limit: int, after: str | None) -> Page[LedgerItem]:
        page = page_of(LedgerItem.by_reference, f"{ACCESSES}{subject}", _key, limit=limit, after=after)
        found = {_key(item): item for item in LedgerItem.batch_get(page.items, consistent_read=True)}
        return Page(tuple(found[key] for key in page.items if key in found), page.next_cursor)

    def enter(self, entry: AccountEntry) -> AccountEntry:
        item = LedgerItem(f"{ACCOUNT}{entry.host_id}", entry.entry_id, schema=FORM, record=encode_entry(entry))
        try:
            # It is never edited: the first one of this id stands.
            self._writes.one(lambda: item.save(condition=LedgerItem.book.does_not_exist()), lost=VersionLost)
        except VersionLost:
            return next(known for known in self.account(entry.host_id) if known.entry_id == entry.entry_id)
        return entry

    @reading()
    def account(self, host_id: PersonId) -> tuple[AccountEntry, ...]:
        items = LedgerItem.query(f"{ACCOUNT}{host_id}", consistent_read=True)
        found = (decode_entry(each.record or b"", form=int(each.schema or 0), name=each.line) for each in items)
        return tuple(sorted(found, key=lambda entry: (entry.at, entry.entry_id)))

    def keep_settlement(self, settlement: Settlement) -> None:
        matches, expires = settlement.matches, int((settlement.made_at + ACCESS_KEPT).timestamp())
        parts = [matches[at : at + MATCHES_OF_A_PART] for at in range(0, len(matches), MATCHES_OF_A_PART)] or [()]
        # The first part last: it says how many there are.
        for number, part in reversed(list(enumerate(parts))):
            item = LedgerItem(
                f"{SETTLEMENT}{settlement.settlement_id}",
                f"{number:04}",
                schema=FORM,
                chunks=len(parts),
                record=encode_settlement(
                    replace(settlement, matches=part, payouts=settlement.payouts if number == 0 else ())
                ),
                expires_at=expires,
            )
            self._writes.one(item.save, lost=VersionLost)

    @reading()
    def settlement(self, settlement_id: str) -> Settlement | None:
        found = list(LedgerItem.query(f"{SETTLEMENT}{settlement_id}", consistent_read=True))
        # The first part is written last: without it, the report was never kept whole.
        if not found or int(found[0].line):
            return None
        # A report that was longer before left parts behind, which are of that one.
        own = found[: int(found[0].chunks or 1)]
        parts = [decode_settlement(each.record or b"", form=int(each.schema or 0), name=settlement_id) for each in own]
        return replace(parts[0], matches=tuple(match for part in parts for match in part.matches))

    def keep_totals(self, day: date, totals: DayTotals) -> bool:
        rows = totals.rows or ()
        chunks = [rows[place : place + ROWS_OF_A_CHUNK] for place in range(0, len(rows), ROWS_OF_A_CHUNK)]
        book, part = _totals_key(day)
        of_hosts = book.replace(TOTALS, HOSTS)
        for number, chunk in enumerate(chunks):
            line = f"{part}#{totals.generation}#{number:04}"
            item = LedgerItem(of_hosts, line, schema=FORM, record=encode_totals(chunk))
            self._writes.one(item.save, lost=VersionLost)
        kept = LedgerItem(
            book,
            part,
            schema=FORM,
            generation=totals.generation,
            chunks=len(chunks),
            record=encode_totals(merge(rows, by=frozenset({"day", "gateway"}))),
        )
        # No line came too late since the generation was read.
        as_read = LedgerItem.generation == totals.generation
        if not totals.generation:
            as_read = LedgerItem.book.does_not_exist() | as_read
        try:
            self._writes.one(lambda: kept.save(condition=as_read), lost=VersionLost)
        except VersionLost:
            return False
        return True


def _line_item(line: LedgerLine, reference_key: str | None) -> LedgerItem:
    order = _order(line)
    return LedgerItem(
        f"{LINES}{line.day}",
        order,
        schema=FORM,
        host_key=line.host_id,
        counted=f"{line.counts_on}#{order}",
        reference_key=reference_key,
        record=encode_line(line),
    )


def _order(line: LedgerLine) -> str:
    return f"{instant_key(line.at)}#{line.line_id}"


def _line(item: LedgerItem) -> LedgerLine:
    return decode_line(item.record or b"", form=int(item.schema or 0), name=item.line)


def _access_item(place: str, access: Access) -> LedgerItem:
    return LedgerItem(
        f"{ACCESSES}{access.at.date()}",
        place,
        schema=FORM,
        # A prefix of its own: no gateway's reference has such a key.
        reference_key=f"{ACCESSES}{looked_up_under(access.subject)}",
        record=encode_access(access),
        expires_at=int((access.at + ACCESS_KEPT).timestamp()),
    )


def _access(item: LedgerItem) -> Access:
    return decode_access(item.record or b"", form=int(item.schema or 0), name=item.line)


def _rows(item: LedgerItem) -> tuple[TotalRow, ...]:
    return decode_totals(item.record or b"", form=int(item.schema or 0), name=f"{item.book}-{item.line}")


def _key(item: LedgerItem) -> tuple[str, str]:
    return item.book, item.line


def _totals_key(day: date) -> tuple[str, str]:
    return f"{TOTALS}{day:%Y-%m}", f"{day:%d}"


def _of_days(book: str, first: date, last: date) -> Iterator[LedgerItem]:
    return iter(
        LedgerItem.query(
            f"{book}{first:%Y-%m}", LedgerItem.line.between(f"{first:%d}", f"{last:%d}~"), consistent_read=True
        )
    )


def _months(start: date, end: date) -> Iterator[tuple[date, date]]:
    """The first and last day of each month from ``start`` to ``end``, as far as they lie within."""
    first = start
    while first <= end:
        last = first.replace(day=monthrange(first.year, first.month)[1])
        yield first, min(last, end)
        first = last + timedelta(days=1)
