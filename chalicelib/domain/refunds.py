"""Money that goes back: owed first, then claimed by the one who posts it, then looked up until it is done."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.domain.attention import PAYMENT_REVERSED
from chalicelib.domain.booking import (
    REFUND_TRANSITIONS,
    Booking,
    Cause,
    Event,
    Payment,
    Refund,
    RefundStatus,
    get_payment,
    note,
    update_payment,
)
from chalicelib.domain.errors import RefundExceedsPayment
from chalicelib.domain.ids import payment_of, refund_id_of
from chalicelib.domain.money import Money, zero
from chalicelib.domain.outbox import owe
from chalicelib.domain.schedule import back_off
from chalicelib.domain.timing import REFUND_POLL_EARLY, REFUND_POLL_LATE, REFUND_POLL_MIN, REFUND_SILENCE

MAX_REFUNDS = 20
"""People are refused a twenty-first refund of a payment; what the house owes by itself is not bounded."""


def left_to_refund(payment: Payment) -> Money:
    """What was received of a completed payment and neither went back nor is owed."""
    if payment.status != "completed" or payment.received is None:
        return zero(payment.amount.currency)
    return payment.received - payment.refunded_or_owed


def owe_refund(
    booking: Booking,
    tx_ref: str,
    *,
    amount: Money,
    reason: str,
    cause: Cause,
    now: datetime,
    key: str = "",
    fingerprint: str = "",
    tell: bool = True,
) -> Booking:
    """Write down that ``amount`` of a completed payment goes back; ``tell`` owes the guest an e-mail of its own.

    Raises RefundExceedsPayment, ValueError for nothing or less.
    """
    payment = get_payment(booking, tx_ref)
    if amount.minor < 1:
        raise ValueError("a refund is of at least one minor unit")
    if left_to_refund(payment) < amount:
        raise RefundExceedsPayment(f"At most {left_to_refund(payment).formatted} can go back.")
    refund = Refund(
        refund_id_of(payment.tx_ref, len(payment.refunds) + 1),
        amount,
        reason,
        created_at=now,
        updated_at=now,
        due_at=now,
        key=key,
        fingerprint=fingerprint,
    )
    booking = update_payment(booking, tx_ref, updated_at=now, refunds=(*payment.refunds, refund))
    booking = note(booking, Event(now, "refund_owed", cause, refund.refund_id, None, "owed", amount.formatted))
    return owe(booking, "money_returned", about=refund.refund_id, now=now) if tell else booking


def get_refund(booking: Booking, refund_id: str) -> Refund:
    """A refund that is known to be there. Raises KeyError."""
    for refund in booking.refunds:
        if refund.refund_id == refund_id:
            return refund
    raise KeyError(refund_id)


def transition_refund(
    booking: Booking,
    refund_id: str,
    to: RefundStatus,
    *,
    cause: Cause,
    now: datetime,
    detail: str = "",
    **changes: Any,
) -> Booking:
    """Give a refund its next status, which ``REFUND_TRANSITIONS`` must allow, and what else changes with it."""
    before = get_refund(booking, refund_id).status
    if to not in REFUND_TRANSITIONS[before]:
        raise ValueError(f"a refund never goes from {before} to {to}")
    if to in ("refunded", "attention"):
        changes["due_at"] = None
    booking = _update_refund(booking, refund_id, now=now, status=to, **changes)
    return note(booking, Event(now, f"refund_{to}", cause, refund_id, before, to, detail))


def claim(booking: Booking, refund_id: str, *, by: str, cause: Cause, now: datetime) -> Booking:
    """``owed`` → ``requested``, saved before the gateway is asked: only ``by`` may post it now, and only once.

    The name of an earlier post goes: what became of that one says nothing of this one.
    """
    booking = _update_refund(booking, refund_id, provider_refund_id=None)
    return transition_refund(
        booking,
        refund_id,
        "requested",
        cause=cause,
        now=now,
        claimed_by=by,
        heard_at=now,
        due_at=now + REFUND_POLL_EARLY,
    )


def accepted(
    booking: Booking, refund_id: str, *, provider_refund_id: str | None, cause: Cause, now: datetime
) -> Booking:
    """The gateway took it over: ``requested`` → ``processing``."""
    return transition_refund(
        booking,
        refund_id,
        "processing",
        cause=cause,
        now=now,
        provider_refund_id=provider_refund_id,
        heard_at=now,
        due_at=now + REFUND_POLL_EARLY,
    )


def named(booking: Booking, refund_id: str, *, provider_refund_id: str | None) -> Booking:
    """The gateway turns out to have a name for it: from now on its own status counts."""
    return _update_refund(booking, refund_id, provider_refund_id=provider_refund_id)


def put_off(booking: Booking, refund_id: str, *, cause: Cause, now: datetime, jitter: float, detail: str) -> Booking:
    """The gateway certainly did not take it over: ``requested`` → ``owed``, to be tried again after a pause."""
    tries = get_refund(booking, refund_id).put_off + 1
    again = now + back_off(tries, jitter=jitter)
    return transition_refund(
        booking, refund_id, "owed", cause=cause, now=now, detail=detail, claimed_by="", put_off=tries, due_at=again
    )


def defer_start(booking: Booking, refund_id: str, *, now: datetime, jitter: float) -> Booking:
    """The gateway could not even be asked whether it may be started: it stays ``owed``, for later."""
    tries = get_refund(booking, refund_id).put_off + 1
    return _update_refund(booking, refund_id, put_off=tries, due_at=now + back_off(tries, jitter=jitter))


def try_again(booking: Booking, refund_id: str, *, now: datetime) -> Booking:
    """An operator wants it posted again: ``attention`` → ``owed``, due now."""
    return transition_refund(
        booking, refund_id, "owed", cause="operator", now=now, claimed_by="", put_off=0, due_at=now
    )


def looked_up(booking: Booking, refund_id: str, *, heard: bool, cause: Cause, now: datetime) -> Booking:
    """The look-up brought no end: look again, hourly at first; after a day without a word a person is asked."""
    refund = get_refund(booking, refund_id)
    heard_at = now if heard else refund.heard_at or refund.updated_at
    if now - heard_at >= REFUND_SILENCE:
        return transition_refund(booking, refund_id, "attention", cause=cause, now=now, detail="no word for a day")
    started = next(
        (event.at for event in reversed(booking.history) if _is_request(event, refund_id)), refund.created_at
    )
    pause = REFUND_POLL_EARLY if now - started < REFUND_POLL_LATE else REFUND_POLL_LATE
    again = min(now + pause, heard_at + REFUND_SILENCE)
    return _update_refund(booking, refund_id, heard_at=heard_at, due_at=max(again, now + REFUND_POLL_MIN))


def look_now(booking: Booking, tx_ref: str, *, now: datetime) -> Booking:
    """Something moved at the gateway: the payment's refunds that it has a name for are to be asked about now."""
    for refund in get_payment(booking, tx_ref).refunds:
        if refund.status == "processing" and refund.provider_refund_id is not None:
            booking = _update_refund(booking, refund.refund_id, due_at=now)
    return booking


def was_requested(booking: Booking, refund_id: str) -> bool:
    """Somebody was about to post it before now: the gateway may know of it."""
    return any(_is_request(event, refund_id) for event in booking.history)


def record_reversal(booking: Booking, tx_ref: str, said: str, *, cause: Cause, now: datetime) -> Booking:
    """The gateway gave completed money back, and not because we asked: recorded, and shown to a person."""
    status = get_payment(booking, tx_ref).status
    booking = update_payment(booking, tx_ref, reversal=said, updated_at=now)
    return note(booking, Event(now, PAYMENT_REVERSED, cause, tx_ref, status, status, said))


def _is_request(event: Event, refund_id: str) -> bool:
    return event.subject == refund_id and event.after == "requested"


def _update_refund(booking: Booking, refund_id: str, *, now: datetime | None = None, **changes: Any) -> Booking:
    tx_ref = payment_of(refund_id)
    touched: dict[str, Any] = {"updated_at": now} if now is not None else {}
    refunds = tuple(
        replace(refund, **changes, **touched) if refund.refund_id == refund_id else refund
        for refund in get_payment(booking, tx_ref).refunds
    )
    return update_payment(booking, tx_ref, refunds=refunds, **touched)
