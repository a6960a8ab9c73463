"""The daily check: whether the promises hold of what has changed, in runs that end in time and are taken up again.

It reads, and writes nothing but what it found, as items of the attention list, and how far it is. It goes through the
bookings that were made or changed since the last check began (and for two days before that), the ledger's lines since
then with their bookings, and each day another thirtieth of all older bookings. With each booking it looks at the nights
of its listing in the months of its stay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from chalicelib.domain.booking import Booking
from chalicelib.domain.finance.ledger import day_of
from chalicelib.domain.ids import BookingId, ListingId
from chalicelib.domain.listings.calendar import MAX_NIGHTS, by_month, instant_of
from chalicelib.domain.record import Record, replace
from chalicelib.domain.timing import CHECK_BEGINS, CHECK_LOOKS_BACK, CHECK_WORKS
from chalicelib.domain.watch import invariants
from chalicelib.domain.watch.invariants import Finding, StoredBooking
from chalicelib.domain.watch.watching import Check, CheckPart, older_days
from chalicelib.services.ports.outcomes import Unreadable, VersionLost
from chalicelib.services.ports.stage import Ports

PAGE = 50
"""How many bookings, or lines, are read together."""
MOST_PAGES = 40
"""The most pages of one run."""
MOST_OF_A_LISTING = 2_000
"""Bookings around a month above which a listing's nights are not added up here: `make drill` does it."""
MOST_SUSPECTS = 200
"""How many findings about nights wait for the next run."""

_DAY = timedelta(days=1)
_NEXT: Mapping[CheckPart, CheckPart | None] = {"made": "ledger", "ledger": "changed", "changed": "older", "older": None}


class _Page(Record, frozen=True):
    """What a page brought, and where the next one begins; None: the part is over."""

    next_position: str | None
    findings: tuple[Finding, ...] = ()
    suspects: tuple[Finding, ...] = ()
    checked: int = 0
    unreadable: int = 0


def check(ports: Ports) -> Check | None:
    """Begin the check of a new day, or go on with one that is under way; answers it as it is then. None: nothing to do.

    Raises StoreBusy; the next run goes on where the last page was saved.
    """
    began = ports.clock.now()
    try:
        last = ports.watch.load_check()
    except Unreadable as newer:
        # The release that wrote it goes on with it.
        ports.observe("record_unreadable", level="error", reason=newer.name)
        return None
    try:
        if last is not None and last.suspects:
            last = ports.watch.save_check(_confirmed(ports, last))
        current = _to_do(ports, last, began)
        if current is None:
            return None
        for _ in range(MOST_PAGES):
            current = ports.watch.save_check(_after(ports, current, _PARTS[current.part](ports, current)))
            if current.finished_at is not None:
                ports.observe("check_finished", count=current.checked)
                break
            if ports.clock.now() - began >= CHECK_WORKS:
                break
    except VersionLost:
        return None  # another run goes on with it
    return current


def _to_do(ports: Ports, last: Check | None, now: datetime) -> Check | None:
    """The check under way, or a new one where the day has come to its hour."""
    if last is not None and last.finished_at is None:
        return last
    day = day_of(now - CHECK_BEGINS, ports.rules.time_zone)
    if last is None:
        return Check(day=day, begun_at=now, since=now - _DAY)
    if last.day >= day:
        return None
    return Check(day=day, begun_at=now, since=last.begun_at, suspects=last.suspects, version=last.version)


def _confirmed(ports: Ports, last: Check) -> Check:
    """The check without its suspects: those that are found again are told."""
    again = {
        finding.finding_id
        for about in dict.fromkeys(suspect.about for suspect in last.suspects)
        for finding in _of_nights(ports, *_listing_and_month(about))
    }
    new = sum(_report(ports, suspect) for suspect in last.suspects if suspect.finding_id in again)
    return replace(last, suspects=(), findings=last.findings + new)


def _after(ports: Ports, current: Check, page: _Page) -> Check:
    """The check after a page, once what it found was told."""
    new = sum(_report(ports, finding) for finding in page.findings)
    known = {finding.finding_id: finding for finding in (*current.suspects, *page.suspects)}
    after = replace(
        current,
        checked=current.checked + page.checked,
        findings=current.findings + new,
        unreadable=current.unreadable + page.unreadable,
        suspects=tuple(known.values())[:MOST_SUSPECTS],
        position=page.next_position,
    )
    if page.next_position is not None:
        return after
    following = _NEXT[current.part]
    return replace(after, finished_at=ports.clock.now()) if following is None else replace(after, part=following)


def _report(ports: Ports, finding: Finding) -> bool:
    """Put a finding before a person; whether it is a new one."""
    now = ports.clock.now()
    if not ports.watch.report(finding, now):
        return False
    ports.observe("invariant_broken", level="error", booking_id=finding.booking_id, code=finding.finding_id)
    ports.observe("attention_needed", level="error", booking_id=finding.booking_id, kind="invariant")
    return True


# The parts


def _made(ports: Ports, current: Check) -> _Page:
    """Bookings that were made since, and for two days before that."""
    start = current.since - CHECK_LOOKS_BACK
    page = ports.bookings.made_between(start, current.begun_at, limit=PAGE, after=current.position)
    return _checked(ports, page.items, page.next_cursor)


def _changed(ports: Ports, current: Check) -> _Page:
    """Bookings that were made earlier and have changed since, or within two days before that."""
    first = _utc_day(current.since - CHECK_LOOKS_BACK)
    day_text, after = json.loads(current.position) if current.position else (f"{first}", None)
    day = date.fromisoformat(day_text)
    page = ports.bookings.changed_on(day, limit=PAGE, after=after)
    position = None
    if page.next_cursor is not None:
        position = json.dumps([day_text, page.next_cursor])
    elif day < _utc_day(current.begun_at):
        position = json.dumps([f"{day + _DAY}", None])
    return _checked(ports, page.items, position)


def _older(ports: Ports, current: Check) -> _Page:
    """Another thirtieth of the bookings that were made before."""
    zone = ports.rules.time_zone
    days = older_days(current.day, newest=day_of(current.since - CHECK_LOOKS_BACK, zone))
    place, after = json.loads(current.position) if current.position else (0, None)
    if place >= len(days):
        return _Page(None)
    start, end = (instant_of(day, "00:00", zone) for day in (days[place], days[place] + _DAY))
    page = ports.bookings.made_between(start, end, limit=PAGE, after=after)
    place += page.next_cursor is None
    return _checked(ports, page.items, json.dumps([place, page.next_cursor]) if place < len(days) else None)


def _ledger(ports: Ports, current: Check) -> _Page:
    """Lines of the days since, and the bookings that they are of."""
    zone = ports.rules.time_zone
    day_text, after = json.loads(current.position) if current.position else (f"{day_of(current.since, zone)}", None)
    day = date.fromisoformat(day_text)
    following = day + _DAY
    more = json.dumps([f"{following}", None]) if following <= day_of(current.begun_at, zone) else None
    try:
        page = ports.ledger.of_day(day, limit=PAGE, after=after)
    except Unreadable as unreadable:
        # Which line it is, nothing here can tell: the rest of the day is passed over.
        finding = Finding(f"ledger {day}", f"a line of the ledger cannot be read: {unreadable}")
        return _Page(more, (finding,), unreadable=1)
    ids = list(dict.fromkeys(line.booking_id for line in page.items))
    position = more if page.next_cursor is None else json.dumps([day_text, page.next_cursor])
    done = _checked(ports, ids, position)
    batch = ports.bookings.load_stored(ids)
    known = {stored.booking.booking_id: stored.booking for stored in batch.items}
    alone = tuple(
        Finding(line.line_id, invariants.unpromised_line(line.line_id), line.booking_id)
        for line in page.items
        if line.booking_id not in batch.unreadable and not invariants.promises(known.get(line.booking_id), line.line_id)
    )
    return replace(done, findings=done.findings + alone)


_PARTS: Mapping[CheckPart, Callable[[Ports, Check], _Page]] = {
    "made": _made,
    "ledger": _ledger,
    "changed": _changed,
    "older": _older,
}


def _utc_day(at: datetime) -> date:
    return at.astimezone(UTC).date()


# What is looked at


def _checked(ports: Ports, booking_ids: Sequence[BookingId], next_position: str | None) -> _Page:
    """Check these bookings, their lines in the ledger, and the nights of their listings."""
    batch = ports.bookings.load_stored(booking_ids)
    findings: list[Finding] = []
    for name in map(BookingId, batch.unreadable):
        ports.observe("record_unreadable", level="error", booking_id=name)
        ports.bookings.mark_unreadable(name, ports.clock.now())
    for stored in batch.items:
        own = stored.booking.booking_id
        findings += [Finding(own, says, own) for says in _of_booking(ports, stored)]
    findings += _of_lines(ports, [stored.booking for stored in batch.items])
    suspects: list[Finding] = []
    for listing_id, month in _listings_and_months(stored.booking for stored in batch.items):
        suspects += _of_nights(ports, listing_id, month)
    checked, unreadable = len(batch.items), len(batch.unreadable)
    return _Page(next_position, tuple(findings), tuple(suspects), checked, unreadable)


def _of_booking(ports: Ports, stored: StoredBooking) -> Iterator[str]:
    yield from invariants.of_booking(stored)
    yield from invariants.overdue(stored.booking, now=ports.clock.now())


def _of_lines(ports: Ports, bookings: Sequence[Booking]) -> Iterator[Finding]:
    """Compare the lines that bookings say were written with those that are there."""
    zone = ports.rules.time_zone
    wanted = {booking.booking_id: invariants.lines_of(booking, time_zone=zone) for booking in bookings}
    try:
        kept = ports.ledger.kept([line for lines in wanted.values() for line in lines])
    except Unreadable as unreadable:
        yield Finding(f"ledger {unreadable}", f"a line of the ledger cannot be read: {unreadable}")
        return
    for booking in bookings:
        own = booking.booking_id
        yield from (Finding(own, says, own) for says in invariants.of_lines(booking, wanted[own], kept))


def _listings_and_months(bookings: Iterable[Booking]) -> list[tuple[ListingId, date]]:
    """Each listing with the first day of each month in which one of these bookings has, or had, nights."""
    every = (
        (booking.place.listing_id, days[0].replace(day=1))
        for booking in bookings
        for days in by_month(booking.stay.dates)
    )
    return list(dict.fromkeys(every))


def _of_nights(ports: Ports, listing_id: ListingId, month: date) -> list[Finding]:
    """Where the units taken in a month are not those that the listing's bookings keep, as an index has them now."""
    end = (month + 31 * _DAY).replace(day=1)
    try:
        taken = {day: night.taken for day, night in ports.listings.nights(listing_id, month, end).items()}
        kept = _kept(ports, listing_id, month, end)
    except Unreadable as unreadable:
        ports.observe("record_unreadable", level="error", listing_id=listing_id)
        return [Finding(f"{listing_id} {month:%Y-%m}", f"cannot be added up: {unreadable} cannot be read")]
    if kept is None:
        ports.observe("nights_not_checked", level="warning", listing_id=listing_id)
        return []
    return [Finding(f"{listing_id} {month:%Y-%m}", says) for says in invariants.of_nights(kept, taken)]


def _kept(ports: Ports, listing_id: ListingId, start: date, end: date) -> Mapping[date, int] | None:
    """How many units bookings keep on each night from ``start`` up to ``end``; None: there are too many of them."""
    kept: dict[date, int] = {}
    position, seen = None, 0
    while True:
        some = ports.bookings.arrivals(
            listing_id, start - timedelta(days=MAX_NIGHTS), end - _DAY, limit=100, after=position
        )
        seen += len(some)
        if seen > MOST_OF_A_LISTING:
            return None
        batch = ports.bookings.load_many([booking_id for _, booking_id in some])
        if batch.unreadable:
            raise Unreadable(batch.unreadable[0])
        for day, units in invariants.nights_kept(batch.items).items():
            if start <= day < end:
                kept[day] = kept.get(day, 0) + units
        if len(some) < 100:
            return kept
        position = some[-1]


def _listing_and_month(about: str) -> tuple[ListingId, date]:
    """What a finding about nights is about."""
    listing_id, _, month = about.partition(" ")
    return ListingId(listing_id), date.fromisoformat(f"{month}-01")
