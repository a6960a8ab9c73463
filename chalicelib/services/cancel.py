"""Cancel a booking, for its guest, the listing's host, or an operator."""

from __future__ import annotations

from chalicelib.domain import cancellation
from chalicelib.domain.booking import Booking
from chalicelib.domain.verification import Availability
from chalicelib.services.access import Principal, Role, actor_of, visible_booking
from chalicelib.services.ports import Ports
from chalicelib.services.updating import Decision, update


def cancel(ports: Ports, principal: Principal | None, booking_id: str, *, reason: str) -> tuple[Booking, Role]:
    """Cancel a booking, with what goes back; a repeat changes nothing. Raises BookingNotFound, StayBegun, Busy."""
    booking, role = visible_booking(ports, principal, booking_id, roles=("guest", "host", "operator"), right="money")
    actor = actor_of(principal, role)

    def decide(current: Booking, _: Availability) -> Decision:
        return Decision(cancellation.cancel(current, actor=actor, reason=reason, now=ports.clock.now()))

    return update(ports, booking, decide).after, role
