"""Listings, their nights and their reviews, as everybody sees them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Self

import msgspec

from chalicelib.api.core.formats import Day, Instant, MoneyOut, instant
from chalicelib.domain.calendar import Night, price_of, units_left
from chalicelib.domain.cities import City
from chalicelib.domain.listing import CancellationPolicy, Listing, ListingStatus
from chalicelib.domain.review import Review
from chalicelib.domain.stay_rules import may_be_booked
from chalicelib.services.search import SearchResult


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
    """What the searched stay costs, in as many units as its guests need."""

    nights: int
    units: int
    total: MoneyOut


class FoundListingOut(msgspec.Struct, frozen=True, kw_only=True):
    """A listing of a search, in short; with dates, what the stay costs there. ``photos`` is the first one, if any."""

    listing_id: str
    title: str
    city: str
    nightly_price: MoneyOut
    units: int
    guests_per_unit: int
    cancellation_policy: CancellationPolicy
    photos: tuple[str, ...]
    rating: RatingOut
    quote: QuoteOut | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, result: SearchResult) -> Self:
        listing, stay, quote = result.listing, result.stay, result.quote
        return cls(
            listing_id=listing.listing_id,
            title=listing.title,
            city=listing.city,
            nightly_price=MoneyOut.of(listing.nightly_price),
            units=listing.units,
            guests_per_unit=listing.guests_per_unit,
            cancellation_policy=listing.cancellation_policy,
            photos=listing.photos[:1],
            rating=RatingOut(listing.rating, listing.rating_count),
            quote=QuoteOut(stay.nights, stay.units, MoneyOut.of(quote.total)) if stay and quote else msgspec.UNSET,
        )


class FoundListingPageOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """One page of a search. ``partial`` is there, and true, where the city has more listings than were looked at."""

    items: tuple[FoundListingOut, ...]
    next_cursor: str | None
    partial: bool | None = None


class CityOut(msgspec.Struct, frozen=True):
    """A city with open listings: its usual name, how hosts write it (most frequent first), and how many there are."""

    city: str
    names: tuple[str, ...]
    listings: int

    @classmethod
    def of(cls, city: City) -> Self:
        return cls(city.name, city.names, city.listings)


class NightOut(msgspec.Struct, frozen=True):
    """One night: how many units are left, and the price of one; ``bookable``: it can be part of a new stay."""

    date: Day
    left: int
    price: MoneyOut
    closed: bool
    bookable: bool

    @classmethod
    def of(cls, listing: Listing, night: Night, *, bookable: bool) -> NightOut:
        price = MoneyOut.of(price_of(listing, night))
        left = units_left(listing, night) if bookable else 0
        return cls(night.date.isoformat(), left, price, night.closed, bookable)


class NightsOut(msgspec.Struct, frozen=True):
    """The nights that were asked for, in order."""

    nights: tuple[NightOut, ...]

    @classmethod
    def of(cls, listing: Listing, nights: Iterable[Night], now: datetime) -> Self:
        today = listing.today(now)
        return cls(
            tuple(NightOut.of(listing, night, bookable=may_be_booked(listing, night, today=today)) for night in nights)
        )


class ReviewOut(msgspec.Struct, frozen=True):
    """What a guest said of a stay. Who said it is nobody's business."""

    rating: int
    text: str
    created_at: Instant

    @classmethod
    def of(cls, review: Review) -> ReviewOut:
        return cls(review.rating, review.text, instant(review.created_at))
