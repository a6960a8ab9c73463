"""Cancel a booking, for its guest, the listing's host, or an operator."""

from __future__ import annotations

from typing import Literal

from chalicelib.domain import cancellation as cancelling
from chalicelib.domain.booking import Booking
from chalicelib.services.access import Principal, Role, visible_booking
from chalicelib.services.ports import Ports
from chalicelib.services.updating import save_decision


def cancel(ports: Ports, principal: Principal | None, booking_id: str, *, reason: str) -> tuple[Booking, Role]:
    """The cancelled booking, with what goes back; a repeat changes nothing. Raises BookingNotFound, StayBegun, Busy."""
    booking, role = visible_booking(ports, principal, booking_id, roles=("guest", "host", "operator"))

    def decide(current: Booking, _nights: Literal["free", "short"]) -> Booking:
        return cancelling.cancel(current, by=role, reason=reason, now=ports.clock.now())

    return save_decision(ports, booking, decide), role
