"""What API Gateway answers itself, before or instead of our code: one table.

The deployed template's ``GatewayResponses`` are generated from it (``make template``), and the local server
answers from it too, so that a frontend meets the same problem documents everywhere.

API Gateway fills in ``$context.…`` by plain replacement in the body, and in headers when the whole value is
``context.…`` without quotes; a constant header stands in single quotes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec import field

from chalicelib.api.core.cors import HEADERS_OF_EVERY_ANSWER
from chalicelib.api.core.problems import PROBLEM_TYPES, ProblemDocument, problem
from chalicelib.domain.record import Record, replace


class GatewayResponse(Record, frozen=True):
    """One refusal of the gateway, in our words. ``other_status`` stands in for the status of its code."""

    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    other_status: int | None = None

    @property
    def status(self) -> int:
        return self.other_status or PROBLEM_TYPES[self.code].status

    def body(self, instance: str) -> ProblemDocument:
        """The problem document (RFC 9457), in the form of every other one that Guzo answers."""
        return {**problem(self.code, self.detail, instance=instance), "status": self.status}


_UNAUTHENTICATED = GatewayResponse(
    "unauthenticated",
    "The access token is missing, expired or not valid here.",
    headers={"WWW-Authenticate": "Bearer"},
)
_NO_ROUTE = GatewayResponse("route_not_found", "Nothing answers this method on this path.")
_BAD_REQUEST = GatewayResponse("invalid_request", "The request could not be understood.")
_FORBIDDEN = GatewayResponse("forbidden", "This request is not let through.")
_THROTTLED = GatewayResponse("too_many_requests", "Wait a moment, then try again.", headers={"Retry-After": "1"})
_TIMEOUT = GatewayResponse("timeout", "The request may have been carried out: repeat it with the same Idempotency-Key.")
_BROKEN = GatewayResponse("internal_error", "The fault is ours and has been logged.")
_BAD_ANSWER = replace(_BROKEN, other_status=502)

RESPONSES: dict[str, GatewayResponse] = {
    # The authorizer denies only for a bad token, and never for a missing role: denied is "not signed in".
    "ACCESS_DENIED": _UNAUTHENTICATED,
    "EXPIRED_TOKEN": _UNAUTHENTICATED,
    "INVALID_SIGNATURE": _UNAUTHENTICATED,
    "UNAUTHORIZED": _UNAUTHENTICATED,
    # The gateway's name for an unknown path or method; it has nothing to do with tokens.
    "MISSING_AUTHENTICATION_TOKEN": _NO_ROUTE,
    "RESOURCE_NOT_FOUND": _NO_ROUTE,
    "BAD_REQUEST_BODY": _BAD_REQUEST,
    "BAD_REQUEST_PARAMETERS": _BAD_REQUEST,
    "DEFAULT_4XX": _BAD_REQUEST,
    "REQUEST_TOO_LARGE": GatewayResponse("body_too_large", "A request body may have at most 64 KiB."),
    "UNSUPPORTED_MEDIA_TYPE": GatewayResponse("unsupported_media_type", "Send JSON, as application/json."),
    "INVALID_API_KEY": _FORBIDDEN,
    "WAF_FILTERED": _FORBIDDEN,
    "QUOTA_EXCEEDED": _THROTTLED,
    "THROTTLED": _THROTTLED,
    "INTEGRATION_TIMEOUT": _TIMEOUT,
    "INTEGRATION_FAILURE": _BAD_ANSWER,
    "API_CONFIGURATION_ERROR": _BROKEN,
    "AUTHORIZER_CONFIGURATION_ERROR": _BROKEN,
    "AUTHORIZER_FAILURE": _BROKEN,
    "DEFAULT_5XX": _BROKEN,
}


def refusal(response_type: str, *, instance: str, request_id: str) -> tuple[int, dict[str, str], ProblemDocument]:
    """Status, headers and body of what the gateway would answer; for a server that stands in for it."""
    response = RESPONSES[response_type]
    headers = {"Content-Type": "application/problem+json", **HEADERS_OF_EVERY_ANSWER, **response.headers}
    return response.status, headers | {"X-Request-Id": request_id}, response.body(instance)


def template_fragment() -> dict[str, Any]:
    """The ``GatewayResponses`` property of the API in the SAM template."""
    return {name: _in_template(response) for name, response in sorted(RESPONSES.items())}


def _in_template(response: GatewayResponse) -> dict[str, Any]:
    headers = {name: f"'{value}'" for name, value in {**HEADERS_OF_EVERY_ANSWER, **response.headers}.items()}
    # The gateway finds its templates by application/json only: the true type must be said as a header.
    headers["Content-Type"] = "'application/problem+json'"
    headers["X-Request-Id"] = "context.requestId"
    return {
        "StatusCode": str(response.status),
        "ResponseParameters": {"Headers": headers},
        "ResponseTemplates": {"application/json": json.dumps(response.body("$context.path"))},
    }
