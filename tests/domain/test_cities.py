"""Cities by every spelling: what is typed alike means the same place, and what is not does not."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.listings import cities
from chalicelib.domain.listings.cities import MOST_SPELLINGS, City, city_key, fold, keys_of_names, known_name
from tests.builders import a_listing


@pytest.mark.parametrize(
    "alike",
    [
        ["Bishoftu", "  bISHOFTU ", "BISHO FTU", "Ｂｉｓｈｏｆｔｕ", "Bi\u00adshof\u200btu", "Bíshoftú"],
        ["Straße", "STRASSE", "strase"],
        [
            "Mek'ele",
            "Mek\u2019ele",
            "Mek\u02bcele",
            "Mek-ele",
            "Mek\u2011ele",
            "Mekelle",
            "Mekele",
            "MEK`ELE",
            "መቀሌ",
            "መቐለ",
        ],
        ["ሐዋሳ", "ሀዋሳ", "ኀዋሳ", "አዋሳ", "ዐዋሳ", "Hawassa", "Awasa", "Hawaasa"],
        ["አዲስ አበባ", "አዲስ፡አበባ", "ዐዲስ አበባ", "አዲስአበባ", "Addis  Abeba", "Finfinnee", "Addis"],
        ["ደብረ ብርሃን", "ደብረ ብርሀን", "Debre-Birhan", "Debra Birhan"],
        ["ሠመራ", "ሰመራ", "Semera"],
        ["ፀደይ", "ጸደይ"],
        ["São Tomé", "Sao Tome"],
        ["Batu", "Ziway", "Zway"],
    ],
)
def test_spellings_of_one_place(alike: list[str]) -> None:
    assert len({city_key(name) for name in alike}) == 1
    assert {a_listing(city=name).city_key for name in alike} == {city_key(alike[0])}


@pytest.mark.parametrize(
    ("one", "other"), [("Adama", "Adaba"), ("Dila", "Dire"), ("ጅጋ", "ጅጅጋ"), ("ሀረር", "ሃረር"), ("Axum 1", "Axum 11")]
)
def test_other_places(one: str, other: str) -> None:
    assert city_key(one) != city_key(other)


def test_every_known_name_means_one_city() -> None:
    names = [name for row in cities._known() for name in row]
    assert Counter(fold(name) for name in names).most_common(1)[0][1] == 1
    assert {known_name(city_key(name)) for name in names} == {row[0] for row in cities._known()}
    assert known_name(city_key("Atlantis")) is None


@given(st.text(max_size=40))
def test_a_key_is_its_own_key_and_fits_an_index(name: str) -> None:
    key = city_key(name)
    assert fold(fold(name)) == fold(name)
    assert city_key(key) == key
    assert len(city_key("\ufdfa" * 80).encode()) <= 400
    assert bool(key) >= any(letter.isascii() and letter.isalnum() for letter in name)


def test_cities_by_the_beginning_of_another_name() -> None:
    assert keys_of_names("Awa") == {"hawasa"}
    assert keys_of_names("finf") == {"adisababa"}
    assert keys_of_names("ደብረ ዘ") == {"bishoftu"}
    assert keys_of_names("Atlantis") == frozenset()


def test_a_city_counts_its_listings_by_spelling() -> None:
    city = City("hawasa")
    for name in ("Awassa", "Hawassa", "Awassa", "ሐዋሳ"):
        city = city.with_listing(name)
    assert (city.name, city.names, city.listings) == ("Hawassa", ("Awassa", "Hawassa", "ሐዋሳ"), 4)
    city = city.without_listing("Hawassa").without_listing("Awassa")
    assert (city.names, city.listings) == (("Awassa", "ሐዋሳ"), 2)
    assert (
        City("atlantis").with_listing("ATLANTIS").with_listing("Atlantis").with_listing("Atlantis").name == "Atlantis"
    )


def test_a_city_of_many_spellings_counts_them_all_and_tells_some_apart() -> None:
    city = City("atlantis")
    for n in range(MOST_SPELLINGS + 5):
        city = city.with_listing("Atlantis" + " " * n)
    assert (city.listings, len(city.names)) == (MOST_SPELLINGS + 5, MOST_SPELLINGS)
    for n in range(MOST_SPELLINGS + 5):
        city = city.without_listing("Atlantis" + " " * n)
    assert (city.listings, city.names, city.name) == (0, (), "atlantis")
