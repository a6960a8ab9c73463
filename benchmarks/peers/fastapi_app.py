"""FastAPI behind Mangum, with boto3."""

import json

import shop
from fastapi import FastAPI, Header, HTTPException, Request
from mangum import Mangum
from models import Booking, Listing, NewBooking

api = FastAPI()


@api.exception_handler(shop.Refused)
async def refused(request: Request, refusal: shop.Refused):
    raise HTTPException(refusal.status)


@api.get("/v1/listings/{listing_id}")
def listing(listing_id: str) -> Listing:
    return shop.listing(listing_id)


@api.post("/v1/bookings", status_code=201)
def book(wanted: NewBooking, request: Request, idempotency_key: str = Header()) -> Booking:
    guest = request.scope["aws.event"]["requestContext"]["authorizer"]["sub"]
    return shop.book(guest, idempotency_key, wanted.model_dump())


@api.post("/v1/webhooks/chapa")
async def webhook(request: Request, x_chapa_signature: str = Header()) -> dict:
    raw = await request.body()
    if not shop.signed(raw, x_chapa_signature):
        raise HTTPException(401)
    shop.paid(json.loads(raw)["tx_ref"])
    return {"received": True}


app = Mangum(api, lifespan="off")
