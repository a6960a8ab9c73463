"""Who is to be erased: what is held of them, and what of it is still needed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from chalicelib.domain.booking import Booking
from chalicelib.domain.errors import Busy, DataStillNeeded
from chalicelib.domain.finance.ledger import day_of
from chalicelib.domain.ids import PersonId
from chalicelib.domain.listings.calendar import MAX_NIGHTS
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.obstacles import Obstacle
from chalicelib.domain.people.erasure import Erasure, Part, under_way
from chalicelib.domain.record import Record
from chalicelib.domain.timing import RETRY_AFTER_BUSY
from chalicelib.domain.words import phone
from chalicelib.domain.words.search_terms import email_form, host_key, keyed, payer_key, query_key
from chalicelib.services.access import Principal, actor_of, with_role
from chalicelib.services.operators import payouts
from chalicelib.services.operators.audit import note_access
from chalicelib.services.operators.erasing import MOST_TOLD, do_batch, is_of
from chalicelib.services.ports.bookings import Arrival, Orphan
from chalicelib.services.ports.outcomes import VersionLost
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import read_bookings
from chalicelib.services.search_keys import search_secret

MOST_LOOKED_AT = 2_000
"""How many bookings are looked at before anything is erased; each is looked at once more when its turn comes."""


class Person(Record, frozen=True):
    """Who is meant: an e-mail address or a phone number, in the form in which it is compared, and its keyed hashes."""

    part: Part
    value: str
    key: str
    host_key: str
    subject: str
    """What the trail has of it."""
    payer_key: str = ""


class ErasureReport(Record, frozen=True):
    """What is, or would be, erased. ``erasure`` None: it was only looked at, and nothing was written.

    ``bookings`` and ``hosts`` are how many are held of the person, as far as was counted.
    """

    erasure: Erasure | None
    bookings: int
    hosts: int


class _Found(Record, frozen=True):
    bookings: tuple[Booking, ...]
    orphans: tuple[Orphan, ...]
    hosts: tuple[PersonId, ...]


def person_of(ports: Ports, *, email: str | None, phone_number: str | None) -> Person:
    """The person of an address or, without one, of a number. Raises Fault where the stage's key cannot be read."""
    secret = search_secret(ports)
    part: Part = "email" if email else "phone"
    value = email_form(email) if email else phone.normalise(phone_number or "")
    return Person(
        part,
        value,
        key=keyed(secret, part, value),
        host_key=host_key(part, value, secret),
        subject=query_key(value, secret),
        payer_key=payer_key(value, secret) if email else "",
    )


def erase(
    ports: Ports, principal: Principal | None, person: Person, *, note: str, request_id: str, dry_run: bool
) -> ErasureReport:
    """Erase who a person is wherever it is held; money, days and acts stay. ``dry_run`` writes nothing but the trail.

    The first batch is done at once, the rest afterwards. A repeat carries on what is under way, and says how far it is.
    Raises Forbidden, DataStillNeeded with all that is under way of the person, Busy.
    """
    operator = with_role(principal, "operator", "accounts")
    found = _found(ports, person)
    if dry_run:
        count = len(found.bookings) + len(found.hosts)
        note_access(ports, principal, "search", person.subject, found=count, request_id=request_id)
    known = ports.erasures.load(person.subject)
    if known is not None and known.finished_at is None and not dry_run:
        return _report(do_batch(ports, known), found)
    if matters := tuple(_matters(ports, principal, found))[:MOST_TOLD]:
        raise DataStillNeeded(matters)
    if dry_run:
        return _report(None, found)
    now = ports.clock.now()
    begun = Erasure(
        erasure_id=person.subject,
        part=person.part,
        by=actor_of(operator, "operator"),
        note=note,
        request_id=request_id,
        begun_at=now,
        due_at=now,
        key=person.key,
        orphan_key=person.payer_key,
        host_key=person.host_key,
        hosts=found.hosts,
        version=known.version if known else 0,
    )
    try:
        saved = ports.erasures.save(begun)
    except VersionLost:
        raise Busy("Somebody else is erasing this person.", retry_after=RETRY_AFTER_BUSY) from None
    ports.observe("erasure_begun", count=len(found.bookings))
    return _report(do_batch(ports, saved), found)


def _report(made: Erasure | None, found: _Found) -> ErasureReport:
    return ErasureReport(made, len(found.bookings), len(found.hosts))


def _found(ports: Ports, person: Person) -> _Found:
    bookings: list[Booking] = []
    after: str | None = None
    while len(bookings) < MOST_LOOKED_AT:
        page = ports.bookings.of_search_key(person.part, person.key, limit=100, after=after)
        held = (booking for booking in read_bookings(ports, page.items) if is_of(booking, person.part, person.key))
        bookings += held
        after = page.next_cursor
        if after is None:
            break
    orphans = ports.bookings.orphans_of(person.payer_key) if person.payer_key else ()
    return _Found(tuple(bookings), orphans, ports.hosts.find(person.part, person.host_key))


def _matters(ports: Ports, principal: Principal | None, found: _Found) -> Iterator[Obstacle]:
    """What is under way of the person, as a guest, as a payer and as a host."""
    now = ports.clock.now()
    for booking in found.bookings:
        yield from under_way(booking, now=now)
    for orphan in found.orphans:
        if orphan.waits:
            yield Obstacle(kind="orphan", subject=orphan.tx_ref)
    for host_id in found.hosts:
        yield from _matters_of_host(ports, principal, host_id, now=now)


def _matters_of_host(
    ports: Ports, principal: Principal | None, host_id: PersonId, *, now: datetime
) -> Iterator[Obstacle]:
    for listing in _listings(ports, host_id):
        if listing.status == "open":
            yield Obstacle(kind="open_listing", subject=listing.listing_id)
        for booking in _lately(ports, listing):
            if booking.holds_nights and now < booking.check_out_at:
                yield Obstacle(kind="hosted_stay", subject=booking.booking_id, until=booking.check_out_at)
    month = day_of(now, ports.rules.time_zone).replace(day=1)
    for statement in payouts.statements_of(ports, principal, host_id, month):
        if statement.balance.minor:
            yield Obstacle(kind="balance", subject=statement.balance.currency)


def _listings(ports: Ports, host_id: PersonId) -> Iterator[Listing]:
    after: str | None = None
    while True:
        page = ports.listings.of_host(host_id, limit=100, after=after)
        yield from ports.listings.load_many(page.items).items
        after = page.next_cursor
        if after is None:
            return


def _lately(ports: Ports, listing: Listing) -> Iterator[Booking]:
    """The latest bookings of a listing by their arrival, as long as any of them may not be over."""
    today = listing.today(ports.clock.now())
    after: Arrival | None = None
    while True:
        some = ports.bookings.arrivals(
            listing.listing_id, today - timedelta(days=MAX_NIGHTS), date.max, limit=100, after=after, latest_first=True
        )
        yield from read_bookings(ports, [booking_id for _, booking_id in some])
        if len(some) < 100:
            return
        after = some[-1]
