"""HTTP calls to a payment gateway, each with one deadline over all of it.

HTTP libraries bound each read, not the call: a server that sends a byte a second holds a caller for ever, in the
headers too, and each of a name's addresses may take the whole connect time-out. Here the deadline is set on the socket
again before every read, and resolving, connecting and TLS share one time-out. Each failure is raised as the
GatewayError that it is, with whether the gateway can have executed anything.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, BinaryIO, cast

from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse
from urllib3.util import Timeout

from chalicelib.domain.errors import GatewayBadAnswer, GatewayError, GatewayTimeout, GatewayUnreachable
from chalicelib.domain.record import Record
from chalicelib.domain.timing import GATEWAY_CALL, GATEWAY_CALL_MIN, GATEWAY_CONNECT, GATEWAY_IDLE
from chalicelib.trust import roots

MAX_BODY_BYTES = 256 * 1024
MAX_WIRE_BYTES = 2 * MAX_BODY_BYTES
"""With headers and chunk sizes; a chunk that claims to be -1 long would else be read without end."""
CHUNK_BYTES = 16 * 1024


class HttpResponse(Record, frozen=True):
    """A whole response. The names of ``headers`` are looked up in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


_deadline: ContextVar[float | None] = ContextVar("guzo_gateway_deadline", default=None)


@contextmanager
def gateway_budget(seconds: float) -> Iterator[None]:
    """End all calls made inside by then: a request that asks a slow gateway twice must still be answered."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


class Transport:
    """Calls to one gateway over kept connections, each at most ``seconds`` long, with ``connect`` to connect.

    Certificates are checked; redirects are not followed, cookies not kept, and the environment's proxies not used, so
    that the key goes to the gateway and to nobody else.
    """

    def __init__(
        self, *, seconds: float = GATEWAY_CALL.total_seconds(), connect: float = GATEWAY_CONNECT.total_seconds()
    ) -> None:
        self.seconds = seconds
        self._connect = connect
        self._pools = _Pools(**_trusted())
        self._used_at = time.monotonic()

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        seconds: float | None = None,
    ) -> HttpResponse:
        """Send one request and read its response, within ``seconds``. Any HTTP status is a response.

        Raises GatewayError when there is none.
        """
        seconds = _time_left(seconds or self.seconds)
        if time.monotonic() - self._used_at > GATEWAY_IDLE.total_seconds():
            self._pools.clear()
        try:
            answer = self._pools.urlopen(
                method,
                url,
                body=body,
                # The bytes are counted as they come, so they must not be packed.
                headers={
                    "User-Agent": "Guzo",
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    **headers,
                },
                timeout=Timeout(connect=self._connect, total=seconds),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            return HttpResponse(answer.status, answer.headers, _read(answer))
        except (HTTPError, OSError, ValueError) as error:
            raise _gateway_error(error) from error
        finally:
            self._used_at = time.monotonic()


def _trusted() -> dict[str, str]:
    """The roots that vouch for a gateway: any public one's, as packaged; else the bundle that libraries bring."""
    if (directory := roots()) is not None:
        return {"ca_cert_dir": directory}
    import certifi

    return {"ca_certs": certifi.where()}


class NoTimeLeft(GatewayTimeout):
    """The gateway was not asked: the time of the whole request was over."""


def _time_left(seconds: float) -> float:
    deadline = _deadline.get()
    left = seconds if deadline is None else min(seconds, deadline - time.monotonic())
    if left < GATEWAY_CALL_MIN.total_seconds() and left < seconds:
        raise NoTimeLeft("There was no time left to ask the payment gateway.", definitely_not_executed=True)
    return left


def _read(answer: BaseHTTPResponse) -> bytes:
    """The whole body. Its connection is kept for the next call only if all of it came."""
    body = bytearray()
    try:
        for chunk in answer.stream(CHUNK_BYTES, decode_content=False):
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise GatewayBadAnswer("The payment gateway's answer is too long.", definitely_not_executed=False)
    except BaseException:
        answer.close()
        raise
    finally:
        answer.release_conn()
    return bytes(body)


def _gateway_error(error: Exception) -> GatewayError:
    """The GatewayError of a failed call: definitely not executed only where no byte of the request can have left."""
    cause: BaseException = error
    if isinstance(cause, _HandshakeError):
        return GatewayUnreachable(
            "No secure connection to the payment gateway could be made.", definitely_not_executed=True
        )
    if isinstance(cause, NewConnectionError):
        return GatewayUnreachable("The payment gateway could not be reached.", definitely_not_executed=True)
    if isinstance(cause, ConnectTimeoutError):
        return GatewayTimeout("The payment gateway did not take the connection in time.", definitely_not_executed=True)
    if isinstance(cause, ReadTimeoutError):
        return GatewayTimeout("The payment gateway did not answer in time.", definitely_not_executed=False)
    if isinstance(cause, ProtocolError):
        cause = next((part for part in cause.args if isinstance(part, BaseException)), cause)
    if isinstance(cause, (SSLError, OSError)):
        return GatewayUnreachable("The connection to the payment gateway broke.", definitely_not_executed=False)
    return GatewayBadAnswer(
        "The payment gateway did not answer in HTTP that can be read.", definitely_not_executed=False
    )


class _HandshakeError(NewConnectionError):
    """TLS failed before the request was sent."""


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        """Resolve, connect and shake hands in one time-out: urllib3 gives each address its own, and resolving none."""
        connecting: Future[socket.socket] = Future()
        connect = super()._new_conn

        def work() -> None:
            try:
                connecting.set_result(connect())
            except BaseException as error:  # noqa: BLE001  it is raised where the result is waited for
                connecting.set_exception(error)

        deadline = time.monotonic() + cast(float, self.timeout)
        threading.Thread(target=work, daemon=True).start()
        try:
            connected = connecting.result(self.timeout)
            # What is left of it is for the handshake of TLS, all of which this bounds.
            connected.settimeout(max(deadline - time.monotonic(), 0.01))
            return connected
        except TimeoutError as error:
            connecting.add_done_callback(_close)
            raise ConnectTimeoutError(self, f"{self.host} did not take the connection in time") from error

    def getresponse(self) -> Any:
        """Read the response before the deadline: ``timeout`` is, at this moment, all that the call has left."""
        deadline = time.monotonic() + cast(float, self.timeout)

        def response(sock: socket.socket, *args: Any, **options: Any) -> http.client.HTTPResponse:
            return http.client.HTTPResponse(cast(socket.socket, _Readable(sock, deadline)), *args, **options)

        self.response_class = response  # type: ignore[assignment]
        return super().getresponse()


class _SecureConnection(_Connection, HTTPSConnection):
    def connect(self) -> None:
        """Raises NewConnectionError or ConnectTimeoutError, whatever goes wrong: the request is not sent yet."""
        try:
            super().connect()
        except (NewConnectionError, ConnectTimeoutError):
            raise
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"{self.host} did not shake hands in time") from error
        except (OSError, HTTPError) as error:
            raise _HandshakeError(self, f"no secure connection to {self.host}") from error


class _Readable:
    """The one side of a socket that http.client reads a response from."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> BinaryIO:
        raw = self._sock.makefile("rb", buffering=0)
        return io.BufferedReader(_Reader(self._sock, raw, self._deadline))


class _Reader(io.RawIOBase):
    """Reads that all together end at ``deadline``, however little each brings, and bring at most MAX_WIRE_BYTES."""

    def __init__(self, sock: socket.socket, raw: socket.SocketIO, deadline: float) -> None:
        super().__init__()
        self._sock = sock
        self._raw = raw
        self._deadline = deadline
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's time is up")
        self._sock.settimeout(left)
        count = self._raw.readinto(buffer)
        self._count += count or 0
        if self._count > MAX_WIRE_BYTES:
            raise http.client.HTTPException("too many bytes")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Pools(PoolManager):
    def __init__(self, **trusted: Any) -> None:
        super().__init__(**trusted)
        self.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def _close(connecting: Future[socket.socket]) -> None:
    """Close a connection that came too late."""
    if connecting.exception() is None:
        connecting.result().close()
