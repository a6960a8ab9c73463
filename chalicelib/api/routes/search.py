"""Finding a place to stay over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from typing import Annotated, Any

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.listings import CityOut, FoundListingOut, FoundListingPageOut
from chalicelib.api.core.fields import MAX_CITY, City, Currency, Price, checked, optional_line
from chalicelib.api.core.paging import Paged, page
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.errors import FieldError
from chalicelib.services import cities, search
from chalicelib.services.ports.outcomes import Page

routes = Blueprint(__name__)


class SearchQuery(Paged, frozen=True, kw_only=True):
    """Find listings of a city: by night, or with both dates for a stay."""

    city: City
    check_in: date | None = None
    """The day of arrival; only together with `check_out`."""
    check_out: date | None = None
    """The day of departure; only together with `check_in`."""
    guests: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    """How many guests in all."""
    max_price: Price | None = None
    """What a night of one unit may cost at most, in minor units."""
    currency: Currency | None = None
    """The currency of the prices that are compared; left out, the stage's first."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 20
    """How many items the page has at most; it may end earlier."""


class CitiesQuery(Paged, frozen=True):
    """Cities whose name begins with ``prefix``, whatever its spelling."""

    prefix: Annotated[str, checked(optional_line, max_length=MAX_CITY)] = ""
    """How a city's name begins; empty for all of them."""


def _wrong_dates(call: Call, right: Mapping[str, Any]) -> Iterator[FieldError]:
    if {"check_in", "check_out"} <= right.keys():
        city, currency = right.get("city", ""), right.get("currency")
        yield from search.wrong_dates(call.container, city, right["check_in"], right["check_out"], currency=currency)


@endpoint(
    routes, "GET", "/v1/listings", cached=True, also_wrong=_wrong_dates, outcomes=(Outcome(body=FoundListingPageOut),)
)
def search_listings(call: Call, query: SearchQuery) -> Answer:
    """Find open listings of a city, cheapest first; with dates, only those that can be booked, each with its quote.

    Without dates the order and ``max_price`` go by the nightly price. With dates (at most 30 nights, beginning today or
    later and within 540 days) the order goes by what the stay costs, ``max_price`` by the average night of one unit.
    A search is in one currency: the stage's first, unless ``currency`` names another. ``city`` may be spelled as
    ``GET /v1/cities`` says. ``partial`` is true where a city has more listings than are looked at for a stay.
    """

    def find(*, limit: int, after: str | None) -> search.SearchPage:
        wanted = search.Search(
            city=query.city,
            check_in=query.check_in,
            check_out=query.check_out,
            guests=query.guests,
            max_price=query.max_price,
            currency=query.currency,
            limit=limit,
            after=after,
        )
        return search.search(call.container, wanted)

    def answer(found: search.SearchPage, items: tuple[FoundListingOut, ...], cursor: str | None) -> FoundListingPageOut:
        return FoundListingPageOut(items, cursor, found.partial or None)

    return page(call, query, find, FoundListingOut.of, answer=answer)


@endpoint(routes, "GET", "/v1/cities", cached=True, outcomes=(Outcome(body=Page[CityOut]),))
def list_cities(call: Call, query: CitiesQuery) -> Answer:
    """List the cities that have open listings.

    Case, spaces, marks, apostrophes, hyphens, and Ethiopic letters of one sound do not matter, and other usual names of
    Ethiopian cities are known: all of a city's ``names`` find the same listings.
    """
    return page(call, query, partial(cities.cities, call.container, beginning=query.prefix), CityOut.of)
