"""The local server over real sockets: what clients meet at the edge of the API."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from chalice.config import Config

from local.stack.api_server import ApiServer, isolate_threads
from local.stack.ports import listen, port_of
from tests.local.probe import AT_ONCE, make_probe

PATIENCE = 30.0
"""Seconds after which something that was to happen will not."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = make_probe()
    isolate_threads(app)
    listener = listen()
    server = ApiServer(app, Config(chalice_stage="local", user_provided_params={"chalice_app": app}), listener)
    server.start()
    yield port_of(listener)
    server.stop()


@pytest.fixture
def api(port: int) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture(scope="module")
def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def raw(port: int, wire: bytes, *, close: bool = False) -> bytes:
    """What comes back for these bytes, until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(wire)
        if close:
            connection.shutdown(socket.SHUT_WR)
        back = b""
        while read := connection.recv(65536):
            back += read
        return back


def assert_problem(answer: requests.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Request-Id"]
    assert answer.json()["code"] == code


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("OPTIONS", "/nothing"),
        ("GET", "/things/"),
        ("GET", "/things/a/b"),
        ("TRACE", "/nothing"),
    ],
)
def test_an_unknown_path_is_refused_by_any_method(api: requests.Session, url: str, method: str, path: str) -> None:
    assert_problem(api.request(method, url + path), 404, "route_not_found")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/echo"), ("BREW", "/echo"), ("POST", "/secret")])
def test_a_method_that_a_known_path_does_not_have(api: requests.Session, url: str, method: str, path: str) -> None:
    answer = api.request(method, url + path)
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == ("GET, OPTIONS" if path == "/secret" else "GET, POST, OPTIONS")


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/echo", 405), ("/headed", 200)])
def test_head_has_no_body(api: requests.Session, url: str, path: str, status: int) -> None:
    answer = api.head(url + path)
    assert (answer.status_code, answer.content) == (status, b"")
    assert "Content-Length" not in answer.headers
    assert api.get(url + "/echo").status_code == 200  # the connection is still in step


def test_preflight_of_a_known_path(api: requests.Session, url: str) -> None:
    answer = api.options(url + "/things/a")
    assert answer.status_code == 200
    assert set(answer.headers["Access-Control-Allow-Methods"].split(",")) == {"GET", "DELETE", "OPTIONS"}
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "unauthenticated"),
        ({"Authorization": ""}, 401, "unauthenticated"),
        ({"Authorization": "bad"}, 401, "unauthenticated"),
        ({"Authorization": "Bearer it.is.bad"}, 401, "unauthenticated"),
        ({"Authorization": "Bearer it.will.raise"}, 500, "internal_error"),
        ({"Authorization": "Bearer it.answers.nothing"}, 500, "internal_error"),
        # The authorizer would raise, and is not asked about what is no token.
        ({"Authorization": "it.will.raise"}, 401, "unauthenticated"),
        ({"Authorization": "Basic aXQ6cmFpc2Vz"}, 401, "unauthenticated"),
    ],
)
def test_the_authorizers_refusals_and_faults(
    api: requests.Session, url: str, headers: dict[str, str], status: int, code: str
) -> None:
    assert_problem(api.get(url + "/secret", headers=headers), status, code)


def test_the_authorizer_lets_in(api: requests.Session, url: str) -> None:
    assert api.get(url + "/secret", headers={"Authorization": "Bearer it.is.good"}).text == "p"


def test_the_request_context(api: requests.Session, url: str) -> None:
    first, second = (api.get(url + "/echo?a=1&a=2&b=&c=%20").json() for _ in range(2))
    assert first["query"] == {"a": ["1", "2"], "b": [""], "c": [" "]}
    assert first["context"]["requestId"] != second["context"]["requestId"]
    assert first["context"]["path"] == "/echo"
    assert first["context"]["stage"]


def test_escapes_that_make_no_sense_reach_the_app_as_text(port: int) -> None:
    back = raw(port, b"GET /echo?b=%ff%zz HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert json.loads(back.partition(b"\r\n\r\n")[2])["query"] == {"b": ["\ufffd%zz"]}


def test_a_path_parameter_arrives_as_it_was_sent(api: requests.Session, url: str) -> None:
    answer = api.get(url + "/things/a%20b%2Fc")
    assert answer.json() == {"thing": "a%20b%2Fc"}
    assert answer.headers["Location"].encode("latin-1").decode() == "/ጉዞ"


def test_no_content(api: requests.Session, url: str) -> None:
    answer = api.delete(url + "/things/a")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Length" not in answer.headers
    assert api.get(url + "/things/a").status_code == 200


def test_ten_megabytes_pass_and_more_does_not(api: requests.Session, url: str) -> None:
    most = 10 * 1024 * 1024
    assert api.post(url + "/echo", data=bytes(most)).json()["length"] == most
    assert_problem(api.post(url + "/echo", data=bytes(most + 1)), 413, "body_too_large")


def test_a_chunked_body_arrives_whole(api: requests.Session, url: str) -> None:
    assert api.post(url + "/echo", data=iter([b"a" * 1000, b"b" * 500])).json()["length"] == 1500


@pytest.mark.parametrize(
    "wire",
    [
        b"POST /echo HTTP/1.1\r\nContent-Length: -5\r\n\r\nhello",
        b"POST /echo HTTP/1.1\r\nContent-Length: five\r\n\r\nhello",
        b"POST /echo HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /echo HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
)
def test_a_malformed_request_is_refused_in_our_form_and_the_connection_closed(port: int, wire: bytes) -> None:
    back = raw(port, wire)
    head, _, body = back.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["code"] == "invalid_request"


def test_a_client_that_asks_before_sending(port: int) -> None:
    wire = b"POST /echo HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nhello"
    back = raw(port, wire)
    assert back.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_clients_that_leave_print_nothing(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    raw(port, b"POST /echo HTTP/1.1\r\nContent-Length: 50\r\n\r\nhello", close=True)
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port)) as gone:
            gone.sendall(b"GET /echo HTTP/1.1\r\n\r\n")
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    ends = time.monotonic() + PATIENCE
    while threading.active_count() > before:
        assert time.monotonic() < ends
        time.sleep(0.005)
    assert capfd.readouterr() == ("", "")


def test_threads_do_not_mix_up_their_requests(url: str) -> None:
    """None is answered before all have come: that the backlog holds them, and that none waits for another, too."""

    def ask(number: int) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{url}/echo?together=1&number={number}", timeout=PATIENCE)
        seen = answer.json()
        assert seen["query"]["number"] == [str(number)]
        assert seen["same_function"]
        assert answer.headers["X-Request-Id"] == seen["context"]["requestId"]
        return seen["function"]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        functions = list(pool.map(ask, range(AT_ONCE)))
    assert len(set(functions)) == AT_ONCE


def test_an_answer_on_a_kept_connection_leaves_at_once_and_whole(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Nagle's algorithm, or in two parts, each would wait 40 ms for the client to acknowledge the last one."""
    options: list[tuple[Any, ...]] = []
    parts: list[int] = []

    class Noted(socket.socket):
        def setsockopt(self, *option: Any) -> None:
            options.append(option)
            super().setsockopt(*option)

        def send(self, data: Any, *flags: int) -> int:
            parts.append(len(data))
            return super().send(data, *flags)

    with socket.socket() as connection:
        # Of the two ends of this connection, only the one that the server accepts is noted.
        monkeypatch.setattr(socket, "socket", Noted)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", port))
        read = b""
        for _ in range(2):
            connection.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
            while read.count(b"same_function") < 1 or not read.endswith(b"}"):
                read += connection.recv(65536)
            assert (len(parts), parts[-1]) == (1, len(read))
            parts.clear()
            read = b""
    assert (socket.IPPROTO_TCP, socket.TCP_NODELAY, True) in options
