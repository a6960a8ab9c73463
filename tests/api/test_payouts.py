"""Statements and payouts over HTTP: what a host reads, and what operators enter."""

from __future__ import annotations

import csv
import io

from tests.api.harness import World

MONTH = {"month": "2027-01"}


def test_a_host_reads_her_month_and_operators_mark_it_as_paid(world: World) -> None:
    booking = world.paid(world.book())
    world.deliver_letters()
    assert world.call("GET", "/v1/hosts/me/statements", by=world.host(), query=MONTH).body["items"] == []
    world.clock.forward(days=20)
    [made] = world.call("GET", "/v1/hosts/me/statements", by=world.host(), query=MONTH).body["items"]
    [row] = made["stays"]
    assert (row["booking_id"], row["gross"], row["date"]) == (
        booking["booking_id"],
        booking["total"],
        booking["check_out"],
    )
    january = {"from": "2027-01-01", "to": "2027-01-31"}
    [line] = world.call("GET", "/v1/ops/ledger", by=world.operator(), query=january).body["items"]
    path = f"/v1/ops/hosts/{line['host_id']}"
    body = {"currency": "ETB", "date": "2027-01-20", "reference": "FT1", "note": "Paid."}
    body |= {"amount": made["balance"]["amount"]}
    entry = world.call("POST", f"{path}/payouts", body, by=world.operator(), key="k")
    assert entry.status == 201
    [after] = world.call("GET", f"{path}/statements", by=world.operator(), query=MONTH).body["items"]
    assert after["balance"]["amount"] == 0
    text = world.call(
        "GET", "/v1/hosts/me/statements", by=world.host(), query=MONTH, headers={"Accept": "text/csv"}
    ).text
    lines = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert [line["what"] for line in lines] == ["brought forward", "stay", "payout FT1", "balance"]
    assert sum(float(line["amount"]) for line in lines[:-1]) == float(lines[-1]["amount"]) == 0
    reverse = f"{path}/payouts/{entry.body['entry_id']}/reverse"
    assert world.call("POST", reverse, {"note": "It came back."}, by=world.operator()).body["amount"]["amount"] < 0
    unknown = world.call("POST", f"{path}/payouts/payout_x/reverse", {"note": "x"}, by=world.operator())
    assert (unknown.status, unknown.code) == (404, "payout_not_found")


def test_what_a_host_or_a_month_is_not(world: World) -> None:
    assert world.call("GET", "/v1/hosts/me/statements", by=world.guest(), query=MONTH).status == 403
    assert world.call("GET", "/v1/hosts/me/statements", by=world.host(), query={"month": "2027-13"}).status == 400
    body = {"commission": 1250, "from": "2027-02-01", "note": "As agreed.", "dry_run": True}
    reply = world.call("POST", "/v1/ops/hosts/h/commission", body, by=world.operator(), key="k")
    assert (reply.status, reply.body["commission"]) == (201, 1250)
    assert (
        world.call("POST", "/v1/ops/hosts/h/commission", body, by=world.operator()).code == "idempotency_key_required"
    )
    payout = {"amount": 1, "currency": "XXX", "date": "2027-01-20", "reference": "x", "note": "x"}
    assert list(world.call("POST", "/v1/ops/hosts/h/payouts", payout, by=world.operator(), key="k").wrong()) == [
        "currency"
    ]
