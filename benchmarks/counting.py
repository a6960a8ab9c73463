"""What a process costs: instructions by callgrind where valgrind is there, processor time everywhere.

Instructions are those of the process itself, without the kernel's; with fixed hashing they come out the same within a
percent, whatever else the machine does. Processor time is taken in shuffled rounds, as ratios.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
VALGRIND = shutil.which("valgrind")
_COLLECTED = re.compile(rb"Collected : (\d+)")


class Failed(Exception):
    """The measured process ended otherwise than it should; the message is what it said."""


def command(handler: str, events: Path, count: int) -> list[str]:
    """Run ``handler`` in an interpreter that sees nothing but the path it is given."""
    return [sys.executable, "-S", str(HERE / "function.py"), handler, str(events), str(count)]


def instructions(argv: Sequence[str], environment: dict[str, str]) -> int:
    """How many instructions a process runs. Raises Failed."""
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--trace-children=no", *argv],
        env=environment,
        capture_output=True,
        check=False,
    )
    found = _COLLECTED.search(run.stderr)
    if run.returncode or found is None:
        raise Failed(run.stderr.decode(errors="replace")[-2000:] + run.stdout.decode(errors="replace")[-2000:])
    return int(found[1])


def processor_time(argv: Sequence[str], environment: dict[str, str]) -> list[float]:
    """The seconds of processor time, user and system, that a process had taken after its start and after each answer.

    Raises Failed.
    """
    known = {**environment, "BENCHMARK_TIMES": "yes"}
    run = subprocess.run(argv, env=known, capture_output=True, text=True, check=False)
    told = run.stderr.rpartition("SPENT ")[2].split()
    if run.returncode or not told:
        raise Failed(run.stderr[-2000:] + run.stdout[-2000:])
    return [float(each) for each in told]
