from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.errors import StayNotOver
from chalicelib.domain.people.review import Review, check_reviewable, rated
from tests.builders import NOW, a_booking, a_booking_id, a_listing, cancelled, expired, opened, paid
from tests.replacing import replace

MS = timedelta(milliseconds=1)
STAYED = paid(opened(a_booking()))
REVIEW = Review(a_booking_id(), 4, "A quiet place.", NOW)


def test_a_stay_is_reviewed_from_its_check_out_on() -> None:
    with pytest.raises(StayNotOver):
        check_reviewable(STAYED, now=STAYED.check_out_at - MS)
    check_reviewable(STAYED, now=STAYED.check_out_at)


@pytest.mark.parametrize("booking", [opened(a_booking()), expired(a_booking()), cancelled(STAYED)])
def test_nobody_reviews_a_stay_that_never_was(booking: object) -> None:
    with pytest.raises(StayNotOver):
        check_reviewable(booking, now=STAYED.check_out_at + timedelta(days=1))  # type: ignore[arg-type]


def test_a_rating_counts_once_in_the_average() -> None:
    listing = a_listing(rating_sum=5, rating_count=1)
    after = rated(listing, REVIEW)
    assert (after.rating_sum, after.rating_count, after.rating) == (9, 2, 4.5)
    assert replace(after, rating_sum=5, rating_count=1) == listing


def test_reviews_are_in_the_order_of_time() -> None:
    reviews = [replace(REVIEW, created_at=NOW + n * MS) for n in (0, 1, 999, 1000, 60_000)]
    assert [review.order for review in reviews] == sorted(review.order for review in reviews)
    assert replace(REVIEW, booking_id=a_booking_id("other")).order != REVIEW.order
