"""What goes wrong on the way, over real connections."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import requests
from flask import Response
from werkzeug.serving import make_server

from local.sandboxes.chapa.faults import FAULTS
from local.sandboxes.core.faults import HoldTimes
from tests.local.sandbox_bench import KEY, TX_REF, Bench, a_bench

HELD = 0.6


@pytest.fixture
def bench() -> Iterator[Bench]:
    with a_bench() as made:
        made.control(hold_seconds=HELD, slow_seconds=0.05)
        yield made


@pytest.fixture
def url(bench: Bench) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, bench.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/chapa/v1"
    bench.sandbox.close()
    server.shutdown()
    thread.join()
    server.server_close()


def get(url: str, timeout: float = 30.0) -> requests.Response:
    headers = {"Authorization": f"Bearer {KEY}"}
    return requests.get(f"{url}/transaction/verify/{TX_REF}", headers=headers, timeout=timeout)


@pytest.mark.parametrize(
    ("name", "status", "media_type"),
    [
        ("429", 429, "application/json"),
        ("401", 401, "application/json"),
        ("403_html", 403, "text/html"),
        ("500", 500, "application/json"),
        ("502_html", 502, "text/html"),
        ("503_html", 503, "text/html"),
        ("200_html", 200, "text/html"),
    ],
)
@pytest.mark.parametrize("call", ["initialize", "verify"])
def test_answers_of_the_edge(bench: Bench, call: str, name: str, status: int, media_type: str) -> None:
    bench.control(**{call: name})
    answer = bench.initialize() if call == "initialize" else bench.verify()
    assert answer.status_code == status
    assert answer.mimetype == media_type
    bench.control(**{call: None})
    assert bench.initialize().status_code == 200, "nothing was stored"


def test_429_has_the_headers(bench: Bench) -> None:
    bench.control(verify="429")
    answer = bench.verify()
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert "x-ratelimit-limit" in answer.headers
    assert answer.json == {"message": "Too many requests", "status": "failed", "data": None}


def test_bodies_that_make_no_sense(bench: Bench) -> None:
    bench.initialize()
    for name in ("empty", "not_an_object", "broken_json", "huge"):
        bench.control(verify=name)
        answer = bench.verify()
        assert answer.status_code == 200
        assert answer.mimetype == "application/json"
        assert name == "huge" or not isinstance(answer.get_json(silent=True), dict)
    assert len(answer.data) > 256 * 1024


def test_timeout(bench: Bench, url: str) -> None:
    bench.control(verify="timeout", hold_seconds=60)
    with pytest.raises(requests.ReadTimeout):
        get(url, timeout=0.05)
    bench.wait_until(lambda: len(bench.log(call="verify")) == 1)
    [entry] = bench.log(call="verify")
    assert entry["status"] is None


def test_close_lets_go_of_what_is_held(bench: Bench) -> None:
    bench.control(verify="timeout", hold_seconds=60)
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(bench.verify().status_code))
    thread.start()
    bench.wait_until(lambda: len(bench.log(call="verify")) == 1)
    bench.sandbox.close()
    thread.join(30)
    assert statuses == [504]


@pytest.mark.parametrize("name", ["timeout", "reset", "500", "502_html"])
def test_initialize_after_storing(bench: Bench, name: str) -> None:
    bench.control(initialize=f"{name}_after_storing", hold_seconds=0)
    try:
        answer = bench.initialize()
        assert answer.status_code >= 500
    except ConnectionResetError:
        assert name == "reset"
    bench.control(initialize="normal")
    again = bench.initialize()
    assert again.json["message"] == "Transaction reference has been used before"
    assert bench.verified()["status"] == "pending"


def test_cancel_and_refund_after_storing(bench: Bench) -> None:
    bench.control(cancel="timeout_after_storing", refund="timeout_after_storing", hold_seconds=0)
    bench.initialize()
    path = f"/transaction/cancel/{TX_REF}"
    assert bench.call("PUT", path).status_code == 504
    bench.control(cancel="normal")
    assert bench.call("PUT", path).json["message"] == "Payment link already expired"
    reference = bench.pay().json["reference"]
    refund = bench.call("POST", f"/refund/{reference}", data={"reference": "GZ-R1"})
    assert refund.status_code == 504
    assert bench.call("GET", "/refund/GZ-R1/verify").json["data"]["status"] == "initiated"


def test_after_storing_of_what_is_refused_stores_nothing(bench: Bench) -> None:
    bench.control(initialize="500_after_storing")
    assert bench.initialize(amount="0").status_code == 500
    bench.control(initialize="normal")
    assert bench.initialize().status_code == 200


def test_reset_is_a_real_reset(bench: Bench, url: str) -> None:
    bench.control(verify="reset")
    with pytest.raises(requests.ConnectionError):
        get(url)
    host, port = url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"GET /chapa/v1/transaction/verify/x HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert {entry["status"] for entry in bench.log(call="verify")} == {None}
    bench.control(verify="normal")
    assert get(url).status_code == 400, "the server goes on"


def test_truncated_against_its_length(bench: Bench, url: str) -> None:
    bench.initialize()
    bench.control(verify="truncated")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(url)


def test_slow_is_late_and_true(bench: Bench, url: str) -> None:
    bench.initialize()
    bench.control(verify="slow")
    before = time.monotonic()
    assert get(url).json()["data"]["status"] == "pending"
    assert time.monotonic() - before >= 0.05


def test_drip_never_lets_a_read_time_out(bench: Bench, url: str) -> None:
    bench.initialize()
    bench.control(verify="drip")
    before = time.monotonic()
    assert get(url).json()["data"]["status"] == "pending"
    assert time.monotonic() - before >= HELD


def test_drip_pauses_alike_between_all_its_bytes() -> None:
    pauses: list[float] = []
    closed = threading.Event()
    closed.wait = pauses.append  # type: ignore[method-assign, assignment]
    dripped = FAULTS["drip"].make(HoldTimes(closed, hold_seconds=HELD, slow_seconds=0), Response("x" * 200))
    assert [len(part) for part in dripped.iter_encoded()] == [1] * 200
    assert pauses == [HELD / 200] * 200


def test_every_fault_has_a_call_and_a_description(bench: Bench) -> None:
    table = {row["name"]: row for row in bench.get("/chapa/_control").json["table"]}
    for call in ("initialize", "verify", "cancel", "refund", "refund_verify", "events"):
        assert set(FAULTS) <= set(table[call]["values"])
    assert "timeout_after_storing" in table["initialize"]["values"]
    assert "timeout_after_storing" not in table["verify"]["values"]
