"""The ledger over HTTP: a paid booking's lines and totals, as JSON and as CSV in pages."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.api.harness import Reply, World

DAYS = {"from": "2027-01-01", "to": "2027-01-31"}
CSV = {"Accept": "text/csv"}


@pytest.fixture
def booking(world: World) -> dict[str, Any]:
    booking = world.paid(world.book())
    world.deliver_letters()
    return booking


def rows(reply: Reply) -> list[dict[str, str]]:
    assert reply.text.startswith("\ufeffday,")
    return list(csv.DictReader(io.StringIO(reply.text.removeprefix("\ufeff"), newline="")))


def test_a_paid_booking_is_a_line(world: World, booking: dict[str, Any]) -> None:
    [line] = world.call("GET", "/v1/ops/ledger", by=world.operator(), query=DAYS).body["items"]
    assert (line["kind"], line["booking_id"], line["gross"]) == ("payment", booking["booking_id"], booking["total"])
    assert line["net"]["amount"] == line["gross"]["amount"] - line["fee"]["amount"]
    assert line["counts_on"] == booking["check_out"]
    for query, found in (
        ({"host_id": line["host_id"]}, 1),
        ({"gateway": "chapa"}, 1),
        ({"host_id": "nobody"}, 0),
        ({"gateway": "paystack"}, 0),
    ):
        reply = world.call("GET", "/v1/ops/ledger", by=world.operator(), query=DAYS | query)
        assert len(reply.body["items"]) == found


def test_lines_as_csv_in_pages(world: World, booking: dict[str, Any]) -> None:
    another = world.paid(world.book(key="another"))
    world.deliver_letters()
    reply = world.call("GET", "/v1/ops/ledger", by=world.operator(), query=DAYS | {"limit": "1"}, headers=CSV)
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    [first] = rows(reply)
    assert first["gross"] == "7350.00"
    cursor = reply.headers["Link"].partition("cursor=")[2].partition(">")[0]
    query = DAYS | {"limit": "1", "cursor": cursor}
    [second] = rows(world.call("GET", "/v1/ops/ledger", by=world.operator(), query=query, headers=CSV))
    assert {first["tx_ref"], second["tx_ref"]} == {each["payment"]["tx_ref"] for each in (booking, another)}


def test_totals(world: World, booking: dict[str, Any]) -> None:
    reply = world.call("GET", "/v1/ops/ledger/totals", by=world.operator(), query=DAYS)
    [row] = reply.body["items"]
    assert (row["day"], row["gateway"], row["currency"], row["host_id"]) == ("2027-01-02", "chapa", "ETB", None)
    assert (row["payments"], row["gross"]) == (1, booking["total"])
    assert row["net"]["amount"] == row["gross"]["amount"] - row["fees"]["amount"]
    by_host = DAYS | {"by": "host"}
    [row] = world.call("GET", "/v1/ops/ledger/totals", by=world.operator(), query=by_host).body["items"]
    assert (row["day"], row["gateway"]) == (None, None)
    assert row["host_id"]
    [line] = rows(world.call("GET", "/v1/ops/ledger/totals", by=world.operator(), query=DAYS, headers=CSV))
    assert (line["gross"], line["refunded"], line["fees_unknown"]) == ("7350.00", "0.00", "0")


def test_what_cannot_be_added_up_is_named(world: World) -> None:
    for query, field in (
        (DAYS | {"by": "colour"}, "by"),
        ({"from": "2027-01-02", "to": "2027-01-01"}, "to"),
        ({"from": "2027-01-02"}, "to"),
    ):
        reply = world.call("GET", "/v1/ops/ledger/totals", by=world.operator(), query=query)
        assert (reply.status, list(reply.wrong())) == (400, [field])
    assert world.call("GET", "/v1/ops/ledger", by=world.host(), query=DAYS).status == 403
