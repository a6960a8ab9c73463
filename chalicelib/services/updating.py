"""Load, decide, save: the three steps of every change of a booking, and what follows a commit."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Literal, cast

from msgspec import field

from chalicelib.domain.attention import attention
from chalicelib.domain.booking import Booking
from chalicelib.domain.errors import Busy, PreconditionFailed, Refusal
from chalicelib.domain.lifecycle import due_at
from chalicelib.domain.outbox import to_enqueue
from chalicelib.domain.record import Record
from chalicelib.domain.timing import RETRY_AFTER_BUSY
from chalicelib.domain.verification import Availability
from chalicelib.services.ports.outcomes import Fault, NightsShort, VersionLost
from chalicelib.services.ports.queues import Task
from chalicelib.services.ports.stage import Ports

TRIES = 8
"""How often a lost race is decided again. Each loss means that somebody else got something done."""


class Observation(Record, frozen=True):
    """Something to be logged, and counted, once the decision that it belongs to is saved."""

    event: str
    level: Literal["info", "warning", "error"] = "info"
    fields: dict[str, Any] = field(default_factory=dict)


class Decision(Record, frozen=True):
    """What a pure decision came to: the next booking, and what is observed after its commit."""

    booking: Booking
    events: tuple[Observation, ...] = ()


class Update(Record, frozen=True):
    """A decision that holds: the booking that it was made on, and the one that is stored now."""

    before: Booking
    after: Booking


Decide = Callable[[Booking, Availability], Decision]


def as_read(ports: Ports, versions: Collection[int] | None) -> Ports:
    """Ports over which a booking is changed only while it is one of these versions (If-Match); None: whatever it is."""
    return ports if versions is None else cast(Ports, _AsRead(ports, versions))


class _AsRead:
    """Ports, with the versions that ``decided`` holds a booking to."""

    def __init__(self, ports: Ports, versions: Collection[int]) -> None:
        self._ports = ports
        self.only_versions = versions

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ports, name)


def update(ports: Ports, booking: Booking, decide: Decide) -> Update:
    """Save what ``decide`` makes of ``booking``, or of the newer state that gets in its way (optimistic locking).

    ``decide`` is pure and may be called several times; it is told SHORT once the nights that it wanted to take again
    turned out not to be free. Nothing is saved where nothing changes. Raises Busy, with nothing known to be written;
    over ``as_read`` PreconditionFailed.
    """
    availability = Availability.FREE
    for _ in range(TRIES):
        decision = decided(ports, booking, decide, availability)
        after = decision.booking
        if after == booking:
            _report(ports, decision)
            return Update(booking, booking)
        listing = None
        if after.holds_nights and not booking.holds_nights:
            listing = ports.listings.load(booking.place.listing_id)
            if listing is None or listing.status != "open":
                availability = Availability.SHORT
                continue
        try:
            saved = ports.bookings.save(booking, after, listing)
        except NightsShort:
            availability = Availability.SHORT
        except VersionLost:
            newer = ports.bookings.load(booking.booking_id)
            if newer is None:
                raise Busy("The booking is not there any more.") from None
            booking = newer
        else:
            _report(ports, decision)
            _after_commit(ports, booking, saved)
            return Update(booking, saved)
    raise Busy("The booking is being changed by others; please try again.", retry_after=RETRY_AFTER_BUSY)


def decided(ports: Ports, booking: Booking, decide: Decide, availability: Availability = Availability.FREE) -> Decision:
    """What ``decide`` makes of a booking. A repeat, which changes nothing, is none of another version than was read.

    Raises what it raises; over ``as_read`` PreconditionFailed in place of a refusal, or a change, of such a version.
    """
    versions: Collection[int] | None = getattr(ports, "only_versions", None)
    is_as_read = versions is None or booking.version in versions
    try:
        decision = decide(booking, availability)
    except Refusal as refusal:
        if is_as_read:
            raise
        raise PreconditionFailed("The booking has changed since it was read.") from refusal
    if not is_as_read and decision.booking != booking:
        raise PreconditionFailed("The booking has changed since it was read.")
    return decision


def preview(ports: Ports, booking: Booking, decide: Decide) -> Update:
    """What ``update`` would make of a booking, if nobody gets in its way: nothing is saved, and nobody is told."""
    return Update(booking, decided(ports, booking, decide).booking)


def enqueue_outbox(ports: Ports, booking: Booking, entries: tuple[str, ...]) -> None:
    """Put a message that names these entries into the queue. When it is lost, the clock enqueues them again."""
    try:
        ports.queue.enqueue_outbox(Task(booking.booking_id, entries=entries, request_id=booking.request_id))
    except Fault:
        ports.observe("outbox_not_enqueued", level="warning", booking_id=booking.booking_id)


def enqueue_reconcile(ports: Ports, booking: Booking) -> None:
    """Have what is due already done at once, not at the next tick of the clock."""
    try:
        ports.queue.enqueue_reconcile([Task(booking.booking_id, request_id=booking.request_id)])
    except Fault:
        ports.observe("reconcile_not_enqueued", level="warning", booking_id=booking.booking_id)


def _report(ports: Ports, decision: Decision) -> None:
    for event in decision.events:
        ports.observe(event.event, level=event.level, **event.fields)


def _after_commit(ports: Ports, before: Booking, saved: Booking) -> None:
    if before.status != saved.status:
        ports.observe(f"booking_{saved.status}", booking_id=saved.booking_id, before=before.status)
    for payment in saved.payments:
        known = before.payment(payment.tx_ref)
        if payment.status == "completed" and (known is None or known.status != "completed"):
            ports.observe("payment_completed", tx_ref=payment.tx_ref)
    if (reason := attention(saved)) is not None and reason != attention(before):
        ports.observe("attention_needed", level="error", booking_id=saved.booking_id, kind=reason)
    due = due_at(saved)
    if due is not None and due <= ports.clock.now():
        enqueue_reconcile(ports, saved)
    if entries := to_enqueue(before, saved):
        enqueue_outbox(ports, saved, entries)
