"""The canary: a guest's way up to the link that she would pay on, gone by the stage itself every few minutes.

It stays in a listing and a city of its own, and cancels what it books, so that nobody else meets it. Where real money
is taken it only searches: a link to pay is opened in test mode alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta

from chalicelib.domain.contact import Contact
from chalicelib.domain.ids import PersonId
from chalicelib.domain.listings.calendar import Stay
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.money import EXPONENTS, Money
from chalicelib.domain.timing import CANARY_AHEAD
from chalicelib.services.access import Principal
from chalicelib.services.book import BookingRequest, book
from chalicelib.services.cancel import cancel
from chalicelib.services.hosts.hosting import ListingDraft, publish
from chalicelib.services.ports.stage import Ports

CITY = "Canary"
HOST = Principal(PersonId("canary-host"), groups=frozenset({"host"}))
PRICE = 10
"""Major units a night."""

Search = Callable[[str], Collection[str]]
"""Searches a city as a guest does, from outside; answers the ids of the listings that it shows."""


class CanaryFailed(Exception):
    """A guest would not have come through; ``code`` says where she would have been stopped."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def fly(ports: Ports, search: Search, *, email: str, public_url: str, request_id: str) -> None:
    """Find the canary's listing from outside; book it, and see a link to pay. Raises CanaryFailed, Refusal, Fault."""
    currency = ports.rules.currency
    listing, _ = publish(ports, HOST, _draft(currency, ports.rules.time_zone), key="canary")
    if listing.listing_id not in search(CITY):
        raise CanaryFailed("not_found")
    gateway = ports.gateways.for_currency(currency)
    if gateway is not None and gateway.mode == "test":
        _open(ports, listing, email=email, public_url=public_url, request_id=request_id)


def _open(ports: Ports, listing: Listing, *, email: str, public_url: str, request_id: str) -> None:
    check_in = ports.clock.now().date() + CANARY_AHEAD
    stay = Stay(check_in, check_in + timedelta(days=1), units=1, guests=1)
    contact = Contact(first_name="Canary", last_name="Guzo", email=email, phone="0900123456")
    request = BookingRequest(listing.listing_id, stay, contact)
    # A guest of its own for each flight: who gives up one booking after another may book no more for a while.
    guest = Principal(PersonId(f"canary-{ports.chance.token()}"))
    booking = book(ports, guest, request, key="canary", public_url=public_url, request_id=request_id).booking
    cancel(ports, guest, booking.booking_id, reason="The canary has seen enough.")
    payment = booking.current_payment
    if payment.checkout_url is None:
        raise CanaryFailed(payment.problem.code if payment.problem else "no_link")


def _draft(currency: str, time_zone: str) -> ListingDraft:
    return ListingDraft(
        title="The canary's",
        description="Nobody stays here: the stage itself books it every few minutes to see that guests can.",
        city=CITY,
        time_zone=time_zone,
        nightly_price=Money(PRICE * 10 ** EXPONENTS[currency], currency),
        units=10,
        guests_per_unit=1,
        cancellation_policy="flexible",
    )
