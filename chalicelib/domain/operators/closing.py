"""Close a listing for good, and cancel the stays that have not begun: a piece of work that goes on batch by batch.

A closing is a small record of its own with a time of its own, so the same clock that looks after bookings carries it on
after whatever stopped it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.errors import ProposalOutdated
from chalicelib.domain.ids import BookingId, ListingId, PersonId
from chalicelib.domain.money import Money
from chalicelib.domain.operators.four_eyes import is_above, next_proposal
from chalicelib.domain.proposal import CloseListingAct, Proposal, ProposalStatus
from chalicelib.domain.record import Record, replace
from chalicelib.domain.refunds import left_to_refund
from chalicelib.domain.timing import CLOSING_RETRY, HOLD_IN_FLIGHT

_PREFIX = "CLOSING#"


class Closing(Record, frozen=True, kw_only=True):
    """That an operator closed a listing, and how far the cancelling of its bookings got.

    ``expected`` is how many bookings were to be cancelled when it began, ``cancelled`` how many it has cancelled, and
    ``returned`` what goes back for them, in each currency. ``position`` is the check-in and booking up to which the
    present pass has come. A pass that began while holds could still land is followed by another. ``due_at`` is when
    the clock carries it on; None: it is finished. ``reopened_at`` is when an operator opened the listing again.
    ``proposals`` are those to cancel what is to come; not ``is_begun``: nothing was done yet but to propose it.
    """

    listing_id: ListingId
    by: Actor
    reason: str
    begun_at: datetime
    pass_begun_at: datetime
    due_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_bookings: bool = False
    expected: int = 0
    cancelled: int = 0
    returned: tuple[Money, ...] = ()
    position: str = ""
    reopened_at: datetime | None = None
    reopened_by: Actor | None = None
    reopened_note: str = ""
    is_begun: bool = True
    proposals: tuple[Proposal, ...] = ()
    version: int = 0

    def proposal(self, proposal_id: str) -> Proposal | None:
        """One of its proposals."""
        return next((each for each in self.proposals if each.proposal_id == proposal_id), None)

    @property
    def waiting(self) -> Proposal | None:
        """The proposal that nobody has decided, and that has not expired by the clock."""
        return next((each for each in self.proposals if each.status == "open"), None)


def closing_task(listing_id: ListingId) -> BookingId:
    """The name under which the clock and its queue have the closing of a listing, among bookings."""
    return BookingId(f"{_PREFIX}{listing_id}")


def listing_of_task(task_id: str) -> ListingId | None:
    """The listing whose closing goes by this name; None for a booking's."""
    return ListingId(task_id.removeprefix(_PREFIX)) if task_id.startswith(_PREFIX) else None


def may_be_cancelled(booking: Booking, *, now: datetime) -> bool:
    """It holds nights, and its stay has not begun."""
    return booking.holds_nights and now < booking.check_in_at


def goes_back(booking: Booking) -> Money:
    """What an operator's cancellation of a booking gives back."""
    return left_to_refund(booking.current_payment)


def begin(
    listing_id: ListingId, *, by: Actor, reason: str, cancel_bookings: bool, expected: int, now: datetime
) -> Closing:
    """A closing whose first batch is due at once; one that cancels nothing is finished."""
    return Closing(
        listing_id=listing_id,
        by=by,
        reason=reason,
        begun_at=now,
        pass_begun_at=now,
        cancel_bookings=cancel_bookings,
        expected=expected if cancel_bookings else 0,
        due_at=now if cancel_bookings else None,
        finished_at=None if cancel_bookings else now,
    )


def needs_second_person(returns: Sequence[Money], *, partial: bool, above: Mapping[str, Money]) -> bool:
    """Whether cancelling bookings that give this back takes two people; ``partial``: more than was added up."""
    return partial or any(is_above(money, above) for money in returns)


def unbegun(listing_id: ListingId, *, by: Actor, reason: str, now: datetime) -> Closing:
    """What keeps the proposals of a listing that no operator has closed."""
    return replace(begin(listing_id, by=by, reason=reason, cancel_bookings=False, expected=0, now=now), is_begun=False)


def propose(
    known: Closing, act: CloseListingAct, *, amount: Money, by: Actor, request_id: str, now: datetime
) -> Closing:
    """Keep until a second person decides that a listing is closed. Raises InvalidRequest for one more than it takes."""
    made = next_proposal(known.listing_id, known.proposals, act, amount=amount, by=by, request_id=request_id, now=now)
    return clocked(replace(known, proposals=(*known.proposals, made)))


def check_not_more(act: CloseListingAct, returns: Sequence[Money]) -> None:
    """Raises ProposalOutdated where more would go back now than the second person read."""
    read = {money.currency: money for money in act.returns}
    for money in returns:
        known = read.get(money.currency)
        if known is None or money > known:
            raise ProposalOutdated(
                f"The bookings have changed: {money.formatted} would go back now, and not "
                f"{known.formatted if known else 'nothing'}. Reject it, and propose it again."
            )


def decided(
    closing: Closing, proposal: Proposal, status: ProposalStatus, *, by: Actor, note: str, now: datetime
) -> Closing:
    """With a second person's decision."""
    done = replace(
        proposal,
        status=status,
        decided_at=now,
        decided_by=PersonId(by.person_id),
        decided_by_name=by.name,
        note=note,
    )
    return clocked(_with_proposal(closing, done))


def expire_proposals(closing: Closing, *, now: datetime) -> Closing:
    """Close the proposals that nobody decided in time."""
    for known in closing.proposals:
        if known.status == "open" and not known.is_open(now):
            closing = _with_proposal(closing, replace(known, status="expired"))
    return clocked(closing)


def clocked(closing: Closing) -> Closing:
    """With the time of what the clock does next: one that is finished waits for no more than its open proposal."""
    if closing.finished_at is None:
        return closing
    waiting = closing.waiting
    return replace(closing, due_at=waiting.expires_at if waiting else None)


def _with_proposal(closing: Closing, proposal: Proposal) -> Closing:
    proposals = tuple(proposal if each.proposal_id == proposal.proposal_id else each for each in closing.proposals)
    return replace(closing, proposals=proposals)


def reopened(closing: Closing, *, by: Actor, note: str, now: datetime) -> Closing:
    """With who opened the listing again, and why."""
    return replace(closing, reopened_at=now, reopened_by=by, reopened_note=note)


def batch_done(
    closing: Closing, bookings: Sequence[Booking], *, position: str, is_last: bool, now: datetime
) -> Closing:
    """The closing after a batch, which is the last of its pass or leads up to ``position``.

    A booking counts where this pass cancelled it, so that a batch that is done again counts nothing twice.
    """
    ours = [booking for booking in bookings if _cancelled_by(booking, closing)]
    returned = {money.currency: money for money in closing.returned}
    for booking in ours:
        for refund in booking.refunds:
            if refund.created_at >= closing.pass_begun_at and refund.amount.minor:
                known = returned.get(refund.amount.currency)
                returned[refund.amount.currency] = refund.amount if known is None else known + refund.amount
    closing = replace(
        closing,
        cancelled=closing.cancelled + len(ours),
        returned=tuple(returned[currency] for currency in sorted(returned)),
    )
    if not is_last:
        # The queue carries it on at once, and where that is lost the clock does.
        return replace(closing, position=position, due_at=now + CLOSING_RETRY)
    if closing.pass_begun_at < closing.begun_at + HOLD_IN_FLIGHT:
        again = now + HOLD_IN_FLIGHT
        return replace(closing, position="", pass_begun_at=again, due_at=again)
    return clocked(replace(closing, position="", finished_at=now))


def _cancelled_by(booking: Booking, closing: Closing) -> bool:
    return booking.status == "cancelled" and any(
        event.kind == "booking_cancelled" and event.by == closing.by.person_id and event.at >= closing.pass_begun_at
        for event in booking.history
    )
