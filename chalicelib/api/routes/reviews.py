"""What guests say of their stays, over HTTP."""

from __future__ import annotations

from typing import Annotated

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers import ReviewOut
from chalicelib.api.core.fields import ReviewText
from chalicelib.api.core.http import Answer, Call, Outcome, endpoint
from chalicelib.api.core.paging import Paged, page, position
from chalicelib.services import reviews as reviewing
from chalicelib.services.ports import Page

routes = Blueprint(__name__)


class NewReview(msgspec.Struct, frozen=True):
    """What a guest says of a stay that is over."""

    booking_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    rating: Annotated[int, msgspec.Meta(ge=1, le=5)]
    text: ReviewText


@endpoint(
    routes,
    "POST",
    "/v1/listings/{listing_id}/reviews",
    body=NewReview,
    signed_in=True,
    idempotent=True,
    outcomes=(Outcome(201, ReviewOut),),
    refuses=("booking_not_found", "stay_not_over", "already_reviewed", "idempotency_key_reused"),
)
def review_listing(call: Call) -> Answer:
    """Review a stay that is over, once."""
    wanted: NewReview = call.body
    said, replayed = reviewing.review(
        call.container,
        call.principal,
        call.path["listing_id"],
        wanted.booking_id,
        rating=wanted.rating,
        text=wanted.text,
        key=call.key,
    )
    return Answer(ReviewOut.of(said), 201, replayed=replayed)


@endpoint(
    routes,
    "GET",
    "/v1/listings/{listing_id}/reviews",
    query=Paged,
    outcomes=(Outcome(body=Page[ReviewOut]),),
    refuses=("listing_not_found",),
)
def list_reviews(call: Call) -> Answer:
    """List what guests said of a listing, newest first."""
    found = reviewing.reviews(call.container, call.path["listing_id"], limit=call.query.limit, after=position(call))
    return page(call, [ReviewOut.of(review) for review in found.items], found.next_cursor)
