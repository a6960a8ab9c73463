"""Matching a statement over HTTP: a file in, a report with verdicts out, as JSON and CSV."""

from __future__ import annotations

from datetime import date
from typing import Any

from chalicelib.api.routes.operators.settlements import PayoutOut
from chalicelib.domain.finance.settlement import Payout
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


def test_payouts_are_asked_of_a_gateway_that_lists_them(world: World) -> None:
    asked = {"gateway": "chapa", "from": "2027-01-01", "to": "2027-01-31", "pulled": "payouts"}
    for body in (asked, asked | {"csv": "reference,amount,currency"}):
        refused = world.call("POST", "/v1/ops/settlements", body, by=world.operator())
        assert [error["field"] for error in refused.body["errors"]] == ["pulled"]


def test_a_payout_is_told_with_what_does_not_agree() -> None:
    payout = Payout(
        payout_id="359143", status="success", on=date(2027, 1, 3), currency="KES", gross=735000, fees=18375,
        net=716625, paid=700000, counted=1,
    )  # fmt: skip
    told = PayoutOut.of(payout)
    assert (told.payout_id, told.date, told.status) == ("359143", date(2027, 1, 3), "success")
    assert [each.amount for each in (told.gross, told.fees, told.net, told.paid)] == [735000, 18375, 716625, 700000]
    assert told.difference == "its payments add up to 0.01, and gross is said to be 7350.00"
