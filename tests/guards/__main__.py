"""Put in one fault after another, and see that its tests notice: ``python -m tests.guards [--only TEXT] [--sample N]``.

A fault that no test notices is a missing test.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence

from tests.guards.faults import FAULTS, Fault
from tests.guards.trial import Result, Trial, run_all, timed


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.guards", description=__doc__)
    parser.add_argument("--only", default="", help="those with this in their name or module")
    parser.add_argument("--sample", type=int, help="that many of them, always the same")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    asked = parser.parse_args(arguments)
    faults = [fault for fault in FAULTS if asked.only in f"{fault.name} {[place.full for place in fault.places]}"]
    if asked.sample is not None:
        faults = random.Random(0).sample(faults, min(asked.sample, len(faults)))
    begun = time.monotonic()
    results = judge(faults, jobs=asked.jobs)
    noticed = sum(result.verdict in ("noticed", "timed out") for result in results)
    print(f"{noticed} of {len(faults)} faults noticed, in {timed(begun)}")
    return 0 if noticed == len(faults) else 1


def judge(faults: Sequence[Fault], *, jobs: int) -> list[Result]:
    """Try each fault. Raises RuntimeError when the tests do not pass without any."""
    named = sorted({test for fault in faults for test in fault.caught_by})
    clean = next(run_all([Trial("no fault", {}, named, seconds=600)], jobs=1))
    if clean.verdict != "survived":
        raise RuntimeError(f"without any fault the tests do not pass:\n{clean.output[-4000:]}")
    results = []
    for result in run_all((fault.trial() for fault in faults), jobs=jobs):
        print(f"{result.verdict:<10}{result.trial.name}", flush=True)
        if result.verdict == "broken":
            print(result.output[-2000:])
        results.append(result)
    return results


if __name__ == "__main__":
    sys.exit(main())
