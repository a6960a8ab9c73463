"""Who comes to which listing, and when: by check-in, over one listing or several, each page of them in order."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from chalicelib.domain.booking import Booking, BookingStatus
from chalicelib.domain.errors import FieldError, InvalidRequest
from chalicelib.domain.ids import BookingId, ListingId, PersonId
from chalicelib.domain.listings.calendar import MAX_NIGHTS
from chalicelib.domain.operators.presence import movement_on
from chalicelib.services.access import Principal, with_role
from chalicelib.services.hosts.hosting import own_listing
from chalicelib.services.ports.bookings import Arrival
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import read_bookings
from chalicelib.services.search import listing_of

MERGED_LISTINGS = 100
"""Of how many of a host's listings the bookings are put in one order; those of the next hundred follow them."""
ROUNDS = 5
"""How many times a page reads as many bookings as it may hold, where few of those are wanted."""

Keep = Callable[[Booking], bool]


def day_asked_for(ports: Ports, day: date | None, listing_id: str | None) -> date:
    """``day``, or today: at the listing, or else in the stage's zone. Raises ListingNotFound."""
    if day is not None:
        return day
    zone = ports.rules.time_zone if listing_id is None else listing_of(ports, listing_id).time_zone
    return ports.clock.now().astimezone(ZoneInfo(zone)).date()


def on_day(
    ports: Ports,
    principal: Principal | None,
    *,
    day: date,
    listing_id: str | None,
    host_id: str | None,
    limit: int,
    after: str | None,
) -> Page[Booking]:
    """The confirmed bookings whose guests arrive, stay or depart on ``day``, latest check-in first.

    ``day`` is a date at each listing. Raises Forbidden, ListingNotFound.
    """
    with_role(principal, "operator")
    listing = None if listing_id is None else listing_of(ports, listing_id)
    if listing is None and host_id is None:
        return _everywhere(ports, day, limit=limit, after=after)

    def there(booking: Booking) -> bool:
        return movement_on(booking, day) is not None

    first = day - timedelta(days=MAX_NIGHTS)
    if listing is None:
        host = PersonId(host_id or "")
        return of_host(ports, host, first, day, keep=there, limit=limit, after=after, latest_first=True)
    if host_id not in (None, listing.host_id):
        return Page((), None)
    return of_listings(ports, [listing.listing_id], first, day, keep=there, limit=limit, after=after, latest_first=True)


def hosted(
    ports: Ports,
    principal: Principal | None,
    *,
    arriving_from: date,
    arriving_to: date,
    listing_id: str | None,
    status: BookingStatus | None,
    limit: int,
    after: str | None,
) -> Page[Booking]:
    """The bookings of the caller's listings, or of one of them, that arrive in a period, by check-in.

    Both days are included. Raises Forbidden, ListingNotFound, InvalidRequest.
    """
    host = with_role(principal, "host")
    if arriving_to < arriving_from:
        wrong = FieldError("arriving_to", "must not be before arriving_from")
        raise InvalidRequest("The period does not fit.", errors=(wrong,))

    def wanted(booking: Booking) -> bool:
        return status in (None, booking.status)

    if listing_id is None:
        return of_host(ports, host.person_id, arriving_from, arriving_to, keep=wanted, limit=limit, after=after)
    listings = [own_listing(ports, principal, listing_id).listing_id]
    return of_listings(ports, listings, arriving_from, arriving_to, keep=wanted, limit=limit, after=after)


def of_host(
    ports: Ports,
    host_id: PersonId,
    start: date,
    end: date,
    *,
    keep: Keep,
    limit: int,
    after: str | None,
    latest_first: bool = False,
) -> Page[Booking]:
    """The bookings of a host's listings that arrive from ``start`` to ``end``, both included, by check-in."""
    # A position: the page of listings, and where in their bookings to go on.
    group, inside = json.loads(after) if after else (None, None)
    listings = ports.listings.of_host(host_id, limit=MERGED_LISTINGS, after=group)
    page = of_listings(
        ports, listings.items, start, end, keep=keep, limit=limit, after=inside, latest_first=latest_first
    )
    if page.next_cursor is not None:
        return Page(page.items, json.dumps([group, page.next_cursor]))
    return Page(page.items, None if listings.next_cursor is None else json.dumps([listings.next_cursor, None]))


def of_listings(
    ports: Ports,
    listings: Sequence[ListingId],
    start: date,
    end: date,
    *,
    keep: Keep,
    limit: int,
    after: str | None,
    latest_first: bool = False,
) -> Page[Booking]:
    """The bookings of these listings that arrive from ``start`` to ``end``, both included, by check-in."""
    last = _position(after)
    found: tuple[Booking, ...] = ()
    for _ in range(ROUNDS):
        wanted = limit - len(found)
        every = [
            arrival
            for listing_id in listings
            for arrival in ports.bookings.arrivals(
                listing_id, start, end, limit=wanted, after=last, latest_first=latest_first
            )
        ]
        next_ones = sorted(every, reverse=latest_first)[:wanted]
        ids = [booking_id for _, booking_id in next_ones]
        found += tuple(booking for booking in read_bookings(ports, ids) if keep(booking))
        if len(next_ones) < wanted:
            return Page(found, None)
        last = next_ones[-1]
        if len(found) == limit:
            break
    return Page(found, None if last is None else f"{last[0].isoformat()}#{last[1]}")


def _position(after: str | None) -> Arrival | None:
    if after is None:
        return None
    day, _, booking_id = after.partition("#")
    return date.fromisoformat(day), BookingId(booking_id)


def _everywhere(ports: Ports, day: date, *, limit: int, after: str | None) -> Page[Booking]:
    """All confirmed bookings whose guests are in some house on ``day``: one query for each day of their arrival."""
    begun, inside = json.loads(after) if after else (day.isoformat(), None)
    check_in, first = date.fromisoformat(begun), day - timedelta(days=MAX_NIGHTS)
    found: tuple[Booking, ...] = ()
    while check_in >= first and len(found) < limit:
        page = ports.bookings.staying(check_in, until=day, limit=limit - len(found), after=inside)
        found += tuple(booking for booking in read_bookings(ports, page.items) if movement_on(booking, day))
        inside = page.next_cursor
        if inside is None:
            check_in -= timedelta(days=1)
    return Page(found, json.dumps([check_in.isoformat(), inside]) if check_in >= first else None)
