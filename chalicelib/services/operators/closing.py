"""An operator closes a listing whose host leaves, or that is none: bookings to come are cancelled with all back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from chalicelib.domain import closing
from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.cancellation import cancel
from chalicelib.domain.closing import Closing, batch_done, closing_task, goes_back, may_be_cancelled
from chalicelib.domain.errors import Busy, ClosingNotFound, PreconditionFailed, StayBegun
from chalicelib.domain.ids import BookingId, ListingId
from chalicelib.domain.listing import Listing
from chalicelib.domain.money import Money
from chalicelib.domain.record import replace
from chalicelib.domain.timing import RETRY_AFTER_BUSY
from chalicelib.domain.verification import Availability
from chalicelib.services.access import Principal, actor_of, with_role
from chalicelib.services.hosting import changed
from chalicelib.services.ports import Arrival, Fault, Ports, Task, Unreadable, VersionLost
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
    """

    listing: Listing
    closing: Closing | None
    bookings: tuple[Booking, ...] = ()
    expected: int = 0
    returns: tuple[Money, ...] = ()
    partial: bool = False


def close(
    ports: Ports,
    principal: Principal | None,
    listing_id: str,
    *,
    cancel_bookings: bool,
    reason: str,
    dry_run: bool,
    only_versions: Collection[int] | None = None,
) -> ClosingReport:
    """Close a listing, which only an operator opens again; ``cancel_bookings``: cancel those to come, with all back.

    They are cancelled batch by batch, afterwards. A repeat carries on what is under way. ``dry_run`` writes nothing.
    ``only_versions``: only if the listing is still one of these (If-Match). Raises Forbidden, ListingNotFound,
    PreconditionFailed, Busy.
    """
    actor = actor_of(with_role(principal, "operator"), "operator")
    listing = listing_of(ports, listing_id)
    closed = _if_as_read(only_versions, lambda each: replace(each, status="closed", closed_by_operator=True))
    if dry_run:
        closed(listing)
        return _report(ports, listing, None)
    was_closed = listing.closed_by_operator
    listing = changed(ports, listing, closed)
    report = _report(ports, listing, ports.closings.load(listing.listing_id))
    known = report.closing
    if was_closed and known is not None and (not cancel_bookings or _covers(known, report)):
        _carry_on(ports, known)
        return report
    begun = closing.begin(
        listing.listing_id,
        by=actor,
        reason=reason,
        cancel_bookings=cancel_bookings,
        expected=report.expected,
        now=ports.clock.now(),
    )
    try:
        saved = ports.closings.save(replace(begun, version=known.version if known else 0))
    except VersionLost:
        raise Busy("Somebody else is closing this listing.", retry_after=RETRY_AFTER_BUSY) from None
    ports.observe("listing_closed", listing_id=listing.listing_id, count=report.expected)
    _carry_on(ports, saved)
    return ClosingReport(listing, saved, report.bookings, report.expected, report.returns, partial=report.partial)


def progress(ports: Ports, principal: Principal | None, listing_id: str) -> ClosingReport:
    """How far the closing of a listing has come. Raises Forbidden, ListingNotFound, ClosingNotFound."""
    with_role(principal, "operator")
    listing = listing_of(ports, listing_id)
    known = ports.closings.load(listing.listing_id)
    if known is None:
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
        if known is None or known.reopened_at is not None:
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
    return ClosingReport(listing, known, tuple(shown), expected, sums, partial=counted == MOST_COUNTED)


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
