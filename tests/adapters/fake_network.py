"""Connections on a clock of the test's own: bytes come as late as the test says, and nobody waits for them.

The deadlines of a call are told by that clock, so they are exact, however busy the machine is.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib.adapters.gateways import client, transport

Step = tuple[float, bytes] | bytes | Exception
"""What comes next: bytes, at once or after so many seconds (none: the other side closes), or a failure."""

OK = b"HTTP/1.1 200 OK\r\n"


def dripping(raw: bytes, *, every: float = 0.02) -> Iterator[Step]:
    """A byte at a time."""
    return ((every, bytes([byte])) for byte in raw)


@dataclass
class Clock:
    """Stands still but for what a test, or a connection, lets pass."""

    at: float = 1000.0

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds

    time = monotonic


@dataclass
class FakeConnection:
    """One connection: what was ``sent`` over it, and how many bytes of its ``steps`` were ``taken``.

    After the last step the other side is silent. ``breaks`` is raised when something is sent.
    """

    clock: Clock
    steps: Iterator[Step]
    breaks: Exception | None = None
    sent: bytes = b""
    taken: int = 0
    ended: bool = False
    closed: bool = False
    timeout: float | None = None
    _ready: bytes = b""

    def settimeout(self, seconds: float | None) -> None:
        self.timeout = seconds

    def sendall(self, data: bytes) -> None:
        if self.breaks is not None:
            raise self.breaks
        self.sent += data

    def setsockopt(self, *_: Any) -> None: ...

    def makefile(self, _mode: str, buffering: int = -1) -> io.IOBase:
        raw = _Raw(self)
        return io.BufferedReader(raw) if buffering else raw

    def close(self) -> None:
        self.closed = True

    def read(self, most: int) -> bytes:
        if not self._ready:
            step = b"" if self.ended else next(self.steps, None)
            if isinstance(step, Exception):
                raise step
            pause, self._ready = (float("inf"), b"") if step is None else step if isinstance(step, tuple) else (0, step)
            assert self.timeout is not None, "a read that may never end"
            self.clock.sleep(min(pause, self.timeout))
            if pause >= self.timeout:
                raise TimeoutError("timed out")
        self.ended = not self._ready
        part, self._ready = self._ready[:most], self._ready[most:]
        self.taken += len(part)
        return part


class _Raw(io.RawIOBase):
    def __init__(self, connection: FakeConnection) -> None:
        super().__init__()
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._connection.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


@dataclass
class Network:
    """Every connection that is made, in order: each is one, or the failure to make one, and takes ``connecting``
    seconds. The last of ``plans`` stays. ``handshake`` is raised instead of a TLS handshake.
    """

    clock: Clock
    plans: list[Iterable[Step] | Exception]
    connecting: float = 0.0
    handshake: Exception | None = None
    breaks: Exception | None = None
    connections: list[FakeConnection] = field(default_factory=list)
    timeouts: list[float | None] = field(default_factory=list)
    """What each connection could still take when it was made: for a handshake."""

    def connect(self, _address: object = None, timeout: float | None = None, *_: Any, **__: Any) -> FakeConnection:
        plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        self.clock.sleep(self.connecting)
        if isinstance(plan, Exception):
            raise plan
        self.connections.append(FakeConnection(self.clock, iter(plan), self.breaks, timeout=timeout))
        return self.connections[-1]

    def secure(self, sock: FakeConnection, **_: Any) -> FakeConnection:
        self.timeouts.append(sock.timeout)
        if self.handshake is not None:
            raise self.handshake
        return sock

    @property
    def requests(self) -> list[str]:
        """The method and path of every request of which a byte left."""
        return [each.sent.decode("latin-1").partition(" HTTP/")[0] for each in self.connections if each.sent]


def clock_of_calls(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give the calls to gateways a clock that a test moves."""
    made = Clock()
    for module in (transport, client):
        monkeypatch.setattr(module, "time", made)
    monkeypatch.setattr("urllib3.util.timeout.time", made)
    return made


def network_of_calls(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Network:
    """Let every connection be one of a fake network; its gateways are silent until a test says otherwise."""
    made = Network(clock, [()])
    monkeypatch.setattr("urllib3.util.connection.create_connection", made.connect)
    monkeypatch.setattr("urllib3.connection.ssl_wrap_socket", made.secure)
    return made
