"""The one way from a request to an answer: whatever a route's function answers, or whatever goes wrong in it, comes out
in the contract's form.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from hashlib import blake2b
from importlib import import_module
from typing import Any, cast
from uuid import uuid4

import msgspec
from chalice.app import Chalice, Request, Response

from chalicelib.api.core.acts import acting_in
from chalicelib.api.core.cors import HEADERS_OF_EVERY_ANSWER
from chalicelib.api.core.problems import ProblemDocument, problem, problem_of
from chalicelib.api.core.refusals import MethodNotAllowed
from chalicelib.api.core.request import checked_call, typed_arguments
from chalicelib.api.core.routing import ROUTES, Answer, Route
from chalicelib.container import container
from chalicelib.domain.errors import Refusal
from chalicelib.domain.timing import API_GATEWAY_BUDGET, CATALOGUE_CACHE, PUBLIC_GATEWAY_BUDGET, WEBHOOK_GATEWAY_BUDGET
from chalicelib.services.clock.counting import keep_counts
from chalicelib.services.ports.gateways import BadSignature
from chalicelib.services.ports.outcomes import Fault, StoreBusy
from chalicelib.telemetry import correlated, describe_error, invocation, observe


def mount(app: Chalice, authorizer: object) -> None:
    """Put every declared route into the app; those that need a person behind the authorizer."""
    _mount(app, authorizer)
    app.register_middleware(refuse_method, "http")


def mount_later(app: Chalice, authorizer: object, *, under: str, module: str) -> None:
    """Have the routes that ``module`` declares put into the app by the first request of a path ``under`` this one."""

    def load(request: Request, get_response: Callable[[Request], Response]) -> Response:
        path = request.context["resourcePath"]
        if path.startswith(under) and path not in app.routes:
            import_module(module)
            _mount(app, authorizer)
        return get_response(request)

    app.register_middleware(load, "http")


def _mount(app: Chalice, authorizer: object) -> None:
    """Put the routes into the app that are declared and not in it yet."""
    fresh = [route for route in ROUTES if route.method not in app.routes.get(route.path, {})]
    for route in fresh:
        options: dict[str, Any] = {"methods": route.methods, "content_types": ["*/*"], "name": route.name}
        if route.signed_in:
            options["authorizer"] = authorizer
        route.blueprint.route(route.path, **options)(_view(app, route))
    for blueprint in dict.fromkeys(route.blueprint for route in fresh):
        app.register_blueprint(blueprint)


def _view(app: Chalice, route: Route) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        return respond(cast(Request, app.current_request), route, path)

    view.__name__ = view.__qualname__ = route.name
    return view


def respond(request: Request, route: Route, path: Mapping[str, str]) -> Response:
    """Run one request to its answer. Whatever happens, what comes out is an answer of the contract."""
    request_id, instance = _identity(request)
    began = time.monotonic()
    with (
        invocation("webhooks" if route.signed_by else "api", request_id),
        correlated(request_id, method=request.method, route=route.path),
    ):
        try:
            with container().gateway_budget(_gateway_budget(route)):
                call = checked_call(request, request_id, route, path)
                arguments = typed_arguments(call, route)
                with acting_in(call, route, arguments[0] if arguments else None) as under_way:
                    answer = route.handler(call, *arguments)
                    under_way.found = answer.acted_on
                response = _response(answer)
                if route.cached:
                    response = _kept_for_a_while(response, request)
        except (StoreBusy, Fault) as down:
            observe("store_busy", level="error", **describe_error(down))
            response = _broken(request, route, problem("busy", "Please try again.", instance=instance))
            response.headers["Retry-After"] = "1"
        except Refusal as refusal:
            response = _refused(refusal, instance)
        except BadSignature as bad:
            observe("webhook_refused", level="warning", reason=str(bad))
            response = _problem(problem("bad_signature", "The signature does not fit.", instance=instance))
        except Exception as error:  # noqa: BLE001 - the last line of defence: nothing of it may reach the caller
            observe("crashed", level="error", **describe_error(error))
            sorry = problem("internal_error", "The fault is ours and has been logged.", instance=instance)
            response = _broken(request, route, sorry)
        response.headers["X-Request-Id"] = request_id
        if route.uses_store:
            keep_counts(container())
        observe("answered", status=response.status_code, duration_ms=round((time.monotonic() - began) * 1000))
        return _without_body(response, request)


def _gateway_budget(route: Route) -> timedelta:
    """How long a request of this route may wait for gateways: only a caller with a token holds a place for long."""
    if route.signed_by:
        return WEBHOOK_GATEWAY_BUDGET
    return API_GATEWAY_BUDGET if route.signed_in else PUBLIC_GATEWAY_BUDGET


def refuse_method(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Chalice's own 405, in the contract's form. API Gateway lets no such request through; a local server does."""
    response = get_response(request)
    if response.status_code != 405:
        return response
    request_id, instance = _identity(request)
    allowed = f"{response.headers['Allow']}, OPTIONS"
    refused = _problem(problem_of(MethodNotAllowed(f"This path takes {allowed}."), instance=instance))
    refused.headers |= {"Allow": allowed, "X-Request-Id": request_id}
    return _without_body(refused, request)


def _identity(request: Request) -> tuple[str, str]:
    """The request's id, and its path as a problem document names it: whatever letters came, they go back as UTF-8."""
    path = str(request.context.get("path") or request.path).encode(errors="replace").decode()
    return str(request.context.get("requestId") or uuid4()), path


def _response(answer: Answer) -> Response:
    headers: dict[str, str | list[str]] = {**answer.headers}
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    body = answer.body
    if body is None:
        body = ""
    elif not isinstance(body, (bytes, str)):
        headers.setdefault("Content-Type", "application/json")
        body = msgspec.json.encode(body).decode()
    return _with_common_headers(Response(body=body, headers=headers, status_code=answer.status))


def _kept_for_a_while(response: Response, request: Request) -> Response:
    """A success that anybody may keep, with a tag of its text; none of it for a caller who has that already."""
    text = str(response.body).encode()
    tag = str(response.headers.setdefault("ETag", f'"{blake2b(text, digest_size=12).hexdigest()}"'))
    response.headers["Cache-Control"] = f"public, max-age={int(CATALOGUE_CACHE.total_seconds())}"
    kept = (each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(","))
    if tag in kept:
        response.status_code, response.body = 304, ""
        response.headers.pop("Content-Type", None)
    return response


def _refused(refusal: Refusal, instance: str) -> Response:
    document = problem_of(refusal, instance=instance)
    observe("refused", code=refusal.code, status=document["status"])
    response = _problem(document)
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    if refusal.code == "unauthenticated":
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _problem(document: ProblemDocument) -> Response:
    body = msgspec.json.encode(document).decode()
    headers: dict[str, str | list[str]] = {"Content-Type": "application/problem+json"}
    return _with_common_headers(Response(body=body, headers=headers, status_code=document["status"]))


def _broken(request: Request, route: Route, document: ProblemDocument) -> Response:
    """What a caller is told of a failure of ours: on a person's page a page, if that can be made at all."""
    if route.error_page is not None:
        try:
            return _response(route.error_page(request, document["status"]))
        except Exception as error:  # noqa: BLE001 - what failed may be what makes the pages
            observe("crashed", level="error", **describe_error(error))
    return _problem(document)


def _without_body(response: Response, request: Request) -> Response:
    """The same answer, but for its body where HEAD asked for it."""
    if request.method == "HEAD":
        response.body = ""
    return response


def _with_common_headers(response: Response) -> Response:
    response.headers.update(HEADERS_OF_EVERY_ANSWER)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
    return response
