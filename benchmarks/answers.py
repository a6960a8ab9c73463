"""What it costs until a function has started, has given its first answer, and each answer after that.

Whole processes on the packages as they are built, over TLS, against a world in another process (`world.py`); the peers
do the same calls over the same TLS with the bundle of certificates that their libraries bring. Instructions by
callgrind, which count the same whatever else the machine does; without valgrind, or with ``--seconds``, processor time
as ratios. Warm is the cost of five further calls, divided by five.

F is ``botocore.session.get_session().create_client("dynamodb")``, and F1 the same with one GetItem over TLS. Not in
these figures: Lambda's own runtime, its disk, the kernel.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import report
from benchmarks.counting import VALGRIND, command, instructions, processor_time
from benchmarks.events import MANY, PEER_LISTING, PEERS
from benchmarks.report import Costs
from benchmarks.world import ROOT, World, running
from tools.contents import APP, AUTHORIZER
from tools.package import build
from tools.target import Target
from tools.trust import write_directory

ENVIRONMENT_OF_PEERS = ROOT / ".venv-benchmarks"
FURTHER = 5
ROUNDS = 5
SLOWER = (
    "DYNAMODB_CONNECT", "DYNAMODB_READ", "AWS_CONNECT", "AWS_READ", "GATEWAY_CONNECT", "ISSUER_CALL", "INIT_READS",
    "WEBHOOK_GATEWAY_BUDGET", "GATEWAY_IDLE", "SECRETS_KEPT",
)  # fmt: skip
FLOOR = """
import os, sys
import botocore.session
client = botocore.session.get_session().create_client("dynamodb")
if sys.argv[1:]:
    key = {"listing_id": {"S": "x"}, "part": {"S": "LISTING"}}
    client.get_item(TableName=os.environ["LISTINGS_TABLE"], Key=key)
import time
sys.stderr.write(f"SPENT {time.process_time()}")
sys.stderr.flush()
os._exit(0)
"""


@dataclass(frozen=True)
class Case:
    """One thing to measure: a handler, the events that it is given, and how many of them at first."""

    stack: str
    name: str
    handler: str
    kind: str = ""
    first: int = 0
    further: bool = False


def guzo() -> Iterator[Case]:
    yield Case("Guzo", "init", "app.app")
    yield Case("Guzo", "GET listing", "app.app", "GET listing", 1, further=True)
    for kind in ("POST booking", "search with dates"):
        yield Case("Guzo", kind, "app.app", kind, 1, further=True)
    yield Case("Guzo", "webhook", "app.receive_webhooks", "webhook", 1, further=True)
    yield Case("Guzo", "letters", "app.send_emails", "letters", 1, further=True)
    yield Case("Guzo", "authorizer", "authorizer.authorize", "authorizer", 1)


def peers() -> Iterator[Case]:
    for peer in PEERS:
        handler = f"{peer}_app.app"
        yield Case(peer, "init", handler)
        yield Case(peer, "GET listing", handler, f"{peer} GET listing", 1, further=True)
        yield Case(peer, "POST booking", handler, f"{peer} POST booking", 1, further=True)
        yield Case(peer, "webhook", handler, f"{peer} webhook", 1, further=True)


@dataclass
class Bench:
    """A world, the packages and the peers that live in it, and the events that are left for each kind of call.

    ``source`` is the tree that is packaged; another than this one is measured without peers.
    """

    world: World
    folder: Path
    source: Path = ROOT
    left: dict[str, list[object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import certifi

        self.bundle = self.folder / "bundle.pem"
        self.bundle.write_text(Path(certifi.where()).read_text() + self.world.authority.read_text())
        out = self.source / "build" / "benchmarks"
        self.package = build("dev", root=self.source, out=out, target=Target.of_this_machine())
        for name in (APP, AUTHORIZER):
            self._copy(out / "unzipped" / name, self.folder / name)
        (self.folder / "peer.sqlite").touch()
        run = subprocess.run(
            [sys.executable, "-S", str(ROOT / "benchmarks" / "events.py")],
            env={
                **self._environment("Guzo", "app.app"),
                "AWS_LAMBDA_FUNCTION_NAME": "",
                "WORLD_AUTHORITY": str(self.bundle),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise SystemExit(run.stdout + run.stderr)
        self.left = json.loads(run.stdout.splitlines()[-1])

    def prepare_peers(self) -> None:
        """Make the bookings that the peers' webhooks are about."""
        for peer in PEERS:
            argv = command(f"{peer}_app:app", self._events(f"{peer} prepare", MANY), MANY)
            processor_time(argv, self._environment(peer, ""))

    def _copy(self, package: Path, to: Path) -> None:
        """A package that trusts this world's authority as it trusts all others, and whose time-outs an interpreter
        does not reach that runs fifty times slower under callgrind."""
        shutil.copytree(package, to)
        trust = to / "chalicelib" / "trust"
        (trust / "amazon.pem").write_text((trust / "amazon.pem").read_text() + self.world.authority.read_text())
        shutil.rmtree(trust / "roots")
        write_directory(self.bundle.read_text(), trust / "roots")
        timing = to / "chalicelib" / "domain" / "timing.py"
        text = timing.read_text()
        for name in SLOWER:
            begin = f"{name} = timedelta("
            assert begin in text or self.source != ROOT, name
            text = text.replace(begin, f"{name} = 60 * timedelta(")
        timing.write_text(text)
        compiler = ["-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", str(timing)]
        subprocess.run([sys.executable, *compiler], check=True)

    def _environment(self, stack: str, handler: str) -> dict[str, str]:
        known = {**self.world.environment, "_HANDLER": handler}
        if stack == "Guzo":
            return known | {"PYTHONPATH": str(self.folder / (AUTHORIZER if handler.startswith("authorizer") else APP))}
        site = next((ENVIRONMENT_OF_PEERS / "lib").glob("python3*/site-packages"))
        return known | {
            "PYTHONPATH": f"{ROOT / 'benchmarks' / 'peers'}:{site}",
            "AWS_CA_BUNDLE": str(self.bundle),
            "REQUESTS_CA_BUNDLE": str(self.bundle),
            "PEER_DATABASE": str(self.folder / "peer.sqlite"),
            "PEER_LISTING": json.dumps(
                {
                    "listing_id": self.listing_id,
                    "nightly_price": 245000,
                    **{name: PEER_LISTING[name] for name in ("title", "description", "city", "units")},
                }
            ),
        }

    @property
    def listing_id(self) -> str:
        [event, *_] = self.left["GET listing"]
        return str(event["event"]["pathParameters"]["listing_id"])  # type: ignore[index]

    def _events(self, kind: str, count: int) -> Path:
        """A file with the next events of a kind: each is used once."""
        taken, self.left[kind] = self.left[kind][:count], self.left[kind][count:] or self.left[kind]
        path = Path(tempfile.mkstemp(dir=self.folder, suffix=".json")[1])
        path.write_text(json.dumps(taken))
        return path

    def argv(self, case: Case, count: int) -> list[str]:
        events = self._events(case.kind, count) if count else Path("/dev/null")
        return command(case.handler.replace(".", ":"), events, count)

    def environment(self, case: Case) -> dict[str, str]:
        return self._environment(case.stack, case.handler)

    def floor(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        site = sysconfig.get_path("purelib")
        environment = {**self.world.environment, "PYTHONPATH": site, "AWS_CA_BUNDLE": str(self.bundle)}
        return [sys.executable, "-S", "-c", FLOOR, *arguments], environment


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write into docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes are counted at once")
    parser.add_argument("--keep", action="store_true", help="do not write into docs/")
    parser.add_argument("--seconds", action="store_true", help="processor time, though valgrind is there")
    options = parser.parse_args(arguments or [])
    counting = bool(VALGRIND) and not options.seconds
    cases = [case for case in (*guzo(), *peers()) if options.only in f"{case.stack} {case.name}"]
    with running() as world, tempfile.TemporaryDirectory() as folder:
        bench = Bench(world, Path(folder))
        if any(case.stack in PEERS for case in cases):
            bench.prepare_peers()
        costs = _instructions(bench, cases, options.jobs) if counting else _seconds(bench, cases)
        sizes = {path.stem: path.stat().st_size for path in bench.package.zips}
        memory = {case.stack: _memory(bench, case) for case in cases if case.name == "POST booking"}
    found = report.Answers(
        unit="million instructions" if counting else "ms of processor time", costs=costs, sizes=sizes, memory=memory
    )
    print(report.table(found))
    if not options.keep and not options.only:
        report.write(found)


def _instructions(bench: Bench, cases: Sequence[Case], jobs: int) -> Costs:
    """By stack and case: millions of instructions to the first answer, and for each further one."""

    costs: Costs = {}
    counts = [(case, case.first) for case in cases] + [(case, 1 + FURTHER) for case in cases if case.further]
    prepared = [(case, count, bench.argv(case, count), bench.environment(case)) for case, count in counts]
    with ThreadPoolExecutor(jobs) as pool:
        floors = [pool.submit(instructions, *bench.floor(*asked)) for asked in ((), ("1",))]
        counted = pool.map(_counted, prepared)
        found = {(case, count): cost for (case, count, _, _), cost in zip(prepared, counted, strict=True)}
        costs["floor"] = {
            "F": (floors[0].result() / 1e6, None),
            "F1": (floors[1].result() / 1e6, None),
        }
    for case in cases:
        once = found[case, case.first]
        warm = (found[case, 1 + FURTHER] - once) / FURTHER if case.further else None
        costs.setdefault(case.stack, {})[case.name] = (once, warm)
    return costs


def _counted(job: tuple[Case, int, list[str], dict[str, str]]) -> float:
    case, count, argv, environment = job
    millions = instructions(argv, environment) / 1e6
    print(f"{case.stack} {case.name}, {count}: {millions:.1f}", file=sys.stderr, flush=True)
    return millions


def _seconds(bench: Bench, cases: Sequence[Case]) -> Costs:
    """The same in milliseconds of processor time: each case's middle, as the middle ratio of the rounds has it."""
    rounds: dict[tuple[str, str], list[tuple[float, float | None]]] = {}
    jobs: list[tuple[str, str, Case | None]] = [("floor", "F", None), ("floor", "F1", None)]
    jobs += [(case.stack, case.name, case) for case in cases]
    for number in range(ROUNDS + 1):
        random.shuffle(jobs)
        for stack, name, case in jobs:
            if case is None:
                spent = processor_time(*bench.floor(*(("1",) if name == "F1" else ())))
                cost: tuple[float, float | None] = (spent[0], None)
            else:
                spent = processor_time(bench.argv(case, case.first + FURTHER * case.further), bench.environment(case))
                warm = (spent[-1] - spent[1]) / FURTHER if case.further else None
                cost = (spent[case.first], warm)
            if number:  # the first round warms the disk's caches
                rounds.setdefault((stack, name), []).append(cost)
    floors = [once for once, _ in rounds["floor", "F"]]
    costs: Costs = {"floor": {}}
    for (stack, name), each in rounds.items():
        ratios = [once / floor for (once, _), floor in zip(each, floors, strict=True)]
        warms = [warm * 1000 for _, warm in each if warm is not None]
        once = median(ratios) * median(floors) * 1000
        costs.setdefault(stack, {})[name] = (once, median(warms) if warms else None)
    return costs


def _memory(bench: Bench, case: Case) -> float:
    """Megabytes that a process held at most, up to its first booking."""
    environment = {**bench.environment(case), "BENCHMARK_MEMORY": "yes"}
    run = subprocess.run(bench.argv(case, 1), env=environment, capture_output=True, text=True, check=True)
    return int(run.stderr.rpartition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main(sys.argv[1:])
