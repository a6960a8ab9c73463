"""Who a booking is for: how it is read, and how it is corrected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from chalice.app import Blueprint
from msgspec import UNSET, UnsetType

from chalicelib.api.answers.bookings import BookingOut
from chalicelib.api.core.fields import Email, MaybeName, Name, Phone, Sentence
from chalicelib.api.core.preconditions import etag
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.contact import Contact
from chalicelib.domain.errors import FieldError
from chalicelib.domain.words.names import person_name
from chalicelib.services.correcting import correct_contact

routes = Blueprint(__name__)


class ContactIn(msgspec.Struct, frozen=True):
    """Who the booking is for, and where they are reached. ``last_name`` may be left out, or be null or empty."""

    first_name: Name
    """The guest's first name, or only one."""
    email: Email
    phone: Phone
    last_name: MaybeName | None = None
    """The guest's last name; left out, null or empty for those who have one name."""

    @staticmethod
    def across(right: Mapping[str, Any]) -> Iterator[FieldError]:
        """The two names make no link between them either."""
        if right.get("first_name") and right.get("last_name"):
            try:
                person_name(f"{right['first_name']} {right['last_name']}")
            except ValueError as error:
                yield FieldError("last_name", str(error))

    @property
    def contact(self) -> Contact:
        """As a booking keeps it."""
        return Contact(first_name=self.first_name, last_name=self.last_name or "", email=self.email, phone=self.phone)


class ContactChange(msgspec.Struct, frozen=True):
    """What changes of a contact: any part of it. What is left out stays as it is."""

    first_name: Name | UnsetType = UNSET
    """The guest's first name, or only one."""
    email: Email | UnsetType = UNSET
    phone: Phone | UnsetType = UNSET
    last_name: MaybeName | UnsetType | None = UNSET
    """The guest's last name; null or empty for those who have one name."""

    @property
    def changes(self) -> dict[str, str]:
        """What changes, by the fields of a contact."""
        given = msgspec.structs.asdict(self).items()
        return {name: value or "" for name, value in given if value is not UNSET}


class Correction(msgspec.Struct, frozen=True):
    """What is corrected of a booking."""

    contact: ContactChange
    """Who the booking is for; what is left out of it stays as it is."""
    note: Sentence | None = None
    """Why; kept in the history, for operators."""
    dry_run: bool = False
    """Answer what would be, and write nothing."""


@endpoint(
    routes,
    "PATCH",
    "/v1/bookings/{booking_id}",
    signed_in=True,
    act="correct_contact",
    shows_contact=True,
    conditional="booking",
    outcomes=(Outcome(body=BookingOut, headers=("ETag",)),),
    refuses=("forbidden", "booking_not_found", "contact_fixed"),
)
def correct_booking(call: Call, body: Correction) -> Answer:
    """Correct the contact of a booking: its guest until it is paid, operators always.

    Letters that are sent from then on go there. With If-Match, only if the booking is still as it was read.
    """
    ports = call.ports(dry_run=body.dry_run)
    booking, role = correct_contact(
        ports, call.principal, call.path["booking_id"], body.contact.changes, note=body.note or ""
    )
    return Answer(BookingOut.of(booking, role, now=call.now()), headers={"ETag": etag(booking.version)})
