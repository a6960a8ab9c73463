"""What guests say of their stays, over HTTP."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.listings import ReviewOut
from chalicelib.api.core.fields import ReviewText
from chalicelib.api.core.paging import Paged, page
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.services import reviews
from chalicelib.services.ports.outcomes import Page

routes = Blueprint(__name__)


class NewReview(msgspec.Struct, frozen=True):
    """What a guest says of a stay that is over."""

    booking_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """The stay that is reviewed."""
    rating: Annotated[int, msgspec.Meta(ge=1, le=5)]
    """From 1 to 5."""
    text: ReviewText
    """In the guest's words."""


@endpoint(
    routes,
    "POST",
    "/v1/listings/{listing_id}/reviews",
    signed_in=True,
    act="own",
    idempotent=True,
    outcomes=(Outcome(201, ReviewOut),),
    refuses=("booking_not_found", "stay_not_over", "already_reviewed", "idempotency_key_reused"),
)
def review_listing(call: Call, body: NewReview) -> Answer:
    """Review a stay that is over, once."""
    made, replayed = reviews.review(
        call.container,
        call.principal,
        call.path["listing_id"],
        body.booking_id,
        rating=body.rating,
        text=body.text,
        key=call.key,
    )
    return Answer(ReviewOut.of(made), 201, replayed=replayed)


@endpoint(
    routes,
    "GET",
    "/v1/listings/{listing_id}/reviews",
    outcomes=(Outcome(body=Page[ReviewOut]),),
    refuses=("listing_not_found",),
)
def list_reviews(call: Call, query: Paged) -> Answer:
    """List what guests said of a listing, newest first."""
    find = partial(reviews.reviews, call.container, call.path["listing_id"])
    return page(call, query, find, ReviewOut.of)
