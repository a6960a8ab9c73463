"""Mutants: ``python -m tests.guards.mutants [PACKAGE…] [--budget N] [--seed N] [--file TEXT]``.

Of each package as many mutants as the budget allows are drawn, always the same for a seed, and each is run against the
package's tests that reach its line. Which these are is measured once, and kept in ``.local/mutants/`` until the
code changes. Tests by Hypothesis are left out: what only its examples find, one seed finds and another does not.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import coverage

from tests.guards.mutations import Mutant, mutants_of
from tests.guards.trial import ROOT, Result, Trial, run_all, timed, tree_of

HOME = ROOT / ".local" / "mutants"
PACKAGES = {
    "domain": ("chalicelib/domain", ("tests/domain", "tests/services")),
    "services": ("chalicelib/services", ("tests/services",)),
    "adapters": ("chalicelib/adapters", ("tests/adapters",)),
    "api": ("chalicelib/api", ("tests/api",)),
    "events": ("chalicelib/events.py", ("tests/test_events.py",)),
    "container": ("chalicelib/container.py", ("tests/test_container.py",)),
}
FEW = 40
"""How many tests a mutant is run against at first; the others only run where those notice nothing."""
PATIENCE = 60
"""Processor seconds after which a mutant's tests are given up: it runs for ever."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.guards.mutants", description=__doc__)
    parser.add_argument("packages", nargs="*", help=f"of {', '.join(PACKAGES)}; all, if none is named")
    parser.add_argument("--budget", type=int, default=60, help="how many mutants of each package")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--file", default="", help="only of files with this in their path")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.packages) - PACKAGES.keys():
        parser.error(f"no package: {', '.join(sorted(unknown))}")
    for name in asked.packages or PACKAGES:
        reach = Reach.measured(name)
        begun = time.monotonic()
        every = [mutant for mutant in _mutants(name) if asked.file in str(mutant.file)]
        drawn = random.Random(f"{asked.seed} {name}").sample(every, min(asked.budget, len(every)))
        survivors = _survivors(name, drawn, reach, jobs=asked.jobs)
        score = 100 * (1 - len(survivors) / len(drawn)) if drawn else 100.0
        print(f"{name}: {len(drawn)} of {len(every)} mutants, seed {asked.seed}: {len(survivors)} survived, "
              f"score {score:.1f} %, {timed(begun)}", flush=True)  # fmt: skip
        print(*(f"  survived: {mutant}" for mutant in survivors), sep="\n", flush=True)
    return 0


def _mutants(package: str) -> list[Mutant]:
    files = _python(ROOT / PACKAGES[package][0])
    return [mutant for file in files for mutant in mutants_of(file.relative_to(ROOT), file.read_text())]


def _survivors(package: str, drawn: Sequence[Mutant], reach: Reach, *, jobs: int) -> list[Mutant]:
    """Those that no test notices: first against a few tests, then against all others that reach them."""
    tests = {mutant.name: reach.tests_of(mutant) for mutant in drawn}
    alive = {mutant.name: mutant for mutant in drawn}
    for part in (slice(FEW), slice(FEW, None)):
        trials = (_trial(mutant, tests[name][part]) for name, mutant in [*alive.items()] if tests[name][part])
        for result in run_all(trials, jobs=jobs):
            _judge(result, alive)
    return list(alive.values())


def _judge(result: Result, alive: dict[str, Mutant]) -> None:
    if result.verdict in ("noticed", "timed out"):
        del alive[result.trial.name]
    elif result.verdict == "broken":
        raise RuntimeError(f"{result.trial.name}: the tests did not run:\n{result.output[-2000:]}")


def _trial(mutant: Mutant, tests: Sequence[str]) -> Trial:
    module = module_of(mutant.file)
    tree = tree_of(module)
    mutant.put_into(tree)
    return Trial(mutant.name, {module: ast.fix_missing_locations(tree)}, ["-m", "not hypothesis", *tests], PATIENCE)


def module_of(file: Path) -> str:
    """The name under which a file is imported."""
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")


def _python(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


@dataclass(frozen=True)
class Reach:
    """Which tests of a package reach which lines, as coverage measured it."""

    package: str
    file: Path

    @classmethod
    def measured(cls, package: str) -> Reach:
        """The measurement of the code as it stands; made anew where there is none, which may take minutes."""
        read = [file for place in ("chalicelib", *PACKAGES[package][1]) for file in _python(ROOT / place)]
        state = hashlib.sha256(b"".join(file.read_bytes() for file in read)).hexdigest()[:16]
        data = HOME / f"{package}-{state}"
        if not data.exists():
            HOME.mkdir(parents=True, exist_ok=True)
            print(f"{package}: measuring which tests reach which lines …", flush=True)
            measure = ("--cov=chalicelib", "--cov-report=", "--cov-context=test")
            command = ("-m", "pytest", "-q", "--no-header", "-m", "not hypothesis", *measure, *PACKAGES[package][1])
            making = HOME / f"{package}-{os.getpid()}"
            environment = {**os.environ, "COVERAGE_FILE": str(making)}
            subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True)
            making.rename(data)
        return cls(package, data)

    def tests_of(self, mutant: Mutant) -> list[str]:
        """The tests that reach the mutant; of what only an import reaches, those that import or reach its file."""
        lines = self._lines(mutant.file)
        exact = {test for line in range(mutant.line, mutant.last_line + 1) for test in lines.get(line, ())}
        found = exact or {test for tests in lines.values() for test in tests}
        shuffled = random.Random(mutant.name).sample(sorted(found), len(found))
        return shuffled if exact else [*self._importing(module_of(mutant.file)), *shuffled]

    def _importing(self, module: str) -> list[str]:
        """The package's test files that name this module."""
        files = sorted(file for place in PACKAGES[self.package][1] for file in _python(ROOT / place))
        tests = [file for file in files if file.name.startswith("test_")]
        return [str(file.relative_to(ROOT)) for file in tests if module in file.read_text()]

    def _lines(self, file: Path) -> dict[int, set[str]]:
        contexts = self._data.contexts_by_lineno(str(ROOT / file))
        return {line: set(_tests(names)) for line, names in contexts.items()}

    @cached_property
    def _data(self) -> coverage.CoverageData:
        data = coverage.CoverageData(str(self.file))
        data.read()
        return data


def _tests(contexts: Sequence[str]) -> Iterator[str]:
    """Tests of contexts as pytest-cov names them, each with all its parameters."""
    for context in contexts:
        test, _, phase = context.rpartition("|")
        if phase == "run":
            yield test.partition("[")[0]


if __name__ == "__main__":
    sys.exit(main())
