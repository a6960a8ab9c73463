"""Ask the real gateways, in their test mode, with a stage's keys: `make check-gateway STAGE=dev`.

It opens a payment of 100, asks what became of it, and closes its link; nobody pays. Whatever is not as
`docs/gateways.md` says is printed, and no key or text of a gateway ever is. It ends with 0 when all is as expected, 1
when something differs, 2 when it could not be asked. With `CHAPA_SECRET_KEY` or `PAYSTACK_SECRET_KEY` in the
environment AWS is not asked for keys.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import container as composition
from chalicelib import settings
from chalicelib.adapters.gateways.transport import HttpResponse, Transport
from chalicelib.domain.errors import GatewayBadAnswer, GatewayError, GatewayTimeout, GatewayUnreachable
from chalicelib.domain.money import Money
from chalicelib.gateways import GATEWAYS, address_setting
from chalicelib.services.ports.gateways import Opening
from chalicelib.settings import BadSetting, Settings
from local.sandboxes.core.known_answers import OpenedPayment, differences, find_call
from local.stack.deployed import parameters_of, read_secrets, settings_of, stack_called
from local.stack.gateway_keys import GivenSecrets, wrong_key

EXPECTED, DIFFERS, NOT_ASKED = 0, 1, 2
SENDER = "check@guzo.example"

Say = Callable[[str], None]


class NotAsked(Exception):
    """A gateway could not be called; the message says why and what to do."""


@dataclass(frozen=True)
class Stage:
    """A stage's settings and secrets, and an e-mail address of its own."""

    settings: Settings
    secrets: Mapping[str, str]
    sender: str = SENDER


class Listening(Transport):
    """A transport that keeps each answer, so that it can be compared with the known ones."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: tuple[str, str, HttpResponse] | None = None

    def forget(self) -> None:
        """Forget the kept answers."""
        self.heard = None

    def call(self, method: str, url: str, **how: Any) -> HttpResponse:
        self.forget()
        answer = super().call(method, url, **how)
        self.heard = method, url, answer
        return answer


def main(arguments: list[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Run `make check-gateway`; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ops.stages.check_gateway", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("--live", action="store_true", help="ask with live keys too; nobody is charged")
    options = parser.parse_args(arguments)
    terminal = sys.stdout

    def say(line: str) -> None:
        print(line, file=terminal, flush=True)

    # What the app would log is not for whoever sits here.
    with redirect_stdout(StringIO()):
        try:
            if environment.get("CI"):
                raise NotAsked("This asks real gateways, so it is not for CI.")
            stage = from_environment(options.stage, environment) or deployed(options.stage)
            return check(stage, live=options.live, say=say)
        except (NotAsked, BadSetting) as why:
            say(str(why))
        except (BotoCoreError, ClientError) as error:
            say(f"AWS refused: {error}")
    return NOT_ASKED


def from_environment(name: str, environment: Mapping[str, str]) -> Stage | None:
    """Return the stage that the environment describes, None without a key. Raises BadSetting."""
    keys = {secret: environment.get(secret.upper(), "").strip() for row in GATEWAYS.values() for secret in row.secrets}
    given = [gateway for gateway, row in GATEWAYS.items() if keys[row.secrets[0]]]
    if not given:
        return None
    stage_settings = {
        setting: environment.get(setting, "") for setting in (*map(address_setting, GATEWAYS), "PAYMENT_MODE")
    }
    stage_settings["GATEWAYS"] = " ".join(f"{GATEWAYS[gateway].currencies[0]}:{gateway}" for gateway in given)
    return Stage(
        settings.read({"GUZO_STAGE": name, **stage_settings}), {secret: key for secret, key in keys.items() if key}
    )


def deployed(name: str) -> Stage:
    """Return the stage as it is deployed. Raises NotAsked, BadSetting."""
    session = boto3.Session()
    if session.get_credentials() is None or session.region_name is None:
        keys = " or ".join(row.secrets[0].upper() for row in GATEWAYS.values())
        raise NotAsked(f"There is no key: set {keys}, or AWS credentials and a region to read those of the stage.")
    stack = stack_called(session.client("cloudformation"), f"guzo-{name}")
    if stack is None:
        raise NotAsked(f"There is no stack guzo-{name} in {session.region_name}.")
    parameters = parameters_of(stack)
    stage_settings = settings_of(name, parameters)
    return Stage(
        stage_settings,
        read_secrets(session.client("ssm"), stage_settings.secrets_path),
        parameters.get("MailFrom") or SENDER,
    )


def check(stage: Stage, *, live: bool, say: Say) -> int:
    """Call every gateway of a stage; return the exit code."""
    found = []
    for name in sorted(set(stage.settings.gateways.values())):
        try:
            differing = Check(name, stage, say=say, live=live).run()
        except NotAsked as why:
            say(f"{GATEWAYS[name].brand} could not be asked. {why}")
            found.append(NOT_ASKED)
        else:
            found.append(DIFFERS if differing else EXPECTED)
    return DIFFERS if DIFFERS in found else max(found)


class Check:
    """Calls one gateway step by step, prints and counts differences. Raises NotAsked for an unusable key."""

    def __init__(self, name: str, stage: Stage, *, say: Say, live: bool) -> None:
        row, stage_settings = GATEWAYS[name], stage.settings
        _check_key(name, stage, live=live)
        self._brand = row.brand
        self._say = say
        self._transport = Listening()
        at_hand = GivenSecrets({secret: stage.secrets[secret] for secret in row.secrets if secret in stage.secrets})
        self._gateway = composition.build_gateway(name, stage_settings, at_hand, transport=self._transport)
        currency = next(currency for currency, of in stage_settings.gateways.items() if of == name)
        self._opening = _opening(Money(10_000, currency), stage.sender)
        self._asked = OpenedPayment(self._opening.tx_ref, self._opening.amount, stage_settings.mode)
        self._known = import_module(f"local.sandboxes.{name}.known_answers").KNOWN_CALLS
        self._secure = stage_settings.gateway_urls[name].startswith("https:")
        self._differing = 0

    def run(self) -> int:
        """Return how many answers differ. Raises NotAsked when the gateway is down or refuses the key."""
        opening, gateway = self._opening, self._gateway
        if self._step("a link", lambda: gateway.initialize(opening) and "a link"):
            self._step("pending", lambda: gateway.verify(opening.tx_ref).status)
            if self._step("closed", lambda: "closed" if gateway.cancel(opening.tx_ref) else "not certainly closed"):
                self._step("pending", lambda: gateway.verify(opening.tx_ref).status)
        return self._differing

    def _step(self, promised: str, call: Callable[[], str]) -> bool:
        """Make a call; return whether the adapter reads its answer as expected."""
        self._transport.forget()
        meant = self._meaning(call)
        heard = self._transport.heard
        if heard is None:
            return False  # there is no such call
        method, url, answer = heard
        row = find_call(self._known, method, url)
        wrong = [] if meant == promised else [f"it means {meant} to us, not {promised}"]
        wrong += differences(row, answer, self._asked, secure=self._secure)
        for each in wrong or ["as expected"]:
            self._say(f"{self._brand}, {row.call}: {each}")
        self._differing += len(wrong)
        return meant == promised

    def _meaning(self, call: Callable[[], str]) -> str:
        """Return the adapter's reading of the answer."""
        try:
            return call()
        except (GatewayUnreachable, GatewayTimeout) as error:
            raise NotAsked(error.detail) from error
        except GatewayBadAnswer as error:
            if error.definitely_not_executed or self._transport.heard is None or self._transport.heard[2].status >= 500:
                raise NotAsked(error.detail) from error
            return "nothing"
        except GatewayError:
            return "a refusal"


def _check_key(name: str, stage: Stage, *, live: bool) -> None:
    key, mode = GATEWAYS[name].secrets[0], stage.settings.mode
    if key not in stage.secrets:
        raise NotAsked(f"There is no secret {key}.")
    if wrong := wrong_key(name, stage.secrets, mode=mode):
        raise NotAsked(wrong)
    if mode == "live" and not live:
        raise NotAsked("Its key is a live one: say ARGS=--live to open a payment of 100 that nobody pays.")


def _opening(amount: Money, sender: str) -> Opening:
    """Return a payment to open, under a reference that no booking has."""
    tx_ref = f"CHECK-{secrets.token_hex(6).upper()}"
    return Opening(
        tx_ref=tx_ref,
        amount=amount,
        email=sender,
        first_name="Guzo",
        last_name="Check",
        phone="",
        title="Guzo check",
        callback_url=f"https://guzo.example/callback/{tx_ref}",
        return_url=f"https://guzo.example/pay/{tx_ref}",
    )


if __name__ == "__main__":
    sys.exit(main())
