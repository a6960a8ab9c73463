"""Which commit a package is made from."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


class RevisionError(Exception):
    """The commit is not known, and must be; the message says why."""


@dataclass(frozen=True)
class Revision:
    """A commit, and whether files differ from it."""

    commit: str
    changes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.commit[:12]}-dirty" if self.changes else self.commit[:12]


def revision_of(root: Path) -> Revision:
    """The commit of a checkout; GUZO_COMMIT names it where there is no checkout. Raises RevisionError."""
    if given := os.environ.get("GUZO_COMMIT"):
        return Revision(given)
    commit = _git(root, "rev-parse", "HEAD").strip()
    return Revision(commit, tuple(_git(root, "status", "--porcelain").splitlines()))


def _git(root: Path, *arguments: str) -> str:
    try:
        run = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise RevisionError("git is not installed, so nobody knows which commit this is: set GUZO_COMMIT.") from None
    if run.returncode:
        raise RevisionError(f"Nobody knows which commit this is (or set GUZO_COMMIT): {run.stderr.strip()}")
    return run.stdout
