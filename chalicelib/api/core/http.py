"""The one way from a route to a use case: body and query to typed requests, the token to a principal, and whatever
comes back, or goes wrong, to an answer in the contract's form.

A route is declared once, with ``endpoint``; the declarations are kept in ``ROUTES`` for the OpenAPI document.
"""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast
from urllib.parse import unquote
from uuid import uuid4

import msgspec
from chalice.app import Blueprint, Chalice, Request, Response

from chalicelib.api.core.gateway_responses import CORS_HEADERS
from chalicelib.api.core.problems import problem, problem_of
from chalicelib.api.core.validation import InvalidJson, read_body, read_query
from chalicelib.container import Container, container
from chalicelib.domain.errors import FieldError, IdempotencyKeyRequired, InvalidRequest, Refusal, Unauthenticated
from chalicelib.domain.ids import PersonId
from chalicelib.domain.timing import API_GATEWAY_BUDGET
from chalicelib.services.access import Principal, with_role
from chalicelib.services.ports import BadSignature, Fault, StoreBusy
from chalicelib.telemetry import correlated, invocation, observe, trouble

MAX_BODY = 64 * 1024
_JSON_TYPES = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json", re.IGNORECASE)
_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked: what a route's function is given."""

    container: Container
    principal: Principal | None
    request: Request
    request_id: str
    path: Mapping[str, str]
    body: Any = None
    query: Any = None
    key: str | None = None

    @property
    def public_url(self) -> str:
        """Where guests and gateways reach this API: as configured, else as API Gateway says; never from ``Host``."""
        if configured := self.container.settings.public_url:
            return configured
        context = self.request.context
        stage = "" if context.get("customDomain") else f"/{context.get('stage', '')}"
        return f"https://{context['domainName']}{stage}"

    def required_key(self) -> str:
        """The Idempotency-Key of a call that must have one. Raises IdempotencyKeyRequired."""
        if self.key is None:
            raise IdempotencyKeyRequired("Send an Idempotency-Key header: one for each intent.")
        return self.key


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers: a struct or plain data as JSON, or bytes and text as they are.

    ``replayed``: the success of an earlier call under the same Idempotency-Key.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    replayed: bool = False


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer of a route that is no problem document.

    ``body`` is what its JSON is made of, ``texts`` are the other media types that it comes as; with neither there is
    no body. ``headers`` are those that only this answer has.
    """

    status: int = 200
    body: Any = None
    texts: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One declared route: what ``mount`` registers, and what the OpenAPI document is made from.

    Statuses that follow from these facts (401 where a token is needed, 413 where there is a body) are not repeated in
    ``refuses``, which are the codes of the use case's own refusals.
    """

    blueprint: Blueprint
    method: str
    path: str
    handler: Handler
    body: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    signed_in: bool = False
    role: Literal["host", "operator"] | None = None
    idempotent: bool = False
    """It honours an Idempotency-Key."""
    conditional: bool = False
    """It honours an If-Match."""
    signed_by: str | None = None
    """The header that proves who sent the request's bytes."""
    uses_store: bool = True
    """False: it answers the same when the store does not."""
    error_page: Callable[[Request, int], Answer] | None = None
    """The page that a person is shown when we fail, by its status; None: the problem document, as everywhere."""
    outcomes: tuple[Outcome, ...] = (Outcome(),)
    refuses: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.handler.__name__

    @property
    def takes_bytes(self) -> bool:
        """Requests of its method have a body, whether it is read or not."""
        return self.method in ("POST", "PUT", "PATCH")

    @property
    def summary(self) -> str:
        return (self.handler.__doc__ or "").strip().partition("\n")[0]

    @property
    def description(self) -> str:
        """What its docstring says beyond the first line."""
        return inspect.cleandoc(self.handler.__doc__ or "").partition("\n")[2].strip()


ROUTES: list[Route] = []


class BodyTooLarge(Refusal):
    """More bytes than a request may have."""

    code = "body_too_large"


class RouteNotFound(Refusal):
    """A route that this stage does not have."""

    code = "route_not_found"


class UnsupportedMediaType(Refusal):
    """A body that is not said to be JSON."""

    code = "unsupported_media_type"


def endpoint(blueprint: Blueprint, method: str, path: str, **declared: Any) -> Callable[[Handler], Handler]:
    """Declare a route; see Route for what can be said of it.

    A route without ``body`` is given the request's bytes as they came.
    """

    def declare(handler: Handler) -> Handler:
        ROUTES.append(Route(blueprint, method, path, handler, **declared))
        return handler

    return declare


def mount(app: Chalice, authorizer: Any) -> None:
    """Put every declared route into the app; those that need a person behind the authorizer."""
    for route in ROUTES:
        options: dict[str, Any] = {"methods": [route.method], "content_types": ["*/*"], "name": route.name}
        if route.signed_in:
            options["authorizer"] = authorizer
        route.blueprint.route(route.path, **options)(_view(app, route))
    for blueprint in dict.fromkeys(route.blueprint for route in ROUTES):
        app.register_blueprint(blueprint)


def _view(app: Chalice, route: Route) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        return respond(cast(Request, app.current_request), route, path)

    view.__name__ = view.__qualname__ = route.name
    return view


def respond(request: Request, route: Route, path: Mapping[str, str]) -> Response:
    """Run one request to its answer. Whatever happens, what comes out is an answer of the contract."""
    request_id = str(request.context.get("requestId") or uuid4())
    # Whatever letters came: it is sent back as UTF-8.
    instance = str(request.context.get("path") or request.path).encode(errors="replace").decode()
    began = time.monotonic()
    with invocation("api", request_id), correlated(request_id, method=route.method, route=route.path):
        try:
            with container().gateway_time(API_GATEWAY_BUDGET):
                response = _response(route.handler(_checked(request, request_id, route, path)))
        except (StoreBusy, Fault) as down:
            observe("store_busy", level="error", **trouble(down))
            response = _broken(request, route, problem("busy", "Please try again.", instance=instance))
            response.headers["Retry-After"] = "1"
        except Refusal as refusal:
            response = _refused(refusal, instance)
        except BadSignature:
            observe("webhook_refused", level="warning")
            response = _problem(problem("bad_signature", "The signature does not fit.", instance=instance))
        except Exception as error:  # noqa: BLE001 - the last line of defence: nothing of it may reach the caller
            observe("crashed", level="error", **trouble(error))
            sorry = problem("internal_error", "The fault is ours and has been logged.", instance=instance)
            response = _broken(request, route, sorry)
        response.headers["X-Request-Id"] = request_id
        observe("answered", status=response.status_code, duration_ms=round((time.monotonic() - began) * 1000))
        return response


def _checked(request: Request, request_id: str, route: Route, path: Mapping[str, str]) -> Call:
    principal = principal_of(request)
    if route.signed_in and principal is None:
        raise Unauthenticated("The access token is missing, expired or not valid here.")
    if route.role is not None:
        with_role(principal, route.role)
    if route.takes_bytes and _size(request) > MAX_BODY:
        raise BodyTooLarge(f"A request body may have at most {MAX_BODY // 1024} KiB.")
    return Call(
        container(),
        principal,
        request,
        request_id,
        # Chalice leaves them as they stood in the address.
        {name: unquote(value) for name, value in path.items()},
        body=_typed_body(request, route.body) if route.body is not None else None,
        query=read_query(_query_lists(request), route.query) if route.query is not None else None,
        key=_idempotency_key(request) if route.idempotent else None,
    )


def _query_lists(request: Request) -> dict[str, list[str]]:
    params = request.query_params
    return {name: params.getlist(name) for name in params} if params else {}


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


def _response(made: Answer) -> Response:
    headers: dict[str, str | list[str]] = {**made.headers}
    if made.replayed:
        headers["Idempotent-Replayed"] = "true"
    body = made.body
    if body is None:
        body = ""
    elif not isinstance(body, (bytes, str)):
        headers.setdefault("Content-Type", "application/json")
        body = msgspec.json.encode(body).decode()
    return _with_cors(Response(body=body, headers=headers, status_code=made.status))


def _refused(refusal: Refusal, instance: str) -> Response:
    document = problem_of(refusal, instance=instance)
    observe("refused", code=refusal.code, status=document["status"])
    response = _problem(document)
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    if refusal.code == "unauthenticated":
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _problem(document: dict[str, Any]) -> Response:
    body = msgspec.json.encode(document).decode()
    headers: dict[str, str | list[str]] = {"Content-Type": "application/problem+json"}
    return _with_cors(Response(body=body, headers=headers, status_code=document["status"]))


def _broken(request: Request, route: Route, document: dict[str, Any]) -> Response:
    """What a caller is told of a failure of ours: on a person's page a page, if that can be made at all."""
    if route.error_page is not None:
        try:
            return _response(route.error_page(request, document["status"]))
        except Exception as error:  # noqa: BLE001 - what failed may be what makes the pages
            observe("crashed", level="error", **trouble(error))
    return _problem(document)


def _with_cors(response: Response) -> Response:
    response.headers.update(CORS_HEADERS)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
    return response
