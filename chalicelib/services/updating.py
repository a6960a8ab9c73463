"""Load, decide, save: the three steps of every change, and what follows a commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from chalicelib.domain.attention import attention
from chalicelib.domain.booking import Booking
from chalicelib.domain.errors import Busy
from chalicelib.domain.lifecycle import due_at
from chalicelib.domain.timing import RETRY_AFTER_BUSY
from chalicelib.services.ports import Fault, NightsShort, Ports, Task, VersionLost

TRIES = 8
"""How often a lost race is decided again. Each loss means that somebody else got something done."""

Decide = Callable[[Booking, Literal["free", "short"]], Booking]


def save_decision(ports: Ports, booking: Booking, decide: Decide) -> Booking:
    """Save what ``decide`` makes of ``booking``, and of every newer state that gets in the way.

    ``decide`` is pure and may be called several times; it is told ``short`` once the nights that it wanted to take
    again turned out not to be free. Answers the saved booking, or the loaded one when nothing was to be changed.
    Raises Busy, with nothing known to be written.
    """
    nights: Literal["free", "short"] = "free"
    for _ in range(TRIES):
        after = decide(booking, nights)
        if after == booking:
            return booking
        listing = None
        if after.holds_nights and not booking.holds_nights:
            listing = ports.listings.load(booking.place.listing_id)
            if listing is None or listing.status != "open":
                nights = "short"
                continue
        try:
            saved = ports.bookings.save(booking, after, listing)
        except NightsShort:
            nights = "short"
        except VersionLost:
            newer = ports.bookings.load(booking.booking_id)
            if newer is None:
                raise Busy("The booking is not there any more.") from None
            booking = newer
        else:
            _after_commit(ports, booking, saved)
            return saved
    raise Busy("The booking is being changed by others; please try again.", retry_after=RETRY_AFTER_BUSY)


def enqueue_outbox(ports: Ports, booking: Booking) -> None:
    """Tell the queue that this booking owes e-mails. When that is lost, the lease's end makes it due again."""
    try:
        ports.queue.emails(Task(booking.booking_id, request_id=booking.request_id))
    except Fault:
        ports.observe("outbox_not_enqueued", level="warning", booking_id=booking.booking_id)


def enqueue_reconcile(ports: Ports, booking: Booking) -> None:
    """What is left to do is due at once, not at the next tick of the clock."""
    try:
        ports.queue.reconcile([Task(booking.booking_id, request_id=booking.request_id)])
    except Fault:
        ports.observe("reconcile_not_enqueued", level="warning", booking_id=booking.booking_id)


def _after_commit(ports: Ports, before: Booking, saved: Booking) -> None:
    if before.status != saved.status:
        ports.observe(f"booking_{saved.status}", booking_id=saved.booking_id, before=before.status)
    if (reason := attention(saved)) is not None and reason != attention(before):
        ports.observe("attention_needed", level="error", booking_id=saved.booking_id, kind=reason)
    due = due_at(saved)
    if due is not None and due <= ports.clock.now():
        enqueue_reconcile(ports, saved)
    waiting = {email for email in saved.emails if email.status == "owed" and not email.claimed_by}
    if waiting - set(before.emails):
        enqueue_outbox(ports, saved)
