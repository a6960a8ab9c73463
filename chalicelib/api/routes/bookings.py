"""Bookings over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from functools import partial
from typing import Annotated, Any

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.bookings import BookingOut
from chalicelib.api.answers.payments import PaymentOut
from chalicelib.api.core.fields import Count, NoBody, Price, Sentence, checked, url_parts
from chalicelib.api.core.paging import Paged, page
from chalicelib.api.core.preconditions import etag
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.api.routes.contacts import ContactIn
from chalicelib.container import container
from chalicelib.domain.booking import BookingStatus, EndedAs
from chalicelib.domain.contact import Language
from chalicelib.domain.ending import wrong_last_night
from chalicelib.domain.errors import BookingNotFound, FieldError
from chalicelib.domain.listings.calendar import Stay
from chalicelib.domain.listings.stay_rules import wrong_dates
from chalicelib.domain.money import MAX_MINOR
from chalicelib.services import ending, queries
from chalicelib.services.access import visible_booking
from chalicelib.services.book import BookingRequest, book, wrong_by_listing
from chalicelib.services.cancel import cancel
from chalicelib.services.checkout import pay
from chalicelib.services.hosts.profile import host_of
from chalicelib.services.operators.audit import note_access
from chalicelib.services.ports.outcomes import Page

routes = Blueprint(__name__)


def return_address(text: str) -> str:
    """An address of a frontend that this stage trusts."""
    parts = url_parts(text)
    # The origin is compared whole: a host that merely begins like an allowed one is another's.
    if parts is None or f"{parts.scheme}://{parts.netloc}".lower() not in container().rules.return_origins:
        raise ValueError("must begin with an allowed origin; see /v1/config")
    return text


class NewBooking(msgspec.Struct, frozen=True):
    """A stay to be booked."""

    listing_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """The listing's id."""
    check_in: date
    """The day of arrival."""
    check_out: date
    """The day of departure: later than `check_in`."""
    units: Count
    """How many units, such as rooms; at most those of the listing."""
    guests: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    """How many guests in all."""
    contact: ContactIn
    """Who the booking is for."""
    language: Language = "en"
    expected_total: Price | None = None
    """What the guest was shown, in minor units: another price is refused as `price_changed`."""
    return_url: Annotated[str, checked(return_address, schema={"format": "uri"}, max_length=2000)] | None = None
    """Where the guest goes after paying: an address below one of the `return_origins` of `GET /v1/config`; left out or
    null for our own page."""

    @staticmethod
    def across(right: Mapping[str, Any]) -> Iterator[FieldError]:
        """The two dates fit each other."""
        return wrong_dates(right.get("check_in"), right.get("check_out"))


class CancelBooking(msgspec.Struct, frozen=True):
    """Why a booking is cancelled; kept in its history."""

    reason: Sentence | None = None
    """Why, in the caller's words."""
    dry_run: bool = False
    """Answer what would be, and write nothing."""


class EndStay(msgspec.Struct, frozen=True, rename={"as_": "as"}):
    """How a stay ends."""

    as_: EndedAs
    last_night: date | None = None
    """The last night of a guest who left early: with `left_early`, and only with it."""
    refund: Annotated[int, msgspec.Meta(ge=0, le=MAX_MINOR)] | None = None
    """What goes back by hand, in minor units; null or left out: by the policy, which after check-in gives nothing."""
    note: Sentence | None = None
    """Kept in the history, for operators; the guest does not read it."""
    dry_run: bool = False
    """Answer what would be, and write nothing."""

    @staticmethod
    def across(right: Mapping[str, Any]) -> Iterator[FieldError]:
        """A guest who left early had a last night; one who did not come had none."""
        match right.get("as_"), right.get("last_night", ...):
            case "left_early", None:
                yield FieldError("last_night", "is required with left_early")
            case "no_show", date():
                yield FieldError("last_night", "goes with left_early only")


class BookingsQuery(Paged, frozen=True):
    """The caller's bookings."""

    status: BookingStatus | None = None
    """Only bookings in this status."""


def _wrong_last_night(call: Call, right: Mapping[str, Any]) -> Iterator[FieldError]:
    if last_night := right.get("last_night"):
        with suppress(BookingNotFound):
            booking, _ = visible_booking(
                call.container, call.principal, call.path["booking_id"], roles=("host", "operator")
            )
            yield from wrong_last_night(booking, last_night)


def _wrong_by_listing(call: Call, right: Mapping[str, Any]) -> tuple[FieldError, ...]:
    known = {name: right.get(name) for name in ("check_in", "check_out", "units", "guests")}
    return wrong_by_listing(call.container, right.get("listing_id", ""), **known)


@endpoint(
    routes,
    "POST",
    "/v1/bookings",
    signed_in=True,
    act="own",
    idempotent=True,
    also_wrong=_wrong_by_listing,
    outcomes=(Outcome(201, BookingOut, headers=("Location",)),),
    refuses=(
        "idempotency_key_required",
        "idempotency_key_reused",
        "in_progress",
        "listing_not_found",
        "listing_closed",
        "currency_not_taken",
        "amount_above_limit",
        "dates_unavailable",
        "price_changed",
        "rate_limited",
        "too_many_open_holds",
        "account_blocked",
    ),
)
def create_booking(call: Call, body: NewBooking) -> Answer:
    """Hold a stay, open its payment and give the link to pay on.

    ``check_in`` is today or later in the listing's zone and within 540 days; ``guests`` at most ``units`` times what
    a unit takes. If the gateway does not answer or refuses, the booking is kept all the same: ``payment.checkout_url``
    is null, and ``payment.problem`` is what opening a payment would have answered; open one then.
    """
    key = call.required_key()
    done = book(
        call.container,
        call.principal,
        BookingRequest(
            listing_id=body.listing_id,
            stay=Stay(body.check_in, body.check_out, body.units, body.guests),
            contact=body.contact.contact,
            language=body.language,
            expected_total=body.expected_total,
            return_url=body.return_url,
        ),
        key=key,
        public_url=call.public_url,
        request_id=call.request_id,
    )
    headers = {"Location": f"bookings/{done.booking.booking_id}"}
    return Answer(BookingOut.of(done.booking, "guest", now=call.now()), 201, headers, replayed=done.replayed)


@endpoint(routes, "GET", "/v1/bookings", signed_in=True, outcomes=(Outcome(body=Page[BookingOut]),))
def list_bookings(call: Call, query: BookingsQuery) -> Answer:
    """List the caller's own bookings, newest first."""
    now = call.now()
    find = partial(queries.own_bookings, call.container, call.principal, status=query.status)
    return page(call, query, find, lambda booking: BookingOut.of(booking, "guest", now=now))


@endpoint(
    routes,
    "GET",
    "/v1/bookings/{booking_id}",
    signed_in=True,
    outcomes=(Outcome(body=BookingOut, headers=("ETag",)),),
    refuses=("booking_not_found",),
)
def read_booking(call: Call) -> Answer:
    """Read one booking, with all its payments and, once it is confirmed, how its host is reached.

    Operators are shown its letters as well, and what became of them.
    """
    booking, role = visible_booking(
        call.container, call.principal, call.path["booking_id"], roles=("guest", "host", "operator")
    )
    if role == "operator":
        note_access(call.container, call.principal, "view", booking.booking_id, found=1, request_id=call.request_id)
    knows_host = role == "operator" or (role == "guest" and booking.was_confirmed)
    host = host_of(call.container, booking) if knows_host else None
    answer = BookingOut.of(booking, role, now=call.now(), with_attempts=True, host=host)
    return Answer(answer, headers={"ETag": etag(booking.version)})


@endpoint(
    routes,
    "POST",
    "/v1/bookings/{booking_id}/payments",
    signed_in=True,
    act="own",
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
def open_payment(call: Call, _body: NoBody) -> Answer:
    """Give a link to pay on: the open one while it is usable, else a new payment's."""
    done = pay(call.container, call.principal, call.path["booking_id"], key=call.key, public_url=call.public_url)
    answer = PaymentOut.of(done.booking, done.payment)
    if not done.opened:
        return Answer(answer, replayed=done.replayed)
    return Answer(answer, 201, {"Location": f"../../payments/{done.payment.tx_ref}"}, replayed=done.replayed)


@endpoint(
    routes,
    "POST",
    "/v1/bookings/{booking_id}/cancel",
    signed_in=True,
    act="cancel",
    shows_contact=True,
    conditional="booking",
    outcomes=(Outcome(body=BookingOut),),
    refuses=("forbidden", "booking_not_found", "stay_begun", "second_person_needed"),
)
def cancel_booking(call: Call, body: CancelBooking) -> Answer:
    """Cancel a booking; what the policy gives back is owed at once.

    An operator who would give back more than one person may is answered 409 `second_person_needed`.
    """
    booking, role = cancel(
        call.ports(dry_run=body.dry_run),
        call.principal,
        call.path["booking_id"],
        reason=body.reason or "",
        request_id=call.request_id,
    )
    return Answer(BookingOut.of(booking, role, now=call.now(), with_refunds=True))


@endpoint(
    routes,
    "POST",
    "/v1/bookings/{booking_id}/end-stay",
    signed_in=True,
    act="end_stay",
    shows_contact=True,
    also_wrong=_wrong_last_night,
    conditional="booking",
    outcomes=(Outcome(body=BookingOut),),
    refuses=(
        "forbidden",
        "booking_not_found",
        "stay_not_begun",
        "stay_over",
        "stay_ended",
        "payment_disputed",
        "refund_exceeds_payment",
        "refund_under_way",
        "second_person_needed",
    ),
)
def end_stay(call: Call, body: EndStay) -> Answer:
    """Free the nights that are left of a stay: its guest did not come, or leaves early. For its host and operators.

    From check-in until check-out. A no-show frees every night from tonight on. The booking stays confirmed, and its
    guest is told by a letter. A repeat changes nothing.
    """
    booking, role = ending.end_stay(
        call.ports(dry_run=body.dry_run),
        call.principal,
        call.path["booking_id"],
        as_=body.as_,
        last_night=body.last_night,
        refund=body.refund or 0,
        note=body.note or "",
        request_id=call.request_id,
    )
    return Answer(BookingOut.of(booking, role, now=call.now(), with_refunds=True))
