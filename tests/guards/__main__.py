"""Put in one fault after another, and see that the tests notice: ``python -m tests.guards [--only TEXT] [--sample N]``.

Works on copies. A fault that no test notices is a missing test; one whose lines are gone must be written anew.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from tests.guards.faults import ROOT, Fault, all_faults

COPIED = ("chalicelib", "local", "tests", "docs", ".chalice")
PYTEST = ("-q", "-x", "--no-header", "--tb=short", "--timeout=60", "-p", "no:cacheprovider")
# Only the plugins that these tests need: loading the others takes three times as long as most of the tests.
PLUGINS = ("-p", "pytest_timeout", "-p", "_hypothesis_pytestplugin")

CAUGHT, ALL_PASSED, SOME_FAILED = "caught", 0, 1
_moments = itertools.count(1_000_000_000)


class Copy:
    """A copy of what the tests need, with at most one fault in it."""

    def __init__(self, at: Path) -> None:
        self.at = at
        for name in COPIED:
            shutil.copytree(ROOT / name, at / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("app.py", "pyproject.toml"):
            shutil.copy2(ROOT / name, at)

    def run(self, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", *PYTEST, *PLUGINS, *tests]
        # One seed: what a test noticed once it notices again.
        env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONHASHSEED": "0"}
        return subprocess.run(command, cwd=self.at, env=env, capture_output=True, text=True, check=False)

    def judge(self, fault: Fault) -> str:
        """``caught``, or what is wrong."""
        source = (ROOT / fault.file).read_text()
        try:
            self._write(fault.file, fault.put_into(source))
        except ValueError as error:
            return str(error)
        try:
            done = self.run(fault.caught_by)
        finally:
            self._write(fault.file, source)
        if done.returncode == SOME_FAILED:
            return CAUGHT
        if done.returncode == ALL_PASSED:
            return "NOT CAUGHT"
        return f"pytest could not run: {(done.stdout + done.stderr)[-2000:]}"

    def _write(self, file: str, text: str) -> None:
        (self.at / file).write_text(text)
        # Python knows a compiled file by the second and the size of its source: each version gets a second of its own.
        moment = next(_moments)
        os.utime(self.at / file, (moment, moment))


def judge_all(faults: Sequence[Fault], *, jobs: int) -> dict[str, str]:
    """What became of each fault, by name. Raises RuntimeError when the tests fail without any."""
    with ExitStack() as stack:
        places = [Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="guards-"))) for _ in range(jobs)]
        copies: SimpleQueue[Copy] = SimpleQueue()
        for place in places:
            copies.put(Copy(place))
        first = copies.get()
        clean = first.run(sorted({test for fault in faults for test in fault.caught_by}))
        if clean.returncode != ALL_PASSED:
            raise RuntimeError(f"without any fault the tests do not pass:\n{clean.stdout[-4000:]}{clean.stderr}")
        copies.put(first)

        def judge(fault: Fault) -> tuple[str, str]:
            copy = copies.get()
            try:
                verdict = copy.judge(fault)
            finally:
                copies.put(copy)
            print(f"{verdict:<8}{fault.file:<44}{fault.name}", flush=True)
            return fault.name, verdict

        with ThreadPoolExecutor(jobs) as workers:
            return dict(workers.map(judge, faults))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.guards", description=__doc__)
    parser.add_argument("--only", default="", help="those with this in their name or file")
    parser.add_argument("--sample", type=int, help="that many of them, always the same")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    asked = parser.parse_args()
    faults = [fault for fault in all_faults() if asked.only in fault.name or asked.only in fault.file]
    if asked.sample is not None:
        faults = random.Random(0).sample(faults, min(asked.sample, len(faults)))
    started = time.monotonic()
    verdicts = judge_all(faults, jobs=asked.jobs)
    caught = sum(verdict == CAUGHT for verdict in verdicts.values())
    print(f"{caught} of {len(faults)} faults caught, in {time.monotonic() - started:.0f} s")
    return 0 if caught == len(faults) else 1


if __name__ == "__main__":
    sys.exit(main())
