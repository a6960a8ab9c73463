"""Listings, their nights and their reviews, as everybody sees them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Self

import msgspec

from chalicelib.api.answers.hosts import WarningOut
from chalicelib.api.core.formats import Day, Instant, MoneyOut, instant
from chalicelib.domain.listings.calendar import Night, units_left
from chalicelib.domain.listings.cities import City
from chalicelib.domain.listings.listing import CancellationPolicy, Listing, ListingStatus
from chalicelib.domain.listings.prices import price_of
from chalicelib.domain.listings.stay_rules import may_be_booked
from chalicelib.domain.people.review import Review
from chalicelib.services.search import SearchResult


class RatingOut(msgspec.Struct, frozen=True):
    """The average of all reviews (null without any) and how many there are."""

    average: float | None
    """From 1 to 5; null without any review."""
    count: int
    """How many reviews there are."""


class ListingOut(msgspec.Struct, frozen=True):
    """A listing as everybody sees it."""

    listing_id: str
    """The listing's id."""
    host_id: str
    """The `sub` of its host."""
    title: str
    """What it is called."""
    description: str
    """What it is like, in its host's words."""
    city: str
    """The city, as its host spells it."""
    address: str
    """Street, quarter or landmark; perhaps empty."""
    time_zone: str
    """The IANA time zone in which its days and times are counted."""
    nightly_price: MoneyOut
    """What one unit costs a night, where a night has no price of its own."""
    units: int
    """How many alike are let, such as rooms."""
    guests_per_unit: int
    """How many guests each takes."""
    cancellation_policy: CancellationPolicy
    check_in_time: str
    """From when guests may come, such as `14:00`."""
    check_out_time: str
    """Until when they must have left, such as `11:00`."""
    photos: tuple[str, ...]
    """Addresses of pictures, the best one first."""
    status: ListingStatus
    rating: RatingOut
    """What guests gave it."""
    created_at: Instant
    """When it was published."""
    updated_at: Instant
    """When its host changed it last."""

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


class PublishedListingOut(ListingOut, frozen=True):
    """A listing just published, and what its host should know of it: that no e-mail address is known, for one."""

    warnings: tuple[WarningOut, ...] = ()
    """What keeps its host from hearing of bookings; `no_notify_email` until an address is known."""


class QuoteOut(msgspec.Struct, frozen=True):
    """What the searched stay costs, in as many units as its guests need."""

    nights: int
    """How many nights."""
    units: int
    """How many units the guests need."""
    total: MoneyOut
    """What all of it costs."""


class FoundListingOut(msgspec.Struct, frozen=True, kw_only=True):
    """A listing of a search, in short; with dates, what the stay costs there. ``photos`` is the first one, if any."""

    listing_id: str
    """The listing's id."""
    title: str
    """What it is called."""
    city: str
    """The city, as its host spells it."""
    nightly_price: MoneyOut
    """What one unit costs a night, where a night has no price of its own."""
    units: int
    """How many alike are let."""
    guests_per_unit: int
    """How many guests each takes."""
    cancellation_policy: CancellationPolicy
    photos: tuple[str, ...]
    """The address of its first picture, if any."""
    rating: RatingOut
    """What guests gave it."""
    quote: QuoteOut | msgspec.UnsetType = msgspec.UNSET
    """What the stay costs that was asked for; left out of a search without dates."""

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
    """What was found, cheapest first; perhaps fewer than `limit`, even none, before the end."""
    next_cursor: str | None
    """The `cursor` of the next page; null at the end of the list, and only there."""
    partial: bool | None = None
    """True where the city has more listings than were looked at; else left out."""


class CityOut(msgspec.Struct, frozen=True):
    """A city with open listings: its usual name, how hosts write it (most frequent first), and how many there are."""

    city: str
    """Its usual name."""
    names: tuple[str, ...]
    """How hosts write it, most frequent first."""
    listings: int
    """How many open listings it has."""

    @classmethod
    def of(cls, city: City) -> Self:
        return cls(city.name, city.names, city.listings)


class NightOut(msgspec.Struct, frozen=True):
    """One night: how many units are left, and the price of one; ``bookable``: it can be part of a new stay."""

    date: Day
    """The day on which it begins."""
    left: int
    """How many units can still be booked."""
    price: MoneyOut
    """What one unit costs."""
    closed: bool
    """Whether the host has closed it."""
    bookable: bool
    """Whether it can be part of a new stay: not over, not too far ahead, not closed, not sold out."""

    @classmethod
    def of(cls, listing: Listing, night: Night, *, bookable: bool) -> NightOut:
        price = MoneyOut.of(price_of(listing, night))
        left = units_left(listing, night) if bookable else 0
        return cls(night.date.isoformat(), left, price, night.closed, bookable)


class NightsOut(msgspec.Struct, frozen=True):
    """The nights that were asked for, in order."""

    nights: tuple[NightOut, ...]
    """Each night that was asked for, in order."""

    @classmethod
    def of(cls, listing: Listing, nights: Iterable[Night], now: datetime) -> Self:
        today = listing.today(now)
        return cls(
            tuple(NightOut.of(listing, night, bookable=may_be_booked(listing, night, today=today)) for night in nights)
        )


class ReviewOut(msgspec.Struct, frozen=True):
    """What a guest said of a stay. Who said it is nobody's business."""

    rating: int
    """From 1 to 5."""
    text: str
    """In the guest's words."""
    created_at: Instant
    """When it was written."""

    @classmethod
    def of(cls, review: Review) -> ReviewOut:
        return cls(review.rating, review.text, instant(review.created_at))
