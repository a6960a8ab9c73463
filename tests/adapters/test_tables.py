"""The models say what the template makes; keys sort as they must."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from pynamodb.models import Model

from chalicelib.adapters.dynamodb.tables import (
    AccountItem,
    BookingItem,
    CityItem,
    ErasureItem,
    HostItem,
    LedgerItem,
    LettersItem,
    ListingItem,
    MonthItem,
    ReviewItem,
    SaltItem,
    instant_key,
    month_part,
    price_key,
)
from local.stack.emulator.resources import template
from tests.builders import NOW, a_listing

OF_LISTINGS: list[type[Model]] = [ListingItem, MonthItem, ReviewItem]
OF_BOOKINGS: list[type[Model]] = [BookingItem, AccountItem, LettersItem, HostItem, ErasureItem, SaltItem]
OF_LEDGER: list[type[Model]] = [LedgerItem]


def keys_of(model: Any) -> list[tuple[str, str]]:
    found = [(name, "HASH") for name, each in model.get_attributes().items() if each.is_hash_key]
    return found + [(name, "RANGE") for name, each in model.get_attributes().items() if each.is_range_key]


def shape(logical_id: str) -> dict[str, Any]:
    return dict(template()["Resources"][logical_id]["Properties"])


def schema(entries: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(entry["AttributeName"], entry["KeyType"]) for entry in entries]


@pytest.mark.parametrize(
    ("logical_id", "models"),
    [("ListingsTable", OF_LISTINGS), ("BookingsTable", OF_BOOKINGS), ("LedgerTable", OF_LEDGER)],
)
def test_every_item_of_a_table_has_its_keys(logical_id: str, models: list[type[Model]]) -> None:
    for model in models:
        assert keys_of(model) == schema(shape(logical_id)["KeySchema"])


@pytest.mark.parametrize(
    ("logical_id", "model"),
    [("ListingsTable", ListingItem), ("BookingsTable", BookingItem), ("LedgerTable", LedgerItem)],
)
def test_the_indexes_are_those_of_the_template(logical_id: str, model: type[Model]) -> None:
    ours = {}
    for index in model._indexes.values():
        made_of = index._get_schema()
        own = sorted(schema(made_of["key_schema"]), key=lambda key: key[1])  # HASH, then RANGE
        ours[made_of["index_name"]] = own, made_of["projection"]["ProjectionType"]
    made = {
        index["IndexName"]: (schema(index["KeySchema"]), index["Projection"]["ProjectionType"])
        for index in shape(logical_id)["GlobalSecondaryIndexes"]
    }
    assert ours == made
    # Keys only, so that a save costs an index nothing unless a key changes.
    assert {projection for _, projection in made.values()} == {"KEYS_ONLY"}


def test_what_is_forgotten() -> None:
    """Cities without listings, accounts that book no more, counts of letters, erasures; never a booking or money."""
    every: list[Any] = [*OF_LISTINGS, CityItem, *OF_BOOKINGS]
    forgotten = {CityItem, AccountItem, LettersItem, ErasureItem}
    assert {model for model in every if "expires_at" in model.get_attributes()} == forgotten


def test_instants_sort_as_text() -> None:
    addis = timezone(timedelta(hours=3))
    instants = [
        NOW,
        NOW + timedelta(milliseconds=1),
        NOW + timedelta(milliseconds=10),
        NOW + timedelta(milliseconds=999),
        NOW + timedelta(seconds=1),
        datetime(2027, 1, 2, 13, 0, tzinfo=addis),
        datetime(2027, 10, 2, tzinfo=UTC),
    ]
    keys = [instant_key(at) for at in instants]
    assert keys == sorted(keys)
    assert len({len(key) for key in keys}) == 1
    assert keys[0] == "2027-01-02T09:15:30.000Z"
    assert keys[2] == "2027-01-02T09:15:30.010Z"
    assert keys[5] == "2027-01-02T10:00:00.000Z"


def test_prices_sort_as_text_and_equal_ones_stay_apart() -> None:
    ids = [a_listing().listing_id, "lst_ZZZZZZZZZZZZZZZZ"]
    keys = [price_key(minor, listing_id) for minor in (0, 5, 99, 100, 245000, 10**15) for listing_id in ids]
    assert len(set(keys)) == len(keys)
    assert sorted(keys) == [
        price_key(minor, listing_id) for minor in (0, 5, 99, 100, 245000, 10**15) for listing_id in sorted(ids)
    ]
    # What a price limit is compared with: above every listing at that price, below any dearer one.
    assert price_key(245000, max(ids)) < price_key(245000, "~") < price_key(245001, "")


def test_months_sort_by_date() -> None:
    days = [date(2027, 1, 9), date(2027, 2, 10), date(2027, 10, 1), date(2028, 1, 1)]
    parts = [month_part(day) for day in days]
    assert parts == sorted(parts)
    assert parts[0] == "MONTH#2027-01"
