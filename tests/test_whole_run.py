"""What a folder's tests saw is judged of the whole run, and only of a whole one, in one process and in several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROMISE = "both are seen"
FILES = {
    "conftest.py": """
        from pathlib import Path
        from tests.whole_run import Judgement, WholeRun
        def pytest_configure(config):
            folder = Path(__file__).parent / "judged"
            config.pluginmanager.register(WholeRun([Judgement(folder, "both are seen", "seen")]))
    """,
    "seen.py": """
        SEEN = set()
        def missing(seen):
            return sorted({"a", "b"} - {name for name, _ in seen})
    """,
    "judged/test_a.py": """
        import seen
        def test_a():
            seen.SEEN.add(("a", 1))
    """,
    "judged/test_b.py": """
        import seen
        def test_b():
            seen.SEEN.add(("SECOND", 1))
        def test_wrong():
            assert RIGHT
    """,
}


def run(folder: Path, *arguments: str, second: str = "b", right: bool = True) -> tuple[int, str]:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        lines = text.replace("SECOND", second).replace("RIGHT", str(right)).splitlines()
        path.write_text("\n".join(line[8:] for line in lines))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "--rootdir", folder, *arguments],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout


@pytest.mark.parametrize("processes", ["-n0", "-n2"])
def test_what_nobody_saw_fails_a_run_that_passed_otherwise(tmp_path: Path, processes: str) -> None:
    assert run(tmp_path, processes)[0] == 0
    code, printed = run(tmp_path, processes, second="a")
    assert code == 1
    assert "3 passed" in printed
    assert f"NOT TRUE: {PROMISE}" in printed
    assert "\nb\n" in printed


@pytest.mark.parametrize("arguments", [["judged/test_a.py"], ["-k", "not test_b"], ["judged/test_a.py::test_a"]])
def test_a_part_of_the_folder_promises_nothing(tmp_path: Path, arguments: list[str]) -> None:
    code, printed = run(tmp_path, "-n0", *arguments)
    assert code == 0
    assert PROMISE not in printed


def test_a_test_that_failed_is_told_alone(tmp_path: Path) -> None:
    code, printed = run(tmp_path, "-n0", second="a", right=False)
    assert code == 1
    assert "1 failed" in printed
    assert PROMISE not in printed
