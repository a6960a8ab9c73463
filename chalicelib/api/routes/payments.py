"""Payments over HTTP."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.payments import EventOut, PaymentOut, RefundOut
from chalicelib.api.core.fields import DryRun, Sentence
from chalicelib.api.core.paging import Paged, page
from chalicelib.api.core.preconditions import etag
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.booking import PaymentStatus
from chalicelib.domain.money import MAX_MINOR
from chalicelib.services import queries
from chalicelib.services.access import visible_payment
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.refunds import refund

routes = Blueprint(__name__)

_NO_ANSWER = ("gateway_bad_answer", "gateway_unreachable", "gateway_timeout")


class PaymentsQuery(Paged, frozen=True):
    """The caller's payments."""

    status: PaymentStatus | None = None
    """Only payments in this status."""


class NewRefund(msgspec.Struct, frozen=True):
    """Money to be given back: ``amount`` in minor units, or all that is left."""

    reason: Sentence
    """Why; the guest reads it."""
    amount: Annotated[int, msgspec.Meta(ge=1, le=MAX_MINOR)] | None = None
    """In minor units, as cents; left out or null for all that is left."""
    cancel_booking: bool | None = None
    """Whether the booking is cancelled with it: required where all of a confirmed booking's money would go back."""
    dry_run: bool = False
    """Answer what would be, and write nothing."""


@endpoint(routes, "GET", "/v1/payments", signed_in=True, outcomes=(Outcome(body=Page[PaymentOut]),))
def list_payments(call: Call, query: PaymentsQuery) -> Answer:
    """List the caller's own payments, newest first."""
    find = partial(queries.own_payments, call.container, call.principal, status=query.status)
    return page(call, query, find, lambda pair: PaymentOut.of(*pair))


@endpoint(
    routes,
    "GET",
    "/v1/payments/{tx_ref}",
    signed_in=True,
    outcomes=(Outcome(body=PaymentOut, headers=("ETag",)),),
    refuses=("payment_not_found",),
)
def read_payment(call: Call) -> Answer:
    """Read one payment. The `ETag` is its booking's."""
    booking, payment, _ = visible_payment(
        call.container, call.principal, call.path["tx_ref"], roles=("guest", "host", "operator")
    )
    return Answer(PaymentOut.of(booking, payment), headers={"ETag": etag(booking.version)})


@endpoint(
    routes,
    "POST",
    "/v1/payments/{tx_ref}/verify",
    signed_in=True,
    act="verify",
    outcomes=(Outcome(body=PaymentOut),),
    refuses=("payment_not_found", *_NO_ANSWER),
)
def verify_payment(call: Call, body: DryRun) -> Answer:
    """Ask the gateway about a payment, and read it.

    It is not asked again within two seconds of its last answer. When it does not answer, the payment is unchanged.
    """
    booking, payment = queries.verify(call.ports(dry_run=body.dry_run), call.principal, call.path["tx_ref"])
    return Answer(PaymentOut.of(booking, payment))


@endpoint(
    routes,
    "GET",
    "/v1/payments/{tx_ref}/verify",
    signed_in=True,
    act="verify",
    outcomes=(Outcome(body=PaymentOut),),
    refuses=("payment_not_found", *_NO_ANSWER),
)
def verify_payment_as_older_frontends_do(call: Call) -> Answer:
    """Ask the gateway about a payment, and read it; the same as POST."""
    return verify_payment(call, DryRun())


@endpoint(
    routes,
    "GET",
    "/v1/payments/{tx_ref}/events",
    signed_in=True,
    outcomes=(Outcome(body=Page[EventOut]),),
    refuses=("payment_not_found",),
)
def list_payment_events(call: Call, query: Paged) -> Answer:
    """List what happened to a payment, oldest first."""
    tx_ref = call.path["tx_ref"]
    find = partial(queries.events, call.container, call.principal, tx_ref)
    return page(call, query, find, lambda event: EventOut.of(event, tx_ref))


@endpoint(
    routes,
    "POST",
    "/v1/payments/{tx_ref}/refunds",
    signed_in=True,
    act="refund",
    idempotent=True,
    conditional="booking",
    outcomes=(Outcome(202, RefundOut),),
    refuses=(
        "forbidden",
        "idempotency_key_required",
        "idempotency_key_reused",
        "payment_not_found",
        "payment_disputed",
        "refund_exceeds_payment",
        "refund_under_way",
        "second_person_needed",
        "cancel_booking_required",
        "stay_begun",
    ),
)
def refund_payment(call: Call, body: NewRefund) -> Answer:
    """Give back part of a payment, or all that is left; for operators and the listing's host.

    Refused while the payer claims money of it back through the bank: that may give it back as well.
    Refused where it may be another person's: while a refund of the same amount is under way or, for operators, one
    that a colleague asked for.
    An operator who would give back more than one person may is answered 409 `second_person_needed`: it waits as a
    proposal, until another one approves it. Under the same key the refund is found once that is done.
    Where that is all of a confirmed booking's money, ``cancel_booking`` says whether the booking is cancelled with it:
    then its nights are free, and the guest is told in one letter.
    """
    key = call.required_key()
    made, replayed = refund(
        call.ports(dry_run=body.dry_run),
        call.principal,
        call.path["tx_ref"],
        amount=body.amount,
        reason=body.reason,
        key=key,
        cancel_booking=body.cancel_booking,
        request_id=call.request_id,
    )
    return Answer(RefundOut.of(made), 202, replayed=replayed)
