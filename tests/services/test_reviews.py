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
from chalicelib.domain.review import Review
from chalicelib.services.access import Principal
from chalicelib.services.ports import StoreBusy, VersionLost
from chalicelib.services.reviews import TRIES, review, reviews
from tests.builders import GUEST, HOST, NOW, SALT
from tests.call_log import raises
from tests.fakes import Fakes
from tests.scenes import GUEST_DAWIT, GUEST_HANNA, HOST_ABEBE, OPERATOR, Scene, id_of

FIRST = id_of("first")
LEFT = datetime(2027, 1, 17, 8, 0, tzinfo=NOW.tzinfo)
"""Eleven in the morning in Addis Ababa."""
MS = timedelta(milliseconds=1)


def say(
    scene: Scene,
    who: Principal | None = GUEST_HANNA,
    *,
    rating: int = 5,
    text: str = "Quiet.",
    key: str | None = None,
    booking_id: str = FIRST,
) -> tuple[Review, bool]:
    return review(scene.ports, who, scene.listing.listing_id, booking_id, rating=rating, text=text, key=key)


def stayed(scene: Scene) -> None:
    scene.confirmed()
    scene.ports.clock.move_to(LEFT)


def test_a_review_counts_in_the_average(scene: Scene, ports: Fakes) -> None:
    stayed(scene)
    said, replayed = say(scene, rating=4)
    assert not replayed
    assert (said.booking_id, said.rating, said.text, said.created_at) == (FIRST, 4, "Quiet.", LEFT)
    listing = ports.tables.listings[scene.listing.listing_id]
    assert (listing.rating_sum, listing.rating_count, listing.rating) == (4, 1, 4.0)
    assert reviews(ports, listing.listing_id, limit=9, after=None).items == (said,)


def test_a_booking_is_reviewed_once(scene: Scene, ports: Fakes) -> None:
    stayed(scene)
    say(scene, key="first")
    for key in (None, "second"):
        for rating, text in ((5, "Quiet."), (4, "Quiet."), (5, "Loud.")):
            with pytest.raises(AlreadyReviewed):
                say(scene, rating=rating, text=text, key=key)
    assert ports.tables.listings[scene.listing.listing_id].rating_count == 1


def test_a_repeat_under_its_key_is_the_same_review(scene: Scene, ports: Fakes) -> None:
    stayed(scene)
    said, _ = say(scene, key="first")
    ports.clock.move(days=1)
    assert say(scene, key="first") == (said, True)
    assert ports.tables.listings[scene.listing.listing_id].rating_count == 1


@pytest.mark.parametrize("other", [{"rating": 4}, {"text": "Loud."}, {"booking_id": id_of("none")}], ids=str)
def test_another_review_under_the_same_key(scene: Scene, ports: Fakes, other: dict[str, Any]) -> None:
    stayed(scene)
    say(scene, key="first")
    with pytest.raises(IdempotencyKeyReused):
        say(scene, key="first", **other)
    assert len(ports.tables.reviews) == 1


def test_a_key_is_one_guests_own(scene: Scene) -> None:
    stayed(scene)
    say(scene, key="first")
    with pytest.raises(BookingNotFound):
        say(scene, GUEST_DAWIT, key="first", rating=1)


def test_a_refusal_is_not_remembered(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    with pytest.raises(StayNotOver):
        say(scene, key="first", rating=1)
    ports.clock.move_to(LEFT)
    assert say(scene, key="first", rating=5)[1] is False


def test_two_reviews_under_one_key_at_once(scene: Scene, ports: Fakes) -> None:
    stayed(scene)
    ports.run_before("listings.add_review", lambda: say(scene, key="first", rating=1))
    with pytest.raises(IdempotencyKeyReused):
        say(scene, key="first", rating=5)
    [said] = ports.tables.reviews.values()
    assert said.rating == 1


def test_the_answer_to_a_review_was_lost(scene: Scene, ports: Fakes) -> None:
    stayed(scene)
    ports.run_after("listings.add_review", raises(StoreBusy()))
    with pytest.raises(Busy):
        say(scene, key="first")
    assert say(scene, key="first")[1] is True
    assert ports.tables.listings[scene.listing.listing_id].rating_count == 1


def test_only_once_the_stay_is_over(scene: Scene, ports: Fakes) -> None:
    scene.confirmed()
    ports.clock.move_to(LEFT - MS)
    with pytest.raises(StayNotOver):
        say(scene)
    ports.clock.move_to(LEFT)
    say(scene)


def test_only_who_stayed(scene: Scene, ports: Fakes) -> None:
    scene.expired()
    ports.clock.move_to(LEFT)
    with pytest.raises(StayNotOver):
        say(scene)
    assert ports.tables.reviews == {}


def test_only_the_guest(scene: Scene, ports: Fakes) -> None:
    stayed(scene)
    with pytest.raises(Unauthenticated):
        say(scene, None)
    assert ports.call_log.calls == []
    for who in (GUEST_DAWIT, HOST_ABEBE, OPERATOR):
        with pytest.raises(BookingNotFound):
            say(scene, who)
    elsewhere = derive_listing_id(SALT, HOST, "elsewhere")
    with pytest.raises(BookingNotFound):
        review(ports, Principal(GUEST), elsewhere, FIRST, rating=5, text="")
    assert set(ports.call_log.names()) == {"bookings.load"}
    assert ports.tables.reviews == {}


def test_a_twin_is_the_same_review(scene: Scene, ports: Fakes) -> None:
    stayed(scene)
    ports.run_before("listings.add_review", lambda: say(scene, key="first"))
    said, replayed = say(scene, key="first")
    assert replayed
    assert reviews(ports, scene.listing.listing_id, limit=9, after=None).items == (said,)
    assert ports.tables.listings[scene.listing.listing_id].rating_count == 1


def test_many_reviewers_are_tried_again(scene: Scene, ports: Fakes) -> None:
    stayed(scene)
    for skip in range(TRIES - 1):
        ports.run_before("listings.add_review", raises(VersionLost()), skip=skip)
    assert say(scene)[1] is False
    assert ports.clock.slept == [0.025] * (TRIES - 1)


@pytest.mark.parametrize("error", [VersionLost, StoreBusy])
def test_a_store_that_never_takes_it(scene: Scene, ports: Fakes, error: type[Exception]) -> None:
    stayed(scene)
    tries = TRIES if error is VersionLost else 1
    for skip in range(tries):
        ports.run_before("listings.add_review", raises(error()), skip=skip)
    with pytest.raises(Busy) as refused:
        say(scene)
    assert refused.value.retry_after == 1
    assert ports.call_log.count("listings.add_review") == tries
    assert ports.tables.reviews == {}


def test_reviews_page_by_page(scene: Scene, ports: Fakes) -> None:
    listing_id = scene.listing.listing_id
    said = [Review(id_of(f"{n}"), 5, "Quiet.", NOW + timedelta(days=n)) for n in range(3)]
    for each in said:
        ports.tables.reviews[listing_id, each.booking_id] = each
    page = reviews(ports, listing_id, limit=2, after=None)
    assert page.items == (said[2], said[1])
    page = reviews(ports, listing_id, limit=2, after=page.after)
    assert (page.items, page.after) == ((said[0],), None)
