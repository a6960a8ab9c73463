"""From an API Gateway request to what a route's function is given: who calls, and the typed body or query."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from urllib.parse import unquote

import msgspec
from chalice.app import Request

from chalicelib.api.core.refusals import BodyTooLarge, InvalidJson, UnsupportedMediaType
from chalicelib.api.core.routing import Call, Route
from chalicelib.api.core.validation import read_body, read_query
from chalicelib.container import container
from chalicelib.domain.errors import FieldError, InvalidRequest, Unauthenticated
from chalicelib.domain.ids import PersonId
from chalicelib.services.access import Principal, with_role

MAX_BODY = 64 * 1024
"""Bytes."""
_JSON_TYPES = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json", re.IGNORECASE)
_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)


def checked_call(request: Request, request_id: str, route: Route, path: Mapping[str, str]) -> Call:
    """The call, once its caller may make it and its body is not too large.

    Raises Unauthenticated, Forbidden, BodyTooLarge; InvalidRequest for an Idempotency-Key that is none.
    """
    principal = principal_of(request)
    if route.signed_in and principal is None:
        raise Unauthenticated("The access token is missing, expired or not valid here.")
    if route.role is not None:
        with_role(principal, route.role)
    if route.takes_bytes and _size(request) > MAX_BODY:
        raise BodyTooLarge(f"A request body may have at most {MAX_BODY // 1024} KiB.")
    return Call(
        container=container(),
        principal=principal,
        request=request,
        request_id=request_id,
        # Chalice leaves them as they stood in the address.
        path={name: unquote(value) for name, value in path.items()},
        key=_idempotency_key(request) if route.idempotent else None,
    )


def typed_arguments(request: Request, route: Route) -> tuple[msgspec.Struct, ...]:
    """The body or query of a route's function, if it takes one.

    Raises InvalidRequest, InvalidJson, UnsupportedMediaType.
    """
    if route.body is not None:
        return (_typed_body(request, route.body),)
    if route.query is not None:
        params = request.query_params
        many = {name: params.getlist(name) for name in params} if params else {}
        return (read_query(many, route.query),)
    return ()


def principal_of(request: Request, *, now: Callable[[], float] = time.time) -> Principal | None:
    """The person that the authorizer let in; None without one, or once the token is over.

    API Gateway keeps the authorizer's answer for a minute, so the token's end is looked at again. Token time is real
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
    media_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if not raw and not any(field.required for field in msgspec.structs.fields(kind)):
        return kind()
    if media_type and not _JSON_TYPES.fullmatch(media_type):
        raise UnsupportedMediaType("Send JSON, as application/json.")
    return read_body(raw, kind)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        wrong = FieldError("Idempotency-Key", "must be 1 to 255 visible ASCII characters")
        raise InvalidRequest("The Idempotency-Key is not right.", errors=(wrong,))
    return key
