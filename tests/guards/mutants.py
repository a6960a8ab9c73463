"""Mutants by mutmut: ``python -m tests.guards.mutants [PART or FILE…] [--only PATTERN] [--children N] [--fresh]``.

Each part of the code is mutated in a copy of its own under ``.local/mutants/``, and run against the tests that are
about it. What was tested is remembered there, so a run that was stopped goes on where it was; a changed file is done
again. A file (``services/saving.py``) stands for all its mutants, and files are done in the order in which they are
named. ``--only`` takes mutmut's own patterns: ``--only '*saving*'``, or every tenth mutant with
``--only '*__mutmut_*7'``. What is named in one of these ways is tested whether or not it was before.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".local" / "mutants"
NEEDED = ("chalicelib", "local", "tests", "docs", ".chalice", "app.py", "pyproject.toml")
NOT_COPIED = {"__pycache__", "node_modules"}


@dataclass(frozen=True)
class Part:
    mutated: tuple[str, ...]
    tests: tuple[str, ...]
    spared: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


PARTS = {
    # Without Hypothesis: what only its examples find, one seed finds and another does not. It takes most of the time.
    "domain": Part(("chalicelib/domain/*",), ("tests/domain",), options=("-m", "not hypothesis")),
    "services": Part(("chalicelib/services/*",), ("tests/services",), ("chalicelib/services/ports.py",)),
    "tables": Part(
        ("chalicelib/adapters/dynamodb*.py",),
        ("tests/adapters/test_dynamodb_contract.py", "tests/adapters/test_dynamodb.py"),
    ),
}

# The wording of a log line, and of what is said to a person, is not what these tests are about.
SPARED_LINES = (r"observe\(", r"""raise \w+\(f?["']""")
PYTEST = ("--timeout=60", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov")

OUTCOMES = {None: "not run", 0: "survived", 33: "no tests"}
TIMED_OUT = {24, -24, 36, 152, 255}


def main() -> int:
    asked = _arguments()
    for name, files in asked.what or [(part, []) for part in PARTS]:
        copy = HOME / name
        if asked.fresh:
            shutil.rmtree(copy, ignore_errors=True)
        _copy(copy)
        _configure(copy, PARTS[name])
        mutmut = [sys.executable, "-m", "mutmut", "run", "--max-children", str(asked.children), *files, *asked.only]
        done = subprocess.run(mutmut, cwd=copy, check=False, env={**os.environ, "PYTHONHASHSEED": "0"})
        _report(name, copy)
        if done.returncode:
            return done.returncode
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.guards.mutants", description=__doc__.partition(":")[0])
    parser.add_argument("what", nargs="*", type=_part_of, help=f"files, or parts: {', '.join(PARTS)} (all, if none is)")
    parser.add_argument("--only", action="append", default=[], help="a pattern of mutants, for mutmut")
    parser.add_argument("--children", type=int, default=2, help="how many at once")
    parser.add_argument("--fresh", action="store_true", help="forget what was tested before")
    return parser.parse_args()


def _part_of(what: str) -> tuple[str, list[str]]:
    """The part that is meant, and mutmut's pattern for a file of it."""
    if what in PARTS:
        return what, []
    file = Path("chalicelib", what)
    for name, part in PARTS.items():
        if (ROOT / file).is_file() and any(fnmatch(str(file), pattern) for pattern in part.mutated):
            return name, [".".join([*file.with_suffix("").parts, "*"])]
    raise argparse.ArgumentTypeError(f"{what} is neither a part ({', '.join(PARTS)}) nor a file of one")


def _copy(to: Path) -> None:
    """Bring the copy up to date; a file that is the same keeps its time, so that mutmut knows it again."""
    for source in (path for name in NEEDED for path in _files(ROOT / name)):
        target = to / source.relative_to(ROOT)
        if not target.exists() or not filecmp.cmp(source, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for target in (path for name in NEEDED for path in _files(to / name)):
        if not (ROOT / target.relative_to(to)).exists():
            target.unlink()


def _files(at: Path) -> list[Path]:
    if at.is_file():
        return [at]
    return [path for path in at.rglob("*") if path.is_file() and not NOT_COPIED & set(path.parts)]


def _configure(copy: Path, part: Part) -> None:
    settings: dict[str, object] = {
        "source_paths": ["chalicelib"],
        "only_mutate": part.mutated,
        "do_not_mutate": part.spared,
        "do_not_mutate_patterns": SPARED_LINES,
        "also_copy": [name for name in NEEDED if name not in ("tests", "pyproject.toml")],
        "pytest_add_cli_args": [*PYTEST, *part.options],
        # A mutant that never ends is given up after a few times as long as its tests take.
        "timeout_multiplier": 4.0,
        "timeout_constant": 3.0,
        "pytest_add_cli_args_test_selection": part.tests,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    own = (ROOT / "pyproject.toml").read_text()
    (copy / "pyproject.toml").write_text("\n".join([own, "[tool.mutmut]", *lines, ""]))


def _report(name: str, copy: Path) -> None:
    """One line a file, and the survivors by name (``mutmut show NAME`` in the copy shows one)."""
    survivors = []
    print(f"\n{name}: in {copy.relative_to(ROOT)}")
    print(f"{'file':<44}{'mutants':>8}{'run':>7}{'killed':>8}{'time-out':>10}{'survived':>10}{'score':>8}")
    for meta in sorted((copy / "mutants" / "chalicelib").rglob("*.py.meta")):
        codes: dict[str, int | None] = json.loads(meta.read_text())["exit_code_by_key"]
        if not codes:
            continue
        counts = Counter("timed out" if code in TIMED_OUT else OUTCOMES.get(code, "killed") for code in codes.values())
        alive = counts["survived"] + counts["no tests"]
        run = len(codes) - counts["not run"]
        score = f"{100 * (run - alive) / run:.1f} %" if run else "–"
        file = meta.relative_to(copy / "mutants").with_suffix("")
        print(f"{file!s:<44}{len(codes):>8}{run:>7}{counts['killed']:>8}{counts['timed out']:>10}{alive:>10}{score:>8}")
        survivors += [key for key, code in codes.items() if code in (0, 33)]
    print(*(f"  survived: {key}" for key in survivors), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
