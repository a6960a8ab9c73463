"""The booking store on DynamoDB: every condition and transaction, each with the sentence that says why.

PynamoDB reorders the items of a transaction (checks, deletes, puts, updates), and the reasons of a cancellation with
them. Every transaction here is one put followed by updates, added in that order, so the reasons come in ours.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.adapters.dynamodb.calls import Item, Writes, page_of, read_together, reading
from chalicelib.adapters.dynamodb.listings import listing_of_item
from chalicelib.adapters.dynamodb.months import month_parts, nights_of, release, take
from chalicelib.adapters.dynamodb.records import (
    FORM,
    decode_account,
    decode_acknowledgement,
    decode_booking,
    decode_verification,
    encode_account,
    encode_acknowledgement,
    encode_booking,
    encode_verification,
    read_each,
)
from chalicelib.adapters.dynamodb.tables import (
    ASKED,
    DAY_SHARDS,
    DUE_SHARDS,
    LISTING,
    SALT,
    AccountItem,
    BookingItem,
    LettersItem,
    ListingItem,
    SaltItem,
    instant_key,
)
from chalicelib.domain.attention import attention, attention_since
from chalicelib.domain.booking import Booking, Lease
from chalicelib.domain.ids import BookingId, ListingId, PersonId, shard_of
from chalicelib.domain.lifecycle import due_at, indexed_due_at, late_change
from chalicelib.domain.listings.calendar import Nights, dates_between
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.people.accounts import Account
from chalicelib.domain.people.limits import Limits
from chalicelib.domain.record import replace
from chalicelib.domain.timing import ACCOUNT_KEPT, FAILING_PAUSE, GIVE_UP_AFTER
from chalicelib.domain.verification import Verification
from chalicelib.domain.watch.invariants import StoredBooking
from chalicelib.domain.words.search_terms import SearchKeys
from chalicelib.services.ports.bookings import Arrival, AttentionEntry, HoldView, Orphan, SearchPart
from chalicelib.services.ports.outcomes import (
    AccountChanged,
    Acknowledgement,
    Batch,
    BookingExists,
    NightsShort,
    Page,
    StoreBusy,
    VersionLost,
)

ORPHAN = "ORPHAN#"
FINDING = "FINDING#"
LETTERS = "LETTERS#"
MOST_ORPHANS = 100
"""Of one payer: as many as one batch reads."""
FAILING = "#failing"
UNREADABLE = "#unreadable"


class DynamoBookings:
    """The BookingStore port."""

    def __init__(self, connection: Connection, writes: Writes | None = None) -> None:
        self._connection = connection
        self._writes = writes or Writes()
        self._salt: bytes | None = None

    def salt(self) -> bytes:
        if self._salt is None:
            self._salt = self._made_salt()
        return self._salt

    def _made_salt(self) -> bytes:
        if (salt := _read_salt()) is not None:
            return salt
        fresh = SaltItem(SALT, schema=FORM, salt=secrets.token_bytes(32))
        # Made once: a second maker reads the first one's.
        absent = SaltItem.booking_id.does_not_exist()
        try:
            self._writes.one(lambda: fresh.save(condition=absent), lost=VersionLost)
        except VersionLost:
            if (salt := _read_salt()) is None:
                raise StoreBusy("the salt could be neither read nor made") from None
            return salt
        return bytes(fresh.salt)

    @reading()
    def load(self, booking_id: BookingId, *, consistent: bool = True) -> Booking | None:
        try:
            return _booking(BookingItem.get(booking_id, consistent_read=consistent))
        except BookingItem.DoesNotExist:
            return None

    @reading()
    def load_many(self, booking_ids: Sequence[BookingId]) -> Batch[Booking]:
        found = {item.booking_id: item for item in BookingItem.batch_get(booking_ids, consistent_read=True)}
        return read_each([key for key in booking_ids if key in found], lambda key: _booking(found[key]))

    @reading()
    def load_stored(self, booking_ids: Sequence[BookingId]) -> Batch[StoredBooking]:
        found = {item.booking_id: item for item in BookingItem.batch_get(booking_ids, consistent_read=True)}
        return read_each([key for key in booking_ids if key in found], lambda key: _stored(found[key]))

    def lease_verification(self, booking_id: BookingId, lease: Lease, now: datetime) -> Booking | None:
        # Nobody has it; its owner never came back (``~`` sorts after the owner of a lease that ends now); or it is this
        # very lease, whose answer was lost on the way.
        free = (
            BookingItem.verify_lease.does_not_exist()
            | (BookingItem.verify_lease <= f"{instant_key(now)}~")
            | (BookingItem.verify_lease == _lease(lease))
        )
        actions: list[Action] = [
            BookingItem.verify_lease.set(_lease(lease)),
            # Nobody saves over the lease without having seen it.
            BookingItem.version.set(BookingItem.version + 1),
        ]
        item = BookingItem(booking_id)
        try:
            # A booking that does not exist is not made: it has no version.
            exists = BookingItem.version.exists()
            self._writes.one(lambda: item.update(actions=actions, condition=exists & free), lost=VersionLost)
        except VersionLost:
            return None
        return _booking(item)

    def mark_unreadable(self, booking_id: BookingId, now: datetime) -> None:
        mark: list[Action] = [
            BookingItem.attention.set(ASKED),
            BookingItem.attention_at.set(instant_key(now) + UNREADABLE),
        ]
        item = BookingItem(booking_id)
        # It is there, and nobody is asked about it yet.
        unmarked = BookingItem.version.exists() & BookingItem.attention.does_not_exist()
        try:
            self._writes.one(lambda: item.update(actions=mark, condition=unmarked), lost=VersionLost)
        except VersionLost:
            return

    @reading()
    def account(self, person_id: PersonId) -> Account:
        try:
            item = AccountItem.get(_account_key(person_id), consistent_read=True)
        except AccountItem.DoesNotExist:
            return Account()
        return _account(item)

    def save_account(self, person_id: PersonId, account: Account) -> Account:
        item = AccountItem(_account_key(person_id))
        actions, unchanged = _account_write(account, used_at=None)
        self._writes.one(lambda: item.update(actions=actions, condition=unchanged), lost=AccountChanged)
        return replace(account, version=account.version + 1)

    def count_letter(self, mailbox: str, letter: str, *, unpaid: bool, limits: Limits, forget_at: datetime) -> bool:
        # It is counted already, by a worker who came before; or there is room for one more.
        room = LettersItem.letters.does_not_exist() | (size(LettersItem.letters) < limits.letters_per_day)
        actions: list[Action] = [
            LettersItem.letters.add({letter}),
            LettersItem.schema.set(FORM),
            LettersItem.expires_at.set(int(forget_at.timestamp())),
        ]
        if unpaid:
            few = LettersItem.unpaid.does_not_exist() | (size(LettersItem.unpaid) < limits.unpaid_letters_per_day)
            room &= few
            actions.append(LettersItem.unpaid.add({letter}))
        item = LettersItem(LETTERS + mailbox)
        counted = LettersItem.letters.contains(letter)
        try:
            self._writes.one(lambda: item.update(actions=actions, condition=counted | room), lost=VersionLost)
        except VersionLost:
            return False
        return True

    @reading()
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
        bookings, listings = BookingItem.Meta.table_name or "", ListingItem.Meta.table_name or ""
        parts = (LISTING, *month_parts(start, end)) if listing_id else ()
        own: list[Item] = [{"booking_id": {"S": key}} for key in (booking_id, _account_key(guest))]
        there: list[Item] = [{"listing_id": {"S": listing_id}, "part": {"S": part}} for part in parts]
        keys = {bookings: own, listings: there}
        read = read_together(self._connection, keys, eventual=() if consistent else (bookings,))
        by_id = {item["booking_id"]["S"]: item for item in read[bookings]}
        if (found := by_id.get(booking_id)) is not None:
            # Its own call is repeated: nothing else matters, and nothing else needs to be readable.
            return HoldView(_booking(BookingItem.from_raw_data(found)), Account(), None, {})
        account = by_id.get(_account_key(guest))
        by_part = {item["part"]["S"]: item for item in read[listings]}
        listing = by_part.pop(LISTING, None)
        return HoldView(
            None,
            Account() if account is None else _account(AccountItem.from_raw_data(account)),
            None if listing is None else listing_of_item(ListingItem.from_raw_data(listing)),
            nights_of(by_part.values(), start, end),
        )

    def hold(self, booking: Booking, listing: Listing, nights: Nights, account: Account) -> None:
        guest = AccountItem(_account_key(booking.guest_id))
        actions, unchanged = _account_write(account, used_at=booking.created_at)

        def fill(transaction: TransactWrite) -> None:
            # The same guest with the same key meets the booking that is there already.
            transaction.save(_booking_item(booking), condition=BookingItem.booking_id.does_not_exist())
            # No other booking of this account was made since it was read and found to be within its limits.
            transaction.update(guest, actions=actions, condition=unchanged)
            take(transaction, listing, booking.stay.dates, booking.stay.units, priced=nights)

        self._writes.all(self._connection, fill, lost=(BookingExists, AccountChanged, NightsShort))

    def save(self, before: Booking, after: Booking, listing: Listing | None = None) -> Booking:
        after = replace(after, version=before.version + 1)
        # Nobody saved since this one was loaded.
        unchanged = BookingItem.version == before.version
        released = [day for day in before.held_nights if day not in after.held_nights]
        taken = [day for day in after.held_nights if day not in before.held_nights]
        if not released and not taken:
            self._writes.one(lambda: _booking_item(after, before).save(condition=unchanged), lost=VersionLost)
            return after

        def fill(transaction: TransactWrite) -> None:
            transaction.save(_booking_item(after, before), condition=unchanged)
            release(transaction, after.place.listing_id, released, after.stay.units)
            if not taken:
                return
            if listing is None:
                raise ValueError("taking nights needs the listing's units")
            take(transaction, listing, taken, after.stay.units, priced=None)

        self._writes.all(self._connection, fill, lost=(VersionLost, NightsShort))
        return after

    @reading()
    def due(self, now: datetime, limit: int) -> list[BookingId]:
        until = instant_key(now)
        found: list[tuple[str, BookingId]] = []
        for shard in range(DUE_SHARDS):
            ripe = BookingItem.due.query(str(shard), BookingItem.due_at <= until, limit=limit, page_size=1000)
            found += [(item.due_at, BookingId(item.booking_id)) for item in ripe]
        return [booking_id for _, booking_id in sorted(found)[:limit]]

    def back_off_failing(self, booking_id: BookingId, now: datetime) -> None:
        again: list[Action] = [
            BookingItem.failures.set((BookingItem.failures | 0) + 1),
            BookingItem.due_shard.set(str(shard_of(booking_id, DUE_SHARDS))),
            BookingItem.due_at.set(instant_key(now + FAILING_PAUSE)),
        ]
        item = BookingItem(booking_id)
        # Nothing else is deferred: a booking that rests, or is not due yet, would stand in the index for ever, as
        # whoever is led to it finds nothing to do and saves nothing. One that does not exist is not made either.
        is_due = BookingItem.due_at <= instant_key(now)
        # It has kept failing for a day: a person is asked, and it is tried on.
        for_a_day = BookingItem.failing_since <= instant_key(now - GIVE_UP_AFTER)
        ask: list[Action] = [
            BookingItem.attention.set(ASKED),
            BookingItem.attention_at.set(instant_key(now) + FAILING),
        ]
        try:
            self._writes.one(lambda: item.update(actions=again + ask, condition=is_due & for_a_day), lost=VersionLost)
            return
        except VersionLost:
            pass
        first = BookingItem.failing_since.set(BookingItem.failing_since | instant_key(now))
        try:
            self._writes.one(lambda: item.update(actions=[*again, first], condition=is_due), lost=VersionLost)
        except VersionLost:
            return

    def orphan(self, tx_ref: str, verification: Verification, now: datetime, *, payer_key: str = "") -> None:
        item = BookingItem(
            ORPHAN + tx_ref,
            schema=FORM,
            attention=ASKED,
            attention_at=f"{instant_key(now)}#orphan",
            record=encode_verification(verification),
            created=instant_key(now) if payer_key else None,
            email_key=payer_key or None,
        )
        try:
            # Once: the first report stands, with its time.
            self._writes.one(lambda: item.save(condition=BookingItem.booking_id.does_not_exist()), lost=VersionLost)
        except VersionLost:
            return

    @reading()
    def orphans(self, tx_refs: Sequence[str]) -> Mapping[str, Orphan]:
        found = {item.booking_id: item for item in BookingItem.batch_get([ORPHAN + each for each in tx_refs])}
        batch = read_each(
            [each for each in tx_refs if ORPHAN + each in found], lambda each: _orphan(found[ORPHAN + each])
        )
        return {orphan.tx_ref: orphan for orphan in batch.items}

    @reading()
    def orphans_of(self, payer_key: str) -> tuple[Orphan, ...]:
        page = page_of(BookingItem.by_email, payer_key, _booking_id, limit=MOST_ORPHANS, after=None)
        found = {item.booking_id: item for item in BookingItem.batch_get(page.items, consistent_read=True)}
        return tuple(_orphan(found[key]) for key in page.items if key in found)

    def forget_payer(self, tx_ref: str, verification: Verification) -> None:
        actions: list[Action] = [
            BookingItem.record.set(encode_verification(verification)),
            BookingItem.email_key.remove(),
        ]
        item = BookingItem(ORPHAN + tx_ref)
        try:
            # It is there: nothing is made here.
            self._writes.one(
                lambda: item.update(actions=actions, condition=BookingItem.record.exists()), lost=VersionLost
            )
        except VersionLost:
            return

    def acknowledge_orphan(self, tx_ref: str, acknowledgement: Acknowledgement) -> Acknowledgement | None:
        return acknowledge_item(self._writes, ORPHAN + tx_ref, acknowledgement)

    @reading()
    def is_failing(self, booking_id: BookingId) -> bool:
        try:
            item = BookingItem.get(booking_id, consistent_read=True, attributes_to_get=["attention_at"])
        except BookingItem.DoesNotExist:
            return False
        return (item.attention_at or "").endswith(FAILING)

    def of_guest(self, guest_id: PersonId, *, limit: int, after: str | None) -> Page[BookingId]:
        return page_of(BookingItem.by_guest, guest_id, _booking_id, limit=limit, after=after, newest_first=True)

    def of_listing(self, listing_id: ListingId, *, limit: int, after: str | None) -> Page[BookingId]:
        return page_of(BookingItem.by_listing, listing_id, _booking_id, limit=limit, after=after, newest_first=True)

    @reading()
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
        first, last = start.isoformat(), f"{end.isoformat()}~"
        if after is not None and latest_first:
            last = _stay_key(after)
        elif after is not None:
            first = _stay_key(after)
        # One more than asked for: both ends are included, and ``after`` was shown before.
        some = BookingItem.by_listing.query(
            listing_id,
            BookingItem.stay_key.between(first, last),
            scan_index_forward=not latest_first,
            limit=limit + 1,
            page_size=limit + 1,
        )
        found = (_arrival(item) for item in some)
        return tuple(arrival for arrival in found if arrival != after)[:limit]

    def staying(self, check_in: date, *, until: date, limit: int, after: str | None) -> Page[BookingId]:
        return page_of(
            BookingItem.by_arrival,
            check_in.isoformat(),
            _booking_id,
            limit=limit,
            after=after,
            range_condition=BookingItem.leaves_key >= until.isoformat(),
        )

    def leaving(self, check_in: date, *, on: date, limit: int, after: str | None) -> Page[BookingId]:
        return page_of(
            BookingItem.by_arrival,
            check_in.isoformat(),
            _booking_id,
            limit=limit,
            after=after,
            range_condition=BookingItem.leaves_key.startswith(f"{on.isoformat()}#"),
        )

    def of_search_key(self, part: SearchPart, key: str, *, limit: int, after: str | None) -> Page[BookingId]:
        index = {"email": BookingItem.by_email, "phone": BookingItem.by_phone, "name": BookingItem.by_name}[part]
        return page_of(index, key, _booking_id, limit=limit, after=after, newest_first=True)

    def made_between(self, start: datetime, end: datetime, *, limit: int, after: str | None) -> Page[BookingId]:
        last = end - timedelta(milliseconds=1)
        partitions = [
            f"{day.isoformat()}#{shard}"
            for day in dates_between(start.astimezone(UTC).date(), last.astimezone(UTC).date() + timedelta(days=1))
            for shard in range(DAY_SHARDS)
        ]
        made_then = BookingItem.created.between(instant_key(start), instant_key(last))
        begun, key = json.loads(after) if after else (0, None)
        ids: tuple[BookingId, ...] = ()
        for number in range(begun, len(partitions)):
            page = page_of(
                BookingItem.by_day,
                partitions[number],
                _booking_id,
                limit=limit - len(ids),
                after=key,
                range_condition=made_then,
            )
            ids, key = ids + page.items, page.next_cursor
            if key is not None:
                return Page(ids, json.dumps([number, key]))
            if len(ids) == limit and number + 1 < len(partitions):
                return Page(ids, json.dumps([number + 1, None]))
        return Page(ids, None)

    def changed_on(self, day: date, *, limit: int, after: str | None) -> Page[BookingId]:
        return page_of(BookingItem.by_change, day.isoformat(), _booking_id, limit=limit, after=after)

    def attention_entries(self, *, limit: int, after: str | None) -> Page[AttentionEntry]:
        return page_of(BookingItem.needs_attention, ASKED, _attention_entry, limit=limit, after=after)


def acknowledge_item(writes: Writes, name: str, acknowledgement: Acknowledgement) -> Acknowledgement | None:
    """Take an item off the attention list that is no booking; answers the first acknowledgement, None: no such item."""
    actions: list[Action] = [
        BookingItem.acknowledged.set(encode_acknowledgement(acknowledgement)),
        BookingItem.attention.remove(),
        BookingItem.attention_at.remove(),
    ]
    # It is known, and nobody has acknowledged it: the first acknowledgement stands.
    waits = BookingItem.attention == ASKED
    try:
        writes.one(lambda: BookingItem(name).update(actions=actions, condition=waits), lost=VersionLost)
    except VersionLost:
        return _acknowledgement(name)
    return acknowledgement


@reading()
def _acknowledgement(name: str) -> Acknowledgement | None:
    try:
        item = BookingItem.get(name, consistent_read=True)
        return decode_acknowledgement(item.acknowledged or b"", form=_form(item), name=name)
    except BookingItem.DoesNotExist:
        return None


@reading()
def _read_salt() -> bytes | None:
    try:
        return bytes(SaltItem.get(SALT, consistent_read=True).salt)
    except SaltItem.DoesNotExist:
        return None


def _account(item: AccountItem) -> Account:
    account = decode_account(item.record or b"", form=_form(item), name=item.booking_id)
    return replace(account, version=int(item.version))


def _account_key(person_id: PersonId) -> str:
    return f"ACCOUNT#{person_id}"


def _account_write(account: Account, *, used_at: datetime | None) -> tuple[list[Action], Condition]:
    """What is set of an account, on condition that nobody wrote it since it was loaded."""
    actions: list[Action] = [
        AccountItem.schema.set(FORM),
        AccountItem.version.set(account.version + 1),
        AccountItem.record.set(encode_account(account)),
    ]
    if account.acts or used_at is None:
        actions.append(AccountItem.expires_at.remove())
    else:
        actions.append(AccountItem.expires_at.set(int((used_at + ACCOUNT_KEPT).timestamp())))
    absent = AccountItem.version.does_not_exist()
    return actions, AccountItem.version == account.version if account.version else absent


def _booking_item(booking: Booking, before: Booking | None = None) -> BookingItem:
    due = due_at(booking) if before is None else indexed_due_at(before, booking)
    reason, changed = attention(booking), late_change(booking)
    created = instant_key(booking.created_at)
    confirmed = booking.status == "confirmed"
    return BookingItem(
        booking.booking_id,
        schema=FORM,
        version=booking.version,
        status=booking.status,
        guest_id=booking.guest_id,
        created=created,
        listing_id=booking.place.listing_id,
        stay_key=_stay_key((booking.stay.check_in, booking.booking_id)),
        arrives_on=booking.stay.check_in.isoformat() if confirmed else None,
        leaves_key=f"{booking.free_from.isoformat()}#{booking.booking_id}" if confirmed else None,
        day=f"{created[:10]}#{shard_of(booking.booking_id, DAY_SHARDS)}",
        changed=None if changed is None else changed.isoformat(),
        due_shard=None if due is None else str(shard_of(booking.booking_id, DUE_SHARDS)),
        due_at=None if due is None else instant_key(due),
        attention=None if reason is None else ASKED,
        attention_at=None if reason is None else f"{instant_key(attention_since(booking))}#{reason}",
        record=encode_booking(booking),
        verify_lease=None if booking.verify_lease is None else _lease(booking.verify_lease),
        email_key=booking.search_keys.email or None,
        phone_key=booking.search_keys.phone or None,
        name_key=booking.search_keys.name or None,
    )


def _booking(item: BookingItem) -> Booking:
    booking = decode_booking(item.record or b"", form=_form(item), name=item.booking_id)
    lease = None
    if item.verify_lease is not None:
        until, _, owner = item.verify_lease.partition("#")
        lease = Lease(owner, datetime.fromisoformat(until))
    keys = SearchKeys(email=item.email_key or "", phone=item.phone_key or "", name=item.name_key or "")
    return replace(booking, version=int(item.version), verify_lease=lease, search_keys=keys)


def _stored(item: BookingItem) -> StoredBooking:
    return StoredBooking(
        _booking(item), item.status or "", is_clocked=item.due_at is not None, is_asked=item.attention is not None
    )


def _form(item: BookingItem | AccountItem) -> int:
    """The form of an item's record; 0 for none."""
    return int(item.schema or 0)


def _lease(lease: Lease) -> str:
    return f"{instant_key(lease.until)}#{lease.owner}"


def _stay_key(arrival: Arrival) -> str:
    check_in, booking_id = arrival
    return f"{check_in.isoformat()}#{booking_id}"


def _arrival(item: BookingItem) -> Arrival:
    check_in, _, booking_id = item.stay_key.partition("#")
    return date.fromisoformat(check_in), BookingId(booking_id)


def _booking_id(item: BookingItem) -> BookingId:
    return BookingId(item.booking_id)


def _orphan(item: BookingItem) -> Orphan:
    tx_ref = item.booking_id.removeprefix(ORPHAN)
    return Orphan(
        tx_ref, decode_verification(item.record or b"", form=_form(item), name=tx_ref), item.attention is not None
    )


def _attention_entry(item: BookingItem) -> AttentionEntry:
    since, _, kind = item.attention_at.partition("#")
    subject = item.booking_id.removeprefix(ORPHAN).removeprefix(FINDING)
    return AttentionEntry(subject, kind, datetime.fromisoformat(since))
