"""Erase a person on request: what is held of them is looked up, and goes batch by batch, whatever stops it."""

from __future__ import annotations

import json
from collections.abc import Callable

from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.errors import Busy
from chalicelib.domain.ids import BookingId, ListingId, PersonId
from chalicelib.domain.people import erasure
from chalicelib.domain.people.erasure import Erasure, Part, erasure_task, under_way
from chalicelib.domain.record import replace
from chalicelib.domain.timing import ERASURE_RETRY, RETRY_AFTER_BUSY
from chalicelib.domain.verification import Availability
from chalicelib.services.hosts.hosting import bookings_of_host, changed
from chalicelib.services.ports.outcomes import AccountChanged, Fault, Page, Unreadable, VersionLost
from chalicelib.services.ports.queues import Task
from chalicelib.services.ports.stage import Ports
from chalicelib.services.updating import Decision, Observation, update

BATCH = 20
"""How many bookings one message deals with: far below what a function has time for."""
MOST_TOLD = 100
"""How many things that are under way are named."""
STEPS = 12
"""How many kinds of what is held one message gets through, where there is less than a batch of each."""
TRIES = 6
DONE = "done"
"""The position of an erasure that has nothing left to do."""


def continue_erasure(ports: Ports, erasure_id: str) -> None:
    """Do the next batch of an erasure that is under way. Raises Busy, Unreadable."""
    known = ports.erasures.load(erasure_id)
    if known is not None and known.finished_at is None:
        do_batch(ports, known)


def erase_again(ports: Ports, recorded: Erasure) -> Erasure:
    """Erase once more whom a restore brought back, from the beginning and by the keys that were kept. Raises Busy.

    The first batch is done at once, the rest afterwards.
    """
    known = ports.erasures.load(recorded.erasure_id)
    begun = replace(
        recorded,
        hosts=ports.hosts.find(recorded.part, recorded.host_key) if recorded.host_key else (),
        due_at=ports.clock.now(),
        finished_at=None,
        position="",
        erased=0,
        left=(),
        version=known.version if known else 0,
    )
    try:
        saved = ports.erasures.save(begun)
    except VersionLost:
        raise Busy("Somebody else is erasing this person.", retry_after=RETRY_AFTER_BUSY) from None
    return do_batch(ports, saved)


def is_of(booking: Booking, part: Part, key: str) -> bool:
    """The index may be a second old."""
    return booking.contact_erased_at is None and getattr(booking.search_keys, part) == key


def do_batch(ports: Ports, known: Erasure) -> Erasure:
    """Do a batch, and have the next one done at once; where that message is lost, the clock finds the erasure."""
    after = known
    for _ in range(STEPS):
        after = _step(ports, after)
        if after.position == DONE or json.loads(after.position)[2] is not None:
            break
    now = ports.clock.now()
    if after.position == DONE:
        after = replace(after, position="", hosts=(), due_at=None, finished_at=now)
    else:
        after = replace(after, due_at=now + ERASURE_RETRY)
    try:
        saved = ports.erasures.save(after)
    except VersionLost:
        # Another worker has done this batch.
        return ports.erasures.load(known.erasure_id) or known
    if saved.finished_at is not None:
        ports.observe("erasure_finished", count=saved.erased)
        return saved
    try:
        ports.queue.enqueue_reconcile([Task(erasure_task(known.erasure_id))])
    except Fault:
        ports.observe("reconcile_not_enqueued", level="warning")
    return saved


def _step(ports: Ports, known: Erasure) -> Erasure:
    """The erasure after its next batch: bookings first, then what is held of a host, then money without a booking."""
    stage, place, inside = json.loads(known.position) if known.position else ("guest", 0, None)
    if stage == "guest":
        page = ports.bookings.of_search_key(known.part, known.key, limit=BATCH, after=inside)
        return _next(_erase_guests(ports, known, page.items), page, ("guest", 0), ("profile", 0))
    if stage == "payer":
        for orphan in ports.bookings.orphans_of(known.orphan_key) if known.orphan_key else ():
            if not orphan.waits:
                ports.bookings.forget_payer(orphan.tx_ref, erasure.without_payer(orphan.verification))
        return replace(known, position=DONE)
    if place >= len(known.hosts):
        return replace(known, position=json.dumps(["payer", 0, None]))
    host_id = known.hosts[place]
    if stage == "profile":
        _erase_profile(ports, host_id)
        return replace(known, position=json.dumps(["listings", place, None]))
    if stage == "listings":
        listings = ports.listings.of_host(host_id, limit=BATCH, after=inside)
        for listing_id in listings.items:
            _erase_listing(ports, listing_id)
        return _next(known, listings, ("listings", place), ("stays", place))
    stays = bookings_of_host(ports, host_id, limit=BATCH, after=inside)
    for booking_id in stays.items:
        _changed(ports, booking_id, lambda current: erasure.erase_host(current, now=ports.clock.now()))
    return _next(known, stays, ("stays", place), ("profile", place + 1))


def _next(
    known: Erasure, page: Page[BookingId] | Page[ListingId], here: tuple[str, int], then: tuple[str, int]
) -> Erasure:
    stage, place = here if page.next_cursor is not None else then
    return replace(known, position=json.dumps([stage, place, page.next_cursor]))


def _erase_guests(ports: Ports, known: Erasure, ids: tuple[BookingId, ...]) -> Erasure:
    erased, left = known.erased, known.left
    guests: set[PersonId] = set()
    for booking_id in ids:
        booking = erase_contact(
            ports,
            booking_id,
            actor=known.by,
            why=erasure.ON_REQUEST,
            only_if=lambda current: is_of(current, known.part, known.key),
        )
        if booking is None:
            continue
        if booking.contact_erased_at is None:
            left += under_way(booking, now=ports.clock.now()) if is_of(booking, known.part, known.key) else ()
            continue
        _erase_review(ports, booking)
        ports.ledger.forget_notes(booking_id)
        guests.add(booking.guest_id)
        erased += 1
    for guest_id in sorted(guests):
        _erase_notes(ports, guest_id)
    return replace(known, erased=erased, left=left[:MOST_TOLD])


def erase_contact(
    ports: Ports, booking_id: BookingId, *, actor: Actor, why: str, only_if: Callable[[Booking], bool]
) -> Booking | None:
    """The booking, without its guest unless something is under way. None: it is gone, or nobody can read it.

    Raises Busy.
    """

    def decide(current: Booking) -> Booking:
        now = ports.clock.now()
        if not only_if(current) or under_way(current, now=now):
            return current
        return erasure.erase_guest(current, actor=actor, why=why, now=now)

    return _changed(ports, booking_id, decide)


def _changed(ports: Ports, booking_id: BookingId, change: Callable[[Booking], Booking]) -> Booking | None:
    try:
        booking = ports.bookings.load(booking_id)
    except Unreadable:
        ports.observe("record_unreadable", level="error", booking_id=booking_id)
        ports.bookings.mark_unreadable(booking_id, ports.clock.now())
        return None
    if booking is None:
        return None

    def decide(current: Booking, _: Availability) -> Decision:
        after = change(current)
        if after.contact_erased_at == current.contact_erased_at:
            return Decision(after)
        return Decision(after, (Observation("contact_erased", fields={"booking_id": current.booking_id}),))

    return update(ports, booking, decide).after


def _erase_review(ports: Ports, booking: Booking) -> None:
    """What the guest said of the stay; the rating stays."""
    review = ports.listings.review_of(booking.place.listing_id, booking.booking_id)
    if review is not None and review.text:
        ports.listings.rewrite_review(booking.place.listing_id, erasure.without_text(review))


def _erase_notes(ports: Ports, guest_id: PersonId) -> None:
    """What operators wrote about an account, once no booking of it has a contact any more."""
    for _ in range(TRIES):
        account = ports.bookings.account(guest_id)
        silent = erasure.without_notes(account)
        if _has_contacts(ports, guest_id):
            return
        ports.ledger.forget_notes(guest_id)
        if silent == account:
            return
        try:
            ports.bookings.save_account(guest_id, silent)
        except AccountChanged:
            continue
        return
    raise Busy("The account is being changed by others.", retry_after=RETRY_AFTER_BUSY)


def _has_contacts(ports: Ports, guest_id: PersonId) -> bool:
    """Whether any of the account's latest bookings still has its contact: an account may book for many."""
    latest = ports.bookings.of_guest(guest_id, limit=100, after=None)
    bookings = (ports.bookings.load(booking_id) for booking_id in latest.items)
    return any(booking is not None and booking.contact_erased_at is None for booking in bookings)


def _erase_profile(ports: Ports, host_id: PersonId) -> None:
    for _ in range(TRIES):
        host = ports.hosts.load(host_id)
        if host is None:
            return
        try:
            ports.hosts.save(erasure.without_profile(host, now=ports.clock.now()))
        except VersionLost:
            continue
        return
    raise Busy("The profile is being changed by others.", retry_after=RETRY_AFTER_BUSY)


def _erase_listing(ports: Ports, listing_id: ListingId) -> None:
    listing = ports.listings.load(listing_id)
    if listing is not None and listing.status == "closed":
        changed(ports, listing, erasure.without_address)
