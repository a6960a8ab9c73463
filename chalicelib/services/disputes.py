"""Disputes: heard of by a webhook and asked about at the gateway, or entered and closed by an operator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from chalicelib.domain import disputes
from chalicelib.domain.booking import Actor, Booking, Dispute, Payment, get_dispute, get_payment
from chalicelib.domain.disputes import CloseAs, DisputeFacts
from chalicelib.domain.errors import BookingNotFound, DisputeNotFound, GatewayError, IdempotencyKeyReused
from chalicelib.domain.fingerprint import fingerprint
from chalicelib.domain.ids import BookingId, booking_of, is_booking_id, key_hash, payment_of
from chalicelib.domain.money import Money
from chalicelib.domain.record import Record
from chalicelib.domain.verification import Availability
from chalicelib.services.access import Principal, actor_of, signed_in, visible_booking, visible_payment, with_role
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import read_bookings
from chalicelib.services.updating import Decide, Decision, Update, preview, update


class Disputed(Record, frozen=True):
    """A dispute with the payment and the booking that it is of."""

    booking: Booking
    payment: Payment
    dispute: Dispute


class DisputeRequest(Record, frozen=True):
    """What an operator was told of a dispute; ``amount`` in minor units, or all that was received."""

    tx_ref: str
    reason: str
    note: str
    due_at: datetime
    amount: int | None = None


def hear_of_dispute(ports: Ports, booking_id: BookingId, tx_ref: str, facts: DisputeFacts, *, actor: Actor) -> None:
    """Keep what a signed webhook says of a dispute, then ask the gateway about it. Raises Busy when it is not kept."""
    booking = ports.bookings.load(booking_id)
    if booking is None or booking.payment(tx_ref) is None:
        ports.observe("dispute_unmatched", level="error", tx_ref=tx_ref)
        return

    def decide(current: Booking, _: Availability) -> Decision:
        return Decision(disputes.hear_of(current, tx_ref, facts, actor=actor, now=ports.clock.now()))

    look_up_disputes(ports, update(ports, booking, decide).after, actor=actor)


def look_up_disputes(ports: Ports, booking: Booking, *, actor: Actor) -> Booking:
    """Ask about the disputes whose time has come. Silence changes nothing but when the gateway is asked again."""
    now = ports.clock.now()
    for dispute in booking.disputes:
        if dispute.look_up_at is not None and dispute.look_up_at <= now:
            booking = _look_up(ports, booking, dispute, actor=actor)
    return booking


def list_disputes(ports: Ports, principal: Principal | None, *, limit: int, after: str | None) -> Page[Disputed]:
    """The disputes that are not decided, by when their bookings last came to need a person. Raises Forbidden."""
    with_role(principal, "operator")
    page = ports.bookings.attention_entries(limit=limit, after=after)
    ids = [BookingId(entry.subject) for entry in page.items if is_booking_id(entry.subject)]
    found = [
        Disputed(booking, payment, dispute)
        for booking in read_bookings(ports, ids)
        for payment in booking.payments
        for dispute in payment.disputes
        if dispute.is_undecided
    ]
    return Page(tuple(found), page.next_cursor)


def enter_dispute(
    ports: Ports, principal: Principal | None, request: DisputeRequest, *, key: str | None, dry_run: bool
) -> tuple[Disputed, bool]:
    """Enter a dispute that an operator was told of; True when it is a repeat under the same key.

    Raises Forbidden, PaymentNotFound, NothingToDispute, InvalidRequest, IdempotencyKeyReused, Busy.
    """
    operator = with_role(principal, "operator")
    booking, _, _ = visible_payment(ports, operator, request.tx_ref, roles=("operator", "guest", "host"))
    hashed = key_hash(ports.bookings.salt(), signed_in(operator).person_id, key) if key else ""
    asked, actor = fingerprint(request), actor_of(operator, "operator")

    def decide(current: Booking, _: Availability) -> Decision:
        known = get_payment(current, request.tx_ref)
        if _keyed(known, hashed) is not None:
            return Decision(current)
        currency = (known.facts.received or known.amount).currency
        return Decision(
            disputes.open_dispute(
                current,
                request.tx_ref,
                amount=None if request.amount is None else Money(request.amount, currency),
                reason=request.reason,
                due_at=request.due_at,
                note=request.note,
                actor=actor,
                now=ports.clock.now(),
                key=hashed,
                fingerprint=asked,
            )
        )

    done = _carry_out(ports, dry_run=dry_run)(booking, decide)
    entered = get_payment(done.after, request.tx_ref)
    made = _keyed(entered, hashed) or entered.disputes[-1]
    if made.key != hashed or made.fingerprint != asked:
        raise IdempotencyKeyReused("This Idempotency-Key belongs to another request.")
    replayed = get_payment(done.before, request.tx_ref).disputes == entered.disputes
    return Disputed(done.after, entered, made), replayed


def close_dispute(
    ports: Ports, principal: Principal | None, dispute_id: str, *, as_: CloseAs, note: str, dry_run: bool
) -> Disputed:
    """Record how a dispute ended. Raises Forbidden, DisputeNotFound, DisputeClosed, Busy."""
    operator = with_role(principal, "operator")
    booking = find_dispute(ports, operator, dispute_id).booking
    actor = actor_of(operator, "operator")

    def decide(current: Booking, _: Availability) -> Decision:
        return Decision(disputes.close(current, dispute_id, as_=as_, note=note, actor=actor, now=ports.clock.now()))

    return _of(_carry_out(ports, dry_run=dry_run)(booking, decide).after, dispute_id)


def find_dispute(ports: Ports, principal: Principal | None, dispute_id: str) -> Disputed:
    """A dispute, for operators. Raises Forbidden, DisputeNotFound."""
    operator = with_role(principal, "operator")
    try:
        booking_id = booking_of(payment_of(dispute_id)) or ""
        booking, _ = visible_booking(ports, operator, booking_id, roles=("operator", "guest", "host"))
        return _of(booking, dispute_id)
    except (BookingNotFound, KeyError) as missing:
        raise DisputeNotFound("There is no such dispute.") from missing


def _look_up(ports: Ports, booking: Booking, dispute: Dispute, *, actor: Actor) -> Booking:
    dispute_id, tx_ref = dispute.dispute_id, payment_of(dispute.dispute_id)
    try:
        facts = ports.gateways.of(get_payment(booking, tx_ref)).dispute(dispute.provider_dispute_id)
        answered = facts is None or facts.tx_ref in (None, tx_ref)
    except GatewayError as error:
        ports.observe("dispute_unanswered", level="warning", tx_ref=tx_ref, code=error.code)
        facts, answered = None, False
    jitter = ports.chance.jitter()

    def decide(current: Booking, _: Availability) -> Decision:
        now = ports.clock.now()
        if not answered:
            return Decision(disputes.defer_look_up(current, dispute_id, jitter=jitter, now=now))
        return Decision(disputes.apply_facts(current, dispute_id, facts, actor=actor, now=now))

    return update(ports, booking, decide).after


def _carry_out(ports: Ports, *, dry_run: bool) -> Callable[[Booking, Decide], Update]:
    return partial(preview if dry_run else update, ports)


def _of(booking: Booking, dispute_id: str) -> Disputed:
    """Raises KeyError."""
    return Disputed(booking, get_payment(booking, payment_of(dispute_id)), get_dispute(booking, dispute_id))


def _keyed(payment: Payment, hashed: str) -> Dispute | None:
    return next((each for each in payment.disputes if hashed and each.key == hashed), None)
