"""Listings over HTTP: anybody reads one and its nights; its host publishes, changes and closes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any

import msgspec
from chalice.app import Blueprint
from msgspec import UNSET, UnsetType

from chalicelib.api.answers.hosts import WarningOut
from chalicelib.api.answers.listings import ListingOut, NightsOut, PublishedListingOut
from chalicelib.api.core.fields import Address, City, Count, LongText, MoneyIn, Photos, TimeOfDay, Title, Zone
from chalicelib.api.core.preconditions import etag, versions_wanted
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.errors import FieldError, ListingNotFound
from chalicelib.domain.listings.calendar import NightChange
from chalicelib.domain.listings.listing import CancellationPolicy, Listing, ListingStatus
from chalicelib.domain.listings.stay_rules import wrong_range, wrong_times
from chalicelib.domain.record import replace
from chalicelib.services.hosts import calendars, hosting
from chalicelib.services.hosts import profile as hosts
from chalicelib.services.search import listing_of

routes = Blueprint(__name__)


class Draft(msgspec.Struct, frozen=True):
    """A listing to be published."""

    title: Title
    description: LongText
    """What it is like."""
    city: City
    time_zone: Zone
    nightly_price: MoneyIn
    """What one unit costs a night, where a night has no price of its own."""
    units: Count
    """How many alike are let, such as rooms."""
    guests_per_unit: Annotated[int, msgspec.Meta(ge=1, le=100)]
    """How many guests each takes."""
    cancellation_policy: CancellationPolicy
    address: Address = ""
    check_in_time: TimeOfDay = "14:00"
    """From when guests may come."""
    check_out_time: TimeOfDay = "11:00"
    """Until when they must have left: earlier than `check_in_time`."""
    photos: Photos = ()


class Change(msgspec.Struct, frozen=True):
    """What changes of a listing: any part of it. A field that is left out stays as it is; none can be null."""

    title: Title | UnsetType = UNSET
    description: LongText | UnsetType = UNSET
    """What it is like."""
    city: City | UnsetType = UNSET
    time_zone: Zone | UnsetType = UNSET
    nightly_price: MoneyIn | UnsetType = UNSET
    """What one unit costs a night, where a night has no price of its own. Its currency stays."""
    units: Count | UnsetType = UNSET
    """How many alike are let, such as rooms."""
    guests_per_unit: Annotated[int, msgspec.Meta(ge=1, le=100)] | UnsetType = UNSET
    """How many guests each takes."""
    cancellation_policy: CancellationPolicy | UnsetType = UNSET
    address: Address | UnsetType = UNSET
    check_in_time: TimeOfDay | UnsetType = UNSET
    """From when guests may come."""
    check_out_time: TimeOfDay | UnsetType = UNSET
    """Until when they must have left: earlier than `check_in_time`."""
    photos: Photos | UnsetType = UNSET
    status: ListingStatus | UnsetType = UNSET


class NightsIn(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """What changes of the nights from ``from`` up to, not including, ``to``; what is left out stays as it is.

    A null ``price`` is the listing's own.
    """

    start: date
    """The first night."""
    end: date
    """The day after the last night."""
    price: MoneyIn | UnsetType | None = UNSET
    """What one unit costs on each of them; null: the listing's own price again."""
    closed: bool | UnsetType = UNSET
    """Whether they are closed to new bookings."""


class Range(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """Nights from ``from`` up to, not including, ``to``."""

    start: date
    """The first night."""
    end: date
    """The day after the last night."""


def _wrong_draft(call: Call, right: Mapping[str, Any]) -> Iterator[FieldError]:
    if "nightly_price" in right:
        yield from hosting.wrong_currency(call.container, right["nightly_price"].currency)
    if {"check_in_time", "check_out_time"} <= right.keys():
        yield from wrong_times(right["check_in_time"], right["check_out_time"])


def _wrong_change(call: Call, right: Mapping[str, Any]) -> Iterator[FieldError]:
    if listing := _own_listing(call):
        times = {"check_in_time", "check_out_time"}
        fits = right if times <= right.keys() else {name: right[name] for name in right.keys() - times}
        yield from hosting.wrong_changes(listing, _changes(fits))


def _wrong_nights(call: Call, right: Mapping[str, Any]) -> Iterator[FieldError]:
    if listing := _own_listing(call):
        if {"start", "end"} <= right.keys():
            yield from wrong_range(right["start"], right["end"], today=listing.today(call.now()))
        yield from calendars.wrong_price(listing, _night_change(right.get("price", UNSET), UNSET))


def _own_listing(call: Call) -> Listing | None:
    """The caller's listing that the path names; None where there is none."""
    try:
        return hosting.own_listing(call.container, call.principal, call.path["listing_id"])
    except ListingNotFound:
        return None


@endpoint(
    routes,
    "GET",
    "/v1/listings/{listing_id}",
    cached=True,
    outcomes=(Outcome(body=ListingOut),),
    refuses=("listing_not_found",),
)
def read_listing(call: Call) -> Answer:
    """Read one listing."""
    listing = listing_of(call.container, call.path["listing_id"])
    return Answer(ListingOut.of(listing), headers={"ETag": etag(listing.version)})


@endpoint(
    routes,
    "GET",
    "/v1/listings/{listing_id}/availability",
    cached=True,
    outcomes=(Outcome(body=NightsOut),),
    refuses=("listing_not_found",),
)
def read_availability(call: Call, query: Range) -> Answer:
    """Read what is left, and what it costs, on each night of a range.

    ``to`` is not included; at most 120 nights. Those that are over, or out of every stay's reach, are not bookable.
    """
    listing, nights = calendars.availability(call.container, call.path["listing_id"], query.start, query.end)
    return Answer(NightsOut.of(listing, nights, call.now()))


@endpoint(
    routes,
    "POST",
    "/v1/listings",
    role="host",
    idempotent=True,
    also_wrong=_wrong_draft,
    outcomes=(Outcome(201, PublishedListingOut, headers=("ETag", "Location")),),
    refuses=("idempotency_key_reused",),
)
def publish_listing(call: Call, body: Draft) -> Answer:
    """Publish a listing.

    ``warnings`` say what keeps its host from hearing of bookings: ``no_notify_email`` until an address is known.
    """
    listing, replayed = hosting.publish(call.container, call.principal, _draft(body), key=call.key)
    host = hosts.profile(call.container, call.principal)
    headers = {"ETag": etag(listing.version), "Location": f"listings/{listing.listing_id}"}
    warned = tuple(WarningOut.of(each) for each in hosts.warnings(host))
    published = msgspec.structs.replace(PublishedListingOut.of(listing), warnings=warned)
    return Answer(published, 201, headers, replayed=replayed)


@endpoint(
    routes,
    "PATCH",
    "/v1/listings/{listing_id}",
    role="host",
    conditional="listing",
    also_wrong=_wrong_change,
    outcomes=(Outcome(body=ListingOut, headers=("ETag",)),),
    refuses=("listing_not_found", "listing_locked"),
)
def change_listing(call: Call, body: Change) -> Answer:
    """Change any part of a listing; with If-Match, only if it is still as it was read."""
    changes = _changes(msgspec.structs.asdict(body))
    listing = hosting.update(
        call.container, call.principal, call.path["listing_id"], changes, only_versions=versions_wanted(call.request)
    )
    return Answer(ListingOut.of(listing), headers={"ETag": etag(listing.version)})


@endpoint(
    routes,
    "DELETE",
    "/v1/listings/{listing_id}",
    role="host",
    outcomes=(Outcome(204),),
    refuses=("listing_not_found",),
)
def close_listing(call: Call) -> Answer:
    """Close a listing: it takes no more bookings; those made stay."""
    hosting.close(call.container, call.principal, call.path["listing_id"])
    return Answer(None, 204)


@endpoint(
    routes,
    "PUT",
    "/v1/listings/{listing_id}/nights",
    role="host",
    also_wrong=_wrong_nights,
    outcomes=(Outcome(body=NightsOut),),
    refuses=("listing_not_found",),
)
def set_nights(call: Call, body: NightsIn) -> Answer:
    """Set the price, or the closing, of a range of nights; what is left out stays as it is.

    At most 90 of them.
    """
    listing, nights = calendars.set_nights(
        call.container,
        call.principal,
        call.path["listing_id"],
        body.start,
        body.end,
        change=_night_change(body.price, body.closed),
    )
    return Answer(NightsOut.of(listing, nights, call.now()))


def _changes(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What changes, by the fields of a listing."""
    changes = {name: value for name, value in fields.items() if value is not UNSET}
    if isinstance(price := changes.get("nightly_price"), MoneyIn):
        changes["nightly_price"] = price.money
    return changes


def _night_change(price: MoneyIn | UnsetType | None, closed: bool | UnsetType) -> NightChange:
    change = NightChange(closed=None if closed is UNSET else closed)
    return change if price is UNSET else replace(change, price=None if price is None else price.money)


def _draft(draft: Draft) -> hosting.ListingDraft:
    return hosting.ListingDraft(
        title=draft.title,
        description=draft.description,
        city=draft.city,
        address=draft.address,
        time_zone=draft.time_zone,
        nightly_price=draft.nightly_price.money,
        units=draft.units,
        guests_per_unit=draft.guests_per_unit,
        cancellation_policy=draft.cancellation_policy,
        check_in_time=draft.check_in_time,
        check_out_time=draft.check_out_time,
        photos=draft.photos,
    )
