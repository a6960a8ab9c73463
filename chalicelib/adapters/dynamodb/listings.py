"""The listing store on DynamoDB: listings, their months and reviews; each condition with the sentence that says why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pynamodb.connection import Connection
from pynamodb.transactions import TransactWrite

from chalicelib.adapters.dynamodb.calls import Item, Writes, batch_read, page_of, reading
from chalicelib.adapters.dynamodb.cities import Cities
from chalicelib.adapters.dynamodb.months import edit, month_parts, nights_of
from chalicelib.adapters.dynamodb.records import (
    FORM,
    decode_listing,
    decode_review,
    encode_listing,
    encode_review,
    read_each,
)
from chalicelib.adapters.dynamodb.tables import LISTING, ListingItem, ReviewItem, instant_key, market_key, price_key
from chalicelib.domain.ids import BookingId, ListingId, PersonId
from chalicelib.domain.listings.calendar import NightChange, Nights
from chalicelib.domain.listings.cities import City
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.people.review import Review
from chalicelib.domain.record import replace
from chalicelib.services.ports.outcomes import Batch, Page, ReviewExists, StoreBusy, VersionLost

REVIEW = "REVIEW#"
REVIEWED = "REVIEWED#"
UNDER_KEY = "UNDER_KEY#"


class DynamoListings:
    """The ListingStore port."""

    def __init__(self, connection: Connection, writes: Writes | None = None) -> None:
        self._connection = connection
        self._writes = writes or Writes()
        self._cities = Cities(connection, self._writes)

    def publish(self, listing: Listing) -> bool:
        try:
            # The same host with the same key meets the listing that is there already.
            absent = ListingItem.listing_id.does_not_exist()
            self._cities.write(_listing_item(listing), absent, before=None, after=listing, lost=VersionLost)
        except VersionLost:
            return False
        return True

    @reading()
    def load(self, listing_id: ListingId) -> Listing | None:
        try:
            return listing_of_item(ListingItem.get(listing_id, LISTING, consistent_read=True))
        except ListingItem.DoesNotExist:
            return None

    def save(self, before: Listing, after: Listing) -> Listing:
        after = replace(after, version=before.version + 1)
        # Nobody saved since this one was loaded.
        unchanged = ListingItem.version == before.version
        self._cities.write(_listing_item(after), unchanged, before=before, after=after, lost=VersionLost)
        return after

    @reading()
    def load_many(self, listing_ids: Sequence[ListingId], *, consistent: bool = True) -> Batch[Listing]:
        keys = [(listing_id, LISTING) for listing_id in listing_ids]
        found = {item.listing_id: item for item in ListingItem.batch_get(keys, consistent_read=consistent)}
        return read_each([key for key in listing_ids if key in found], lambda key: listing_of_item(found[key]))

    @reading()
    def load_with_nights(
        self, listing_ids: Sequence[ListingId], start: date, end: date, *, consistent: bool = True
    ) -> Batch[tuple[Listing, Nights]]:
        parts = month_parts(start, end)
        keys = [(listing_id, part) for listing_id in listing_ids for part in (LISTING, *parts)]
        found = self._read(keys, consistent=consistent)

        def decode(listing_id: ListingId) -> tuple[Listing, Nights]:
            listing = listing_of_item(ListingItem.from_raw_data(found[listing_id, LISTING]))
            return listing, nights_of((found.get((listing_id, part)) for part in parts), start, end)

        return read_each([key for key in listing_ids if (key, LISTING) in found], decode)

    @reading()
    def nights(self, listing_id: ListingId, start: date, end: date) -> Nights:
        found = self._read([(listing_id, part) for part in month_parts(start, end)])
        return nights_of(found.values(), start, end)

    def set_nights(self, listing_id: ListingId, days: Sequence[date], change: NightChange) -> None:
        if change == NightChange():
            return
        self._writes.all(
            self._connection, lambda transaction: edit(transaction, listing_id, days, change), lost=(StoreBusy,)
        )

    def add_review(self, before: Listing, after: Listing, review: Review) -> None:
        after = replace(after, version=before.version + 1)
        said = ReviewItem(after.listing_id, REVIEW + review.order, schema=FORM, record=encode_review(review))
        marks = [REVIEWED + review.booking_id, *([UNDER_KEY + review.key] if review.key else [])]

        def fill(transaction: TransactWrite) -> None:
            # One review a booking, whatever its key or its words; and one a key, whatever its booking.
            for mark in marks:
                once = ReviewItem(after.listing_id, mark, schema=FORM, record=encode_review(review))
                transaction.save(once, condition=ReviewItem.listing_id.does_not_exist())
            # The average counts every review once: nobody saved the listing since it was loaded.
            transaction.save(_listing_item(after), condition=ListingItem.version == before.version)
            transaction.save(said)

        self._writes.all(self._connection, fill, lost=(*[ReviewExists for _ in marks], VersionLost))

    @reading()
    def review_under(self, listing_id: ListingId, key: str) -> Review | None:
        try:
            return _review(ReviewItem.get(listing_id, UNDER_KEY + key, consistent_read=True))
        except ReviewItem.DoesNotExist:
            return None

    @reading()
    def review_of(self, listing_id: ListingId, booking_id: BookingId) -> Review | None:
        try:
            return _review(ReviewItem.get(listing_id, REVIEWED + booking_id, consistent_read=True))
        except ReviewItem.DoesNotExist:
            return None

    def rewrite_review(self, listing_id: ListingId, review: Review) -> None:
        under_key = [UNDER_KEY + review.key] if review.key else []
        # The mark by which it is found goes last: until then whoever comes again does all of it again.
        for part in (REVIEW + review.order, *under_key, REVIEWED + review.booking_id):
            item = ReviewItem(listing_id, part, schema=FORM, record=encode_review(review))
            self._writes.one(item.save, lost=VersionLost)

    def reviews(self, listing_id: ListingId, *, limit: int, after: str | None) -> Page[Review]:
        under = ReviewItem.part.startswith(REVIEW)
        return page_of(
            ReviewItem, listing_id, _review, limit=limit, after=after, newest_first=True, range_condition=under
        )

    def in_city(
        self, city_key: str, *, currency: str, max_price: int | None, limit: int, after: str | None
    ) -> Page[ListingId]:
        # "~" sorts after every id, so the price itself is still in.
        cheap = None if max_price is None else ListingItem.price_key <= price_key(max_price, "~")
        market = market_key(currency, city_key)
        return page_of(ListingItem.by_city, market, _listing_id, limit=limit, after=after, range_condition=cheap)

    def cities(self, beginning: str, *, limit: int, after: str | None) -> Page[City]:
        return self._cities.beginning(beginning, limit=limit, after=after)

    def find_cities(self, keys: Sequence[str]) -> list[City]:
        return self._cities.find(keys)

    def of_host(self, host_id: PersonId, *, limit: int, after: str | None) -> Page[ListingId]:
        return page_of(ListingItem.by_host, host_id, _listing_id, limit=limit, after=after, newest_first=True)

    def _read(self, keys: Sequence[tuple[ListingId, str]], *, consistent: bool = True) -> dict[tuple[str, str], Item]:
        """The items of these keys that are there."""
        named: list[Item] = [{"listing_id": {"S": listing_id}, "part": {"S": part}} for listing_id, part in keys]
        items = batch_read(self._connection, ListingItem.Meta.table_name or "", named, consistent=consistent)
        return {(item["listing_id"]["S"], item["part"]["S"]): item for item in items}


def _listing_id(item: ListingItem) -> ListingId:
    return ListingId(item.listing_id)


def _listing_item(listing: Listing) -> ListingItem:
    is_open = listing.status == "open"
    return ListingItem(
        listing.listing_id,
        LISTING,
        schema=FORM,
        version=listing.version,
        status=listing.status,
        city_key=market_key(listing.nightly_price.currency, listing.city_key) if is_open else None,
        price_key=price_key(listing.nightly_price.minor, listing.listing_id) if is_open else None,
        host_id=listing.host_id,
        host_order=instant_key(listing.created_at),
        record=encode_listing(listing),
    )


def listing_of_item(item: ListingItem) -> Listing:
    """The listing of an item. Raises Unreadable."""
    listing = decode_listing(item.record or b"", form=_form(item), name=item.listing_id)
    return replace(listing, version=int(item.version))


def _form(item: ListingItem | ReviewItem) -> int:
    """The form of an item's record; 0 for none."""
    return int(item.schema or 0)


def _review(item: ReviewItem) -> Review:
    return decode_review(item.record or b"", form=_form(item), name=item.part)
