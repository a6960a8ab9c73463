"""``python -m tests.simulation``: play many histories, or one again."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter

from tests.simulation.coverage import ROWS, table
from tests.simulation.mutations import MUTATIONS
from tests.simulation.run import Outcome, play, play_many
from tests.simulation.shrink import describe, shrink
from tests.simulation.store import CONDITIONS


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20_000, help="how many histories to play")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="play this one again, and shrink it if it fails")
    parser.add_argument("--trace", action="store_true", help="with --seed: print its whole history")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--mutations", action="store_true", help="take each guard away: is it noticed?")
    asked = parser.parse_args(arguments)
    if asked.seed is not None:
        return _again(asked.seed, traced=asked.trace)
    if asked.mutations:
        return _mutations(min(asked.seeds, 2_000))
    return _many(asked.first, asked.seeds, asked.processes)


def _again(seed: int, *, traced: bool) -> int:
    outcome = play(seed, traced=traced)
    if traced:
        print("\n".join(outcome.trace))
    if outcome.rule is None:
        print(f"seed {seed}: {len(outcome.actions)} actions, {len(outcome.faults)} faults, nothing broken")
        return 0
    print(f"seed {seed}: {outcome.rule}; shrinking …", flush=True)
    print(describe(shrink(outcome)))
    return 1


def _many(first: int, count: int, processes: int) -> int:
    begun = time.monotonic()
    covered: Counter[str] = Counter()
    failures: list[Outcome] = []
    for done, failed, counts in play_many(first, count, processes=processes):
        covered += counts
        failures += failed
        for outcome in failed:
            print(f"seed {outcome.seed}: {outcome.rule}: {outcome.detail}", flush=True)
        if done % 1000 == 0 or done == count:
            rate = done / (time.monotonic() - begun)
            print(f"{done:,} of {count:,} histories, {rate:.0f} a second, {len(failures)} failed", flush=True)
    print(table(covered))
    unmet = [row for row in ROWS if not covered[f"row / {row}"]]
    unmet += [
        f"{name}: {fact}"
        for name in CONDITIONS
        for fact in ("holds", "fails")
        if not covered[f"condition / {name}: {fact}"]
    ]
    print(f"\n{count:,} histories from seed {first} in {time.monotonic() - begun:.0f} s, {len(failures)} failed")
    print("never covered: " + ("; ".join(unmet) or "nothing that is on the lists"))
    if failures:
        print("\nthe first failure, shrunk:\n" + describe(shrink(failures[0])))
        print(f"\nagain: python -m tests.simulation --seed {failures[0].seed}")
    return 1 if failures else 0


def _mutations(within: int) -> int:
    """Every guard that is taken away must be noticed."""
    missed = 0
    for mutation in MUTATIONS:
        seen = mutation.noticed(range(within))
        how = f"seed {seen.seed}: {seen.rule}" if seen is not None else "NOT NOTICED"
        print(f"{mutation.name} → {how}", flush=True)
        missed += seen is None
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
