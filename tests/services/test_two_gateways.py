"""A payment stays with the gateway that it was opened with, whichever one new payments go to."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.booking import Payment
from chalicelib.domain.errors import CurrencyNotTaken, GatewayRejected, GatewayTimeout
from chalicelib.services import queries as reading
from chalicelib.services.cancel import cancel
from chalicelib.services.refunds import refund
from chalicelib.services.webhooks import receive
from tests.call_log import Crash, raises
from tests.fakes import FakeGateway, Fakes, OneGateway
from tests.harness import GUEST_HANNA, OPERATOR, PUBLIC, Harness, booking_id_of
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE, TWO = f"{FIRST}-1", f"{FIRST}-2"
SILENCE = GatewayTimeout("silence", definitely_not_executed=False)


class Paystack(FakeGateway):
    name = "paystack"


class Moved:
    """A stage that opens its payments with ``new`` now, and had ``old`` before."""

    def __init__(self, old: FakeGateway, new: FakeGateway) -> None:
        self.old, self.new = old, new

    def named(self, name: str) -> FakeGateway:
        return {self.old.name: self.old, self.new.name: self.new}[name]

    def of(self, payment: Payment) -> FakeGateway:
        return self.named(payment.gateway)

    def for_currency(self, currency: str) -> FakeGateway:
        return self.new

    def all(self) -> list[FakeGateway]:
        return [self.new, self.old]


def moved(ports: Fakes) -> FakeGateway:
    """From here on the stage opens payments with another gateway: that one."""
    new = Paystack()
    ports.gateways = Moved(ports.gateway, new)  # type: ignore[assignment]
    return new


def test_money_is_looked_for_and_given_back_where_it_was_paid(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    new = moved(ports)
    harness.advance(minutes=10)
    ports.gateway.pay(ONE)
    harness.advance(minutes=20)
    assert harness.stored_booking(FIRST).status == "confirmed"
    refund(ports, OPERATOR, ONE, amount=100, reason="", key="k")
    harness.advance(minutes=1)
    ports.gateway.reported_refund_status = "refunded"
    harness.advance(hours=2)
    assert [each.status for each in harness.stored_booking(FIRST).refunds] == ["refunded"]
    assert new.call_log.calls == []


def test_the_log_is_that_of_the_gateway_which_has_it(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    new = moved(ports)
    assert [event.text for event in reading.gateway_events(ports, OPERATOR, ONE)] == ["Payment pending"]
    assert new.call_log.calls == []


def test_a_refund_without_a_name_is_looked_up_where_it_was_asked_for(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    new = moved(ports)
    refund(ports, OPERATOR, ONE, amount=None, reason="", key="k", cancel_booking=False)
    ports.gateway.fail_next("refund", SILENCE, done=True)
    harness.process_task(harness.stored_booking(FIRST))
    ports.gateway.set_status(ONE, "refunded")
    harness.advance(hours=2)
    assert [each.status for each in harness.stored_booking(FIRST).refunds] == ["refunded"]
    assert new.call_log.calls == []


def test_a_link_is_closed_where_it_was_opened(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    new = moved(ports)
    harness.advance(minutes=31)
    assert harness.stored_booking(FIRST).status == "expired"
    assert ports.gateway.charges[ONE].cancelled
    assert new.call_log.calls == []


def test_a_link_that_nobody_wants_any_more_is_closed_where_it_was_opened(harness: Harness, ports: Fakes) -> None:
    made: list[FakeGateway] = []

    def overtaken() -> None:
        made.append(moved(ports))
        cancel(ports, GUEST_HANNA, FIRST, reason="")

    ports.run_after("gateway.initialize", overtaken)
    harness.book()
    assert ports.gateway.charges[ONE].cancelled
    assert made[0].call_log.calls == []


def test_an_opening_is_taken_over_where_it_was_begun(harness: Harness, ports: Fakes) -> None:
    ports.run_before("gateway.initialize", raises(Crash()))
    with pytest.raises(Crash):
        harness.book()
    new = moved(ports)
    harness.advance(minutes=2)
    assert (harness.stored_payment(ONE).gateway, harness.stored_payment(ONE).status) == ("chapa", "pending")
    assert new.call_log.calls == []


def test_the_next_payment_goes_to_the_gateway_of_today(harness: Harness, ports: Fakes) -> None:
    ports.gateway.fail_next("initialize", GatewayRejected("refused", definitely_not_executed=True))
    harness.book()
    new = moved(ports)
    harness.pay(harness.stored_booking(FIRST))
    assert [payment.gateway for payment in harness.stored_booking(FIRST).payments] == ["chapa", "paystack"]
    assert new.charges[TWO].opening.callback_url == f"{PUBLIC}/v1/payments/paystack/callback/{TWO}"
    new.pay(TWO)
    harness.advance(minutes=30)
    assert harness.stored_booking(FIRST).status == "confirmed"


@pytest.mark.parametrize(
    "trouble", [GatewayRejected("refused", definitely_not_executed=True), SILENCE], ids=["refused", "silent"]
)
def test_no_payment_is_opened_in_money_that_is_not_taken_any_more(harness: Harness, ports: Fakes, trouble: Any) -> None:
    ports.gateway.fail_next("initialize", trouble)
    harness.book()
    ports.gateways = OneGateway(ports.gateway, frozenset({"USD"}))
    before = harness.stored_booking(FIRST)
    if before.payments[0].status == "failed":
        with pytest.raises(CurrencyNotTaken):
            harness.pay(before)
        assert harness.stored_booking(FIRST) == before
    else:
        # It was begun while it was taken.
        assert harness.pay(before).payment.tx_ref == ONE


def test_money_for_nobody_is_asked_about_at_the_door_of_its_webhook_whoever_else_is_down(
    harness: Harness, ports: Fakes
) -> None:
    new = moved(ports)
    harness.book()
    nobodys = f"{booking_id_of('nobody')}-1"
    new.charges[nobodys] = new.charges[ONE]
    new.pay(nobodys)
    ports.gateway.down = SILENCE
    body, headers = new.webhook(nobodys)
    receive(ports, body, headers, gateway="paystack", request_id="")
    assert list(ports.tables.orphans) == [nobodys]
    assert ports.observe.of("attention_needed") == [{"level": "error", "tx_ref": nobodys, "kind": "orphan"}]


def test_a_webhook_is_read_by_the_gateway_at_whose_door_it_came(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    moved(ports).secret = b"another secret"
    ports.gateway.pay(ONE)
    body, headers = ports.gateway.webhook(ONE)
    receive(ports, body, headers, gateway="chapa", request_id="")
    assert harness.stored_booking(FIRST).status == "confirmed"


@pytest.mark.parametrize("gateway", ["chapa", "paystack"])
def test_money_that_nobody_knows_is_looked_for_at_the_gateway_that_announced_it(
    harness: Harness, ports: Fakes, gateway: str
) -> None:
    harness.held_booking()
    gateways = {"chapa": ports.gateway, "paystack": moved(ports)}
    asked = gateways.pop(gateway)
    nobodys = f"{booking_id_of('nobodys')}-1"
    asked.charges[nobodys] = replace(ports.gateway.charges[ONE])
    asked.pay(nobodys)
    body, headers = asked.webhook(nobodys)
    receive(ports, body, headers, gateway=gateway, request_id="")
    assert list(ports.tables.orphans) == [nobodys]
    assert [other.call_log.count("gateway.verify") for other in gateways.values()] == [0]
