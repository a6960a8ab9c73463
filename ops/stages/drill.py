"""Rehearse a restore: `make drill STAGE=prod [ARGS="--at 2026-11-26T10:00:00Z"]`.

All tables are restored beside the live ones, everything in them is checked, and they are deleted again; how long each
step took is what you will wait when it is no rehearsal. The live tables are not written to. AWS takes some 0.15 $ a GB.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

from ops.aws import deployed_stack, outputs_of, run
from ops.invariants import broken
from ops.stages.tables import Tell, delete, instant, items, latest_instant, restore, tables_of, timed

SHOWN = 20
"""How many findings are shown one by one."""


def main(arguments: list[str] | None = None) -> int:
    """Run `make drill`; return the exit code: 1 when something does not hold."""
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("--at", type=instant, metavar="INSTANT", help="restore to it; otherwise to the newest there is")
    told = parser.parse_args(arguments)
    return run(lambda session: min(1, len(drill(session, told.stage, at=told.at))))


def drill(session: Any, stage: str, *, at: datetime | None, tell: Tell = print, pause: float = 15) -> list[str]:
    """Restore, check, clean up; return what does not hold. What was made is always deleted. Raises OpsError."""
    dynamodb = session.client("dynamodb")
    live = tables_of(outputs_of(deployed_stack(session, stage)))
    at = at or latest_instant(dynamodb, live)
    made = live.beside(f"drill-{datetime.now(UTC):%Y%m%d%H%M%S}")
    tell(f"Stage {stage}, as it was at {at:%Y-%m-%dT%H:%M:%SZ}:")
    try:
        with timed(tell, "all tables restored"):
            restore(dynamodb, live, made, at=at, pause=pause)
        with timed(tell, "everything in them read"):
            listings, bookings, ledger = (list(items(dynamodb, name)) for name in made)
        with timed(
            tell, f"{len(bookings)} items of bookings, {len(listings)} of listings, {len(ledger)} of the ledger checked"
        ):
            findings = list(broken(bookings, listings, ledger))
    finally:
        with timed(tell, "restored tables deleted"):
            delete(dynamodb, made, pause=pause)
    show(findings, tell)
    return findings


def show(findings: list[str], tell: Tell) -> None:
    """Tell what does not hold."""
    for finding in findings[:SHOWN]:
        tell(f"✗ {finding}")
    tell(f"{len(findings)} things do not hold." if findings else "Everything holds.")


if __name__ == "__main__":
    sys.exit(main())
