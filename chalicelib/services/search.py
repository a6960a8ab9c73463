"""Find listings of a city, for a night or priced for a stay; and read one, with its nights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from chalicelib.domain.errors import FieldError, InvalidRequest, ListingNotFound
from chalicelib.domain.ids import ListingId, is_listing_id
from chalicelib.domain.listings import calendar, prices, stay_rules
from chalicelib.domain.listings.calendar import Nights, Stay
from chalicelib.domain.listings.cities import city_key
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.listings.prices import Quote
from chalicelib.domain.record import Record, replace
from chalicelib.domain.timing import EASTERNMOST, WESTERNMOST
from chalicelib.services.ports.outcomes import Batch, Page, Unreadable
from chalicelib.services.ports.stage import Ports

T = TypeVar("T")

SEARCH_NIGHTS = 30

MOST_LISTINGS = 500
"""How many open listings of a city are priced for a stay: the cheapest by their own nightly price."""

LOOKED_AT = 100
"""How many listings are asked what day it is in their city, where that matters."""


class Search(Record, frozen=True):
    """What is looked for. ``max_price``, in minor units, is of one unit for one night; a ``currency`` of None is the
    stage's first."""

    city: str
    check_in: date | None = None
    check_out: date | None = None
    guests: int = 1
    max_price: int | None = None
    currency: str | None = None
    limit: int = 20
    after: str | None = None


class SearchResult(Record, frozen=True):
    """A listing that was found; and, with dates, the stay that fits its guests there, and what that costs."""

    listing: Listing
    stay: Stay | None = None
    quote: Quote | None = None


class SearchPage(Page[SearchResult], frozen=True):
    """One page of a search; ``partial`` when the city has more listings than were looked at."""

    partial: bool = False


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


def search(ports: Ports, wanted: Search) -> SearchPage:
    """Open listings of a city: cheapest night first; with dates, those that can be booked, cheapest stay first.

    As they were up to a second ago, as the index of the city is: a hold decides again. Raises InvalidRequest.
    """
    if wrong := tuple(wrong_dates(ports, wanted.city, wanted.check_in, wanted.check_out, currency=wanted.currency)):
        raise InvalidRequest("The search does not fit.", errors=wrong)
    if wanted.check_in is None or wanted.check_out is None:
        return _by_night(ports, wanted)
    return _by_stay(ports, wanted, Stay(wanted.check_in, wanted.check_out, units=1, guests=wanted.guests))


def wrong_dates(
    ports: Ports, city: str, check_in: date | None, check_out: date | None, *, currency: str | None
) -> Iterator[FieldError]:
    """What is wrong with the dates of a search in a city; there are two of them, or none."""
    if check_in is None and check_out is not None:
        yield FieldError("check_in", "is needed with the other date")
    if check_out is None and check_in is not None:
        yield FieldError("check_out", "is needed with the other date")
    if check_in is not None:
        yield from _wrong_check_in(ports, Search(city, currency=currency), check_in)
    yield from stay_rules.wrong_dates(check_in, check_out, most=SEARCH_NIGHTS)


def _wrong_check_in(ports: Ports, wanted: Search, check_in: date) -> tuple[FieldError, ...]:
    """Why no listing of the city takes a stay that begins then; nothing if one does, by its own day."""

    def wrong(today: date) -> tuple[FieldError, ...]:
        return tuple(stay_rules.wrong_check_in(check_in, today=today))

    now = ports.clock.now()
    anywhere = [(now + offset).date() for offset in (WESTERNMOST, EASTERNMOST)]
    if wrong(anywhere[0]) == wrong(anywhere[1]):
        return wrong(anywhere[0])
    page = _in_city(ports, wanted, max_price=None, limit=LOOKED_AT, after=None)
    days = {listing.today(now) for listing in readable(ports, ports.listings.load_many(page.items, consistent=False))}
    days = days or {now.astimezone(ZoneInfo(ports.rules.time_zone)).date()}
    return () if any(not wrong(today) for today in days) else wrong(min(days))


def _by_night(ports: Ports, wanted: Search) -> SearchPage:
    page = _in_city(ports, wanted, max_price=wanted.max_price, limit=wanted.limit, after=wanted.after)
    listings = readable(ports, ports.listings.load_many(page.items, consistent=False))
    found = (each for each in listings if each.status == "open" and wanted.guests <= each.units * each.guests_per_unit)
    return SearchPage(tuple(SearchResult(listing) for listing in found), page.next_cursor)


def _by_stay(ports: Ports, wanted: Search, stay: Stay) -> SearchPage:
    """The whole city is priced for each page: which stay is cheapest, no index can know."""
    city = _in_city(ports, wanted, max_price=None, limit=MOST_LISTINGS, after=None)
    now = ports.clock.now()
    read = readable(ports, ports.listings.load_with_nights(city.items, stay.check_in, stay.check_out, consistent=False))
    results = (_priced(listing, nights, stay, now) for listing, nights in read)
    offers = {_place(result): result for result in results if result is not None and _is_cheap_enough(result, wanted)}
    after = tuple(json.loads(wanted.after)) if wanted.after else ()
    places = sorted(place for place in offers if place > after)
    page = places[: wanted.limit]
    more = json.dumps(page[-1]) if len(places) > len(page) else None
    return SearchPage(tuple(offers[place] for place in page), more, partial=city.next_cursor is not None)


def _in_city(ports: Ports, wanted: Search, *, max_price: int | None, limit: int, after: str | None) -> Page[ListingId]:
    currency = wanted.currency or ports.rules.currency
    key = city_key(wanted.city)
    return ports.listings.in_city(key, currency=currency, max_price=max_price, limit=limit, after=after)


def _priced(listing: Listing, nights: Nights, stay: Stay, now: datetime) -> SearchResult | None:
    """The stay in as many units as its guests need, and what it costs; None where it cannot be booked."""
    fitting = replace(stay, units=-(-stay.guests // listing.guests_per_unit))
    # The index may lag behind a host who just closed.
    if listing.status != "open" or any(stay_rules.wrong_check_in(stay.check_in, today=listing.today(now))):
        return None
    if calendar.short_nights(listing, nights, fitting):
        return None
    return SearchResult(listing, fitting, prices.quote(listing, nights, fitting))


def _place(result: SearchResult) -> tuple[int, str]:
    """Where an offer stands in the order: by the stay's price, then by the listing."""
    return (result.quote.total.minor if result.quote else 0, result.listing.listing_id)


def _is_cheap_enough(result: SearchResult, wanted: Search) -> bool:
    """Whether the average night of one unit costs no more than is wanted."""
    if wanted.max_price is None or result.stay is None or result.quote is None:
        return True
    return result.quote.total.minor <= wanted.max_price * result.stay.nights * result.stay.units
