"""What a caller has, what happened to a payment, and what the gateway says of it now; items are read fresh."""

from __future__ import annotations

import json
from collections.abc import Sequence

from chalicelib.domain.booking import Actor, Booking, BookingStatus, Event, Payment, PaymentStatus
from chalicelib.domain.ending import STAY_ENDED
from chalicelib.domain.ids import BookingId, payment_of
from chalicelib.domain.operators import four_eyes
from chalicelib.domain.operators.notes import NOTE
from chalicelib.domain.record import replace
from chalicelib.services.access import Principal, signed_in, visible_payment, with_role
from chalicelib.services.ports.gateways import GatewayEvent
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.ports.stage import Ports
from chalicelib.services.reconcile import reconcile


def read_bookings(ports: Ports, booking_ids: Sequence[BookingId]) -> tuple[Booking, ...]:
    """The bookings that can be read, fresh. One that cannot takes no list down: it is put before a person."""
    batch = ports.bookings.load_many(booking_ids)
    for booking_id in map(BookingId, batch.unreadable):
        ports.observe("record_unreadable", level="error", booking_id=booking_id)
        ports.bookings.mark_unreadable(booking_id, ports.clock.now())
    return batch.items


def own_bookings(
    ports: Ports, principal: Principal | None, *, status: BookingStatus | None, limit: int, after: str | None
) -> Page[Booking]:
    """The caller's bookings, newest first."""
    guest = signed_in(principal).person_id
    page = ports.bookings.of_guest(guest, limit=limit, after=after)
    kept = (booking for booking in read_bookings(ports, page.items) if status in (None, booking.status))
    return Page(tuple(kept), page.next_cursor)


def own_payments(
    ports: Ports, principal: Principal | None, *, status: PaymentStatus | None, limit: int, after: str | None
) -> Page[tuple[Booking, Payment]]:
    """The caller's payments, newest first.

    A booking has up to twenty of them: a page may end in the middle of one, so a position is that of a page of
    bookings, and how many of its payments were shown.
    """
    guest = signed_in(principal).person_id
    start, shown = json.loads(after) if after else (None, 0)
    page = ports.bookings.of_guest(guest, limit=limit, after=start)
    bookings = read_bookings(ports, page.items)
    every = [
        (booking, payment)
        for booking in bookings
        for payment in reversed(booking.payments)
        if status in (None, payment.status)
    ]
    items = tuple(every[shown : shown + limit])
    if shown + limit < len(every):
        return Page(items, json.dumps([start, shown + limit]))
    return Page(items, None if page.next_cursor is None else json.dumps([page.next_cursor, 0]))


def verify(ports: Ports, principal: Principal | None, tx_ref: str) -> tuple[Booking, Payment]:
    """The payment after asking the gateway about it. Raises PaymentNotFound; GatewayError when it gave no answer."""
    booking, payment, _ = visible_payment(ports, principal, tx_ref, roles=("guest", "operator"))
    done = reconcile(ports, booking.booking_id, tx_ref=payment.tx_ref, actor=Actor("verify"))
    if done is None:
        return booking, payment
    if done.error is not None:
        raise done.error
    return done.booking, done.booking.payment(tx_ref) or payment


def events(ports: Ports, principal: Principal | None, tx_ref: str, *, limit: int, after: str | None) -> Page[Event]:
    """What happened to a payment, its refunds and its booking, oldest first; to operators also of its disputes.

    What operators wrote down for each other, or a host of how a stay ended, is for operators alone; so is who any
    person was.
    """
    booking, payment, role = visible_payment(ports, principal, tx_ref, roles=("guest", "operator"))
    own = [
        event if role == "operator" else event_for_others(event)
        for event in events_of(booking, payment)
        if role == "operator" or not is_for_operators(event)
    ]
    start = int(after or 0)
    end = start + limit
    return Page(tuple(own[start:end]), str(end) if end < len(own) else None)


def events_of(booking: Booking, payment: Payment) -> list[Event]:
    """What happened to a payment, its refunds, its disputes and its booking, oldest first."""
    return [
        event
        for event in booking.history
        if event.subject in ("", payment.tx_ref) or payment_of(event.subject) == payment.tx_ref
    ]


def is_dispute(event: Event) -> bool:
    """Whether it tells of a dispute, which is between the house, the gateway and the bank."""
    return event.kind.startswith("dispute_")


def is_for_operators(event: Event) -> bool:
    """Whether others are not even told that there is such an event: of a dispute or a proposal, or it is a note."""
    return is_dispute(event) or event.kind == NOTE or event.kind in four_eyes.EVENTS


def event_for_others(event: Event) -> Event:
    """An event as its guest sees it: the role of who acted, never the person."""
    is_note = event.cause == "operator" or event.kind == STAY_ENDED
    return replace(event, by="", by_name="", detail="" if is_note else event.detail)


def gateway_events(ports: Ports, principal: Principal | None, tx_ref: str) -> tuple[GatewayEvent, ...]:
    """What the gateway's own log tells of a payment, oldest first: for operators.

    Raises Forbidden, PaymentNotFound; GatewayError when it gave no answer.
    """
    operator = with_role(principal, "operator")
    _, payment, _ = visible_payment(ports, operator, tx_ref, roles=("operator", "guest", "host"))
    # The gateway's own reference is known only once money came.
    return ports.gateways.of(payment).events(payment.facts.provider_reference or payment.tx_ref)
