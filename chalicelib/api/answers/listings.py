"""Listings, their nights and their reviews, as everybody sees them."""

from __future__ import annotations

from typing import Self

import msgspec

from chalicelib.api.core.formats import Day, Instant, MoneyOut, instant
from chalicelib.domain.calendar import Night, Quote, price_of, units_left
from chalicelib.domain.listing import CancellationPolicy, Listing, ListingStatus
from chalicelib.domain.review import Review


class RatingOut(msgspec.Struct, frozen=True):
    """The average of all reviews (null without any) and how many there are."""

    average: float | None
    count: int


class ListingOut(msgspec.Struct, frozen=True):
    """A listing as everybody sees it."""

    listing_id: str
    host_id: str
    title: str
    description: str
    city: str
    address: str
    time_zone: str
    nightly_price: MoneyOut
    units: int
    guests_per_unit: int
    cancellation_policy: CancellationPolicy
    check_in_time: str
    check_out_time: str
    photos: tuple[str, ...]
    status: ListingStatus
    rating: RatingOut
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, listing: Listing) -> Self:
        return cls(
            listing.listing_id,
            listing.host_id,
            listing.title,
            listing.description,
            listing.city,
            listing.address,
            listing.time_zone,
            MoneyOut.of(listing.nightly_price),
            listing.units,
            listing.guests_per_unit,
            listing.cancellation_policy,
            listing.check_in_time,
            listing.check_out_time,
            listing.photos,
            listing.status,
            RatingOut(listing.rating, listing.rating_count),
            instant(listing.created_at),
            instant(listing.updated_at),
        )


class QuoteOut(msgspec.Struct, frozen=True):
    """What the searched stay costs."""

    nights: int
    total: MoneyOut

    @classmethod
    def of(cls, quote: Quote, nights: int) -> QuoteOut:
        return cls(nights, MoneyOut.of(quote.total))


class FoundListingOut(ListingOut, frozen=True, kw_only=True):
    """A listing of a search; with dates, what the stay costs there."""

    quote: QuoteOut | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def found(cls, listing: Listing, quote: Quote | None, nights: int) -> Self:
        quoted = msgspec.UNSET if quote is None else QuoteOut.of(quote, nights)
        return msgspec.structs.replace(cls.of(listing), quote=quoted)


class NightOut(msgspec.Struct, frozen=True):
    """One night: how many units are left, and the price of one."""

    date: Day
    left: int
    price: MoneyOut
    closed: bool

    @classmethod
    def of(cls, listing: Listing, night: Night) -> NightOut:
        price = MoneyOut.of(price_of(listing, night))
        left = units_left(listing, night) if listing.status == "open" else 0
        return cls(night.date.isoformat(), left, price, night.closed)


class NightsOut(msgspec.Struct, frozen=True):
    """The nights that were asked for, in order."""

    nights: tuple[NightOut, ...]


class ReviewOut(msgspec.Struct, frozen=True):
    """What a guest said of a stay. Who said it is nobody's business."""

    rating: int
    text: str
    created_at: Instant

    @classmethod
    def of(cls, review: Review) -> ReviewOut:
        return cls(review.rating, review.text, instant(review.created_at))
