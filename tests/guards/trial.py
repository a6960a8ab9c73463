"""Trials: tests run by pytest in a forked process, in which some modules are read with a fault in them.

Nothing is written anywhere: the fault is put into the module's syntax tree at the moment of its import. The parent has
imported what the tests need from other people's packages, and nothing of ours, so that a trial starts at once.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Literal
from unittest.mock import patch

ROOT = Path(__file__).parents[2]
PRELOADED = (
    "aws_lambda_powertools.utilities.batch", "botocore.session", "chalice.app", "chalice.test", "cryptography.x509",
    "hypothesis.strategies", "icalendar", "jinja2", "jsonschema", "jwt", "moto", "msgspec", "pynamodb.models",
    "pynamodb.transactions", "pytest", "requests",
)  # fmt: skip
PYTEST = (
    "-q", "-x", "--no-header", "--tb=short", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:pytest_cov",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip
UNREAD = 90
"""The exit status of a trial whose tests passed without ever importing what was changed."""

BROKEN = 91
"""The exit status of a trial in which pytest could not run."""

Verdict = Literal["noticed", "timed out", "survived", "broken"]


@dataclass(frozen=True)
class Trial:
    """Changed modules by name, and what pytest is asked to run with them within so many processor seconds."""

    name: str
    modules: Mapping[str, ast.Module]
    tests: Sequence[str]
    seconds: int = 90


@dataclass(frozen=True)
class Result:
    """What became of a trial, and what pytest printed."""

    trial: Trial
    verdict: Verdict
    output: str


def run_all(trials: Iterable[Trial], *, jobs: int) -> Iterator[Result]:
    """Run the trials, ``jobs`` at a time; each result as soon as it is there."""
    _preload()
    waiting = iter(trials)
    running: dict[int, tuple[Trial, Path]] = {}
    with tempfile.TemporaryDirectory(prefix="guards-") as place:
        for number, trial in enumerate(waiting):
            output = Path(place, str(number))
            running[_start(trial, output)] = trial, output
            if len(running) >= jobs:
                yield _wait(running)
        while running:
            yield _wait(running)


def tree_of(module: str) -> ast.Module:
    """The syntax tree of one of our modules."""
    return ast.parse(path_of(module).read_text())


def path_of(module: str) -> Path:
    """The file of one of our modules."""
    file = ROOT / (module.replace(".", "/") + ".py")
    return file if file.exists() else file.with_suffix("") / "__init__.py"


def _preload() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    ours = [name for name in sys.modules if name.partition(".")[0] in ("app", "chalicelib")]
    if ours:
        raise RuntimeError(f"imported before a fault could be put in: {ours}")


def _start(trial: Trial, output: Path) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = BROKEN
        try:
            status = _run(trial, output)
        except BaseException:  # noqa: BLE001 - the fork ends here, whatever happened in it
            traceback.print_exc()
        finally:
            os._exit(status)
    return pid


def _run(trial: Trial, output: Path) -> int:
    """In the forked process: pytest's exit status, or UNREAD."""
    import pytest

    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), write_through=True)
    sys.stderr = sys.stdout
    resource.setrlimit(resource.RLIMIT_CPU, (trial.seconds, trial.seconds + 5))
    os.chdir(ROOT)
    with _reading(trial.modules) as read:
        status = int(pytest.main([*PYTEST, "--hypothesis-seed=0", *trial.tests]))
    return UNREAD if status == 0 and read != trial.modules.keys() else status


@contextlib.contextmanager
def _reading(modules: Mapping[str, ast.Module]) -> Iterator[set[str]]:
    """Import these modules as they stand here; gives the names of those that were imported so far."""
    original = SourceFileLoader.get_code
    read: set[str] = set()

    def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
        if fullname not in modules:
            return original(loader, fullname)
        read.add(fullname)
        return compile(modules[fullname], loader.path, "exec", dont_inherit=True)

    with patch.object(SourceFileLoader, "get_code", get_code):
        yield read


def _wait(running: dict[int, tuple[Trial, Path]]) -> Result:
    pid, status = os.wait()
    trial, output = running.pop(pid)
    text = output.read_text(errors="replace")
    output.unlink()
    if os.WIFSIGNALED(status):
        timed_out = os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
        return Result(trial, "timed out" if timed_out else "broken", text)
    # Where a fault keeps a test file from being imported at all, pytest calls the run interrupted, or wrongly used.
    stopped: Verdict = "noticed" if "ERROR collecting" in text or "while loading conftest" in text else "broken"
    verdicts: dict[int, Verdict] = {0: "survived", 1: "noticed", 2: stopped, 4: stopped}
    return Result(trial, verdicts.get(os.WEXITSTATUS(status), "broken"), text)


def timed(begun: float) -> str:
    """The seconds since then, for a last line."""
    return f"{time.monotonic() - begun:.0f} s"
