"""What operators write down of a booking for each other."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.booking import Actor, Booking, Event, append_event, event_of
from chalicelib.domain.errors import FieldError, InvalidRequest
from chalicelib.domain.record import replace

NOTE = "note"
"""The kind of a note's event."""
MAX_NOTES = 100
"""How many notes a booking takes: its record stays far below what an item may hold."""


def notes(booking: Booking) -> list[Event]:
    """The notes of a booking, oldest first."""
    return [event for event in booking.history if event.kind == NOTE]


def add_note(booking: Booking, note: str, *, actor: Actor, now: datetime) -> Booking:
    """Write a note into the history; the same words by the same person once more are a repeat.

    Raises InvalidRequest.
    """
    known = notes(booking)
    if known and (known[-1].detail, known[-1].by) == (note, actor.person_id):
        return booking
    if len(known) >= MAX_NOTES:
        wrong = FieldError("note", f"this booking has its {MAX_NOTES} notes")
        raise InvalidRequest("Some fields are not right.", errors=(wrong,))
    status = booking.status
    noted = event_of(actor, NOTE, now=now, before=status, after=status, detail=note)
    return append_event(replace(booking, updated_at=now), noted)
