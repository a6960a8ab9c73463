"""The body of a booking, as both peers with pydantic declare it."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field

Name = Annotated[str, Field(min_length=1, max_length=50)]


class Contact(BaseModel):
    first_name: Name
    last_name: str = ""
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
    phone: Annotated[str, Field(pattern=r"^\+?[0-9 ]{9,15}$")]


class NewBooking(BaseModel):
    model_config = {"extra": "forbid"}

    listing_id: str
    check_in: date
    check_out: date
    units: Annotated[int, Field(ge=1, le=1000)]
    guests: Annotated[int, Field(ge=1, le=1000)]
    contact: Contact
    language: Literal["en", "am"] = "en"


class Money(BaseModel):
    amount: int
    currency: str


class Booking(BaseModel):
    booking_id: str
    status: str
    listing_id: str
    check_in: date
    check_out: date
    units: int
    guests: int
    contact: Contact
    total: int
    currency: str
    hold_expires_at: str
    created_at: str
    payments: list[dict]


class Listing(BaseModel):
    listing_id: str
    title: str
    description: str
    city: str
    time_zone: str
    nightly_price: Money
    units: int
    guests_per_unit: int
