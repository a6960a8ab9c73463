"""One stack for all tests of this package; a world of its own for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from chalicelib.counters import Counters
from chalicelib.services import counting
from tests.api.harness import Stack, World, running

FOLDER = Path(__file__).parent
AT_THE_END = "test_every_documented_status_is_reached"
"""Looks back on the run of this whole folder; it says nothing after a part of it."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    last = [item for item in items if item.name == AT_THE_END]
    if not last:
        return
    items[:] = [item for item in items if item not in last]
    if _is_whole(config, items):
        items += last
    else:
        config.hook.pytest_deselected(items=last)


def _is_whole(config: pytest.Config, items: Sequence[pytest.Item]) -> bool:
    """Every file here is run, by this process, and none only in part."""
    files = {item.path for item in items if item.path.parent == FOLDER}
    parted = config.option.keyword or any("::" in argument for argument in config.args)
    return files >= set(FOLDER.glob("test_*.py")) and not parted and not hasattr(config, "workerinput")


@pytest.fixture(autouse=True)
def no_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Store no running counts: whichever request comes ten seconds after another would. ``test_health`` does."""
    monkeypatch.setattr(counting, "counters", Counters())


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    with running() as made:
        yield made


@pytest.fixture
def world(stack: Stack) -> World:
    return stack.world()
