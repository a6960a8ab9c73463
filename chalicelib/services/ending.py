"""End a stay after check-in, for the listing's host or an operator: a no-show, or a guest who leaves early."""

from __future__ import annotations

from datetime import date

from chalicelib.domain import ending
from chalicelib.domain.booking import Booking, EndedAs
from chalicelib.domain.verification import Availability
from chalicelib.services.access import Principal, Role, actor_of, visible_booking
from chalicelib.services.ports import Ports
from chalicelib.services.updating import Decision, update


def end_stay(
    ports: Ports,
    principal: Principal | None,
    booking_id: str,
    *,
    as_: EndedAs,
    last_night: date | None,
    refund: int,
    note: str,
) -> tuple[Booking, Role]:
    """Free the nights that are left of a stay, and owe ``refund`` minor units of it; a repeat changes nothing.

    Raises BookingNotFound, StayNotBegun, StayOver, StayEndedAlready, InvalidRequest, PaymentDisputed,
    RefundExceedsPayment, Busy.
    """
    booking, role = visible_booking(ports, principal, booking_id, roles=("host", "operator"), right="money")
    actor = actor_of(principal, role)

    def decide(current: Booking, _: Availability) -> Decision:
        return Decision(
            ending.end_stay(
                current,
                as_=as_,
                last_night=last_night,
                refund=refund,
                note=note,
                actor=actor,
                now=ports.clock.now(),
            )
        )

    done = update(ports, booking, decide)
    if done.before.ended is None:
        ports.observe("stay_ended", booking_id=done.after.booking_id, kind=as_)
    return done.after, role
