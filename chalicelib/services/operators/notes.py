"""An operator writes down something of a booking, for the others."""

from __future__ import annotations

from chalicelib.domain.booking import Booking, Event
from chalicelib.domain.errors import BookingNotFound
from chalicelib.domain.ids import BookingId, is_booking_id
from chalicelib.domain.operators import notes
from chalicelib.domain.verification import Availability
from chalicelib.services.access import Principal, actor_of, with_role
from chalicelib.services.ports.stage import Ports
from chalicelib.services.updating import Decision, preview, update


def add_note(
    ports: Ports, principal: Principal | None, booking_id: str, *, note: str, dry_run: bool = False
) -> tuple[Booking, Event]:
    """Write a note into a booking's history; a repeat changes nothing, and ``dry_run`` writes nothing.

    Raises Forbidden, BookingNotFound, InvalidRequest, Busy.
    """
    actor = actor_of(with_role(principal, "operator", "help"), "operator")
    booking = ports.bookings.load(BookingId(booking_id)) if is_booking_id(booking_id) else None
    if booking is None:
        raise BookingNotFound("There is no such booking.")

    def decide(current: Booking, _: Availability) -> Decision:
        return Decision(notes.add_note(current, note, actor=actor, now=ports.clock.now()))

    after = (preview if dry_run else update)(ports, booking, decide).after
    return after, notes.notes(after)[-1]
