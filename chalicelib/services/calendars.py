"""TODO-DOC"""

from __future__ import annotations

from datetime import date, timedelta

from chalicelib.domain.calendar import MAX_NIGHTS, Night, Nights
from chalicelib.domain.errors import FieldError, InvalidRequest
from chalicelib.domain.listing import Listing
from chalicelib.domain.money import Money
from chalicelib.services.access import Principal
from chalicelib.services.hosting import own_listing
from chalicelib.services.ports import Ports
from chalicelib.services.search import listing_of


def set_nights(
    ports: Ports,
    principal: Principal | None,
    listing_id: str,
    start: date,
    end: date,
    *,
    price: Money | None,
    closed: bool,
) -> tuple[Listing, tuple[Night, ...]]:
    """Price (None: the listing's own) and closing of the nights from ``start`` up to, not including, ``end``.

    Raises Forbidden, ListingNotFound, InvalidRequest, Busy.
    """
    listing = own_listing(ports, principal, listing_id)
    wrong = []
    if end <= start:
        wrong.append(FieldError("to", "must be after from"))
    elif (end - start).days > MAX_NIGHTS:
        wrong.append(FieldError("to", f"must be at most {MAX_NIGHTS} nights after from"))
    if price is not None and price.currency != listing.nightly_price.currency:
        wrong.append(FieldError("price.currency", f"must be {listing.nightly_price.currency}"))
    if wrong:
        raise InvalidRequest("Some fields are not right.", errors=tuple(wrong))
    days = [start + timedelta(days=n) for n in range((end - start).days)]
    ports.listings.set_nights(listing.listing_id, days, price=price, closed=closed)
    nights = ports.listings.nights(listing.listing_id, start, end)
    return listing, tuple(nights.get(day, Night(day)) for day in days)


AVAILABILITY_NIGHTS = 120


def availability(ports: Ports, listing_id: str, start: date, end: date) -> tuple[Listing, tuple[Night, ...]]:
    """Every night from ``start`` up to, not including, ``end``. Raises ListingNotFound, InvalidRequest."""
    wrong = []
    if end <= start:
        wrong.append(FieldError("to", "must be after from"))
    elif (end - start).days > AVAILABILITY_NIGHTS:
        wrong.append(FieldError("to", f"at most {AVAILABILITY_NIGHTS} nights"))
    if wrong:
        raise InvalidRequest("The range does not fit.", errors=tuple(wrong))
    listing = listing_of(ports, listing_id)
    nights: Nights = ports.listings.nights(listing.listing_id, start, end)
    days = (start + timedelta(days=n) for n in range((end - start).days))
    return listing, tuple(nights.get(day, Night(day)) for day in days)
