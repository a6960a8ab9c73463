"""`ApiServer`: Chalice's local server, mended to serve many requests at once and to refuse as API Gateway does.

What `chalice local` does otherwise, and the remedy:

- a keep-alive answer waits 40 ms for the client's acknowledgement: Nagle's algorithm is off;
- the sixth of simultaneous connections waits a second: the backlog is longer;
- `current_request` and `lambda_context` are shared by all threads: each thread has its own;
- a method that a path does not have is let through to the app, which refuses it with 405 and names those it has;
- an unknown path, a missing token and the like get Amazon's default answers, an authorizer that raises gets
  none: they come from the same table as the deployed API's (`chalicelib/api/core/gateway_responses.py`);
- chunked bodies are lost, a malformed request ends in a traceback: `requests_in.py` reads them.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import sys
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from chalice.app import Chalice
from chalice.config import Config
from chalice.local import (
    ChaliceRequestHandler,
    ForbiddenError,
    InvalidAuthorizerError,
    LocalDevServer,
    LocalGateway,
    NotAuthorizedError,
    ThreadedHTTPServer,
)

from chalicelib.api.core import gateway_responses
from chalicelib.api.core.authorizer import BEARER_EXPRESSION
from chalicelib.api.core.cors import HEADERS_OF_EVERY_ANSWER
from local.stack.request_reading import MOST_BYTES, Malformed, TooLarge, clean_target, drain, read_body

__all__ = ["MOST_BYTES", "ApiGateway", "ApiServer", "Refused", "isolate_threads"]

log = logging.getLogger("local.stack.api_server")

Answer = dict[str, Any]


class Refused(Exception):
    """API Gateway answers this request itself; `kind` is the name of that gateway response."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class ApiGateway(LocalGateway):
    """Does API Gateway's part: find the route, call the authorizer, build the event, invoke the app."""

    def __init__(self, app: Chalice, config: Config, domain: str) -> None:
        super().__init__(app, config)
        self._app = app
        self._domain = domain

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Answer:
        """Return the answer to one request; refusals and faults are answers as well."""
        request_id = str(uuid.uuid4())
        try:
            return self._answer(method, target, headers, body, request_id)
        except Refused as refused:
            return refusal(refused.kind, target, request_id)

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes | None, request_id: str) -> Answer:
        event = self._event(method, target, headers, body, request_id)
        methods = self._app.routes[event["requestContext"]["resourcePath"]]
        if method == "OPTIONS" and "OPTIONS" not in methods:
            preflight = {**HEADERS_OF_EVERY_ANSWER, **self._autogen_options_headers(event)}
            return {"statusCode": 200, "headers": {**preflight, "X-Request-Id": request_id}, "body": None}
        context = self._generate_lambda_context()
        if method in methods:
            event = self._authorized(target, event, context)
        try:
            return self._app(event, context)
        except Exception as fault:
            log.exception("%s %s failed", method, event["requestContext"]["path"])
            raise Refused("INTEGRATION_FAILURE") from fault

    def _event(
        self, method: str, target: str, headers: dict[str, str], body: bytes | None, request_id: str
    ) -> dict[str, Any]:
        try:
            event = self._generate_lambda_event(method, target, headers, body)
        except ValueError as unknown:
            raise Refused("MISSING_AUTHENTICATION_TOKEN") from unknown
        route, path = event["requestContext"]["resourcePath"], target.partition("?")[0]
        # Chalice's matcher lets an empty segment stand for a parameter, and takes //x for the host x.
        names = [part[1:-1] for part in route.split("/") if part.startswith("{")]
        parameters = {name: event["pathParameters"][name] for name in names}
        if path.startswith("//") or not all(parameters.values()):
            raise Refused("MISSING_AUTHENTICATION_TOKEN")
        many = event["multiValueQueryStringParameters"]
        now = datetime.now(UTC)
        event |= {
            "httpMethod": method,
            "path": path,
            "resource": route,
            "pathParameters": parameters or None,
            "queryStringParameters": {name: values[-1] for name, values in many.items()} if many else None,
        }
        event["requestContext"] |= {
            "requestId": request_id,
            "extendedRequestId": request_id,
            "apiId": "local",
            "accountId": "000000000000",
            "stage": "api",
            "domainName": self._domain,
            "protocol": "HTTP/1.1",
            "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": int(time.time() * 1000),
            "identity": {
                "sourceIp": self.event_converter.LOCAL_SOURCE_IP,
                "userAgent": headers.get("User-Agent"),
            },
        }
        return event

    def _authorized(self, target: str, event: dict[str, Any], context: Any) -> dict[str, Any]:
        if not re.match(BEARER_EXPRESSION, event["headers"].get("authorization", "")):
            # API Gateway does not call the authorizer either for what is no token.
            event["headers"].pop("authorization", None)
        try:
            event, _ = self._authorizer.authorize(target, event, context)
        except NotAuthorizedError as refused:
            raise Refused("UNAUTHORIZED") from refused
        except ForbiddenError as refused:
            raise Refused("ACCESS_DENIED") from refused
        except InvalidAuthorizerError as refused:
            raise Refused("AUTHORIZER_CONFIGURATION_ERROR") from refused
        except Exception as fault:
            log.exception("the authorizer failed")
            raise Refused("AUTHORIZER_FAILURE") from fault
        return event


def refusal(kind: str, target: str, request_id: str) -> Answer:
    """Return the gateway response of this name."""
    path = target.partition("?")[0]
    status, headers, body = gateway_responses.refusal(kind, instance=path, request_id=request_id)
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}


class _Handler(ChaliceRequestHandler):
    """Reads a request, passes it to the gateway, and writes the answer in one piece."""

    disable_nagle_algorithm = True
    timeout = 60  # an idle connection is closed after a minute
    wbufsize = -1  # headers and body leave together
    server_version = "Guzo"
    sys_version = ""

    def __init__(self, *args: Any, gateway: ApiGateway, **app: Any) -> None:
        self._gateway = gateway
        super().__init__(*args, **app)

    def handle_any(self) -> None:
        """Handle a request of any method."""
        try:
            target = clean_target(self.path)
            body = read_body(self.headers, self.rfile)
        except Malformed:
            self._refuse_and_close("BAD_REQUEST_BODY")
        except TooLarge:
            self._refuse_and_close("REQUEST_TOO_LARGE")
        else:
            self._write(self._gateway.answer(self.command, target, dict(self.headers), body))

    def __getattribute__(self, name: str) -> Any:
        # Any method, so that an unknown one is an unknown route and not "501" in HTML.
        if name.startswith("do_"):
            return self.handle_any
        return super().__getattribute__(name)

    def handle_expect_100(self) -> bool:
        """Send `100 Continue`, and flush it: nothing else would."""
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request line or headers that http.server cannot parse."""
        log.info("%s %s %s", code, message, explain)
        self.request_version = "HTTP/1.1"
        self._refuse_and_close("BAD_REQUEST_BODY")

    def _refuse_and_close(self, kind: str) -> None:
        self.close_connection = True
        self._write(refusal(kind, getattr(self, "path", "/"), str(uuid.uuid4())))
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(1)
        drain(self.rfile)

    def _write(self, answer: Answer) -> None:
        status, body = answer["statusCode"], self._handle_binary(answer)["body"] or b""
        payload = body if isinstance(body, bytes) else body.encode()
        # To HEAD, Content-Length would have to be the length of what GET answers.
        bare = self.command == "HEAD" or status in (204, 304)
        headers = {**answer["headers"], **answer.get("multiValueHeaders", {})}
        if payload and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        self.send_response(status)
        for name, value in headers.items():
            for each in value if isinstance(value, list) else [value]:
                # http.server writes Latin-1; what is not ASCII goes out as UTF-8, as API Gateway does.
                self.send_header(name, str(each).encode().decode("latin-1"))
        if not bare:
            self.send_header("Content-Length", str(len(payload)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not bare:
            self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, the name is http.server's
        """Write to the log, not to the terminal."""
        log.info(format, *args)


class _Server(ThreadedHTTPServer):
    """A threaded HTTP server on a socket that is listening already."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, handler: Any) -> None:
        super().__init__(listener.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()  # type: ignore[has-type]
        self.socket = listener
        self.server_name, self.server_port = listener.getsockname()[:2]

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Ignore clients that disconnected; log anything else."""
        fault = sys.exception()
        if not isinstance(fault, ConnectionError | TimeoutError):
            log.error("a connection from %s failed", client_address, exc_info=fault)


def create_dev_server(app: Chalice, config: Config, listener: socket.socket) -> LocalDevServer:
    """Return Chalice's `LocalDevServer` with the gateway of this module, on a socket that is listening already."""
    host, port = listener.getsockname()[:2]
    gateway = ApiGateway(app, config, f"{host}:{port}")

    def handler(*args: Any, **kwargs: Any) -> _Handler:
        return _Handler(*args, gateway=gateway, **kwargs)

    return LocalDevServer(
        app, config, host, port, handler_cls=handler, server_cls=lambda _, wrapped: _Server(listener, wrapped)
    )


class ApiServer:
    """The API in a thread, on a socket that is listening already."""

    def __init__(self, app: Chalice, config: Config, listener: socket.socket) -> None:
        self._dev = create_dev_server(app, config, listener)
        self._thread = threading.Thread(target=self._dev.server.serve_forever, args=(0.05,), daemon=True, name="api")

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        if self._thread.is_alive():
            self._dev.shutdown()
        self._dev.server.server_close()


def isolate_threads(app: Chalice) -> None:
    """Give every thread a `current_request` and a `lambda_context` of its own.

    In Lambda one process serves one request at a time, so Chalice keeps both on the app itself.
    """
    own = threading.local()

    def of_this_thread(name: str) -> property:
        def get(_: Chalice) -> Any:
            return getattr(own, name, None)

        def put(_: Chalice, value: Any) -> None:
            setattr(own, name, value)

        return property(get, put)

    attributes = {name: of_this_thread(name) for name in ("current_request", "lambda_context")}
    for name in attributes:
        app.__dict__.pop(name, None)
    app.__class__ = type("ThreadedChalice", (app.__class__,), attributes)
