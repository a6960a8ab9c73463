"""Memory: what each function takes at work, and how much processor it uses for a call.

The built package is deployed to an emulated AWS as `make verify-deploy` does it, each function in processes of its own,
and a guest's, a host's and a gateway's calls run through it. Read is what the kernel says of each process: the most
memory that it ever had, and its processor time, from which that of its start is taken off, measured by itself. What it
does not show: Lambda's own runtime, which takes some ten megabytes more, and the processor of another machine.

Lambda gives a function a share of a processor by its memory: all of one at 1,769 MB. While it starts it has a whole one
whatever its memory is. So the last columns say how long the processor's part of a call takes at each size, and the
choice between sizes is one of waiting; what is waited for outside takes as long at any.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.counting import command, processor_time
from benchmarks.world import CREDENTIALS
from local.scenarios.deployment import DeploymentScenario
from local.scenarios.verify_deploy import deployed
from tools.package import ROOT, Package, build
from tools.stage_template import zip_of
from tools.target import Target

STAGE = "staging"
SIZES = (128, 256, 512, 1024)
WHOLE_PROCESSOR = 1769
"""Megabytes with which Lambda gives a function all of one processor."""
TICKS = 100
"""Of the kernel's clock, a second."""
OFTEN = 0.2
MORE = 5
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    **CREDENTIALS,
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # nobody is there: what is read ahead is left for later
    "AWS_LAMBDA_FUNCTION_NAME": "guzo",
    "GUZO_STAGE": "dev",
    "LISTINGS_TABLE": "listings",
    "BOOKINGS_TABLE": "bookings",
    "LEDGER_TABLE": "ledger",
    "RECONCILE_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/0/reconcile",
    "EMAILS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/0/emails",
    "SECRETS_PATH": "/guzo/dev",
    "PUBLIC_URL": "https://api.guzo.example",
    "MAIL_FROM": "bookings@guzo.example",
    "OIDC_ISSUER": "https://127.0.0.1:9",
    "OIDC_CLIENT_ID": "guzo-web",
}
"""Of a start that is measured by itself."""


@dataclass
class Process:
    """What one process of a function has taken so far: megabytes at most, and seconds of processor time."""

    peak: float
    seconds: float


class BusyScenario(DeploymentScenario):
    """The scenario of `make verify-deploy`, and then so many more of what happens often that a start weighs little."""

    def run(self) -> None:
        super().run()
        listing = self.publish()
        for number in range(MORE):
            booking = self._book(listing, days=100 + 4 * number, key=f"more-{number}")
            self.pay(booking)
            self.check_emails(booking)
            self.run_sweep()
            self.fly_canary()


Seen = dict[str, dict[int, Process]]
"""By the function's name in the template, and the process's id."""


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    del arguments
    package = build(STAGE, out=ROOT / "build" / "benchmarks-memory", target=Target.of_this_machine(), rehearsal=True)
    with deployed(package, STAGE) as (session, deployment):
        with sampled() as seen:
            BusyScenario(deployment).run()
        calls = calls_of(session.client("logs"))
    starts = starts_of(package)
    head = " | ".join(f"ms at {size}" for size in SIZES)
    print(f"\n| function | most, MB | ms of processor a start | calls | ms of processor a call | {head} |")
    print("|---" * (5 + len(SIZES)) + "|")
    for name, processes in sorted(seen.items()):
        used = sum(process.seconds for process in processes.values()) - len(processes) * starts[name]
        each = max(0.0, 1000 * used / max(1, calls[name]))
        at = " | ".join(f"{each * max(1.0, WHOLE_PROCESSOR / size):.0f}" for size in SIZES)
        peak = max(process.peak for process in processes.values())
        start = 1000 * starts[name]
        print(f"| {name} | {peak:.0f} | {start:.0f} | {calls[name]} | {each:.0f} | {at} |", flush=True)


def starts_of(package: Package) -> dict[str, float]:
    """The seconds of processor time that each function's start takes; the middle of three."""
    made = json.loads(package.template.read_text(encoding="utf-8"))["Resources"]
    starts = {}
    for name, resource in made.items():
        if resource["Type"] == "AWS::Serverless::Function":
            handler = resource["Properties"]["Handler"]
            zipped = Path(zip_of(resource["Properties"]["CodeUri"]))
            folder = package.template.parent / "unzipped" / zipped.stem
            told = ENVIRONMENT | {"_HANDLER": handler, "PYTHONPATH": str(folder)}
            argv = command(handler.replace(".", ":"), Path("/dev/null"), 0)
            starts[name] = median(processor_time(argv, told)[0] for _ in range(3))
    return starts


@contextmanager
def sampled() -> Iterator[Seen]:
    """Look at every function's processes until the end; what they took is what was seen last."""
    seen: Seen = defaultdict(dict)
    done = threading.Event()

    def look() -> None:
        while not done.wait(OFTEN):
            for folder in Path("/proc").glob("[0-9]*"):
                _note(folder, seen)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _note(folder: Path, seen: Seen) -> None:
    """Note what a process took, if it is one of our functions'; one that ended meanwhile stays as it was seen."""
    try:
        environment = (folder / "environ").read_bytes()
        named = re.search(rf"(?:^|\0)AWS_LAMBDA_FUNCTION_NAME=guzo-{STAGE}-(\w+)-".encode(), environment)
        if named is None:
            return
        peak = re.search(r"VmHWM:\s+(\d+) kB", (folder / "status").read_text())
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return
    if peak is None:
        return
    megabytes, seconds = int(peak[1]) / 1024, (int(fields[11]) + int(fields[12])) / TICKS
    processes, process = seen[named[1].decode()], int(folder.name)
    if process not in processes:
        processes[process] = Process(megabytes, seconds)
    processes[process].peak, processes[process].seconds = megabytes, seconds


def calls_of(logs: Any) -> defaultdict[str, int]:
    """How often each function was called, by the lines that Lambda writes at the end of a call."""
    calls: defaultdict[str, int] = defaultdict(int)
    for group in logs.describe_log_groups()["logGroups"]:
        named = re.search(rf"guzo-{STAGE}-(\w+)-", group["logGroupName"])
        if named is None:
            continue
        events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]  # as many as one page has
        calls[named[1]] += sum(event["message"].startswith("REPORT RequestId") for event in events)
    return calls


if __name__ == "__main__":
    main()
