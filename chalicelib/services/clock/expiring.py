"""Contacts expire so many months after their stay: day by day, in batches, whatever stops it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta

from chalicelib.domain.booking import SWEEP, Booking
from chalicelib.domain.finance.ledger import day_of
from chalicelib.domain.ids import BookingId
from chalicelib.domain.people import erasure
from chalicelib.domain.people.erasure import under_way
from chalicelib.domain.people.expiry import FIRST_DAY, MOST_WAITING, TASK, Expiry, Step, months_before, steps_of
from chalicelib.domain.record import replace
from chalicelib.domain.timing import ERASURE_RETRY, EXPIRY_EVERY
from chalicelib.services.operators.erasing import erase_contact
from chalicelib.services.ports.outcomes import Fault, Page, VersionLost
from chalicelib.services.ports.queues import Task
from chalicelib.services.ports.stage import Ports

BATCH = 50
"""How many bookings one message deals with: far below what a function has time for."""
STEPS = 400
"""How many queries one message makes: about four days on which nothing expires."""


def expire_contacts(ports: Ports) -> None:
    """Do the next batch of what has expired; begin where nobody has. Raises Busy, Unreadable.

    A day is done once all of its queries are; the clock carries the work on each day, and a message at once where there
    is more to do.
    """
    now = ports.clock.now()
    known = ports.erasures.expiry() or Expiry(done_until=FIRST_DAY - timedelta(days=1), due_at=now)
    today = day_of(now, ports.rules.time_zone)
    last = months_before(today, ports.rules.contact_months) - timedelta(days=1)
    if known.version and known.done_until >= last and now < known.due_at:
        return
    after, count = known, 0
    if not after.position:
        after, count = _waited(ports, after)
    for _ in range(STEPS):
        if count >= BATCH or after.done_until >= last:
            break
        after, some = _step(ports, after, limit=BATCH - count)
        count += some
    behind = max((last - after.done_until).days, 0)
    due_at = now + (ERASURE_RETRY if behind else EXPIRY_EVERY)
    try:
        ports.erasures.save_expiry(replace(after, due_at=due_at))
    except VersionLost:
        # Another worker has done this batch.
        return
    ports.observe("contacts_expired", count=count, due=behind)
    if behind:
        try:
            ports.queue.enqueue_reconcile([Task(TASK)])
        except Fault:
            ports.observe("reconcile_not_enqueued", level="warning")


def _waited(ports: Ports, known: Expiry) -> tuple[Expiry, int]:
    """Those that still needed their guest when their day came: looked at again at the beginning of each pass."""
    still = tuple(booking_id for booking_id in known.waiting if _expire(ports, booking_id, day=None) is False)
    return replace(known, waiting=still), len(known.waiting) - len(still)


def _step(ports: Ports, known: Expiry, *, limit: int) -> tuple[Expiry, int]:
    """The work after one more page of one query, and how many bookings were looked at."""
    day = known.done_until + timedelta(days=1)
    steps = steps_of(day)
    number, inside = json.loads(known.position) if known.position else (0, None)
    page = _page(ports, steps[number], day, limit=limit, after=inside)
    waiting = known.waiting
    for booking_id in page.items:
        if _expire(ports, booking_id, day=day) is False and booking_id not in waiting:
            waiting = (*waiting, booking_id)[-MOST_WAITING:]
    known = replace(known, waiting=waiting)
    if page.next_cursor is not None:
        return replace(known, position=json.dumps([number, page.next_cursor])), len(page.items)
    if number + 1 < len(steps):
        return replace(known, position=json.dumps([number + 1, None])), len(page.items)
    return replace(known, position="", done_until=day), len(page.items)


def _page(ports: Ports, step: Step, day: date, *, limit: int, after: str | None) -> Page[BookingId]:
    if step.way == "left":
        return ports.bookings.leaving(step.day, on=day, limit=limit, after=after)
    start = datetime.combine(step.day, time(), UTC)
    return ports.bookings.made_between(start, start + timedelta(days=1), limit=limit, after=after)


def _expire(ports: Ports, booking_id: BookingId, *, day: date | None) -> bool | None:
    """Whether the contact is gone; None: this is not its day, or the booking is gone. False: it is still needed."""

    def is_its_day(booking: Booking) -> bool:
        return day is None or booking.status != "confirmed" or booking.free_from <= day

    booking = erase_contact(ports, booking_id, actor=SWEEP, why=erasure.EXPIRED, only_if=is_its_day)
    if booking is None or not is_its_day(booking):
        return None
    return booking.contact_erased_at is not None or not under_way(booking, now=ports.clock.now())
