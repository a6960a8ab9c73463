"""The letters of a booking, for operators: one is sent again."""

from __future__ import annotations

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.messages import MessageOut
from chalicelib.api.core.fields import Sentence
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.services.operators import messages

routes = Blueprint(__name__)


class Resend(msgspec.Struct, frozen=True):
    """How a letter is sent again."""

    note: Sentence | None = None
    """Why; kept in the booking's history."""
    lift: bool = False
    """Also to an address to which a letter bounced, or whose reader complained; it is written to from then on."""
    dry_run: bool = False
    """Answer what would be, and write nothing."""


@endpoint(
    routes,
    "POST",
    "/v1/ops/bookings/{booking_id}/messages/{entry_id}/resend",
    role="operator",
    right="help",
    act="resend",
    about=lambda call, _: call.path["booking_id"],
    shows_contact=True,
    conditional="booking",
    outcomes=(Outcome(202, MessageOut),),
    refuses=("booking_not_found", "message_not_found", "message_not_true", "no_address", "address_suppressed"),
)
def resend_message(call: Call, body: Resend) -> Answer:
    """Send a letter again, to the address that its reader has today.

    One that is owed already is answered as it is. One whose words do not hold any more is refused, and so is one to an
    address that bounced or complained, unless ``lift`` says that it may be written to.
    """
    done = messages.resend(
        call.container,
        call.principal,
        call.path["booking_id"],
        call.path["entry_id"],
        note=body.note or "",
        lift=body.lift,
        dry_run=body.dry_run,
    )
    return Answer(MessageOut.of(done.booking, done.entry, done.host), 202)
