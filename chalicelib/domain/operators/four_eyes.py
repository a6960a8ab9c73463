"""Four eyes: what one operator proposes is done once another one approves it.

A refund that is posted again, or said to have been paid otherwise, always needs two. So does whatever gives back so
much that all that went back of a payment, or is owed, comes above the stage's limit: parts do not get below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from chalicelib.domain.booking import Actor, Booking, append_event, event_of, get_payment
from chalicelib.domain.errors import FieldError, InvalidRequest, ProposalClosed, ProposalOutdated, SecondPersonNeeded
from chalicelib.domain.ids import BookingId, ListingId, PersonId, is_booking_id, payment_of, proposal_id_of
from chalicelib.domain.money import Money, zero
from chalicelib.domain.proposal import Act, Proposal, RefundAct, ResolvePaymentAct, ResolveRefundAct
from chalicelib.domain.record import replace
from chalicelib.domain.timing import PROPOSAL_KEPT

PROPOSED, APPROVED, REJECTED, EXPIRED = "proposed", "proposal_approved", "proposal_rejected", "proposal_expired"
EVENTS = frozenset({PROPOSED, APPROVED, REJECTED, EXPIRED})
"""The kinds of the events that tell of proposals."""
ALWAYS = frozenset({"post_again", "paid_otherwise"})
"""The ways to resolve a refund that need two people whatever the amount."""
MAX_PROPOSALS = 50
"""How many proposals a booking takes: its record stays far below what an item may hold."""


def needs_second_person(before: Booking, after: Booking, act: Act, *, above: Mapping[str, Money]) -> bool:
    """Whether an act that makes ``after`` of ``before`` needs two people.

    ``above`` is the limit in each currency; in one that is not there, everything that gives money back does.
    """
    if isinstance(act, ResolveRefundAct):
        return act.as_ in ALWAYS or is_above(_resolved(before, act), above)
    if isinstance(act, ResolvePaymentAct) and act.as_ == "accept":
        # What becomes of accepted money follows from the rules of late money, and from no person.
        return False
    for payment in after.payments:
        known = before.payment(payment.tx_ref)
        more = payment.refunds[len(known.refunds) if known else 0 :]
        if more and is_above(payment.refunded_or_owed, above):
            return True
    return False


def amount_of(before: Booking, after: Booking, act: Act) -> Money:
    """The money that an act which makes ``after`` of ``before`` gives back, or decides about."""
    if isinstance(act, ResolveRefundAct):
        return _resolved(before, act)
    known = {refund.refund_id for refund in before.refunds}
    amounts = [refund.amount for refund in after.refunds if refund.refund_id not in known]
    total = zero(amounts[0].currency if amounts else before.total.currency)
    for amount in amounts:
        total += amount
    return total


def open_proposal(booking: Booking, act: Act, *, now: datetime) -> Proposal | None:
    """The proposal of this very act that waits for a second person, whoever made it."""
    same = (each for each in booking.proposals if each.is_open(now) and _unkeyed(each.act) == _unkeyed(act))
    return next(same, None)


def next_proposal(
    owner: BookingId | ListingId,
    known: tuple[Proposal, ...],
    act: Act,
    *,
    amount: Money,
    by: Actor,
    request_id: str,
    now: datetime,
) -> Proposal:
    """The proposal after those that a booking or a listing has. Raises InvalidRequest for one more than it takes."""
    if len(known) >= MAX_PROPOSALS:
        field = "booking_id" if is_booking_id(owner) else "listing_id"
        wrong = FieldError(field, f"this {field.removesuffix('_id')} has its {MAX_PROPOSALS} proposals")
        raise InvalidRequest("Some fields are not right.", errors=(wrong,))
    return Proposal(
        proposal_id=proposal_id_of(owner, len(known) + 1),
        act=act,
        amount=amount,
        at=now,
        by=PersonId(by.person_id),
        by_name=by.name,
        request_id=request_id,
        expires_at=now + PROPOSAL_KEPT,
    )


def propose(booking: Booking, act: Act, *, amount: Money, actor: Actor, request_id: str, now: datetime) -> Booking:
    """Keep an act until a second person decides. Raises InvalidRequest for one more than a booking takes."""
    made = next_proposal(
        booking.booking_id, booking.proposals, act, amount=amount, by=actor, request_id=request_id, now=now
    )
    booking = replace(booking, proposals=(*booking.proposals, made), updated_at=now)
    return _told(booking, PROPOSED, made, made.why, actor=actor, now=now)


def check_decidable(proposal: Proposal, *, actor: Actor, now: datetime) -> None:
    """Raises ProposalClosed once it is decided or its time is over; SecondPersonNeeded for who proposed it."""
    if proposal.status == "expired" or (proposal.status == "open" and not proposal.is_open(now)):
        raise ProposalClosed("Nobody decided in time: it has to be proposed again.")
    if proposal.status != "open":
        raise ProposalClosed(f"It was {proposal.status} by {proposal.decided_by_name or proposal.decided_by}.")
    if is_same_person(proposal, actor):
        raise SecondPersonNeeded("You proposed this yourself: another person decides.", proposal.proposal_id)


def is_same_person(proposal: Proposal, actor: Actor) -> bool:
    """By the token's ``sub``; or by the address, which one person may have under two of them."""
    same_name = bool(actor.name) and actor.name.casefold() == proposal.by_name.casefold()
    return actor.person_id == proposal.by or same_name


def approve(before: Booking, after: Booking, proposal_id: str, *, actor: Actor, note: str, now: datetime) -> Booking:
    """Record in ``after``, in which the proposed act is done, that a second person had it done.

    Raises ProposalOutdated where it now comes to another amount than that person read.
    """
    known = get_proposal(before, proposal_id)
    amount = amount_of(before, after, known.act)
    if amount != known.amount:
        raise ProposalOutdated(
            f"The booking has changed: this would now be about {amount.formatted}, and not {known.amount.formatted}. "
            "Reject it, and propose it again."
        )
    return _decided(after, known, "approved", APPROVED, actor=actor, note=note, now=now)


def reject(booking: Booking, proposal_id: str, *, actor: Actor, note: str, now: datetime) -> Booking:
    """Record that a second person will not have it done."""
    return _decided(booking, get_proposal(booking, proposal_id), "rejected", REJECTED, actor=actor, note=note, now=now)


def expire_proposals(booking: Booking, *, actor: Actor, now: datetime) -> Booking:
    """Close the proposals that nobody decided in time."""
    for known in booking.proposals:
        if known.status == "open" and not known.is_open(now):
            expired = replace(known, status="expired")
            booking = _told(_with_proposal(booking, expired), EXPIRED, expired, "", actor=actor, now=now)
    return booking


def get_proposal(booking: Booking, proposal_id: str) -> Proposal:
    """A proposal that is known to be there. Raises KeyError."""
    known = booking.proposal(proposal_id)
    if known is None:
        raise KeyError(proposal_id)
    return known


def _decided(
    booking: Booking,
    known: Proposal,
    status: str,
    kind: str,
    *,
    actor: Actor,
    note: str,
    now: datetime,
) -> Booking:
    decided = replace(
        known,
        status="approved" if status == "approved" else "rejected",
        decided_at=now,
        decided_by=PersonId(actor.person_id),
        decided_by_name=actor.name,
        note=note,
    )
    return _told(replace(_with_proposal(booking, decided), updated_at=now), kind, decided, note, actor=actor, now=now)


def _with_proposal(booking: Booking, proposal: Proposal) -> Booking:
    proposals = tuple(proposal if each.proposal_id == proposal.proposal_id else each for each in booking.proposals)
    return replace(booking, proposals=proposals)


def _told(booking: Booking, kind: str, proposal: Proposal, words: str, *, actor: Actor, now: datetime) -> Booking:
    """With the event that tells of it, among those of what it is about."""
    subject = proposal.subject
    status = _status_of(booking, subject)
    detail = f"{proposal.proposal_id}, {proposal.amount.formatted}" + (f": {words}" if words else "")
    event = event_of(actor, kind, now=now, subject=subject, before=status, after=status, detail=detail)
    return append_event(booking, event)


def _status_of(booking: Booking, subject: str) -> str:
    if (payment := booking.payment(subject)) is not None:
        return payment.status
    refund = booking.refund(subject)
    return booking.status if refund is None else refund.status


def _resolved(booking: Booking, act: ResolveRefundAct) -> Money:
    refund = get_payment(booking, payment_of(act.refund_id)).refund(act.refund_id)
    return zero(booking.total.currency) if refund is None else refund.amount


def is_above(amount: Money, above: Mapping[str, Money]) -> bool:
    """Whether the amount is above the limit of its currency; in one without a limit, any is."""
    limit = above.get(amount.currency)
    return limit is None or amount > limit


def _unkeyed(act: Act) -> Act:
    """The same act under whatever Idempotency-Key: two people who want the same propose it once."""
    return replace(act, key="") if isinstance(act, RefundAct) else act


def owner_of_proposal(proposal_id: str) -> str:
    """The booking, or the listing, that a proposal's id names."""
    return proposal_id.partition("-")[0]
