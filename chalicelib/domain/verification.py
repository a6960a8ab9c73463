"""What the gateway's verify answer means for a booking now: pure, and total over every answer and every state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.domain import booking as aggregate
from chalicelib.domain import lifecycle, outbox
from chalicelib.domain import refunds as refunding
from chalicelib.domain.booking import OPEN, UNDER_WAY, Booking, Cause, Event, Payment, Refund
from chalicelib.domain.errors import NotInReview
from chalicelib.domain.money import Money
from chalicelib.domain.schedule import back_off, next_verification
from chalicelib.domain.timing import UNKNOWN_FOR_GOOD, WEBHOOK_RECHECK

GatewayStatus = Literal["paid", "pending", "failed", "unknown", "refunded", "reversed", "no_answer"]
"""What the gateway says of a payment. ``unknown``: it does not know the reference; ``no_answer``: no information."""


WebhookClaim = Literal["", "paid", "other"]
"""What a signed webhook said that made us ask: nothing, that it was paid, or something else."""


PLACE_GONE = "place_gone"


PAID_TWICE = "paid_twice"


CANCELLED = "booking_cancelled"


NOT_ACCEPTED = "payment_not_accepted"


@dataclass(frozen=True, slots=True)
class Verification:
    """The gateway's verify answer in our words.

    ``tx_ref``, ``amount``, ``currency`` and ``mode`` are what the gateway reported, None where it reported nothing
    readable: a payment is only ever taken for paid when all four equal ours. ``reported`` is the amount as text, for
    people, when it was not readable as money.
    """

    said: GatewayStatus
    tx_ref: str | None = None
    amount: Money | None = None
    reported: str = ""
    mode: str | None = None
    provider_reference: str | None = None
    receipt_url: str | None = None
    fee: Money | None = None
    paid_at: datetime | None = None


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
    nights: Literal["free", "short"] = "free",
    cause: Cause,
    window: timedelta,
    jitter: float,
    webhook_claim: WebhookClaim = "",
) -> Booking:
    """The booking after this answer.

    ``nights`` says whether an expired booking's nights can be taken again (free and open, listing open). ``window``
    is the checkout window, ``jitter`` lies in [0, 1). ``announced`` is what a signed webhook said: an
    answer that does not show it yet is asked for again soon.
    """
    payment = booking.payment(tx_ref)
    if payment is None:
        raise KeyError(tx_ref)
    if verification.said == "no_answer":
        return _unanswered(booking, payment, now=now, jitter=jitter, webhook_claim=webhook_claim)
    booking = _looked(booking, payment, verification, now=now, webhook_claim=webhook_claim)
    if payment.status == "completed":
        if verification.said in ("refunded", "reversed"):
            return _taken_back(booking, payment, verification, cause=cause, now=now)
        return booking
    match verification.said:
        case "paid" if matches(payment, verification):
            return _paid(booking, payment, verification, nights=nights, cause=cause, now=now)
        case "paid":
            return _review(
                booking,
                payment,
                verification,
                cause=cause,
                now=now,
                detail=_difference(payment, verification),
            )
        case "refunded" | "reversed":
            return _review(booking, payment, verification, cause=cause, now=now, detail=verification.said)
        case "failed" if payment.status in OPEN and now >= payment.created_at + window:
            return _failed(booking, payment, cause=cause, now=now)
        case "unknown" if payment.status in OPEN and now >= booking.hold_expires_at + UNKNOWN_FOR_GOOD:
            return aggregate.transition_payment(booking, tx_ref, "expired", cause=cause, now=now, detail="never opened")
        case _:
            return booking


def _unanswered(
    booking: Booking, payment: Payment, *, now: datetime, jitter: float, webhook_claim: WebhookClaim
) -> Booking:
    """Nothing is known that was not known before; ask again, ever more patiently, for as long as it is watched.

    What a signed webhook announced is followed up in whatever state the payment is.
    """
    silences = payment.unanswered + 1
    again = now + back_off(silences, jitter=jitter)
    watched = webhook_claim or payment.next_look_at is not None or payment.status not in ("completed", "review")
    # An outage does not end the watching: the last look, 72 hours on, has still to be had.
    return aggregate.update_payment(
        booking, payment.tx_ref, unanswered=silences, next_look_at=again if watched else payment.next_look_at
    )


def _looked(
    booking: Booking, payment: Payment, verification: Verification, *, now: datetime, webhook_claim: WebhookClaim
) -> Booking:
    watched = payment.status not in ("completed", "review")
    again = next_verification(payment, hold_ends=booking.hold_expires_at, now=now) if watched else None
    if webhook_claim == "other" or (webhook_claim and watched):
        again = min(again or now + WEBHOOK_RECHECK, now + WEBHOOK_RECHECK)
    return aggregate.update_payment(
        booking, payment.tx_ref, looked_at=now, next_look_at=again, unanswered=0, said=verification.said
    )


def _facts(booking: Booking, payment: Payment, verification: Verification) -> Booking:
    """Keep what the gateway reported of a payment that it took money for; its silence unsays nothing."""
    reported = {
        "received": verification.amount,
        "mode": verification.mode,
        "provider_reference": verification.provider_reference,
        "receipt_url": verification.receipt_url,
        "fee": verification.fee,
        "paid_at": verification.paid_at,
    }
    return aggregate.update_payment(
        booking,
        payment.tx_ref,
        **{name: fact for name, fact in reported.items() if fact is not None},
        next_look_at=None,
        opening_until=None,
        opening_by="",
        problem=None,
    )


def _paid(
    booking: Booking,
    payment: Payment,
    verification: Verification,
    *,
    nights: Literal["free", "short"],
    cause: Cause,
    now: datetime,
) -> Booking:
    booking = _facts(booking, payment, verification)
    return _settle(booking, payment.tx_ref, nights=nights, cause=cause, now=now)


def _settle(booking: Booking, tx_ref: str, *, nights: Literal["free", "short"], cause: Cause, now: datetime) -> Booking:
    """Money that counts has come: it confirms the booking, or it is owed back."""
    late_and_free = booking.status == "expired" and nights == "free" and now < booking.check_in_at
    if booking.status == "pending_payment" or late_and_free:
        return lifecycle.confirm(booking, tx_ref, cause=cause, now=now)
    reason = {"expired": PLACE_GONE, "cancelled": CANCELLED}.get(booking.status, PAID_TWICE)
    return _give_back(booking, tx_ref, reason=reason, cause=cause, now=now)


def _give_back(booking: Booking, tx_ref: str, *, reason: str, cause: Cause, now: datetime) -> Booking:
    booking = aggregate.transition_payment(booking, tx_ref, "completed", cause=cause, now=now, detail=reason)
    amount = refunding.left_to_refund(aggregate.get_payment(booking, tx_ref))
    if not amount.minor:
        # A review may have been about a payment of nothing.
        return booking
    return refunding.owe_refund(booking, tx_ref, amount=amount, reason=reason, cause=cause, now=now)


def resolve(
    booking: Booking,
    tx_ref: str,
    *,
    as_: Literal["accept", "refund"],
    nights: Literal["free", "short"],
    note: str,
    by: str = "",
    now: datetime,
) -> Booking:
    """An operator settles a payment in ``review``: accepted money follows the rules of late money.

    Where the gateway's amount was not readable, the operator vouches for the one that was asked for.
    Raises NotInReview.
    """
    payment = aggregate.get_payment(booking, tx_ref)
    if payment.status != "review":
        raise NotInReview("This payment is not in review.")
    received = payment.received or payment.amount
    booking = aggregate.update_payment(booking, tx_ref, received=received, next_look_at=None)
    said = Event(now, f"review_{as_}", "operator", tx_ref, "review", "review", note, by)
    booking = aggregate.note(booking, said)
    if as_ == "refund":
        return _give_back(booking, tx_ref, reason=NOT_ACCEPTED, cause="operator", now=now)
    return _settle(booking, tx_ref, nights=nights, cause="operator", now=now)


def _review(
    booking: Booking,
    payment: Payment,
    verification: Verification,
    *,
    cause: Cause,
    now: datetime,
    detail: str,
) -> Booking:
    """Money is there, but something does not match: a person decides."""
    booking = _facts(booking, payment, verification)
    if payment.status == "review":
        return booking
    return aggregate.transition_payment(booking, payment.tx_ref, "review", cause=cause, now=now, detail=detail)


def _failed(booking: Booking, payment: Payment, *, cause: Cause, now: datetime) -> Booking:
    booking = aggregate.transition_payment(booking, payment.tx_ref, "failed", cause=cause, now=now)
    if booking.status == "pending_payment" and payment.tx_ref == booking.payments[-1].tx_ref:
        return outbox.owe(booking, "payment_failed", about=payment.tx_ref, now=now)
    return booking


def _taken_back(
    booking: Booking, payment: Payment, verification: Verification, *, cause: Cause, now: datetime
) -> Booking:
    """Completed money went back: a refund of ours moves on; without one, it is recorded for a person."""
    if verification.said == "reversed" and any(_has_its_own_word(refund) for refund in payment.refunds):
        return refunding.look_now(booking, payment.tx_ref, now=now)
    if any(refund.status == "refunded" for refund in payment.refunds):
        # The gateway goes on saying so of money that is accounted for: it tells nothing of another refund.
        return booking
    if refund := _meant(payment):
        return refunding.transition_refund(booking, refund.refund_id, "refunded", cause=cause, now=now)
    if payment.reversal:
        return booking
    return refunding.record_reversal(booking, payment.tx_ref, verification.said, cause=cause, now=now)


def _has_its_own_word(refund: Refund) -> bool:
    """The gateway can be asked about the refund itself; or whoever posts it is about to hear by which name.

    A payment may be ``reversed`` as soon as a refund is asked for: then only the refund's own status tells that it
    is done.
    """
    return refund.provider_refund_id is not None or refund.status == "requested"


def _meant(payment: Payment) -> Refund | None:
    """The refund of ours that the gateway speaks of: the oldest that it was asked for, else a whole one still owed."""
    asked = [refund for refund in payment.refunds if refund.status in UNDER_WAY or refund.status == "attention"]
    whole = [refund for refund in payment.refunds if refund.status == "owed" and refund.amount == payment.received]
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
