"""Matching a statement over HTTP: a file in, a report with verdicts out, as JSON and CSV."""

from __future__ import annotations

from typing import Any

from tests.api.harness import World


def test_a_statement_is_matched_and_read(world: World) -> None:
    booking = world.paid(world.book())
    world.deliver_letters()
    reference = booking["payment"]["provider_reference"]
    statement: dict[str, Any] = {"gateway": "chapa", "from": "2027-01-01", "to": "2027-01-31"}
    text = f"reference,amount,currency,charge\r\n{reference},7350.00,ETB,\r\n=cmd,1.00,ETB,\r\n"
    made = world.call("POST", "/v1/ops/settlements", statement | {"csv": text}, by=world.operator())
    assert (made.status, made.body["counts"]) == (202, {"matched": 1, "missing_here": 1})
    path = f"/v1/ops/settlements/{made.body['settlement_id']}"
    report = world.call("GET", path, by=world.operator()).body
    assert [item["verdict"] for item in report["items"]] == ["matched", "missing_here"]
    assert report["settlement"] == made.body
    only = world.call("GET", path, by=world.operator(), query={"verdict": "missing_here"}).body["items"]
    assert [item["action"] for item in only] == ["orphan"]
    lines = world.call("GET", path, by=world.operator(), headers={"Accept": "text/csv"}).text.splitlines()
    assert len(lines) == 3
    # What stands in a file never becomes a formula in another one.
    assert "'=cmd" in lines[2]
    assert world.call("GET", "/v1/ops/settlements/stl_x", by=world.operator()).code == "settlement_not_found"
    assert world.call("POST", "/v1/ops/settlements", statement, by=world.host()).status == 403
