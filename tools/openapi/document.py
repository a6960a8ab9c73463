"""The OpenAPI document, made from the declared routes: what a route says of itself, and what follows from that.

``make openapi`` writes it to ``docs/openapi.json``, which ``GET /openapi.json`` answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

import app  # noqa: F401 - it declares every route
from chalicelib import __version__
from chalicelib.api import local_examples
from chalicelib.api.core.fields import FORMATS
from chalicelib.api.core.routing import ROUTES, Route
from chalicelib.gateways import GATEWAYS
from chalicelib.services.access import STAFF
from tools.openapi import answers as openapi_answers
from tools.openapi import examples, schemas
from tools.openapi.answers import JSON, TEXT, content, response, statuses
from tools.openapi.schemas import Json

TAGS: Mapping[str, str] = {
    "search": "Find a place to stay.",
    "listings": "One listing, and what its host does with it.",
    "hosts": "What a host sees of their own: their listings, and who comes.",
    "reviews": "What guests say of a stay that is over.",
    "bookings": "Hold a stay, pay for it, cancel it.",
    "messages": "Letters of a booking, sent again.",
    "contacts": "Correct who a booking is for, and where they are reached.",
    "payments": "What became of a payment, and giving money back.",
    "callbacks": "What gateways send unsigned: calls of their servers, and the guest's browser. They only make us ask.",
    "webhooks": "Signed deliveries from the payment gateways.",
    "pages": "The page that a guest's browser comes back to. HTML, without sign-in.",
    "attention": "What needs a person, and how it leaves the list. For operators.",
    "closings": "Close a listing, with its bookings to come, and open it again. For operators.",
    "arrivals": "Who comes, who is in the house, and who leaves. For operators.",
    "payouts": "What each host is owed, month by month, and marking it as paid.",
    "find": "One box for whatever a guest, a bank or a gateway may name, and who used it. For operators.",
    "ledger": "Every movement of money by the day on which it happened, and what they add up to. For operators.",
    "statistics": "What became of the bookings of a period, and what waits how long. For operators.",
    "proposals": "What one operator proposed, and another one approves.",
    "notes": "What operators write down of a booking for each other.",
    "accounts": "What an account holds and may do: block it, unblock it, raise its limits. For operators.",
    "people": "All that is held of a person, and erasing it. For operators.",
    "disputes": "Money that payers claim back through their banks. For operators.",
    "settlements": "A gateway's statement against our books, line by line. For operators.",
    "health": "How the stage fares: its gateways, the clock, the queues. For operators.",
    "dead_letters": "Messages that failed too often: dropped, or sent to their queue again. For operators.",
    "money": "Bookings and payments by day, what waits for a person, and the sums of a period. For operators.",
    "console": "The consoles of operators and hosts: pages that call this API.",
    "documents": "This document, the stage's settings, and whether the service answers.",
}
"""By the module that declares the routes."""

DESCRIPTION = """* **Money** is in minor units (cents): `{"amount": 245000, "currency": "ETB"}` is ETB 2,450.00.
* **Instants** are RFC 3339 in UTC (`2027-01-02T09:15:30Z`); dates of a stay are in the listing's own time zone.
* **Ids** and cursors are opaque. A list is at its end when `next_cursor` is null, and only then.
* **Repeats**: with an `Idempotency-Key`, the same call may be sent again; a success is answered again, with
  `Idempotent-Replayed: true`. One key per intent.
* **Typing mistakes** are refused: unknown fields of a body, unknown or repeated parameters of a query, JSON that names
  a field twice. Only routes that take no parameters at all pay no attention to a query. A body has at most 64 KiB.
* **Errors** are problem documents (RFC 9457). Programs read `code` and `retryable`; `errors` names every wrong field.
* **Other people's things** are 404, never 403.
* Every answer carries `X-Request-Id`, and `Access-Control-Allow-Origin: *`.
* `HEAD` answers as `GET` does, without the body.

Some texts have a `format` of our own:

"""

IN_PATHS: Mapping[str, str] = {
    "listing_id": "The listing's id.",
    "booking_id": "The booking's id.",
    "tx_ref": "The payment's reference: the booking's id, a hyphen, and the number of the attempt.",
    "proposal_id": "The proposal's id: the booking's, `-P`, and a number.",
    "dispute_id": "The dispute's id: the payment's `tx_ref`, `-D`, and a number.",
    "settlement_id": "The report's id.",
    "payout_id": "The payout's id.",
    "host_id": "The host's account: the `sub` of her token.",
    "refund_id": "The refund's id: the payment's `tx_ref`, `-R`, and a number.",
    "entry_id": "The letter's number within its booking, as `messages` has it.",
    "message_id": "The dead letter's id, as the list has it.",
    "item_id": "The item's name, as the attention list has it.",
    "sub": "The account: the `sub` of its tokens.",
    "file": "The file's name.",
}
"""What the parameters of paths are; an example of each stands in ``examples.PARAMETERS``."""

TAKEN: Mapping[str, Json] = {
    "Idempotency-Key": {
        "description": "One key per intent: the same call may then be sent again.",
        "schema": TEXT | {"pattern": "^[!-~]{1,255}$"},
        "example": local_examples.KEY,
    },
    "If-None-Match": {
        "description": "The `ETag` of an earlier answer: this one is 304 if it would be the same.",
        "schema": TEXT,
    },
    "If-Match": {
        "description": "The `ETag` of a read: only if it is still as it was read.",
        "schema": TEXT,
    },
}


def document() -> Json:
    """Return the whole document."""
    bodies = {route.body for route in ROUTES if route.body is not None}
    answered = [outcome.body for route in ROUTES for outcome in route.outcomes if outcome.body not in (None, dict)]
    paths: Json = {}
    for route in sorted(ROUTES, key=lambda route: list(TAGS).index(_tag(route))):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    responses: Json = {}
    openapi_answers.share(
        [operation["responses"] for methods in paths.values() for operation in methods.values()], responses
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Guzo",
            "version": __version__,
            "summary": f"Travel bookings, paid through {' or '.join(row.brand for row in GATEWAYS.values())}",
            "description": DESCRIPTION + "\n".join(f"* `{name}`: {says}." for name, says in FORMATS.items()),
            "contact": {"name": "Whoever runs this stage"},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": ".", "description": "Where this document comes from"}],
        "tags": [{"name": name, "description": says} for name, says in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {
                **schemas.components(sorted(bodies, key=lambda body: body.__name__), answered),
                **openapi_answers.SCHEMAS,
            },
            "responses": dict(sorted(responses.items())),
            "headers": dict(openapi_answers.HEADERS),
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


def _operation(route: Route) -> Json:
    made: Json = {
        "operationId": route.name,
        "tags": [_tag(route)],
        "summary": schemas.in_markdown(route.summary).removesuffix("."),
        "description": _description(route),
        "security": [{"accessToken": []}] if route.signed_in else [],
        "x-groups": _groups(route),
        "parameters": list(_parameters(route)),
    }
    if route.body is not None:
        required = any(field.required for field in msgspec.structs.fields(route.body))
        made["requestBody"] = {"required": required, "content": {JSON: content(route.body)}}
    if route.signed_by is not None:
        made["requestBody"] = {"required": True, "content": {JSON: {"schema": {"type": "object"}}}}
    made["responses"] = {str(status): response(route, status) for status in sorted(statuses(route))}
    if all(outcome.status >= 300 for outcome in route.outcomes):
        made["responses"]["default"] = openapi_answers.NO_OTHER
    return {name: value for name, value in made.items() if value or name == "security"}


def _groups(route: Route) -> list[str]:
    """The groups of which one must stand in the token."""
    if route.role == "operator":
        return [group for group, rights in STAFF.items() if route.right in rights]
    return [route.role] if route.role else []


def _description(route: Route) -> str:
    """What its docstring says beyond the first line, and what a caller must show."""
    if route.role is not None:
        shown = (
            "Needs the access token of a member of the group "
            + " or ".join(f"`{name}`" for name in _groups(route))
            + "."
        )
    elif route.signed_in:
        shown = "Needs an access token."
    elif route.signed_by is not None:
        shown = f"Needs no token: the gateway signs the body, in `{route.signed_by}`."
    else:
        shown = "Needs no token."
    return "\n\n".join(filter(None, [schemas.in_markdown(route.description), shown]))


def _tag(route: Route) -> str:
    return route.handler.__module__.rpartition(".")[2]


def _parameters(route: Route) -> Iterator[Json]:
    for name in re.findall(r"{(\w+)}", route.path):
        said = {"description": IN_PATHS.get(name, ""), "example": examples.PARAMETERS.get(name, "")}
        # Without one it would be another path.
        yield {"name": name, "in": "path", "required": True, "schema": TEXT | {"minLength": 1}} | said
    if route.query is not None:
        for parameter in schemas.query_parameters(route.query):
            if parameter["required"]:
                parameter["example"] = examples.PARAMETERS[parameter["name"]]
            yield parameter
    if route.idempotent:
        yield _taken("Idempotency-Key", required="idempotency_key_required" in route.refuses)
    if route.cached:
        yield _taken("If-None-Match", required=False)
    if route.conditional:
        yield _taken("If-Match", required=False)
    if route.signed_by is not None:
        description = f"Lower-case hex HMAC of the body's bytes under the webhook secret. Sent as `{route.signed_by}`."
        yield {"name": route.signed_by, "in": "header", "required": True, "schema": {"type": "string"}} | {
            "description": description
        }


def _taken(name: str, *, required: bool) -> Json:
    return {"name": name, "in": "header", "required": required, **TAKEN[name]}
