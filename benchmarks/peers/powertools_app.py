"""Powertools' resolver for API Gateway with its validation by pydantic, and boto3."""

import json

import shop
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import UnauthorizedError
from models import Booking, Listing, NewBooking

api = APIGatewayRestResolver(enable_validation=True)


@api.exception_handler(shop.Refused)
def refused(refusal: shop.Refused):
    return Response(status_code=refusal.status)


@api.get("/v1/listings/<listing_id>")
def listing(listing_id: str) -> Listing:
    return Listing(**shop.listing(listing_id))


@api.post("/v1/bookings")
def book(wanted: NewBooking) -> tuple[Booking, int]:
    event = api.current_event
    guest = event.request_context.authorizer["sub"]
    booking = shop.book(guest, event.headers["Idempotency-Key"], wanted.model_dump())
    return Booking(**booking), 201


@api.post("/v1/webhooks/chapa")
def webhook() -> dict:
    raw = api.current_event.body.encode()
    if not shop.signed(raw, api.current_event.headers.get("x-chapa-signature")):
        raise UnauthorizedError("signature")
    shop.paid(json.loads(raw)["tx_ref"])
    return {"received": True}


def app(event, context):
    return api.resolve(event, context)
