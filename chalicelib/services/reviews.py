"""Reviews, by guests whose stay is over: once a booking, and counted once in the listing's average."""

from __future__ import annotations

from chalicelib.domain.errors import AlreadyReviewed, BookingNotFound, Busy, IdempotencyKeyReused
from chalicelib.domain.fingerprint import fingerprint
from chalicelib.domain.ids import ListingId, is_listing_id, key_hash
from chalicelib.domain.people.review import Review, check_reviewable, rated
from chalicelib.domain.record import Record
from chalicelib.domain.timing import DYNAMODB_CONFLICT_PAUSE, RETRY_AFTER_BUSY
from chalicelib.services.access import Principal, signed_in, visible_booking
from chalicelib.services.ports.outcomes import Page, ReviewExists, VersionLost
from chalicelib.services.ports.stage import Ports
from chalicelib.services.search import listing_of

TRIES = 12


class ReviewRequest(Record, frozen=True):
    """What a guest says of a stay."""

    booking_id: str
    rating: int
    text: str


def review(
    ports: Ports,
    principal: Principal | None,
    listing_id: str,
    booking_id: str,
    *,
    rating: int,
    text: str,
    key: str | None = None,
) -> tuple[Review, bool]:
    """What the guest of a booking says of its listing; True when it was said before under the same key.

    Raises ListingNotFound, BookingNotFound, StayNotOver, AlreadyReviewed, IdempotencyKeyReused, Busy.
    """
    guest = signed_in(principal).person_id
    hashed = key_hash(ports.bookings.salt(), guest, key) if key else ""
    request = fingerprint(ReviewRequest(booking_id, rating, text))
    if known := _remembered(ports, listing_id, hashed, request):
        return known, True
    booking, _ = visible_booking(ports, principal, booking_id, roles=("guest",))
    if booking.place.listing_id != listing_id:
        raise BookingNotFound("There is no such booking at this listing.")
    check_reviewable(booking, now=ports.clock.now())
    said = Review(booking.booking_id, rating, text, ports.clock.now(), request, hashed)
    for _ in range(TRIES):
        listing = listing_of(ports, listing_id)
        try:
            ports.listings.add_review(listing, rated(listing, said), said)
        except ReviewExists:
            if twin := _remembered(ports, listing_id, hashed, request):
                return twin, True
            raise AlreadyReviewed("This booking was reviewed before.") from None
        except VersionLost:
            ports.clock.sleep(DYNAMODB_CONFLICT_PAUSE.total_seconds() * ports.chance.jitter())
        else:
            return said, False
    raise Busy("Many guests are reviewing this listing; please try again.", retry_after=RETRY_AFTER_BUSY)


def reviews(ports: Ports, listing_id: str, *, limit: int, after: str | None) -> Page[Review]:
    """Newest first. Raises ListingNotFound."""
    listing = listing_of(ports, listing_id)
    return ports.listings.reviews(listing.listing_id, limit=limit, after=after)


def _remembered(ports: Ports, listing_id: str, hashed: str, fingerprint: str) -> Review | None:
    """What was said under this key before. Raises IdempotencyKeyReused when that was something else."""
    known = ports.listings.review_under(ListingId(listing_id), hashed) if hashed and is_listing_id(listing_id) else None
    if known is not None and known.fingerprint != fingerprint:
        raise IdempotencyKeyReused("This Idempotency-Key belongs to another request.")
    return known
