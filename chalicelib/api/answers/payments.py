"""Payments, their refunds and their history, as their owner, the listing's host and operators see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from chalicelib.api.core.formats import Instant, MoneyOut, instant
from chalicelib.api.core.problems import problem_of
from chalicelib.domain.booking import Booking, Cause, Event, Payment, PaymentStatus, Refund, RefundStatus
from chalicelib.services.checkout import error_of_problem

Problem = Annotated[Mapping[str, Any], msgspec.Meta(extra_json_schema={"$ref": "#/components/schemas/Problem"})]
"""The members of a problem document."""


class RefundOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """Money that goes back, and how far it got."""

    refund_id: str
    """The payment's `tx_ref`, `-R`, and a number."""
    amount: MoneyOut
    """What goes back."""
    reason: str
    """Why: in the words of whoever asked for it, or in a word of Guzo's own, such as `paid_twice` or `place_gone`."""
    status: RefundStatus
    created_at: Instant
    """When it came to be owed."""
    updated_at: Instant
    """When its status changed last."""
    provider_refund_id: str | None = None
    """The gateway's own name for it; left out until it is known."""

    @classmethod
    def of(cls, refund: Refund) -> RefundOut:
        return cls(
            refund.refund_id,
            MoneyOut.of(refund.amount),
            refund.reason,
            refund.status,
            instant(refund.created_at),
            instant(refund.updated_at),
            refund.provider_refund_id,
        )


class PaymentOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt to pay. What is not known yet is left out; ``checkout_url`` is always there, null without a link."""

    tx_ref: str
    """Our reference at the gateway: the booking's id, a hyphen, and the number of the attempt."""
    booking_id: str
    """The booking that it pays for."""
    gateway: str
    """The gateway that it was opened at."""
    status: PaymentStatus
    amount: MoneyOut
    """What is asked of the guest."""
    checkout_url: str | None
    """Where the guest pays; null while there is no link, or where it must not be paid on any more."""
    refunds: tuple[RefundOut, ...]
    """What goes back, or went back, oldest first."""
    created_at: Instant
    """When it was made."""
    updated_at: Instant
    """When it changed last."""
    provider_reference: str | None = None
    """The gateway's own name for it."""
    receipt_url: str | None = None
    """The gateway's receipt."""
    paid_at: Instant | None = None
    """When the guest paid, as the gateway says."""
    fee: MoneyOut | None = None
    """What the gateway kept of it."""
    mode: str | None = None
    """`live` for real money, `test` for none, as the gateway says."""
    received: MoneyOut | None = None
    """What came in, as the gateway says: not always what was asked."""
    at_risk: MoneyOut | None = None
    """What of it the payer claims back through the bank, or was taken back, while that is not decided."""
    problem: Problem | None = None
    """Why there is no link: what opening a payment would have answered."""

    @classmethod
    def of(cls, booking: Booking, payment: Payment) -> PaymentOut:
        return cls(
            payment.tx_ref,
            booking.booking_id,
            payment.gateway,
            payment.status,
            MoneyOut.of(payment.amount),
            # A link that must not be paid on any more is nobody's to see.
            payment.checkout_url if payment.status == "pending" else None,
            tuple(RefundOut.of(refund) for refund in payment.refunds),
            instant(payment.created_at),
            instant(payment.updated_at),
            payment.facts.provider_reference,
            payment.facts.receipt_url,
            instant(payment.facts.paid_at) if payment.facts.paid_at else None,
            MoneyOut.of(payment.facts.fee) if payment.facts.fee else None,
            payment.facts.mode,
            MoneyOut.of(payment.facts.received) if payment.facts.received else None,
            MoneyOut.of(payment.at_risk) if payment.at_risk.minor else None,
            _problem(booking, payment),
        )


class EventOut(msgspec.Struct, frozen=True, omit_defaults=True, rename={"before": "from", "after": "to"}):
    """One line of the audit trail. ``from`` and ``to`` are this payment's statuses, or null.

    Operators read who acted: ``by`` is the token's ``sub``, ``by_name`` its e-mail address or name.
    """

    at: Instant
    """When it happened."""
    kind: str
    """What happened, in one word, such as `payment_opened`."""
    cause: Cause
    before: str | None
    """The payment's status before; null where it is another thing's event, or it had none."""
    after: str | None
    """The payment's status after; null where it is another thing's event."""
    detail: str
    """More about it, for people; perhaps empty."""
    by: str | None = None
    """The `sub` of whoever acted. Operators see it."""
    by_name: str | None = None
    """Their e-mail address or name. Operators see it."""

    @classmethod
    def of(cls, event: Event, tx_ref: str) -> EventOut:
        own = event.subject == tx_ref
        return cls(
            instant(event.at),
            event.kind,
            event.cause,
            event.before if own else None,
            event.after if own else None,
            event.detail,
            event.by or None,
            event.by_name or None,
        )


def _problem(booking: Booking, payment: Payment) -> Problem | None:
    """Why there is no link, as asking for one again would have been answered; told until the payment got further."""
    known = payment.problem
    if known is None or payment.status not in ("created", "failed", "expired"):
        return None
    refusal = error_of_problem(known, definitely_not_executed=payment.status == "failed")
    return problem_of(refusal, instance=f"/v1/bookings/{booking.booking_id}/payments")
