"""The guard of a booking's instructions: what it compares with, what it fails for, and when it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import guard
from benchmarks.guard import Skipped, commit_before, grown, main
from benchmarks.world import ROOT


def git(**answers: str | None) -> Callable[..., str]:
    """Answers ``merge-base origin/main`` under ``origin``, and so on; nothing for what fails."""

    def say(*arguments: str) -> str:
        name = {
            ("rev-parse", "HEAD"): "head",
            ("rev-parse", "HEAD~1"): "parent",
            ("merge-base", "HEAD", "origin/main"): "origin",
            ("merge-base", "HEAD", "main"): "main",
        }.get(arguments, arguments[0])
        answer = answers.get(name)
        if answer is None:
            raise Skipped(f"git {arguments[0]} failed")
        return answer

    return say


def test_a_branch_is_compared_with_where_it_left_main() -> None:
    assert commit_before(git(status="", head="b", origin="a", main="x", parent="p")) == "a"
    assert commit_before(git(status="", head="b", main="a", parent="p")) == "a"


def test_main_itself_is_compared_with_the_commit_before() -> None:
    assert commit_before(git(status="", head="b", origin="b", main="b", parent="p")) == "p"


def test_what_is_not_committed_is_compared_with_what_is() -> None:
    assert commit_before(git(status=" M app.py", head="b", origin="a")) == "b"


def test_without_a_history_there_is_nothing_to_compare_with() -> None:
    with pytest.raises(Skipped, match="rev-parse"):
        commit_before(git(status="", head="b", origin="b"))


@pytest.mark.parametrize(
    ("now", "fails"), [((1000, 14), False), ((1029, 14.4), False), ((1031, 14), True), ((900, 14.5), True)]
)
def test_either_figure_may_grow_by_three_per_cent(now: tuple[float, float], *, fails: bool) -> None:
    assert grown((1000, 14), now) is fails


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> dict[bool, tuple[float, float]]:
    """By whether it is this tree: what it costs."""
    costs = {True: (1000.0, 14.0), False: (1000.0, 14.0)}

    @contextmanager
    def checked_out(commit: str) -> Iterator[Path]:
        assert commit == "a" * 40
        yield Path("/before")

    monkeypatch.setattr(guard, "VALGRIND", "/usr/bin/valgrind")
    monkeypatch.setattr(guard, "commit_before", lambda: "a" * 40)
    monkeypatch.setattr(guard, "checked_out", checked_out)
    monkeypatch.setattr(guard, "cost_of", lambda tree: costs[tree == ROOT])
    return costs


def test_it_fails_and_shows_by_how_much(
    costs: dict[bool, tuple[float, float]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main() == 0
    costs[True] = (1000.0, 14.7)
    assert main() == 1
    assert "| each further one | 14.0 | 14.7 | +5.0% |" in capsys.readouterr().out


def test_where_it_cannot_count_it_says_why_and_passes(
    costs: dict[bool, tuple[float, float]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cannot(tree: Path) -> tuple[float, float]:
        raise Skipped(f"{tree.name} does not run")

    monkeypatch.setattr(guard, "cost_of", cannot)
    assert main(["--against", "a" * 40]) == 0
    monkeypatch.setattr(guard, "VALGRIND", None)
    assert main() == 0
    told = capsys.readouterr().out
    assert "does not run" in told
    assert "valgrind is not installed" in told
    assert costs
