"""The directory of cities: found by the beginning of any of their names, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.ids import derive_listing_id
from chalicelib.domain.listings.cities import City
from chalicelib.services.cities import cities
from tests.builders import HOST, SALT, a_listing
from tests.fakes import Fakes
from tests.harness import Harness

CITIES = ("Hawassa", "ሐዋሳ", "Awash", "Axum", "Aksum", "Addis Ababa", "Bishoftu", "Debre Zeit")


@pytest.fixture
def directory(ports: Fakes) -> Fakes:
    for n, city in enumerate(CITIES):
        listing = a_listing(listing_id=derive_listing_id(SALT, HOST, f"{n}"), city=city)
        ports.tables.listings[listing.listing_id] = listing
    return ports


def names(ports: Fakes, beginning: str, **page: Any) -> list[str]:
    return [city.name for city in cities(ports, beginning=beginning, **({"limit": 9, "after": None} | page)).items]


@pytest.mark.parametrize(
    ("beginning", "found"),
    [
        ("", ["Addis Ababa", "Awash", "Axum", "Bishoftu", "Hawassa"]),
        ("Ha", ["Hawassa"]),
        ("awa", ["Hawassa", "Awash"]),
        ("አዋ", ["Hawassa"]),
        ("ak", ["Axum"]),
        ("Debre Z", ["Bishoftu"]),
        ("A", ["Hawassa", "Addis Ababa", "Awash", "Axum"]),
        ("Finfinne", ["Addis Ababa"]),
        ("Adama", []),
        ("!", ["Addis Ababa", "Awash", "Axum", "Bishoftu", "Hawassa"]),
    ],
)
def test_cities_by_the_beginning_of_any_name(directory: Fakes, beginning: str, found: list[str]) -> None:
    # The harness has a listing of its own, in Bishoftu.
    assert names(directory, beginning) == found


def test_a_city_says_how_it_is_written_and_how_many_listings_it_has(directory: Fakes) -> None:
    [city] = cities(directory, beginning="haw", limit=9, after=None).items
    assert city == City("hawasa", 2, {"Hawassa": 1, "ሐዋሳ": 1})


@pytest.mark.parametrize("beginning", ["", "A", "awa", "x"])
@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_page_by_page_every_city_comes_once(directory: Fakes, beginning: str, limit: int) -> None:
    found: list[str] = []
    after: str | None = None
    for _ in range(9):
        page = cities(directory, beginning=beginning, limit=limit, after=after)
        assert len(page.items) <= limit
        found += [city.name for city in page.items]
        after = page.next_cursor
        if after is None:
            break
    assert after is None
    assert found == names(directory, beginning, limit=100)


def test_where_nothing_is_listed_there_are_no_cities(harness: Harness, ports: Fakes) -> None:
    ports.tables.listings.clear()
    assert names(ports, "") == []
