"""A listing's calendar: what a host sets of its nights, and what anybody sees of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from chalicelib.domain.errors import FieldError, InvalidRequest
from chalicelib.domain.listings.calendar import Night, NightChange, Nights, dates_between
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.listings.stay_rules import wrong_range
from chalicelib.domain.money import Money
from chalicelib.services.access import Principal
from chalicelib.services.hosts.hosting import own_listing
from chalicelib.services.ports.stage import Ports
from chalicelib.services.search import listing_with_nights


def set_nights(
    ports: Ports,
    principal: Principal | None,
    listing_id: str,
    start: date,
    end: date,
    *,
    change: NightChange,
) -> tuple[Listing, tuple[Night, ...]]:
    """Change the nights from ``start`` up to, not including, ``end``; answers them as they are now.

    Raises Forbidden, ListingNotFound, InvalidRequest, Busy.
    """
    listing = own_listing(ports, principal, listing_id)
    today = listing.today(ports.clock.now())
    if wrong := (*wrong_range(start, end, today=today), *wrong_price(listing, change)):
        raise InvalidRequest("Some fields are not right.", errors=wrong)
    ports.listings.set_nights(listing.listing_id, dates_between(start, end), change)
    return listing, _every_night(ports.listings.nights(listing.listing_id, start, end), start, end)


def wrong_price(listing: Listing, change: NightChange) -> Iterator[FieldError]:
    """A night's price is in the listing's currency."""
    if isinstance(change.price, Money) and change.price.currency != listing.nightly_price.currency:
        yield FieldError("price.currency", f"must be {listing.nightly_price.currency}")


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
    listing, nights = listing_with_nights(ports, listing_id, start, end)
    return listing, _every_night(nights, start, end)


def _every_night(nights: Nights, start: date, end: date) -> tuple[Night, ...]:
    return tuple(nights.get(day, Night(day)) for day in dates_between(start, end))
