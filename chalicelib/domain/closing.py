"""Close a listing for good, and cancel the stays that have not begun: a piece of work that goes on batch by batch.

A closing is a small record of its own with a time of its own, so the same clock that looks after bookings carries it on
after whatever stopped it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.ids import BookingId, ListingId
from chalicelib.domain.money import Money
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
    version: int = 0


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
    return replace(closing, position="", due_at=None, finished_at=now)


def _cancelled_by(booking: Booking, closing: Closing) -> bool:
    return booking.status == "cancelled" and any(
        event.kind == "booking_cancelled" and event.by == closing.by.person_id and event.at >= closing.pass_begun_at
        for event in booking.history
    )
