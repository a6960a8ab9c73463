"""Check a gateway's key before a stack is started or deployed with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib import container as composition
from chalicelib import settings
from chalicelib.gateways import GATEWAYS, Mode, is_sandbox
from chalicelib.services.ports.outcomes import Fault
from chalicelib.settings import BadSetting
from local.stack.environment import BadEnvironment, GatewayAccess


@dataclass(frozen=True)
class GivenSecrets:
    """The Secrets port over secrets in memory."""

    named: Mapping[str, str]

    def get(self, name: str) -> str:
        """Return a secret. Raises Fault for an unknown name."""
        if name not in self.named:
            raise Fault(f"there is no secret {name}")
        return self.named[name]

    def find(self, name: str) -> str | None:
        """Return a secret, or None."""
        return self.named.get(name)


def wrong_key(gateway: str, secrets: Mapping[str, str], *, mode: Mode) -> str | None:
    """Return what is wrong with a gateway's key and what to do about it; None when it is right or absent.

    ``secrets`` are given by their names in SSM. The sentence never repeats one.
    """
    stage = settings.read({"GUZO_STAGE": "any", "PAYMENT_MODE": mode})
    try:
        composition.build_gateway(gateway, stage, GivenSecrets(secrets)).check_key()
    except BadSetting as wrong:
        return f"{wrong}."
    except Fault:
        return None
    return None


def mode_of_local_stack(environment: Mapping[str, str], gateways: Mapping[str, GatewayAccess]) -> Mode:
    """Return whether a local stack takes test or live money. Raises BadEnvironment for a key that cannot work.

    Test money, unless `PAYMENT_MODE` says otherwise, or a live key was given for an address on this machine, where only
    an imitation of the gateway can be.
    """
    secrets = {name: GATEWAYS[name].secrets[0] for name in gateways}
    given = {name: {secret: environment.get(secret.upper(), "").strip()} for name, secret in secrets.items()}
    given = {name: keys for name, keys in given.items() if all(keys.values())}
    imitated = [name for name in given if is_sandbox(gateways[name].base_url)]
    is_live = any(wrong_key(name, given[name], mode="live") is None for name in imitated)
    asked = environment.get("PAYMENT_MODE", "").strip() or ("live" if is_live else "test")
    try:
        mode = settings.read({"GUZO_STAGE": "local", "PAYMENT_MODE": asked}).mode
    except BadSetting as wrong:
        raise BadEnvironment(f"{wrong}.") from wrong
    for name, keys in given.items():
        if problem := wrong_key(name, keys, mode=mode):
            raise BadEnvironment(problem.replace(f"The secret {secrets[name]}", secrets[name].upper()))
    return mode
