"""Cancel a booking, for its guest, the listing's host, or an operator."""

from __future__ import annotations

from chalicelib.domain import cancellation
from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.proposal import CancelAct
from chalicelib.domain.verification import Availability
from chalicelib.services.access import Principal, Role, actor_of, visible_booking
from chalicelib.services.four_eyes import update_with_four_eyes
from chalicelib.services.ports.stage import Ports
from chalicelib.services.updating import Decide, Decision


def cancel(
    ports: Ports, principal: Principal | None, booking_id: str, *, reason: str, request_id: str = ""
) -> tuple[Booking, Role]:
    """Cancel a booking, with what goes back; a repeat changes nothing.

    Raises BookingNotFound, StayBegun, SecondPersonNeeded, Busy.
    """
    booking, role = visible_booking(ports, principal, booking_id, roles=("guest", "host", "operator"), right="money")
    actor, act = actor_of(principal, role), CancelAct(reason)
    decide = cancelling(ports, act, actor=actor)
    return update_with_four_eyes(ports, booking, decide, act=act, actor=actor, request_id=request_id).after, role


def cancelling(ports: Ports, act: CancelAct, *, actor: Actor) -> Decide:
    """Decide what a cancellation makes of a booking. The decision raises StayBegun."""

    def decide(current: Booking, _: Availability) -> Decision:
        return Decision(cancellation.cancel(current, actor=actor, reason=act.reason, now=ports.clock.now()))

    return decide
