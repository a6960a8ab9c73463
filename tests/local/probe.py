"""A tiny Chalice app with the same kinds of functions as Guzo's: what the local server and the workers must carry."""

from __future__ import annotations

import threading
from typing import Any

from chalice.app import AuthRequest, AuthResponse, Chalice, CORSConfig, Rate, Response

from chalicelib.api.core.http import refuse_method

ANYTHING = ["*/*"]


AT_ONCE = 32
"""So many requests for ``/echo?together=`` wait for each other."""


def make_probe() -> Chalice:
    """A fresh app."""
    together = threading.Barrier(AT_ONCE)
    app = Chalice(app_name="probe", configure_logs=False)
    app.api.cors = CORSConfig(allow_headers=["Authorization"], expose_headers=["ETag"])

    @app.authorizer(ttl_seconds=60)
    def authorize(request: AuthRequest) -> AuthResponse | None:
        if request.token == "Bearer it.will.raise":
            raise RuntimeError("the issuer is on fire")
        if request.token == "Bearer it.answers.nothing":
            return None
        return AuthResponse(
            routes=["*"] if request.token == "Bearer it.is.good" else [], principal_id="p", context={"sub": "p"}
        )

    @app.route("/echo", methods=["GET", "POST"], content_types=ANYTHING)
    def echo() -> Response:
        request = app.current_request
        assert request is not None
        query = request.query_params
        if query and "together" in query:
            together.wait(30)
        seen = {
            "length": len(request.raw_body),
            "query": {name: query.getlist(name) for name in query} if query else None,
            "context": {name: str(value) for name, value in request.context.items()},
            "function": app.lambda_context.aws_request_id,
            "same_function": app.lambda_context is request.lambda_context,
        }
        return Response(seen, headers={"X-Request-Id": request.context["requestId"]})

    @app.route("/things/{thing_id}", methods=["GET", "DELETE"], content_types=ANYTHING)
    def thing(thing_id: str) -> Any:
        assert app.current_request is not None
        if app.current_request.method == "DELETE":
            return Response("", status_code=204)
        return Response({"thing": thing_id}, headers={"Location": "/ጉዞ"})

    @app.route("/headed", methods=["GET", "HEAD"])
    def headed() -> Any:
        return {"head": "and body"}

    @app.route("/secret", authorizer=authorize)
    def secret() -> Any:
        assert app.current_request is not None
        return app.current_request.context["authorizer"]["sub"]

    @app.route("/broken")
    def broken() -> Any:
        raise AssertionError("chalice turns this into a 500")

    @app.schedule(Rate(1, unit=Rate.MINUTES))
    def sweep(event: Any) -> dict[str, int]:
        return {"due": 3}

    app.register_middleware(refuse_method, "http")
    return app
