"""Imports run downwards only: the contracts of pyproject.toml."""

import subprocess
import sys
from pathlib import Path

from tools.package import ROOT


def test_imports_run_downwards() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
