"""What the stage looks at every five minutes, so that somebody is told before a guest complains.

Each thing that it finds is counted as often as it is there: an alarm stays until nothing is left.
"""

from __future__ import annotations

from chalicelib.domain.booking import Booking
from chalicelib.domain.ids import BookingId, is_booking_id
from chalicelib.domain.timing import COMPARED_AFTER, COMPARED_HOUR, COMPARED_WITH
from chalicelib.domain.watch.health import OPENED, PAID, Counts, add_up, slots_between
from chalicelib.domain.watch.watching import HALF_WAY, NEARLY_OVER, overdue_refunds, payments_fell, share_of_time
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import read_bookings

PAGE = 100
MOST_PAGES = 10
"""How much of the attention list is looked at; a list that is longer rings anyhow."""


def watch(ports: Ports) -> None:
    """Count refunds that wait too long, disputes near their day, and an hour in which far fewer paid than last week."""
    bookings = _needing_a_person(ports)
    now = ports.clock.now()
    for refund in overdue_refunds(bookings, now=now):
        ports.observe("refund_overdue", level="error", refund_id=refund.refund_id, status=refund.status)
    for booking in bookings:
        for dispute in booking.disputes:
            share = share_of_time(dispute, now=now)
            if share is None or share < HALF_WAY:
                continue
            ports.observe("dispute_half_way", level="warning", booking_id=booking.booking_id, code=dispute.dispute_id)
            if share >= NEARLY_OVER:
                ports.observe(
                    "dispute_nearly_over", level="error", booking_id=booking.booking_id, code=dispute.dispute_id
                )
    counts, last_week = _of_an_hour(ports, weeks_ago=0), _of_an_hour(ports, weeks_ago=1)
    if payments_fell(counts, last_week):
        ports.observe("payments_fell", level="error", count=counts.get(PAID, 0))


def _needing_a_person(ports: Ports) -> list[Booking]:
    """The bookings of the attention list, the oldest first."""
    found: list[Booking] = []
    after = None
    for _ in range(MOST_PAGES):
        page = ports.bookings.attention_entries(limit=PAGE, after=after)
        ids = [BookingId(entry.subject) for entry in page.items if is_booking_id(entry.subject)]
        found += read_bookings(ports, ids)
        after = page.next_cursor
        if after is None:
            break
    return found


def _of_an_hour(ports: Ports, *, weeks_ago: int) -> Counts:
    """Payments completed within an hour, and opened within the hour that began a little earlier: people take time."""
    end = ports.clock.now() - weeks_ago * COMPARED_WITH
    begun = end - COMPARED_HOUR
    counts = ports.watch.counts(slots_between(begun - COMPARED_AFTER, end))
    opened = add_up(each for slot, each in counts.items() if slot < end - COMPARED_AFTER)
    paid = add_up(each for slot, each in counts.items() if slot >= begun)
    return {OPENED: opened[OPENED], PAID: paid[PAID]}
