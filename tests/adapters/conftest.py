"""The stores on moto, one client for all tests and empty tables for each; and a network with a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws
from moto.dynamodb.models.table import Table
from pynamodb.connection import Connection

from tests.adapters.fake_network import Clock, Network, clock_of_calls, network_of_calls
from tests.by_moto import items_only, put_empty, tables_in
from tests.dynamo import DynamoBench, Wire, admin_client, bind, make_tables

REGION = "us-east-1"


@pytest.fixture(scope="package")
def clients() -> tuple[Connection, Any]:
    """Clients made once (a tenth of a second each); moto answers them wherever ``mock_aws`` is on."""
    with mock_aws():
        return bind(), admin_client()


@pytest.fixture(scope="package")
def new_tables(clients: tuple[Connection, Any]) -> list[Table]:
    """Moto's own, made once."""
    with mock_aws():
        make_tables(clients[1])
        return list(tables_in(REGION).values())


@pytest.fixture
def bench(
    clients: tuple[Connection, Any], new_tables: list[Table], monkeypatch: pytest.MonkeyPatch
) -> Iterator[DynamoBench]:
    monkeypatch.setattr(Table, "__deepcopy__", items_only, raising=False)
    with mock_aws():
        put_empty(new_tables, REGION)
        yield DynamoBench(*clients)


@pytest.fixture
def wire(bench: DynamoBench) -> Iterator[Wire]:
    wire = Wire(bench.connection)
    yield wire
    wire.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that calls to gateways go by."""
    return clock_of_calls(monkeypatch)


@pytest.fixture
def network(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Network:
    """Nobody answers, until a test says otherwise."""
    return network_of_calls(clock, monkeypatch)
