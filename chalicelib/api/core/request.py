"""From an API Gateway request to what a route's function is given: who calls, and the typed body or query."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import unquote

import msgspec
from chalice.app import Request

from chalicelib.api.core.preconditions import versions_wanted
from chalicelib.api.core.refusals import BodyTooLarge, InvalidJson, UnsupportedMediaType, WrongFields
from chalicelib.api.core.routing import Call, Route
from chalicelib.api.core.validation import read_body, read_query
from chalicelib.container import Container, container
from chalicelib.domain.errors import FieldError, InvalidRequest, Unauthenticated
from chalicelib.domain.ids import PersonId
from chalicelib.services.access import Principal, with_role
from chalicelib.services.updating import as_read

MAX_BODY = 64 * 1024
"""Bytes."""
_JSON_TYPES = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json", re.IGNORECASE)
_CHARSETS = ("utf-8", "utf8", "us-ascii")
_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)


def checked_call(request: Request, request_id: str, route: Route, path: Mapping[str, str]) -> Call:
    """The call, once its caller may make it and its body is not too large.

    Raises Unauthenticated, Forbidden, BodyTooLarge; InvalidRequest for an Idempotency-Key that is none.
    """
    principal = principal_of(request)
    if route.signed_in and principal is None:
        raise Unauthenticated("The access token is missing, expired or not valid here.")
    if route.role is not None:
        with_role(principal, route.role, route.right)
    if route.takes_bytes and _size(request) > MAX_BODY:
        raise BodyTooLarge(f"A request body may have at most {MAX_BODY // 1024} KiB.")
    wanted = versions_wanted(request) if route.conditional == "booking" else None
    return Call(
        container=cast(Container, as_read(container(), wanted)),
        principal=principal,
        request=request,
        request_id=request_id,
        # Chalice leaves them as they stood in the address.
        path={name: unquote(value) for name, value in path.items()},
        key=_idempotency_key(request) if route.idempotent else None,
    )


def typed_arguments(call: Call, route: Route) -> tuple[msgspec.Struct, ...]:
    """The body or query of a route's function, if it takes one.

    Raises InvalidRequest with every wrong field, those that the route's ``also_wrong`` finds included; InvalidJson,
    UnsupportedMediaType.
    """
    try:
        if route.body is not None:
            return (_typed_body(call.request, route.body),)
        if route.query is not None:
            params = call.request.query_params
            many = {name: params.getlist(name) for name in params} if params else {}
            return (read_query(many, route.query),)
    except WrongFields as wrong:
        known = {error.field for error in wrong.errors}
        more = route.also_wrong(call, wrong.right) if route.also_wrong else ()
        errors = (*wrong.errors, *(error for error in more if error.field not in known))
        raise InvalidRequest(wrong.detail, errors=errors) from wrong
    return ()


def principal_of(request: Request, *, now: Callable[[], float] = time.time) -> Principal | None:
    """The person that the authorizer let in; None without one, or once the token is over.

    API Gateway keeps the authorizer's answer for a minute, so the token's end is checked again. Token time is real
    time, never the movable clock of a developer's machine.
    """
    claims = request.context.get("authorizer") or {}
    person, expires = claims.get("sub"), str(claims.get("exp", ""))
    if not person or not expires.isdecimal() or int(expires) <= now():
        return None
    return Principal(PersonId(person), claims.get("email", ""), frozenset(claims.get("groups", "").split()))


def raw_body(request: Request) -> bytes:
    """The body as it came. Raises InvalidJson for text that no bytes stand for."""
    try:
        raw = request.raw_body or b""
    except ValueError as error:
        raise InvalidJson("The body is not JSON that can be read.") from error
    return raw.encode() if isinstance(raw, str) else raw


def _size(request: Request) -> int:
    """Bytes; 0 for a body that no bytes stand for, which whoever reads it refuses."""
    try:
        return len(raw_body(request))
    except InvalidJson:
        return 0


def _typed_body(request: Request, kind: type[msgspec.Struct]) -> msgspec.Struct:
    raw = raw_body(request)
    if not raw and not any(field.required for field in msgspec.structs.fields(kind)):
        # Fields that ask for one another are asked for here, too.
        return read_body(b"{}", kind)
    content_type = request.headers.get("content-type", "").strip()
    if content_type and not _is_json(content_type):
        raise UnsupportedMediaType("Send JSON in UTF-8, as application/json.")
    return read_body(raw, kind)


def _is_json(content_type: str) -> bool:
    """Whether the body is said to be JSON, in UTF-8 if its letters are said at all."""
    media_type, *parameters = (part.strip() for part in content_type.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    letters = [value.strip(' "').lower() for name, _, value in pairs if name.strip().lower() == "charset"]
    return bool(_JSON_TYPES.fullmatch(media_type)) and all(each in _CHARSETS for each in letters)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        wrong = FieldError("Idempotency-Key", "must be 1 to 255 visible ASCII characters")
        raise InvalidRequest("The Idempotency-Key is not right.", errors=(wrong,))
    return key
