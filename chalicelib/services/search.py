"""The catalogue: publish a listing, find one, see its nights."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, TypeVar

from chalicelib.domain import calendar
from chalicelib.domain.calendar import Nights, Quote, Stay
from chalicelib.domain.errors import FieldError, InvalidRequest, ListingNotFound
from chalicelib.domain.ids import ListingId, is_listing_id
from chalicelib.domain.listing import Listing
from chalicelib.domain.record import replace
from chalicelib.domain.text import fold_city
from chalicelib.services.ports import Batch, Page, Ports, Unreadable

T = TypeVar("T")

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


def listing_with_nights(ports: Ports, listing_id: str, start: date, end: date) -> tuple[Listing, Nights]:
    """The listing and its nights from ``start`` up to, not including, ``end``. Raises ListingNotFound, Unreadable."""
    wanted = [ListingId(listing_id)] if is_listing_id(listing_id) else []
    batch = ports.listings.load_with_nights(wanted, start, end)
    if batch.unreadable:
        raise Unreadable(listing_id)
    if not batch.items:
        raise ListingNotFound("There is no such listing.")
    return batch.items[0]


def readable(ports: Ports, batch: Batch[T]) -> tuple[T, ...]:
    """The listings of a list that can be read. One that cannot takes no list down; the log names it."""
    for listing_id in batch.unreadable:
        ports.observe("record_unreadable", level="error", listing_id=listing_id)
    return batch.items


def search(ports: Ports, wanted: Search) -> Page[SearchResult]:
    """Open listings of a city, cheapest first; with dates, only what is free on every night."""
    stay = _stay(wanted)
    page = ports.listings.in_city(
        fold_city(wanted.city), max_price=wanted.max_price, limit=wanted.limit, after=wanted.after
    )
    if stay is None:
        listings = readable(ports, ports.listings.load_many(page.items))
        found = [SearchResult(each, None) for each in listings if wanted.guests <= each.units * each.guests_per_unit]
    else:
        now = ports.clock.now()
        read = readable(ports, ports.listings.load_with_nights(page.items, stay.check_in, stay.check_out))
        quotes = [(listing, _quote_if_free(listing, nights, stay, now)) for listing, nights in read]
        found = [SearchResult(listing, quote) for listing, quote in quotes if quote is not None]
    # The index may lag behind a host who just closed.
    return Page(tuple(each for each in found if each.listing.status == "open"), page.next_cursor)


def _quote_if_free(listing: Listing, nights: Nights, stay: Stay, now: datetime) -> Quote | None:
    """What the stay costs in as many units as its guests need; None where it cannot be booked."""
    fitting = replace(stay, units=-(-stay.guests // listing.guests_per_unit))
    if stay.check_in < listing.today(now) or calendar.short_nights(listing, nights, fitting):
        return None
    return calendar.quote(listing, nights, fitting)


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
