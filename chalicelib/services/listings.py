"""The catalogue: publish a listing, find one, see its nights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from ..domain import listing as catalogue
from ..domain.errors import Busy, FieldError, IdempotencyKeyReused, InvalidRequest, ListingNotFound
from ..domain.ids import derive_listing_id, is_listing_id
from ..domain.listing import Listing, ListingId, Night, Nights, Quote, Stay, fold_city
from .access import Principal, with_role
from .ports import Ports, StoreBusy

SEARCH_NIGHTS = 30
AVAILABILITY_NIGHTS = 120


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; ``max_price`` in minor units, for one night."""

    city: str
    check_in: date | None = None
    check_out: date | None = None
    guests: int = 1
    max_price: int | None = None
    limit: int = 20
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One page: listings with what the stay would cost (None without dates), and where the next page begins."""

    items: tuple[tuple[Listing, Quote | None], ...]
    after: str | None


def publish(ports: Ports, principal: Principal | None, draft: Listing, *, key: str | None) -> tuple[Listing, bool]:
    """Put a listing up; True when it was a repeat under the same key. Raises Forbidden, IdempotencyKeyReused, Busy.

    ``draft`` is complete but for its id, host and times.
    """
    host = with_role(principal, "host")
    currency = draft.nightly_price.currency
    if ports.gateways.for_currency(currency) is None:
        wrong = FieldError("nightly_price.currency", f"no payment gateway of this stage takes {currency}")
        raise InvalidRequest("Some fields are not right.", errors=(wrong,))
    now = ports.clock.now()
    listing = replace(
        draft,
        listing_id=derive_listing_id(ports.bookings.salt(), host.person_id, key or ports.chance.token()),
        host_id=host.person_id,
        host_email=host.email,
        created_at=now,
        updated_at=now,
    )
    try:
        made = ports.listings.publish(listing)
    except StoreBusy as busy:
        raise Busy("The store is busy; please try again.", retry_after=1) from busy
    if made:
        ports.observe("listing_published", listing_id=listing.listing_id)
        return listing, False
    known = ports.listings.load(listing.listing_id)
    if known is None or known.fingerprint != listing.fingerprint:
        raise IdempotencyKeyReused("This Idempotency-Key belongs to another request.")
    return known, True


def listing_of(ports: Ports, listing_id: str) -> Listing:
    """Raises ListingNotFound."""
    listing = ports.listings.load(ListingId(listing_id)) if is_listing_id(listing_id) else None
    if listing is None:
        raise ListingNotFound("There is no such listing.")
    return listing


def search(ports: Ports, wanted: Search) -> Found:
    """Open listings of a city, cheapest first; with dates, only what is free on every night."""
    stay = _stay(wanted)
    page = ports.listings.in_city(
        fold_city(wanted.city), max_price=wanted.max_price, limit=wanted.limit, after=wanted.after
    )
    found: list[tuple[Listing, Quote | None]] = []
    for listing in ports.listings.load_many([ListingId(listing_id) for listing_id in page.ids]):
        # The index may lag behind a host who just closed.
        if listing.status != "open":
            continue
        if stay is None:
            if wanted.guests <= listing.units * listing.guests_per_unit:
                found.append((listing, None))
            continue
        units = -(-stay.guests // listing.guests_per_unit)
        fitting = replace(stay, units=units)
        nights = ports.listings.nights(listing.listing_id, stay.check_in, stay.check_out)
        if stay.check_in >= listing.today(ports.clock.now()) and not catalogue.short_nights(listing, nights, fitting):
            found.append((listing, catalogue.quote(listing, nights, fitting)))
    return Found(tuple(found), page.after)


def availability(ports: Ports, listing_id: str, start: date, end: date) -> tuple[Listing, tuple[Night, ...]]:
    """Every night from ``start`` up to, not including, ``end``. Raises ListingNotFound, InvalidRequest."""
    wrong = []
    if end <= start:
        wrong.append(FieldError("to", "must be after from"))
    elif (end - start).days > AVAILABILITY_NIGHTS:
        wrong.append(FieldError("to", f"at most {AVAILABILITY_NIGHTS} nights"))
    if wrong:
        raise InvalidRequest("The range does not fit.", errors=tuple(wrong))
    listing = listing_of(ports, listing_id)
    nights: Nights = ports.listings.nights(listing.listing_id, start, end)
    days = (start + timedelta(days=n) for n in range((end - start).days))
    return listing, tuple(nights.get(day, Night(day)) for day in days)


def _stay(wanted: Search) -> Stay | None:
    wrong = []
    if (wanted.check_in is None) != (wanted.check_out is None):
        missing = "check_in" if wanted.check_in is None else "check_out"
        wrong.append(FieldError(missing, "is needed with the other date"))
    elif wanted.check_in is not None and wanted.check_out is not None:
        nights = (wanted.check_out - wanted.check_in).days
        if nights < 1:
            wrong.append(FieldError("check_out", "must be after check_in"))
        elif nights > SEARCH_NIGHTS:
            wrong.append(FieldError("check_out", f"at most {SEARCH_NIGHTS} nights"))
        else:
            return Stay(wanted.check_in, wanted.check_out, units=1, guests=wanted.guests)
    if wrong:
        raise InvalidRequest("The search does not fit.", errors=tuple(wrong))
    return None


def of_host(ports: Ports, principal: Principal | None, *, limit: int, after: str | None) -> Found:
    """The caller's own listings, newest first, closed ones too. Raises Forbidden."""
    host = with_role(principal, "host")
    page = ports.listings.of_host(host.person_id, limit=limit, after=after)
    listings = ports.listings.load_many([ListingId(listing_id) for listing_id in page.ids])
    return Found(tuple((listing, None) for listing in listings), page.after)
