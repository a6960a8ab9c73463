"""Where listings, their nights and reviews are kept, and the listings that are being closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from chalicelib.domain.ids import BookingId, ListingId, PersonId
from chalicelib.domain.listings.calendar import NightChange, Nights
from chalicelib.domain.listings.cities import City
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.operators.closing import Closing
from chalicelib.domain.people.review import Review
from chalicelib.services.ports.outcomes import Batch, Page


class ListingStore(Protocol):
    """Listings and their nights."""

    def publish(self, listing: Listing) -> bool:
        """Write a new listing; False when one of its id is there already."""

    def load(self, listing_id: ListingId) -> Listing | None: ...

    def save(self, before: Listing, after: Listing) -> Listing:
        """Save ``after`` over ``before``; answers it with its new version. Raises VersionLost, StoreBusy."""

    def load_many(self, listing_ids: Sequence[ListingId], *, consistent: bool = True) -> Batch[Listing]:
        """In the order asked, at most 100; ids that are gone are left out, unreadable ones are named.

        Fresh; or, not ``consistent``, as they were up to a second ago, for half the price.
        """

    def load_with_nights(
        self, listing_ids: Sequence[ListingId], start: date, end: date, *, consistent: bool = True
    ) -> Batch[tuple[Listing, Nights]]:
        """Each listing with its nights from ``start`` up to, not including, ``end``, read together.

        As ``load_many``. Those of which any item is unreadable are named.
        """

    def nights(self, listing_id: ListingId, start: date, end: date) -> Nights:
        """The nights from ``start`` up to, not including, ``end`` that differ from an untouched one."""

    def set_nights(self, listing_id: ListingId, days: Sequence[date], change: NightChange) -> None:
        """Change these nights (at most 90, in their order), all or none; what is taken stays. Raises StoreBusy."""

    def add_review(self, before: Listing, after: Listing, review: Review) -> None:
        """Keep a review and the listing with its new average, both or neither.

        One for each booking, and one under each key that is not empty. Raises VersionLost, ReviewExists.
        """

    def review_under(self, listing_id: ListingId, key: str) -> Review | None:
        """What was said of this listing under this key, if anything."""

    def review_of(self, listing_id: ListingId, booking_id: BookingId) -> Review | None:
        """What the guest of a booking said of this listing, if anything."""

    def rewrite_review(self, listing_id: ListingId, review: Review) -> None:
        """Keep this in place of what the guest of the same booking said at the same time. Raises StoreBusy."""

    def reviews(self, listing_id: ListingId, *, limit: int, after: str | None) -> Page[Review]:
        """Newest first."""

    def in_city(
        self, city_key: str, *, currency: str, max_price: int | None, limit: int, after: str | None
    ) -> Page[ListingId]:
        """Open listings whose prices are in one currency, cheapest first."""

    def cities(self, beginning: str, *, limit: int, after: str | None) -> Page[City]:
        """The cities with open listings whose key begins so, by their key."""

    def find_cities(self, keys: Sequence[str]) -> list[City]:
        """The cities of these keys (at most 100) that have open listings, in the order asked."""

    def of_host(self, host_id: PersonId, *, limit: int, after: str | None) -> Page[ListingId]:
        """Newest first."""


class ClosingStore(Protocol):
    """Closings of listings, under way or finished. The clock has them among the bookings that are due."""

    def load(self, listing_id: ListingId) -> Closing | None:
        """Strongly consistent. Raises Unreadable, StoreBusy."""

    def save(self, closing: Closing) -> Closing:
        """Save over the version that was loaded (0: nothing); answers it with its new version.

        Raises VersionLost, StoreBusy.
        """
