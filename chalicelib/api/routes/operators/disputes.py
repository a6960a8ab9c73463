"""Money that payers claim back, over HTTP: for operators."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.disputes import DisputeOut, EvidenceOut, evidence_text
from chalicelib.api.core.fields import Moment, Sentence
from chalicelib.api.core.negotiation import prefers_text
from chalicelib.api.core.paging import Paged, page
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.disputes import CloseAs
from chalicelib.domain.money import MAX_MINOR
from chalicelib.services import disputes
from chalicelib.services.disputes import DisputeRequest
from chalicelib.services.operators.audit import note_access
from chalicelib.services.operators.evidence import evidence
from chalicelib.services.ports.outcomes import Page

routes = Blueprint(__name__)


class NewDispute(msgspec.Struct, frozen=True):
    """A dispute that the gateway told a person of."""

    tx_ref: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """The payment that it is about."""
    reason: Sentence
    """Why the payer claims the money back, as the gateway says."""
    due_at: Moment
    """By when the gateway must be answered."""
    note: Sentence
    """Where this is known from; for operators alone."""
    amount: Annotated[int, msgspec.Meta(ge=1, le=MAX_MINOR)] | None = None
    """What is claimed back, in minor units; null: all that was received."""
    dry_run: bool = False
    """Answer what would be, and write nothing."""


class CloseDispute(msgspec.Struct, frozen=True, rename={"as_": "as"}):
    """How a dispute ended."""

    as_: CloseAs
    note: Sentence
    """Where this is known from; for operators alone."""
    dry_run: bool = False
    """Answer what would be, and write nothing."""


@endpoint(
    routes,
    "GET",
    "/v1/ops/disputes",
    role="operator",
    outcomes=(Outcome(body=Page[DisputeOut]),),
)
def list_disputes(call: Call, query: Paged) -> Answer:
    """List the disputes that are not decided, answered or not.

    Those that must still be answered stand on the attention list as well.
    """
    return page(call, query, partial(disputes.list_disputes, call.container, call.principal), DisputeOut.of)


@endpoint(
    routes,
    "POST",
    "/v1/ops/disputes",
    role="operator",
    right="money",
    act="open_dispute",
    about=lambda _, body: body.tx_ref,
    idempotent=True,
    conditional="booking",
    outcomes=(Outcome(201, DisputeOut),),
    refuses=("idempotency_key_reused", "payment_not_found", "nothing_to_dispute"),
)
def enter_dispute(call: Call, body: NewDispute) -> Answer:
    """Enter a dispute that no webhook tells of, as those of Chapa.

    Until it is closed, nothing of the payment is given back. A reversal of the payment that stands on the attention
    list becomes a part of it.
    """
    request = DisputeRequest(body.tx_ref, body.reason, body.note, body.due_at, body.amount)
    made, replayed = disputes.enter_dispute(call.container, call.principal, request, key=call.key, dry_run=body.dry_run)
    return Answer(DisputeOut.of(made), 201, replayed=replayed)


@endpoint(
    routes,
    "POST",
    "/v1/ops/disputes/{dispute_id}/close",
    role="operator",
    right="money",
    act="close_dispute",
    conditional="booking",
    outcomes=(Outcome(body=DisputeOut),),
    refuses=("dispute_not_found", "dispute_closed"),
)
def close_dispute(call: Call, body: CloseDispute) -> Answer:
    """Record how a dispute ended; a repeat changes nothing.

    Paystack's disputes are closed by its own answers; this is for Chapa's, and for what no answer tells.
    """
    closed = disputes.close_dispute(
        call.container, call.principal, call.path["dispute_id"], as_=body.as_, note=body.note, dry_run=body.dry_run
    )
    return Answer(DisputeOut.of(closed))


@endpoint(
    routes,
    "GET",
    "/v1/ops/disputes/{dispute_id}/evidence",
    role="operator",
    outcomes=(Outcome(body=EvidenceOut, texts=("text/plain",)),),
    refuses=("dispute_not_found",),
)
def read_evidence(call: Call) -> Answer:
    """Read what Guzo knows of a disputed payment, to answer the bank with; as text to paste where it is asked for."""
    found = evidence(call.container, call.principal, call.path["dispute_id"])
    booking_id = found.disputed.booking.booking_id
    note_access(call.container, call.principal, "view", booking_id, found=1, request_id=call.request_id)
    if prefers_text(call.request.headers.get("accept", ""), "text/plain"):
        return Answer(evidence_text(found), 200, {"Content-Type": "text/plain; charset=utf-8"})
    return Answer(EvidenceOut.of(found, now=call.now()))
