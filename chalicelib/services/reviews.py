"""Reviews, by guests whose stay is over: once a booking, and counted once in the listing's average."""

from __future__ import annotations

import hashlib

from ..domain.errors import AlreadyReviewed, BookingNotFound, Busy
from ..domain.review import Review, check_reviewable, rated
from .access import Principal, visible_booking
from .listings import listing_of
from .ports import Ports, ReviewExists, Reviews, StoreBusy, VersionLost

TRIES = 12


def review(
    ports: Ports, principal: Principal | None, listing_id: str, booking_id: str, *, rating: int, text: str
) -> tuple[Review, bool]:
    """What the guest of a booking says of its listing; True when exactly this was said before.

    Raises ListingNotFound, BookingNotFound, StayNotOver, AlreadyReviewed, Busy.
    """
    booking, _ = visible_booking(ports, principal, booking_id, roles=("guest",))
    if booking.place.listing_id != listing_id:
        raise BookingNotFound("There is no such booking at this listing.")
    check_reviewable(booking, now=ports.clock.now())
    fingerprint = hashlib.sha256(repr((rating, text)).encode()).hexdigest()[:16]
    said = Review(booking.booking_id, rating, text, ports.clock.now(), fingerprint)
    for _ in range(TRIES):
        listing = listing_of(ports, listing_id)
        try:
            ports.listings.add_review(listing, rated(listing, said), said)
        except ReviewExists:
            known = ports.listings.review_of(listing.listing_id, booking.booking_id)
            if known is None or known.fingerprint != fingerprint:
                raise AlreadyReviewed("This booking was reviewed before.") from None
            return known, True
        except VersionLost:
            ports.clock.sleep(0.05 * ports.chance.jitter())
        except StoreBusy as busy:
            raise Busy("The store is busy; please try again.", retry_after=1) from busy
        else:
            return said, False
    raise Busy("Many guests are reviewing this listing; please try again.", retry_after=1)


def reviews(ports: Ports, listing_id: str, *, limit: int, after: str | None) -> Reviews:
    """Newest first. Raises ListingNotFound."""
    listing = listing_of(ports, listing_id)
    return ports.listings.reviews(listing.listing_id, limit=limit, after=after)
