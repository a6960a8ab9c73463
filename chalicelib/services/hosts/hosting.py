"""What a host does with a listing: publish it, change it, close it; and see who comes."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from chalicelib.domain.booking import Booking, BookingStatus
from chalicelib.domain.errors import (
    Busy,
    FieldError,
    IdempotencyKeyReused,
    InvalidRequest,
    ListingLocked,
    ListingNotFound,
    PreconditionFailed,
)
from chalicelib.domain.fingerprint import fingerprint
from chalicelib.domain.ids import BookingId, PersonId, derive_listing_id
from chalicelib.domain.listings.listing import CancellationPolicy, Listing
from chalicelib.domain.listings.stay_rules import wrong_times
from chalicelib.domain.money import Money
from chalicelib.domain.record import Record, replace
from chalicelib.domain.timing import RETRY_AFTER_BUSY
from chalicelib.services.access import Principal, with_role
from chalicelib.services.ports.outcomes import Page, VersionLost
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import read_bookings
from chalicelib.services.search import listing_of, readable

TRIES = 6


MOST_LISTINGS_A_PAGE = 5
"""How many of a host's listings one page of their bookings looks into."""


class ListingDraft(Record, frozen=True, kw_only=True):
    """A listing as its host writes it: all but its id, its host and its times."""

    title: str
    description: str
    city: str
    time_zone: str
    nightly_price: Money
    units: int
    guests_per_unit: int
    cancellation_policy: CancellationPolicy
    address: str = ""
    check_in_time: str = "14:00"
    check_out_time: str = "11:00"
    photos: tuple[str, ...] = ()


def own_listing(ports: Ports, principal: Principal | None, listing_id: str) -> Listing:
    """The caller's listing. Somebody else's does not exist for them. Raises Forbidden, ListingNotFound."""
    host = with_role(principal, "host")
    listing = listing_of(ports, listing_id)
    if listing.host_id != host.person_id:
        raise ListingNotFound("There is no such listing.")
    return listing


def update(
    ports: Ports,
    principal: Principal | None,
    listing_id: str,
    changes: dict[str, Any],
    *,
    only_versions: Collection[int] | None,
) -> Listing:
    """The listing with ``changes`` of its fields. ``only_versions``: only if it is still one of these (If-Match).

    Raises Forbidden, ListingNotFound, PreconditionFailed, ListingLocked, InvalidRequest, Busy.
    """

    def change(listing: Listing) -> Listing:
        if only_versions is not None and listing.version not in only_versions:
            raise PreconditionFailed("The listing has changed since it was read.")
        if listing.closed_by_operator and changes.get("status") == "open":
            raise ListingLocked("An operator closed this listing; only an operator opens it again.")
        if wrong := tuple(wrong_changes(listing, changes)):
            raise InvalidRequest("Some fields are not right.", errors=wrong)
        return replace(listing, **changes)

    return changed(ports, own_listing(ports, principal, listing_id), change)


def wrong_changes(listing: Listing, changes: Mapping[str, Any]) -> Iterator[FieldError]:
    """What is wrong with changes of this listing: its currency stays, and its times fit each other."""
    price = changes.get("nightly_price", listing.nightly_price)
    if price.currency != listing.nightly_price.currency:
        yield FieldError("nightly_price.currency", f"must stay {listing.nightly_price.currency}")
    check_in_time = changes.get("check_in_time", listing.check_in_time)
    yield from wrong_times(check_in_time, changes.get("check_out_time", listing.check_out_time))


def close(ports: Ports, principal: Principal | None, listing_id: str) -> None:
    """It takes no more bookings; those made stay. Raises Forbidden, ListingNotFound, Busy."""
    listing = own_listing(ports, principal, listing_id)
    changed(ports, listing, lambda current: replace(current, status="closed"))


def bookings(
    ports: Ports,
    principal: Principal | None,
    *,
    listing_id: str | None,
    status: BookingStatus | None,
    limit: int,
    after: str | None,
) -> Page[Booking]:
    """The bookings of one of the host's listings, latest stays first; or of all, listing by listing.

    Raises Forbidden, ListingNotFound.
    """
    host = with_role(principal, "host")
    if listing_id is not None:
        listing = own_listing(ports, principal, listing_id)
        page = ports.bookings.of_listing(listing.listing_id, limit=limit, after=after)
        return Page(_of_status(ports, page.items, status), page.next_cursor)
    every = bookings_of_host(ports, host.person_id, limit=limit, after=after)
    return Page(_of_status(ports, every.items, status), every.next_cursor)


def bookings_of_host(ports: Ports, host_id: PersonId, *, limit: int, after: str | None) -> Page[BookingId]:
    """The bookings of all listings of a host, listing by listing."""
    # A position: the page of listings, how many of it are done, and where in the next one's bookings to go on.
    start, done, inside = json.loads(after) if after else (None, 0, None)
    listings = ports.listings.of_host(host_id, limit=MOST_LISTINGS_A_PAGE, after=start)
    found: tuple[BookingId, ...] = ()
    for own in listings.items[done:]:
        page = ports.bookings.of_listing(own, limit=limit - len(found), after=inside)
        found, inside = found + page.items, page.next_cursor
        if inside is not None:
            return Page(found, json.dumps([start, done, inside]))
        done += 1
        if len(found) >= limit:
            break
    if done < len(listings.items):
        return Page(found, json.dumps([start, done, None]))
    return Page(found, None if listings.next_cursor is None else json.dumps([listings.next_cursor, 0, None]))


def _of_status(ports: Ports, ids: tuple[BookingId, ...], status: BookingStatus | None) -> tuple[Booking, ...]:
    return tuple(booking for booking in read_bookings(ports, ids) if status in (None, booking.status))


def changed(ports: Ports, listing: Listing, change: Callable[[Listing], Listing]) -> Listing:
    """Save what ``change`` makes of a listing, or of the newer state that gets in its way. Raises Busy."""
    for _ in range(TRIES):
        after = change(listing)
        if after == listing:
            return listing
        try:
            return ports.listings.save(listing, replace(after, updated_at=ports.clock.now()))
        except VersionLost:
            listing = listing_of(ports, listing.listing_id)
    raise Busy("The listing is being changed by others; please try again.", retry_after=RETRY_AFTER_BUSY)


def publish(ports: Ports, principal: Principal | None, draft: ListingDraft, *, key: str | None) -> tuple[Listing, bool]:
    """Put a listing up; True when it was a repeat under the same key.

    Raises Forbidden, InvalidRequest, IdempotencyKeyReused, Busy.
    """
    host = with_role(principal, "host")
    wrong = (
        *wrong_currency(ports, draft.nightly_price.currency),
        *wrong_times(draft.check_in_time, draft.check_out_time),
    )
    if wrong:
        raise InvalidRequest("Some fields are not right.", errors=wrong)
    now = ports.clock.now()
    listing = Listing(
        listing_id=derive_listing_id(ports.bookings.salt(), host.person_id, key or ports.chance.token()),
        host_id=host.person_id,
        host_email=host.email,
        title=draft.title,
        description=draft.description,
        city=draft.city,
        address=draft.address,
        time_zone=draft.time_zone,
        nightly_price=draft.nightly_price,
        units=draft.units,
        guests_per_unit=draft.guests_per_unit,
        cancellation_policy=draft.cancellation_policy,
        check_in_time=draft.check_in_time,
        check_out_time=draft.check_out_time,
        photos=draft.photos,
        created_at=now,
        updated_at=now,
        fingerprint=fingerprint(draft),
    )
    if ports.listings.publish(listing):
        ports.observe("listing_published", listing_id=listing.listing_id)
        return listing, False
    known = ports.listings.load(listing.listing_id)
    if known is None or known.fingerprint != listing.fingerprint:
        raise IdempotencyKeyReused("This Idempotency-Key belongs to another request.")
    return known, True


def wrong_currency(ports: Ports, currency: str) -> Iterator[FieldError]:
    """What guests pay in must be a currency that a gateway of this stage takes."""
    if ports.gateways.for_currency(currency) is None:
        yield FieldError("nightly_price.currency", f"no payment gateway of this stage takes {currency}")


def of_host(ports: Ports, principal: Principal | None, *, limit: int, after: str | None) -> Page[Listing]:
    """The caller's own listings, newest first, closed ones too. Raises Forbidden."""
    host = with_role(principal, "host")
    page = ports.listings.of_host(host.person_id, limit=limit, after=after)
    return Page(readable(ports, ports.listings.load_many(page.items)), page.next_cursor)
