"""Correct a booking's contact: its guest while it is not paid, operators at any time."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.booking import Booking
from chalicelib.domain.people import correcting
from chalicelib.domain.record import replace
from chalicelib.domain.verification import Availability
from chalicelib.services.access import Principal, Role, actor_of, visible_booking
from chalicelib.services.ports.stage import Ports
from chalicelib.services.search_keys import contact_keys
from chalicelib.services.updating import Decision, Observation, update


def correct_contact(
    ports: Ports,
    principal: Principal | None,
    booking_id: str,
    changes: Mapping[str, str],
    *,
    note: str = "",
) -> tuple[Booking, Role]:
    """Change some fields of the contact. Raises BookingNotFound, ContactFixed, InvalidRequest, Busy."""
    booking, role = visible_booking(ports, principal, booking_id, roles=("guest", "operator"), right="help")
    actor = actor_of(principal, role)
    keys = contact_keys(ports)

    def decide(current: Booking, _: Availability) -> Decision:
        corrected = correcting.correct_contact(current, changes, actor=actor, now=ports.clock.now(), note=note)
        if corrected == current:
            return Decision(current)
        corrected = replace(corrected, search_keys=keys(corrected.contact))
        return Decision(corrected, (Observation("contact_corrected", fields={"booking_id": current.booking_id}),))

    return update(ports, booking, decide).after, role
