"""`make demo`: run the scenarios with one gateway, on a stack of their own, and print every step."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import requests

from local.scenarios.catalogue import SCENARIOS, scenarios_of
from local.scenarios.client import PromiseBroken, ScenarioClient
from local.scenarios.gateways import ScenarioGateway
from local.stack.emulator.ministack import MiniStackError
from local.stack.environment import BadEnvironment, currencies
from local.stack.local_stack import Stack, StackError
from local.stack.ports import PortError
from local.stack.seed import SeedError
from local.stack.terminal import paint, say

NOT_STARTED = (PortError, BadEnvironment, MiniStackError, StackError, SeedError)


class TerminalNarrator:
    """Prints a scenario to the terminal, each line with the seconds since it began."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def step(self, text: str) -> None:
        """Print what a person or the gateway did."""
        self._line("▸", text, "bold")

    def result(self, text: str) -> None:
        """Print a result that was checked."""
        self._line("  ✓", text, "green")

    def reason(self, text: str) -> None:
        """Print why it is so."""
        self._line("  ·", text, "dim")

    def _line(self, sign: str, text: str, colour: str) -> None:
        seconds = paint(f"{time.monotonic() - self._began:6.2f} s", "dim")
        say(f"{seconds}  {paint(sign, colour)} {text if colour == 'green' else paint(text, colour)}")


def play(names: list[str], gateway: ScenarioGateway) -> int:
    """Run these scenarios with a gateway, or all; return 0 when every promise was kept, 1 otherwise."""
    fitting = scenarios_of(gateway)
    if "list" in names:
        for name in fitting:
            say(f"{name:<14} {headline(name, SCENARIOS[name].__doc__)}")
        return 0
    if unknown := [name for name in names if name not in fitting]:
        print(f"No scenario {unknown[0]!r} of {gateway.brand}; there are: {', '.join(fitting)}", file=sys.stderr)
        return 2
    try:
        prepare(gateway)
    except BadEnvironment as error:
        print(error, file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="guzo-demo-"))
    stack = Stack(folder=folder)
    say(f"Starting a Guzo of its own: API, emulated AWS, a sandbox of {gateway.brand}, workers, mailbox.")
    try:
        with stack:
            say(f"API {stack.addresses.api}, everything else {stack.addresses.local}")
            client = ScenarioClient(stack.addresses.api, stack.addresses.local, gateway)
            broken = run_scenarios(client, names or fitting)
    except NOT_STARTED as error:
        print(f"{error}\nThe log: {stack.log_file}", file=sys.stderr)
        return 1
    if broken:
        say(paint(f"{len(broken)} of {len(names or fitting)} scenarios broke a promise:", "red"))
        for name, text in broken.items():
            say(f"  {name}: {text}")
        say(f"The app's log: {stack.log_file}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    say(paint("Everything was as promised.", "green"))
    return 0


def prepare(gateway: ScenarioGateway) -> None:
    """Set the environment so that the next stack uses this gateway. Raises BadEnvironment."""
    os.environ.update(gateway.environment)
    if currencies(os.environ).get(gateway.currency) != gateway.gateway:
        wanted = f"{gateway.currency}:{gateway.gateway}"
        raise BadEnvironment(f"To play this, GATEWAYS must have {wanted}; leave it out to have them all.")


def run_scenarios(client: ScenarioClient, names: list[str]) -> dict[str, str]:
    """Run scenarios one after the other; return the broken promises by scenario."""
    broken = {}
    for number, name in enumerate(names, start=1):
        scenario = SCENARIOS[name]
        say()
        say(paint(f"{number}. {headline(name, scenario.__doc__)}", "cyan"))
        try:
            scenario(client, TerminalNarrator())
        except PromiseBroken as difference:
            broken[name] = str(difference)
        except (requests.RequestException, KeyError, TypeError, ValueError) as error:
            broken[name] = f"{type(error).__name__}: {error}"
        if name in broken:
            say(f"          {paint('✗', 'red')} {broken[name]}")
    say()
    return broken


def headline(name: str, about: str | None) -> str:
    """Return the first sentence of a scenario's docstring."""
    return (about or name).strip().splitlines()[0]
