"""Look for known weaknesses: in what is locked, in production's template, in workflows and in the client's packages."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from chalicelib.settings import LIVE_STAGE
from tools.lock import FILES
from tools.package import ROOT, build

ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"


def main(arguments: list[str] | None = None) -> int:
    """`make audit`: 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tools.audit", description=__doc__)
    parser.add_argument("bin", type=Path, help="where pip-audit and checkov are")
    auditors = parser.parse_args(arguments).bin
    package = build(LIVE_STAGE, out=ROOT / "build" / "audit", rehearsal=True)
    results = [_run([auditors / "pip-audit", "--disable-pip", "--require-hashes", *_locks()])]
    template = package.translated.relative_to(ROOT)  # checkov takes a long absolute path for a secret
    results.append(_run([auditors / "checkov", "--file", template, "--config-file", ".checkov.yaml"]))
    results.append(_run([Path(sys.executable).with_name("zizmor"), "--pedantic", "--no-progress", ROOT / ".github"]))
    results.append(_run([sys.executable, "-m", "tools.trust", "--published"]))
    for program, command in (("go", ["go", "run", ACTIONLINT]), ("npm", ["npm", "--prefix", "client", "audit"])):
        if shutil.which(program):
            results.append(_run(command))
        else:
            print(f"Left out, since {program} is not here: {' '.join(command)}")
    return int(any(results))


def _locks() -> list[str]:
    return [f"--requirement={name}.txt" for name in FILES]


def _run(command: Sequence[str | Path]) -> int:
    words = [str(word) for word in command]
    print(f"== {Path(words[0]).name} {' '.join(words[1:])}", flush=True)
    return subprocess.run(words, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
