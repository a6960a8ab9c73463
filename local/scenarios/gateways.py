"""What scenarios must know of each gateway: names, test numbers, and which calls it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.sandboxes.chapa.webhooks import SIGNATURES as OF_CHAPA
from local.sandboxes.core.webhook_sender import AUTHENTIC_SIGNATURES, Signatures
from local.sandboxes.paystack.webhooks import SIGNATURES as OF_PAYSTACK
from local.stack.environment import SANDBOX_SECRET_KEY_V2


@dataclass(frozen=True, kw_only=True)
class ScenarioGateway:
    """One gateway for scenarios. `gateway` is its name in the API, and its sandbox's path.

    `pays` and `declines` are the checkout page's method and test number for either. `silent` are the switches with
    which no message comes by itself; `calls` is what its calls' names begin with in switches and log. `refunds` are the
    switches with which refunds work, None where there is no call for them. `environment` is what a stack needs.
    """

    brand: str
    gateway: str
    currency: str
    city: str
    time_zone: str
    phone: str
    pays: tuple[str, str]
    declines: tuple[str, str]
    signatures: Signatures
    silent: Mapping[str, str]
    calls: str = ""
    refunds: Mapping[str, str] | None = None
    server_calls_back: bool = False
    announces_failures: bool = True
    closes_links: bool = False
    gives_a_lost_link_again: bool = False
    tells_of_disputes: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def forged_signatures(self) -> dict[str, str]:
        """Every way in which its sandbox can forge a webhook, and what it is."""
        return {name: about for name, (about, _) in self.signatures.items() if name not in AUTHENTIC_SIGNATURES}


ETHIOPIA: dict[str, Any] = {
    "currency": "ETB",
    "city": "Bahir Dar",
    "time_zone": "Africa/Addis_Ababa",
    "phone": "+251 911 22 33 44",
}
KENYA: dict[str, Any] = {
    "currency": "KES",
    "city": "Naivasha",
    "time_zone": "Africa/Nairobi",
    "phone": "+254 712 345 678",
}

SCENARIO_GATEWAYS: dict[str, ScenarioGateway] = {
    "chapa": ScenarioGateway(
        brand="Chapa",
        gateway="chapa",
        **ETHIOPIA,
        pays=("telebirr", "0900123456"),
        declines=("telebirr", "0911223344"),
        signatures=OF_CHAPA,
        silent={"webhook": "never", "callback": "never"},
        refunds={"refund": "simulated_v2_shape"},
        server_calls_back=True,
        closes_links=True,
    ),
    "chapa-v2": ScenarioGateway(
        brand="Chapa, version 2",
        gateway="chapa",
        **ETHIOPIA,
        pays=("telebirr", "0900123456"),
        declines=("card", "4000000000000002"),
        signatures=OF_CHAPA,
        silent={"webhook": "never"},
        calls="v2_",
        gives_a_lost_link_again=True,
        environment={"CHAPA_SECRET_KEY": SANDBOX_SECRET_KEY_V2},
    ),
    "paystack": ScenarioGateway(
        brand="Paystack",
        gateway="paystack",
        **KENYA,
        pays=("card", "4084084084084081"),
        declines=("card", "4000000000000002"),
        signatures=OF_PAYSTACK,
        silent={"webhook": "never"},
        refunds={"refund_reverses": "at_once"},
        announces_failures=False,
        tells_of_disputes=True,
    ),
}
"""By what `make demo GATEWAY=…` calls them. Chapa names refunds in its newer answers only; and Paystack may call a
payment reversed as soon as a refund is asked for, which is the harder way to get right."""
