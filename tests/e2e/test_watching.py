"""The stage watches itself, through a whole stack: counts that every function keeps, the clock, the daily check."""

from __future__ import annotations

import pytest

from local.scenarios.client import ScenarioClient

pytestmark = pytest.mark.e2e


def test_operators_see_how_the_stage_fares(client: ScenarioClient) -> None:
    host, guest = client.sign_in("host-of-a-night", "host"), client.sign_in("guest-of-a-night")
    operator = client.sign_in("operator-of-nights", "operator")
    booking = client.book(guest, client.publish(host))
    client.pay_on_page(booking["payment"]["checkout_url"])
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    client.wait_until_idle()
    client.sweep()
    before = client.call("GET", "/v1/ops/health", expect=200, by=operator)
    assert before["last_sweep_at"] is not None
    assert [queue["queue"] for queue in before["queues"]] == ["reconcile", "emails"]
    asked = {each["gateway"]: each["calls"] for each in before["gateways"]}
    assert asked["chapa"] > 0
    assert before["payments_opened"] > 0
    # The clock is moved over a night, and the check of the day after is made of itself.
    client.advance(days=1)
    client.call_local("POST", "/watch")
    after = client.call("GET", "/v1/ops/health", expect=200, by=operator)
    assert after["last_check"]["finished_at"] is not None
    assert after["last_check"]["checked"] > 0
    assert before["last_check"] is None or after["last_check"]["day"] > before["last_check"]["day"]
    assert after["payments_opened"] == 0
