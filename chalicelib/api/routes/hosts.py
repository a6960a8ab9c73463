"""What a host sees of their own: their profile, their listings, and who comes."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Annotated

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.bookings import BookingOut
from chalicelib.api.answers.hosts import HostOut
from chalicelib.api.answers.listings import ListingOut
from chalicelib.api.core.fields import Email, Phone, TaxNumber, Title
from chalicelib.api.core.paging import Paged, page
from chalicelib.api.core.preconditions import etag, versions_wanted
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.booking import BookingStatus
from chalicelib.domain.contact import Language
from chalicelib.domain.host import Host, Notify, Tax
from chalicelib.services.hosts import arrivals, hosting
from chalicelib.services.hosts import profile as hosts
from chalicelib.services.ports.outcomes import Page

routes = Blueprint(__name__)


class HostBookingsQuery(Paged, frozen=True):
    """The bookings of one of the host's listings."""

    status: BookingStatus | None = None
    """Only bookings in this status."""
    listing_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    """Only those of this listing."""
    arriving_from: date | None = None
    """Only those whose check-in is this day or later; by check-in."""
    arriving_to: date | None = None
    """Only those whose check-in is this day or earlier; by check-in."""


class NotifyIn(msgspec.Struct, frozen=True):
    """Where a host is told of bookings; null or left out: nowhere, and for ``language`` every language.

    Guests of confirmed bookings are shown address and phone number.
    """

    email: Email | None = None
    """Where letters about bookings go, those of bookings made before included."""
    phone: Phone | None = None
    """Shown to guests of confirmed bookings; landlines, too."""
    language: Language | None = None
    """In which the letters are written; null: in every language, one below the other."""


class TaxIn(msgspec.Struct, frozen=True):
    """Who a host is to the tax office: the name on invoices, and the taxpayer's number."""

    name: Title
    """The name on invoices."""
    tin: TaxNumber
    vat_registered: bool = False
    """Whether the host is registered for VAT."""


class HostIn(msgspec.Struct, frozen=True):
    """What changes of a host's profile. A part that is left out stays; one that is given replaces all of its own."""

    notify: NotifyIn | None = None
    """Where the host is told of bookings; left out or null: as it is."""
    tax: TaxIn | None = None
    """Who the host is to the tax office; left out or null: as it is."""


@endpoint(routes, "GET", "/v1/hosts/me", role="host", outcomes=(Outcome(body=HostOut, headers=("ETag",)),))
def read_own_profile(call: Call) -> Answer:
    """Read the caller's profile: where they are told of bookings, and who they are to the tax office.

    Until it is changed, the address is the one that the token issuer knows. ``warnings`` say what keeps the host from
    hearing of bookings.
    """
    return _answer(hosts.profile(call.container, call.principal))


@endpoint(
    routes,
    "PUT",
    "/v1/hosts/me",
    role="host",
    conditional="host",
    outcomes=(Outcome(body=HostOut, headers=("ETag",)),),
)
def change_own_profile(call: Call, body: HostIn) -> Answer:
    """Change where the caller is told of bookings, those made before included, or who they are to the tax office."""
    changed = hosts.change(
        call.container,
        call.principal,
        notify=_notify(body.notify) if body.notify else None,
        tax=Tax(name=body.tax.name, tin=body.tax.tin, vat_registered=body.tax.vat_registered) if body.tax else None,
        only_versions=versions_wanted(call.request),
    )
    return _answer(changed)


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
    """List the bookings of the caller's listings, latest stays first for each; or those that arrive in a period.

    With ``arriving_from`` or ``arriving_to`` they come by check-in over all listings (a hundred at a time), and
    ``movement`` tells what each guest does today, at the listing. Who is in the house now arrived within 90 days.
    """
    now = call.now()
    if query.arriving_from or query.arriving_to:
        arriving = partial(
            arrivals.hosted,
            call.container,
            call.principal,
            arriving_from=query.arriving_from or date.min,
            arriving_to=query.arriving_to or date.max,
            listing_id=query.listing_id,
            status=query.status,
        )
        return page(call, query, arriving, lambda each: BookingOut.of(each, "host", now=now, on=each.today(now)))
    find = partial(hosting.bookings, call.container, call.principal, listing_id=query.listing_id, status=query.status)
    return page(call, query, find, lambda booking: BookingOut.of(booking, "host", now=now))


def _answer(host: Host) -> Answer:
    return Answer(HostOut.of(host), headers={"ETag": etag(host.version)})


def _notify(given: NotifyIn) -> Notify:
    return Notify(email=given.email or "", phone=given.phone or "", language=given.language)
