"""The outbox: what a change promised to do afterwards, saved by the same write, and delivered at least once.

A message names the entries that it carries, and SQS hides it while a worker delivers them: that is the lease of a first
delivery. A worker claims entries, by a lease that is saved, only when the message comes again or the entry is nearly
due: then somebody else may be delivering it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.domain.booking import (
    Actor,
    Booking,
    Lease,
    LetterKind,
    LineKind,
    OutboxEntry,
    WhyNot,
    append_event,
    event_of,
)
from chalicelib.domain.errors import MessageNotFound, MessageNotTrue
from chalicelib.domain.host import Notify
from chalicelib.domain.record import replace
from chalicelib.domain.timing import OUTBOX_LEASE, OUTBOX_MESSAGE, OUTBOX_RETRY_FIRST, OUTBOX_RETRY_MAX

EMAIL = Actor("email")

MAX_RESENDS = 9
"""How often a person may have one letter sent again: the history of a booking has a bound."""


def enqueue(booking: Booking, kind: LetterKind | LineKind, *, now: datetime, about: str = "") -> Booking:
    """Promise a letter, or a line of the ledger.

    The queue has ``OUTBOX_MESSAGE`` to carry it; then the clock enqueues it again.
    """
    entry = OutboxEntry(entry_id=f"{len(booking.outbox) + 1}", kind=kind, due_at=now + OUTBOX_MESSAGE, about=about)
    return replace(booking, outbox=(*booking.outbox, entry))


def with_entries(booking: Booking, entries: Mapping[str, OutboxEntry], *, now: datetime) -> Booking:
    """Put the next state of some entries back into their booking; a change of status appends an event."""
    events = []
    for before in booking.outbox:
        after = entries.get(before.entry_id, before)
        if after.status != before.status:
            kind = f"{'line' if after.is_line else 'email'}_{after.status}"
            events.append(
                event_of(
                    EMAIL,
                    kind,
                    now=now,
                    subject=after.entry_id,
                    before=before.status,
                    after=after.status,
                    detail=f"{after.kind}: {after.why}" if after.why else after.kind,
                )
            )
    outbox = tuple(entries.get(entry.entry_id, entry) for entry in booking.outbox)
    return append_event(replace(booking, outbox=outbox), *events)


def claim(entry: OutboxEntry, *, owner: str, now: datetime) -> OutboxEntry:
    """Lease an entry to the worker that is about to deliver it."""
    return replace(entry, lease=Lease(owner, now + OUTBOX_LEASE), due_at=now + OUTBOX_LEASE)


def requeue_overdue(booking: Booking, *, now: datetime) -> Booking:
    """Entries whose time is over go to the queue once more, free of whoever had them."""
    outbox = tuple(
        replace(entry, due_at=now + OUTBOX_MESSAGE, lease=None)
        if entry.status == "owed" and entry.due_at <= now
        else entry
        for entry in booking.outbox
    )
    return booking if outbox == booking.outbox else replace(booking, outbox=outbox)


def defer(entry: OutboxEntry, *, now: datetime) -> OutboxEntry:
    """Owed again after a pause that grows with the tries, with nobody's lease."""
    tries = entry.tries + 1
    return replace(entry, lease=None, tries=tries, due_at=now + retry_after(tries))


def abandoned(booking: Booking, *, now: datetime) -> tuple[OutboxEntry, ...]:
    """Entries whose worker never came back: nobody knows whether it delivered them."""
    return tuple(
        entry
        for entry in booking.outbox
        if entry.status == "owed" and entry.lease is not None and not entry.lease.is_held(now)
    )


def to_enqueue(before: Booking, after: Booking) -> tuple[str, ...]:
    """The ids of the entries that the commit of ``after`` must put into the queue: new ones, and overdue ones.

    An entry that a worker deferred waits for its time: its tries have changed.
    """
    known = {entry.entry_id: entry for entry in before.outbox}
    return tuple(
        entry.entry_id
        for entry in after.outbox
        if entry.status == "owed"
        and entry.lease is None
        and (
            (old := known.get(entry.entry_id)) is None
            or old.status != "owed"
            or (old.due_at < entry.due_at and old.tries == entry.tries)
        )
    )


def fail(entry: OutboxEntry, why: WhyNot) -> OutboxEntry:
    """Not to be delivered as things are: a person is asked."""
    return replace(entry, status="failed", lease=None, why=why)


def report(entry: OutboxEntry, outcome: Literal["bounced", "complained"], why: WhyNot) -> OutboxEntry:
    """What became of a letter that was sent. A repeat changes nothing; that its reader complained is the last word."""
    if entry.why and (outcome == "bounced" or entry.why == why):
        return entry
    return replace(entry, status=outcome, lease=None, why=why)


def resend(booking: Booking, entry_id: str, *, actor: Actor, note: str, now: datetime) -> Booking:
    """Owe a letter once more. Nothing changes where it is owed already. Raises MessageNotFound, MessageNotTrue."""
    entry = booking.letter(entry_id)
    if entry is None:
        raise MessageNotFound("There is no such message.")
    if entry.status == "owed":
        return booking
    if entry.resends >= MAX_RESENDS:
        raise MessageNotTrue(f"It was sent again {MAX_RESENDS} times already.")
    if not still_true(entry, booking, now=now):
        raise MessageNotTrue("What it says is not true any more.")
    owed = replace(
        entry, status="owed", due_at=now + OUTBOX_MESSAGE, lease=None, tries=0, why="", resends=entry.resends + 1
    )
    outbox = tuple(owed if each is entry else each for each in booking.outbox)
    event = event_of(
        actor, "email_resent", now=now, subject=entry_id, before=entry.status, after="owed", detail=note or entry.kind
    )
    return append_event(replace(booking, outbox=outbox), event)


def address_of(entry: OutboxEntry, booking: Booking, host: Notify) -> str:
    """To whom a letter goes, as they are reached today; empty where no address is known."""
    return host.email if entry.to_host else booking.contact.email


def still_true(entry: OutboxEntry, booking: Booking, *, now: datetime) -> bool:
    """Whether what the letter says still holds; if not, it is superseded and never sent.

    A guest whose contact was erased is told nothing any more.
    """
    if booking.contact_erased_at is not None and not (entry.is_line or entry.to_host):
        return False
    match entry.kind:
        case "booking_confirmed" | "host_new_booking":
            return booking.status == "confirmed" and booking.ended is None
        case "hold_expired":
            return booking.status == "expired"
        case "booking_cancelled" | "host_cancelled":
            return booking.status == "cancelled"
        case "payment_failed":
            payment = booking.payment(entry.about)
            return (
                booking.status == "pending_payment"
                and now < booking.hold_expires_at
                and payment is booking.payments[-1]
                and payment.status == "failed"
            )
        case "stay_ended":
            return booking.ended is not None
        case "money_returned":
            return booking.refund(entry.about) is not None
        case "payment" | "refund" | "reversal" | "dispute" | "dispute_won":
            return True


def retry_after(tries: int) -> timedelta:
    """The pause after the ``tries``-th time that a delivery was deferred: a minute, doubling to an hour."""
    return min(OUTBOX_RETRY_FIRST * (1 << min(tries - 1, 10)), OUTBOX_RETRY_MAX)
