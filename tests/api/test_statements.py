"""Statements of hosts over HTTP: months of long ago, and payouts in currencies that are none."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from chalicelib.domain.ids import PersonId
from tests.api.harness import World


@pytest.mark.parametrize("month", ["2000-01", "2019-12", "2020-01", "2027-01"])
def test_a_range_of_days_never_ends_before_it_begins(world: World, month: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB refuses such a range, and no emulator of tests does."""
    asked: list[bool] = []
    ledger = world.container.ledger
    real = ledger.of_host

    def of_host(host: PersonId, start: date, end: date, **page: Any) -> object:
        asked.append(start <= end)
        return real(host, start, end, **page)

    monkeypatch.setattr(ledger, "of_host", of_host)
    reply = world.call("GET", "/v1/hosts/me/statements", by=world.host(), query={"month": month})
    assert (reply.status, reply.body["items"]) == (200, [])
    assert asked == [True]


@pytest.mark.parametrize("currency", ["ABC", "etb", "", "ETBX"])
def test_a_payout_is_in_a_currency_that_is_known(world: World, currency: str) -> None:
    body = {"amount": 1, "currency": currency, "date": "2027-01-14", "reference": "TT-1", "note": "January."}
    reply = world.call("POST", "/v1/ops/hosts/host-1/payouts", body, by=world.operator(), key="k")
    assert reply.status == 400
    assert reply.wrong().keys() == {"currency"}
