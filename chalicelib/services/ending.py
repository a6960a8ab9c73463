"""End a stay after check-in, for the listing's host or an operator: a no-show, or a guest who leaves early."""

from __future__ import annotations

from datetime import date

from chalicelib.domain import ending
from chalicelib.domain.booking import Actor, Booking, EndedAs
from chalicelib.domain.proposal import EndStayAct
from chalicelib.domain.verification import Availability
from chalicelib.services.access import Principal, Role, actor_of, visible_booking
from chalicelib.services.four_eyes import update_with_four_eyes
from chalicelib.services.ports.stage import Ports
from chalicelib.services.updating import Decide, Decision, Observation


def end_stay(
    ports: Ports,
    principal: Principal | None,
    booking_id: str,
    *,
    as_: EndedAs,
    last_night: date | None,
    refund: int,
    note: str,
    request_id: str = "",
) -> tuple[Booking, Role]:
    """Free the nights that are left of a stay, and owe ``refund`` minor units of it; a repeat changes nothing.

    Raises BookingNotFound, StayNotBegun, StayOver, StayEndedAlready, InvalidRequest, PaymentDisputed,
    RefundExceedsPayment, RefundUnderWay, SecondPersonNeeded, Busy.
    """
    booking, role = visible_booking(ports, principal, booking_id, roles=("host", "operator"), right="money")
    actor, act = actor_of(principal, role), EndStayAct(as_, last_night, refund, note)
    decide = ending_stay(ports, act, actor=actor)
    done = update_with_four_eyes(ports, booking, decide, act=act, actor=actor, request_id=request_id)
    return done.after, role


def ending_stay(ports: Ports, act: EndStayAct, *, actor: Actor) -> Decide:
    """Decide what the end of a stay makes of a booking. The decision raises what ``end_stay`` does."""

    def decide(current: Booking, _: Availability) -> Decision:
        ended = ending.end_stay(
            current,
            as_=act.as_,
            last_night=act.last_night,
            refund=act.refund,
            note=act.note,
            actor=actor,
            now=ports.clock.now(),
        )
        if ended == current:
            return Decision(current)
        fields = {"booking_id": current.booking_id, "kind": act.as_}
        return Decision(ended, (Observation("stay_ended", fields=fields),))

    return decide
