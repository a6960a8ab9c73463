"""Every way in which a call can go wrong, against a real server: it ends in time and is called what it is."""

from __future__ import annotations

import datetime as dt
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.response import HTTPResponse

from chalicelib.adapters.gateways import transport
from chalicelib.adapters.gateways.chapa.v1 import ChapaV1
from chalicelib.domain.errors import GatewayBadAnswer, GatewayError, GatewayTimeout, GatewayUnreachable
from chalicelib.domain.timing import GATEWAY_CONNECT
from tests.adapters.chapa_server import (
    KEY,
    LINK,
    LONG,
    OPENED,
    OPENING,
    PENDING,
    Keys,
    Script,
    Server,
    Talk,
    answering,
    failed,
    serving,
)

SECONDS = 0.2
OK = b"HTTP/1.1 200 OK\r\n"
TOMORROW = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


def chapa_at(url: str, slept: list[float] | None = None, *, seconds: float = 5.0, connect: float = 3.0) -> ChapaV1:
    pauses = [] if slept is None else slept
    return ChapaV1(url, Keys(), seconds=seconds, connect=connect, sleep=pauses.append, jitter=lambda: 0.5)


def error_of_problem(call: Callable[[], object]) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        call()
    trouble = raised.value
    told = [trouble.detail, *(error.message for error in trouble.errors)]
    assert not any(secret in text for text in told for secret in (KEY, OPENING.email, OPENING.phone, "127.0.0.1"))
    return trouble


def opening_trouble(*scripts: Script, seconds: float = 5.0) -> tuple[GatewayError, Server]:
    with serving(*scripts) as server:
        trouble = error_of_problem(lambda: chapa_at(server.url, seconds=seconds).initialize(OPENING))
    assert len(server.requests) == 1, "a POST is never repeated"
    return trouble, server


# No answer in time: see test_broken_connections for every way in which an answer is stretched


def test_what_lies_ready_is_not_read_after_the_deadline() -> None:
    here, there = socket.socketpair()
    with here, there:
        there.send(b"late")
        with transport._Readable(here, time.monotonic()).makefile("rb") as late, pytest.raises(TimeoutError):
            late.read(1)


def test_connecting_has_its_own_time_and_then_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, closed, waits = threading.Event(), threading.Event(), list[float | None]()

    class Late:
        """A connection to a name that did not resolve, or an address that did not answer, until it was too late."""

        def close(self) -> None:
            closed.set()

    def create_connection(*_: object, **__: object) -> Late:
        assert answers.wait(10)
        return Late()

    class Waiting(Future[Any]):
        def result(self, timeout: float | None = None) -> Any:
            waits.append(timeout)
            return super().result(0)

    monkeypatch.setattr("urllib3.util.connection.create_connection", create_connection)
    monkeypatch.setattr(transport, "Future", Waiting)
    chapa = ChapaV1("http://127.0.0.1:1/v1", Keys())
    trouble = error_of_problem(lambda: chapa.initialize(OPENING))
    assert waits == [GATEWAY_CONNECT.total_seconds()]
    assert type(trouble) is GatewayTimeout
    assert trouble.definitely_not_executed
    assert not closed.is_set()
    answers.set()
    assert closed.wait(10), "a connection that comes too late is closed"


# No connection


def test_a_refused_connection_and_an_unknown_name_opened_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/v1", "http://guzo.invalid/v1"):
        trouble = error_of_problem(lambda url=url: chapa_at(url).initialize(OPENING))  # type: ignore[misc]
        assert type(trouble) is GatewayUnreachable
        assert trouble.definitely_not_executed


@pytest.mark.parametrize(
    "script",
    [
        Talk.reset,
        lambda talk: None,
        lambda talk: (talk.drip(OK + b"Content-Length: 9\r\n\r\n{", every=0.001), talk.reset()),
    ],
    ids=["reset", "closed", "reset in the middle"],
)
def test_a_broken_connection_leaves_the_fate_open(script: Script) -> None:
    trouble, _ = opening_trouble(script)
    assert type(trouble) is GatewayUnreachable
    assert not trouble.definitely_not_executed


def test_a_verify_over_a_broken_connection_is_repeated_once() -> None:
    slept: list[float] = []
    with serving(Talk.reset, answering(200, PENDING)) as server:
        assert chapa_at(server.url, slept).verify(OPENING.tx_ref).status == "pending"
    assert slept == [pytest.approx(0.3)]
    with serving(Talk.reset) as server:
        trouble = error_of_problem(lambda: chapa_at(server.url).verify(OPENING.tx_ref))
    assert len(server.requests) == 2
    assert type(trouble) is GatewayUnreachable


# Answers that are none


@pytest.mark.parametrize(
    "script",
    [
        lambda talk: talk.send(b"not HTTP at all\r\n\r\n"),
        lambda talk: talk.send(OK + b"Content-Length: 100\r\n\r\n{"),
        lambda talk: talk.send(OK + b"Content-Length: x\r\n\r\n{}"),
        lambda talk: talk.send(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}"),
        lambda talk: talk.send(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        lambda talk: talk.send(OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n"),
        lambda talk: talk.send(OK + b"X: y\r\n" * 200 + b"\r\n"),
        lambda talk: talk.send(OK + b"X: " + b"y" * 100_000 + b"\r\n\r\n"),
        lambda talk: talk.send(OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08"),
        answering(200, b"<html><body>Welcome</body></html>", headers="Content-Type: text/html\r\n"),
        answering(200, b'{"status": "success", "data": {"checkout_url": '),
        answering(200, b" " * (transport.MAX_BODY_BYTES + 1)),
        answering(302, b"", headers="Location: /v1/elsewhere\r\n"),
        answering(307, b"", headers="Location: http://127.0.0.1:1/\r\n"),
        answering(301, b"", headers="Location: http://[broken\r\n"),
        answering(500, failed("Server Error")),
        answering(502, b"<html>Bad Gateway</html>"),
        answering(503, b"", headers="Retry-After: 5\r\n"),
    ],
)
def test_a_senseless_answer_is_a_bad_one(script: Script) -> None:
    trouble, server = opening_trouble(script)
    assert type(trouble) is GatewayBadAnswer
    assert not trouble.definitely_not_executed
    assert "Welcome" not in trouble.detail
    assert server.connections == 1


def test_the_longest_answer_is_read() -> None:
    link = b'{"status": "success", "data": {"checkout_url": "https://x.et/1"}}'
    with serving(answering(200, link.ljust(transport.MAX_BODY_BYTES))) as server:
        assert chapa_at(server.url).initialize(OPENING) == "https://x.et/1"


def test_a_redirect_is_not_unpacked_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HTTPResponse, "data", property(lambda _: pytest.fail("read without a bound")))
    trouble, _ = opening_trouble(answering(302, b"packed", headers="Location: /x\r\nContent-Encoding: gzip\r\n"))
    assert type(trouble) is GatewayBadAnswer


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_opened_nothing(status: int) -> None:
    trouble, _ = opening_trouble(answering(status, failed("Invalid API Key or User doesn't exist")))
    assert type(trouble) is GatewayBadAnswer
    assert trouble.definitely_not_executed
    with serving(answering(status, failed("Test secret keys can't be used to verify a live transaction"))) as server:
        assert type(error_of_problem(lambda: chapa_at(server.url).verify(OPENING.tx_ref))) is GatewayBadAnswer


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ("", 30),
        ("Retry-After: 7\r\n", 7),
        ("retry-after: 0\r\n", 1),
        ("Retry-After: 99999\r\n", 300),
        ("Retry-After: soon\r\n", 30),
        ("Retry-After: -5\r\n", 30),
        ("Retry-After: 999999999999\r\n", 300),
        ("Retry-After: 1000000000000\r\n", 30),
        ("Retry-After: 999999999999999999999\r\n", 30),
        ("Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 1),
        pytest.param(f"Retry-After: {format_datetime(TOMORROW, usegmt=True)}\r\n", 300, id="tomorrow"),
        ("x-ratelimit-limit: 9\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 12\r\n", 12),
        ("x-ratelimit-reset: 4102444800\r\n", 300),
        ("x-ratelimit-reset: 1000000000\r\n", 1),
    ],
)
def test_too_often_says_when_to_come_back_and_is_not_repeated(headers: str, seconds: int) -> None:
    trouble, _ = opening_trouble(answering(429, failed("Too many requests"), headers=headers))
    assert type(trouble) is GatewayUnreachable
    assert trouble.definitely_not_executed
    assert trouble.retry_after == seconds
    with serving(answering(429, b"<html>", headers=headers)) as server:
        trouble = error_of_problem(lambda: chapa_at(server.url).verify(OPENING.tx_ref))
    assert trouble.retry_after == seconds
    assert len(server.requests) == 1


def test_cancel_is_certain_or_not() -> None:
    closed = {"message": "Checkout link expired successfully", "status": "success", "data": {}}
    with serving(answering(200, closed, keep=True), answering(500, b"<html>")) as server:
        chapa = chapa_at(server.url)
        assert chapa.cancel(OPENING.tx_ref)
        assert not chapa.cancel(OPENING.tx_ref)


# What surrounds a call


def test_a_connection_is_kept_but_not_used_after_a_long_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering(200, OPENED, keep=True)) as server:
        chapa = chapa_at(server.url)
        chapa.initialize(OPENING)
        chapa.initialize(OPENING)
        assert server.connections == 1
        monkeypatch.setattr(transport, "GATEWAY_IDLE", dt.timedelta(seconds=-1))
        chapa.initialize(OPENING)
        assert server.connections == 2


def test_the_key_goes_to_the_gateway_and_nowhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with (
        serving(answering(200, b"")) as proxy,
        serving(answering(200, OPENED, headers="Set-Cookie: a=b\r\n", keep=True)) as server,
    ):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        chapa = chapa_at(server.url)
        assert chapa.initialize(OPENING) == LINK
        assert chapa.initialize(OPENING) == LINK
    assert proxy.requests == []
    assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {KEY}"] * 2
    assert all("cookie" not in request.headers for request in server.requests)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody signed but itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(answering(200, OPENED), tls=context) as server:
        trouble = error_of_problem(lambda: chapa_at(server.url).initialize(OPENING))
    assert type(trouble) is GatewayUnreachable
    assert trouble.definitely_not_executed
    assert server.requests == []


def test_the_deadline_holds_over_tls_too(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    scripts: list[Script] = [
        answering(200, OPENED, keep=True),
        lambda talk: talk.drip(OK + b"X: " + b"x" * 1000),
    ]
    with serving(*scripts, tls=context) as server:
        chapa = chapa_at(server.url)
        chapa._transport._pools = transport._Pools(ca_certs=str(certificate))
        assert chapa.initialize(OPENING) == LINK
        chapa._transport.seconds = SECONDS
        assert type(error_of_problem(lambda: chapa.initialize(OPENING))) is GatewayTimeout


@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x03\x40\x00" + b"\x02" * 1000], ids=["silence", "drip"])
def test_a_handshake_ends_however_the_other_side_stretches_it(hello: bytes) -> None:
    gone = threading.Event()

    def accept(listener: socket.socket) -> None:
        made, _ = listener.accept()
        with made, suppress(OSError):
            for byte in hello:
                if gone.wait(0.02):
                    return
                made.send(bytes([byte]))
            gone.wait(LONG)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, args=(listener,), daemon=True)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
        trouble = error_of_problem(lambda: chapa_at(url, connect=SECONDS).initialize(OPENING))
        assert (type(trouble), trouble.definitely_not_executed) == (GatewayTimeout, True)
        gone.set()
        thread.join(10)


def test_many_threads_may_call_at_once() -> None:
    links: list[str] = []
    with serving(answering(200, OPENED, keep=True)) as server:
        chapa = chapa_at(server.url)
        threads = [threading.Thread(target=lambda: links.append(chapa.initialize(OPENING))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert links == [LINK] * 8


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda status, headers, body: b"HTTP/1.1 %d x\r\n%s\r\n%s" % (status, headers, body),
            st.integers(0, 999),
            st.sampled_from(
                [
                    b"",
                    b"Content-Length: 2\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"Location: \xff\r\n",
                    b": \r\n",
                    b"\xff: x\r\n",
                ]
            ),
            st.binary(max_size=50) | st.sampled_from([b"{}", b"null", b"2\r\n{}\r\n0\r\n\r\n"]),
        ),
    )
)
def test_whatever_bytes_come_back_the_outcome_is_trouble(raw: bytes) -> None:
    with serving(lambda talk: talk.send(raw)) as server:
        error_of_problem(lambda: chapa_at(server.url, seconds=2.0).initialize(OPENING))


def test_the_tests_server_reads_what_is_sent() -> None:
    with serving(answering(200, {"a": 1})) as server:
        host, _, port = server.url.removeprefix("http://").removesuffix("/v1").partition(":")
        connection = http.client.HTTPConnection(host, int(port))
        connection.request("POST", "/x", body=b"body")
        assert connection.getresponse().read() == b'{"a": 1}'
        connection.close()
    assert server.requests[0].body == b"body"
