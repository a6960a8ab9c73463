"""The answers of the OpenAPI document: the statuses of each route, and their bodies and headers."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.api.core import gateway_responses
from chalicelib.api.core.paging import Paged
from chalicelib.api.core.problems import PROBLEM_TYPES, problem
from chalicelib.api.core.routing import ROUTES, Outcome, Route
from chalicelib.domain.errors import FieldError
from tools.openapi import examples, schemas
from tools.openapi.schemas import Json

JSON = "application/json"
PROBLEM = "application/problem+json"

AT_THE_GATEWAY = (
    *("DEFAULT_4XX", "REQUEST_TOO_LARGE", "THROTTLED"),
    *("DEFAULT_5XX", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"),
)
"""What API Gateway itself may answer on any route. Of its table that leaves out: what it says of unknown routes, which
are not in this document; of request models, API keys, quotas and firewalls, which this API does not have; and other
names for the same status."""
FOR_A_TOKEN = ("UNAUTHORIZED", "AUTHORIZER_FAILURE")
"""The same where a token is needed."""

TEXT: Json = {"type": "string"}
HEADERS: Mapping[str, Json] = {
    "X-Request-Id": {"description": "Stands in every log line of this request.", "required": True, "schema": TEXT},
    "ETag": {
        "description": "What the answer is known by, for `If-None-Match`; of a listing or booking, for `If-Match`.",
        "required": True,
        "schema": TEXT,
    },
    "Location": {
        "description": "Where it is, or where to go; perhaps relative to this address.",
        "required": True,
        "schema": TEXT | {"format": "uri-reference"},
    },
    "Retry-After": {
        "description": "Seconds after which the same request may succeed.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {"description": "How to sign in.", "required": True, "schema": {"const": "Bearer"}},
    "Link": {
        "description": "Of a list as CSV: the next page, with `rel=next`. None on the last one.",
        "schema": TEXT,
    },
    "Idempotent-Replayed": {
        "description": "The success of an earlier call under the same key.",
        "schema": {"const": "true"},
    },
}
_OUTCOMES = {
    200: "Done",
    201: "Made",
    202: "Taken on",
    204: "Done; there is nothing to say",
    303: "Go on there",
    304: "The same as before",
    404: "A page that says so",
}
_WAITS = frozenset({"in_progress", "too_many_open_holds", "busy", "gateway_unreachable", "too_many_requests"})
"""Codes whose answers may say how long to wait."""


def _said(what: str, limits: Json | None = None) -> Json:
    return TEXT | (limits or {}) | {"description": what}


NO_OTHER: Json = {"description": "Nothing else: a browser is always sent on, or told of one of these problems."}
"""Of routes that only redirect: readers of the document want to know of a success."""


def _explained(codes: Iterable[str]) -> str:
    return "\n".join(f"* `{code}`: {PROBLEM_TYPES[code].title}." for code in sorted(codes))


SCHEMAS: Mapping[str, Json] = {
    "ProblemCode": {
        "description": "What a program decides by. More may come: one that it does not know, it treats by `status`.\n\n"
        + _explained(PROBLEM_TYPES),
        "type": "string",
        "enum": sorted(PROBLEM_TYPES),
    },
    "WrongField": {
        "description": "One wrong field, by its dotted path, and a sentence for a person.",
        "type": "object",
        "properties": {
            "field": _said("The field's dotted path, such as `contact.phone`."),
            "message": _said("What is wrong with it, for a person: `must be at most 3`."),
        },
        "required": ["field", "message"],
    },
    "Problem": {
        "description": "What went wrong (RFC 9457). `code` is stable, for programs and for translating; `retryable`: "
        "the very same request can succeed later; `errors`: every wrong field of a body or query. `nights` comes with "
        "`dates_unavailable`, with `your_booking_id` where an unpaid booking of the guest's own holds one of them; "
        "`total` comes with `price_changed`, `matters` with `data_still_needed`, `proposal_id` with "
        "`second_person_needed`.",
        "type": "object",
        "properties": {
            "type": _said(
                "Always `about:blank`: `code` says which kind of problem it is.", {"format": "uri-reference"}
            ),
            "title": _said("The kind of problem in words: the same for every problem of this code."),
            "status": {"type": "integer", "description": "The status of the answer."},
            "detail": _said("What happened here, for a person."),
            "instance": _said("The path that was asked for."),
            "code": {"$ref": "#/components/schemas/ProblemCode", "description": "The kind of problem, for programs."},
            "retryable": {"type": "boolean", "description": "Whether the very same request can succeed later."},
            "errors": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/WrongField"},
                "description": "Every wrong field of a body or a query; empty where none is.",
            },
            "your_booking_id": _said("The guest's own unpaid booking that holds one of `nights`."),
            "nights": {
                "type": "array",
                "items": TEXT | {"format": "date"},
                "description": "With `dates_unavailable`: the nights that cannot be had.",
            },
            "proposal_id": _said("With `second_person_needed`: what the other person approves."),
            "total": {
                "$ref": "#/components/schemas/Money",
                "description": "With `price_changed`: what the stay costs now.",
            },
            "matters": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/Obstacle"},
                "description": "With `data_still_needed`: what is under way of the person.",
            },
        },
        "required": ["type", "title", "status", "detail", "instance", "code", "retryable", "errors"],
    },
}
"""Of problem documents."""


def refusals(route: Route) -> dict[int, set[str]]:
    """Return the problem codes of the app's own answers to a route, by status."""
    codes = {"internal_error", *route.refuses}
    paged = route.query is not None and issubclass(route.query, Paged)
    for holds, follow in (
        (route.uses_store, {"busy"}),
        (route.signed_in, {"unauthenticated"}),
        (route.role is not None, {"forbidden"}),
        (route.body is not None, {"invalid_request", "invalid_json", "unsupported_media_type"}),
        (route.takes_bytes, {"body_too_large"}),
        (route.query is not None or route.idempotent, {"invalid_request"}),
        (paged, {"invalid_cursor"}),
        (route.conditional, {"precondition_failed"}),
        (route.signed_by is not None, {"bad_signature", "invalid_json"}),
    ):
        if holds:
            codes |= follow
    found: dict[int, set[str]] = {}
    for code in codes:
        found.setdefault(PROBLEM_TYPES[code].status, set()).add(code)
    return found


def at_the_gateway(route: Route) -> dict[int, set[str]]:
    """Return the problem codes that API Gateway may answer in place of a route."""
    found: dict[int, set[str]] = {}
    for kind in AT_THE_GATEWAY + (FOR_A_TOKEN if route.signed_in else ()):
        answer = gateway_responses.RESPONSES[kind]
        found.setdefault(answer.status, set()).add(answer.code)
    return found


def statuses(route: Route) -> set[int]:
    """Return every status of a route."""
    return {outcome.status for outcome in route.outcomes} | refusals(route).keys() | at_the_gateway(route).keys()


def response(route: Route, status: int) -> Json:
    """Return the response object of a route's status."""
    own, gateway = refusals(route).get(status, set()), at_the_gateway(route).get(status, set())
    sentences: list[str] = []
    headers = {"X-Request-Id"}
    contents: Json = {}
    links: Json = {}
    for outcome in route.outcomes:
        if outcome.status == status:
            sentences.append(_OUTCOMES[status])
            links = _links(outcome)
            headers |= set(outcome.headers)
            if route.idempotent:
                headers.add("Idempotent-Replayed")
            contents |= _contents(outcome)
    if codes := sorted(own | gateway):
        sentences += [f"`{code}`: {PROBLEM_TYPES[code].title}" for code in codes]
        contents[PROBLEM] = {"schema": _problem_of(status, codes), "example": _example_of(status, min(own or gateway))}
        headers |= {"Retry-After"} if not _WAITS.isdisjoint(codes) else set()
        headers |= {"WWW-Authenticate"} if "unauthenticated" in codes else set()
        if route.error_page is not None and own & {"internal_error", "busy"}:
            contents["text/html"] = {"schema": TEXT}
    made: Json = {"description": "\n\n".join(sentences) + "."}
    made["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(headers)}
    return made | {name: part for name, part in (("content", contents), ("links", links)) if part}


def _links(outcome: Outcome) -> Json:
    """Return the OpenAPI links from a created object to the calls that take its id."""
    if outcome.status not in (201, 202):
        return {}
    fields = outcome.body.__struct_fields__
    places = {fields[0]: fields[0]} | ({"tx_ref": "payment/tx_ref"} if "payment" in fields else {})
    return {
        route.name: {"operationId": route.name, "parameters": {name: f"$response.body#/{place}"}}
        for route in sorted(ROUTES, key=lambda route: route.name)
        if route.signed_in or route.method == "GET"
        for name, place in places.items()
        if re.findall(r"{(\w+)}", route.path) == [name]
    }


def _contents(outcome: Outcome) -> Json:
    as_json = {JSON: content(outcome.body)} if outcome.body is not None else {}
    return as_json | {media: {"schema": {"type": "string"}} for media in outcome.texts}


def content(kind: Any) -> Json:
    """Return the content of a body: its schema and its example."""
    if kind is dict:
        return {"schema": {"type": "object"}}
    example = examples.of(kind)
    return {"schema": schemas.ref(kind)} | ({} if example is None else {"example": example})


def _problem_of(status: int, codes: list[str]) -> Json:
    of_this = {
        "status": {"const": status, "description": "The status of the answer."},
        "code": {"type": "string", "enum": codes, "description": _explained(codes)},
    }
    return {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": of_this}]}


def _example_of(status: int, code: str) -> Json:
    wrong = (FieldError("guests", "must be at least 1"),) if code == "invalid_request" else ()
    return {**problem(code, "", instance="/v1/…", errors=wrong), "status": status}


def share(responses: list[Json], shared: Json) -> None:
    """Move problems that several operations share into the components."""
    seen = Counter(json.dumps(response) for each in responses for response in each.values())
    for each in responses:
        for status, response in each.items():
            if seen[json.dumps(response)] > 1 and list(response.get("content", ())) == [PROBLEM]:
                (_, of_this) = response["content"][PROBLEM]["schema"]["allOf"]
                name = f"{status}-{'-'.join(of_this['properties']['code']['enum'])}"
                shared[name] = response
                each[status] = {"$ref": f"#/components/responses/{name}"}
