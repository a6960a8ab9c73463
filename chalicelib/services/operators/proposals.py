"""What operators proposed to each other: list it, show it, and decide it, as a second person."""

from __future__ import annotations

from chalicelib.domain import four_eyes
from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.errors import ProposalNotFound
from chalicelib.domain.four_eyes import booking_of_proposal
from chalicelib.domain.ids import BookingId, is_booking_id
from chalicelib.domain.proposal import (
    CancelAct,
    EndStayAct,
    Proposal,
    RefundAct,
    ResolvePaymentAct,
    ResolveRefundAct,
)
from chalicelib.domain.record import Record
from chalicelib.domain.verification import Availability
from chalicelib.services.access import Principal, actor_of, with_role
from chalicelib.services.cancel import cancelling
from chalicelib.services.ending import ending_stay
from chalicelib.services.operators.lists import resolving_review
from chalicelib.services.pages import until_some
from chalicelib.services.ports import Page, Ports
from chalicelib.services.queries import read_bookings
from chalicelib.services.refunds import refunding, resolving_refund
from chalicelib.services.updating import Decide, Decision, Observation, update


class Proposed(Record, frozen=True):
    """A proposal with the booking that it is about."""

    booking: Booking
    proposal: Proposal


def open_proposals(ports: Ports, principal: Principal | None, *, limit: int, after: str | None) -> Page[Proposed]:
    """The proposals that wait for a second person, by when their bookings last came to need one. Raises Forbidden."""
    with_role(principal, "operator")
    now = ports.clock.now()

    def read(position: str | None) -> Page[Proposed]:
        page = ports.bookings.attention_entries(limit=limit, after=position)
        ids = [BookingId(entry.subject) for entry in page.items if is_booking_id(entry.subject)]
        found = [
            Proposed(booking, proposal)
            for booking in read_bookings(ports, ids)
            for proposal in booking.proposals
            if proposal.is_open(now)
        ]
        return Page(tuple(found), page.next_cursor)

    return until_some(read, after)


def find_proposal(ports: Ports, principal: Principal | None, proposal_id: str) -> Proposed:
    """A proposal, for the staff. Raises Forbidden, ProposalNotFound."""
    with_role(principal, "operator")
    booking_id = booking_of_proposal(proposal_id)
    booking = ports.bookings.load(booking_id) if is_booking_id(booking_id) else None
    proposal = booking.proposal(proposal_id) if booking else None
    if booking is None or proposal is None:
        raise ProposalNotFound("There is no such proposal.")
    return Proposed(booking, proposal)


def approve(ports: Ports, principal: Principal | None, proposal_id: str, *, note: str) -> Proposed:
    """Have a proposed act done, as another person than who proposed it; a repeat changes nothing.

    Everything is checked again on the state that the act changes. Raises Forbidden, ProposalNotFound, ProposalClosed,
    ProposalOutdated, SecondPersonNeeded, Busy, and what the act itself is refused for.
    """
    operator = with_role(principal, "operator", "approve")
    found = find_proposal(ports, operator, proposal_id)
    actor = actor_of(operator, "operator")
    if found.proposal.status == "approved":
        return found
    four_eyes.check_decidable(found.proposal, actor=actor, now=ports.clock.now())
    act = _act_of(ports, found)

    def decide(current: Booking, availability: Availability) -> Decision:
        known = four_eyes.get_proposal(current, proposal_id)
        if known.status == "approved":
            return Decision(current)
        now = ports.clock.now()
        four_eyes.check_decidable(known, actor=actor, now=now)
        acted = act(current, availability)
        done = four_eyes.approve(current, acted.booking, proposal_id, actor=actor, note=note, now=now)
        return Decision(done, (*acted.events, _decided(known, "approved")))

    after = update(ports, found.booking, decide).after
    return Proposed(after, four_eyes.get_proposal(after, proposal_id))


def reject(ports: Ports, principal: Principal | None, proposal_id: str, *, note: str) -> Proposed:
    """Close a proposal, as another person than who made it, so that its act is not done; a repeat changes nothing.

    Raises Forbidden, ProposalNotFound, ProposalClosed, SecondPersonNeeded, Busy.
    """
    operator = with_role(principal, "operator", "approve")
    found = find_proposal(ports, operator, proposal_id)
    actor = actor_of(operator, "operator")

    def decide(current: Booking, _: Availability) -> Decision:
        known = four_eyes.get_proposal(current, proposal_id)
        if known.status == "rejected":
            return Decision(current)
        now = ports.clock.now()
        four_eyes.check_decidable(known, actor=actor, now=now)
        rejected = four_eyes.reject(current, proposal_id, actor=actor, note=note, now=now)
        return Decision(rejected, (_decided(known, "rejected"),))

    after = update(ports, found.booking, decide).after
    return Proposed(after, four_eyes.get_proposal(after, proposal_id))


def _act_of(ports: Ports, found: Proposed) -> Decide:
    """The act as who proposed it would do it now. Raises its refusals."""
    act = found.proposal.act
    proposer = Actor("operator", found.proposal.by, found.proposal.by_name)
    match act:
        case RefundAct():
            return refunding(ports, act, actor=proposer)
        case ResolveRefundAct():
            return resolving_refund(ports, found.booking, act, actor=proposer)
        case ResolvePaymentAct():
            return resolving_review(ports, act, actor=proposer)
        case CancelAct():
            return cancelling(ports, act, actor=proposer)
        case EndStayAct():
            return ending_stay(ports, act, actor=proposer)


def _decided(proposal: Proposal, kind: str) -> Observation:
    return Observation("proposal_decided", fields={"proposal_id": proposal.proposal_id, "kind": kind})
