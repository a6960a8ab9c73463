"""What the use cases need from outside. Each Protocol has a real adapter and a fake, held to one contract suite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from typing import Any, Generic, Literal, Protocol, TypeVar

from msgspec import field

from chalicelib.domain.access import Access
from chalicelib.domain.accounts import Account
from chalicelib.domain.booking import SWEEP, Actor, Booking, Lease, OutboxEntry, Payment
from chalicelib.domain.calendar import NightChange, Nights
from chalicelib.domain.cities import City
from chalicelib.domain.closing import Closing
from chalicelib.domain.disputes import DisputeFacts
from chalicelib.domain.erasure import Erasure
from chalicelib.domain.errors import Busy
from chalicelib.domain.expiry import Expiry
from chalicelib.domain.health import Counts
from chalicelib.domain.host import Host, Notify
from chalicelib.domain.ids import BookingId, ListingId, PersonId
from chalicelib.domain.invariants import Finding, StoredBooking
from chalicelib.domain.ledger import LedgerLine, TotalRow
from chalicelib.domain.limits import Limits
from chalicelib.domain.listing import Listing
from chalicelib.domain.money import Money
from chalicelib.domain.record import Record
from chalicelib.domain.review import Review
from chalicelib.domain.settlement import PayoutPage, Settlement, TransactionPage
from chalicelib.domain.statements import AccountEntry
from chalicelib.domain.suppression import Suppression
from chalicelib.domain.timing import RETRY_AFTER_BUSY
from chalicelib.domain.verification import Verification, WebhookClaim
from chalicelib.domain.watching import Check

T = TypeVar("T")

Arrival = tuple[date, BookingId]
"""A booking by its check-in: those of one day are told apart, and ordered, by their ids."""


class BookingExists(Exception):
    """A booking of this id is there already: a repeat of the same request."""


class ReviewExists(Exception):
    """This booking was reviewed before, or something else was said under the same key."""


class AccountChanged(Exception):
    """Somebody wrote this account since it was loaded: another booking of the same guest, or an operator."""


class NightsShort(Exception):
    """Some night of the stay is closed, short, or no longer at the price that was read."""


class VersionLost(Exception):
    """Somebody saved this booking since it was loaded: load and decide again."""


class Unreadable(Busy):
    """A record is of a form that this release does not know, or broken: a release that knows it may read it.

    A refusal like any other: nothing was decided, and nothing is lost. ``name`` is the record's id, for the log.
    """

    def __init__(self, name: str = "") -> None:
        super().__init__("This record cannot be read at the moment.", retry_after=RETRY_AFTER_BUSY)
        self.name = name

    def __str__(self) -> str:
        return self.name


class StoreBusy(Busy):
    """The store refused for its own reasons, however often it was tried; whether it wrote is not known.

    A refusal like any other, so that no use case translates it. ``reason`` is for whoever debugs, never for a caller.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__("The store is busy; please try again.", retry_after=RETRY_AFTER_BUSY)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Fault(Exception):
    """Something outside is down; the message says what, and never a secret."""


class MailBusy(Exception):
    """The mail service is down or throttling: try again later."""


class MailRefused(Exception):
    """The mail service will never take this message."""


class BadSignature(Exception):
    """A webhook that the gateway did not sign; the message is a short code that says why."""


class NotJson(Exception):
    """A signed webhook whose bytes are no JSON object."""


class Page(Record, Generic[T], frozen=True):
    """One page of a list. It may hold fewer items than asked for, even none: only ``next_cursor: null`` is the end.

    ``next_cursor`` is opaque: the same call with it, as ``after``, answers the next page.
    """

    items: tuple[T, ...]
    """What was found, in the list's order; perhaps fewer than `limit`, even none, before the end."""
    next_cursor: str | None
    """The `cursor` of the next page; null at the end of the list, and only there."""


class AttentionEntry(Record, frozen=True):
    """An entry of the attention list: a booking's id or an orphan's tx_ref, why, and since when."""

    subject: str
    kind: str
    since: datetime


class Acknowledgement(Record, frozen=True):
    """That a person has dealt with something: when, who, and what they say."""

    at: datetime
    by: PersonId
    note: str


class Batch(Record, Generic[T], frozen=True):
    """What was read together, and the ids of what this release cannot read."""

    items: tuple[T, ...]
    unreadable: tuple[str, ...] = ()


SearchPart = Literal["email", "phone", "name"]
"""The parts of a contact that a booking is found by."""


class HoldView(Record, frozen=True):
    """What a hold is decided on: the booking of this id where there is one, its guest's account, the listing's nights.

    The parts are each up to date, and not of one instant: the hold itself checks them again, together.
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

    def load(self, booking_id: BookingId) -> Booking | None:
        """Strongly consistent. Raises Unreadable."""

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
        self, booking_id: BookingId, guest: PersonId, listing_id: ListingId | None, start: date, end: date
    ) -> HoldView:
        """Read all that a hold is decided on in one call: the nights from ``start`` up to, not including, ``end``.

        Strongly consistent. Raises Unreadable, StoreBusy.
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


class ListingStore(Protocol):
    """Listings and their nights."""

    def publish(self, listing: Listing) -> bool:
        """Write a new listing; False when one of its id is there already."""

    def load(self, listing_id: ListingId) -> Listing | None: ...

    def save(self, before: Listing, after: Listing) -> Listing:
        """Save ``after`` over ``before``; answers it with its new version. Raises VersionLost, StoreBusy."""

    def load_many(self, listing_ids: Sequence[ListingId], *, consistent: bool = True) -> Batch[Listing]:
        """In the order asked, at most 100; ids that are gone are left out, unreadable ones are named.

        Fresh; or, not ``consistent``, as they were up to a second ago, for half the price.
        """

    def load_with_nights(
        self, listing_ids: Sequence[ListingId], start: date, end: date, *, consistent: bool = True
    ) -> Batch[tuple[Listing, Nights]]:
        """Each listing with its nights from ``start`` up to, not including, ``end``, read together.

        As ``load_many``. Those of which any item is unreadable are named.
        """

    def nights(self, listing_id: ListingId, start: date, end: date) -> Nights:
        """The nights from ``start`` up to, not including, ``end`` that differ from an untouched one."""

    def set_nights(self, listing_id: ListingId, days: Sequence[date], change: NightChange) -> None:
        """Change these nights (at most 90, in their order), all or none; what is taken stays. Raises StoreBusy."""

    def add_review(self, before: Listing, after: Listing, review: Review) -> None:
        """Keep a review and the listing with its new average, both or neither.

        One for each booking, and one under each key that is not empty. Raises VersionLost, ReviewExists.
        """

    def review_under(self, listing_id: ListingId, key: str) -> Review | None:
        """What was said of this listing under this key, if anything."""

    def review_of(self, listing_id: ListingId, booking_id: BookingId) -> Review | None:
        """What the guest of a booking said of this listing, if anything."""

    def rewrite_review(self, listing_id: ListingId, review: Review) -> None:
        """Keep this in place of what the guest of the same booking said at the same time. Raises StoreBusy."""

    def reviews(self, listing_id: ListingId, *, limit: int, after: str | None) -> Page[Review]:
        """Newest first."""

    def in_city(
        self, city_key: str, *, currency: str, max_price: int | None, limit: int, after: str | None
    ) -> Page[ListingId]:
        """Open listings whose prices are in one currency, cheapest first."""

    def cities(self, beginning: str, *, limit: int, after: str | None) -> Page[City]:
        """The cities with open listings whose key begins so, by their key."""

    def find_cities(self, keys: Sequence[str]) -> list[City]:
        """The cities of these keys (at most 100) that have open listings, in the order asked."""

    def of_host(self, host_id: PersonId, *, limit: int, after: str | None) -> Page[ListingId]:
        """Newest first."""


class ClosingStore(Protocol):
    """Closings of listings, under way or finished. The clock has them among the bookings that are due."""

    def load(self, listing_id: ListingId) -> Closing | None:
        """Strongly consistent. Raises Unreadable, StoreBusy."""

    def save(self, closing: Closing) -> Closing:
        """Save over the version that was loaded (0: nothing); answers it with its new version.

        Raises VersionLost, StoreBusy.
        """


class ErasureStore(Protocol):
    """Erasures, under way or finished, and how far contacts have expired. The clock has them among what is due."""

    def load(self, erasure_id: str) -> Erasure | None:
        """Strongly consistent. Raises Unreadable, StoreBusy."""

    def save(self, erasure: Erasure) -> Erasure:
        """Save over the version that was loaded (0: nothing); answers it with its new version.

        A finished one may be forgotten after ACCESS_KEPT. Raises VersionLost, StoreBusy.
        """

    def expiry(self) -> Expiry | None:
        """How far contacts have expired; None: nobody has begun. Strongly consistent."""

    def save_expiry(self, expiry: Expiry) -> Expiry:
        """Save over the version that was loaded (0: nothing); answers it with its new version.

        Raises VersionLost, StoreBusy.
        """


class HostStore(Protocol):
    """Profiles of hosts."""

    def find(self, part: SearchPart, key: str) -> tuple[PersonId, ...]:
        """The hosts whose profile has this keyed hash in this part, at most 100. It may be a second old."""

    def load(self, host_id: PersonId, *, consistent: bool = True) -> Host | None:
        """Raises Unreadable, StoreBusy. What is not read consistently may be a second old."""

    def save(self, host: Host) -> Host:
        """Save over the version that was loaded (0: nothing); answers it with its new version.

        Raises VersionLost, StoreBusy.
        """


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


class WatchStore(Protocol):
    """How the stage fares: running counts by five minutes, and when the clock last ticked."""

    def add_counts(self, slot: datetime, counts: Counts) -> None:
        """Add these to the counts of the five minutes that begin at ``slot``. Raises StoreBusy."""

    def counts(self, slots: Sequence[datetime]) -> Mapping[datetime, Counts]:
        """The counts of these slots (at most 100); those of which nothing is known are left out. Raises StoreBusy."""

    def note_sweep(self, at: datetime) -> None:
        """Remember that the sweep has run. Raises StoreBusy."""

    def last_sweep(self) -> datetime | None:
        """When it last ran; None: never. Raises StoreBusy."""

    def load_check(self) -> Check | None:
        """The last check of what is stored. Raises Unreadable, StoreBusy."""

    def save_check(self, check: Check) -> Check:
        """Save over the version that was loaded (0: nothing); answers it with its new version.

        Raises VersionLost, StoreBusy.
        """

    def report(self, finding: Finding, now: datetime) -> bool:
        """Put a finding before a person, once: False when it was reported before. Raises StoreBusy."""

    def findings(self, finding_ids: Sequence[str]) -> Mapping[str, Finding]:
        """Findings by their ids (at most 100); those that are not there, or cannot be read, are left out."""

    def acknowledge_finding(self, finding_id: str, acknowledgement: Acknowledgement) -> Acknowledgement | None:
        """A person has dealt with a finding; answers the first acknowledgement, which stands. None: no such finding.

        Raises StoreBusy.
        """


class SuppressionStore(Protocol):
    """Which addresses are not written to; found by a keyed hash, whatever the case of their letters."""

    def find(self, address: str) -> Suppression | None:
        """What is known of an address; it may be a second old. Raises Unreadable, StoreBusy."""

    def put(self, address: str, suppression: Suppression) -> None:
        """Remember this of an address, in place of what was known. Raises StoreBusy."""


class Opening(Record, frozen=True):
    """What a gateway needs to know to open a payment; ``phone`` in the form of a ``Contact``."""

    tx_ref: str
    amount: Money
    email: str
    first_name: str
    last_name: str
    phone: str
    title: str
    callback_url: str
    return_url: str
    meta: Mapping[str, str] = field(default_factory=dict)


class GatewayEvent(Record, frozen=True):
    """One line of what the gateway's own log tells of a payment."""

    at: datetime
    text: str


RefundGatewayStatus = Literal["processing", "waiting", "refunded", "reversed", "unknown"]


class RefundAnswer(Record, frozen=True):
    """What the gateway says of a refund. ``reversed``: the refund itself came back; ``unknown``: it has no word of it;
    ``waiting``: it is alive, and somebody must do something before it goes on.

    ``provider_refund_id`` is the gateway's own name for it, where it gave one.
    """

    status: RefundGatewayStatus
    provider_refund_id: str | None = None


class WebhookNotice(Record, frozen=True):
    """What a signed webhook says: only a hint of which payment, and which ``dispute`` of it, to ask about."""

    tx_ref: str | None
    event: str
    claims_paid: bool
    dispute: DisputeFacts | None = None


class Gateway(Protocol):
    """A payment gateway. Every call raises GatewayError (domain/errors.py) and nothing else when it goes wrong."""

    @property
    def name(self) -> str: ...

    @property
    def mode(self) -> str:
        """``test`` or ``live``: what the stage is for. Its key is never one of the other."""

    @property
    def api_version(self) -> str:
        """The version of its API that new payments are opened with, where it has several; else empty."""

    @property
    def refund_business_days(self) -> int:
        """Within how many business days the gateway says that money goes back."""

    def initialize(self, opening: Opening) -> str:
        """Open a payment; answers the link to its checkout page. Never tried twice by itself."""

    def verify(self, tx_ref: str) -> Verification:
        """Ask what became of a payment. No information is an exception, never an answer."""

    def cancel(self, tx_ref: str) -> bool:
        """Close a link. True when it is closed now; False when that is not certain: verify again."""

    def refund(self, provider_reference: str, *, amount: Money, refund_id: str, reason: str) -> RefundAnswer:
        """Give back part or all of a payment, named by the gateway's own reference. Never tried twice by itself."""

    def refund_status(self, provider_refund_id: str) -> RefundAnswer:
        """Ask what became of a refund, by the gateway's own name for it."""

    def find_refund(self, refund_id: str, *, since: datetime) -> RefundAnswer | None:
        """Look for a refund that was asked for since then, and whose name was never heard, by our own name for it.

        None: the gateway cannot be asked so.
        """

    def dispute(self, provider_dispute_id: str) -> DisputeFacts | None:
        """Ask what became of a dispute, by the gateway's own name for it. None: it has no call that tells."""

    def events(self, reference: str) -> tuple[GatewayEvent, ...]:
        """What the gateway's own log tells of a payment, oldest first, for a person who looks into it.

        By its own reference where that is known, else by ours. Nothing where it keeps no log, or none of this one.
        """

    def transactions(self, after: str = "") -> TransactionPage | None:
        """A page of all that the gateway took, newest first; None where it cannot be listed.

        ``after`` is the cursor of the page before; empty: the first one.
        """

    def payouts(self, after: str = "") -> PayoutPage | None:
        """A page of what the gateway paid to the stage's account, newest first; None where it cannot be listed."""

    def payout_transactions(self, payout_id: str, after: str = "") -> TransactionPage:
        """A page of the payments that are in a payout, in any order."""

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookNotice:
        """Check the signature over the raw bytes, then read them. Raises BadSignature, NotJson."""


class Task(Record, frozen=True, forbid_unknown_fields=False):
    """One booking that something must be done about.

    A field that only a newer release knows is passed over: the sweep finds what it asked for.

    ``tx_ref`` names a payment to verify in any state, ``claim`` what a signed webhook of ``gateway`` claimed of it,
    ``entries`` the entries of the outbox to deliver. ``actor`` is who or what asked for it, for the audit trail.
    """

    booking_id: BookingId
    tx_ref: str | None = None
    entries: tuple[str, ...] = ()
    request_id: str = ""
    claim: WebhookClaim = ""
    actor: Actor = SWEEP
    gateway: str = ""


QueueName = Literal["reconcile", "emails"]
"""A queue: in `reconcile` are bookings that are due, in `emails` letters and lines of the ledger that are owed."""


class QueueDepth(Record, frozen=True):
    """How many messages of a queue wait, are at work, and failed too often."""

    queue: QueueName
    waiting: int
    at_work: int
    dead_letters: int


NO_DELAY = timedelta(0)


class Queue(Protocol):
    """Work handed on to other invocations. What is lost here is found again by the clock."""

    def enqueue_reconcile(self, tasks: Iterable[Task], *, delay: timedelta = NO_DELAY) -> None:
        """Enqueue bookings for the consumers of the clock; none of them is handed out before ``delay`` is over.

        Raises Fault when not all were taken.
        """

    def depth(self) -> int:
        """How many are waiting there, about. Those at work do not count."""

    def depths(self) -> tuple[QueueDepth, ...]:
        """How much lies in each queue, about. Raises Fault."""

    def enqueue_outbox(self, task: Task) -> None:
        """Enqueue entries of a booking's outbox for delivery. Raises Fault."""


class DeadLetter(Record, frozen=True):
    """A message that failed as often as its queue allows."""

    message_id: str
    """Its id, which it keeps until it is sent back."""
    queue: QueueName
    """The queue that it failed in."""
    sent_at: datetime
    """When it was put into that queue."""
    body: str
    """What it says: a task or a report of SES, unless somebody else wrote it."""

    @property
    def place(self) -> str:
        """Its place among the others, which has an order."""
        return f"{self.sent_at.isoformat(timespec='milliseconds')} {self.message_id}"


class HeldLetters(Protocol):
    """Dead letters that are nobody else's for as long as they are worked on."""

    @property
    def letters(self) -> tuple[DeadLetter, ...]:
        """What is still held, oldest first."""

    def drop(self, letter: DeadLetter) -> None:
        """Delete one. Raises Fault."""

    def send_back(self, letter: DeadLetter) -> None:
        """Send one to the queue that it failed in, and delete it here. Raises Fault."""


class DeadLetters(Protocol):
    """Messages that failed as often as their queue allows, and wait for a person."""

    def held(
        self, queues: Sequence[QueueName], *, most: int, until: str | None = None
    ) -> AbstractContextManager[HeldLetters]:
        """Hold what lies there for as long as the block lasts, and let go of what is left. Raises Fault.

        Of each queue at most about ``most``; it ends with the message ``until``, once that is found. What somebody
        else holds is not there.
        """


class Attachment(Record, frozen=True):
    """A file of an e-mail."""

    name: str
    mime_type: str
    content: bytes


class Letter(Record, frozen=True):
    """One sending of one letter: ``resends`` is how often it was sent again before."""

    booking_id: BookingId
    entry_id: str
    resends: int


class Message(Record, frozen=True):
    """An e-mail, ready to be sent. An answer to it goes to ``reply_to``, where that is not empty.

    ``about`` names the letter to the mail service, whose reports of a bounce or a complaint name it likewise.
    """

    to: str
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""
    about: Letter | None = None


class Gateways(Protocol):
    """The gateways of this stage."""

    def named(self, name: str) -> Gateway:
        """A gateway by its name, also one that takes no new payments any more. Raises KeyError for any other name."""

    def of(self, payment: Payment) -> Gateway:
        """The gateway that this payment was opened with, in the version of its API that opened it."""

    def for_currency(self, currency: str) -> Gateway | None:
        """The gateway that new payments in ``currency`` are opened with; None: no such money is taken here."""

    def all(self) -> Sequence[Gateway]:
        """Every gateway of this stage."""


class Letters(Protocol):
    """Writes e-mails."""

    def render(self, entry: OutboxEntry, booking: Booking, host: Notify) -> Message:
        """The e-mail in its reader's language, as text and HTML, with its attachments. ``host``: how she is reached."""


class Mailer(Protocol):
    """Sends e-mails."""

    def send(self, message: Message) -> None:
        """Raises MailBusy, MailRefused."""


class Secrets(Protocol):
    """Keys that a stage was given, by name."""

    def get(self, name: str) -> str:
        """Raises Fault when it was never readable."""

    def find(self, name: str) -> str | None:
        """A secret that may be absent."""


class Clock(Protocol):
    """The time that the app believes."""

    def now(self) -> datetime:
        """Aware, UTC, whole milliseconds."""

    def sleep(self, seconds: float) -> None: ...


class Chance(Protocol):
    """Randomness."""

    def jitter(self) -> float:
        """Uniform in [0, 1)."""

    def token(self) -> str:
        """16 characters that nobody can guess."""


class Observe(Protocol):
    """Says what happened."""

    def __call__(self, event: str, /, *, level: Literal["info", "warning", "error"] = "info", **fields: Any) -> None:
        """Write one log line and count it. Only fields on the allow-list are kept."""


class Rules(Record, frozen=True):
    """The stage's settings that decide something."""

    hold_for: timedelta
    checkout_window: timedelta
    return_origins: frozenset[str]
    time_zone: str
    """In which a day begins, where no listing says it (IANA)."""
    currency: str
    """What a search is in that names none."""
    payment_limits: Mapping[str, Money]
    """The largest single payment in each currency; one that is not here has none."""
    limits: Limits
    commission: int = 0
    """The house's share of what counts for a host, in hundredths of a percent, where she has no other."""
    host_bears_fee: bool = True
    """The gateway's fee is taken from what the host is owed."""
    contact_months: int = 24
    """How many months after a stay its guest's contact is kept."""
    second_person_above: Mapping[str, Money] = field(default_factory=dict)
    """What operators may give back of one payment alone; in a currency that is not here, nothing."""


class Ports(Protocol):
    """Everything outside, as one bundle: ``container`` builds the real one, part by part as it is first used."""

    @property
    def bookings(self) -> BookingStore: ...
    @property
    def listings(self) -> ListingStore: ...
    @property
    def closings(self) -> ClosingStore: ...
    @property
    def erasures(self) -> ErasureStore: ...
    @property
    def hosts(self) -> HostStore: ...
    @property
    def suppressions(self) -> SuppressionStore: ...
    @property
    def ledger(self) -> LedgerStore: ...
    @property
    def watch(self) -> WatchStore: ...
    @property
    def search_secrets(self) -> Secrets: ...
    @property
    def gateways(self) -> Gateways: ...
    @property
    def queue(self) -> Queue: ...
    @property
    def dead_letters(self) -> DeadLetters: ...
    @property
    def letters(self) -> Letters: ...
    @property
    def mailer(self) -> Mailer: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def chance(self) -> Chance: ...
    @property
    def observe(self) -> Observe: ...
    @property
    def rules(self) -> Rules: ...
