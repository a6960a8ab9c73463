"""`Evening`: the stack on which incidents are staged, and the terminal of the operator who solves them.

Whatever is typed and printed there is kept, so that `docs/incidents.md` shows real output.
"""

from __future__ import annotations

import io
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from local.scenarios.client import Json, Person, PromiseBroken, ScenarioClient
from ops.__main__ import main
from ops.operators.desk import LOCAL, Stage, open_stage

OPERATOR = "sara"

DONE, REFUSED, WRONG = 0, 1, 2


@dataclass
class Typed:
    """A command, and what it printed."""

    command: str
    printed: str


@dataclass
class Evening:
    """A running stack, and what was told, typed and printed of the incident that is being played."""

    client: ScenarioClient
    told: list[str | Typed] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """Say to the reader what happens, or what it means."""
        self.told.append(text)

    def ops(self, *words: str, typed: str = "", ends: int = DONE, by: str = OPERATOR) -> str:
        """Type a command of `python -m ops`; return what it printed. Raises PromiseBroken for another exit code.

        `typed` is what standard input says, `ends` the exit code that the command promises.
        """
        out, code = run(*words, typed=typed, by=by)
        asked = f"{f'echo {shlex.quote(typed)} | ' if typed else ''}ops {shlex.join(words)}"
        self.told.append(Typed(asked, out))
        if code != ends:
            raise PromiseBroken(f"{asked} promises to end with {ends}, and ended with {code}: {out}")
        return out

    def match(self, file: Path, *days: str) -> tuple[str, int]:
        """Type the command that matches a gateway's statement; return what it printed, and how it ended."""
        words = ("--gateway", "chapa", *days)
        printed, code = run("match", f"{file}", *words)
        self.told.append(Typed(f"ops match {file.name} {shlex.join(words)}", printed))
        return printed, code

    def confirmed(self, guest: Person, listing: Json, **changed: Any) -> Json:
        """A booking that its guest has paid."""
        booking = self.client.book(guest, listing, **changed)
        self.client.pay_on_page(booking["payment"]["checkout_url"])
        done = self.client.wait_for_status(guest, booking["booking_id"], "confirmed")
        self.client.wait_until_idle()
        return done

    def stay(self, *, first: int, nights: int = 1) -> Json:
        """The nights of a booking that begins so many days from today."""
        check_in = self.client.today() + timedelta(days=first)
        return {"check_in": check_in.isoformat(), "check_out": (check_in + timedelta(days=nights)).isoformat()}


def expect(promise: str, text: str, *wanted: str) -> None:
    """Raise PromiseBroken unless each of `wanted` stands in what was printed."""
    missing = [each for each in wanted if each not in text]
    if missing:
        raise PromiseBroken(f"{promise}: {', '.join(missing)} is missing from: {text}")


def run(*words: str, typed: str = "", by: str = OPERATOR) -> tuple[str, int]:
    """Run a command in this process; return what it printed, and its exit code."""
    printed, stdin = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(f"{typed}\n" if typed else "")
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            code = main(["--stage", LOCAL, "--as", by, *words], the_stage)
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdin = stdin
    return printed.getvalue(), code


@cache
def the_stage(name: str) -> Stage:
    """The stage, opened once: what each command of a terminal of its own would do first."""
    return open_stage(name)
