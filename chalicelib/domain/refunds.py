"""Money that goes back: owed first, then claimed by the one who posts it, then looked up until it is done.

A refund that cannot be started, that the gateway has not reported on for longer than refunds take there, or that it has
called under way for a month, is put before a person; from then on nothing posts it until that person says so.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Literal

from chalicelib.domain.attention import PAYMENT_REVERSED
from chalicelib.domain.booking import (
    UNDER_WAY,
    Actor,
    Booking,
    Event,
    Payment,
    Refund,
    append_event,
    event_of,
    get_payment,
    get_refund,
    transition_refund,
    with_payment,
    with_refund,
)
from chalicelib.domain.errors import (
    NotInAttention,
    PaymentDisputed,
    RefundExceedsPayment,
    RefundNotFound,
    RefundUnderWay,
)
from chalicelib.domain.finance.business_days import business_days_later
from chalicelib.domain.finance.ledger import reversed_amount
from chalicelib.domain.ids import payment_of, refund_id_of
from chalicelib.domain.money import Money, zero
from chalicelib.domain.outbox import enqueue
from chalicelib.domain.record import replace
from chalicelib.domain.schedule import back_off
from chalicelib.domain.timing import (
    REFUND_ACTION_PATIENCE,
    REFUND_MOVING_PATIENCE,
    REFUND_POLL_EARLY,
    REFUND_POLL_LATE,
    REFUND_POLL_MIN,
    REFUND_START_PATIENCE,
)

MAX_REFUNDS = 20
"""People are refused a twenty-first refund of a payment; what the house owes by itself is not bounded."""

ResolveAs = Literal["post_again", "already_refunded", "paid_otherwise"]
"""How a refund in attention is resolved: `post_again` asks the gateway for it once more, `already_refunded` says that
the gateway gave it back, `paid_otherwise` that the guest has the money by another way."""

Outlook = Literal["moving", "waiting", "silent"]
"""What a look-up that found no end says of a refund: it makes progress, it waits for an action, or nothing."""

IN_DISPUTE = "the payer claims the payment back through the bank, which may give it back as well"
NOT_STARTED = "it could not be started for a day"


def left_to_refund(payment: Payment) -> Money:
    """What was received of a completed payment and neither went back, by a refund or a lost dispute, nor is owed."""
    if payment.status != "completed" or payment.facts.received is None:
        return zero(payment.amount.currency)
    left = payment.facts.received - payment.refunded_or_owed - payment.lost
    # A refund and a dispute may both have given the same money back.
    return max(left, zero(left.currency))


def check_undisputed(payment: Payment) -> None:
    """Refuse a person's refund of money that is claimed back, or was taken back, already. Raises PaymentDisputed."""
    if payment.at_risk.minor:
        raise PaymentDisputed(
            f"{payment.at_risk.formatted} of this payment are claimed back through the bank, or were taken back: "
            "a refund may give them back twice. Decide that first."
        )


def is_under_way(refund: Refund, *, excluded: Collection[str] = ()) -> bool:
    """Whether money of this refund moves, or may.

    It is owed, so that it is posted within a minute; it was claimed or posted; or it waits for a person while the
    gateway has not excluded that it executes it. ``excluded``: of these it has, just now.
    """
    if refund.status == "attention":
        return refund.may_be_executed and refund.refund_id not in excluded
    return refund.status == "owed" or refund.status in UNDER_WAY


def check_not_given_twice(booking: Booking, payment: Payment, amount: Money, *, actor: Actor) -> None:
    """Refuse a person's refund of a payment that may be one which is under way already, asked for by somebody else.

    So is the same amount, whoever asks, and anything that one of the staff asks for beside a colleague. Parts that one
    person gives back, or the host and the staff, are theirs to decide. Raises RefundUnderWay.
    """
    for refund in filter(is_under_way, payment.refunds):
        if refund.amount == amount or _is_a_colleagues(booking, refund, actor):
            raise _on_its_way(refund)


def _is_a_colleagues(booking: Booking, refund: Refund, actor: Actor) -> bool:
    asked = next(event for event in booking.history if event.subject == refund.refund_id and event.after == "owed")
    return asked.cause == actor.cause == "operator" and asked.by != actor.person_id


def _on_its_way(refund: Refund) -> RefundUnderWay:
    return RefundUnderWay(
        f"{refund.amount.formatted} of this payment are on their way back already: {refund.refund_id}, "
        f"{refund.status}. Another refund is possible once that one has ended."
    )


def check_none_under_way(payment: Payment, *, excluded: Collection[str] = ()) -> None:
    """Refuse to post a refund again while another one of the payment is under way. Raises RefundUnderWay."""
    for refund in payment.refunds:
        if is_under_way(refund, excluded=excluded):
            raise _on_its_way(refund)


def owe_refund(
    booking: Booking,
    tx_ref: str,
    *,
    amount: Money,
    reason: str,
    actor: Actor,
    now: datetime,
    key: str = "",
    fingerprint: str = "",
    tell: bool = True,
) -> Booking:
    """Owe ``amount`` of a completed payment; ``tell`` promises the guest a letter of its own.

    Raises RefundExceedsPayment, ValueError for nothing or less.
    """
    payment = get_payment(booking, tx_ref)
    if amount.minor < 1:
        raise ValueError("a refund is of at least one minor unit")
    if left_to_refund(payment) < amount:
        raise RefundExceedsPayment(f"At most {left_to_refund(payment).formatted} can go back.")
    refund = Refund(
        refund_id=refund_id_of(payment.tx_ref, len(payment.refunds) + 1),
        amount=amount,
        reason=reason,
        created_at=now,
        updated_at=now,
        due_at=now,
        key=key,
        fingerprint=fingerprint,
    )
    owed = event_of(
        actor,
        "refund_owed",
        now=now,
        subject=refund.refund_id,
        before=None,
        after="owed",
        detail=amount.formatted,
    )
    booking = with_refund(booking, refund, owed)
    return enqueue(booking, "money_returned", about=refund.refund_id, now=now) if tell else booking


def claim(booking: Booking, refund_id: str, *, owner: str, actor: Actor, now: datetime) -> Booking:
    """``owed`` → ``requested``, saved before the gateway is asked: only ``owner`` may post it now, and only once.

    The gateway's name of an earlier post goes: what became of that one says nothing of this one.
    """
    refund, event = transition_refund(get_refund(booking, refund_id), "requested", actor=actor, now=now)
    return with_refund(
        booking,
        replace(
            refund,
            owner=owner,
            answered_at=now,
            due_at=now + REFUND_POLL_EARLY,
            provider_refund_id=None,
            may_be_executed=True,
        ),
        event,
    )


def record_accepted(
    booking: Booking, refund_id: str, *, provider_refund_id: str | None, actor: Actor, now: datetime
) -> Booking:
    """The gateway took it over: ``requested`` → ``processing``."""
    refund, event = transition_refund(get_refund(booking, refund_id), "processing", actor=actor, now=now)
    return with_refund(
        booking,
        replace(refund, provider_refund_id=provider_refund_id, answered_at=now, due_at=now + REFUND_POLL_EARLY),
        event,
    )


def record_refunded(booking: Booking, refund_id: str, *, actor: Actor, now: datetime, detail: str = "") -> Booking:
    """The money is back with the guest."""
    booking = with_refund(
        booking, *transition_refund(get_refund(booking, refund_id), "refunded", actor=actor, now=now, detail=detail)
    )
    return enqueue(booking, "refund", about=refund_id, now=now)


def put_before_person(
    booking: Booking, refund_id: str, *, actor: Actor, now: datetime, detail: str, definitely_not_executed: bool = False
) -> Booking:
    """Nothing goes on by itself any more: a person decides.

    ``definitely_not_executed``: the gateway has excluded that it executes, or will execute, the post that it was sent.
    """
    refund, event = transition_refund(get_refund(booking, refund_id), "attention", actor=actor, now=now, detail=detail)
    return with_refund(
        booking, replace(refund, may_be_executed=refund.may_be_executed and not definitely_not_executed), event
    )


def record_provider_id(booking: Booking, refund_id: str, *, provider_refund_id: str | None) -> Booking:
    """Keep the gateway's own name for a refund: from now on the status under that name counts."""
    return with_refund(booking, replace(get_refund(booking, refund_id), provider_refund_id=provider_refund_id))


def requeue_rejected(
    booking: Booking, refund_id: str, *, actor: Actor, now: datetime, jitter: float, detail: str
) -> Booking:
    """The gateway definitely did not execute the post: ``requested`` → ``owed``, to be tried again after a pause.

    After REFUND_START_PATIENCE a person is asked.
    """
    if now - _owed_since(booking, refund_id) >= REFUND_START_PATIENCE:
        detail = f"{NOT_STARTED}: {detail}"
        return put_before_person(booking, refund_id, actor=actor, now=now, detail=detail, definitely_not_executed=True)
    refund, event = transition_refund(get_refund(booking, refund_id), "owed", actor=actor, now=now, detail=detail)
    failures = refund.start_failures + 1
    again = now + back_off(failures, jitter=jitter)
    return with_refund(
        booking, replace(refund, owner="", start_failures=failures, due_at=again, may_be_executed=False), event
    )


def defer_start(
    booking: Booking, refund_id: str, *, actor: Actor, now: datetime, jitter: float, detail: str
) -> Booking:
    """The gateway could not even be asked whether the refund may be started: it stays ``owed``, for later.

    After REFUND_START_PATIENCE a person is asked.
    """
    if now - _owed_since(booking, refund_id) >= REFUND_START_PATIENCE:
        return put_before_person(booking, refund_id, actor=actor, now=now, detail=f"{NOT_STARTED}: {detail}")
    refund = get_refund(booking, refund_id)
    failures = refund.start_failures + 1
    return with_refund(
        booking, replace(refund, start_failures=failures, due_at=now + back_off(failures, jitter=jitter))
    )


def resolve(
    booking: Booking,
    refund_id: str,
    *,
    as_: ResolveAs,
    note: str,
    actor: Actor,
    now: datetime,
    excluded: Collection[str] = (),
) -> Booking:
    """A person resolves a refund in ``attention``: it is posted again, or it was done some other way.

    ``excluded`` are the payment's other refunds whose posts the gateway has just excluded: none else may be under way.
    Raises RefundNotFound, NotInAttention, PaymentDisputed, RefundUnderWay.
    """
    refund = booking.refund(refund_id)
    if refund is None:
        raise RefundNotFound("There is no such refund.")
    if refund.status != "attention":
        raise NotInAttention("This refund does not wait for a person.")
    if as_ == "post_again":
        payment = get_payment(booking, payment_of(refund_id))
        check_undisputed(payment)
        check_none_under_way(payment, excluded={refund_id, *excluded})
    decided = event_of(
        actor,
        f"refund_{as_}",
        now=now,
        subject=refund_id,
        before="attention",
        after="attention",
        detail=note,
    )
    booking = append_event(booking, decided)
    if as_ != "post_again":
        return record_refunded(booking, refund_id, actor=actor, now=now, detail=as_)
    owed, event = transition_refund(refund, "owed", actor=actor, now=now)
    return with_refund(booking, replace(owed, owner="", start_failures=0, due_at=now), event)


def record_lookup(
    booking: Booking, refund_id: str, *, outlook: Outlook, business_days: int, actor: Actor, now: datetime
) -> Booking:
    """The look-up brought no end: look again, hourly at first.

    A person is asked once the gateway has reported no progress for ``business_days``, in which it promises a refund;
    sooner where the refund waits for an action at the gateway; and whatever the gateway reports, REFUND_MOVING_PATIENCE
    after it was posted.
    """
    refund = get_refund(booking, refund_id)
    requested = (event.at for event in reversed(booking.history) if _is_request(event, refund_id))
    started = next(requested, refund.created_at)
    answered_at = now if outlook == "moving" else refund.answered_at or refund.updated_at
    if outlook == "waiting":
        deadline, detail = answered_at + REFUND_ACTION_PATIENCE, "it waits for an action at the gateway"
    else:
        deadline = business_days_later(answered_at, business_days)
        detail = f"no word for {business_days} business days"
    if (bound := started + REFUND_MOVING_PATIENCE) <= deadline:
        deadline, detail = bound, f"the gateway has called it under way for {REFUND_MOVING_PATIENCE.days} days"
    if now >= deadline:
        return put_before_person(booking, refund_id, actor=actor, now=now, detail=detail)
    pause = REFUND_POLL_EARLY if now - started < REFUND_POLL_LATE else REFUND_POLL_LATE
    again = min(now + pause, deadline)
    due_at = max(again, now + REFUND_POLL_MIN)
    return with_refund(booking, replace(refund, answered_at=answered_at, due_at=due_at, updated_at=now))


def look_up_now(booking: Booking, tx_ref: str, *, now: datetime) -> Booking:
    """Something moved at the gateway: ask now about the payment's refunds that the gateway has a name for."""
    for refund in get_payment(booking, tx_ref).refunds:
        if refund.status == "processing" and refund.provider_refund_id is not None:
            booking = with_refund(booking, replace(refund, due_at=now))
    return booking


def was_requested(booking: Booking, refund_id: str) -> bool:
    """Whether it was claimed before: the gateway may know of it."""
    return any(_is_request(event, refund_id) for event in booking.history)


def record_reversal(booking: Booking, payment: Payment, reported: str, *, actor: Actor, now: datetime) -> Booking:
    """The gateway gave completed money back, and not because we asked: recorded, and shown to a person.

    Where a dispute tells why, that one is what a person decides.
    """
    status = payment.status
    reversed_ = event_of(
        actor, PAYMENT_REVERSED, now=now, subject=payment.tx_ref, before=status, after=status, detail=reported
    )
    explained = any(dispute.status != "won" for dispute in payment.disputes)
    payment = replace(payment, reversal=reported, reversal_acknowledged=explained, updated_at=now)
    booking = with_payment(booking, payment, reversed_)
    # Disputes that were lost may have taken all of it before.
    taken = reversed_amount(booking, payment)
    return enqueue(booking, "reversal", about=payment.tx_ref, now=now) if taken.minor else booking


def _owed_since(booking: Booking, refund_id: str) -> datetime:
    """Since when it is to be started: since it was owed, or since a person last wanted it posted again."""
    for event in reversed(booking.history):
        if event.subject == refund_id and event.after == "owed" and event.before in (None, "attention"):
            return event.at
    return get_refund(booking, refund_id).created_at


def _is_request(event: Event, refund_id: str) -> bool:
    return event.subject == refund_id and event.after == "requested"
