"""A Chapa sandbox on the bench: a client for it, a clock that can be moved, and a taker of webhooks."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from flask import Flask
from werkzeug.test import TestResponse

from local.sandboxes.chapa import Sandbox, SandboxSettings, create_blueprint

KEY = "CHASECK_TEST-bench"
SECRET = "demo-webhook-secret-2026"
TX_REF = "GZ4T1B8WCD7K2M9Q-1"
PATIENCE = 30.0


@dataclass(frozen=True)
class Received:
    """A request that the receiver got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Reply(TestResponse):
    """An answer whose JSON may be looked into at once: a test that expects some fails without."""

    json: Any


class Receiver:
    """A merchant's server: keeps what it gets, and answers with the next of `statuses`, else 200."""

    def __init__(self) -> None:
        self.got: list[Received] = []
        self.statuses: list[int] = []
        self.changed = threading.Condition()
        self.on_request: Callable[[Received], None] = lambda received: None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                received = Received(self.command, self.path, headers, body)
                receiver.on_request(received)
                with receiver.changed:
                    receiver.got.append(received)
                    status = receiver.statuses.pop(0) if receiver.statuses else 200
                    receiver.changed.notify_all()
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_POST = do_GET  # noqa: N815 (the name that http.server looks for)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def wait_for(self, count: int) -> list[Received]:
        """Wait until so many requests came, and return all of them."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= count, PATIENCE), f"{len(self.got)} came"
            return list(self.got)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Bench:
    """The sandbox with all that a test needs around it."""

    sandbox: Sandbox
    app: Flask
    receiver: Receiver
    clock: list[datetime] = field(repr=False)

    def open(self, path: str, **request: Any) -> Reply:
        return cast(Reply, self.app.test_client().open(path, **request))

    def get(self, path: str, **request: Any) -> Reply:
        return self.open(path, method="GET", **request)

    def post(self, path: str, **request: Any) -> Reply:
        return self.open(path, method="POST", **request)

    def move_clock(self, **by: float) -> None:
        self.clock[0] += timedelta(**by)

    def call(self, method: str, path: str, *, key: str | None = KEY, **request: Any) -> Reply:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return self.open(f"/chapa/v1{path}", method=method, headers=headers, **request)

    def initialize(self, **changes: Any) -> Reply:
        """Initialize a good payment, with fields changed; a field that is `...` is left out."""
        fields: dict[str, Any] = {
            "amount": "2450.00",
            "currency": "ETB",
            "tx_ref": TX_REF,
            "email": "hanna.tesfaye@gmail.com",
            "first_name": "Hanna",
            "last_name": "Tesfaye",
            "phone_number": "0911223344",
            "callback_url": f"{self.receiver.url}/callback/{TX_REF}",
            "return_url": f"https://shop.et/pay/{TX_REF}",
            "customization": {"title": "Lake house", "description": "Booking GZ4T1B8WCD7K2M9Q"},
            "meta": {"booking_id": "GZ4T1B8WCD7K2M9Q"},
            **changes,
        }
        kept = {name: value for name, value in fields.items() if value is not ...}
        return self.call("POST", "/transaction/initialize", json=kept)

    def verify(self, tx_ref: str = TX_REF) -> Reply:
        return self.call("GET", f"/transaction/verify/{tx_ref}")

    def verified(self, tx_ref: str = TX_REF) -> Any:
        """Return verify's data, which must be there."""
        answer = self.verify(tx_ref)
        assert answer.status_code == 200, answer.text
        return answer.json["data"]

    def control(self, **switches: Any) -> Reply:
        return self.post("/chapa/_control", json=switches)

    def pay(self, outcome: str = "success", **more: Any) -> Reply:
        return self.post("/chapa/_pay", json={"tx_ref": TX_REF, "outcome": outcome, **more})

    def paid(self, **switches: Any) -> None:
        """Have a payment initialised and paid with these switches set, and everything sent."""
        self.control(**switches)
        assert self.initialize().status_code == 200
        assert self.pay().status_code == 200
        self.wait_until_idle()

    def log(self, **wanted: str) -> Any:
        return self.get("/chapa/_log", query_string=wanted).json

    def webhooks(self) -> list[Received]:
        return [received for received in self.receiver.got if received.path == "/webhooks"]

    def callbacks(self) -> list[Received]:
        return [received for received in self.receiver.got if received.path.startswith("/callback/")]

    def wait_until_idle(self) -> None:
        """Wait until the sandbox has nothing under way."""
        self.wait_until(self.sandbox.idle)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "it never came to that"
            time.sleep(0.002)


@contextmanager
def a_bench(*, time_scale: float = 10_000.0) -> Iterator[Bench]:
    """Set up a bench. With its time scale ten minutes are 60 ms, and the answers are held for 50 ms."""
    clock = [datetime(2027, 1, 2, 9, 15, 30, tzinfo=UTC)]
    receiver = Receiver()
    app = Flask("bench")
    blueprint = create_blueprint(
        SandboxSettings(
            secret_key=KEY,
            webhook_secret=SECRET,
            webhook_url=f"{receiver.url}/webhooks",
            public_url="http://127.0.0.1:8001",
            now=lambda: clock[0],
            time_scale=time_scale,
        )
    )
    app.register_blueprint(blueprint)
    try:
        yield Bench(blueprint.sandbox, app, receiver, clock)
    finally:
        blueprint.sandbox.close()
        receiver.close()
