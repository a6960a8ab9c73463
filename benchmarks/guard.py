"""Whether a booking costs more instructions than it did one commit ago: both are counted here and now.

How many instructions Python takes depends on how it was built, so no number of another machine is compared with. The
commit before (``--against``; else where this branch left main, or the parent) is checked out beside this tree, both are
packaged, and each is counted on a world of its own: up to the first booking after a cold start, and each of twenty
further ones. More than LIMIT above is a failure; where it cannot be counted, it says why, and passes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.answers import Bench, Case
from benchmarks.counting import VALGRIND, Failed, instructions
from benchmarks.world import ROOT, running

LIMIT = 0.03
FURTHER = 20
CASE = Case("Guzo", "POST booking", "app.app", "POST booking", 1, further=True)


class Skipped(Exception):
    """It cannot be counted here; the message says why."""


def main(arguments: list[str] | None = None) -> int:
    """Count, print, and answer 1 for a failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", default="", help="the commit to compare with")
    told = parser.parse_args(arguments or [])
    try:
        if not VALGRIND:
            raise Skipped("valgrind is not installed")
        commit = told.against or commit_before()
        with checked_out(commit) as tree, ThreadPoolExecutor(2) as pool:
            now, before = pool.map(cost_of, (ROOT, tree))
    except Skipped as skipped:
        print(f"Instructions are not compared: {skipped}.")
        return 0
    print(f"Millions of instructions; before: {commit[:12]}\n")
    print("| POST booking | before | now | |\n|---|---|---|---|")
    for name, was, found in zip(("the first", "each further one"), before, now, strict=True):
        print(f"| {name} | {was:.1f} | {found:.1f} | {found / was - 1:+.1%} |")
    worse = grown(before, now)
    if worse:
        print(f"\nMore than {LIMIT:.0%} above the commit before. If it is worth that, say so in the commit's message.")
    return int(worse)


def grown(before: tuple[float, float], now: tuple[float, float]) -> bool:
    """Whether either figure is more than LIMIT above what it was."""
    return any(found > was * (1 + LIMIT) for was, found in zip(before, now, strict=True))


def commit_before(git: Callable[..., str] | None = None) -> str:
    """Where this branch left main; on main itself, and with nothing changed, the parent. Raises Skipped."""
    git = git or _git
    head = git("rev-parse", "HEAD")
    if git("status", "--porcelain", "--untracked-files=no"):
        return head
    for name in ("origin/main", "main"):
        try:
            left = git("merge-base", "HEAD", name)
        except Skipped:
            continue
        if left != head:
            return left
    return git("rev-parse", "HEAD~1")


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """The tree of a commit, in a folder of its own. Raises Skipped."""
    with tempfile.TemporaryDirectory(prefix="guzo-before-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--detach", str(tree), commit)
        wheels = ROOT / "build" / "wheels"
        wheels.mkdir(parents=True, exist_ok=True)
        (tree / "build").mkdir()
        (tree / "build" / "wheels").symlink_to(wheels)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def cost_of(tree: Path) -> tuple[float, float]:
    """Millions of instructions of a tree: up to its first booking, and each further one. Raises Skipped."""
    with running() as world, tempfile.TemporaryDirectory() as folder:
        try:
            bench = Bench(world, Path(folder), tree)
        except (SystemExit, Exception) as error:
            if tree == ROOT:
                raise
            raise Skipped(f"the commit before does not run under this benchmark: {error}") from error
        try:
            once, many = (
                instructions(bench.argv(CASE, count), bench.environment(CASE)) / 1e6 for count in (1, 1 + FURTHER)
            )
        except Failed as failed:
            if tree == ROOT:
                raise
            raise Skipped(f"the commit before does not run under this benchmark: {failed}") from failed
    return once, (many - once) / FURTHER


def _git(*arguments: str) -> str:
    """What git says. Raises Skipped."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Skipped("git is not here") from error
    if done.returncode:
        raise Skipped(f"git {arguments[0]} failed: {done.stderr.strip() or 'it says nothing'}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
