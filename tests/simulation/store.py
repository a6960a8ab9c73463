"""The tables, with every condition of adapters/dynamodb.py under a name: counted, and each can be switched off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar

from chalicelib.adapters.dynamodb.records import FORM, decode_account, decode_booking, encode_account, encode_booking
from chalicelib.domain.attention import attention, attention_since
from chalicelib.domain.booking import Booking, Lease
from chalicelib.domain.finance.ledger import LedgerLine
from chalicelib.domain.ids import BookingId, ListingId, PersonId
from chalicelib.domain.lifecycle import due_at, indexed_due_at, late_change
from chalicelib.domain.listings.calendar import Night, NightChange, Nights
from chalicelib.domain.listings.cities import City
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.people.accounts import Account
from chalicelib.domain.people.limits import Limits
from chalicelib.domain.people.review import Review
from chalicelib.domain.timing import FAILING_PAUSE, GIVE_UP_AFTER
from chalicelib.domain.verification import Verification
from chalicelib.services.ports.bookings import Arrival, AttentionEntry, Orphan
from chalicelib.services.ports.ledger import DayTotals
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
from tests.fake_stores import arrivals_among
from tests.replacing import replace
from tests.simulation.coverage import covered
from tests.simulation.scheduler import START, Violation

T = TypeVar("T")

OFF: set[str] = set()
"""Conditions that are switched off, to prove that the simulation would notice."""

CONDITIONS = (
    "hold: no booking of this id",
    "hold: account as read",
    "hold: room",
    "hold: night open",
    "hold: price as read",
    "save: version as loaded",
    "take again: room",
    "take again: night open",
    "release: taken enough",
    "letter: not counted before",
    "letter: room in the mailbox",
    "lease: nobody else has it",
    "unreadable: nobody is asked yet",
    "back off: the booking is due",
    "back off: failing for a day",
    "orphan: once",
    "orphan: acknowledged once",
    "listing: once",
    "listing: version as loaded",
    "review: once",
    "line: once",
)


def holds(name: str, fact: bool) -> bool:
    """Whether a condition holds; counted either way."""
    covered("condition", f"{name}: {'holds' if fact else 'fails'}")
    return fact or name in OFF


@dataclass(slots=True)
class Row:
    """A booking as its item is: the aggregate, and the attributes that indexes and bare updates use."""

    booking: Booking
    due: datetime | None
    attention: str | None
    attention_at: datetime
    failures: int = 0
    failing_since: datetime | None = None


@dataclass
class Tables:
    """What a reset or a restore replaces. Rows are never changed in place, so that a copy of the dicts is a backup."""

    salt: bytes
    rows: dict[str, Row] = field(default_factory=dict)
    accounts: dict[PersonId, Account] = field(default_factory=dict)
    letters: dict[str, tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict)
    orphans: dict[str, tuple[Verification, datetime]] = field(default_factory=dict)
    acknowledged: dict[str, Acknowledgement] = field(default_factory=dict)
    listings: dict[ListingId, Listing] = field(default_factory=dict)
    nights: dict[tuple[ListingId, date], Night] = field(default_factory=dict)
    reviews: dict[tuple[ListingId, BookingId], Review] = field(default_factory=dict)
    lines: dict[str, LedgerLine] = field(default_factory=dict)

    def copy(self) -> Tables:
        return Tables(
            self.salt,
            dict(self.rows),
            dict(self.accounts),
            dict(self.letters),
            dict(self.orphans),
            dict(self.acknowledged),
            dict(self.listings),
            dict(self.nights),
            dict(self.reviews),
            dict(self.lines),
        )


class SimBookings:
    """The BookingStore port.

    ``unreadable`` names bookings that cannot be loaded, and until when. ``written`` is called after each
    write, with the row before and after it.
    """

    def __init__(
        self,
        tables: Tables,
        *,
        written: Callable[[Row | None, Row], None],
        taken: Callable[[Listing, Night], None],
        held: Callable[[Booking, Listing], None],
        visible: Callable[[], Mapping[str, datetime | None]],
        replicated: Callable[[str], Row | None],
        clock: Callable[[], datetime],
        encoded: bool,
    ) -> None:
        self.tables = tables
        self._written, self._taken, self._held = written, taken, held
        self._visible, self._replicated, self._encoded = visible, replicated, encoded
        self._clock = clock
        self.unreadable: dict[str, datetime] = {}
        self._accounts_before: dict[PersonId, tuple[BookingId, Account]] = {}
        """Each account before its latest hold, with that booking: an eventual read sees both of a hold, or none."""

    def salt(self) -> bytes:
        return self.tables.salt

    def load(self, booking_id: BookingId, *, consistent: bool = True) -> Booking | None:
        if self._cannot_read(booking_id):
            raise Unreadable(booking_id)
        row = self.tables.rows.get(booking_id) if consistent else self._replicated(booking_id)
        return row.booking if row else None

    def load_many(self, booking_ids: Sequence[BookingId]) -> Batch[Booking]:
        there = [key for key in booking_ids if key in self.tables.rows]
        readable = tuple(self.tables.rows[key].booking for key in there if not self._cannot_read(key))
        return Batch(readable, tuple(key for key in there if self._cannot_read(key)))

    def lease_verification(self, booking_id: BookingId, lease: Lease, now: datetime) -> Booking | None:
        row = self.tables.rows.get(booking_id)
        if row is None:
            return None
        other = row.booking.verify_lease
        free = other is None or not other.is_held(now) or other == lease
        if not holds("lease: nobody else has it", free):
            return None
        leased = replace(row.booking, version=row.booking.version + 1, verify_lease=lease)
        self._save(replace(row, booking=leased))
        return leased

    def mark_unreadable(self, booking_id: BookingId, now: datetime) -> None:
        row = self.tables.rows.get(booking_id)
        if row is not None and holds("unreadable: nobody is asked yet", row.attention is None):
            self._save(replace(row, attention="unreadable", attention_at=now))

    def account(self, person_id: PersonId, *, consistent: bool = True) -> Account:
        booking_id, before = self._accounts_before.get(person_id, (None, None))
        if not consistent and booking_id in self.tables.rows and before and self._replicated(booking_id) is None:
            return before
        return self.tables.accounts.get(person_id, Account())

    def save_account(self, person_id: PersonId, account: Account) -> Account:
        if not holds("account: version as loaded", self.account(person_id).version == account.version):
            raise AccountChanged
        self.tables.accounts[person_id] = saved = replace(account, version=account.version + 1)
        return saved

    def count_letter(self, mailbox: str, letter: str, *, unpaid: bool, limits: Limits, forget_at: datetime) -> bool:
        every, about_unpaid = self.tables.letters.get(mailbox, (frozenset(), frozenset()))
        if holds("letter: not counted before", letter not in every):
            full = len(every) >= limits.letters_per_day
            full = full or (unpaid and len(about_unpaid) >= limits.unpaid_letters_per_day)
            if not holds("letter: room in the mailbox", not full):
                return False
        self.tables.letters[mailbox] = every | {letter}, about_unpaid | ({letter} if unpaid else set())
        return True

    def hold(self, booking: Booking, listing: Listing, nights: Nights, account: Account) -> None:
        tables = self.tables
        if not holds("hold: no booking of this id", booking.booking_id not in tables.rows):
            raise BookingExists
        if not holds("hold: account as read", self.account(booking.guest_id).version == account.version):
            raise AccountChanged
        self._held(booking, listing)
        self._take(booking, listing, "hold", nights)
        if self._encoded:
            read = decode_account(encode_account(account), form=FORM, name=booking.guest_id)
            assert replace(read, version=account.version) == account, "an account does not come back as it was saved"
        self._accounts_before[booking.guest_id] = booking.booking_id, self.account(booking.guest_id)
        tables.accounts[booking.guest_id] = replace(account, version=account.version + 1)
        self._put(booking)

    def save(self, before: Booking, after: Booking, listing: Listing | None = None) -> Booking:
        row = self.tables.rows.get(before.booking_id)
        if row is None or not holds("save: version as loaded", row.booking.version == before.version):
            raise VersionLost
        if after.holds_nights and not before.holds_nights:
            assert listing is not None, "taking nights needs the listing's units"
            self._take(after, listing, "take again", None)
        self._release(after, [day for day in before.held_nights if day not in after.held_nights])
        return self._put(replace(after, version=before.version + 1), before)

    def due(self, now: datetime, limit: int) -> list[BookingId]:
        ripe = [(at, key) for key, at in self._visible().items() if at is not None and at <= now]
        return [BookingId(key) for _, key in sorted(ripe)[:limit]]

    def back_off_failing(self, booking_id: BookingId, now: datetime) -> None:
        row = self.tables.rows.get(booking_id)
        is_due = row is not None and row.due is not None and row.due <= now
        if not holds("back off: the booking is due", is_due) or row is None:
            return
        since = row.failing_since
        again = replace(row, due=now + FAILING_PAUSE, failures=row.failures + 1, failing_since=since or now)
        if holds("back off: failing for a day", since is not None and since <= now - GIVE_UP_AFTER):
            again = replace(again, attention="failing", attention_at=now)
        self._save(again)

    def orphan(self, tx_ref: str, verification: Verification, now: datetime) -> None:
        if holds("orphan: once", tx_ref not in self.tables.orphans):
            if tx_ref in self.tables.orphans:
                raise Violation("the first report of an orphan is written over", tx_ref)
            self.tables.orphans[tx_ref] = (verification, now)

    def orphans(self, tx_refs: Sequence[str]) -> Mapping[str, Orphan]:
        known = {tx_ref: self.tables.orphans[tx_ref][0] for tx_ref in tx_refs if tx_ref in self.tables.orphans}
        return {
            tx_ref: Orphan(tx_ref, verification, tx_ref not in self.tables.acknowledged)
            for tx_ref, verification in known.items()
        }

    def acknowledge_orphan(self, tx_ref: str, acknowledgement: Acknowledgement) -> Acknowledgement | None:
        if tx_ref not in self.tables.orphans:
            return None
        if holds("orphan: acknowledged once", tx_ref not in self.tables.acknowledged):
            if tx_ref in self.tables.acknowledged:
                raise Violation("the first word on an orphan is written over", tx_ref)
            self.tables.acknowledged[tx_ref] = acknowledgement
        return self.tables.acknowledged[tx_ref]

    def is_failing(self, booking_id: BookingId) -> bool:
        row = self.tables.rows.get(booking_id)
        return row is not None and row.attention == "failing"

    def of_guest(self, guest_id: PersonId, *, limit: int, after: str | None) -> Page[BookingId]:
        return _page(
            [BookingId(key) for key, row in self.tables.rows.items() if row.booking.guest_id == guest_id], limit, after
        )

    def of_listing(self, listing_id: ListingId, *, limit: int, after: str | None) -> Page[BookingId]:
        rows = self.tables.rows.items()
        return _page([BookingId(key) for key, row in rows if row.booking.place.listing_id == listing_id], limit, after)

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
        own = (row.booking for row in self.tables.rows.values() if row.booking.place.listing_id == listing_id)
        return arrivals_among(own, start, end, after=after, latest_first=latest_first)[:limit]

    def staying(self, check_in: date, *, until: date, limit: int, after: str | None) -> Page[BookingId]:
        every = (row.booking for row in self.tables.rows.values())
        there = [each for each in every if each.stay.check_in == check_in and each.free_from >= until]
        return _page([each.booking_id for each in there if each.status == "confirmed"], limit, after)

    def made_between(self, start: datetime, end: datetime, *, limit: int, after: str | None) -> Page[BookingId]:
        rows = self.tables.rows.items()
        return _page([BookingId(key) for key, row in rows if start <= row.booking.created_at < end], limit, after)

    def changed_on(self, day: date, *, limit: int, after: str | None) -> Page[BookingId]:
        rows = self.tables.rows.items()
        return _page([BookingId(key) for key, row in rows if late_change(row.booking) == day], limit, after)

    def attention_entries(self, *, limit: int, after: str | None) -> Page[AttentionEntry]:
        waiting = self.tables.orphans.keys() - self.tables.acknowledged.keys()
        found = [AttentionEntry(tx_ref, "orphan", self.tables.orphans[tx_ref][1]) for tx_ref in waiting]
        for key, row in self.tables.rows.items():
            if row.attention:
                found.append(AttentionEntry(key, row.attention, row.attention_at))
        found.sort(key=lambda entry: (entry.since, entry.subject))
        return _page(found, limit, after)

    def _cannot_read(self, booking_id: BookingId) -> bool:
        return self.unreadable.get(booking_id, START) > self._clock()

    def _put(self, booking: Booking, before: Booking | None = None) -> Booking:
        due = due_at(booking) if before is None else indexed_due_at(before, booking)
        if self._encoded:
            read = decode_booking(encode_booking(booking), form=FORM, name=booking.booking_id)
            read = replace(
                read,
                version=booking.version,
                verify_lease=booking.verify_lease,
                search_keys=booking.search_keys,
            )
            assert read == booking, "a record does not come back as it was saved"
            booking = read
        self._save(Row(booking, due, attention(booking), attention_since(booking)))
        return booking

    def _save(self, row: Row) -> None:
        before = self.tables.rows.get(row.booking.booking_id)
        self.tables.rows[row.booking.booking_id] = row
        self._written(before, row)

    def _take(self, booking: Booking, listing: Listing, what: str, read: Nights | None) -> None:
        units = booking.stay.units
        nights = [self.tables.nights.get((listing.listing_id, day), Night(day)) for day in booking.stay.dates]
        for night in nights:
            if not holds(f"{what}: room", night.taken <= listing.units - units):
                raise NightsShort
            if not holds(f"{what}: night open", not night.closed):
                raise NightsShort
            if read is None:
                continue
            priced = read.get(night.date, Night(night.date)).price
            if not holds("hold: price as read", night.price == priced):
                raise NightsShort
        for night in nights:
            fuller = replace(night, taken=night.taken + units)
            self.tables.nights[listing.listing_id, night.date] = fuller
            self._taken(listing, fuller)

    def _release(self, booking: Booking, days: Sequence[date]) -> None:
        place, units = booking.place.listing_id, booking.stay.units
        nights = [self.tables.nights.get((place, day), Night(day)) for day in days]
        if days and not holds("release: taken enough", all(night.taken >= units for night in nights)):
            raise NightsShort
        for night in nights:
            self.tables.nights[place, night.date] = replace(night, taken=night.taken - units)


class SimLedger:
    """What the consumers write of the LedgerStore port, and what a report reads; it adds up anew each time."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    def write(self, line: LedgerLine, *, reference_key: str | None, late: bool) -> bool:
        del reference_key
        covered("ledger", f"{line.kind}{' late' if late else ''}")
        if not holds("line: once", line.line_id not in self.tables.lines):
            return False
        known = self.tables.lines.setdefault(line.line_id, line)
        if known is not line:
            raise Violation("a line of the ledger is written over", line.line_id)
        return True

    def of_day(self, day: date, *, limit: int, after: str | None) -> Page[LedgerLine]:
        found = sorted((line.at, line.line_id, line) for line in self.tables.lines.values() if line.day == day)
        return _page([line for _, _, line in found], limit, after)

    def totals(self, start: date, end: date, *, hosts: bool) -> Mapping[date, DayTotals]:
        del start, end, hosts
        return {}

    def keep_totals(self, day: date, totals: DayTotals) -> bool:
        del day, totals
        return True


class SimListings:
    """The ListingStore port, and what a host changes."""

    def __init__(self, tables: Tables, *, changed: Callable[[Listing], None]) -> None:
        self.tables = tables
        self._changed = changed

    def publish(self, listing: Listing) -> bool:
        if not holds("listing: once", listing.listing_id not in self.tables.listings):
            return False
        self.tables.listings[listing.listing_id] = listing
        self._changed(listing)
        return True

    def save(self, before: Listing, after: Listing) -> Listing:
        known = self.tables.listings.get(before.listing_id)
        if known is None or not holds("listing: version as loaded", known.version == before.version):
            raise VersionLost
        after = replace(after, version=before.version + 1)
        self.tables.listings[after.listing_id] = after
        self._changed(after)
        return after

    def set_nights(self, listing_id: ListingId, days: Sequence[date], change: NightChange) -> None:
        for day in days:
            night = self.tables.nights.get((listing_id, day), Night(day))
            self.tables.nights[listing_id, day] = change.of(night)

    def add_review(self, before: Listing, after: Listing, review: Review) -> None:
        key = after.listing_id, review.booking_id
        if not holds("review: once", key not in self.tables.reviews):
            raise ReviewExists
        if review.key and self.review_under(after.listing_id, review.key) is not None:
            raise ReviewExists
        self.save(before, after)
        self.tables.reviews[key] = review

    def review_under(self, listing_id: ListingId, key: str) -> Review | None:
        reviews = self.tables.reviews.items()
        return next((each for (of, _), each in reviews if of == listing_id and each.key == key), None)

    def reviews(self, listing_id: ListingId, *, limit: int, after: str | None) -> Page[Review]:
        own = [review for (of, _), review in self.tables.reviews.items() if of == listing_id]
        own.sort(key=lambda review: review.order, reverse=True)
        return _page(own, limit, after)

    def load(self, listing_id: ListingId) -> Listing | None:
        return self.tables.listings.get(listing_id)

    def load_many(self, listing_ids: Sequence[ListingId], *, consistent: bool = True) -> Batch[Listing]:
        return Batch(tuple(self.tables.listings[key] for key in listing_ids if key in self.tables.listings))

    def load_with_nights(
        self,
        listing_ids: Sequence[ListingId],
        start: date,
        end: date,
        *,
        consistent: bool = True,
    ) -> Batch[tuple[Listing, Nights]]:
        read = self.load_many(listing_ids).items
        return Batch(tuple((each, self.nights(each.listing_id, start, end)) for each in read))

    def nights(self, listing_id: ListingId, start: date, end: date) -> Nights:
        every = self.tables.nights.items()
        return {day: night for (of, day), night in every if of == listing_id and start <= day < end}

    def in_city(
        self, city_key: str, *, currency: str, max_price: int | None, limit: int, after: str | None
    ) -> Page[ListingId]:
        found = [
            (listing.nightly_price.minor, listing.listing_id)
            for listing in self.tables.listings.values()
            if (listing.city_key, listing.nightly_price.currency, listing.status) == (city_key, currency, "open")
        ]
        cheap = [key for price, key in sorted(found) if max_price is None or price <= max_price]
        return _page(cheap, limit, after)

    def cities(self, beginning: str, *, limit: int, after: str | None) -> Page[City]:
        raise NotImplementedError  # no action of a simulation reads the directory

    def find_cities(self, keys: Sequence[str]) -> list[City]:
        raise NotImplementedError

    def of_host(self, host_id: PersonId, *, limit: int, after: str | None) -> Page[ListingId]:
        own = [key for key, listing in self.tables.listings.items() if listing.host_id == host_id]
        return _page(own, limit, after)


def _page(items: Sequence[T], limit: int, after: str | None) -> Page[T]:
    start = int(after or 0)
    end = start + limit
    return Page(tuple(items[start:end]), str(end) if end < len(items) else None)
