"""Every way in which a call of version 2 or of Paystack can go wrong, against a real server.

That calls end in time, and are repeated or not, is tested with all of them in ``test_broken_connections``.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from chalicelib.adapters.gateways import transport
from chalicelib.adapters.gateways.chapa.v2 import ChapaV2
from chalicelib.adapters.gateways.paystack.gateway import Paystack
from chalicelib.domain.errors import GatewayBadAnswer, GatewayError, GatewayUnreachable
from chalicelib.services.ports.gateways import Gateway, Opening
from tests.adapters.chapa_server import OPENING, Keys, Script, Server, Talk, answering, serving
from tests.adapters.shapes import (
    KES,
    PAYSTACK_KEY,
    PAYSTACK_LINK,
    PAYSTACK_OPENED,
    PAYSTACK_PAID,
    V2_KEY,
    V2_LINK,
    V2_OPENED,
    V2_PAID,
    paystack_refusal,
    v2_error,
)

OK = b"HTTP/1.1 200 OK\r\n"


@dataclass(frozen=True)
class Case:
    """A gateway, and what it says when all is well, when the key is wrong and when it is asked too often."""

    make: Callable[..., Gateway]
    opening: Opening
    link: str
    opened: object
    paid: object
    bad_key: object
    too_often: object
    gives_back: bool


CASES = {
    "chapa v2": Case(
        lambda url, **timing: ChapaV2(url, Keys(chapa_secret_key=V2_KEY), **timing),
        OPENING,
        V2_LINK,
        V2_OPENED,
        V2_PAID,
        v2_error(None, "Invalid API key or User does not exist"),
        v2_error("RATE_LIMITED", "Too many requests"),
        gives_back=False,
    ),
    "paystack": Case(
        lambda url, **timing: Paystack(url, Keys(paystack_secret_key=PAYSTACK_KEY), **timing),
        KES,
        PAYSTACK_LINK,
        PAYSTACK_OPENED,
        PAYSTACK_PAID,
        paystack_refusal("Invalid key"),
        paystack_refusal("Too many requests"),
        gives_back=True,
    ),
}


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def gateway_at(case: Case, url: str, *, seconds: float = 5.0, slept: list[float] | None = None) -> Gateway:
    pauses = [] if slept is None else slept
    return case.make(url, seconds=seconds, connect=3.0, sleep=pauses.append, jitter=lambda: 0.5)


def error_of_problem(call: Callable[[], object]) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        call()
    trouble = raised.value
    told = [trouble.detail, *(error.message for error in trouble.errors)]
    hidden = (V2_KEY, PAYSTACK_KEY, OPENING.email, OPENING.phone, "127.0.0.1")
    assert not any(secret in text for text in told for secret in hidden)
    return trouble


def opening_trouble(case: Case, *scripts: Script, seconds: float = 5.0) -> tuple[GatewayError, Server]:
    with serving(*scripts) as server:
        trouble = error_of_problem(lambda: gateway_at(case, server.url, seconds=seconds).initialize(case.opening))
    assert len(server.requests) == 1, "a POST is never repeated"
    return trouble, server


def test_a_refused_connection_opened_nothing(case: Case) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    trouble = error_of_problem(lambda: gateway_at(case, f"http://127.0.0.1:{port}").initialize(case.opening))
    assert type(trouble) is GatewayUnreachable
    assert trouble.definitely_not_executed


@pytest.mark.parametrize("script", [Talk.reset, lambda talk: None], ids=["reset", "closed"])
def test_a_broken_connection_leaves_the_fate_open(case: Case, script: Script) -> None:
    trouble, _ = opening_trouble(case, script)
    assert type(trouble) is GatewayUnreachable
    assert not trouble.definitely_not_executed


def test_a_look_over_a_broken_connection_is_repeated_once(case: Case) -> None:
    slept: list[float] = []
    with serving(Talk.reset, answering(200, case.paid)) as server:
        assert gateway_at(case, server.url, slept=slept).verify(case.opening.tx_ref).status == "paid"
    assert slept == [pytest.approx(0.3)]
    with serving(Talk.reset) as server:
        trouble = error_of_problem(lambda: gateway_at(case, server.url).verify(case.opening.tx_ref))
    assert len(server.requests) == 2
    assert type(trouble) is GatewayUnreachable


@pytest.mark.parametrize(
    "script",
    [
        lambda talk: talk.send(b"not HTTP at all\r\n\r\n"),
        lambda talk: talk.send(OK + b"Content-Length: 100\r\n\r\n{"),
        lambda talk: talk.send(OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08"),
        answering(200, b"<html><body>Welcome</body></html>", headers="Content-Type: text/html\r\n"),
        answering(200, b" " * (transport.MAX_BODY_BYTES + 1)),
        answering(302, b"", headers="Location: /elsewhere\r\n"),
        answering(307, b"", headers="Location: http://127.0.0.1:1/\r\n"),
        answering(500, {"message": "Server Error"}),
        answering(502, b"<html>Bad Gateway</html>"),
        answering(503, b"", headers="Retry-After: 5\r\n"),
    ],
)
def test_a_senseless_answer_is_a_bad_one(case: Case, script: Script) -> None:
    trouble, server = opening_trouble(case, script)
    assert type(trouble) is GatewayBadAnswer
    assert not trouble.definitely_not_executed
    assert server.connections == 1


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_opened_nothing(case: Case, status: int) -> None:
    trouble, _ = opening_trouble(case, answering(status, case.bad_key))
    assert type(trouble) is GatewayBadAnswer
    assert trouble.definitely_not_executed
    with serving(answering(status, case.bad_key)) as server:
        assert error_of_problem(lambda: gateway_at(case, server.url).verify("x")).definitely_not_executed


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ("", 30),
        ("Retry-After: 7\r\n", 7),
        ("x-ratelimit-reset: 12\r\n", 12),
        ("x-ratelimit-reset: 12\r\nRetry-After: 7\r\n", 7),
        ("Retry-After: soon\r\nx-ratelimit-reset: 12\r\n", 12),
    ],
)
def test_too_often_says_when_to_come_back_and_is_not_repeated(case: Case, headers: str, seconds: int) -> None:
    trouble, _ = opening_trouble(case, answering(429, case.too_often, headers=headers))
    assert type(trouble) is GatewayUnreachable
    assert trouble.definitely_not_executed
    assert trouble.retry_after == seconds
    with serving(answering(429, b"<html>", headers=headers)) as server:
        trouble = error_of_problem(lambda: gateway_at(case, server.url).verify("x"))
    assert trouble.retry_after == seconds
    assert len(server.requests) == 1


def test_a_connection_is_kept_and_the_key_goes_nowhere_else(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering(200, b"")) as proxy, serving(answering(200, case.opened, keep=True)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        gateway = gateway_at(case, server.url)
        assert gateway.initialize(case.opening) == gateway.initialize(case.opening) == case.link
        assert server.connections == 1
    assert proxy.requests == []


def test_a_link_without_tls_is_refused_where_the_gateway_has_it(case: Case) -> None:
    assert gateway_at(case, "https://x.et")._secure  # type: ignore[attr-defined]
    assert not gateway_at(case, "http://x.et/")._secure  # type: ignore[attr-defined]
