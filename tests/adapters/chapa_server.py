"""A real server on the loopback that answers as a test says, byte by byte; and what Chapa is known to say."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.money import Money
from chalicelib.services.ports.gateways import Opening
from chalicelib.services.ports.outcomes import Fault

KEY = "CHASECK_TEST-mPq3Zt0V8rYb1Lk7"

Script = Callable[["Talk"], object]
"""What the server does with one request that it has read whole; True: the connection stays open after it."""

LONG = 30.0


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Talk:
    """One request, and the connection to answer it on. ``gone`` is set once the test is over."""

    request: Request
    connection: socket.socket
    gone: threading.Event

    def send(self, raw: bytes) -> None:
        self.connection.sendall(raw)

    def drip(self, raw: bytes, *, every: float = 0.02) -> None:
        """A byte at a time, until all is sent or nobody listens any more."""
        for byte in raw:
            if self.gone.wait(every):
                return
            self.send(bytes([byte]))

    def reset(self) -> None:
        """Close so that the other side gets a reset, not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def silence(self) -> None:
        self.gone.wait(LONG)


@dataclass
class Server:
    """``scripts`` are used up one a request; the last one stays."""

    scripts: list[Script]
    listener: socket.socket
    requests: list[Request] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)
    connections: int = 0
    tls: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.listener.getsockname()[1]}/v1"

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self.serve, args=[connection], daemon=True)
                self.threads.append(thread)
                thread.start()

    def secured(self, accepted: socket.socket) -> socket.socket:
        accepted.settimeout(LONG)
        return self.tls.wrap_socket(accepted, server_side=True) if self.tls else accepted

    def serve(self, accepted: socket.socket) -> None:
        with suppress(OSError), self.secured(accepted) as connection, connection.makefile("rb") as reader:
            while request := _read(reader):
                self.requests.append(request)
                script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                if script(Talk(request, connection, self.gone)) is not True:
                    return


def _read(reader: Any) -> Request | None:
    line = reader.readline().decode().split()
    if not line:
        return None
    headers = {}
    while (row := reader.readline().decode().strip()) != "":
        name, _, value = row.partition(":")
        headers[name.lower()] = value.strip()
    body = reader.read(int(headers.get("content-length", "0")))
    return Request(line[0], line[1], headers, body)


@contextmanager
def serving(*scripts: Script, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(list(scripts), listener, tls=tls)
    thread = threading.Thread(target=server.accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.gone.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(LONG)


def answering(status: int, body: object, *, headers: str = "", keep: bool = False) -> Script:
    """A whole answer: ``body`` as it is when bytes, else as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(raw)}\r\n{headers}\r\n".encode()

    def script(talk: Talk) -> bool:
        talk.send(head + raw)
        return keep

    return script


class Keys:
    """Secrets as a test gives them: a name that is not given cannot be read."""

    def __init__(self, **named: str) -> None:
        self.named = {"chapa_secret_key": KEY, "chapa_webhook_secret": "demo-webhook-secret-2026"} | named

    def get(self, name: str) -> str:
        if name not in self.named:
            raise Fault(f"{name} cannot be read")
        return self.named[name]

    def find(self, name: str) -> str | None:
        return self.named.get(name)


OPENING = Opening(
    tx_ref="GZ4T1B8WCD7K2M9Q-1",
    amount=Money(245000, "ETB"),
    email="hanna.tesfaye@gmail.com",
    first_name="Hanna",
    last_name="Tesfaye",
    phone="0911223344",
    title="Lake house",
    callback_url="https://api.tour.et/v1/payments/chapa/callback/GZ4T1B8WCD7K2M9Q-1",
    return_url="https://api.tour.et/pay/GZ4T1B8WCD7K2M9Q-1",
    meta={"booking_id": "GZ4T1B8WCD7K2M9Q"},
)

LINK = "https://checkout.chapa.co/checkout/payment/nT4vQ9sK2xWm7RcB1yHz6LpE8dJf3GaU5oXiV0bN9tSqD"
OPENED = {"message": "Hosted Link", "status": "success", "data": {"checkout_url": LINK}}
"""The recorded shapes of Chapa's answers, here and below; people, references and amounts are made up."""

PAID: dict[str, Any] = {
    "message": "Payment details fetched successfully",
    "status": "success",
    "data": {
        "first_name": "Hanna",
        "last_name": "Tesfaye",
        "email": "hanna.tesfaye@gmail.com",
        "phone_number": "251911223344",
        "currency": "ETB",
        "amount": 2450,
        "charge": 61.25,
        "mode": "test",
        "method": "telebirr",
        "type": "API",
        "status": "success",
        "reference": "APk7Wq2ZtR9d",
        "tx_ref": "GZ4T1B8WCD7K2M9Q-1",
        "customization": {"title": "Lake house", "description": "Lake house", "logo": None},
        "meta": {"booking_id": "GZ4T1B8WCD7K2M9Q"},
        "created_at": "2026-03-04T08:15:30.000000Z",
        "updated_at": "2026-03-04T08:16:02.123456Z",
    },
}

PENDING: dict[str, Any] = {
    "message": "Payment details fetched successfully",
    "status": "success",
    "data": {
        "first_name": None,
        "last_name": None,
        "email": None,
        "phone_number": None,
        "currency": "ETB",
        "amount": 2450,
        "charge": None,
        "mode": "test",
        "method": None,
        "type": "Unknown",
        "status": "pending",
        "tx_ref": "GZ4T1B8WCD7K2M9Q-1",
        "customization": {"title": None, "description": None, "logo": None},
        "meta": None,
        "created_at": "2026-03-04T08:15:30.000000Z",
        "updated_at": "2026-03-04T08:15:30.000000Z",
    },
}


def failed(message: object) -> dict[str, object]:
    return {"message": message, "status": "failed", "data": None}
