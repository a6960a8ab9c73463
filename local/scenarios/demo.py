"""`make demo`: the stories, told of one gateway as they happen, on a stack of their own."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import requests

from local.scenarios.story import STORIES, stories_of
from local.scenarios.story_gateways import StoryGateway
from local.stack.environment import EnvironmentTrouble, currencies
from local.stack.listeners import PortTrouble
from local.stack.ministack import MiniStackError
from local.stack.seed import SeedTrouble
from local.stack.stack import Stack, StackTrouble
from local.stack.terminal import paint, say
from local.stack.world import Differed, World

BROKEN = (PortTrouble, EnvironmentTrouble, MiniStackError, StackTrouble, SeedTrouble)


class Told:
    """Writes a story to the terminal, line by line, each with the second that it happened in."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def did(self, text: str) -> None:
        """Something that was done."""
        self._line("▸", text, "bold")

    def saw(self, text: str) -> None:
        """What followed."""
        self._line("  ✓", text, "green")

    def why(self, text: str) -> None:
        """The reason, for a reader."""
        self._line("  ·", text, "dim")

    def _line(self, sign: str, text: str, colour: str) -> None:
        seconds = paint(f"{time.monotonic() - self._began:6.2f} s", "dim")
        say(f"{seconds}  {paint(sign, colour)} {text if colour == 'green' else paint(text, colour)}")


def play(names: list[str], gateway: StoryGateway) -> int:
    """Tell these stories of a gateway, or all; 0 when everything was as promised, 1 with what differed."""
    told = stories_of(gateway)
    if "list" in names:
        for name in told:
            say(f"{name:<14} {headline(name, STORIES[name].__doc__)}")
        return 0
    if unknown := [name for name in names if name not in told]:
        print(f"No story {unknown[0]!r} of {gateway.brand}; there are: {', '.join(told)}", file=sys.stderr)
        return 2
    try:
        prepare(gateway)
    except EnvironmentTrouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="guzo-demo-"))
    stack = Stack(folder=folder)
    say(f"Starting a Guzo of its own: API, emulated AWS, a sandbox of {gateway.brand}, workers, mailbox.")
    try:
        with stack:
            say(f"API {stack.addresses.api}, everything else {stack.addresses.local}")
            world = World(stack.addresses.api, stack.addresses.local, gateway)
            differed = tell(world, names or told)
    except BROKEN as trouble:
        print(f"{trouble}\nThe log: {stack.log_file}", file=sys.stderr)
        return 1
    if differed:
        say(paint(f"{len(differed)} of {len(names or told)} stories differed from the promise:", "red"))
        for name, text in differed.items():
            say(f"  {name}: {text}")
        say(f"The app's log: {stack.log_file}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    say(paint("Everything was as promised.", "green"))
    return 0


def prepare(gateway: StoryGateway) -> None:
    """Have the stack that is started next talk to this gateway. Raises EnvironmentTrouble."""
    os.environ.update(gateway.environment)
    if currencies(os.environ).get(gateway.currency) != gateway.gateway:
        wanted = f"{gateway.currency}:{gateway.gateway}"
        raise EnvironmentTrouble(f"To play this, GATEWAYS must have {wanted}; leave it out to have them all.")


def tell(world: World, names: list[str]) -> dict[str, str]:
    """Tell stories; what differed, by the story's name."""
    differed = {}
    for number, name in enumerate(names, start=1):
        story = STORIES[name]
        say()
        say(paint(f"{number}. {headline(name, story.__doc__)}", "cyan"))
        try:
            story(world, Told())
        except Differed as difference:
            differed[name] = str(difference)
        except (requests.RequestException, KeyError, TypeError, ValueError) as broken:
            differed[name] = f"{type(broken).__name__}: {broken}"
        if name in differed:
            say(f"          {paint('✗', 'red')} {differed[name]}")
    say()
    return differed


def headline(name: str, about: str | None) -> str:
    """The story's first sentence."""
    return (about or name).strip().splitlines()[0]
