"""No list is longer than Lambda can hand on, whatever people write: a page ends early, and no item is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.cities import _item as directory_item
from chalicelib.adapters.dynamodb.tables import CityItem
from chalicelib.domain.contact import Contact
from chalicelib.domain.ids import PersonId
from chalicelib.domain.listings.cities import MOST_SPELLINGS, City, city_key
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.people.review import Review
from tests.api.harness import SHOP, Person, World
from tests.builders import NOW, a_booking, a_booking_id, a_listing, a_stay
from tests.replacing import replace

MOST = 1_000_000
"""Bytes of an answer as Lambda escapes it; it ends at six million."""
WIDEST = "\U00010400"
"""A letter (of Deseret) that Lambda writes as twelve characters."""
MANY = 100
"""Items: as many as a page can have."""

STAY = {"check_in": "2027-01-14", "check_out": "2027-01-17"}


@dataclass(frozen=True)
class Long:
    """A list of the longest items that are legal."""

    path: str
    by: Person | None
    query: dict[str, str]
    count: int = MANY
    limit: int = MANY


def long_listing(world: World, n: int, **changes: Any) -> Listing:
    """A listing in the store, every text of which is as long as a host may write it."""
    listing = replace(
        a_listing(listing_id=a_listing().listing_id[:-3] + f"{n:03}"),
        title=WIDEST * 120,
        description=WIDEST * 4000,
        address=WIDEST * 200,
        photos=tuple(f"https://a.example/{m}" + '"' * 1981 for m in range(10)),
        **changes,
    )
    assert world.container.listings.publish(listing)
    return listing


def own_listings(world: World) -> list[Long]:
    for n in range(25):
        long_listing(world, n, host_id=PersonId(world.host().sub))
    return [Long("/v1/hosts/me/listings", world.host(), {}, 25)]


def found_listings(world: World) -> list[Long]:
    city = {"city": "Bishoftu" + WIDEST * 72}
    for n in range(50):
        long_listing(world, n, **city)
    return [Long("/v1/listings", None, query, 50, 50) for query in (city, city | STAY)]


def all_cities(world: World) -> list[Long]:
    for n in range(MANY):
        names = [f"{n:02}" + "-" * spelling + WIDEST * (78 - spelling) for spelling in range(MOST_SPELLINGS)]
        city = City(city_key(names[0]), 99, dict.fromkeys(names, 1))
        directory_item(city, CityItem(), NOW).save()
    return [Long("/v1/cities", None, {})]


def all_reviews(world: World) -> list[Long]:
    listing = long_listing(world, 0)
    for n in range(MANY):
        review = Review(a_booking_id(f"{n}"), 5, WIDEST * 2000, NOW + timedelta(seconds=n))
        world.container.listings.add_review(listing, listing, review)
        listing = replace(listing, version=listing.version + 1)
    return [Long(f"/v1/listings/{listing.listing_id}/reviews", None, {})]


def all_bookings(world: World) -> list[Long]:
    """A hundred bookings of one guest and one host, every text as long as it may be, each with its payment."""
    listing = long_listing(world, 0, host_id=PersonId(world.host().sub), units=1000)
    guest = PersonId(world.guest().sub)
    contact = Contact(
        first_name=WIDEST * 60, last_name=WIDEST * 60, email="h@" + "a.b" * 84 + ".et", phone="0911223344"
    )
    url = f"{SHOP}/" + '"' * (2000 - len(SHOP) - 1)
    for n in range(MANY):
        booking = a_booking(
            now=NOW + timedelta(seconds=n),
            key=f"{n}",
            guest_id=guest,
            listing=listing,
            stay=a_stay(units=1),
            contact=contact,
            return_url=url,
        )
        world.container.bookings.hold(booking, listing, {}, world.container.bookings.account(guest))
    day = {"from": NOW.date().isoformat(), "to": NOW.date().isoformat()}
    return [
        Long("/v1/bookings", world.guest(), {}),
        Long("/v1/payments", world.guest(), {}),
        Long("/v1/hosts/me/bookings", world.host(), {}),
        Long("/v1/ops/bookings", world.operator(), day),
        Long("/v1/ops/payments", world.operator(), day),
    ]


@pytest.mark.parametrize(
    "make", [own_listings, found_listings, all_cities, all_reviews, all_bookings], ids=lambda make: make.__name__
)
def test_no_page_of_a_list_is_longer_than_lambda_hands_on(world: World, make: Callable[[World], list[Long]]) -> None:
    for each in make(world):
        items: list[str] = []
        cursor: dict[str, str] = {}
        for _ in range(MANY):
            reply = world.call("GET", each.path, by=each.by, query={**each.query, "limit": each.limit, **cursor})
            assert reply.status == 200
            assert len(json.dumps({"statusCode": 200, "headers": reply.headers, "body": reply.text})) < MOST
            items += map(json.dumps, reply.body["items"])
            if reply.body["next_cursor"] is None:
                break
            cursor = {"cursor": reply.body["next_cursor"]}
        assert reply.body["next_cursor"] is None
        assert len(items) == len(set(items)) == each.count
