"""The payment gateways that Guzo can speak to: a row each.

All that is not in a gateway's adapter and sandbox follows from its row: the setting ``CHAPA_BASE_URL``, the routes
``/v1/webhooks/chapa`` and ``/v1/payments/chapa/callback``, and which secrets a stage must have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Mode = Literal["test", "live"]
"""Whether money moves: a gateway's keys, and a stage, are for one of the two."""


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """One gateway."""

    brand: str
    """What people call it."""
    adapter: str
    """Its Gateway port: module and class in ``chalicelib.adapters``."""
    currencies: tuple[str, ...]
    """What it takes; first the one to try it with."""
    base_url: str
    """Where its API is, unless the setting says otherwise."""
    signature: str
    """The header that its webhooks are signed in."""
    secrets: tuple[str, ...]
    """What it cannot work without, in the stage's path of SSM; first what it is asked with."""
    keys: tuple[str, ...]
    """What its keys begin with, public ones too: what goes on after that is never shown or logged."""
    calls_back: bool
    """Its server calls an address of ours, of this very payment, when something happened."""


GATEWAYS: Mapping[str, GatewayRow] = MappingProxyType(
    {
        "chapa": GatewayRow(
            brand="Chapa",
            adapter="chapa.by_key.ChapaByKey",
            currencies=("ETB", "USD"),
            base_url="https://api.chapa.co/v1",
            signature="x-chapa-signature",
            secrets=("chapa_secret_key", "chapa_webhook_secret"),
            keys=("CHASECK_TEST-", "CHASECK", "CHAPUBK_TEST-", "CHAPUBK", "CHAPA_TEST_", "CHAPA_LIVE_"),
            calls_back=True,
        ),
        "paystack": GatewayRow(
            brand="Paystack",
            adapter="paystack.Paystack",
            currencies=("KES", "NGN", "GHS", "ZAR", "USD"),
            base_url="https://api.paystack.co",
            signature="x-paystack-signature",
            secrets=("paystack_secret_key",),
            keys=("sk_test_", "sk_live_", "pk_test_", "pk_live_"),
            calls_back=False,
        ),
    }
)


KEY_BEGINNINGS = "|".join(beginning for row in GATEWAYS.values() for beginning in row.keys)
"""As a regular expression; of two that begin alike the longer one stands first."""


def address_setting(name: str) -> str:
    """The variable that names a gateway's address: CHAPA_BASE_URL."""
    return f"{name.upper()}_BASE_URL"
