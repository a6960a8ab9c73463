"""What operators proposed to each other: list it, show it, and decide it, as a second person."""

from __future__ import annotations

from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.errors import ProposalNotFound
from chalicelib.domain.ids import BookingId, ListingId, is_booking_id, is_listing_id
from chalicelib.domain.operators import four_eyes
from chalicelib.domain.operators.closing import Closing, listing_of_task
from chalicelib.domain.operators.four_eyes import owner_of_proposal
from chalicelib.domain.proposal import (
    CancelAct,
    CloseListingAct,
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
from chalicelib.services.operators import closing
from chalicelib.services.operators.lists import resolving_review
from chalicelib.services.pages import until_some
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import read_bookings
from chalicelib.services.refunds import refunding, resolving_refund
from chalicelib.services.updating import Decide, Decision, Observation, update


class Proposed(Record, frozen=True):
    """A proposal with what it is about: a booking, or the closing of a listing."""

    about: Booking | Closing
    proposal: Proposal

    @property
    def booking(self) -> Booking | None:
        """The booking, if it is about one."""
        return self.about if isinstance(self.about, Booking) else None

    @property
    def closing(self) -> Closing | None:
        """The closing of a listing, if it is about one."""
        return self.about if isinstance(self.about, Closing) else None


def open_proposals(ports: Ports, principal: Principal | None, *, limit: int, after: str | None) -> Page[Proposed]:
    """The proposals that wait for a second person, by when their bookings last came to need one. Raises Forbidden."""
    with_role(principal, "operator")
    now = ports.clock.now()

    def read(position: str | None) -> Page[Proposed]:
        page = ports.bookings.attention_entries(limit=limit, after=position)
        ids = [BookingId(entry.subject) for entry in page.items if is_booking_id(entry.subject)]
        listings = [listing_of_task(entry.subject) for entry in page.items if entry.kind == "proposal"]
        closings = [ports.closings.load(listing_id) for listing_id in listings if listing_id is not None]
        abouts: list[Booking | Closing] = [*read_bookings(ports, ids), *(each for each in closings if each is not None)]
        found = [Proposed(about, proposal) for about in abouts for proposal in about.proposals if proposal.is_open(now)]
        return Page(tuple(found), page.next_cursor)

    return until_some(read, after)


def find_proposal(ports: Ports, principal: Principal | None, proposal_id: str) -> Proposed:
    """A proposal, for the staff. Raises Forbidden, ProposalNotFound."""
    with_role(principal, "operator")
    owner = owner_of_proposal(proposal_id)
    about: Booking | Closing | None = None
    if is_booking_id(owner):
        about = ports.bookings.load(BookingId(owner))
    elif is_listing_id(owner):
        about = ports.closings.load(ListingId(owner))
    proposal = about.proposal(proposal_id) if about else None
    if about is None or proposal is None:
        raise ProposalNotFound("There is no such proposal.")
    return Proposed(about, proposal)


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
    if isinstance(found.about, Closing):
        return _of_listing(closing.approve(ports, found.about, found.proposal, by=actor, note=note), proposal_id)
    four_eyes.check_decidable(found.proposal, actor=actor, now=ports.clock.now())
    act = _act_of(ports, found.about, found.proposal)

    def decide(current: Booking, availability: Availability) -> Decision:
        known = four_eyes.get_proposal(current, proposal_id)
        if known.status == "approved":
            return Decision(current)
        now = ports.clock.now()
        four_eyes.check_decidable(known, actor=actor, now=now)
        acted = act(current, availability)
        done = four_eyes.approve(current, acted.booking, proposal_id, actor=actor, note=note, now=now)
        return Decision(done, (*acted.events, _decided(known, "approved")))

    after = update(ports, found.about, decide).after
    return Proposed(after, four_eyes.get_proposal(after, proposal_id))


def reject(ports: Ports, principal: Principal | None, proposal_id: str, *, note: str) -> Proposed:
    """Close a proposal, as another person than who made it, so that its act is not done; a repeat changes nothing.

    Raises Forbidden, ProposalNotFound, ProposalClosed, SecondPersonNeeded, Busy.
    """
    operator = with_role(principal, "operator", "approve")
    found = find_proposal(ports, operator, proposal_id)
    actor = actor_of(operator, "operator")
    if isinstance(found.about, Closing):
        if found.proposal.status == "rejected":
            return found
        return _of_listing(closing.reject(ports, found.about, found.proposal, by=actor, note=note), proposal_id)

    def decide(current: Booking, _: Availability) -> Decision:
        known = four_eyes.get_proposal(current, proposal_id)
        if known.status == "rejected":
            return Decision(current)
        now = ports.clock.now()
        four_eyes.check_decidable(known, actor=actor, now=now)
        rejected = four_eyes.reject(current, proposal_id, actor=actor, note=note, now=now)
        return Decision(rejected, (_decided(known, "rejected"),))

    after = update(ports, found.about, decide).after
    return Proposed(after, four_eyes.get_proposal(after, proposal_id))


def _of_listing(after: Closing, proposal_id: str) -> Proposed:
    return Proposed(after, next(each for each in after.proposals if each.proposal_id == proposal_id))


def _act_of(ports: Ports, booking: Booking, proposal: Proposal) -> Decide:
    """The act as who proposed it would do it now. Raises its refusals."""
    act = proposal.act
    proposer = Actor("operator", proposal.by, proposal.by_name)
    match act:
        case RefundAct():
            return refunding(ports, act, actor=proposer)
        case ResolveRefundAct():
            return resolving_refund(ports, booking, act, actor=proposer)
        case ResolvePaymentAct():
            return resolving_review(ports, act, actor=proposer)
        case CancelAct():
            return cancelling(ports, act, actor=proposer)
        case EndStayAct():
            return ending_stay(ports, act, actor=proposer)
        case CloseListingAct():
            raise ProposalNotFound("There is no such proposal.")


def _decided(proposal: Proposal, kind: str) -> Observation:
    return Observation("proposal_decided", fields={"proposal_id": proposal.proposal_id, "kind": kind})
