"""What operators read of the ledger: its lines, and what they add up to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

from chalicelib.domain.errors import Busy, FieldError, InvalidRequest
from chalicelib.domain.finance.ledger import LedgerLine, TotalRow, add_up, merge, totals_begin
from chalicelib.domain.ids import PersonId
from chalicelib.domain.timing import ADDING_UP, RETRY_AFTER_BUSY
from chalicelib.services.access import Principal, with_role
from chalicelib.services.ports.ledger import DayTotals
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.ports.stage import Ports

LOOKS = 31
"""How many days or pages one call looks through for a line before it answers an empty page with a cursor."""
MOST_DAYS = 3660
LINES_A_READ = 500


def lines(
    ports: Ports,
    principal: Principal | None,
    start: date,
    end: date,
    *,
    host_id: str | None,
    gateway: str | None,
    limit: int,
    after: str | None,
) -> Page[LedgerLine]:
    """The lines of the days from ``start`` to ``end``, both included; by day, a host's by the day that they count on.

    A page is empty and has a cursor only after LOOKS days or pages without a line. Raises Forbidden, InvalidRequest.
    """
    with_role(principal, "operator")
    _check(start, end)

    def wanted(line: LedgerLine) -> bool:
        return start <= line.day <= end and gateway in (None, line.gateway)

    if host_id is None:
        return _of_days(ports, start, end, wanted, limit=limit, after=after)
    for _ in range(LOOKS):
        # A line counts on its own day or later, when the stay ends.
        page = ports.ledger.of_host(PersonId(host_id), start, date.max, limit=limit, after=after)
        found, after = tuple(filter(wanted, page.items)), page.next_cursor
        if found or after is None:
            break
    return Page(found, after)


def totals(
    ports: Ports, principal: Principal | None, start: date, end: date, *, by: frozenset[str]
) -> tuple[TotalRow, ...]:
    """The lines of the days from ``start`` to ``end`` added up by currency and what ``by`` names.

    ``by`` may hold ``day``, ``gateway`` and ``host``. The totals of a day that is over are kept, so that the answer
    costs the same whatever the days held; those of the last two days are added up anew.
    Raises Forbidden, InvalidRequest; Busy where more days must be added up first than one call can: repeat it.
    """
    with_role(principal, "operator")
    _check(start, end)
    now = ports.clock.now()
    hosts = "host" in by
    kept = ports.ledger.totals(start, end, hosts=hosts)
    rows: list[TotalRow] = []
    for day in _days(start, end):
        known = kept.get(day, DayTotals(0, None))
        if known.rows is None:
            if ports.clock.now() - now > ADDING_UP:
                raise Busy("These days are being added up; please repeat.", retry_after=RETRY_AFTER_BUSY)
            known = _add_up(ports, day, known.generation, now=now)
        rows += known.rows or ()
    return merge(rows, by=by)


def lines_of_day(ports: Ports, day: date) -> Iterator[LedgerLine]:
    """Every line of a day, in order of time."""
    after: str | None = None
    while True:
        page = ports.ledger.of_day(day, limit=LINES_A_READ, after=after)
        yield from page.items
        after = page.next_cursor
        if after is None:
            return


def _add_up(ports: Ports, day: date, generation: int, *, now: datetime) -> DayTotals:
    """Add up the lines of a day; keep the sums if it is long enough over and no late line came meanwhile."""
    made = DayTotals(generation, add_up(lines_of_day(ports, day)))
    if now >= totals_begin(day, ports.rules.time_zone):
        ports.ledger.keep_totals(day, made)
    return made


def _of_days(
    ports: Ports, start: date, end: date, wanted: Callable[[LedgerLine], bool], *, limit: int, after: str | None
) -> Page[LedgerLine]:
    """One page of the lines of these days, from the day and the position in it that ``after`` names."""
    first, position = json.loads(after) if after else (start.isoformat(), None)
    day = date.fromisoformat(first)
    found: tuple[LedgerLine, ...] = ()
    for _ in range(LOOKS):
        page = ports.ledger.of_day(day, limit=limit - len(found), after=position)
        found += tuple(filter(wanted, page.items))
        position = page.next_cursor
        if position is None:
            day += timedelta(days=1)
        if day > end:
            return Page(found, None)
        if len(found) == limit:
            break
    return Page(found, json.dumps([day.isoformat(), position]))


def _days(start: date, end: date) -> Iterator[date]:
    yield from (start + timedelta(days=n) for n in range((end - start).days + 1))


def _check(start: date, end: date) -> None:
    wrong = []
    if end < start:
        wrong.append(FieldError("to", "must not be before from"))
    elif (end - start).days >= MOST_DAYS:
        wrong.append(FieldError("to", f"at most {MOST_DAYS} days"))
    if wrong:
        raise InvalidRequest("The period does not fit.", errors=tuple(wrong))
