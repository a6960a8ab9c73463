"""The catalogue over HTTP."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import Annotated

import msgspec
from chalice.app import Blueprint

from ..domain.listing import CancellationPolicy, Listing, ListingId, PersonId
from ..domain.money import Money
from ..services import listings as catalogue
from .answers import ListingOut, NightOut, QuoteOut, to_builtins
from .fields import Address, City, Count, LongText, MoneyIn, Photos, Price, TimeOfDay, Title, Zone
from .http import Answer, Call, endpoint
from .lists import Paged, page, position

routes = Blueprint(__name__)


class Draft(msgspec.Struct, frozen=True):
    """A listing to be published."""

    title: Title
    description: LongText
    city: City
    time_zone: Zone
    nightly_price: MoneyIn
    units: Count
    guests_per_unit: Annotated[int, msgspec.Meta(ge=1, le=100)]
    cancellation_policy: CancellationPolicy
    address: Address = ""
    check_in_time: TimeOfDay = "14:00"
    check_out_time: TimeOfDay = "11:00"
    photos: Photos = ()


class SearchQuery(Paged, frozen=True):
    """Find listings of a city."""

    city: City
    check_in: date | None = None
    check_out: date | None = None
    guests: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    max_price: Price | None = None


class Range(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """Nights from ``from`` up to, not including, ``to``."""

    start: date
    end: date


@endpoint(routes, "GET", "/v1/listings", query=SearchQuery)
def search_listings(call: Call) -> Answer:
    """Find open listings of a city, cheapest first; with dates, only what is free, with its quote."""
    query: SearchQuery = call.query
    found = catalogue.search(
        call.house,
        catalogue.Search(
            city=query.city,
            check_in=query.check_in,
            check_out=query.check_out,
            guests=query.guests,
            max_price=query.max_price,
            limit=query.limit,
            after=position(call),
        ),
    )
    items = []
    for listing, quote in found.items:
        item = to_builtins(ListingOut.of(listing))
        if quote is not None and query.check_in and query.check_out:
            item["quote"] = QuoteOut.of(quote, (query.check_out - query.check_in).days)
        items.append(item)
    return page(call, items, found.after)


@endpoint(routes, "GET", "/v1/listings/{listing_id}")
def read_listing(call: Call) -> Answer:
    """Read one listing."""
    listing = catalogue.listing_of(call.house, call.path["listing_id"])
    return Answer(ListingOut.of(listing), headers={"ETag": _etag(listing)})


@endpoint(routes, "GET", "/v1/listings/{listing_id}/availability", query=Range)
def read_availability(call: Call) -> Answer:
    """Read what is left, and what it costs, on each night of a range."""
    query: Range = call.query
    listing, nights = catalogue.availability(call.house, call.path["listing_id"], query.start, query.end)
    return Answer({"nights": [NightOut.of(listing, night) for night in nights]})


@endpoint(routes, "POST", "/v1/listings", body=Draft, signed_in=True, creates=True, status=201)
def publish_listing(call: Call) -> Answer:
    """Publish a listing."""
    draft: Draft = call.body
    listing, replayed = catalogue.publish(call.house, call.principal, _listing(draft), key=call.key)
    headers = {"ETag": _etag(listing), "Location": f"listings/{listing.listing_id}"}
    return Answer(ListingOut.of(listing), 201, headers, replayed=replayed)


@endpoint(routes, "GET", "/v1/hosts/me/listings", query=Paged, signed_in=True)
def list_own_listings(call: Call) -> Answer:
    """List the caller's own listings, newest first."""
    found = catalogue.of_host(call.house, call.principal, limit=call.query.limit, after=position(call))
    return page(call, [ListingOut.of(listing) for listing, _ in found.items], found.after)


def _etag(listing: Listing) -> str:
    return f'"{listing.version}"'


def _listing(draft: Draft) -> Listing:
    never = datetime.min.replace(tzinfo=UTC)
    return Listing(
        listing_id=ListingId(""),
        host_id=PersonId(""),
        host_email="",
        title=draft.title,
        description=draft.description,
        city=draft.city,
        address=draft.address,
        time_zone=draft.time_zone,
        nightly_price=Money(draft.nightly_price.amount, draft.nightly_price.currency),
        units=draft.units,
        guests_per_unit=draft.guests_per_unit,
        cancellation_policy=draft.cancellation_policy,
        created_at=never,
        updated_at=never,
        check_in_time=draft.check_in_time,
        check_out_time=draft.check_out_time,
        photos=draft.photos,
        fingerprint=hashlib.sha256(repr(draft).encode()).hexdigest()[:16],
    )
