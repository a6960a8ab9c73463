"""The payment gateways that Guzo can speak to: a row each.

All that is not in a gateway's adapter and sandbox follows from its row: the setting ``CHAPA_BASE_URL``, the routes
``/v1/webhooks/chapa`` and ``/v1/payments/chapa/callback``, which secrets a stage must have, and which texts are keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from chalicelib.domain.record import Record

Mode = Literal["test", "live"]
"""Whether money moves: a gateway's keys, and a stage, are for one of the two."""


class ApiVersion(Record, frozen=True):
    """One version of a gateway's API. The prefix of a key tells whose it is, of which version, and for which mode."""

    base_url: str
    """Where the gateway serves it."""
    test_key: str
    """The prefix of its secret keys for test money."""
    live_key: str
    """The prefix of its secret keys for real money."""
    public_keys: tuple[str, ...]
    """The prefixes of its public keys, which can begin like secret ones and open nothing."""
    name: str = ""
    """What a payment that was opened with it remembers; empty where a gateway has one version."""

    @property
    def label(self) -> str:
        """What people call it."""
        return f"version {self.name.removeprefix('v')}" if self.name else ""

    def key_prefix(self, mode: Mode) -> str:
        return self.test_key if mode == "test" else self.live_key


class GatewayRow(Record, frozen=True):
    """One gateway."""

    brand: str
    """What people call it."""
    adapter: str
    """Its Gateway port: module and class in ``chalicelib.adapters.gateways``."""
    currencies: tuple[str, ...]
    """What it takes; first the one to try it with."""
    versions: tuple[ApiVersion, ...]
    """The versions of its API, first the one whose address is the default."""
    signatures: tuple[str, ...]
    """The headers that a webhook's signature may stand in, first the usual one."""
    secrets: tuple[str, ...]
    """What it cannot work without, in the stage's path of SSM; first the key that calls carry."""
    refund_business_days: int
    """Within how many business days it says that a refund is with the payer: for so long its silence is no alarm."""
    largest: Mapping[str, int]
    """The largest payment that its API takes, in minor units of each currency, where that is known."""
    calls_back: bool
    """Its server calls an address of ours, of this very payment, when something happened."""

    @property
    def base_url(self) -> str:
        """Where its API is, unless the setting says otherwise."""
        return self.versions[0].base_url


CHAPA_V1 = ApiVersion(
    base_url="https://api.chapa.co/v1",
    test_key="CHASECK_TEST-",
    live_key="CHASECK-",
    public_keys=("CHAPUBK_TEST-", "CHAPUBK-"),
    name="v1",
)
CHAPA_V2 = ApiVersion(
    base_url="https://api.chapa.global/v2",
    test_key="CHAPA_TEST_",
    live_key="CHAPA_LIVE_",
    public_keys=("CHAPA_TEST_PUB", "CHAPA_LIVE_PUB"),
    name="v2",
)
PAYSTACK_V1 = ApiVersion(
    base_url="https://api.paystack.co",
    test_key="sk_test_",
    live_key="sk_live_",
    public_keys=("pk_test_", "pk_live_"),
)

GATEWAYS: Mapping[str, GatewayRow] = MappingProxyType(
    {
        "chapa": GatewayRow(
            brand="Chapa",
            adapter="chapa.by_key.ChapaByKey",
            currencies=("ETB", "USD"),
            versions=(CHAPA_V1, CHAPA_V2),
            signatures=("x-chapa-signature", "chapa-signature"),
            secrets=("chapa_secret_key", "chapa_webhook_secret"),
            refund_business_days=3,
            largest=MappingProxyType({"ETB": 100_000_000, "USD": 100_000_000}),
            calls_back=True,
        ),
        "paystack": GatewayRow(
            brand="Paystack",
            adapter="paystack.gateway.Paystack",
            currencies=("KES", "NGN", "GHS", "ZAR", "USD"),
            versions=(PAYSTACK_V1,),
            signatures=("x-paystack-signature",),
            secrets=("paystack_secret_key",),
            refund_business_days=10,
            largest=MappingProxyType({}),
            calls_back=False,
        ),
    }
)


def _prefixes() -> set[str]:
    versions = [version for row in GATEWAYS.values() for version in row.versions]
    return {
        prefix.rstrip("-")
        for version in versions
        for prefix in (version.test_key, version.live_key, *version.public_keys)
    }


KEY_PREFIXES = "|".join(sorted(_prefixes(), key=len, reverse=True))
"""What every key of a gateway begins with, without a hyphen at its end, as a regular expression: the longest first."""


_THIS_MACHINE = r"http://(?:127\.0\.0\.1|localhost|\[::1\])"
ADDRESS_PATTERN = rf"^(?:https://[A-Za-z0-9.-]*[A-Za-z0-9]|{_THIS_MACHINE})(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9._~-]+)*/?$"
"""The addresses that a gateway's API may have: over TLS anywhere, without it on this machine only."""


def is_sandbox(address: str) -> bool:
    """Whether an address is on this machine, so that only an imitation of the gateway can be there."""
    return re.match(_THIS_MACHINE + r"(?=[:/]|$)", address) is not None


def address_setting(name: str) -> str:
    """The variable that names a gateway's address: CHAPA_BASE_URL."""
    return f"{name.upper()}_BASE_URL"
