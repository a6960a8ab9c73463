"""The guest's page, where the browser comes back from the gateway's checkout. No sign-in, and no personal data."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from chalice.app import Blueprint, Request

from chalicelib.api.core.negotiation import by_preference
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.api.guest_page import PAGE_HEADERS, PageState, PageView, render_page
from chalicelib.domain import checkout as opening
from chalicelib.domain.booking import OPEN, Actor, Booking, Payment
from chalicelib.domain.contact import Language
from chalicelib.domain.errors import Refusal
from chalicelib.domain.ids import booking_of
from chalicelib.domain.timing import PAGE_REFRESH_AFTER_FAULT, PAGE_REFRESHES
from chalicelib.services.checkout import pay_now
from chalicelib.services.reconcile import reconcile
from chalicelib.telemetry import describe_error, observe

routes = Blueprint(__name__)

RETURN = Actor("return")


def trouble_page(request: Request, status: int) -> Answer:
    """What a guest sees when we fail: whose payment it is, and so their language, is not known then."""
    return _page(
        PageView("trouble", refresh_after=int(PAGE_REFRESH_AFTER_FAULT.total_seconds())), _asked_for(request), status
    )


@endpoint(
    routes,
    "GET",
    "/pay/{tx_ref}",
    error_page=trouble_page,
    outcomes=(Outcome(texts=("text/html",)), Outcome(404, texts=("text/html",))),
)
def guest_page(call: Call) -> Answer:
    """Show the guest what became of a payment; asks the gateway if that was long ago.

    A gateway that is silent is waited for a few seconds; the page then says that we are still asking.
    """
    tx_ref = call.path["tx_ref"]
    booking, payment = _found(call, tx_ref)
    if booking is None or payment is None:
        return _page(PageView("not_found"), _asked_for(call.request), 404)
    under_way = False
    try:
        done = reconcile(call.container, booking.booking_id, tx_ref=tx_ref, actor=RETURN)
        if done is not None:
            booking, under_way = done.booking, done.under_way
    except Exception as error:  # noqa: BLE001 - the page then says what is known already, and looks again
        observe("nudge_failed", level="warning", tx_ref=tx_ref, **describe_error(error))
    payment = booking.payment(tx_ref) or payment
    return _page(_view(call, booking, payment, under_way=under_way), booking.language, 200)


@endpoint(
    routes,
    "POST",
    "/pay/{tx_ref}",
    error_page=trouble_page,
    outcomes=(Outcome(303, headers=("Location",)), Outcome(404, texts=("text/html",))),
)
def guest_tries_again(call: Call) -> Answer:
    """Send the guest to the open link, or to a new attempt's; back to the page when nothing can be paid."""
    tx_ref = call.path["tx_ref"]
    booking, payment = _found(call, tx_ref)
    if booking is None or payment is None:
        return _page(PageView("not_found"), _asked_for(call.request), 404)
    try:
        done = pay_now(call.container, booking, key="", actor=RETURN, public_url=call.public_url, in_public=True)
    except Refusal as refusal:
        observe("not_paid_again", tx_ref=tx_ref, code=refusal.code)
        return Answer(None, 303, {"Location": f"./{tx_ref}", "Cache-Control": "no-store"})
    return Answer(None, 303, {"Location": str(done.payment.checkout_url), "Cache-Control": "no-store"})


def _asked_for(request: Request) -> Language:
    """The first of our languages that the browser asks for, English without one."""
    for tag in by_preference(request.headers.get("accept-language", "")):
        if (language := tag.partition("-")[0]) in ("en", "am"):
            return "am" if language == "am" else "en"
    return "en"


def _found(call: Call, tx_ref: str) -> tuple[Booking | None, Payment | None]:
    booking_id = booking_of(tx_ref)
    booking = call.container.bookings.load(booking_id) if booking_id else None
    return booking, booking.payment(tx_ref) if booking else None


def _view(call: Call, booking: Booking, payment: Payment, *, under_way: bool) -> PageView:
    """``under_way``: somebody else is asking the gateway about the booking at this moment."""
    now = call.now()
    state = _state(booking)
    can_pay = state in ("failed", "waiting") and (
        opening.usable_link(booking, window=call.container.rules.checkout_window, now=now) is not None
        or opening.may_try_again(booking, now=now)
    )
    waited = now - payment.created_at
    refresh: timedelta | None = None
    # A refused card may be tried again on the same link: such a page waits like any other.
    if state == "waiting" or (state == "failed" and booking.payments[-1].status in OPEN):
        pauses = PAGE_REFRESHES if state == "waiting" else PAGE_REFRESHES[:4]
        refresh = next((pause for pause in pauses if waited < pause * 10), pauses[-1])
    elif state in ("failed", "review"):
        refresh = PAGE_REFRESHES[-1]
    onward = None
    if booking.return_url and state == "paid":
        onward = _onward(booking.return_url, booking, payment)
    elif booking.return_url:
        parts = urlsplit(booking.return_url)
        onward = f"{parts.scheme}://{parts.netloc}/"
    return PageView(
        state,
        booking.booking_id,
        can_pay,
        None if refresh is None else round(refresh.total_seconds()),
        onward,
        place=booking.place.title,
        stay=(booking.stay.check_in, booking.stay.check_out),
        total=booking.total.formatted,
        pay_until=(booking.hold_expires_at, booking.place.time_zone) if can_pay else None,
        asking=state in ("waiting", "failed", "expired") and (under_way or _is_unanswered(booking)),
    )


def _is_unanswered(booking: Booking) -> bool:
    """The gateway has yet to say what became of a payment, or to open the latest one."""
    return booking.payments[-1].opening is not None or any(
        payment.schedule.consecutive_failures for payment in booking.payments
    )


def _state(booking: Booking) -> PageState:
    """What the booking is now says more than the one payment that the address names."""
    if booking.status == "confirmed":
        return "paid"
    if any(attempt.refunds for attempt in booking.payments):
        return "money_back"
    if booking.status == "cancelled":
        return "cancelled"
    if any(attempt.status == "review" for attempt in booking.payments):
        return "review"
    if booking.status == "expired":
        return "expired"
    latest = booking.payments[-1]
    if latest.status in ("failed", "expired") or latest.gateway_status == "failed" or latest.problem is not None:
        return "failed"
    return "waiting"


def _onward(return_url: str, booking: Booking, payment: Payment) -> str:
    """The frontend's own page, told which booking, and never what became of it: it asks."""
    parts = urlsplit(return_url)
    query = [*parse_qsl(parts.query, keep_blank_values=True)]
    query += [("booking_id", booking.booking_id), ("tx_ref", payment.tx_ref)]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _page(view: PageView, language: Language, status: int) -> Answer:
    return Answer(render_page(view, language), status, dict(PAGE_HEADERS))
