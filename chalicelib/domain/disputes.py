"""Money that a payer claims back: heard of, answered by a person, and won or lost.

A signed webhook only makes us ask the gateway; where the gateway can tell of a dispute, its word counts, and
elsewhere a person's. Nothing here cancels a stay: a dispute may come months after it. Until it is decided, nothing of
its payment is given back by itself, for the bank may give it back as well.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from chalicelib.domain.booking import (
    UNDECIDED,
    Actor,
    Booking,
    Dispute,
    DisputeStatus,
    Payment,
    event_of,
    get_dispute,
    get_payment,
    transition_dispute,
    with_dispute,
    with_payment,
)
from chalicelib.domain.errors import DisputeClosed, DisputeNotFound, FieldError, InvalidRequest, NothingToDispute
from chalicelib.domain.ids import dispute_id_of, payment_of
from chalicelib.domain.money import Money
from chalicelib.domain.outbox import enqueue
from chalicelib.domain.record import Record, replace
from chalicelib.domain.refunds import record_reversal
from chalicelib.domain.schedule import back_off
from chalicelib.domain.timing import DISPUTE_POLL

CloseAs = Literal["won", "lost"]
"""How a dispute ended: ``won``, the money stays with us; ``lost``, it went back to the payer."""


class DisputeFacts(Record, frozen=True, kw_only=True):
    """What a gateway says of a dispute: None, or empty, where it said nothing readable.

    ``resolution`` is the gateway's word for how it ended.
    """

    provider_dispute_id: str
    status: DisputeStatus
    tx_ref: str | None = None
    amount: Money | None = None
    reason: str = ""
    resolution: str = ""
    due_at: datetime | None = None


def open_dispute(
    booking: Booking,
    tx_ref: str,
    *,
    amount: Money | None,
    reason: str,
    due_at: datetime | None,
    note: str,
    actor: Actor,
    now: datetime,
    key: str = "",
    fingerprint: str = "",
) -> Booking:
    """Enter a dispute that a person was told of; ``amount`` None: all that was received.

    A reversal that nobody has dealt with becomes a part of it. Raises NothingToDispute, InvalidRequest.
    """
    payment = get_payment(booking, tx_ref)
    received = payment.facts.received
    if received is None:
        raise NothingToDispute("No money was received with this payment.")
    left = received - payment.disputed(UNDECIDED | {"lost"})
    claimed = left if amount is None else amount
    if not claimed.minor or left < claimed:
        wrong = FieldError("amount", f"must be at most {left.minor}, what of the payment is not disputed or lost yet")
        raise InvalidRequest("The amount does not fit the payment.", errors=(wrong,))
    if payment.has_open_reversal:
        booking = with_payment(booking, replace(payment, reversal_acknowledged=True))
    dispute = _new(payment, amount=claimed, reason=reason, due_at=due_at, now=now)
    return _opened(booking, replace(dispute, key=key, fingerprint=fingerprint), note=note, actor=actor, now=now)


def hear_of(booking: Booking, tx_ref: str, facts: DisputeFacts, *, actor: Actor, now: datetime) -> Booking:
    """Keep what a signed webhook says of a dispute, so that the gateway is asked about it now.

    One that a person entered, and that the gateway had not named until now, is the same dispute.
    """
    payment = get_payment(booking, tx_ref)
    own_name = facts.provider_dispute_id
    look_up_at = now if own_name else None
    named = [each for each in payment.disputes if own_name and each.provider_dispute_id == own_name]
    entered = [each for each in payment.disputes if not each.provider_dispute_id and each.is_undecided]
    if known := next(iter(named or entered), None):
        if not known.is_undecided:
            return booking
        return with_dispute(
            booking,
            replace(
                known,
                provider_dispute_id=own_name,
                look_up_at=look_up_at,
                failures=0,
                # The gateway speaks of it again: a person looks once more whether it was answered.
                acknowledged=False,
            ),
        )
    received = payment.facts.received or payment.amount
    amount = facts.amount if facts.amount is not None and facts.amount.currency == received.currency else received
    dispute = _new(payment, amount=amount, reason=facts.reason, due_at=facts.due_at, now=now)
    dispute = replace(dispute, provider_dispute_id=own_name, look_up_at=look_up_at)
    return _opened(booking, dispute, note="", actor=actor, now=now)


def apply_facts(
    booking: Booking, dispute_id: str, facts: DisputeFacts | None, *, actor: Actor, now: datetime
) -> Booking:
    """The gateway answered about a dispute. None: it cannot tell of it, so that only a person can."""
    dispute = get_dispute(booking, dispute_id)
    if not dispute.is_undecided:
        return booking
    if facts is None:
        return with_dispute(booking, replace(dispute, look_up_at=None, failures=0))
    same_currency = facts.amount is not None and facts.amount.currency == dispute.amount.currency
    told = replace(
        dispute,
        amount=facts.amount if facts.amount is not None and same_currency else dispute.amount,
        reason=facts.reason or dispute.reason,
        due_at=facts.due_at or dispute.due_at,
        look_up_at=now + DISPUTE_POLL,
        failures=0,
    )
    if facts.status == dispute.status:
        return with_dispute(booking, told)
    return _moved(booking, told, facts.status, actor=actor, now=now, detail=facts.resolution)


def defer_look_up(booking: Booking, dispute_id: str, *, jitter: float, now: datetime) -> Booking:
    """The gateway gave no answer about a dispute: ask it again after a pause."""
    dispute = get_dispute(booking, dispute_id)
    if not dispute.is_undecided:
        return booking
    failures = dispute.failures + 1
    return with_dispute(
        booking, replace(dispute, failures=failures, look_up_at=now + back_off(failures, jitter=jitter))
    )


def close(booking: Booking, dispute_id: str, *, as_: CloseAs, note: str, actor: Actor, now: datetime) -> Booking:
    """A person was told how a dispute ended; said again, it changes nothing. Raises DisputeNotFound, DisputeClosed."""
    dispute = booking.dispute(dispute_id)
    if dispute is None:
        raise DisputeNotFound("There is no such dispute.")
    if dispute.status == as_:
        return booking
    if not dispute.is_undecided:
        raise DisputeClosed(f"This dispute is {dispute.status}.")
    return _moved(booking, dispute, as_, actor=actor, now=now, detail=note)


def _moved(
    booking: Booking, dispute: Dispute, to: DisputeStatus, *, actor: Actor, now: datetime, detail: str
) -> Booking:
    """Give it its next status. A payment of which all is lost is reversed, whether the gateway says so or not."""
    booking = with_dispute(booking, *transition_dispute(dispute, to, actor=actor, now=now, detail=detail))
    payment = get_payment(booking, payment_of(dispute.dispute_id))
    if payment.status == "completed" and to == ("won" if payment.reversal else "lost"):
        # Money that the gateway had taken comes back; or it takes what it had not.
        booking = enqueue(booking, "dispute_won" if to == "won" else "dispute", about=dispute.dispute_id, now=now)
    if payment.status == "completed" and not payment.reversal and payment.lost == payment.facts.received:
        return record_reversal(booking, payment, "lost in a dispute", actor=actor, now=now)
    return booking


def _new(payment: Payment, *, amount: Money, reason: str, due_at: datetime | None, now: datetime) -> Dispute:
    return Dispute(
        dispute_id=dispute_id_of(payment.tx_ref, len(payment.disputes) + 1),
        amount=amount,
        reason=reason,
        created_at=now,
        updated_at=now,
        due_at=due_at,
    )


def _opened(booking: Booking, dispute: Dispute, *, note: str, actor: Actor, now: datetime) -> Booking:
    opened = event_of(
        actor,
        "dispute_opened",
        now=now,
        subject=dispute.dispute_id,
        before=None,
        after=dispute.status,
        detail="; ".join(filter(None, (dispute.amount.formatted, dispute.reason, note))),
    )
    return with_dispute(booking, dispute, opened)
