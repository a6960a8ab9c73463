"""Every answer that a test of the API sees, held to the OpenAPI document: its status, media type, headers and body.

The document lets answers grow; here they may not: a field that it does not name is a breach.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.validators import validator_for

from chalicelib.api.core.routing import ROUTES, Route
from tools.openapi import answers
from tools.openapi.document import document

Json = dict[str, Any]

Seen = tuple[str, int]
"""An operation and a status of its answer."""

SEEN: set[Seen] = set()
"""In this process, so far."""


@cache
def described() -> Json:
    """The document, every schema of an object closed."""
    made: Json = json.loads(json.dumps(document()))
    for schema in made["components"]["schemas"].values():
        schema["additionalProperties"] = False
    return made


def operation_of(route: Route) -> Json:
    operation: Json = described()["paths"][route.path][route.method.lower()]
    assert operation["operationId"] == route.name
    return operation


def response_of(route: Route, status: int) -> Json:
    """What the document says of a status. Fails when it does not name it."""
    responses = operation_of(route)["responses"]
    assert str(status) in responses, f"{route.method} {route.path} answered {status}, which is not documented"
    return resolved(responses[str(status)])


def resolved(part: Json) -> Json:
    while "$ref" in part:
        found: Any = described()
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def complaints(schema: Json, value: Any) -> list[str]:
    """Why a value does not fit a schema of the document; nothing if it does."""
    return [f"{error.json_path}: {error.message}" for error in _validator(json.dumps(schema)).iter_errors(value)]


@cache
def _validator(schema: str) -> Draft202012Validator:
    # The components stand beside it, so that its references are found.
    whole = json.loads(schema) | {"components": described()["components"]}
    kind = validator_for(whole, default=Draft202012Validator)
    return kind(whole, format_checker=FormatChecker())


def hold_to_the_document(route: Route, status: int, headers: Mapping[str, str], text: str) -> None:
    """``headers`` in lower case."""
    SEEN.add((route.name, status))
    response = response_of(route, status)
    for name, header in response["headers"].items():
        said = resolved(header)
        if (value := headers.get(name.lower())) is None:
            assert not said.get("required"), f"{name} is promised"
        else:
            of_its_kind: Any = int(value) if said["schema"].get("type") == "integer" else value
            assert complaints(said["schema"], of_its_kind) == [], name
    known = {name.lower() for name in response["headers"]}
    ours = {name.lower() for name in described()["components"]["headers"]} & headers.keys()
    assert ours <= known, f"{ours - known} are not documented for {status}"
    if "content" not in response:
        assert text == ""
        return
    media_type = headers["content-type"].partition(";")[0]
    assert media_type in response["content"], f"{media_type} is not documented for {status}"
    if media_type.endswith("json"):
        assert complaints(response["content"][media_type]["schema"], json.loads(text)) == []


def missing(seen: Collection[Seen]) -> list[str]:
    """The statuses that the document promises and that no answer had, a line each.

    Others only API Gateway makes. Their form is that of its table, from which the local server answers, too.
    """
    ours = {
        (route.name, status)
        for route in ROUTES
        for status in {outcome.status for outcome in route.outcomes} | answers.refusals(route).keys()
    }
    return [f"{name}: {status}" for name, status in sorted(ours - set(seen))]
