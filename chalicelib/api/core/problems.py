"""From a refusal to the problem document (RFC 9457) that a caller sees, and the one table of all refusals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NotRequired, TypedDict

from chalicelib.api.core.formats import MoneyOut, instant
from chalicelib.domain.errors import (
    DataStillNeeded,
    DatesUnavailable,
    FieldError,
    PriceChanged,
    Refusal,
    SecondPersonNeeded,
)
from chalicelib.domain.obstacles import Obstacle, ObstacleKind
from chalicelib.domain.record import Record


class ProblemType(Record, frozen=True):
    """One refusal: its HTTP status, its title, and whether the very same request can succeed later."""

    status: int
    title: str
    retryable: bool = False


PROBLEM_TYPES: Mapping[str, ProblemType] = {
    "invalid_request": ProblemType(400, "The request is not right"),
    "invalid_json": ProblemType(400, "The body is no JSON object"),
    "invalid_cursor": ProblemType(400, "The cursor does not belong to this list"),
    "idempotency_key_required": ProblemType(400, "An Idempotency-Key is needed"),
    "amount_above_limit": ProblemType(400, "More than one payment can be"),
    "gateway_rejected": ProblemType(400, "The payment gateway refused"),
    "unauthenticated": ProblemType(401, "Sign in first"),
    "bad_signature": ProblemType(401, "Not signed by the gateway"),
    "forbidden": ProblemType(403, "Forbidden"),
    "account_blocked": ProblemType(403, "This account is blocked"),
    "not_found": ProblemType(404, "Not found"),
    "route_not_found": ProblemType(404, "No such route"),
    "listing_not_found": ProblemType(404, "No such listing"),
    "booking_not_found": ProblemType(404, "No such booking"),
    "payment_not_found": ProblemType(404, "No such payment"),
    "refund_not_found": ProblemType(404, "No such refund"),
    "account_not_found": ProblemType(404, "No such account"),
    "dispute_not_found": ProblemType(404, "No such dispute"),
    "attention_item_not_found": ProblemType(404, "No such attention item"),
    "closing_not_found": ProblemType(404, "No operator has closed this listing"),
    "payout_not_found": ProblemType(404, "No such payout"),
    "settlement_not_found": ProblemType(404, "No such report"),
    "proposal_not_found": ProblemType(404, "No such proposal"),
    "message_not_found": ProblemType(404, "No such message"),
    "dead_letter_not_found": ProblemType(404, "No such dead letter"),
    "method_not_allowed": ProblemType(405, "This path does not have that method"),
    "dates_unavailable": ProblemType(409, "The dates are not free"),
    "price_changed": ProblemType(409, "The price has changed"),
    "listing_closed": ProblemType(409, "The listing is closed"),
    "listing_locked": ProblemType(409, "An operator closed this listing"),
    "currency_not_taken": ProblemType(409, "No gateway takes this currency"),
    "booking_not_payable": ProblemType(409, "The booking cannot be paid"),
    "payment_in_review": ProblemType(409, "A payment is being looked at"),
    "not_in_review": ProblemType(409, "Nothing to resolve"),
    "not_in_attention": ProblemType(409, "Nothing to resolve"),
    "message_not_true": ProblemType(409, "What the message says does not hold any more"),
    "no_address": ProblemType(409, "No address is known"),
    "address_suppressed": ProblemType(409, "The address is not written to"),
    "wrong_resolution_call": ProblemType(409, "It has a call of its own"),
    "stay_begun": ProblemType(409, "The stay has begun"),
    "stay_not_begun": ProblemType(409, "The stay has not begun"),
    "stay_over": ProblemType(409, "The stay is over"),
    "stay_ended": ProblemType(409, "The stay was ended before"),
    "stay_not_over": ProblemType(409, "The stay is not over"),
    "already_reviewed": ProblemType(409, "Reviewed before"),
    "contact_fixed": ProblemType(409, "The contact is changed by an operator"),
    "refund_exceeds_payment": ProblemType(409, "More than can be given back"),
    "cancel_booking_required": ProblemType(409, "Is the booking to be cancelled?"),
    "refund_under_way": ProblemType(409, "Money of this payment is on its way back", retryable=True),
    "second_person_needed": ProblemType(409, "A second person approves this"),
    "proposal_closed": ProblemType(409, "The proposal is closed"),
    "proposal_outdated": ProblemType(409, "It would come to something else by now"),
    "payment_disputed": ProblemType(409, "The payer claims this money back"),
    "nothing_to_dispute": ProblemType(409, "Nothing was received"),
    "data_still_needed": ProblemType(409, "This person's data is still needed", retryable=True),
    "dispute_closed": ProblemType(409, "The dispute ended the other way"),
    "in_progress": ProblemType(409, "Still at work", retryable=True),
    "precondition_failed": ProblemType(412, "It changed since it was read"),
    "body_too_large": ProblemType(413, "The body is too large"),
    "unsupported_media_type": ProblemType(415, "Unsupported media type"),
    "idempotency_key_reused": ProblemType(422, "The Idempotency-Key was used for something else"),
    "too_many_open_holds": ProblemType(429, "Too many unpaid bookings", retryable=True),
    "rate_limited": ProblemType(429, "Too many bookings for now", retryable=True),
    "too_many_requests": ProblemType(429, "Too many requests", retryable=True),
    "internal_error": ProblemType(500, "Something went wrong", retryable=True),
    "gateway_bad_answer": ProblemType(502, "The payment gateway answered nonsense", retryable=True),
    "busy": ProblemType(503, "Busy", retryable=True),
    "gateway_unreachable": ProblemType(503, "The payment gateway cannot be reached", retryable=True),
    "gateway_timeout": ProblemType(504, "The payment gateway did not answer in time", retryable=True),
    "timeout": ProblemType(504, "No answer in time", retryable=True),
}
"""By their code, which is stable: programs decide by it, and translators translate by it."""


class WrongField(TypedDict):
    """One wrong field: its dotted path, and a sentence for a person."""

    field: str
    message: str


class MatterDocument(TypedDict):
    """One thing that is under way: what, its id, and until when, where that is known."""

    kind: ObstacleKind
    subject: str
    until: str | None


def _matter(matter: Obstacle) -> MatterDocument:
    return {"kind": matter.kind, "subject": matter.subject, "until": instant(matter.until) if matter.until else None}


class ProblemDocument(TypedDict):
    """The members of a problem document (RFC 9457), and ours; the last ones come with one code each."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    retryable: bool
    errors: list[WrongField]
    nights: NotRequired[list[str]]
    your_booking_id: NotRequired[str]
    total: NotRequired[MoneyOut]
    matters: NotRequired[list[MatterDocument]]
    proposal_id: NotRequired[str]


def problem(code: str, detail: str, *, instance: str, errors: Iterable[FieldError] = ()) -> ProblemDocument:
    """The document for a code; its title stands in for a detail that is empty."""
    kind = PROBLEM_TYPES[code]
    return {
        "type": "about:blank",
        "title": kind.title,
        "status": kind.status,
        "detail": detail or kind.title + ".",
        "instance": instance,
        "code": code,
        "retryable": kind.retryable,
        "errors": [{"field": error.field, "message": error.message} for error in errors],
    }


def problem_of(refusal: Refusal, *, instance: str) -> ProblemDocument:
    """The document for a refusal, with what this refusal alone carries."""
    document = problem(refusal.code, refusal.detail, instance=instance, errors=refusal.errors)
    if isinstance(refusal, DatesUnavailable):
        document["nights"] = [night.isoformat() for night in refusal.nights]
        if refusal.own_booking is not None:
            document["your_booking_id"] = refusal.own_booking
    if isinstance(refusal, PriceChanged):
        document["total"] = MoneyOut.of(refusal.total)
    if isinstance(refusal, DataStillNeeded):
        document["matters"] = [_matter(matter) for matter in refusal.matters]
    if isinstance(refusal, SecondPersonNeeded):
        document["proposal_id"] = refusal.proposal_id
    return document
