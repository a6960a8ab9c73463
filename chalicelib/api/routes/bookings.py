"""Bookings over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers import BookingOut, PaymentOut
from chalicelib.api.core.fields import Count, Email, Name, NoBody, Phone, Price, Sentence, checked, url_parts
from chalicelib.api.core.http import Answer, Call, Outcome, endpoint
from chalicelib.api.core.paging import Paged, page, position
from chalicelib.api.views import booking_out, payment_out
from chalicelib.container import container
from chalicelib.domain.booking import BookingStatus, Language
from chalicelib.domain.calendar import MAX_NIGHTS, Stay
from chalicelib.domain.contact import Contact
from chalicelib.domain.errors import FieldError
from chalicelib.services import hosting
from chalicelib.services import queries as reading
from chalicelib.services.access import visible_booking
from chalicelib.services.book import BookingRequest, book
from chalicelib.services.cancel import cancel
from chalicelib.services.checkout import pay
from chalicelib.services.ports import Page

routes = Blueprint(__name__)


def return_address(text: str) -> str:
    """An address of a frontend that this stage trusts."""
    parts = url_parts(text)
    # The origin is compared whole: a host that merely begins like an allowed one is another's.
    if parts is None or f"{parts.scheme}://{parts.netloc}".lower() not in container().rules.return_origins:
        raise ValueError("must begin with an allowed origin; see /v1/config")
    return text


class ContactIn(msgspec.Struct, frozen=True):
    """Who the booking is for, and where they are reached."""

    first_name: Name
    last_name: Name
    email: Email
    phone: Phone


class NewBooking(msgspec.Struct, frozen=True):
    """A stay to be booked."""

    listing_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    check_in: date
    check_out: date
    units: Count
    guests: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    contact: ContactIn
    language: Language = "en"
    expected_total: Price | None = None
    return_url: Annotated[str, checked(return_address, schema={"format": "uri"}, max_length=2000)] | None = None

    @staticmethod
    def across(right: Mapping[str, Any]) -> Iterator[FieldError]:
        """The two dates fit each other."""
        if "check_in" in right and "check_out" in right:
            nights = (right["check_out"] - right["check_in"]).days
            if nights < 1:
                yield FieldError("check_out", "must be after check_in")
            elif nights > MAX_NIGHTS:
                yield FieldError("check_out", f"must be at most {MAX_NIGHTS} nights after check_in")


class CancelBooking(msgspec.Struct, frozen=True):
    """Why a booking is cancelled; kept in its history."""

    reason: Sentence | None = None


class BookingsQuery(Paged, frozen=True):
    """The caller's bookings."""

    status: BookingStatus | None = None


class HostBookingsQuery(BookingsQuery, frozen=True):
    """The bookings of one of the host's listings."""

    listing_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


@endpoint(
    routes,
    "POST",
    "/v1/bookings",
    body=NewBooking,
    signed_in=True,
    idempotent=True,
    outcomes=(Outcome(201, BookingOut, headers=("Location",)),),
    refuses=(
        "idempotency_key_required",
        "idempotency_key_reused",
        "in_progress",
        "listing_not_found",
        "listing_closed",
        "currency_not_taken",
        "dates_unavailable",
        "price_changed",
        "too_many_open_holds",
    ),
)
def create_booking(call: Call) -> Answer:
    """Hold a stay, open its payment and give the link to pay on.

    ``check_in`` is today or later in the listing's zone and within 540 days; ``guests`` at most ``units`` times what
    a unit takes. If the gateway does not answer or refuses, the booking is kept all the same: ``payment.checkout_url``
    is null, and ``payment.problem`` is what opening a payment would have answered; open one then.
    """
    key = call.required_key()
    wanted: NewBooking = call.body
    done = book(
        call.container,
        call.principal,
        BookingRequest(
            listing_id=wanted.listing_id,
            stay=Stay(wanted.check_in, wanted.check_out, wanted.units, wanted.guests),
            contact=Contact(
                wanted.contact.first_name, wanted.contact.last_name, wanted.contact.email, wanted.contact.phone
            ),
            language=wanted.language,
            expected_total=wanted.expected_total,
            return_url=wanted.return_url,
        ),
        key=key,
        public_url=call.public_url,
        request_id=call.request_id,
    )
    headers = {"Location": f"bookings/{done.booking.booking_id}"}
    return Answer(booking_out(call, done.booking, "guest"), 201, headers, replayed=done.replayed)


@endpoint(
    routes, "GET", "/v1/bookings", query=BookingsQuery, signed_in=True, outcomes=(Outcome(body=Page[BookingOut]),)
)
def list_bookings(call: Call) -> Answer:
    """List the caller's own bookings, newest first."""
    found = reading.own_bookings(
        call.container, call.principal, status=call.query.status, limit=call.query.limit, after=position(call)
    )
    return page(call, [booking_out(call, booking, "guest") for booking in found.items], found.next_cursor)


@endpoint(
    routes,
    "GET",
    "/v1/hosts/me/bookings",
    query=HostBookingsQuery,
    signed_in=True,
    role="host",
    outcomes=(Outcome(body=Page[BookingOut]),),
    refuses=("listing_not_found",),
)
def list_hosted_bookings(call: Call) -> Answer:
    """List the bookings of the caller's listings, latest stays first for each."""
    query: HostBookingsQuery = call.query
    found = hosting.bookings(
        call.container,
        call.principal,
        listing_id=query.listing_id,
        status=query.status,
        limit=query.limit,
        after=position(call),
    )
    return page(call, [booking_out(call, booking, "host") for booking in found.items], found.next_cursor)


@endpoint(
    routes,
    "GET",
    "/v1/bookings/{booking_id}",
    signed_in=True,
    outcomes=(Outcome(body=BookingOut),),
    refuses=("booking_not_found",),
)
def read_booking(call: Call) -> Answer:
    """Read one booking, with all its payments."""
    booking, role = visible_booking(
        call.container, call.principal, call.path["booking_id"], roles=("guest", "host", "operator")
    )
    return Answer(booking_out(call, booking, role, with_attempts=True))


@endpoint(
    routes,
    "POST",
    "/v1/bookings/{booking_id}/payments",
    body=NoBody,
    signed_in=True,
    idempotent=True,
    outcomes=(Outcome(201, PaymentOut, headers=("Location",)), Outcome(200, PaymentOut)),
    refuses=(
        "booking_not_found",
        "booking_not_payable",
        "payment_in_review",
        "currency_not_taken",
        "in_progress",
        "gateway_rejected",
        "gateway_bad_answer",
        "gateway_unreachable",
        "gateway_timeout",
    ),
)
def open_payment(call: Call) -> Answer:
    """Give a link to pay on: the open one while it is usable, else a new payment's."""
    done = pay(call.container, call.principal, call.path["booking_id"], key=call.key, public_url=call.public_url)
    shown = payment_out(done.booking, done.payment)
    if not done.opened:
        return Answer(shown, replayed=done.replayed)
    return Answer(shown, 201, {"Location": f"../../payments/{done.payment.tx_ref}"}, replayed=done.replayed)


@endpoint(
    routes,
    "POST",
    "/v1/bookings/{booking_id}/cancel",
    body=CancelBooking,
    signed_in=True,
    outcomes=(Outcome(body=BookingOut),),
    refuses=("booking_not_found", "stay_begun"),
)
def cancel_booking(call: Call) -> Answer:
    """Cancel a booking; what the policy gives back is owed at once."""
    wanted: CancelBooking = call.body
    booking, role = cancel(call.container, call.principal, call.path["booking_id"], reason=wanted.reason or "")
    return Answer(booking_out(call, booking, role, with_refunds=True))
