"""Where bookings are kept, with their accounts, the attention list and orphans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal, Protocol

from chalicelib.domain.booking import Booking, Lease
from chalicelib.domain.ids import BookingId, ListingId, PersonId
from chalicelib.domain.listings.calendar import Nights
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.people.accounts import Account
from chalicelib.domain.people.limits import Limits
from chalicelib.domain.record import Record
from chalicelib.domain.verification import Verification
from chalicelib.domain.watch.invariants import StoredBooking
from chalicelib.services.ports.outcomes import Acknowledgement, Batch, Page

Arrival = tuple[date, BookingId]
"""A booking by its check-in: those of one day are told apart, and ordered, by their ids."""


class AttentionEntry(Record, frozen=True):
    """An entry of the attention list: a booking's id or an orphan's tx_ref, why, and since when."""

    subject: str
    kind: str
    since: datetime


SearchPart = Literal["email", "phone", "name"]
"""The parts of a contact that a booking is found by."""


class HoldView(Record, frozen=True):
    """What a hold is decided on: the booking of this id where there is one, its guest's account, the listing's nights.

    The parts are not of one instant: the hold itself checks them again, together.
    """

    booking: Booking | None
    account: Account
    listing: Listing | None
    nights: Nights


class Orphan(Record, frozen=True):
    """Money for a reference that we do not hold. ``waits``: no person has dealt with it."""

    tx_ref: str
    verification: Verification
    waits: bool


class BookingStore(Protocol):
    """Bookings, the accounts that make them, and what else must be remembered beside them."""

    def salt(self) -> bytes:
        """The table's own secret, made with it."""

    def load(self, booking_id: BookingId, *, consistent: bool = True) -> Booking | None:
        """Strongly consistent; unless ``consistent``, maybe a second old, for half the units. Raises Unreadable."""

    def load_many(self, booking_ids: Sequence[BookingId]) -> Batch[Booking]:
        """Fresh, in the order asked, at most 100; ids that are gone are left out, unreadable ones are named."""

    def load_stored(self, booking_ids: Sequence[BookingId]) -> Batch[StoredBooking]:
        """As ``load_many``, with what stands beside each record."""

    def lease_verification(self, booking_id: BookingId, lease: Lease, now: datetime) -> Booking | None:
        """Give the right to ask the gateway about a booking to one caller; answers the booking as it is then.

        None: there is no such booking, or somebody else has the right. The version moves, so that nobody saves over
        the lease without having seen it.
        """

    def mark_unreadable(self, booking_id: BookingId, now: datetime) -> None:
        """Put a booking whose record cannot be read before a person, once, without reading what is in it."""

    def account(self, person_id: PersonId) -> Account:
        """What is kept of an account; of one that never booked, nothing. Strongly consistent. Raises Unreadable."""

    def save_account(self, person_id: PersonId, account: Account) -> Account:
        """Save an account over the version that it was loaded in; answers it with its new one.

        Raises AccountChanged, StoreBusy.
        """

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
        """Read all that a hold is decided on in one call: the nights from ``start`` up to, not including, ``end``.

        Strongly consistent; unless ``consistent``, the booking and the account may be a second old, for half the units.
        Raises Unreadable, StoreBusy.
        """

    def hold(self, booking: Booking, listing: Listing, nights: Nights, account: Account) -> None:
        """Write a new booking, take its nights, and save its guest's ``account`` over the version that was loaded.

        All or nothing. ``nights`` are those that were priced: a night whose price changed since is NightsShort too.
        Raises BookingExists, AccountChanged, NightsShort, StoreBusy.
        """

    def count_letter(self, mailbox: str, letter: str, *, unpaid: bool, limits: Limits, forget_at: datetime) -> bool:
        """Count a letter towards those that a mailbox gets on one day, once however often it is asked about.

        ``unpaid``: towards those about unpaid bookings as well. False, with nothing counted: the limit is reached.
        The count may be forgotten at ``forget_at``. Raises StoreBusy.
        """

    def save(self, before: Booking, after: Booking, listing: Listing | None = None) -> Booking:
        """Save ``after`` over ``before``; answers it with its new version.

        Nights are released, or taken again, in the same transaction when the two differ in holding them; ``listing``
        (its units) is needed to take them. Raises VersionLost, NightsShort, StoreBusy.
        """

    def due(self, now: datetime, limit: int) -> list[BookingId]:
        """Bookings that need something by ``now``, oldest first. The index may lag."""

    def back_off_failing(self, booking_id: BookingId, now: datetime) -> None:
        """Back off a due booking that raised, without reading what is in it; after a day it is put before a person."""

    def orphan(self, tx_ref: str, verification: Verification, now: datetime, *, payer_key: str = "") -> None:
        """Money came for a reference that we do not hold, ours or a gateway's: put it before a person, once.

        ``payer_key`` is the keyed hash of the payer's address, where that is known.
        """

    def orphans(self, tx_refs: Sequence[str]) -> Mapping[str, Orphan]:
        """Orphans by their references (at most 100); those that are not there, or cannot be read, are left out."""

    def orphans_of(self, payer_key: str) -> tuple[Orphan, ...]:
        """The money of this payer that has no booking, at most 100. Raises Unreadable, StoreBusy."""

    def forget_payer(self, tx_ref: str, verification: Verification) -> None:
        """Keep this of an orphan in place of what was known, and find it by its payer no more. Raises StoreBusy."""

    def acknowledge_orphan(self, tx_ref: str, acknowledgement: Acknowledgement) -> Acknowledgement | None:
        """A person has dealt with an orphan; answers the first acknowledgement, which stands. None: no such orphan.

        Raises StoreBusy.
        """

    def is_failing(self, booking_id: BookingId) -> bool:
        """Working on this booking has failed for a day, so that a person is asked about it."""

    def of_guest(self, guest_id: PersonId, *, limit: int, after: str | None) -> Page[BookingId]:
        """Newest first."""

    def of_listing(self, listing_id: ListingId, *, limit: int, after: str | None) -> Page[BookingId]:
        """By check-in, latest first."""

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
        """The first ``limit`` bookings of a listing that arrive from ``start`` to ``end``, both included, in order.

        Those that come after ``after``, where it is given. Bookings of every status are among them.
        """

    def staying(self, check_in: date, *, until: date, limit: int, after: str | None) -> Page[BookingId]:
        """Confirmed bookings that arrive on ``check_in`` and keep their nights up to ``until`` or longer."""

    def leaving(self, check_in: date, *, on: date, limit: int, after: str | None) -> Page[BookingId]:
        """Confirmed bookings that arrived on ``check_in`` and whose nights were others' again from ``on`` on."""

    def of_search_key(self, part: SearchPart, key: str, *, limit: int, after: str | None) -> Page[BookingId]:
        """Those whose contact has this keyed hash in this part, newest first."""

    def made_between(self, start: datetime, end: datetime, *, limit: int, after: str | None) -> Page[BookingId]:
        """Bookings made from ``start`` on and before ``end``, day by day in UTC, and in no order within a day.

        Only the last page holds fewer than ``limit``.
        """

    def changed_on(self, day: date, *, limit: int, after: str | None) -> Page[BookingId]:
        """Bookings whose latest change was on this day (UTC), as ``late_change`` has it; maybe a second old."""

    def attention_entries(self, *, limit: int, after: str | None) -> Page[AttentionEntry]:
        """What needs a person, oldest first."""
