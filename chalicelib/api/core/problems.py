"""From a refusal to the problem document (RFC 9457) that a caller sees: the one table from code to HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.api.answers import MoneyOut, to_builtins
from chalicelib.domain.errors import DatesUnavailable, PriceChanged, Refusal

STATUS: Mapping[str, int] = {
    "invalid_request": 400,
    "invalid_json": 400,
    "invalid_cursor": 400,
    "idempotency_key_required": 400,
    "gateway_rejected": 400,
    "unauthenticated": 401,
    "bad_signature": 401,
    "forbidden": 403,
    "not_found": 404,
    "route_not_found": 404,
    "listing_not_found": 404,
    "booking_not_found": 404,
    "payment_not_found": 404,
    "refund_not_found": 404,
    "attention_item_not_found": 404,
    "dates_unavailable": 409,
    "price_changed": 409,
    "listing_closed": 409,
    "currency_not_taken": 409,
    "booking_not_payable": 409,
    "payment_in_review": 409,
    "not_in_review": 409,
    "not_in_attention": 409,
    "wrong_resolution_call": 409,
    "stay_begun": 409,
    "stay_not_over": 409,
    "already_reviewed": 409,
    "refund_exceeds_payment": 409,
    "in_progress": 409,
    "precondition_failed": 412,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_key_reused": 422,
    "too_many_open_holds": 429,
    "internal_error": 500,
    "gateway_bad_answer": 502,
    "busy": 503,
    "gateway_unreachable": 503,
    "gateway_timeout": 504,
}

TITLES: Mapping[str, str] = {
    "invalid_request": "The request is not right",
    "invalid_json": "The body is no JSON object",
    "invalid_cursor": "The cursor does not belong to this list",
    "idempotency_key_required": "An Idempotency-Key is needed",
    "gateway_rejected": "The payment gateway refused",
    "unauthenticated": "Sign in first",
    "bad_signature": "Not signed by the gateway",
    "forbidden": "Forbidden",
    "not_found": "Not found",
    "route_not_found": "No such route",
    "listing_not_found": "No such listing",
    "booking_not_found": "No such booking",
    "payment_not_found": "No such payment",
    "refund_not_found": "No such refund",
    "attention_item_not_found": "No such matter",
    "dates_unavailable": "The dates are not free",
    "price_changed": "The price has changed",
    "listing_closed": "The listing is closed",
    "currency_not_taken": "No gateway takes this currency",
    "booking_not_payable": "The booking cannot be paid",
    "payment_in_review": "A payment is being looked at",
    "not_in_review": "Nothing to resolve",
    "not_in_attention": "Nothing to retry",
    "wrong_resolution_call": "It has a call of its own",
    "stay_begun": "The stay has begun",
    "stay_not_over": "The stay is not over",
    "already_reviewed": "Reviewed before",
    "refund_exceeds_payment": "More than can be given back",
    "in_progress": "Still at work",
    "precondition_failed": "It changed since it was read",
    "body_too_large": "The body is too large",
    "unsupported_media_type": "Unsupported media type",
    "idempotency_key_reused": "The Idempotency-Key was used for something else",
    "too_many_open_holds": "Too many unpaid bookings",
    "internal_error": "Something went wrong",
    "gateway_bad_answer": "The payment gateway answered nonsense",
    "busy": "Busy",
    "gateway_unreachable": "The payment gateway cannot be reached",
    "gateway_timeout": "The payment gateway did not answer in time",
}

RETRYABLE = frozenset(
    {
        "in_progress",
        "too_many_open_holds",
        "internal_error",
        "busy",
        "gateway_bad_answer",
        "gateway_unreachable",
        "gateway_timeout",
    }
)


def problem(code: str, detail: str, *, instance: str, errors: tuple[Any, ...] = (), **more: Any) -> dict[str, Any]:
    """The document's members; ``errors`` are FieldErrors, ``more`` are members of this code alone."""
    return {
        "type": "about:blank",
        "title": TITLES[code],
        "status": STATUS[code],
        "detail": detail or TITLES[code] + ".",
        "instance": instance,
        "code": code,
        "retryable": code in RETRYABLE,
        "errors": [{"field": error.field, "message": error.message} for error in errors],
        **more,
    }


def problem_of(refusal: Refusal, *, instance: str) -> dict[str, Any]:
    """The document for a refusal of the domain, with what this refusal alone carries."""
    more: dict[str, Any] = {}
    if isinstance(refusal, DatesUnavailable):
        more["nights"] = [night.isoformat() for night in refusal.nights]
    if isinstance(refusal, PriceChanged):
        more["total"] = to_builtins(MoneyOut.of(refusal.total))
    return problem(refusal.code, refusal.detail, instance=instance, errors=refusal.errors, **more)
