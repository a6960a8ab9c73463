"""The canary goes a guest's way, leaves nothing behind, and says where a guest would be stopped."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from chalicelib.domain.errors import GatewayTimeout
from chalicelib.services.clock.canary import CITY, CanaryFailed, fly
from chalicelib.services.ports.outcomes import Page
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import PUBLIC

EMAIL = "bookings@guzo.example"


@pytest.fixture
def ports() -> Fakes:
    return Fakes()


def found(ports: Fakes) -> Collection[str]:
    page: Page[str] = ports.listings.in_city("canary", currency="ETB", max_price=None, limit=9, after=None)  # type: ignore[assignment]
    return page.items


def flown(ports: Fakes) -> None:
    def search(city: str) -> Collection[str]:
        assert city == CITY
        return found(ports)

    fly(ports, search, email=EMAIL, public_url=PUBLIC, request_id="request-c")


def test_it_books_sees_a_link_and_cancels(ports: Fakes) -> None:
    flown(ports)
    [row] = ports.tables.bookings.values()
    assert row.booking.status == "cancelled"
    assert row.booking.contact.email == EMAIL
    [payment] = row.booking.payments
    assert payment.checkout_url == ports.gateway.charges[payment.tx_ref].url
    assert not any(night.taken for night in ports.tables.nights.values())
    assert row.booking.outbox == ()


def test_it_flies_again_and_again_over_one_listing(ports: Fakes) -> None:
    for _ in range(20):
        flown(ports)
    assert len(ports.tables.listings) == 1
    assert len(ports.tables.bookings) == 20
    assert {row.booking.status for row in ports.tables.bookings.values()} == {"cancelled"}


def test_a_search_that_does_not_show_the_listing_stops_it(ports: Fakes) -> None:
    with pytest.raises(CanaryFailed) as failed:
        fly(ports, lambda _: ["another"], email=EMAIL, public_url=PUBLIC, request_id="request-c")
    assert failed.value.code == "not_found"
    assert not ports.tables.bookings


def test_a_gateway_that_gives_no_link_stops_it_and_nothing_stays(ports: Fakes) -> None:
    ports.run_before("gateway.initialize", raises(GatewayTimeout("too late", definitely_not_executed=False)))
    with pytest.raises(CanaryFailed) as failed:
        flown(ports)
    assert failed.value.code == "gateway_timeout"
    assert [row.booking.status for row in ports.tables.bookings.values()] == ["cancelled"]


def test_where_real_money_is_taken_it_only_searches(ports: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports.gateway, "mode", "live")
    flown(ports)
    assert found(ports)
    assert not ports.tables.bookings
