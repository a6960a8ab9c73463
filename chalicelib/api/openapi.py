"""The OpenAPI document, made from the declared routes: what a route says of itself, and what follows from that.

Built at the first ``GET /openapi.json`` only. ``make openapi`` writes it to ``docs/openapi.json``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from .. import __version__
from . import examples, gateway_responses, pages, problems, schemas, webhooks  # noqa: F401 - all routes
from .fields import FORMATS
from .http import ROUTES, Outcome, Route
from .lists import Paged
from .schemas import Json

TAGS: Mapping[str, str] = {
    "listings": "The catalogue, and what a host does with it.",
    "reviews": "What guests say of a stay that is over.",
    "bookings": "Hold a stay, pay for it, cancel it.",
    "payments": "What became of a payment, and giving money back. Gateways knock here, too.",
    "webhooks": "Signed deliveries from the payment gateways.",
    "pages": "The page that a guest's browser comes back to. HTML, without sign-in.",
    "operators": "What needs a person, and the money of a period.",
    "documents": "This document, the stage's settings, and whether the service answers.",
}
"""By the module that declares the routes."""

AT_THE_GATEWAY = (
    *("DEFAULT_4XX", "REQUEST_TOO_LARGE", "THROTTLED"),
    *("DEFAULT_5XX", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"),
)
"""What API Gateway itself may answer on any route. Of its table that leaves out: what it says of unknown routes, which
are not in this document; of request models, API keys, quotas and firewalls, which this API does not have; and other
names for the same status."""
FOR_A_TOKEN = ("UNAUTHORIZED", "AUTHORIZER_FAILURE")
"""The same where a token is needed."""

DESCRIPTION = """Guzo: travel bookings, paid through Chapa or Paystack.

* **Money** is in minor units (cents): `{"amount": 245000, "currency": "ETB"}` is ETB 2,450.00. Never a float.
* **Instants** are RFC 3339 in UTC (`2027-01-02T09:15:30Z`); dates of a stay are in the listing's own time zone.
* **Ids** and cursors are opaque. A list is at its end when `next_cursor` is null, and only then.
* **Repeats**: with an `Idempotency-Key`, the same call may be sent again; a success is answered again, with
  `Idempotent-Replayed: true`. One key per intent.
* **Errors** are problem documents (RFC 9457). Programs read `code` and `retryable`; `errors` names every wrong field.
* **Other people's things** are 404, never 403.
* Every answer carries `X-Request-Id`, and `Access-Control-Allow-Origin: *`.

Some texts have a `format` of our own:

"""

_TEXT: Json = {"type": "string"}
HEADERS: Mapping[str, Json] = {
    "X-Request-Id": {"description": "Stands in every log line of this request.", "required": True, "schema": _TEXT},
    "ETag": {"description": "The listing's version, for `If-Match`.", "required": True, "schema": _TEXT},
    "Location": {
        "description": "Where it is, or where to go; perhaps relative to this address.",
        "required": True,
        "schema": _TEXT | {"format": "uri-reference"},
    },
    "Retry-After": {
        "description": "Seconds after which the same request may succeed.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {"description": "How to sign in.", "required": True, "schema": {"const": "Bearer"}},
    "Idempotent-Replayed": {
        "description": "The success of an earlier call under the same key.",
        "schema": {"const": "true"},
    },
}
TAKEN: Mapping[str, Json] = {
    "Idempotency-Key": {
        "description": "One key per intent: the same call may then be sent again.",
        "schema": _TEXT | {"pattern": "^[!-~]{1,255}$"},
        "example": "a-key-for-this-intent",
    },
    "If-Match": {
        "description": "The `ETag` of a read: only if the listing is still as it was read.",
        "schema": _TEXT,
    },
}
_OUTCOMES = {
    200: "Done",
    201: "Made",
    202: "Taken on",
    204: "Done; there is nothing to say",
    303: "Go on there",
    404: "A page that says so",
}
_WAITS = frozenset({"in_progress", "too_many_open_holds", "busy", "gateway_unreachable", "too_many_requests"})
"""Codes whose answers may say how long to wait."""

_GATEWAY_TITLES = {answer.code: answer.title for answer in gateway_responses.RESPONSES.values()}

JSON = "application/json"
PROBLEM = "application/problem+json"

_WRONG_FIELD: Json = {
    "description": "One wrong field, by its dotted path, and a sentence for a person.",
    "type": "object",
    "properties": {"field": _TEXT, "message": _TEXT},
    "required": ["field", "message"],
}
_PROBLEM: Json = {
    "description": "What went wrong (RFC 9457). `code` is stable, for programs and for translating; `retryable`: the "
    "very same request can succeed later; `errors`: every wrong field of a body or query. `nights` comes with "
    "`dates_unavailable`, `total` with `price_changed`.",
    "type": "object",
    "properties": {
        "type": _TEXT | {"format": "uri-reference"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "instance": _TEXT,
        "code": _TEXT,
        "retryable": {"type": "boolean"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/WrongField"}},
        "nights": {"type": "array", "items": _TEXT | {"format": "date"}},
        "total": {"$ref": "#/components/schemas/Money"},
    },
    "required": ["type", "title", "status", "detail", "instance", "code", "retryable", "errors"],
}


def document() -> Json:
    """The whole document."""
    bodies = {route.body for route in ROUTES if route.body is not None}
    answered = [outcome.body for route in ROUTES for outcome in route.outcomes if outcome.body not in (None, dict)]
    paths: Json = {}
    for route in sorted(ROUTES, key=lambda route: list(TAGS).index(_tag(route))):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    responses: Json = {}
    _share([operation["responses"] for methods in paths.values() for operation in methods.values()], responses)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Guzo",
            "version": __version__,
            "summary": "Travel bookings, paid through Chapa or Paystack",
            "description": DESCRIPTION + "\n".join(f"* `{name}`: {says}." for name, says in FORMATS.items()),
        },
        "servers": [{"url": "./", "description": "Where this document comes from"}],
        "tags": [{"name": name, "description": says} for name, says in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {
                **schemas.components(sorted(bodies, key=lambda body: body.__name__), answered),
                "Problem": _PROBLEM,
                "WrongField": _WRONG_FIELD,
            },
            "responses": dict(sorted(responses.items())),
            "headers": dict(HEADERS),
            "securitySchemes": {
                "accessToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token of the issuer in `GET /v1/config`; the groups `host` and "
                    "`operator` add rights.",
                }
            },
        },
    }


def refusals(route: Route) -> dict[int, set[str]]:
    """Every code that our own answers to this route may have, by status."""
    codes = {"internal_error", *route.refuses}
    if route.uses_store:
        codes.add("busy")
    if route.signed_in:
        codes.add("unauthenticated")
    if route.role is not None:
        codes.add("forbidden")
    if route.body is not None:
        codes |= {"invalid_request", "invalid_json", "body_too_large", "unsupported_media_type"}
    if route.query is not None or route.creates:
        codes.add("invalid_request")
    if route.query is not None and issubclass(route.query, Paged):
        codes.add("invalid_cursor")
    if route.conditional:
        codes.add("precondition_failed")
    if route.signed_by is not None:
        codes |= {"bad_signature", "invalid_json"}
    found: dict[int, set[str]] = {}
    for code in codes:
        found.setdefault(problems.STATUS[code], set()).add(code)
    return found


def at_the_gateway(route: Route) -> dict[int, set[str]]:
    """Every code that API Gateway itself may answer before, or instead of, this route."""
    found: dict[int, set[str]] = {}
    for kind in AT_THE_GATEWAY + (FOR_A_TOKEN if route.signed_in else ()):
        answer = gateway_responses.RESPONSES[kind]
        found.setdefault(answer.status, set()).add(answer.code)
    return found


def _operation(route: Route) -> Json:
    made: Json = {
        "operationId": route.name,
        "tags": [_tag(route)],
        "summary": schemas.in_markdown(route.summary).removesuffix("."),
        "description": schemas.in_markdown(route.description),
        "security": [{"accessToken": [route.role] if route.role else []}] if route.signed_in else [],
        "parameters": list(_parameters(route)),
    }
    if route.body is not None:
        required = any(field.required for field in msgspec.structs.fields(route.body))
        made["requestBody"] = {"required": required, "content": {JSON: _content(route.body)}}
    if route.signed_by is not None:
        made["requestBody"] = {"required": True, "content": {JSON: {"schema": {"type": "object"}}}}
    made["responses"] = {str(status): _response(route, status) for status in sorted(statuses(route))}
    return {name: value for name, value in made.items() if value or name == "security"}


def _tag(route: Route) -> str:
    return route.handler.__module__.rpartition(".")[2]


def statuses(route: Route) -> set[int]:
    """Every status that a call of this route may be answered with."""
    return {outcome.status for outcome in route.outcomes} | refusals(route).keys() | at_the_gateway(route).keys()


def _parameters(route: Route) -> Iterator[Json]:
    for name in re.findall(r"{(\w+)}", route.path):
        yield {"name": name, "in": "path", "required": True, "schema": _TEXT, "example": examples.PARAMETERS[name]}
    if route.query is not None:
        for parameter in schemas.query_parameters(route.query):
            if parameter["required"]:
                parameter["example"] = examples.PARAMETERS[parameter["name"]]
            yield parameter
    if route.creates:
        yield _taken("Idempotency-Key", required="idempotency_key_required" in route.refuses)
    if route.conditional:
        yield _taken("If-Match", required=False)
    if route.signed_by is not None:
        said = f"Lower-case hex HMAC of the body's bytes under the webhook secret. Sent as `{route.signed_by}`."
        yield {"name": route.signed_by, "in": "header", "required": True, "schema": {"type": "string"}} | {
            "description": said
        }


def _taken(name: str, *, required: bool) -> Json:
    return {"name": name, "in": "header", "required": required, **TAKEN[name]}


def _response(route: Route, status: int) -> Json:
    own, gateway = refusals(route).get(status, set()), at_the_gateway(route).get(status, set())
    said: list[str] = []
    headers = {"X-Request-Id"}
    content: Json = {}
    for outcome in route.outcomes:
        if outcome.status == status:
            said.append(_OUTCOMES[status])
            headers |= set(outcome.headers)
            if route.creates:
                headers.add("Idempotent-Replayed")
            content |= _contents(outcome)
    if codes := sorted(own | gateway):
        said += [f"`{code}`: {_title(code)}" for code in codes]
        content[PROBLEM] = {"schema": _problem_of(status, codes)}
        headers |= {"Retry-After"} if not _WAITS.isdisjoint(codes) else set()
        headers |= {"WWW-Authenticate"} if "unauthenticated" in codes else set()
    made: Json = {"description": "\n\n".join(said) + "."}
    made["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(headers)}
    return made | ({"content": content} if content else {})


def _contents(outcome: Outcome) -> Json:
    content = {JSON: _content(outcome.body)} if outcome.body is not None else {}
    return content | {media: {"schema": {"type": "string"}} for media in outcome.texts}


def _content(kind: Any) -> Json:
    if kind is dict:
        return {"schema": {"type": "object"}}
    example = examples.of(kind)
    return {"schema": schemas.ref(kind)} | ({} if example is None else {"example": example})


def _problem_of(status: int, codes: list[str]) -> Json:
    of_this = {"status": {"const": status}, "code": {"enum": codes}}
    return {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": of_this}]}


def _title(code: str) -> str:
    return problems.TITLES.get(code) or _GATEWAY_TITLES[code]


def _share(responses: list[Json], shared: Json) -> None:
    """Problems that several operations answer alike stand in the components once."""
    seen = Counter(json.dumps(response) for each in responses for response in each.values())
    for each in responses:
        for status, response in each.items():
            if seen[json.dumps(response)] > 1 and list(response.get("content", ())) == [PROBLEM]:
                (_, of_this) = response["content"][PROBLEM]["schema"]["allOf"]
                name = f"{status}-{'-'.join(of_this['properties']['code']['enum'])}"
                shared[name] = response
                each[status] = {"$ref": f"#/components/responses/{name}"}
