"""Operators' notes of a booking over HTTP."""

from __future__ import annotations

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.payments import EventOut
from chalicelib.api.core.fields import Sentence
from chalicelib.api.core.preconditions import etag
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.services.operators.notes import add_note

routes = Blueprint(__name__)


class NoteIn(msgspec.Struct, frozen=True):
    """Something that the other operators should know of a booking."""

    note: Sentence
    """What; for operators alone."""
    dry_run: bool = False
    """Answer what would be, and write nothing."""


@endpoint(
    routes,
    "POST",
    "/v1/ops/bookings/{booking_id}/notes",
    role="operator",
    right="help",
    act="note",
    conditional="booking",
    outcomes=(Outcome(201, EventOut, headers=("ETag",)),),
    refuses=("booking_not_found",),
)
def note_booking(call: Call, body: NoteIn) -> Answer:
    """Write a note into a booking's history, which operators alone read; the same words at once again are a repeat.

    A booking takes a hundred of them.
    """
    booking, event = add_note(
        call.container, call.principal, call.path["booking_id"], note=body.note, dry_run=body.dry_run
    )
    answer = EventOut.of(event, booking.current_payment.tx_ref)
    return Answer(answer, 201, {"ETag": etag(booking.version)})
