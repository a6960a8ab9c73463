"""Listings: what can be booked, where, and by which terms. What a stay costs there says ``prices``."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from chalicelib.domain.ids import ListingId, PersonId
from chalicelib.domain.listings.cities import city_key
from chalicelib.domain.money import Money
from chalicelib.domain.record import Record

CancellationPolicy = Literal["flexible", "moderate", "strict"]
"""What comes back when a guest cancels: `flexible` all until 24 h before check-in; `moderate` all until 5 days before,
half until 24 h before; `strict` half until 7 days before; then nothing."""


ListingStatus = Literal["open", "closed"]
"""Whether a listing takes bookings: `open` it does, `closed` it takes no new ones."""


class Listing(Record, frozen=True, kw_only=True):
    """A place of ``units`` equal units, each for ``guests_per_unit`` guests, let by the night.

    Times of day are local to ``time_zone`` (IANA). ``host_email`` is where the host is told of bookings; it is
    never shown. ``closed_by_operator``: its host cannot open it again. ``version`` counts saves and is its ETag.
    """

    listing_id: ListingId
    host_id: PersonId
    host_email: str
    title: str
    description: str
    city: str
    time_zone: str
    nightly_price: Money
    units: int
    guests_per_unit: int
    cancellation_policy: CancellationPolicy
    created_at: datetime
    updated_at: datetime
    address: str = ""
    check_in_time: str = "14:00"
    check_out_time: str = "11:00"
    photos: tuple[str, ...] = ()
    status: ListingStatus = "open"
    closed_by_operator: bool = False
    rating_sum: int = 0
    rating_count: int = 0
    fingerprint: str = ""
    version: int = 1

    @property
    def city_key(self) -> str:
        return city_key(self.city)

    @property
    def rating(self) -> float | None:
        """The average of all ratings to one decimal, or None without any."""
        return round(self.rating_sum / self.rating_count, 1) if self.rating_count else None

    def today(self, now: datetime) -> date:
        """The date at the listing at the instant ``now``."""
        return now.astimezone(ZoneInfo(self.time_zone)).date()
