"""A peer of the API function: the same route in FastAPI behind Mangum, with boto3. Imported, never called."""

from datetime import date

import boto3
from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel


class Contact(BaseModel):
    first_name: str
    last_name: str
    email: str
    phone: str


class NewBooking(BaseModel):
    listing_id: str
    check_in: date
    check_out: date
    units: int
    guests: int
    contact: Contact
    language: str = "en"
    expected_total: int | None = None
    return_url: str | None = None


app = FastAPI()
dynamodb = boto3.client("dynamodb")


@app.post("/v1/bookings", status_code=201)
def book(request: NewBooking) -> dict[str, str]:
    return {"listing_id": request.listing_id}


handler = Mangum(app)
