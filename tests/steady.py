"""Run the tests again and again, and report which failed how often: ``python -m tests.steady 20 [what pytest takes]``.

A test that fails once in many runs is a fault like any other: of the test, or of what it tests.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[1]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.steady", description=__doc__)
    parser.add_argument("runs", type=int, help="how often")
    asked, given = parser.parse_known_args(arguments)
    failed: Counter[str] = Counter()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="steady-") as folder:
        for number in range(1, asked.runs + 1):
            report, log = Path(folder, f"{number}.xml"), Path(folder, f"{number}.log")
            begun = time.monotonic()
            code = _run(report, log, given)
            now = failures_in(report) if report.exists() else []
            failed.update(now)
            wrong += code != 0
            print(f"run {number} of {asked.runs}: {time.monotonic() - begun:.0f} s, exit code {code}", flush=True)
            if code:
                print(log.read_text(encoding="utf-8")[-20_000:], flush=True)
    print(f"\n{asked.runs} runs, {wrong} of them failed")
    for name, times in failed.most_common():
        print(f"{times:>4} {name}")
    return 1 if wrong else 0


def _run(report: Path, log: Path, given: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *given]
    with log.open("wb") as printed:
        return subprocess.run(command, cwd=ROOT, stdout=printed, stderr=subprocess.STDOUT, check=False).returncode


def failures_in(report: Path) -> list[str]:
    """Return the names of the tests that failed, or could not be set up, in a report of JUnit's form."""
    return [
        f"{case.get('classname')}::{case.get('name')}"
        for case in ET.parse(report).iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    ]


if __name__ == "__main__":
    sys.exit(main())
