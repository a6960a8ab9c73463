"""What is judged when all tests of a folder were run: what they saw together must be all that there is to see.

A run may be spread over processes by pytest-xdist. Each remembers what its own tests saw, a worker sends that to the
process that started it, and there it is put together: the judgement hangs on neither the order nor the number of them.
"""

from __future__ import annotations

import importlib
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

KEPT = "whole_run"


@dataclass(frozen=True)
class Judgement:
    """What the tests of a folder promise together."""

    folder: Path
    promise: str
    module: str
    """Has ``SEEN``, a set of tuples of plain values that grows with the tests; and ``missing``, which tells from such a
    set what is not in it, a line each."""


class WholeRun:
    """The plugin: it fails a run that passed in all its parts and did not see what it must.

    Nothing is judged of a folder of which a test was left out, nor of a run in which one failed.
    """

    def __init__(self, judgements: Iterable[Judgement]) -> None:
        self._judgements = {each.module: each for each in judgements}
        self._seen: defaultdict[str, set[Any]] = defaultdict(set)
        self._left_out: list[Path] = []
        self._whole: set[str] = set()
        self._missing: dict[str, list[str]] = {}

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self._left_out += [item.path for item in items]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if any("::" in argument for argument in session.config.args):
            return
        collected = {item.path for item in session.items}
        for module, judgement in self._judgements.items():
            files = set(judgement.folder.glob("test_*.py"))
            if files <= collected and files.isdisjoint(self._left_out):
                self._whole.add(module)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of pytest-xdist is done."""
        for module, seen in getattr(node, "workeroutput", {}).get(KEPT, {}).items():
            self._whole.add(module)
            self._seen[module] |= seen

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        for module in self._whole & sys.modules.keys():
            self._seen[module] |= importlib.import_module(module).SEEN
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[KEPT] = {module: self._seen[module] for module in self._whole}
        elif exitstatus == pytest.ExitCode.OK and not session.config.option.collectonly:
            for module in self._whole:
                if lines := importlib.import_module(module).missing(self._seen[module]):
                    self._missing[self._judgements[module].promise] = lines
            if self._missing:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for promise, lines in self._missing.items():
            terminalreporter.section(f"NOT TRUE: {promise}", red=True)
            for line in lines:
                terminalreporter.line(line)
