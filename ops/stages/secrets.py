"""Put a stage's secrets where its functions read them: `make secrets STAGE=dev`.

It says which are there and whether they can work, and asks for those that are not. `ARGS="--set chapa_secret_key"`
asks for one again; the old value is kept beside it as `…_previous`, which Guzo takes too until it is told `--forget
chapa_secret_key`. A value is typed at the terminal or piped in, never an argument, and is never shown.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Mapping
from secrets import token_urlsafe
from typing import Any

from chalicelib.gateways import GATEWAYS
from chalicelib.services.search_keys import SEARCH_KEY
from chalicelib.settings import BadSetting, Settings
from local.stack.deployed import parameters_of, read_secrets, settings_of, stack_called
from local.stack.gateway_keys import wrong_key
from ops.aws import OpsError, run, stack_name
from ops.operators.desk import LOCAL, open_stage

PREVIOUS = "_previous"


def main(arguments: list[str] | None = None) -> int:
    """Run `make secrets`; return the exit code."""
    parser = argparse.ArgumentParser(prog="make secrets", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("parameters", nargs="*", metavar="Name=value", help="as for make deploy, before the first one")
    parser.add_argument("--set", metavar="NAME", help="ask for this one, whether it is there or not")
    parser.add_argument("--forget", metavar="NAME", help="delete the previous value of this one")
    told = parser.parse_args(arguments)

    def carry_out(ssm: Any, settings: Settings) -> int:
        if told.forget:
            forget(ssm, settings, told.forget)
            return 0
        put(ssm, settings, only=told.set, read=read_value)
        make_search_key(ssm, settings)
        return 0

    def command(session: Any) -> int:
        from ops.stages.deploy import pairs

        return carry_out(session.client("ssm"), stage_settings(session, told.stage, pairs(told.parameters)))

    if told.stage == LOCAL:
        stage = open_stage(LOCAL)
        return carry_out(stage.client("ssm"), stage.settings)
    return run(command)


def stage_settings(session: Any, stage: str, parameters: Mapping[str, str]) -> Settings:
    """Return what a stage is, or will be once it is deployed with these parameters. Raises OpsError."""
    known = parameters_of(stack_called(session.client("cloudformation"), stack_name(stage)))
    try:
        return settings_of(stage, {**known, **parameters})
    except BadSetting as wrong:
        raise OpsError(f"The parameters make no sense: {wrong}.") from wrong


def put(ssm: Any, settings: Settings, *, only: str | None, read: Callable[[str], str]) -> None:
    """Ask for the secrets that are missing, or for one, and put them. Raises OpsError for one that cannot work."""
    gateways = sorted(set(settings.gateways.values()))
    needed = {name: gateway for gateway in gateways for name in GATEWAYS[gateway].secrets}
    if only is not None and only not in needed:
        raise OpsError(f"This stage needs no {only}. It needs: {', '.join(needed)}.")
    found = read_secrets(ssm, settings.secrets_path)
    for name, gateway in needed.items():
        if name in found and name != only:
            wrong = wrong_key(gateway, found, mode=settings.mode) if name == GATEWAYS[gateway].secrets[0] else None
            print(f"  {'✗' if wrong else '✓'} {name}: {wrong or 'is there'}")
            continue
        if only is not None and name != only:
            print(f"  ✗ {name}: is not there")
            continue
        value = read(f"  {name} of {GATEWAYS[gateway].brand}, for {settings.mode} money: ").strip()
        if not value:
            print(f"  ✗ {name}: left out")
            continue
        if name == GATEWAYS[gateway].secrets[0] and (wrong := wrong_key(gateway, {name: value}, mode=settings.mode)):
            raise OpsError(wrong)
        if name in found and found[name] != value:
            _put(ssm, settings, f"{name}{PREVIOUS}", found[name])
        _put(ssm, settings, name, value)
        print(f"  ✓ {name}: put; every function reads it within a minute")


def make_search_key(ssm: Any, settings: Settings) -> None:
    """Make the key that search works with, once: another one would find nothing of what was saved under it."""
    path = f"{settings.secrets_path}/search/{SEARCH_KEY}"
    try:
        ssm.put_parameter(Name=path, Type="SecureString", Value=token_urlsafe(32), Overwrite=False)
    except ssm.exceptions.ParameterAlreadyExists:
        return
    print(f"  ✓ {path}: made")


def forget(ssm: Any, settings: Settings, name: str) -> None:
    """Delete the previous value of a secret. Raises OpsError when there is none."""
    path = f"{settings.secrets_path}/{name}{PREVIOUS}"
    try:
        ssm.delete_parameter(Name=path)
    except ssm.exceptions.ParameterNotFound as error:
        raise OpsError(f"There is no {path}.") from error
    print(f"  ✓ {path}: deleted")


def _put(ssm: Any, settings: Settings, name: str, value: str) -> None:
    ssm.put_parameter(Name=f"{settings.secrets_path}/{name}", Type="SecureString", Value=value, Overwrite=True)


def read_value(prompt: str) -> str:
    """Read a secret from the terminal without showing it, or from what is piped in."""
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()


if __name__ == "__main__":
    sys.exit(main())
