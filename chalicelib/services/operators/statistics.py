"""How bookings fare: how many of those that were held got a link, were paid and confirmed, and what waits how long."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from chalicelib.domain.booking import Booking, Payment
from chalicelib.domain.listings.calendar import instant_of
from chalicelib.domain.record import Record
from chalicelib.domain.timing import LATER_THAN_ANYTHING_DUE, OPEN_FOR, PAID_WITHIN, REFUNDED_FOR
from chalicelib.services.access import Principal, with_role
from chalicelib.services.operators.lists import check_period
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import read_bookings

MOST_READ = 600
"""How many bookings of the period are read, the newest days first; and how many that wait for something."""
_PAGE = 100


class Funnel(Record, frozen=True):
    """The bookings that were made on a day: held, given a link, paid, confirmed."""

    day: date
    held: int = 0
    linked: int = 0
    paid: int = 0
    confirmed: int = 0


class Step(Record, frozen=True):
    """How many took, or have waited, less than ``under`` (and not less than the step before); None: longer."""

    under: timedelta | None
    count: int


class Statistics(Record, frozen=True):
    """How bookings of a period fare, and what waits now. ``partial``: more was there than was read."""

    days: tuple[Funnel, ...]
    checkout_to_paid: tuple[Step, ...]
    open_payments: tuple[Step, ...]
    refunds_under_way: tuple[Step, ...]
    partial: bool


def statistics(ports: Ports, principal: Principal | None, start: date, end: date) -> Statistics:
    """How the bookings that were made from ``start`` to ``end`` fare, both included, and what waits now.

    At most ``MOST_READ`` bookings of the period are read, those of the newest days, and as many that wait for
    something. Raises Forbidden, InvalidRequest.
    """
    with_role(principal, "operator")
    check_period(start, end)
    now = ports.clock.now()
    made, is_cut = _made(ports, start, end)
    waiting = read_bookings(ports, ports.bookings.due(now + LATER_THAN_ANYTHING_DUE, MOST_READ))
    paid = [_time_to_pay(booking, payment) for _, each in made for booking in each for payment in booking.payments]
    opened = [payment.created_at for each in waiting for payment in each.payments if payment.status == "pending"]
    refunds = [
        refund.created_at
        for each in waiting
        for refund in each.refunds
        if refund.status in ("owed", "requested", "processing")
    ]
    return Statistics(
        days=tuple(_funnel(day, bookings) for day, bookings in made),
        checkout_to_paid=_steps(PAID_WITHIN, (time for time in paid if time is not None)),
        open_payments=_steps(OPEN_FOR, (now - at for at in opened)),
        refunds_under_way=_steps(REFUNDED_FOR, (now - at for at in refunds)),
        partial=is_cut or len(waiting) >= MOST_READ,
    )


def _made(ports: Ports, start: date, end: date) -> tuple[list[tuple[date, list[Booking]]], bool]:
    """The bookings of each day, oldest day first; and whether there are more, in the days before."""
    days: list[tuple[date, list[Booking]]] = []
    left = MOST_READ
    for back in range((end - start).days + 1):
        day = end - timedelta(days=back)
        bookings, position = _made_on(ports, day, left)
        days.insert(0, (day, bookings))
        left -= len(bookings)
        if position is not None or left <= 0:
            return days, True
    return days, False


def _made_on(ports: Ports, day: date, most: int) -> tuple[list[Booking], str | None]:
    begins, ends = (instant_of(each, "00:00", ports.rules.time_zone) for each in (day, day + timedelta(days=1)))
    found: list[Booking] = []
    position: str | None = None
    while len(found) < most:
        page = ports.bookings.made_between(begins, ends, limit=min(_PAGE, most - len(found)), after=position)
        found += read_bookings(ports, page.items)
        position = page.next_cursor
        if position is None:
            break
    return found, position


def _funnel(day: date, bookings: Sequence[Booking]) -> Funnel:
    def count(of_payment: str) -> int:
        return sum(any(getattr(payment, of_payment) for payment in booking.payments) for booking in bookings)

    paid = sum(any(payment.status == "completed" for payment in booking.payments) for booking in bookings)
    confirmed = sum(booking.was_confirmed for booking in bookings)
    return Funnel(day, len(bookings), count("checkout_url"), paid, confirmed)


def _time_to_pay(booking: Booking, payment: Payment) -> timedelta | None:
    """From its opening until the gateway says it was paid, or else until we knew; None: it was not."""
    if payment.status != "completed":
        return None
    known: Iterable[datetime] = (
        event.at for event in booking.history if event.subject == payment.tx_ref and event.after == "completed"
    )
    at = payment.facts.paid_at or next(iter(known), None)
    return None if at is None else max(at - payment.created_at, timedelta(0))


def _steps(bounds: Sequence[timedelta], times: Iterable[timedelta]) -> tuple[Step, ...]:
    counts = [0] * (len(bounds) + 1)
    for time in times:
        counts[bisect_right(bounds, time)] += 1
    return tuple(Step(under, count) for under, count in zip((*bounds, None), counts, strict=True))
