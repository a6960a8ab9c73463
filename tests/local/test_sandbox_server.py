"""The sandboxes alone, and the lists that only other clients ask for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.stack.ports import PortError
from local.stack.sandbox_server import SandboxServer
from tests.local.sandbox_bench import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def server(receiver: Receiver) -> Iterator[SandboxServer]:
    environment = {"CHAPA_WEBHOOK_URL": f"{receiver.url}/hook", "CHAPA_SECRET_KEY": "CHASECK_TEST-mine"}
    with SandboxServer(api="http://127.0.0.1:8000", environment=environment) as server:
        yield server


def call(server: SandboxServer, method: str, path: str, key: str, **request: Any) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    answer = requests.request(method, f"{server.local}{path}", headers=headers, timeout=10, **request)
    return {"status_code": answer.status_code, **answer.json()}


def chapa(server: SandboxServer, path: str, key: str = "CHASECK_TEST-mine") -> Any:
    return call(server, "GET", f"/chapa/v1{path}", key)


def paystack(server: SandboxServer, path: str, key: str = "sk_test_guzo-local-sandbox") -> Any:
    return call(server, "GET", f"/paystack{path}", key)


def open_payments(server: SandboxServer, count: int) -> None:
    for number in range(count):
        fields = {"amount": "2450", "currency": "ETB", "tx_ref": f"T-{number}", "email": "hanna.tesfaye@gmail.com"}
        path = "/chapa/v1/transaction/initialize"
        assert call(server, "POST", path, "CHASECK_TEST-mine", json=fields)["status_code"] == 200
        fields = {"amount": "245000", "currency": "KES", "reference": f"T-{number}", "email": "hanna.tesfaye@gmail.com"}
        path, key = "/paystack/transaction/initialize", "sk_test_guzo-local-sandbox"
        assert call(server, "POST", path, key, json=fields)["status_code"] == 200


def test_webhooks_go_where_the_environment_says(server: SandboxServer, receiver: Receiver) -> None:
    open_payments(server, 1)
    requests.post(f"{server.local}/chapa/_pay", json={"tx_ref": "T-0"}, timeout=10)
    [webhook] = receiver.wait_for(1)
    assert webhook.path == "/hook"
    assert webhook.json["tx_ref"] == "T-0"
    deadline = time.monotonic() + 30
    while not requests.get(f"{server.local}/idle", timeout=10).json()["idle"]:
        assert time.monotonic() < deadline


def test_its_page_names_every_address_and_key(server: SandboxServer) -> None:
    page = requests.get(server.local, timeout=10).text
    for row in server.rows():
        assert row["base"] in page
        assert row["key"] in page
        assert row["webhooks"] in page


def test_a_port_that_is_taken_is_told(server: SandboxServer) -> None:
    port = int(server.local.rpartition(":")[2])
    with pytest.raises(PortError, match="GUZO_LOCAL_PORT"):
        SandboxServer(port=port, api="http://127.0.0.1:8000", environment={}).start()


def test_the_clock_moves_refunds_on(server: SandboxServer) -> None:
    open_payments(server, 1)
    requests.post(f"{server.local}/paystack/_pay", json={"tx_ref": "T-0"}, timeout=10)
    key = "sk_test_guzo-local-sandbox"
    made = call(server, "POST", "/paystack/refund", key, json={"transaction": "T-0"})["data"]
    assert paystack(server, f"/refund/{made['id']}")["data"]["status"] == "pending"
    requests.post(f"{server.local}/clock", json={"advance_seconds": 90_000}, timeout=10)
    assert paystack(server, f"/refund/{made['id']}")["data"]["status"] == "processed"


def test_chapa_lists_its_transactions_in_pages_newest_first(server: SandboxServer) -> None:
    open_payments(server, 3)
    requests.post(f"{server.local}/chapa/_pay", json={"tx_ref": "T-2", "webhook": False}, timeout=10)
    first = chapa(server, "/transactions?per_page=2")["data"]
    assert [row["status"] for row in first["transactions"]] == ["success", "pending"]
    assert first["transactions"][0]["amount"] == "2450.000"
    assert (first["pagination"]["prev_page_url"], first["pagination"]["per_page"]) == (None, 2)
    assert first["pagination"]["next_page_url"].endswith("/transactions?page=2")
    last = chapa(server, "/transactions?per_page=2&page=2")["data"]
    assert len(last["transactions"]) == 1
    assert last["pagination"]["next_page_url"] is None
    assert chapa(server, "/transactions?per_page=x&page=-1")["data"]["pagination"]["current_page"] == 1


def test_paystack_lists_its_transactions_in_pages_by_status(server: SandboxServer) -> None:
    open_payments(server, 3)
    requests.post(f"{server.local}/paystack/_pay", json={"tx_ref": "T-1", "webhook": False}, timeout=10)
    page = paystack(server, "/transaction?perPage=2&page=2")
    assert [row["reference"] for row in page["data"]] == ["T-0"]
    assert page["meta"] == {"total": 3, "skipped": 2, "perPage": 2, "page": 2, "pageCount": 2}
    assert [row["reference"] for row in paystack(server, "/transaction?status=success")["data"]] == ["T-1"]


def test_banks_are_listed(server: SandboxServer) -> None:
    assert {bank["id"] for bank in chapa(server, "/banks")["data"]} == {855, 946}
    assert {bank["currency"] for bank in paystack(server, "/bank?country=kenya")["data"]} == {"KES"}
    assert paystack(server, "/bank?currency=XXX")["data"] == []


@pytest.mark.parametrize("path", ["/transactions", "/banks"])
def test_chapas_lists_need_the_key(server: SandboxServer, path: str) -> None:
    assert chapa(server, path, "CHASECK_TEST-other")["status_code"] == 401


@pytest.mark.parametrize("path", ["/transaction", "/bank"])
def test_paystacks_lists_need_the_key(server: SandboxServer, path: str) -> None:
    assert paystack(server, path, "sk_test_other")["status_code"] == 401
