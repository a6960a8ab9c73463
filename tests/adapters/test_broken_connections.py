"""Which broken connection has certainly sent nothing: every place at which a call can break, and when it ends."""

from __future__ import annotations

import errno
import json
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.adapters.gateways import transport
from chalicelib.adapters.gateways.chapa.v1 import ChapaV1
from chalicelib.adapters.gateways.chapa.v2 import ChapaV2
from chalicelib.adapters.gateways.client import GatewayClient
from chalicelib.adapters.gateways.paystack.gateway import Paystack
from chalicelib.domain.errors import GatewayBadAnswer, GatewayError, GatewayTimeout, GatewayUnreachable
from chalicelib.domain.timing import GATEWAY_CALL, GATEWAY_CONNECT, GATEWAY_IDLE
from tests.adapters.chapa_server import KEY, OPENED, OPENING, PENDING, Keys
from tests.adapters.fake_network import OK, Clock, Network, Step, dripping
from tests.adapters.shapes import KES, PAYSTACK_KEY, PAYSTACK_PAID, V2_KEY, V2_PAID

CALL, CONNECT = GATEWAY_CALL.total_seconds(), GATEWAY_CONNECT.total_seconds()
RESET = ConnectionResetError(errno.ECONNRESET, "reset")


def chapa(clock: Clock, url: str = "https://gateway.example/v1", **options: Any) -> ChapaV1:
    return ChapaV1(url, Keys(), sleep=clock.sleep, jitter=lambda: 0.5, **options)


ADAPTERS: dict[str, Callable[..., GatewayClient]] = {
    "chapa v1": lambda url, **options: ChapaV1(url, Keys(), **options),
    "chapa v2": lambda url, **options: ChapaV2(url, Keys(chapa_secret_key=V2_KEY), **options),
    "paystack": lambda url, **options: Paystack(url, Keys(paystack_secret_key=PAYSTACK_KEY), **options),
}


def answer(body: object, head: bytes = OK) -> bytes:
    raw = json.dumps(body).encode()
    return head + b"Content-Length: %d\r\n\r\n%s" % (len(raw), raw)


def error_of(call: Callable[[], object]) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        call()
    trouble = raised.value
    told = [trouble.detail, *(error.message for error in trouble.errors)]
    hidden = (KEY, V2_KEY, PAYSTACK_KEY, OPENING.email, OPENING.phone, "gateway.example")
    assert not any(secret in text for text in told for secret in hidden)
    return trouble


# Before a byte of the request left


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), GatewayUnreachable),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), GatewayUnreachable),
        (OSError(errno.EHOSTUNREACH, "no route"), GatewayUnreachable),
        (OSError(errno.EMFILE, "too many open files"), GatewayUnreachable),
        (ConnectionResetError(errno.ECONNRESET, "reset"), GatewayUnreachable),
        (TimeoutError("timed out"), GatewayTimeout),
    ],
    ids=repr,
)
@pytest.mark.parametrize("adapter", list(ADAPTERS))
def test_no_connection(network: Network, adapter: str, failure: Exception, kind: type[GatewayError]) -> None:
    network.plans = [failure]
    gateway = ADAPTERS[adapter]("https://gateway.example/v1")
    trouble = error_of(lambda: ORDERS["initialize"](gateway))
    assert (type(trouble), trouble.definitely_not_executed) == (kind, True)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), GatewayUnreachable),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), GatewayUnreachable),
        (ConnectionResetError(errno.ECONNRESET, "reset"), GatewayUnreachable),
        (TimeoutError("_ssl.c:983: The handshake operation timed out"), GatewayTimeout),
    ],
    ids=repr,
)
def test_no_handshake(clock: Clock, network: Network, failure: Exception, kind: type[GatewayError]) -> None:
    network.handshake = failure
    trouble = error_of(lambda: chapa(clock).initialize(OPENING))
    assert (type(trouble), trouble.definitely_not_executed) == (kind, True)
    assert network.requests == []


def test_connecting_and_shaking_hands_have_one_time_together(clock: Clock, network: Network) -> None:
    network.connecting, network.plans = 2.25, [(answer(OPENED),)]
    chapa(clock).initialize(OPENING)
    assert network.timeouts == [CONNECT - 2.25]
    network.connecting = 2 * CONNECT
    chapa(clock).initialize(OPENING)
    assert network.timeouts[1:] == [0.01], "none is left, and none is no time-out at all"


# Once it was sent


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ((), GatewayTimeout),
        ((b"",), GatewayUnreachable),
        ((RESET,), GatewayUnreachable),
        ((OK, RESET), GatewayUnreachable),
        ((OK + b"Content-Length: 9\r\n\r\n{", RESET), GatewayUnreachable),
        ((OK + b"Content-Length: 9\r\n\r\n{", b""), GatewayBadAnswer),
        ((OK + b"Content-Length: 9\r\n\r\n{",), GatewayTimeout),
        ((OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", b""), GatewayBadAnswer),
        ((ssl.SSLError(1, "decryption failed or bad record mac"),), GatewayUnreachable),
        ((OK + b"Content-Length: 9\r\n\r\n{", ssl.SSLError(1, "bad record mac")), GatewayUnreachable),
        ((b"SSH-2.0-OpenSSH_9.7\r\n", b""), GatewayBadAnswer),
        ((answer({}, OK.replace(b"200", b"408")),), GatewayBadAnswer),
        ((answer({}, OK.replace(b"200", b"500")),), GatewayBadAnswer),
        ((OK + b"Content-Length: 400000\r\n\r\n" + b" " * 400_000,), GatewayBadAnswer),
    ],
    ids=lambda value: repr(value)[:60],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_broken_answer(
    clock: Clock, network: Network, scheme: str, steps: Iterable[Step], kind: type[GatewayError]
) -> None:
    network.plans = [steps]
    gateway = chapa(clock, f"{scheme}://gateway.example/v1")
    trouble = error_of(lambda: gateway.initialize(OPENING))
    assert (type(trouble), trouble.definitely_not_executed) == (kind, False)
    assert network.requests == ["POST /v1/transaction/initialize"], "a POST is never repeated"


@pytest.mark.parametrize(
    "failure",
    [RESET, BrokenPipeError(errno.EPIPE, "broken pipe"), TimeoutError("timed out"), ssl.SSLError(1, "bad length")],
    ids=repr,
)
def test_a_request_that_was_perhaps_sent_in_part(clock: Clock, network: Network, failure: Exception) -> None:
    network.breaks, network.plans = failure, [(b"",)]
    trouble = error_of(lambda: chapa(clock).initialize(OPENING))
    assert not trouble.definitely_not_executed
    assert len(network.connections) == 1


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(answer(OPENED)) - 1), st.sampled_from(["closed", "reset", "silent", "spoilt"]))
def test_wherever_an_answer_ends_too_soon_its_fate_is_open(clock: Clock, network: Network, at: int, how: str) -> None:
    last: dict[str, tuple[Step, ...]] = {"closed": (b"",), "reset": (RESET,), "silent": (), "spoilt": (b"\xff", b"")}
    network.connections.clear()
    network.plans = [[answer(OPENED)[:at], *last[how]] if at else last[how]]
    assert not error_of(lambda: chapa(clock).initialize(OPENING)).definitely_not_executed
    assert len(network.requests) == 1


# What is asked twice


LOOKS: dict[str, Callable[[GatewayClient], object]] = {
    "verify": lambda gateway: gateway.verify("GZ4T1B8WCD7K2M9Q-1"),  # type: ignore[attr-defined]
    "refund status": lambda gateway: gateway.refund_status("5201447713"),  # type: ignore[attr-defined]
}
ORDERS: dict[str, Callable[[GatewayClient], object]] = {
    "initialize": lambda gateway: gateway.initialize(KES if gateway.name == "paystack" else OPENING),  # type: ignore[attr-defined]
    "cancel": lambda gateway: gateway.cancel("GZ4T1B8WCD7K2M9Q-1"),  # type: ignore[attr-defined]
    "refund": lambda gateway: gateway.refund(  # type: ignore[attr-defined]
        "5201447713", amount=OPENING.amount, refund_id="GZ4T1B8WCD7K2M9Q-1-R1", reason="x"
    ),
}
GIVEN = [(adapter, order) for adapter in ADAPTERS for order in ORDERS]
"""Every call that a gateway carries out, by adapter; some have none for it."""
for _none in (("chapa v2", "cancel"), ("chapa v2", "refund"), ("paystack", "cancel")):
    GIVEN.remove(_none)


@pytest.mark.parametrize("steps", [(RESET,), (b"",), (OK, RESET)], ids=repr)
@pytest.mark.parametrize("look", list(LOOKS))
def test_a_look_over_a_broken_connection_is_repeated_once(
    clock: Clock, network: Network, look: str, steps: Iterable[Step]
) -> None:
    network.plans = [steps]
    assert type(error_of(lambda: LOOKS[look](chapa(clock)))) is GatewayUnreachable
    assert len(network.requests) == 2


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ((), GatewayTimeout),
        ((answer({}, OK.replace(b"200", b"500")),), GatewayBadAnswer),
        ((answer({}, OK.replace(b"200", b"401")),), GatewayBadAnswer),
        ((answer({}, OK.replace(b"200", b"429")),), GatewayUnreachable),
    ],
    ids=lambda value: repr(value)[:40],
)
@pytest.mark.parametrize("look", list(LOOKS))
def test_a_look_that_was_answered_or_took_too_long_is_not(
    clock: Clock, network: Network, look: str, steps: Iterable[Step], kind: type[GatewayError]
) -> None:
    network.plans = [steps]
    with pytest.raises(kind):
        LOOKS[look](chapa(clock))
    assert len(network.requests) == 1


@pytest.mark.parametrize("plan", [(RESET,), (b"",), (), (OK, RESET), ConnectionRefusedError()], ids=repr)
@pytest.mark.parametrize(("adapter", "order"), GIVEN)
def test_an_order_is_never_repeated(
    network: Network, adapter: str, order: str, plan: Iterable[Step] | Exception
) -> None:
    network.plans = [plan, (answer(OPENED),)]
    gateway = ADAPTERS[adapter]("https://gateway.example/v1")
    trouble = error_of(lambda: ORDERS[order](gateway))
    assert trouble.definitely_not_executed == isinstance(plan, Exception)
    assert len(network.requests) == 1 - isinstance(plan, Exception)
    assert len(network.plans) == 1


# When it ends


STRETCHES: dict[str, Iterable[Step]] = {
    "silence": (),
    "status line": list(dripping(b"HTTP/1.1 200 " + b"O" * 1000)),
    "headers": list(dripping(OK + b"X: " + b"x" * 1000)),
    "continue": list(dripping(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    "body": [OK + b"Content-Length: 1000\r\n\r\n", *dripping(b" " * 1000)],
    "chunks": [OK + b"Transfer-Encoding: chunked\r\n\r\n", *dripping(b"1\r\n \r\n" * 1000)],
    "body without length": [OK + b"\r\n", *dripping(b" " * 1000)],
    "half a body": [OK + b"Content-Length: 9\r\n\r\n{"],
    "a pause after some bytes": list(dripping(OK + b"X: x")),
    "one byte just in time": [(CALL - 0.001, b"H")],
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("stretch", list(STRETCHES))
@pytest.mark.parametrize("adapter", list(ADAPTERS))
def test_a_call_ends_at_its_deadline_however_the_other_side_stretches_it(
    clock: Clock, network: Network, adapter: str, stretch: str, scheme: str
) -> None:
    network.plans, network.connecting = [STRETCHES[stretch]], 2.5
    gateway = ADAPTERS[adapter](f"{scheme}://gateway.example/v1")
    began = clock.at
    trouble = error_of(lambda: ORDERS["initialize"](gateway))
    assert (type(trouble), trouble.definitely_not_executed) == (GatewayTimeout, False)
    assert clock.at - began == pytest.approx(CALL)
    assert len(network.requests) == 1


@pytest.mark.parametrize(
    ("adapter", "said"), [("chapa v1", PENDING), ("chapa v2", V2_PAID), ("paystack", PAYSTACK_PAID)]
)
def test_an_answer_just_in_time_is_an_answer(clock: Clock, network: Network, adapter: str, said: object) -> None:
    raw = answer(said)
    network.plans = [list(dripping(raw, every=(CALL - 0.1) / len(raw)))]
    ADAPTERS[adapter]("https://gateway.example/v1").verify("GZ4T1B8WCD7K2M9Q-1")  # type: ignore[attr-defined]


def test_a_repeated_look_has_only_the_time_that_is_left(clock: Clock, network: Network) -> None:
    began = clock.at
    network.plans = [((7.5, b"H"), RESET), ()]
    assert type(error_of(lambda: chapa(clock).verify("x"))) is GatewayTimeout
    assert clock.at - began == pytest.approx(CALL)
    assert len(network.requests) == 2


def test_a_look_is_not_repeated_when_no_time_is_left(clock: Clock, network: Network) -> None:
    network.plans = [((CALL - 0.35, b"H"), RESET), ()]
    assert type(error_of(lambda: chapa(clock).verify("x"))) is GatewayUnreachable
    assert len(network.requests) == 1


def test_calls_that_share_their_time_end_together(clock: Clock, network: Network) -> None:
    began = clock.at
    with transport.gateway_budget(20.0):
        for _ in range(2):
            assert not error_of(lambda: chapa(clock).initialize(OPENING)).definitely_not_executed
        assert clock.at - began == pytest.approx(20.0)
        with pytest.raises(GatewayTimeout) as raised:
            chapa(clock).initialize(OPENING)
    assert raised.value.definitely_not_executed
    assert len(network.requests) == 2
    assert not error_of(lambda: chapa(clock).initialize(OPENING)).definitely_not_executed


@pytest.mark.parametrize(("left", "asks"), [(1.001, True), (0.999, False)])
def test_a_call_with_hardly_any_time_is_not_begun(clock: Clock, network: Network, left: float, *, asks: bool) -> None:
    with transport.gateway_budget(left), pytest.raises(GatewayTimeout) as raised:
        chapa(clock).initialize(OPENING)
    assert raised.value.definitely_not_executed != asks
    assert len(network.requests) == asks


@pytest.mark.parametrize(
    ("head", "part", "kibibytes"),
    [
        (OK + b"\r\n", b" " * transport.CHUNK_BYTES, 256),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b" " * 0x1000 + b"\r\n", 256),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", b" " * transport.CHUNK_BYTES, 512),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", b" " * transport.CHUNK_BYTES, 256),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 512),
        (OK, (b"X: " + b"x" * 60_000 + b"\r\n"), 512),
    ],
    ids=["body", "chunks", "one chunk", "redirect", "continue", "headers"],
)
def test_an_answer_without_end_is_given_up_when_it_is_too_long(
    clock: Clock, network: Network, head: bytes, part: bytes, kibibytes: int
) -> None:
    network.plans = [iter([*([head] if head else []), *([part] * 1000)])]
    began = clock.at
    trouble = error_of(lambda: chapa(clock).initialize(OPENING))
    assert (type(trouble), trouble.definitely_not_executed) == (GatewayBadAnswer, False)
    # What is read at once may reach beyond.
    assert network.connections[0].taken <= (kibibytes + 64) * 1024
    assert clock.at == began


# Connections that are kept


@pytest.mark.parametrize(("rested", "connections"), [(-0.001, 1), (0.0, 1), (0.001, 2)])
def test_a_connection_that_rested_too_long_is_not_used(
    clock: Clock, network: Network, monkeypatch: pytest.MonkeyPatch, rested: float, connections: int
) -> None:
    monkeypatch.setattr("urllib3.connection.wait_for_read", lambda sock, timeout: False)
    network.plans = [[answer(OPENED)] * 3]
    gateway = chapa(clock)
    gateway.initialize(OPENING)
    clock.sleep(GATEWAY_IDLE.total_seconds() - 5)
    gateway.initialize(OPENING)
    clock.sleep(GATEWAY_IDLE.total_seconds() + rested)
    gateway.initialize(OPENING)
    assert len(network.connections) == connections
    assert network.connections[0].closed == (connections == 2)
