"""The sandboxes of a local stack: one blueprint for each gateway, with the keys and addresses of the stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from local.sandboxes import chapa, paystack
from local.sandboxes.core.blueprint import SandboxBlueprint
from local.sandboxes.core.sandbox import SandboxSettings
from local.stack.data_folder import DataFolder
from local.stack.environment import SANDBOX_SECRET_KEY, SANDBOX_SECRET_KEY_V2, Addresses, GatewayAccess


def create_blueprints(
    addresses: Addresses,
    *,
    chapa_access: GatewayAccess,
    paystack_access: GatewayAccess,
    data: DataFolder | None,
    now: Callable[[], datetime],
    webhook_urls: Mapping[str, str] | None = None,
) -> list[SandboxBlueprint]:
    """Return the sandboxes of Chapa and Paystack; without `data` they keep nothing over a restart.

    Webhooks go to the API, or to `webhook_urls` by gateway.
    """
    urls = {"chapa": addresses.webhook, "paystack": addresses.paystack_webhook, **(webhook_urls or {})}
    of_v2 = chapa_access.is_of_v2
    return [
        chapa.create_blueprint(
            SandboxSettings(
                secret_key=SANDBOX_SECRET_KEY if of_v2 else chapa_access.secret_key,
                secret_key_v2=chapa_access.secret_key if of_v2 else SANDBOX_SECRET_KEY_V2,
                webhook_secret=chapa_access.webhook_secret,
                webhook_url=urls["chapa"],
                redirect_url=addresses.chapa_return,
                public_url=addresses.local,
                now=now,
                data_file=data.transactions("chapa") if data else None,
            )
        ),
        paystack.create_blueprint(
            SandboxSettings(
                secret_key=paystack_access.secret_key,
                webhook_secret="",
                webhook_url=urls["paystack"],
                public_url=addresses.local,
                now=now,
                data_file=data.transactions("paystack") if data else None,
            )
        ),
    ]
