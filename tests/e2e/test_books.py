"""Operators' books on the local stack, under the deployed functions' rights: found, booked, matched, owed, paid out."""

from __future__ import annotations

import pytest

from local.scenarios.client import Json, Person, ScenarioClient

pytestmark = pytest.mark.e2e


def test_a_paid_booking_from_the_search_to_the_payout(client: ScenarioClient) -> None:
    def read(by: Person, path: str) -> list[Json]:
        return list(client.call("GET", path, expect=200, by=by)["items"])

    def people() -> tuple[Person, Person]:
        return client.sign_in("books-host", "host"), client.sign_in("books-operator", "operator")

    host, sara = people()
    guest = client.sign_in("books-guest")
    booking = client.book(guest, client.publish(host))
    tx_ref = booking["payment"]["tx_ref"]
    client.pay_at_gateway(tx_ref)
    paid = client.wait_for_status(guest, booking["booking_id"], "confirmed")
    client.wait_until_idle()
    contact = paid["contact"]
    for text in (contact["email"], contact["phone"], contact["last_name"], paid["payment"]["provider_reference"]):
        found = client.call("POST", "/v1/ops/search", expect=200, by=sara, body={"q": text, "limit": 100})["items"]
        assert booking["booking_id"] in [each["booking_id"] for each in found]
    first, last = client.now().date(), client.today()
    assert read(sara, f"/v1/ops/audit?day={first}")

    period = f"from={first}&to={last}"
    [line] = [each for each in read(sara, f"/v1/ops/ledger?{period}&limit=100") if each["tx_ref"] == tx_ref]
    assert line in read(sara, f"/v1/ops/ledger?{period}&host_id={line['host_id']}")
    statement = {"gateway": line["gateway"], "from": str(first), "to": str(last)}
    made = client.call("POST", "/v1/ops/settlements", expect=202, by=sara, body=statement)
    report = read(sara, f"/v1/ops/settlements/{made['settlement_id']}?limit=100")
    assert [each["verdict"] for each in report if each["tx_ref"] == tx_ref] == ["matched"]

    client.advance(days=40)
    host, sara = people()
    for by in ("day,gateway", "host"):
        assert read(sara, f"/v1/ops/ledger/totals?{period}&by={by}")
    [owed] = read(host, f"/v1/hosts/me/statements?month={paid['check_out'][:7]}")
    assert [each["booking_id"] for each in owed["stays"]] == [booking["booking_id"]]
    payout = {"currency": owed["currency"], "date": str(client.today()), "reference": "FT1", "note": "Paid."}
    payout |= {"amount": owed["balance"]["amount"]}
    path = f"/v1/ops/hosts/{line['host_id']}"
    client.call("POST", f"{path}/payouts", expect=201, by=sara, body=payout, headers={"Idempotency-Key": "books"})
    [after] = read(sara, f"{path}/statements?month={client.today():%Y-%m}")
    assert after["balance"]["amount"] == 0
