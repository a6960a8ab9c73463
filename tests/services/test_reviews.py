"""Reviews: by guests whose stay is over, once a booking, counted once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import (
    AlreadyReviewed,
    BookingNotFound,
    Busy,
    IdempotencyKeyReused,
    StayNotOver,
    Unauthenticated,
)
from chalicelib.domain.ids import derive_listing_id
from chalicelib.domain.people.review import Review
from chalicelib.services.access import Principal
from chalicelib.services.ports.outcomes import StoreBusy, VersionLost
from chalicelib.services.reviews import TRIES, review, reviews
from tests.builders import GUEST, HOST, NOW, SALT
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import GUEST_DAWIT, GUEST_HANNA, HOST_ABEBE, OPERATOR, Harness, booking_id_of

FIRST = booking_id_of("first")
LEFT = datetime(2027, 1, 17, 8, 0, tzinfo=NOW.tzinfo)
"""Eleven in the morning in Addis Ababa."""
MS = timedelta(milliseconds=1)


def say(
    harness: Harness,
    who: Principal | None = GUEST_HANNA,
    *,
    rating: int = 5,
    text: str = "Quiet.",
    key: str | None = None,
    booking_id: str = FIRST,
) -> tuple[Review, bool]:
    return review(harness.ports, who, harness.listing.listing_id, booking_id, rating=rating, text=text, key=key)


def stayed(harness: Harness) -> None:
    harness.confirmed_booking()
    harness.ports.clock.move_to(LEFT)


def test_a_review_counts_in_the_average(harness: Harness, ports: Fakes) -> None:
    stayed(harness)
    said, replayed = say(harness, rating=4)
    assert not replayed
    assert (said.booking_id, said.rating, said.text, said.created_at) == (FIRST, 4, "Quiet.", LEFT)
    listing = ports.tables.listings[harness.listing.listing_id]
    assert (listing.rating_sum, listing.rating_count, listing.rating) == (4, 1, 4.0)
    assert reviews(ports, listing.listing_id, limit=9, after=None).items == (said,)


def test_a_booking_is_reviewed_once(harness: Harness, ports: Fakes) -> None:
    stayed(harness)
    say(harness, key="first")
    for key in (None, "second"):
        for rating, text in ((5, "Quiet."), (4, "Quiet."), (5, "Loud.")):
            with pytest.raises(AlreadyReviewed):
                say(harness, rating=rating, text=text, key=key)
    assert ports.tables.listings[harness.listing.listing_id].rating_count == 1


def test_a_repeat_under_its_key_is_the_same_review(harness: Harness, ports: Fakes) -> None:
    stayed(harness)
    said, _ = say(harness, key="first")
    ports.clock.move(days=1)
    assert say(harness, key="first") == (said, True)
    assert ports.tables.listings[harness.listing.listing_id].rating_count == 1


@pytest.mark.parametrize("other", [{"rating": 4}, {"text": "Loud."}, {"booking_id": booking_id_of("none")}], ids=str)
def test_another_review_under_the_same_key(harness: Harness, ports: Fakes, other: dict[str, Any]) -> None:
    stayed(harness)
    say(harness, key="first")
    with pytest.raises(IdempotencyKeyReused):
        say(harness, key="first", **other)
    assert len(ports.tables.reviews) == 1


def test_a_key_is_one_guests_own(harness: Harness) -> None:
    stayed(harness)
    say(harness, key="first")
    with pytest.raises(BookingNotFound):
        say(harness, GUEST_DAWIT, key="first", rating=1)


def test_a_refusal_is_not_remembered(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    with pytest.raises(StayNotOver):
        say(harness, key="first", rating=1)
    ports.clock.move_to(LEFT)
    assert say(harness, key="first", rating=5)[1] is False


def test_two_reviews_under_one_key_at_once(harness: Harness, ports: Fakes) -> None:
    stayed(harness)
    ports.run_before("listings.add_review", lambda: say(harness, key="first", rating=1))
    with pytest.raises(IdempotencyKeyReused):
        say(harness, key="first", rating=5)
    [said] = ports.tables.reviews.values()
    assert said.rating == 1


def test_the_answer_to_a_review_was_lost(harness: Harness, ports: Fakes) -> None:
    stayed(harness)
    ports.run_after("listings.add_review", raises(StoreBusy()))
    with pytest.raises(Busy):
        say(harness, key="first")
    assert say(harness, key="first")[1] is True
    assert ports.tables.listings[harness.listing.listing_id].rating_count == 1


def test_only_once_the_stay_is_over(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.clock.move_to(LEFT - MS)
    with pytest.raises(StayNotOver):
        say(harness)
    ports.clock.move_to(LEFT)
    say(harness)


def test_only_who_stayed(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()
    ports.clock.move_to(LEFT)
    with pytest.raises(StayNotOver):
        say(harness)
    assert ports.tables.reviews == {}


def test_only_the_guest(harness: Harness, ports: Fakes) -> None:
    stayed(harness)
    with pytest.raises(Unauthenticated):
        say(harness, None)
    assert ports.call_log.calls == []
    for who in (GUEST_DAWIT, HOST_ABEBE, OPERATOR):
        with pytest.raises(BookingNotFound):
            say(harness, who)
    elsewhere = derive_listing_id(SALT, HOST, "elsewhere")
    with pytest.raises(BookingNotFound):
        review(ports, Principal(GUEST), elsewhere, FIRST, rating=5, text="")
    assert set(ports.call_log.names()) == {"bookings.load"}
    assert ports.tables.reviews == {}


def test_a_twin_is_the_same_review(harness: Harness, ports: Fakes) -> None:
    stayed(harness)
    ports.run_before("listings.add_review", lambda: say(harness, key="first"))
    said, replayed = say(harness, key="first")
    assert replayed
    assert reviews(ports, harness.listing.listing_id, limit=9, after=None).items == (said,)
    assert ports.tables.listings[harness.listing.listing_id].rating_count == 1


def test_many_reviewers_are_tried_again(harness: Harness, ports: Fakes) -> None:
    stayed(harness)
    for skip in range(TRIES - 1):
        ports.run_before("listings.add_review", raises(VersionLost()), skip=skip)
    assert say(harness)[1] is False
    assert ports.clock.slept == [0.025] * (TRIES - 1)


@pytest.mark.parametrize("error", [VersionLost, StoreBusy])
def test_a_store_that_never_takes_it(harness: Harness, ports: Fakes, error: type[Exception]) -> None:
    stayed(harness)
    tries = TRIES if error is VersionLost else 1
    for skip in range(tries):
        ports.run_before("listings.add_review", raises(error()), skip=skip)
    with pytest.raises(Busy) as refused:
        say(harness)
    assert refused.value.retry_after == 1
    assert ports.call_log.count("listings.add_review") == tries
    assert ports.tables.reviews == {}


def test_reviews_page_by_page(harness: Harness, ports: Fakes) -> None:
    listing_id = harness.listing.listing_id
    said = [Review(booking_id_of(f"{n}"), 5, "Quiet.", NOW + timedelta(days=n)) for n in range(3)]
    for each in said:
        ports.tables.reviews[listing_id, each.booking_id] = each
    page = reviews(ports, listing_id, limit=2, after=None)
    assert page.items == (said[2], said[1])
    page = reviews(ports, listing_id, limit=2, after=page.next_cursor)
    assert (page.items, page.next_cursor) == ((said[0],), None)
