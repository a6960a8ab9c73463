"""Whether a gateway's key can work, found out before anything is started or deployed with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib import settings, wiring
from chalicelib.gateways import Mode
from chalicelib.services.ports import Fault
from chalicelib.settings import BadSetting


@dataclass(frozen=True)
class Given:
    """Secrets that are at hand, as the port."""

    named: Mapping[str, str]

    def get(self, name: str) -> str:
        """Raises Fault for one that is not there."""
        if name not in self.named:
            raise Fault(f"there is no secret {name}")
        return self.named[name]

    def find(self, name: str) -> str | None:
        """A secret that may be absent."""
        return self.named.get(name)


def wrong_key(gateway: str, secrets: Mapping[str, str], *, mode: Mode) -> str | None:
    """What is wrong with a gateway's key and what to do about it; None when nothing is, or there is no key.

    ``secrets`` are those at hand, by their names in SSM. What it says never repeats one.
    """
    stage = settings.read({"GUZO_STAGE": "any", "PAYMENT_MODE": mode})
    try:
        wiring.gateway_of(gateway, stage, Given(secrets)).check_key()
    except BadSetting as wrong:
        return f"{wrong}."
    except Fault:
        return None
    return None
