"""Lock the requirements: each `.in` file's choices, with everything that they bring and its hashes, into a `.txt` file.

What is locked stays as it is until its `.in` file asks for another version, or `--upgrade` for the newest ones.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tools.target import RUNTIME

ROOT = Path(__file__).resolve().parent.parent
FILES = (
    "requirements",
    "local/requirements-local",
    "local/requirements-ministack",
    "requirements-dev",
    "requirements-audit",
    "tests/clients/requirements",
)
"""In this order: a later one keeps to the versions of an earlier one."""


def main(arguments: list[str] | None = None) -> int:
    """`make lock`."""
    parser = argparse.ArgumentParser(prog="python -m tools.lock", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that the choices allow")
    upgrade = ["--upgrade"] if parser.parse_args(arguments).upgrade else []
    uv = Path(sys.executable).with_name("uv")
    for name in FILES:
        command = [str(uv), "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-emit-index-url"]
        python = f"--python-version={RUNTIME.removeprefix('python')}"
        told = ["--custom-compile-command=make lock", f"--output-file={name}.txt", f"{name}.in"]
        if subprocess.run([*command, python, *upgrade, *told], cwd=ROOT, check=False).returncode:
            return 1
        print(f"Locked: {name}.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
