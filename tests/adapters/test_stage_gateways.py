"""Which gateways a stage has: those it is configured with, and those that it opened payments with before."""

from __future__ import annotations

import pytest

from chalicelib import settings
from chalicelib.adapters.gateways.chapa.by_key import ChapaByKey
from chalicelib.adapters.gateways.paystack.gateway import Paystack
from chalicelib.container import StageGateways
from chalicelib.domain.money import EXPONENTS
from chalicelib.gateways import GATEWAYS
from chalicelib.settings import BadSetting
from tests.adapters.chapa_server import Keys


def stage_with(gateways: str) -> StageGateways:
    return StageGateways(settings.read({"GUZO_STAGE": "dev", "GATEWAYS": gateways}), Keys())


def test_a_currency_goes_to_its_gateway_or_to_none() -> None:
    stage = stage_with("ETB:chapa USD:paystack KES:paystack")
    assert isinstance(stage.for_currency("ETB"), ChapaByKey)
    assert isinstance(stage.for_currency("USD"), Paystack)
    assert stage.for_currency("USD") is stage.for_currency("KES") is stage.named("paystack")
    assert stage.for_currency("NGN") is None
    assert [gateway.name for gateway in stage.all()] == ["chapa", "paystack"]


def test_a_gateway_that_takes_no_new_payments_is_still_asked_about_the_old_ones() -> None:
    stage = stage_with("KES:paystack")
    old = stage.named("chapa")
    assert isinstance(old, ChapaByKey)
    assert stage.named("chapa") is old
    assert stage.for_currency("ETB") is None
    assert [gateway.name for gateway in stage.all()] == ["paystack"]


def test_a_gateway_that_nobody_knows() -> None:
    with pytest.raises(KeyError):
        stage_with("KES:paystack").named("stripe")


@pytest.mark.parametrize(
    ("gateways", "told"),
    [
        ("KES:chapa", "Chapa takes ETB, USD, and not KES"),
        ("USD:chapa ETB:paystack", "Paystack takes KES, NGN, GHS, ZAR, USD, and not ETB"),
    ],
)
def test_a_gateway_is_not_given_a_currency_that_it_refuses(gateways: str, told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        settings.read({"GUZO_STAGE": "dev", "GATEWAYS": gateways})


def test_every_currency_that_can_be_counted_can_be_paid() -> None:
    assert {currency for row in GATEWAYS.values() for currency in row.currencies} == set(EXPONENTS)
