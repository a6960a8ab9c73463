"""The catalogue: publish a listing, find one, see its nights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from chalicelib.domain import calendar
from chalicelib.domain.calendar import Quote, Stay
from chalicelib.domain.errors import FieldError, InvalidRequest, ListingNotFound
from chalicelib.domain.ids import ListingId, is_listing_id
from chalicelib.domain.listing import Listing
from chalicelib.domain.text import fold_city
from chalicelib.services.ports import Page, Ports

SEARCH_NIGHTS = 30


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


class SearchResult(NamedTuple):
    """A listing that was found, and what the stay would cost there (None without dates)."""

    listing: Listing
    quote: Quote | None


def listing_of(ports: Ports, listing_id: str) -> Listing:
    """Raises ListingNotFound."""
    listing = ports.listings.load(ListingId(listing_id)) if is_listing_id(listing_id) else None
    if listing is None:
        raise ListingNotFound("There is no such listing.")
    return listing


def search(ports: Ports, wanted: Search) -> Page[SearchResult]:
    """Open listings of a city, cheapest first; with dates, only what is free on every night."""
    stay = _stay(wanted)
    page = ports.listings.in_city(
        fold_city(wanted.city), max_price=wanted.max_price, limit=wanted.limit, after=wanted.after
    )
    found: list[SearchResult] = []
    for listing in ports.listings.load_many(page.items):
        # The index may lag behind a host who just closed.
        if listing.status != "open":
            continue
        if stay is None:
            if wanted.guests <= listing.units * listing.guests_per_unit:
                found.append(SearchResult(listing, None))
            continue
        units = -(-stay.guests // listing.guests_per_unit)
        fitting = replace(stay, units=units)
        nights = ports.listings.nights(listing.listing_id, stay.check_in, stay.check_out)
        if stay.check_in >= listing.today(ports.clock.now()) and not calendar.short_nights(listing, nights, fitting):
            found.append(SearchResult(listing, calendar.quote(listing, nights, fitting)))
    return Page(tuple(found), page.next_cursor)


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
