"""What the gateway's verify answer means for a booking now: pure, and total over every answer and every state."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from chalicelib.domain import lifecycle, refunds
from chalicelib.domain.booking import (
    OPEN,
    UNDER_WAY,
    Actor,
    Booking,
    GatewayFacts,
    GatewayStatus,
    Payment,
    Refund,
    VerifySchedule,
    append_event,
    event_of,
    get_payment,
    transition_payment,
    with_payment,
)
from chalicelib.domain.errors import NotInReview
from chalicelib.domain.money import Money
from chalicelib.domain.outbox import enqueue
from chalicelib.domain.record import Record, replace
from chalicelib.domain.schedule import back_off, next_verification
from chalicelib.domain.timing import UNKNOWN_FOR_GOOD, WEBHOOK_RECHECK

WebhookClaim = Literal["", "paid", "other"]
"""What a signed webhook claims of the payment that it made us verify: nothing, that it was paid, or something else."""

PLACE_GONE = "place_gone"
PAID_TWICE = "paid_twice"
CANCELLED = "booking_cancelled"
NOT_ACCEPTED = "payment_not_accepted"


class Availability(Enum):
    """Whether an expired booking's nights can be taken again: all free and open, and the listing open."""

    FREE = "free"
    SHORT = "short"


class Verification(Record, frozen=True):
    """The gateway's verify answer in our words.

    ``tx_ref``, ``amount`` and ``mode`` are what the gateway reported, None where it reported nothing readable: a
    payment is only ever taken for paid when all of them equal ours. ``reported`` is the amount as text, for people,
    when it was not readable as money. ``payer`` is the payer's address, where money has no booking to look it up in.
    """

    status: GatewayStatus
    tx_ref: str | None = None
    amount: Money | None = None
    reported: str = ""
    mode: str | None = None
    provider_reference: str | None = None
    receipt_url: str | None = None
    fee: Money | None = None
    paid_at: datetime | None = None
    payer: str = ""

    @property
    def facts(self) -> GatewayFacts:
        return GatewayFacts(
            received=self.amount,
            mode=self.mode,
            provider_reference=self.provider_reference,
            receipt_url=self.receipt_url,
            fee=self.fee,
            paid_at=self.paid_at,
        )


NO_ANSWER = Verification("no_answer")


def matches(payment: Payment, verification: Verification) -> bool:
    """The answer speaks of our reference, our amount and currency, and our mode."""
    return (
        verification.tx_ref == payment.tx_ref
        and verification.amount == payment.amount
        and verification.mode == payment.expected_mode
    )


def apply_verification(
    booking: Booking,
    tx_ref: str,
    verification: Verification,
    *,
    now: datetime,
    availability: Availability = Availability.FREE,
    actor: Actor,
    window: timedelta,
    jitter: float,
    claim: WebhookClaim = "",
) -> Booking:
    """The booking after this answer. Raises KeyError for a payment that it does not have.

    ``availability`` tells of an expired booking's nights. ``window`` is the checkout window, ``jitter`` lies in
    [0, 1). ``claim`` is what a signed webhook claimed: an answer that does not show it yet is asked for again soon.
    """
    payment = get_payment(booking, tx_ref)
    schedule = _schedule(booking, payment, verification, now=now, jitter=jitter, claim=claim)
    payment = replace(payment, schedule=schedule)
    if verification.status == "no_answer":
        in_doubt = _is_cancelled_in_doubt(booking, payment)
        booking = with_payment(booking, payment)
        return enqueue(booking, "booking_cancelled", now=now) if in_doubt else booking
    payment = replace(payment, gateway_status=verification.status)
    went_back = verification.status in ("refunded", "reversed")
    if payment.status == "completed":
        return (
            _completed_went_back(booking, payment, verification.status, actor=actor, now=now)
            if went_back
            else with_payment(booking, payment)
        )
    match verification.status:
        case "paid" if matches(payment, verification):
            payment = _with_facts(payment, verification.facts)
            return _accept_money(booking, payment, availability=availability, actor=actor, now=now)
        case "paid":
            return _review(
                booking, payment, verification, actor=actor, now=now, detail=_difference(payment, verification)
            )
        case "refunded" | "reversed":
            return _review(booking, payment, verification, actor=actor, now=now, detail=verification.status)
        case "failed" if payment.status in OPEN and now >= payment.created_at + window:
            return _failed(booking, payment, actor=actor, now=now)
        case "unknown" if payment.status in OPEN and now >= booking.hold_expires_at + UNKNOWN_FOR_GOOD:
            return with_payment(
                booking, *transition_payment(payment, "expired", actor=actor, now=now, detail="never opened")
            )
        case _:
            return with_payment(booking, payment)


def resolve_review(
    booking: Booking,
    tx_ref: str,
    *,
    as_: Literal["accept", "refund"],
    availability: Availability,
    note: str,
    actor: Actor,
    now: datetime,
) -> Booking:
    """A person resolves a payment in ``review``: accepted money follows the rules of late money.

    Where the gateway's amount was not readable, the person vouches for the one that was asked for.
    Raises NotInReview.
    """
    payment = get_payment(booking, tx_ref)
    if payment.status != "review":
        raise NotInReview("This payment is not in review.")
    decided = event_of(actor, f"review_{as_}", now=now, subject=tx_ref, before="review", after="review", detail=note)
    booking = append_event(booking, decided)
    payment = replace(
        payment,
        facts=replace(payment.facts, received=payment.facts.received or payment.amount),
        schedule=replace(payment.schedule, next_verify_at=None),
    )
    if as_ == "refund":
        return _give_back(booking, payment, reason=NOT_ACCEPTED, actor=actor, now=now)
    return _accept_money(booking, payment, availability=availability, actor=actor, now=now)


def _is_cancelled_in_doubt(booking: Booking, payment: Payment) -> bool:
    """The guest cancelled while this payment was open, and the gateway has not told since whether money came.

    Then the guest is owed a letter that says what becomes of such money; once, and not where another one said it.
    """
    if booking.status != "cancelled" or any(entry.kind == "booking_cancelled" for entry in booking.outbox):
        return False
    left = next(event for event in reversed(booking.history) if event.kind == "booking_cancelled")
    was_open = payment.status == "expired" and payment.tx_ref == booking.payments[-1].tx_ref
    told = payment.schedule.verified_at is not None and payment.schedule.verified_at >= left.at
    return left.before == "pending_payment" and was_open and not told


def _schedule(
    booking: Booking,
    payment: Payment,
    verification: Verification,
    *,
    now: datetime,
    jitter: float,
    claim: WebhookClaim,
) -> VerifySchedule:
    """When to ask again. A signed claim is followed up in whatever state the payment is."""
    before = payment.schedule
    rests = payment.status in ("completed", "review")
    if verification.status == "no_answer":
        failures = before.consecutive_failures + 1
        again = now + back_off(failures, jitter=jitter)
        # An outage does not end the watching: the last verification, 72 hours on, has still to be had.
        watched = bool(claim) or before.next_verify_at is not None or not rests
        next_at = again if watched else before.next_verify_at
        return VerifySchedule(next_verify_at=next_at, verified_at=before.verified_at, consecutive_failures=failures)
    next_at = None if rests else next_verification(payment.created_at, hold_ends=booking.hold_expires_at, now=now)
    if claim == "other" or (claim and not rests):
        next_at = min(next_at or now + WEBHOOK_RECHECK, now + WEBHOOK_RECHECK)
    return VerifySchedule(next_verify_at=next_at, verified_at=now)


def _with_facts(payment: Payment, facts: GatewayFacts) -> Payment:
    """Keep what the gateway reported of a payment that it took money for."""
    return replace(
        payment,
        facts=payment.facts.updated_by(facts),
        schedule=replace(payment.schedule, next_verify_at=None),
        opening=None,
        problem=None,
    )


def _accept_money(
    booking: Booking, payment: Payment, *, availability: Availability, actor: Actor, now: datetime
) -> Booking:
    """Money that counts has come: it confirms the booking, or it is owed back."""
    late_and_free = booking.status == "expired" and availability is Availability.FREE and now < booking.check_in_at
    if booking.status == "pending_payment" or late_and_free:
        return lifecycle.confirm(booking, payment, actor=actor, now=now)
    reason = {"expired": PLACE_GONE, "cancelled": CANCELLED}.get(booking.status, PAID_TWICE)
    return _give_back(booking, payment, reason=reason, actor=actor, now=now)


def _give_back(booking: Booking, payment: Payment, *, reason: str, actor: Actor, now: datetime) -> Booking:
    completed, event = transition_payment(payment, "completed", actor=actor, now=now, detail=reason)
    booking = with_payment(booking, completed, event)
    amount = refunds.left_to_refund(completed)
    # A review may have been about a payment of nothing.
    if amount.minor:
        booking = refunds.owe_refund(booking, payment.tx_ref, amount=amount, reason=reason, actor=actor, now=now)
    return enqueue(booking, "payment", about=payment.tx_ref, now=now)


def _review(
    booking: Booking, payment: Payment, verification: Verification, *, actor: Actor, now: datetime, detail: str
) -> Booking:
    """Money is there, but something does not match: a person decides."""
    payment = _with_facts(payment, verification.facts)
    if payment.status == "review":
        return with_payment(booking, payment)
    return with_payment(booking, *transition_payment(payment, "review", actor=actor, now=now, detail=detail))


def _failed(booking: Booking, payment: Payment, *, actor: Actor, now: datetime) -> Booking:
    booking = with_payment(booking, *transition_payment(payment, "failed", actor=actor, now=now))
    if booking.status == "pending_payment" and payment.tx_ref == booking.payments[-1].tx_ref:
        return enqueue(booking, "payment_failed", about=payment.tx_ref, now=now)
    return booking


def _completed_went_back(
    booking: Booking, payment: Payment, status: GatewayStatus, *, actor: Actor, now: datetime
) -> Booking:
    """Completed money went back: a refund of ours moves on; without one, a person is told of the reversal."""
    booking = with_payment(booking, payment)
    if status == "reversed" and any(dispute.status != "won" for dispute in payment.disputes):
        # The dispute took it, and no refund of ours.
        return booking if payment.reversal else refunds.record_reversal(booking, payment, status, actor=actor, now=now)
    if status == "reversed" and any(_has_its_own_status(refund) for refund in payment.refunds):
        return refunds.look_up_now(booking, payment.tx_ref, now=now)
    if any(refund.status == "refunded" for refund in payment.refunds):
        # The gateway goes on reporting money that is accounted for: it tells nothing of another refund.
        return booking
    if refund := _refund_meant(payment):
        return refunds.record_refunded(booking, refund.refund_id, actor=actor, now=now)
    if payment.reversal:
        return booking
    return refunds.record_reversal(booking, payment, status, actor=actor, now=now)


def _has_its_own_status(refund: Refund) -> bool:
    """The gateway can be asked about the refund itself; or whoever posts it is about to hear under which name.

    A payment may be ``reversed`` as soon as a refund is asked for: then only the refund's own status tells that it
    is done.
    """
    return refund.provider_refund_id is not None or refund.status == "requested"


def _refund_meant(payment: Payment) -> Refund | None:
    """The refund of ours that the gateway speaks of: the oldest that it was asked for, else a whole one still owed."""
    asked = [refund for refund in payment.refunds if refund.status in UNDER_WAY or refund.status == "attention"]
    received = payment.facts.received
    whole = [refund for refund in payment.refunds if refund.status == "owed" and refund.amount == received]
    return next(iter(asked or whole), None)


def _difference(payment: Payment, verification: Verification) -> str:
    """Which of the four does not match, in words for an operator."""
    found = []
    if verification.tx_ref != payment.tx_ref:
        found.append("another reference")
    if verification.amount != payment.amount:
        shown = verification.amount.formatted if verification.amount else verification.reported or "nothing readable"
        found.append(f"{shown} instead of {payment.amount.formatted}")
    if verification.mode != payment.expected_mode:
        found.append(f"mode {verification.mode or 'missing'} instead of {payment.expected_mode}")
    return "; ".join(found)
