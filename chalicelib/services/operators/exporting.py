"""All that is held of a person, piece by piece: what they may ask for, and what is looked at before they are erased."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from typing import Literal, Protocol

from chalicelib.domain.booking import Booking
from chalicelib.domain.host import Host, Notify
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.people.access import LOOKS, Access
from chalicelib.domain.people.erasure import Erasure
from chalicelib.domain.people.review import Review
from chalicelib.domain.people.suppression import Suppression
from chalicelib.domain.record import Record
from chalicelib.services.access import Principal, with_role
from chalicelib.services.hosts.profile import host_of
from chalicelib.services.operators.accounts import AccountState, read_account
from chalicelib.services.operators.audit import note_access
from chalicelib.services.operators.people import Person
from chalicelib.services.ports.bookings import Orphan
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import read_bookings

HeldKind = Literal["booking", "host", "listing", "orphan", "suppression", "search", "erasure"]
"""What is held of a person: a `booking` with all that hangs on it; a `host`'s profile and each `listing` of hers; money
without a booking (`orphan`); that the address is not written to (`suppression`); that an operator looked for the person
(`search`); that the person was erased before (`erasure`)."""

VIEWS_OF_A_BOOKING = 100
"""How many views of one booking are told, the first ones first."""


class Held(Record, frozen=True, kw_only=True):
    """One thing that is held of a person: what ``kind`` says, and nothing else."""

    kind: HeldKind
    booking: Booking | None = None
    notify: Notify | None = None
    account: AccountState | None = None
    review: Review | None = None
    views: tuple[Access, ...] = ()
    host: Host | None = None
    listing: Listing | None = None
    orphan: Orphan | None = None
    suppression: Suppression | None = None
    search: Access | None = None
    erasure: Erasure | None = None


class Source(Protocol):
    """One kind of what is held: at most ``limit`` of it, from the position ``after`` on."""

    def __call__(self, *, limit: int, after: str | None) -> Page[Held]: ...


def export(
    ports: Ports, principal: Principal | None, person: Person, *, request_id: str, limit: int, after: str | None
) -> Page[Held]:
    """A page of what is held of a person. Each page is noted in the trail before it is answered.

    Raises Forbidden, Busy.
    """
    with_role(principal, "operator", "accounts")
    number, position, told = json.loads(after) if after else (0, None, ports.clock.now().isoformat())
    begun = datetime.fromisoformat(told)
    sources: tuple[Source, ...] = (
        partial(_bookings, ports, principal, person),
        partial(_hosts, ports, person),
        partial(_orphans, ports, person),
        partial(_suppression, ports, person),
        partial(_searches, ports, person, begun),
        partial(_erasure, ports, person),
    )
    found: tuple[Held, ...] = ()
    cursor: str | None = None
    while number < len(sources):
        page = sources[number](limit=limit - len(found), after=position)
        found, position = found + page.items, page.next_cursor
        number += position is None
        if len(found) >= limit and number < len(sources):
            cursor = json.dumps([number, position, told])
            break
    note_access(ports, principal, "export", person.subject, found=len(found), request_id=request_id)
    return Page(found, cursor)


def _bookings(
    ports: Ports, principal: Principal | None, person: Person, *, limit: int, after: str | None
) -> Page[Held]:
    """The bookings, each with its letters, its review, and who looked at it; an account with its first booking here."""
    page = ports.bookings.of_search_key(person.part, person.key, limit=limit, after=after)
    told: set[str] = set()
    held: list[Held] = []
    for booking in read_bookings(ports, page.items):
        account = None if booking.guest_id in told else read_account(ports, principal, booking.guest_id)
        told.add(booking.guest_id)
        views = ports.ledger.accesses_about(booking.booking_id, limit=VIEWS_OF_A_BOOKING, after=None)
        held.append(
            Held(
                kind="booking",
                booking=booking,
                notify=host_of(ports, booking),
                account=account,
                review=ports.listings.review_of(booking.place.listing_id, booking.booking_id),
                # Why the staff acted is theirs to say; what they did stands in the booking's history.
                views=tuple(view for view in views.items if view.act in LOOKS),
            )
        )
    return Page(tuple(held), page.next_cursor)


def _hosts(ports: Ports, person: Person, *, limit: int, after: str | None) -> Page[Held]:
    """The profiles, and behind each of them its listings."""
    ids = ports.hosts.find(person.part, person.host_key)
    place, inside = json.loads(after) if after else (0, None)
    if place >= len(ids):
        return Page((), None)
    if inside is None:
        host = ports.hosts.load(ids[place])
        held = () if host is None else (Held(kind="host", host=host),)
        return Page(held, json.dumps([place, ""]))
    listings = ports.listings.of_host(ids[place], limit=limit, after=inside or None)
    found = ports.listings.load_many(listings.items).items
    more = [place, listings.next_cursor] if listings.next_cursor is not None else [place + 1, None]
    return Page(
        tuple(Held(kind="listing", listing=listing) for listing in found),
        json.dumps(more) if listings.next_cursor is not None or place + 1 < len(ids) else None,
    )


def _orphans(ports: Ports, person: Person, *, limit: int, after: str | None) -> Page[Held]:
    found = ports.bookings.orphans_of(person.payer_key) if person.payer_key else ()
    start = int(after or 0)
    some = tuple(Held(kind="orphan", orphan=orphan) for orphan in found[start : start + limit])
    return Page(some, str(start + limit) if start + limit < len(found) else None)


def _suppression(ports: Ports, person: Person, *, limit: int, after: str | None) -> Page[Held]:  # noqa: ARG001
    known = ports.suppressions.find(person.value) if person.part == "email" else None
    return Page((Held(kind="suppression", suppression=known),) if known is not None else (), None)


def _searches(ports: Ports, person: Person, begun: datetime, *, limit: int, after: str | None) -> Page[Held]:
    """The searches until the export began: each page of it is noted among them."""
    page = ports.ledger.accesses_about(person.subject, limit=limit, after=after)
    earlier = tuple(Held(kind="search", search=access) for access in page.items if access.at < begun)
    return Page(earlier, page.next_cursor if len(earlier) == len(page.items) else None)


def _erasure(ports: Ports, person: Person, *, limit: int, after: str | None) -> Page[Held]:  # noqa: ARG001
    known = ports.erasures.load(person.subject)
    return Page((Held(kind="erasure", erasure=known),) if known is not None else (), None)
