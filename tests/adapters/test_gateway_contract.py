"""Chapa's two versions and Paystack keep the gateways' contract, each against its sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.adapters.gateways.chapa.by_key import ChapaByKey
from chalicelib.adapters.gateways.chapa.v1 import ChapaV1
from chalicelib.adapters.gateways.chapa.v2 import ChapaV2
from chalicelib.adapters.gateways.paystack.gateway import Paystack
from chalicelib.domain.money import Money
from local.sandboxes import chapa, paystack
from tests.adapters.chapa_server import OPENING
from tests.adapters.gateway_bench import Bench, Kind, bench_of
from tests.adapters.gateway_contract import GatewayContract
from tests.replacing import replace

KEY = "CHASECK_TEST-bench"
KEY_V2 = "CHAPA_TEST_PRIV_bench"

CHAPA = Kind(
    make=lambda url, keys, **timing: ChapaV1(f"{url}/v1", keys, **timing),
    blueprint=chapa.create_blueprint,
    secrets={"chapa_secret_key": KEY},
    opening=OPENING,
    paid_event="charge.success",
    truths=frozenset({"normal", "404_unpaid", "200_unpaid", "string_amount", "no_reference", "success_unpaid", "slow"}),
    key_name="chapa_secret_key",
    other_key="CHASECK_TEST-another",
    closes_links=True,
    keeps_a_log=True,
    set_up={"refund": "simulated_v2_shape"},
)
CHAPA_V2 = Kind(
    make=lambda url, keys, **timing: ChapaV2(f"{url}/v2", keys, **timing),
    blueprint=chapa.create_blueprint,
    secrets={"chapa_secret_key": KEY_V2},
    opening=OPENING,
    paid_event="payment.success",
    truths=frozenset(
        {
            "normal",
            "number_amount",
            "lower_case",
            "misspelt",
            "with_mode",
            "no_reference",
            "success_unpaid",
            "slow",
        }
    ),
    key_name="chapa_secret_key",
    other_key="CHAPA_TEST_PRIV_another",
    calls={"initialize": "v2_initialize", "verify": "v2_verify"},
    refunds=False,
    version="v2",
)
PAYSTACK = Kind(
    make=Paystack,
    blueprint=paystack.create_blueprint,
    secrets={"paystack_secret_key": "sk_test_bench"},
    opening=replace(OPENING, amount=Money(245000, "KES")),
    paid_event="charge.success",
    truths=frozenset({"normal", "fee_on_top", "no_requested", "no_id", "success_unpaid", "slow"}),
    key_name="paystack_secret_key",
    other_key="sk_test_another",
    announces_failures=False,
    lists_refunds=True,
)


def by_key(kind: Kind) -> Kind:
    """The same, by the adapter that chooses the version."""
    return replace(kind, make=lambda url, keys, **timing: ChapaByKey(f"{url}/v1", keys, **timing))


class TestChapa(GatewayContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with bench_of(CHAPA) as bench:
            yield bench


class TestChapaV2(GatewayContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with bench_of(CHAPA_V2) as bench:
            yield bench


class TestPaystack(GatewayContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with bench_of(PAYSTACK) as bench:
            yield bench


class TestChapaByItsKey(GatewayContract):
    @pytest.fixture(params=[CHAPA, CHAPA_V2], ids=["v1", "v2"])
    def bench(self, request: pytest.FixtureRequest) -> Iterator[Bench]:
        with bench_of(by_key(request.param)) as bench:
            yield bench
