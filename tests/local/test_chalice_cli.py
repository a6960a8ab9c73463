"""What `chalice local` watches: the code, and nothing that the stack writes beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from chalice.cli.filewatch.stat import StatFileWatcher

from local.stack.chalice_cli import look_at_the_code

CODE = (
    "app.py",
    "chalicelib/domain/money.py",
    "chalicelib/templates/emails/en/hold_expired.txt",
    ".chalice/config.json",
)
BESIDE = (".local/data/emails.jsonl", ".local/guzo.log", "chalicelib/domain/__pycache__/money.pyc", "README.md")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (*CODE, *BESIDE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before", encoding="ascii")
    return tmp_path


def restarts(watcher: StatFileWatcher, project: Path) -> int:
    called: list[None] = []
    look_at_the_code(watcher, str(project), lambda: called.append(None))
    return len(called)


def later(file: Path) -> None:
    os.utime(file, (file.stat().st_atime, file.stat().st_mtime + 1))


def test_it_restarts_once_for_each_change_of_the_code(project: Path) -> None:
    watcher = StatFileWatcher()
    assert restarts(watcher, project) == 0
    for name in CODE:
        later(project / name)
        assert restarts(watcher, project) == 1, name
        assert restarts(watcher, project) == 0, name
    (project / "chalicelib" / "new.py").write_text("new", encoding="ascii")
    assert restarts(watcher, project) == 1
    (project / "app.py").unlink()
    assert restarts(watcher, project) == 1


def test_what_is_written_beside_the_code_restarts_nothing(project: Path) -> None:
    watcher = StatFileWatcher()
    assert restarts(watcher, project) == 0
    for name in BESIDE:
        later(project / name)
    (project / ".local" / "another").write_text("new", encoding="ascii")
    assert restarts(watcher, project) == 0
