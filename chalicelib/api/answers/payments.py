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


class RefundOut(msgspec.Struct, frozen=True):
    """Money that goes back, and how far it got."""

    refund_id: str
    amount: MoneyOut
    reason: str
    status: RefundStatus
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, refund: Refund) -> RefundOut:
        return cls(
            refund.refund_id,
            MoneyOut.of(refund.amount),
            refund.reason,
            refund.status,
            instant(refund.created_at),
            instant(refund.updated_at),
        )


class PaymentOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt to pay. What is not known yet is left out; ``checkout_url`` is always there, null without a link."""

    tx_ref: str
    booking_id: str
    gateway: str
    status: PaymentStatus
    amount: MoneyOut
    checkout_url: str | None
    refunds: tuple[RefundOut, ...]
    created_at: Instant
    updated_at: Instant
    provider_reference: str | None = None
    receipt_url: str | None = None
    paid_at: Instant | None = None
    fee: MoneyOut | None = None
    mode: str | None = None
    received: MoneyOut | None = None
    problem: Problem | None = None

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
            _problem(booking, payment),
        )


class EventOut(msgspec.Struct, frozen=True, omit_defaults=True, rename={"before": "from", "after": "to"}):
    """One line of the audit trail. ``from`` and ``to`` are this payment's statuses, or null.

    Operators read who acted: ``by`` is the token's ``sub``, ``by_name`` its e-mail address or name.
    """

    at: Instant
    kind: str
    cause: Cause
    before: str | None
    after: str | None
    detail: str
    by: str | None = None
    by_name: str | None = None

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
