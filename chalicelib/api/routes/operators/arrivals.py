"""Who comes, who is in the house, and who leaves, for operators."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.bookings import BookingOut
from chalicelib.api.core.paging import Paged, page
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.booking import Booking
from chalicelib.services.hosts import arrivals
from chalicelib.services.operators.audit import note_access
from chalicelib.services.ports.outcomes import Page

routes = Blueprint(__name__)

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class ArrivalsQuery(Paged, frozen=True, kw_only=True, rename={"day": "date"}):
    """Who is in some house on a day."""

    day: date | None = None
    """The day, as it is at each listing; left out: today, at the listing or else in the stage's time zone."""
    listing_id: Id | None = None
    """Only of this listing."""
    host_id: Id | None = None
    """Only of this host's listings."""


@endpoint(
    routes,
    "GET",
    "/v1/ops/arrivals",
    role="operator",
    outcomes=(Outcome(body=Page[BookingOut]),),
    refuses=("listing_not_found",),
)
def list_arrivals(call: Call, query: ArrivalsQuery) -> Answer:
    """List the confirmed bookings whose guests arrive, stay or depart on a day, latest check-in first.

    So those who arrive come first. ``movement`` tells what each guest does on that day.
    """
    now = call.now()
    day = arrivals.day_asked_for(call.container, query.day, query.listing_id)

    def find(*, limit: int, after: str | None) -> Page[Booking]:
        found = arrivals.on_day(
            call.container,
            call.principal,
            day=day,
            listing_id=query.listing_id,
            host_id=query.host_id,
            limit=limit,
            after=after,
        )
        shown = len(found.items)
        note_access(call.container, call.principal, "list", day.isoformat(), found=shown, request_id=call.request_id)
        return found

    return page(call, query, find, lambda booking: BookingOut.of(booking, "operator", now=now, on=day))
