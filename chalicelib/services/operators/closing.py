"""An operator closes a listing whose host leaves, or that is none: bookings to come are cancelled with all back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.cancellation import cancel
from chalicelib.domain.errors import Busy, ClosingNotFound, PreconditionFailed, ProposalNotFound, StayBegun
from chalicelib.domain.ids import BookingId, ListingId
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.money import Money, zero
from chalicelib.domain.operators import closing
from chalicelib.domain.operators.closing import Closing, batch_done, closing_task, goes_back, may_be_cancelled
from chalicelib.domain.operators.four_eyes import check_decidable
from chalicelib.domain.proposal import CloseListingAct, Proposal
from chalicelib.domain.record import replace
from chalicelib.domain.timing import RETRY_AFTER_BUSY
from chalicelib.domain.verification import Availability
from chalicelib.services.access import Principal, actor_of, with_role
from chalicelib.services.four_eyes import needed
from chalicelib.services.hosts.hosting import changed
from chalicelib.services.ports.bookings import Arrival
from chalicelib.services.ports.outcomes import Fault, Unreadable, VersionLost
from chalicelib.services.ports.queues import Task
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import read_bookings
from chalicelib.services.search import listing_of
from chalicelib.services.updating import Decision, update

BATCH = 20
"""How many bookings one message cancels: far below what a function has time for."""
TRIES = 5
"""How often a closing is saved that others save at the same time."""
MOST_SHOWN = 100
"""How many bookings a preview names one by one."""
MOST_COUNTED = 2_000
"""How many bookings a preview counts, and adds up."""


@dataclass(frozen=True, slots=True)
class ClosingReport:
    """A listing, its closing if it has one, and its bookings to come that can be cancelled.

    ``bookings`` are the first of them, ``expected`` counts them, ``returns`` is what would go back in each currency;
    ``partial``: there are more than were counted.
    ``needs_second_person``: to cancel them takes two people.
    """

    listing: Listing
    closing: Closing | None
    bookings: tuple[Booking, ...] = ()
    expected: int = 0
    returns: tuple[Money, ...] = ()
    partial: bool = False
    needs_second_person: bool = False


def close(
    ports: Ports,
    principal: Principal | None,
    listing_id: str,
    *,
    cancel_bookings: bool,
    reason: str,
    dry_run: bool,
    request_id: str = "",
    only_versions: Collection[int] | None = None,
) -> ClosingReport:
    """Close a listing, which only an operator opens again; ``cancel_bookings``: cancel those to come, with all back.

    They are cancelled batch by batch, afterwards. A repeat carries on what is under way. ``dry_run`` writes nothing.
    Where more goes back than one person may give, nothing is done but to keep a proposal, and SecondPersonNeeded is
    raised; the same listing again is the same proposal, whoever asks.
    ``only_versions``: only if the listing is still one of these (If-Match). Raises Forbidden, ListingNotFound,
    PreconditionFailed, Busy, InvalidRequest.
    """
    actor = actor_of(with_role(principal, "operator"), "operator")
    listing = listing_of(ports, listing_id)
    closed = _if_as_read(only_versions, _close_for_good)
    closed(listing)
    if dry_run:
        return _report(ports, listing, None)
    known = ports.closings.load(listing.listing_id)
    report = _report(ports, listing, known)
    is_repeat = listing.closed_by_operator and known is not None and (not cancel_bookings or _covers(known, report))
    if cancel_bookings and not is_repeat and report.needs_second_person:
        raise needed(_propose(ports, report, actor=actor, reason=reason, request_id=request_id).proposal_id)
    return _closed(ports, report, closed, by=actor, reason=reason, cancel_bookings=cancel_bookings)


def _closed(
    ports: Ports,
    report: ClosingReport,
    close: Callable[[Listing], Listing],
    *,
    by: Actor,
    reason: str,
    cancel_bookings: bool,
) -> ClosingReport:
    """Close the listing, and begin, or carry on, what becomes of its bookings."""
    was_closed = report.listing.closed_by_operator
    listing, known = changed(ports, report.listing, close), report.closing
    report = _report(ports, listing, known)
    if was_closed and known is not None and (not cancel_bookings or _covers(known, report)):
        _carry_on(ports, known)
        return report
    saved = _begin(ports, report, known, by=by, reason=reason, cancel_bookings=cancel_bookings)
    return dataclasses.replace(report, closing=saved)


def _begin(
    ports: Ports, report: ClosingReport, known: Closing | None, *, by: Actor, reason: str, cancel_bookings: bool
) -> Closing:
    """Save a closing that begins now, with the proposals of the one before, and have its first batch done."""
    begun = closing.begin(
        report.listing.listing_id,
        by=by,
        reason=reason,
        cancel_bookings=cancel_bookings,
        expected=report.expected,
        now=ports.clock.now(),
    )
    if known is not None:
        begun = closing.clocked(replace(begun, version=known.version, proposals=known.proposals))
    saved = _saved(ports, begun)
    ports.observe("listing_closed", listing_id=report.listing.listing_id, count=report.expected)
    _carry_on(ports, saved)
    return saved


def _saved(ports: Ports, after: Closing) -> Closing:
    """Raises Busy where somebody else has changed it."""
    try:
        return ports.closings.save(after)
    except VersionLost:
        raise Busy("Somebody else is closing this listing.", retry_after=RETRY_AFTER_BUSY) from None


def _propose(ports: Ports, report: ClosingReport, *, actor: Actor, reason: str, request_id: str) -> Proposal:
    """The proposal that waits, or a new one."""
    now, listing = ports.clock.now(), report.listing
    known = report.closing or closing.unbegun(listing.listing_id, by=actor, reason=reason, now=now)
    known = closing.expire_proposals(known, now=now)
    if known.waiting is not None:
        return known.waiting
    made = closing.propose(
        known,
        CloseListingAct(reason, report.expected, report.returns),
        amount=max(report.returns, key=lambda each: each.minor, default=zero(listing.nightly_price.currency)),
        by=actor,
        request_id=request_id,
        now=now,
    )
    proposal = _saved(ports, made).proposals[-1]
    ports.observe("proposal_made", listing_id=listing.listing_id, proposal_id=proposal.proposal_id)
    return proposal


def approve(ports: Ports, known: Closing, proposal: Proposal, *, by: Actor, note: str) -> Closing:
    """Close the listing and cancel its bookings, as a second person has it; the approval is saved with the beginning.

    Raises ProposalClosed, SecondPersonNeeded, ProposalOutdated where more would go back than that person read,
    PreconditionFailed, Busy.
    """
    now, act = ports.clock.now(), proposal.act
    check_decidable(proposal, actor=by, now=now)
    if not isinstance(act, CloseListingAct):
        raise ProposalNotFound("There is no such proposal.")
    _check_version(ports, known)
    report = _report(ports, listing_of(ports, known.listing_id), known)
    closing.check_not_more(act, report.returns)
    changed(ports, report.listing, _close_for_good)
    approved = closing.decided(known, proposal, "approved", by=by, note=note, now=now)
    proposer = Actor("operator", proposal.by, proposal.by_name)
    saved = _begin(ports, report, approved, by=proposer, reason=act.reason, cancel_bookings=True)
    _tell_decided(ports, proposal, "approved")
    return saved


def reject(ports: Ports, known: Closing, proposal: Proposal, *, by: Actor, note: str) -> Closing:
    """Close a proposal, so that the listing stays as it is.

    Raises ProposalClosed, SecondPersonNeeded, PreconditionFailed, Busy.
    """
    now = ports.clock.now()
    check_decidable(proposal, actor=by, now=now)
    _check_version(ports, known)
    saved = _saved(ports, closing.decided(known, proposal, "rejected", by=by, note=note, now=now))
    _tell_decided(ports, proposal, "rejected")
    return saved


def _check_version(ports: Ports, known: Closing) -> None:
    """Raises PreconditionFailed over ``updating.as_read``, where the closing is no version that was read."""
    versions: Collection[int] | None = getattr(ports, "only_versions", None)
    if versions is not None and known.version not in versions:
        raise PreconditionFailed("The proposal has changed since it was read.")


def _tell_decided(ports: Ports, proposal: Proposal, kind: str) -> None:
    ports.observe("proposal_decided", proposal_id=proposal.proposal_id, kind=kind)


def _close_for_good(listing: Listing) -> Listing:
    return replace(listing, status="closed", closed_by_operator=True)


def progress(ports: Ports, principal: Principal | None, listing_id: str) -> ClosingReport:
    """How far the closing of a listing has come. Raises Forbidden, ListingNotFound, ClosingNotFound."""
    with_role(principal, "operator")
    listing = listing_of(ports, listing_id)
    known = ports.closings.load(listing.listing_id)
    if known is None or not (known.is_begun or known.waiting):
        raise ClosingNotFound("No operator has closed this listing.")
    return _report(ports, listing, known)


def reopen(
    ports: Ports,
    principal: Principal | None,
    listing_id: str,
    *,
    note: str,
    only_versions: Collection[int] | None = None,
) -> Listing:
    """Open a listing again that an operator closed; what was cancelled stays so, and no more is.

    The closing keeps who did, and why. Raises Forbidden, ListingNotFound, PreconditionFailed, Busy.
    """
    actor = actor_of(with_role(principal, "operator"), "operator")
    opened = _if_as_read(only_versions, lambda each: replace(each, status="open", closed_by_operator=False))
    listing = changed(ports, listing_of(ports, listing_id), opened)
    _keep_reopening(ports, listing.listing_id, by=actor, note=note)
    ports.observe("listing_reopened", listing_id=listing.listing_id)
    return listing


def _keep_reopening(ports: Ports, listing_id: ListingId, *, by: Actor, note: str) -> None:
    """Have the closing of a listing that is open again say so. Raises Busy while workers save it all the time."""
    for _ in range(TRIES):
        known = ports.closings.load(listing_id)
        if known is None or not known.is_begun or known.reopened_at is not None:
            return
        try:
            ports.closings.save(closing.reopened(known, by=by, note=note, now=ports.clock.now()))
        except VersionLost:
            continue
        return
    raise Busy("The listing is being closed at this moment.", retry_after=RETRY_AFTER_BUSY)


def _if_as_read(
    only_versions: Collection[int] | None, change: Callable[[Listing], Listing]
) -> Callable[[Listing], Listing]:
    def checked(listing: Listing) -> Listing:
        after = change(listing)
        if only_versions is not None and after != listing and listing.version not in only_versions:
            raise PreconditionFailed("The listing has changed since it was read.")
        return after

    return checked


def continue_closing(ports: Ports, listing_id: ListingId) -> None:
    """Cancel the next batch of bookings, and have the one after it done. Raises Busy."""
    known = ports.closings.load(listing_id)
    if known is not None and (after := closing.expire_proposals(known, now=ports.clock.now())) != known:
        _saved(ports, after)
        return
    if known is None or known.finished_at is not None or ports.clock.now() < known.pass_begun_at:
        return
    listing = ports.listings.load(listing_id)
    # Its own zone may be a day behind UTC's.
    start = known.begun_at.date() - timedelta(days=1)
    arrivals: tuple[Arrival, ...] = ()
    if listing is not None and listing.closed_by_operator:
        arrivals = ports.bookings.arrivals(listing_id, start, date.max, limit=BATCH, after=_arrival(known.position))
    done = [booking for _, booking_id in arrivals if (booking := _cancel(ports, known, booking_id)) is not None]
    position = f"{arrivals[-1][0].isoformat()}#{arrivals[-1][1]}" if arrivals else ""
    after = batch_done(known, done, position=position, is_last=len(arrivals) < BATCH, now=ports.clock.now())
    try:
        saved = ports.closings.save(after)
    except VersionLost:
        # Another worker has done this batch.
        return
    if saved.finished_at is not None:
        ports.observe("closing_finished", listing_id=listing_id, count=saved.cancelled)
    elif saved.position:
        _carry_on(ports, saved)


def _covers(known: Closing, report: ClosingReport) -> bool:
    """Whether a closing cancels, or has cancelled, all that there is to cancel."""
    return known.cancel_bookings and (known.finished_at is None or not report.expected)


def _cancel(ports: Ports, known: Closing, booking_id: BookingId) -> Booking | None:
    """The booking after an operator's cancellation, if it can be cancelled. None: it is gone, or nobody can read it."""
    try:
        booking = ports.bookings.load(booking_id)
    except Unreadable:
        ports.observe("record_unreadable", level="error", booking_id=booking_id)
        ports.bookings.mark_unreadable(booking_id, ports.clock.now())
        return None
    if booking is None:
        return None

    def decide(current: Booking, _: Availability) -> Decision:
        now = ports.clock.now()
        if not may_be_cancelled(current, now=now):
            return Decision(current)
        return Decision(cancel(current, actor=known.by, reason=known.reason, now=now))

    try:
        return update(ports, booking, decide).after
    except StayBegun:
        return booking


def _carry_on(ports: Ports, known: Closing) -> None:
    """Have the next batch done at once; where the message is lost, the clock finds the closing."""
    if known.finished_at is not None:
        return
    try:
        ports.queue.enqueue_reconcile([Task(closing_task(known.listing_id))])
    except Fault:
        ports.observe("reconcile_not_enqueued", level="warning", listing_id=known.listing_id)


def _report(ports: Ports, listing: Listing, known: Closing | None) -> ClosingReport:
    now = ports.clock.now()
    shown: list[Booking] = []
    returns: dict[str, Money] = {}
    expected = counted = 0
    for booking in _to_come(ports, listing):
        counted += 1
        if may_be_cancelled(booking, now=now):
            expected += 1
            shown += [booking] if len(shown) < MOST_SHOWN else []
            back = goes_back(booking)
            if back.minor:
                returns[back.currency] = returns[back.currency] + back if back.currency in returns else back
        if counted == MOST_COUNTED:
            break
    sums = tuple(returns[currency] for currency in sorted(returns))
    partial = counted == MOST_COUNTED
    needs = closing.needs_second_person(sums, partial=partial, above=ports.rules.second_person_above)
    return ClosingReport(listing, known, tuple(shown), expected, sums, partial=partial, needs_second_person=needs)


def _to_come(ports: Ports, listing: Listing) -> Iterator[Booking]:
    """The bookings of a listing that arrive today or later, by check-in."""
    after: Arrival | None = None
    today = listing.today(ports.clock.now())
    while True:
        some = ports.bookings.arrivals(listing.listing_id, today, date.max, limit=100, after=after)
        yield from read_bookings(ports, [booking_id for _, booking_id in some])
        if len(some) < 100:
            return
        after = some[-1]


def _arrival(position: str) -> Arrival | None:
    if not position:
        return None
    day, _, booking_id = position.partition("#")
    return date.fromisoformat(day), BookingId(booking_id)
