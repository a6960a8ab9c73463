"""What a guest says of a stay that is over: once a booking."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.booking import Booking
from chalicelib.domain.errors import StayNotOver
from chalicelib.domain.ids import BookingId
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.record import Record, replace


class Review(Record, frozen=True):
    """``rating`` is 1 to 5. The booking is its id, and is shown to nobody. ``key`` is what its key was hashed to."""

    booking_id: BookingId
    rating: int
    text: str
    created_at: datetime
    fingerprint: str = ""
    key: str = ""

    @property
    def order(self) -> str:
        """Sorts by time; two reviews of one instant stay apart."""
        return f"{self.created_at:%Y-%m-%dT%H:%M:%S.%f}#{self.booking_id}"


def check_reviewable(booking: Booking, *, now: datetime) -> None:
    """Raises StayNotOver unless the booking is confirmed and its guest has left; of a no-show, nobody stayed."""
    if booking.ended is not None and booking.ended.as_ == "no_show":
        raise StayNotOver("This stay did not take place.")
    if booking.status != "confirmed" or now < booking.check_out_at:
        raise StayNotOver("A stay can be reviewed once it is over.")


def rated(listing: Listing, review: Review) -> Listing:
    """The listing with one more rating in its average."""
    return replace(listing, rating_sum=listing.rating_sum + review.rating, rating_count=listing.rating_count + 1)
