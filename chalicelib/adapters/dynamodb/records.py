"""How an aggregate is kept in one attribute: compact JSON, decoded straight into the domain's dataclasses.

A field that has its default is left out, so that an item grows only with what happened; history entries are rows
without names. A new field needs a default; a renamed one needs ``SCHEMA`` raised and a reader for the old form.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from chalicelib.domain.booking import Booking, Cause, Event
from chalicelib.domain.listing import Listing
from chalicelib.domain.review import Review
from chalicelib.domain.verification import Verification
from chalicelib.services.ports import Acknowledgement

SCHEMA = 1
"""The number on every item: which form of record it holds."""


class _EventRow(msgspec.Struct, array_like=True, frozen=True):
    at: datetime
    kind: str
    cause: Cause
    subject: str
    before: str | None
    after: str
    detail: str = ""
    by: str = ""


class _BookingRecord(msgspec.Struct, frozen=True):
    booking: msgspec.Raw
    history: tuple[_EventRow, ...]


def encode_booking(booking: Booking) -> str:
    """The whole aggregate but its version, which is an attribute of its own."""
    history = [
        [event.at, event.kind, event.cause, event.subject.removeprefix(booking.booking_id), event.before, event.after]
        + [event.detail] * bool(event.detail or event.by)
        + [event.by] * bool(event.by)
        for event in booking.history
    ]
    body = {"booking": _lean(replace(booking, history=(), version=1)), "history": history}
    return msgspec.json.encode(body).decode()


def decode_booking(text: str, version: int) -> Booking:
    """The aggregate as it was saved. Raises msgspec.ValidationError for a record that is not one."""
    record: _BookingRecord = _decoder(_BookingRecord).decode(text)
    booking: Booking = _decoder(Booking).decode(record.booking)
    history = tuple(
        Event(row.at, row.kind, row.cause, _whole(row.subject, booking), row.before, row.after, row.detail, row.by)
        for row in record.history
    )
    return replace(booking, version=version, history=history)


def encode_listing(listing: Listing) -> str:
    """The whole listing but its version, which is an attribute of its own."""
    return msgspec.json.encode(_lean(replace(listing, version=1))).decode()


def decode_listing(text: str, version: int) -> Listing:
    """The listing as it was saved. Raises msgspec.ValidationError for a record that is not one."""
    listing: Listing = _decoder(Listing).decode(text)
    return replace(listing, version=version)


def encode_verification(verification: Verification) -> str:
    """A verification as JSON, for an operator to read."""
    return msgspec.json.encode(_lean(verification)).decode()


def encode_acknowledgement(settlement: Acknowledgement) -> str:
    """The whole settlement."""
    return msgspec.json.encode(_lean(settlement)).decode()


def decode_acknowledgement(text: str) -> Acknowledgement:
    """The settlement as it was saved. Raises msgspec.ValidationError for a record that is not one."""
    settlement: Acknowledgement = _decoder(Acknowledgement).decode(text)
    return settlement


def encode_review(review: Review) -> str:
    """The whole review."""
    return msgspec.json.encode(_lean(review)).decode()


def decode_review(text: str) -> Review:
    """The review as it was saved. Raises msgspec.ValidationError for a record that is not one."""
    review: Review = _decoder(Review).decode(text)
    return review


def _whole(subject: str, booking: Booking) -> str:
    """Payments and refunds are kept by what follows the booking's id; e-mail ids stand alone."""
    return booking.booking_id + subject if subject.startswith("-") else subject


def _lean(value: Any) -> Any:
    if is_dataclass(value):
        return {
            field.name: _lean(content)
            for field in fields(value)
            if (content := getattr(value, field.name)) != field.default or field.default is MISSING
        }
    if isinstance(value, tuple):
        return [_lean(part) for part in value]
    return value


@cache
def _decoder(kind: type[Any]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)
