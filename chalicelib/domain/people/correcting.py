"""Correct who a booking is for, and where they are reached."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from chalicelib.domain.booking import Actor, Booking, append_event, event_of
from chalicelib.domain.errors import ContactFixed, FieldError, InvalidRequest
from chalicelib.domain.record import replace
from chalicelib.domain.words.names import person_name


def correct_contact(
    booking: Booking, changes: Mapping[str, str], *, actor: Actor, now: datetime, note: str = ""
) -> Booking:
    """Change some fields of a booking's contact; letters that are sent from now on go there.

    A guest may until the booking is paid or cancelled, an operator always. The history names the fields that changed,
    and never what they held. What was erased stays so. Raises ContactFixed, InvalidRequest.
    """
    if booking.contact_erased_at is not None:
        raise ContactFixed("The contact of this booking was erased.")
    if actor.cause == "guest" and booking.status not in ("pending_payment", "expired"):
        raise ContactFixed("The contact of this booking is changed by an operator only.")
    contact = replace(booking.contact, **changes)
    changed = [name for name in changes if getattr(contact, name) != getattr(booking.contact, name)]
    if not changed:
        return booking
    try:
        if "first_name" in changed or "last_name" in changed:
            person_name(contact.name)
    except ValueError as error:
        # Each name is right by itself, and the two make a link.
        wrong = FieldError("contact.last_name", str(error))
        raise InvalidRequest("Some fields are not right.", errors=(wrong,)) from error
    status, detail = booking.status, ", ".join(changed) + (f": {note}" if note else "")
    corrected = event_of(actor, "contact_corrected", now=now, before=status, after=status, detail=detail)
    return append_event(replace(booking, contact=contact, updated_at=now), corrected)
