"""What a host sees of their own: their listings, and who comes."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.bookings import BookingOut
from chalicelib.api.answers.listings import ListingOut
from chalicelib.api.core.paging import Paged, page
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.booking import BookingStatus
from chalicelib.services import hosting
from chalicelib.services.ports import Page

routes = Blueprint(__name__)


class HostBookingsQuery(Paged, frozen=True):
    """The bookings of one of the host's listings."""

    status: BookingStatus | None = None
    """Only bookings in this status."""
    listing_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    """Only those of this listing."""


@endpoint(
    routes,
    "GET",
    "/v1/hosts/me/listings",
    role="host",
    outcomes=(Outcome(body=Page[ListingOut]),),
)
def list_own_listings(call: Call, query: Paged) -> Answer:
    """List the caller's own listings, newest first."""
    find = partial(hosting.of_host, call.container, call.principal)
    return page(call, query, find, ListingOut.of)


@endpoint(
    routes,
    "GET",
    "/v1/hosts/me/bookings",
    role="host",
    outcomes=(Outcome(body=Page[BookingOut]),),
    refuses=("listing_not_found",),
)
def list_hosted_bookings(call: Call, query: HostBookingsQuery) -> Answer:
    """List the bookings of the caller's listings, latest stays first for each."""
    now = call.now()
    find = partial(hosting.bookings, call.container, call.principal, listing_id=query.listing_id, status=query.status)
    return page(call, query, find, lambda booking: BookingOut.of(booking, "host", now=now))
