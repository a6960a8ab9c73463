"""Operators' proposals to each other over HTTP."""

from __future__ import annotations

from functools import partial
from typing import Literal

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.payments import RefundOut
from chalicelib.api.core.fields import Sentence
from chalicelib.api.core.formats import Instant, MoneyOut, instant
from chalicelib.api.core.paging import Paged, page
from chalicelib.api.core.preconditions import etag
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.operators.four_eyes import owner_of_proposal
from chalicelib.domain.proposal import (
    CancelAct,
    CloseListingAct,
    EndStayAct,
    ProposalStatus,
    RefundAct,
    ResolvePaymentAct,
    ResolveRefundAct,
)
from chalicelib.services.operators import proposals
from chalicelib.services.operators.proposals import Proposed
from chalicelib.services.ports.outcomes import Page

routes = Blueprint(__name__)

ActKind = Literal["refund", "resolve_refund", "resolve_payment", "cancel", "end_stay", "close_listing"]
"""What was proposed: a `refund` of a payment, to `resolve_refund` in attention, to `resolve_payment` in review, to
`cancel` a booking, to `end_stay`, or to `close_listing` with its bookings to come."""


class ProposalDecision(msgspec.Struct, frozen=True):
    """What a second person says of it."""

    note: Sentence | None = None
    """Why; kept in the history."""
    dry_run: bool = False
    """Answer what would be, and write nothing."""


class ProposalOut(msgspec.Struct, frozen=True):
    """What one operator proposed, and how another one decided."""

    proposal_id: str
    """The booking's id, or the listing's, `-P`, and a number."""
    booking_id: str | None
    """The booking that it is about; null of a listing."""
    listing_id: str | None
    """The listing that it is about; null of a booking."""
    act: ActKind
    subject: str
    """What it is about: a `tx_ref`, a refund's id, the booking's, or the listing's."""
    how: str | None
    """The `as` of a resolution, or of a stay's end; null for others."""
    amount: MoneyOut
    """The money that it gives back, or decides about; the act is not done where that has changed."""
    reason: str
    """The reason or note of who proposed it."""
    status: ProposalStatus
    proposed_at: Instant
    """When it was proposed first."""
    proposed_by: str
    """The `sub` of who proposed it."""
    proposed_by_name: str
    """Their e-mail address or name; perhaps empty."""
    expires_at: Instant
    """Until when another person may decide."""
    decided_at: Instant | None
    """When it was decided; null until then."""
    decided_by: str | None
    """The `sub` of who decided it; null where nobody did."""
    decided_by_name: str | None
    """Their e-mail address or name; null where nobody decided it."""
    note: str | None
    """What they wrote; null where they wrote nothing."""
    refunds: tuple[RefundOut, ...]
    """The refunds of the payment, or of the booking, that it is about, as they stand now."""

    @classmethod
    def of(cls, found: Proposed) -> ProposalOut:
        """As the staff read it."""
        made, booking, closing = found.proposal, found.booking, found.closing
        kind: ActKind
        how, subject = None, made.subject or owner_of_proposal(made.proposal_id)
        match made.act:
            case RefundAct():
                kind = "refund"
            case ResolveRefundAct():
                kind, how = "resolve_refund", str(made.act.as_)
            case ResolvePaymentAct():
                kind, how = "resolve_payment", str(made.act.as_)
            case CancelAct():
                kind = "cancel"
            case EndStayAct():
                kind, how = "end_stay", str(made.act.as_)
            case CloseListingAct():
                kind = "close_listing"
        payment = booking.payment(subject.partition("-R")[0]) if booking else None
        refunds = booking.refunds if booking else ()
        return cls(
            made.proposal_id,
            booking.booking_id if booking else None,
            closing.listing_id if closing else None,
            kind,
            subject,
            how,
            MoneyOut.of(made.amount),
            made.why,
            made.status,
            instant(made.at),
            made.by,
            made.by_name,
            instant(made.expires_at),
            instant(made.decided_at) if made.decided_at else None,
            made.decided_by,
            made.decided_by_name or None,
            made.note or None,
            tuple(RefundOut.of(each) for each in (refunds if payment is None else payment.refunds)),
        )


@endpoint(
    routes,
    "GET",
    "/v1/ops/proposals",
    role="operator",
    outcomes=(Outcome(body=Page[ProposalOut]),),
)
def list_proposals(call: Call, query: Paged) -> Answer:
    """List what waits for a second person, by when its booking last came to need one."""
    return page(call, query, partial(proposals.open_proposals, call.container, call.principal), ProposalOut.of)


@endpoint(
    routes,
    "GET",
    "/v1/ops/proposals/{proposal_id}",
    role="operator",
    outcomes=(Outcome(body=ProposalOut, headers=("ETag",)),),
    refuses=("proposal_not_found",),
)
def read_proposal(call: Call) -> Answer:
    """Read what one operator proposed, and how it was decided."""
    found = proposals.find_proposal(call.container, call.principal, call.path["proposal_id"])
    return Answer(ProposalOut.of(found), headers={"ETag": etag(found.about.version)})


@endpoint(
    routes,
    "POST",
    "/v1/ops/proposals/{proposal_id}/approve",
    role="operator",
    right="approve",
    act="approve",
    conditional="booking",
    outcomes=(Outcome(body=ProposalOut, headers=("ETag",)),),
    refuses=(
        "proposal_not_found",
        "proposal_closed",
        "proposal_outdated",
        "second_person_needed",
        "not_in_attention",
        "not_in_review",
        "payment_disputed",
        "refund_under_way",
        "refund_exceeds_payment",
        "cancel_booking_required",
        "stay_begun",
        "stay_ended",
        "stay_over",
    ),
)
def approve_proposal(call: Call, body: ProposalDecision) -> Answer:
    """Have it done, as another person than who proposed it; a repeat changes nothing.

    Everything is checked again at this moment, and the act is done by the very write that records the approval. 409
    `second_person_needed` for who proposed it; `proposal_closed` once it was decided, or nobody did in time;
    `proposal_outdated` where it would come to another amount by now; or what the act itself is refused for.
    """
    ports = call.ports(dry_run=body.dry_run)
    found = proposals.approve(ports, call.principal, call.path["proposal_id"], note=body.note or "")
    return Answer(ProposalOut.of(found), headers={"ETag": etag(found.about.version)})


@endpoint(
    routes,
    "POST",
    "/v1/ops/proposals/{proposal_id}/reject",
    role="operator",
    right="approve",
    act="reject",
    conditional="booking",
    outcomes=(Outcome(body=ProposalOut, headers=("ETag",)),),
    refuses=("proposal_not_found", "proposal_closed", "second_person_needed"),
)
def reject_proposal(call: Call, body: ProposalDecision) -> Answer:
    """Close it as another person than who proposed it, so that it is not done; a repeat changes nothing."""
    ports = call.ports(dry_run=body.dry_run)
    found = proposals.reject(ports, call.principal, call.path["proposal_id"], note=body.note or "")
    return Answer(ProposalOut.of(found), headers={"ETag": etag(found.about.version)})
