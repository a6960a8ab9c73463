"""A real server on the loopback that answers as a test says, byte by byte: what no HTTP library would send."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Script = Callable[["Talk"], object]
"""What the server does with one request that it has read whole; true: the connection stays open after it."""

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

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1"

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self.serve, args=[connection], daemon=True)
                self.threads.append(thread)
                thread.start()

    def serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(LONG)
            reader = connection.makefile("rb")
            with reader:
                while request := _read(reader):
                    self.requests.append(request)
                    script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                    if not script(Talk(request, connection, self.gone)):
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
def serving(*scripts: Script) -> Iterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(list(scripts), listener)
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
