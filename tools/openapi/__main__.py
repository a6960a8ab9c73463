"""Write `chalicelib/static/openapi.json` from the routes; with `--check`, only say whether it is stale.

`docs/openapi.json` is a link to that file, which the API serves.
"""

from __future__ import annotations

import argparse
import json
import sys

from local.stack.emulator.ministack import ROOT
from tools.openapi.document import document

FILE = ROOT / "chalicelib" / "static" / "openapi.json"


def main(arguments: list[str] | None = None) -> int:
    """Write or check the document; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail when it is stale")
    options = parser.parse_args(arguments)
    before = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    after = generated()
    if before == after:
        return 0
    if options.check:
        print("docs/openapi.json is stale: the routes or their types have changed. Run make openapi, and commit it.")
        return 1
    FILE.write_text(after, encoding="utf-8")
    print("Written: docs/openapi.json")
    return 0


def generated() -> str:
    """Return the file's text."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
