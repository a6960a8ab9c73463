"""`make incidents`: play them on a stack of their own, and write docs/incidents.md; with `--check`, compare it."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import unified_diff

import requests

from local.__main__ import folder_for
from local.incidents import gateways, money, people, platform, privacy, region, watching
from local.incidents.evening import Evening, the_stage
from local.incidents.page import Played, page
from local.scenarios.client import PromiseBroken, ScenarioClient
from local.stack.emulator.ministack import ROOT, free_port
from local.stack.terminal import paint, say
from ops.operators.desk import LOCAL

PAGE = ROOT / "docs" / "incidents.md"
OF_OTHERS = re.compile("AWS_|CHAPA_|PAYSTACK_|GATEWAYS|GUZO_|MAKE")
"""Variables that would make another stack of it than the one that the page shows."""

Incident = Callable[[Evening], None]

INCIDENTS: tuple[Incident, ...] = (
    money.months_end,
    gateways.nobody_gets_a_link,
    gateways.paid_and_not_told,
    gateways.less_than_asked,
    gateways.refund_that_hangs,
    money.refund_done_twice,
    money.claimed_back,
    money.payout_entered_twice,
    people.mistyped_address,
    people.letter_that_bounced,
    people.who_comes_tonight,
    people.no_show,
    people.booked_twice,
    people.stolen_cards,
    people.host_who_leaves,
    people.colleague_who_left,
    privacy.erasure,
    platform.dead_letters,
    platform.release_taken_back,
    watching.key_leaked,
    watching.promise_broken,
    platform.tables_from_yesterday,
    region.region_lost,
    watching.secret_leaked,
)
"""In the order of the page: the first matches a day with nothing else in it, the last three take the tables back in
time, move the stage, and leave it with a secret that its gateway does not have."""


def main(arguments: list[str] | None = None) -> int:
    """Play the incidents; return 1 when one was not solved as promised, or the page differs."""
    parser = argparse.ArgumentParser(prog="make incidents", description=__doc__)
    parser.add_argument("--only", metavar="NAME", help="only those whose name has this; the page is left alone")
    parser.add_argument("--check", action="store_true", help="compare the page, and write nothing")
    asked = parser.parse_args(arguments)
    chosen = [each for each in INCIDENTS if (asked.only or "") in each.__name__]
    if not chosen:
        parser.error(f"there are: {', '.join(each.__name__ for each in INCIDENTS)}")
    with stack() as client:
        try:
            played = [solve(incident, client) for incident in chosen]
        except PromiseBroken as broken:
            say(f"  {paint('✗', 'red')} {broken}")
            return 1
    made = page(played)
    if asked.only:
        print(made)
        return 0
    return differs(made) if asked.check else write(made)


def solve(incident: Incident, client: ScenarioClient) -> Played:
    """Play one incident, with people who are new. Raises PromiseBroken."""
    about = incident.__doc__ or ""
    say(f"{paint('▸', 'bold')} {about.splitlines()[0]}")
    client.suffix = uuid.uuid4().hex[:6]
    evening = Evening(client)
    try:
        incident(evening)
    except (requests.RequestException, KeyError, IndexError, StopIteration) as error:
        raise PromiseBroken(f"{type(error).__name__}: {error}") from error
    return Played(about, evening.told, client.suffix)


def write(made: str) -> int:
    """Write the page."""
    PAGE.write_text(made, encoding="utf-8")
    say(paint(f"All of them were solved; {PAGE.relative_to(ROOT)} shows how.", "green"))
    return 0


def differs(made: str) -> int:
    """Compare the page with what was played; print how they differ."""
    kept = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    for line in unified_diff(kept.splitlines(), made.splitlines(), "docs/incidents.md", "as played", lineterm="", n=2):
        print(line)
    return int(kept != made)


@contextmanager
def stack() -> Iterator[ScenarioClient]:
    """A stack of its own, as `make run` starts it, that is empty and goes away afterwards."""
    ports = (free_port(), free_port())
    os.environ.update({"GUZO_PORT": f"{ports[0]}", "GUZO_LOCAL_PORT": f"{ports[1]}"})
    variables = {name: value for name, value in os.environ.items() if not OF_OTHERS.match(name)}
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "run"],
        cwd=ROOT,
        env={**variables, "GUZO_PORT": f"{ports[0]}", "GUZO_LOCAL_PORT": f"{ports[1]}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    client = ScenarioClient(f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}")
    try:
        printed = []
        for line in process.stdout or ():
            printed.append(line)
            if line.startswith("ready"):
                break
        else:
            raise PromiseBroken(f"the stack did not start: {''.join(printed)}")
        the_stage(LOCAL)
        yield client
    finally:
        client.http.close()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        shutil.rmtree(folder_for(ports), ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
