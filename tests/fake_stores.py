"""`FakeBookings`, `FakeListings` and `FakeHosts`: the stores in memory, held to the contract of DynamoDB's."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol, TypeVar

from chalicelib.adapters.dynamodb.tables import instant_key
from chalicelib.domain.attention import attention, attention_since
from chalicelib.domain.booking import Booking, Lease
from chalicelib.domain.finance.ledger import LedgerLine, merge
from chalicelib.domain.finance.settlement import Settlement
from chalicelib.domain.finance.statements import AccountEntry
from chalicelib.domain.host import Host
from chalicelib.domain.ids import BookingId, ListingId, PersonId
from chalicelib.domain.lifecycle import due_at, indexed_due_at, late_change
from chalicelib.domain.listings.calendar import Night, NightChange, Nights
from chalicelib.domain.listings.cities import City
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.operators.closing import Closing, closing_task
from chalicelib.domain.people.access import Access, looked_up_under
from chalicelib.domain.people.accounts import Account
from chalicelib.domain.people.erasure import Erasure, erasure_task
from chalicelib.domain.people.expiry import TASK, Expiry
from chalicelib.domain.people.limits import Limits
from chalicelib.domain.people.review import Review
from chalicelib.domain.people.suppression import Suppression
from chalicelib.domain.timing import FAILING_PAUSE, GIVE_UP_AFTER
from chalicelib.domain.verification import Verification
from chalicelib.domain.watch.health import Counts
from chalicelib.domain.watch.invariants import Finding, StoredBooking
from chalicelib.domain.watch.watching import Check
from chalicelib.services.ports.bookings import Arrival, AttentionEntry, HoldView, Orphan, SearchPart
from chalicelib.services.ports.ledger import DayTotals
from chalicelib.services.ports.listings import ListingStore
from chalicelib.services.ports.outcomes import (
    AccountChanged,
    Acknowledgement,
    Batch,
    BookingExists,
    NightsShort,
    Page,
    ReviewExists,
    Unreadable,
    VersionLost,
)
from chalicelib.services.ports.people import LettersView
from tests.builders import SALT
from tests.call_log import CallLog, Logged, logged
from tests.replacing import replace

T = TypeVar("T")
W = TypeVar("W", Erasure, Expiry)


@dataclass
class Row:
    """A booking, and its values in the `due` and `attention` indexes."""

    booking: Booking
    due_at: datetime | None
    attention: str | None
    attention_at: datetime
    failures: int = 0
    failing_since: datetime | None = None


@dataclass(frozen=True)
class Replica:
    """What eventually consistent reads see of the bookings and the accounts."""

    bookings: dict[BookingId, Booking]
    accounts: dict[PersonId, Account]


@dataclass
class Tables:
    """The data of both stores. The lock makes each operation atomic, as a DynamoDB transaction is."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    salt: bytes = SALT
    bookings: dict[BookingId, Row] = field(default_factory=dict)
    accounts: dict[PersonId, Account] = field(default_factory=dict)
    letters: dict[str, tuple[set[str], set[str]]] = field(default_factory=dict)
    """All that a mailbox was sent on one day, and what of it was about unpaid bookings."""
    orphans: dict[str, tuple[Verification, datetime]] = field(default_factory=dict)
    payers: dict[str, str] = field(default_factory=dict)
    """The keyed hash of who sent an orphan, where that is known."""
    acknowledged: dict[str, Acknowledgement] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    listings: dict[ListingId, Listing] = field(default_factory=dict)
    nights: dict[tuple[ListingId, date], Night] = field(default_factory=dict)
    reviews: dict[tuple[ListingId, BookingId], Review] = field(default_factory=dict)
    hosts: dict[PersonId, Host] = field(default_factory=dict)
    closings: dict[BookingId, tuple[Closing, datetime | None]] = field(default_factory=dict)
    """By the name of its task, with the time at which the clock has it."""
    lines: dict[str, tuple[LedgerLine, str | None]] = field(default_factory=dict)
    totals: dict[date, DayTotals] = field(default_factory=dict)
    accesses: list[Access] = field(default_factory=list)
    settlements: dict[str, Settlement] = field(default_factory=dict)
    suppressions: dict[str, Suppression] = field(default_factory=dict)
    erasures: dict[BookingId, tuple[Erasure | Expiry, datetime | None]] = field(default_factory=dict)
    """By the name of its task, with the time at which the clock has it."""
    entries: dict[tuple[PersonId, str], AccountEntry] = field(default_factory=dict)
    statuses: dict[BookingId, str] = field(default_factory=dict)
    """What stands beside a booking's record where that is not its own status."""
    counts: dict[datetime, Counter[str]] = field(default_factory=dict)
    check: Check | None = None
    findings: dict[str, tuple[Finding, datetime]] = field(default_factory=dict)
    acknowledged_findings: dict[str, Acknowledgement] = field(default_factory=dict)
    swept_at: datetime | None = None
    replica: Replica | None = None
    """None: eventually consistent reads see what consistent ones do."""

    def stop_replication(self) -> None:
        """From now on eventually consistent reads see what there is at this moment, whatever is written."""
        self.replica = Replica({key: row.booking for key, row in self.bookings.items()}, dict(self.accounts))

    def night(self, listing_id: ListingId, day: date) -> Night:
        return self.nights.get((listing_id, day), Night(day))

    def taken(self, listing_id: ListingId) -> dict[date, int]:
        """How many units are taken on each night that has any."""
        return {day: night.taken for (of, day), night in self.nights.items() if of == listing_id and night.taken}


class ViewParts(Protocol):
    """What the bookings' half of a view is read from."""

    def load(self, booking_id: BookingId, *, consistent: bool) -> Booking | None: ...

    def account(self, person_id: PersonId, *, consistent: bool) -> Account: ...


def view_in_parts(
    bookings: ViewParts,
    listings: ListingStore,
    asked: tuple[BookingId, PersonId, ListingId | None, date, date],
    *,
    consistent: bool,
) -> HoldView:
    """What ``view_for_hold`` answers, read part by part: others may get in between, as a batch is of no one instant."""
    booking_id, guest, listing_id, start, end = asked
    if (booking := bookings.load(booking_id, consistent=consistent)) is not None:
        return HoldView(booking, Account(), None, {})
    account = bookings.account(guest, consistent=consistent)
    read = listings.load_with_nights([listing_id] if listing_id else [], start, end)
    if read.unreadable:
        raise Unreadable(read.unreadable[0])
    listing, nights = read.items[0] if read.items else (None, {})
    return HoldView(None, account, listing, nights)


class FakeBookings(Logged):
    """The BookingStore port."""

    port = "bookings"

    def __init__(self, tables: Tables | None = None, call_log: CallLog | None = None) -> None:
        super().__init__(call_log)
        self.tables = tables or Tables()

    @logged
    def salt(self) -> bytes:
        return self.tables.salt

    @logged
    def load(self, booking_id: BookingId, *, consistent: bool = True) -> Booking | None:
        with self.tables.lock:
            if booking_id in self.tables.unreadable:
                raise Unreadable(booking_id)
            if self.tables.replica is not None and not consistent:
                return self.tables.replica.bookings.get(booking_id)
            row = self.tables.bookings.get(booking_id)
            return row.booking if row else None

    @logged
    def load_many(self, booking_ids: Sequence[BookingId]) -> Batch[Booking]:
        assert len(booking_ids) <= 100
        with self.tables.lock:
            known = [key for key in booking_ids if key in self.tables.bookings]
            readable = tuple(self.tables.bookings[key].booking for key in known if key not in self.tables.unreadable)
            return Batch(readable, tuple(key for key in known if key in self.tables.unreadable))

    @logged
    def load_stored(self, booking_ids: Sequence[BookingId]) -> Batch[StoredBooking]:
        read = self.load_many(booking_ids)
        rows = [self.tables.bookings[booking.booking_id] for booking in read.items]
        stored = tuple(
            StoredBooking(
                row.booking,
                self.tables.statuses.get(row.booking.booking_id, row.booking.status),
                is_clocked=row.due_at is not None,
                is_asked=row.attention is not None,
            )
            for row in rows
        )
        return Batch(stored, read.unreadable)

    @logged
    def lease_verification(self, booking_id: BookingId, lease: Lease, now: datetime) -> Booking | None:
        with self.tables.lock:
            row = self.tables.bookings.get(booking_id)
            if row is None or (row.booking.verify_lease is not None and row.booking.verify_lease.is_held(now)):
                return None
            if booking_id in self.tables.unreadable:
                raise Unreadable(booking_id)
            row.booking = replace(row.booking, verify_lease=lease, version=row.booking.version + 1)
            return row.booking

    @logged
    def mark_unreadable(self, booking_id: BookingId, now: datetime) -> None:
        with self.tables.lock:
            row = self.tables.bookings.get(booking_id)
            if row is not None and row.attention is None:
                row.attention, row.attention_at = "unreadable", now

    @logged
    def account(self, person_id: PersonId, *, consistent: bool = True) -> Account:
        with self.tables.lock:
            if person_id in self.tables.unreadable:
                raise Unreadable(person_id)
            if self.tables.replica is not None and not consistent:
                return self.tables.replica.accounts.get(person_id, Account())
            return self.tables.accounts.get(person_id, Account())

    @logged
    def save_account(self, person_id: PersonId, account: Account) -> Account:
        with self.tables.lock:
            if self.tables.accounts.get(person_id, Account()).version != account.version:
                raise AccountChanged
            saved = replace(account, version=account.version + 1)
            self.tables.accounts[person_id] = saved
            return saved

    @logged
    def count_letter(self, mailbox: str, letter: str, *, unpaid: bool, limits: Limits, forget_at: datetime) -> bool:
        with self.tables.lock:
            every, about_unpaid = self.tables.letters.setdefault(mailbox, (set(), set()))
            if letter not in every:
                full = len(every) >= limits.letters_per_day
                if full or (unpaid and len(about_unpaid) >= limits.unpaid_letters_per_day):
                    return False
            every.add(letter)
            if unpaid:
                about_unpaid.add(letter)
            return True

    def view_for_hold(
        self,
        booking_id: BookingId,
        guest: PersonId,
        listing_id: ListingId | None,
        start: date,
        end: date,
        *,
        consistent: bool = True,
    ) -> HoldView:
        listings = FakeListings(self.tables, self.call_log)
        return view_in_parts(self, listings, (booking_id, guest, listing_id, start, end), consistent=consistent)

    @logged
    def hold(self, booking: Booking, listing: Listing, nights: Nights, account: Account) -> None:
        with self.tables.lock:
            if booking.booking_id in self.tables.bookings:
                raise BookingExists
            if self.tables.accounts.get(booking.guest_id, Account()).version != account.version:
                raise AccountChanged
            for day in booking.stay.dates:
                read = nights.get(day)
                if self.tables.night(listing.listing_id, day).price != (read.price if read else None):
                    raise NightsShort
            self._take(booking, listing)
            self.tables.accounts[booking.guest_id] = replace(account, version=account.version + 1)
            self._put(booking)

    @logged
    def save(self, before: Booking, after: Booking, listing: Listing | None = None) -> Booking:
        with self.tables.lock:
            row = self.tables.bookings.get(before.booking_id)
            if row is None or row.booking.version != before.version:
                raise VersionLost
            if after.holds_nights and not before.holds_nights:
                if listing is None:
                    raise ValueError("taking nights needs the listing's units")
                self._take(after, listing)
            self._release(after, set(before.held_nights) - set(after.held_nights))
            after = replace(after, version=before.version + 1)
            self._put(after, before)
            return after

    @logged
    def due(self, now: datetime, limit: int) -> list[BookingId]:
        with self.tables.lock:
            times = {booking_id: row.due_at for booking_id, row in self.tables.bookings.items()}
            times |= {task_id: due for task_id, (_, due) in self.tables.closings.items()}
            times |= {task_id: due for task_id, (_, due) in self.tables.erasures.items()}
            ripe = [(due, name) for name, due in times.items() if due is not None and due <= now]
            return [booking_id for _, booking_id in sorted(ripe)[:limit]]

    @logged
    def back_off_failing(self, booking_id: BookingId, now: datetime) -> None:
        with self.tables.lock:
            closing, due = self.tables.closings.get(booking_id, (None, None))
            if closing is not None and due is not None and due <= now:
                self.tables.closings[booking_id] = closing, now + FAILING_PAUSE
            work, due = self.tables.erasures.get(booking_id, (None, None))
            if work is not None and due is not None and due <= now:
                self.tables.erasures[booking_id] = work, now + FAILING_PAUSE
            row = self.tables.bookings.get(booking_id)
            if row is None or row.due_at is None or row.due_at > now:
                return
            row.failures += 1
            row.failing_since = row.failing_since or now
            row.due_at = now + FAILING_PAUSE
            if row.failing_since <= now - GIVE_UP_AFTER:
                row.attention, row.attention_at = "failing", now

    @logged
    def orphan(self, tx_ref: str, verification: Verification, now: datetime, *, payer_key: str = "") -> None:
        with self.tables.lock:
            if tx_ref not in self.tables.orphans and payer_key:
                self.tables.payers[tx_ref] = payer_key
            self.tables.orphans.setdefault(tx_ref, (verification, now))

    @logged
    def orphans(self, tx_refs: Sequence[str]) -> Mapping[str, Orphan]:
        with self.tables.lock:
            return {
                tx_ref: Orphan(tx_ref, self.tables.orphans[tx_ref][0], tx_ref not in self.tables.acknowledged)
                for tx_ref in tx_refs
                if tx_ref in self.tables.orphans
            }

    @logged
    def orphans_of(self, payer_key: str) -> tuple[Orphan, ...]:
        with self.tables.lock:
            return tuple(
                Orphan(tx_ref, self.tables.orphans[tx_ref][0], tx_ref not in self.tables.acknowledged)
                for tx_ref, key in self.tables.payers.items()
                if key == payer_key
            )

    @logged
    def forget_payer(self, tx_ref: str, verification: Verification) -> None:
        with self.tables.lock:
            if tx_ref in self.tables.orphans:
                self.tables.orphans[tx_ref] = verification, self.tables.orphans[tx_ref][1]
                self.tables.payers.pop(tx_ref, None)

    @logged
    def acknowledge_orphan(self, tx_ref: str, acknowledgement: Acknowledgement) -> Acknowledgement | None:
        with self.tables.lock:
            return (
                self.tables.acknowledged.setdefault(tx_ref, acknowledgement) if tx_ref in self.tables.orphans else None
            )

    @logged
    def is_failing(self, booking_id: BookingId) -> bool:
        with self.tables.lock:
            row = self.tables.bookings.get(booking_id)
            return row is not None and row.attention == "failing"

    @logged
    def of_guest(self, guest_id: PersonId, *, limit: int, after: str | None) -> Page[BookingId]:
        with self.tables.lock:
            own = [row.booking for row in self.tables.bookings.values() if row.booking.guest_id == guest_id]
        own.sort(key=lambda booking: booking.created_at, reverse=True)
        return _page([booking.booking_id for booking in own], limit=limit, after=after)

    @logged
    def of_listing(self, listing_id: ListingId, *, limit: int, after: str | None) -> Page[BookingId]:
        with self.tables.lock:
            there = [row.booking for row in self.tables.bookings.values() if row.booking.place.listing_id == listing_id]
        there.sort(key=lambda booking: booking.stay.check_in, reverse=True)
        return _page([booking.booking_id for booking in there], limit=limit, after=after)

    @logged
    def arrivals(
        self,
        listing_id: ListingId,
        start: date,
        end: date,
        *,
        limit: int,
        after: Arrival | None = None,
        latest_first: bool = False,
    ) -> tuple[Arrival, ...]:
        with self.tables.lock:
            return arrivals_among(
                [row.booking for row in self.tables.bookings.values() if row.booking.place.listing_id == listing_id],
                start,
                end,
                after=after,
                latest_first=latest_first,
            )[:limit]

    @logged
    def staying(self, check_in: date, *, until: date, limit: int, after: str | None) -> Page[BookingId]:
        with self.tables.lock:
            there = [
                (row.booking.free_from, key)
                for key, row in self.tables.bookings.items()
                if row.booking.status == "confirmed"
                and row.booking.stay.check_in == check_in
                and row.booking.free_from >= until
            ]
        return _page([key for _, key in sorted(there)], limit=limit, after=after)

    @logged
    def leaving(self, check_in: date, *, on: date, limit: int, after: str | None) -> Page[BookingId]:
        with self.tables.lock:
            there = [
                key
                for key, row in self.tables.bookings.items()
                if row.booking.status == "confirmed"
                and row.booking.stay.check_in == check_in
                and row.booking.free_from == on
            ]
        return _page(sorted(there), limit=limit, after=after)

    @logged
    def of_search_key(self, part: SearchPart, key: str, *, limit: int, after: str | None) -> Page[BookingId]:
        with self.tables.lock:
            named = [
                row.booking for row in self.tables.bookings.values() if getattr(row.booking.search_keys, part) == key
            ]
        keys = sorted(((instant_key(each.created_at), each.booking_id) for each in named), reverse=True)
        # A position is that of the last key, so that what leaves the index meanwhile moves nothing.
        left = [key for key in keys if after is None or key < tuple(json.loads(after))]
        more = json.dumps(left[limit - 1]) if len(left) > limit else None
        return Page(tuple(booking_id for _, booking_id in left[:limit]), more)

    @logged
    def made_between(self, start: datetime, end: datetime, *, limit: int, after: str | None) -> Page[BookingId]:
        with self.tables.lock:
            made = [
                (row.booking.created_at.date(), key)
                for key, row in self.tables.bookings.items()
                if start <= row.booking.created_at < end
            ]
        return _page([key for _, key in sorted(made)], limit=limit, after=after)

    @logged
    def changed_on(self, day: date, *, limit: int, after: str | None) -> Page[BookingId]:
        with self.tables.lock:
            changed = [key for key, row in self.tables.bookings.items() if late_change(row.booking) == day]
        return _page(sorted(changed), limit=limit, after=after)

    @logged
    def attention_entries(self, *, limit: int, after: str | None) -> Page[AttentionEntry]:
        with self.tables.lock:
            waiting = self.tables.orphans.keys() - self.tables.acknowledged.keys()
            found = [AttentionEntry(tx_ref, "orphan", self.tables.orphans[tx_ref][1]) for tx_ref in waiting]
            for finding_id, (_, since) in self.tables.findings.items():
                if finding_id not in self.tables.acknowledged_findings:
                    found.append(AttentionEntry(finding_id, "invariant", since))
            for booking_id, row in self.tables.bookings.items():
                if row.attention:
                    found.append(AttentionEntry(booking_id, row.attention, row.attention_at))
            for name, (closing, _) in self.tables.closings.items():
                if closing.waiting is not None:
                    found.append(AttentionEntry(name, "proposal", closing.waiting.at))
        found.sort(key=lambda entry: entry.since)
        return _page(found, limit=limit, after=after)

    def _put(self, booking: Booking, before: Booking | None = None) -> None:
        due = due_at(booking) if before is None else indexed_due_at(before, booking)
        row = Row(booking, due, attention(booking), attention_since(booking))
        self.tables.bookings[booking.booking_id] = row

    def _take(self, booking: Booking, listing: Listing) -> None:
        units = booking.stay.units
        nights = [self.tables.night(listing.listing_id, day) for day in booking.stay.dates]
        if any(night.closed or night.taken + units > listing.units for night in nights):
            raise NightsShort
        for night in nights:
            self.tables.nights[listing.listing_id, night.date] = replace(night, taken=night.taken + units)

    def _release(self, booking: Booking, days: Iterable[date]) -> None:
        place, units = booking.place.listing_id, booking.stay.units
        nights = [self.tables.night(place, day) for day in days]
        if any(night.taken < units for night in nights):
            raise NightsShort
        for night in nights:
            self.tables.nights[place, night.date] = replace(night, taken=night.taken - units)


class FakeLedger(Logged):
    """The LedgerStore port."""

    port = "ledger"

    def __init__(self, tables: Tables | None = None, call_log: CallLog | None = None) -> None:
        super().__init__(call_log)
        self.tables = tables or Tables()

    @logged
    def write(self, line: LedgerLine, *, reference_key: str | None, late: bool) -> bool:
        with self.tables.lock:
            if line.line_id in self.tables.lines:
                return False
            self.tables.lines[line.line_id] = (line, reference_key)
            if late:
                generation = self._kept(line.day).generation + 1
                self.tables.totals[line.day] = DayTotals(generation, None)
            return True

    @logged
    def of_day(self, day: date, *, limit: int, after: str | None) -> Page[LedgerLine]:
        with self.tables.lock:
            found = [line for line, _ in self.tables.lines.values() if line.day == day]
        return _page(sorted(found, key=lambda line: (line.at, line.line_id)), limit=limit, after=after)

    @logged
    def kept(self, lines: Sequence[LedgerLine]) -> Mapping[str, LedgerLine]:
        with self.tables.lock:
            there = (self.tables.lines.get(line.line_id) for line in lines)
            return {found[0].line_id: found[0] for found in there if found is not None}

    @logged
    def of_host(self, host_id: PersonId, start: date, end: date, *, limit: int, after: str | None) -> Page[LedgerLine]:
        with self.tables.lock:
            own = [line for line, _ in self.tables.lines.values() if line.host_id == host_id]
        counting = [line for line in own if start <= line.counts_on <= end]
        counting.sort(key=lambda line: (line.counts_on, line.at, line.line_id))
        return _page(counting, limit=limit, after=after)

    @logged
    def of_reference(self, reference_key: str) -> tuple[LedgerLine, ...]:
        with self.tables.lock:
            named = [line for line, key in self.tables.lines.values() if key == reference_key]
        return tuple(sorted(named, key=lambda line: (line.at, line.line_id)))

    @logged
    def totals(self, start: date, end: date, *, hosts: bool) -> Mapping[date, DayTotals]:
        with self.tables.lock:
            kept = {day: totals for day, totals in self.tables.totals.items() if start <= day <= end}
        if hosts:
            return kept
        by = frozenset({"day", "gateway"})
        return {
            day: replace(totals, rows=None if totals.rows is None else merge(totals.rows, by=by))
            for day, totals in kept.items()
        }

    @logged
    def note_access(self, access: Access) -> str:
        with self.tables.lock:
            self.tables.accesses.append(access)
            return str(len(self.tables.accesses) - 1)

    @logged
    def conclude_access(self, place: str, asked: Access, concluded: Access) -> None:
        with self.tables.lock:
            if self.tables.accesses[int(place)] != asked:
                raise VersionLost
            self.tables.accesses[int(place)] = concluded

    @logged
    def forget_notes(self, subject: str) -> None:
        with self.tables.lock:
            self.tables.accesses[:] = [
                replace(each, note="") if looked_up_under(each.subject) == subject else each
                for each in self.tables.accesses
            ]

    @logged
    def accesses_about(self, subject: str, *, limit: int, after: str | None) -> Page[Access]:
        with self.tables.lock:
            found = [access for access in self.tables.accesses if looked_up_under(access.subject) == subject]
        return _page(sorted(found, key=lambda access: access.at), limit=limit, after=after)

    @logged
    def accesses(self, day: date, *, limit: int, after: str | None) -> Page[Access]:
        with self.tables.lock:
            found = [access for access in self.tables.accesses if access.at.date() == day]
        return _page(found, limit=limit, after=after)

    @logged
    def enter(self, entry: AccountEntry) -> AccountEntry:
        with self.tables.lock:
            return self.tables.entries.setdefault((entry.host_id, entry.entry_id), entry)

    @logged
    def account(self, host_id: PersonId) -> tuple[AccountEntry, ...]:
        with self.tables.lock:
            own = [entry for (host, _), entry in self.tables.entries.items() if host == host_id]
        return tuple(sorted(own, key=lambda entry: (entry.at, entry.entry_id)))

    @logged
    def keep_settlement(self, settlement: Settlement) -> None:
        with self.tables.lock:
            self.tables.settlements[settlement.settlement_id] = settlement

    @logged
    def settlement(self, settlement_id: str) -> Settlement | None:
        with self.tables.lock:
            return self.tables.settlements.get(settlement_id)

    @logged
    def keep_totals(self, day: date, totals: DayTotals) -> bool:
        with self.tables.lock:
            if self._kept(day).generation != totals.generation:
                return False
            self.tables.totals[day] = totals
            return True

    def _kept(self, day: date) -> DayTotals:
        return self.tables.totals.get(day, DayTotals(0, None))


class FakeListings(Logged):
    """The ListingStore port."""

    port = "listings"

    def __init__(self, tables: Tables | None = None, call_log: CallLog | None = None) -> None:
        super().__init__(call_log)
        self.tables = tables or Tables()

    @logged
    def publish(self, listing: Listing) -> bool:
        with self.tables.lock:
            return self.tables.listings.setdefault(listing.listing_id, listing) is listing

    @logged
    def load(self, listing_id: ListingId) -> Listing | None:
        with self.tables.lock:
            return self.tables.listings.get(listing_id)

    @logged
    def load_many(self, listing_ids: Sequence[ListingId], *, consistent: bool = True) -> Batch[Listing]:
        assert len(listing_ids) <= 100
        with self.tables.lock:
            return self._batch(listing_ids)

    @logged
    def load_with_nights(
        self,
        listing_ids: Sequence[ListingId],
        start: date,
        end: date,
        *,
        consistent: bool = True,
    ) -> Batch[tuple[Listing, Nights]]:
        with self.tables.lock:
            found = self._batch(listing_ids)
            with_nights = ((listing, self._nights(listing.listing_id, start, end)) for listing in found.items)
            return Batch(tuple(with_nights), found.unreadable)

    def _batch(self, listing_ids: Sequence[ListingId]) -> Batch[Listing]:
        known = [key for key in listing_ids if key in self.tables.listings]
        readable = tuple(self.tables.listings[key] for key in known if key not in self.tables.unreadable)
        return Batch(readable, tuple(key for key in known if key in self.tables.unreadable))

    @logged
    def nights(self, listing_id: ListingId, start: date, end: date) -> Nights:
        with self.tables.lock:
            return self._nights(listing_id, start, end)

    def _nights(self, listing_id: ListingId, start: date, end: date) -> Nights:
        own = {day: night for (of, day), night in self.tables.nights.items() if of == listing_id}
        return {day: night for day, night in own.items() if start <= day < end and night != Night(day)}

    @logged
    def save(self, before: Listing, after: Listing) -> Listing:
        with self.tables.lock:
            if self.tables.listings[before.listing_id].version != before.version:
                raise VersionLost
            saved = replace(after, version=before.version + 1)
            self.tables.listings[saved.listing_id] = saved
            return saved

    @logged
    def set_nights(self, listing_id: ListingId, days: Sequence[date], change: NightChange) -> None:
        with self.tables.lock:
            for day in days:
                self.tables.nights[listing_id, day] = change.of(self.tables.night(listing_id, day))

    @logged
    def add_review(self, before: Listing, after: Listing, review: Review) -> None:
        with self.tables.lock:
            if (before.listing_id, review.booking_id) in self.tables.reviews:
                raise ReviewExists
            if review.key and self._under(before.listing_id, review.key):
                raise ReviewExists
            if self.tables.listings[before.listing_id].version != before.version:
                raise VersionLost
            self.tables.listings[before.listing_id] = replace(after, version=before.version + 1)
            self.tables.reviews[before.listing_id, review.booking_id] = review

    @logged
    def review_under(self, listing_id: ListingId, key: str) -> Review | None:
        with self.tables.lock:
            return self._under(listing_id, key)

    def _under(self, listing_id: ListingId, key: str) -> Review | None:
        reviews = self.tables.reviews.items()
        return next((each for (of, _), each in reviews if of == listing_id and each.key == key), None)

    @logged
    def review_of(self, listing_id: ListingId, booking_id: BookingId) -> Review | None:
        with self.tables.lock:
            return self.tables.reviews.get((listing_id, booking_id))

    @logged
    def rewrite_review(self, listing_id: ListingId, review: Review) -> None:
        with self.tables.lock:
            self.tables.reviews[listing_id, review.booking_id] = review

    @logged
    def reviews(self, listing_id: ListingId, *, limit: int, after: str | None) -> Page[Review]:
        with self.tables.lock:
            found = [review for (of, _), review in self.tables.reviews.items() if of == listing_id]
        found.sort(key=lambda review: review.order, reverse=True)
        return _page(found, limit=limit, after=after)

    @logged
    def in_city(
        self, city_key: str, *, currency: str, max_price: int | None, limit: int, after: str | None
    ) -> Page[ListingId]:
        found = [
            (listing.nightly_price.minor, listing.listing_id)
            for listing in self._all()
            if listing.city_key == city_key
            and listing.nightly_price.currency == currency
            and listing.status == "open"
            and (max_price is None or listing.nightly_price.minor <= max_price)
        ]
        return _page([listing_id for _, listing_id in sorted(found)], limit=limit, after=after)

    @logged
    def cities(self, beginning: str, *, limit: int, after: str | None) -> Page[City]:
        found = self._cities()
        return _page([found[key] for key in sorted(found) if key.startswith(beginning)], limit=limit, after=after)

    @logged
    def find_cities(self, keys: Sequence[str]) -> list[City]:
        found = self._cities()
        return [found[key] for key in keys if key in found]

    def _cities(self) -> dict[str, City]:
        found: dict[str, City] = {}
        for listing in self._all():
            if listing.status == "open":
                city = found.get(listing.city_key, City(listing.city_key))
                found[city.key] = city.with_listing(listing.city)
        return found

    @logged
    def of_host(self, host_id: PersonId, *, limit: int, after: str | None) -> Page[ListingId]:
        own = [listing for listing in self._all() if listing.host_id == host_id]
        own.sort(key=lambda listing: listing.created_at, reverse=True)
        return _page([listing.listing_id for listing in own], limit=limit, after=after)

    def _all(self) -> Iterable[Listing]:
        with self.tables.lock:
            return list(self.tables.listings.values())


class FakeClosings(Logged):
    """The ClosingStore port."""

    port = "closings"

    def __init__(self, tables: Tables | None = None, call_log: CallLog | None = None) -> None:
        super().__init__(call_log)
        self.tables = tables or Tables()

    @logged
    def load(self, listing_id: ListingId) -> Closing | None:
        with self.tables.lock:
            known = self.tables.closings.get(closing_task(listing_id))
            return known[0] if known else None

    @logged
    def save(self, closing: Closing) -> Closing:
        with self.tables.lock:
            known = self.tables.closings.get(closing_task(closing.listing_id))
            if (known[0].version if known else 0) != closing.version:
                raise VersionLost
            saved = replace(closing, version=closing.version + 1)
            self.tables.closings[closing_task(closing.listing_id)] = saved, saved.due_at
            return saved


class FakeHosts(Logged):
    """The HostStore port."""

    port = "hosts"

    def __init__(self, tables: Tables | None = None, call_log: CallLog | None = None) -> None:
        super().__init__(call_log)
        self.tables = tables or Tables()

    @logged
    def load(self, host_id: PersonId, *, consistent: bool = True) -> Host | None:
        with self.tables.lock:
            return self.tables.hosts.get(host_id)

    @logged
    def save(self, host: Host) -> Host:
        with self.tables.lock:
            known = self.tables.hosts.get(host.host_id)
            if (known.version if known else 0) != host.version:
                raise VersionLost
            saved = replace(host, version=host.version + 1)
            self.tables.hosts[host.host_id] = saved
            return saved

    @logged
    def find(self, part: SearchPart, key: str) -> tuple[PersonId, ...]:
        with self.tables.lock:
            found = [host for host in self.tables.hosts.values() if getattr(host.search_keys, part) == key]
        return tuple(host.host_id for host in sorted(found, key=lambda host: host.created_at))[:100]


class FakeErasures(Logged):
    """The ErasureStore port."""

    port = "erasures"

    def __init__(self, tables: Tables | None = None, call_log: CallLog | None = None) -> None:
        super().__init__(call_log)
        self.tables = tables or Tables()

    @logged
    def load(self, erasure_id: str) -> Erasure | None:
        known = self._known(erasure_task(erasure_id))
        return known if isinstance(known, Erasure) else None

    @logged
    def save(self, erasure: Erasure) -> Erasure:
        return self._save(erasure_task(erasure.erasure_id), erasure)

    @logged
    def expiry(self) -> Expiry | None:
        known = self._known(TASK)
        return known if isinstance(known, Expiry) else None

    @logged
    def save_expiry(self, expiry: Expiry) -> Expiry:
        return self._save(TASK, expiry)

    def _known(self, name: BookingId) -> Erasure | Expiry | None:
        with self.tables.lock:
            return self.tables.erasures.get(name, (None, None))[0]

    def _save(self, name: BookingId, work: W) -> W:
        with self.tables.lock:
            known = self._known(name)
            if (known.version if known else 0) != work.version:
                raise VersionLost
            saved = replace(work, version=work.version + 1)
            self.tables.erasures[name] = saved, saved.due_at
            return saved


class FakeWatch(Logged):
    """The WatchStore port."""

    port = "watch"

    def __init__(self, tables: Tables | None = None, call_log: CallLog | None = None) -> None:
        super().__init__(call_log)
        self.tables = tables or Tables()

    @logged
    def add_counts(self, slot: datetime, counts: Counts) -> None:
        with self.tables.lock:
            self.tables.counts.setdefault(slot, Counter()).update(counts)

    @logged
    def counts(self, slots: Sequence[datetime]) -> Mapping[datetime, Counts]:
        with self.tables.lock:
            return {slot: dict(self.tables.counts[slot]) for slot in slots if slot in self.tables.counts}

    @logged
    def note_sweep(self, at: datetime) -> None:
        self.tables.swept_at = at

    @logged
    def last_sweep(self) -> datetime | None:
        return self.tables.swept_at

    @logged
    def load_check(self) -> Check | None:
        return self.tables.check

    @logged
    def save_check(self, check: Check) -> Check:
        with self.tables.lock:
            if (self.tables.check.version if self.tables.check else 0) != check.version:
                raise VersionLost
            self.tables.check = replace(check, version=check.version + 1)
            return self.tables.check

    @logged
    def report(self, finding: Finding, now: datetime) -> bool:
        with self.tables.lock:
            if finding.finding_id in self.tables.findings:
                return False
            self.tables.findings[finding.finding_id] = finding, now
            return True

    @logged
    def findings(self, finding_ids: Sequence[str]) -> Mapping[str, Finding]:
        with self.tables.lock:
            return {key: self.tables.findings[key][0] for key in finding_ids if key in self.tables.findings}

    @logged
    def acknowledge_finding(self, finding_id: str, acknowledgement: Acknowledgement) -> Acknowledgement | None:
        with self.tables.lock:
            known = self.tables.acknowledged_findings
            return known.setdefault(finding_id, acknowledgement) if finding_id in self.tables.findings else None


class FakeSuppressions(Logged):
    """The SuppressionStore port."""

    port = "suppressions"

    def __init__(self, tables: Tables | None = None, call_log: CallLog | None = None) -> None:
        super().__init__(call_log)
        self.tables = tables or Tables()

    @logged
    def find(self, address: str) -> Suppression | None:
        with self.tables.lock:
            if address in self.tables.unreadable:
                raise Unreadable(address)
            return self.tables.suppressions.get(address.casefold())

    @logged
    def view_for_letters(self, host_id: PersonId, addresses: Collection[str]) -> LettersView:
        with self.tables.lock:
            readable = [address for address in addresses if address not in self.tables.unreadable]
            known = {address: self.tables.suppressions.get(address.casefold()) for address in readable}
            return LettersView(self.tables.hosts.get(host_id), known)

    @logged
    def put(self, address: str, suppression: Suppression) -> None:
        with self.tables.lock:
            self.tables.suppressions[address.casefold()] = suppression


def arrivals_among(
    bookings: Iterable[Booking], start: date, end: date, *, after: Arrival | None, latest_first: bool
) -> tuple[Arrival, ...]:
    """The arrivals of some bookings in a period, in order, from after ``after`` on."""
    every = sorted(((each.stay.check_in, each.booking_id) for each in bookings), reverse=latest_first)
    return tuple(
        arrival
        for arrival in every
        if start <= arrival[0] <= end and (after is None or (arrival < after if latest_first else arrival > after))
    )


def _page(items: Sequence[T], *, limit: int, after: str | None) -> Page[T]:
    start = json.loads(after) if after else 0
    end = start + limit
    return Page(tuple(items[start:end]), json.dumps(end) if end < len(items) else None)
