"""The directory of cities: a small item for each that has open listings, kept by the writes of its listings.

The items lie in one partition of the listings table, by city. A listing that is published, closed, opened again, or
given another city writes the city's item in the same transaction, so that the counts are exact.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime

from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from chalicelib.adapters.dynamodb.calls import TRIES, Item, Writes, batch_read, page_of, reading
from chalicelib.adapters.dynamodb.records import FORM
from chalicelib.adapters.dynamodb.tables import CityItem, ListingItem
from chalicelib.domain.listings.cities import City
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.timing import CITY_FORGOTTEN_AFTER
from chalicelib.domain.words.text import visible
from chalicelib.services.ports.outcomes import Page, StoreBusy

DIRECTORY = "CITIES"
"""Where a listing's id stands in other items: no id reads so."""
CITY = "CITY#"


class _CityChanged(Exception):
    """Another listing changed the city since it was read."""


class Cities:
    """Reads the directory, and keeps it."""

    def __init__(self, connection: Connection, writes: Writes) -> None:
        self._connection = connection
        self._writes = writes

    @reading()
    def find(self, keys: Sequence[str]) -> list[City]:
        """The cities of these keys that have open listings, in the order asked."""
        found = self._read(keys)
        cities = [_city(found[key]) for key in keys if key in found]
        return [city for city in cities if city.listings]

    def beginning(self, key: str, *, limit: int, after: str | None) -> Page[City]:
        """The cities whose key begins so, by their key."""
        under = CityItem.part.startswith(CITY + key)
        page = page_of(CityItem, DIRECTORY, _city, limit=limit, after=after, range_condition=under)
        return Page(tuple(city for city in page.items if city.listings), page.next_cursor)

    def write(
        self, item: ListingItem, condition: Condition, *, before: Listing | None, after: Listing, lost: type[Exception]
    ) -> None:
        """Save a listing's item under its condition, with the cities that this changes; raises ``lost`` if it fails."""
        left, entered = _entry(before), _entry(after)
        if left == entered:
            self._writes.one(lambda: item.save(condition=condition), lost=lost)
            return
        keys = sorted({key for key, _ in (*left, *entered)})
        for _ in range(TRIES):
            found = self._read(keys)
            cities = {key: found.get(key, CityItem(DIRECTORY, CITY + key)) for key in keys}
            counted = {key: _city(cities[key]) for key in keys}
            for key, name in left:
                counted[key] = counted[key].without_listing(name)
            for key, name in entered:
                counted[key] = counted[key].with_listing(name)

            saves = [(_item(counted[key], cities[key], after.updated_at), _unchanged(cities[key])) for key in keys]

            def fill(transaction: TransactWrite, saves: list[tuple[CityItem, Condition]] = saves) -> None:
                transaction.save(item, condition=condition)
                for city, unchanged in saves:
                    transaction.save(city, condition=unchanged)

            try:
                self._writes.all(self._connection, fill, lost=(lost, _CityChanged))
            except _CityChanged:
                continue
            return
        raise StoreBusy("many listings of one city are changing")

    @reading()
    def _read(self, keys: Sequence[str]) -> dict[str, CityItem]:
        named: list[Item] = [{"listing_id": {"S": DIRECTORY}, "part": {"S": CITY + key}} for key in keys]
        items = batch_read(self._connection, CityItem.Meta.table_name or "", named)
        return {item["part"]["S"].removeprefix(CITY): CityItem.from_raw_data(item) for item in items}


def _entry(listing: Listing | None) -> tuple[tuple[str, str], ...]:
    """Under which key and spelling a listing counts; nothing for one that is not open."""
    if listing is None or listing.status != "open":
        return ()
    return ((listing.city_key, " ".join(visible(unicodedata.normalize("NFC", listing.city)).split())),)


def _unchanged(city: CityItem) -> Condition:
    """Nobody changed the city since it was read, or made it."""
    return CityItem.version == city.version if city.version else CityItem.version.does_not_exist()


def _city(item: CityItem) -> City:
    return City(item.part.removeprefix(CITY), int(item.listings or 0), item.spellings or {})


def _item(city: City, before: CityItem, now: datetime) -> CityItem:
    """The city's next item. One without listings is left to DynamoDB's TTL: no function of ours may delete anything."""
    return CityItem(
        DIRECTORY,
        CITY + city.key,
        schema=FORM,
        version=int(before.version or 0) + 1,
        listings=city.listings,
        spellings=dict(city.spellings),
        expires_at=None if city.listings else int((now + CITY_FORGOTTEN_AFTER).timestamp()),
    )
