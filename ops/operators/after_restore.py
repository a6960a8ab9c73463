"""After a restore: what the gateways know of the lost window and the tables forgot.

Money that no booking has becomes an orphan on the attention list; bookings of the window, and of a month before it, are
verified again, so that money which went back meanwhile is seen. Whoever was erased in the window is erased again.
It may be repeated, and cut off.
"""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from chalicelib.domain.people.erasure import Erasure
from chalicelib.services.operators.after_restore import Outcome, after_restore
from ops.operators.desk import Desk, Refused


class RecoveredOut(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    outcome: Outcome
    subject: str
    """A payment's reference, ours or the gateway's; a gateway; or an erasure."""
    booking_id: str | None
    """The booking, where there is one."""
    detail: str
    """What it was and is, for people."""


def recover(desk: Desk, asked: argparse.Namespace) -> int:
    """Look for what was lost; 1 where the gateways did not answer for all of it, or not all of a person is erased."""
    recorded = _recorded(asked.erasures) if asked.erasures else ()
    counted: Counter[str] = Counter()
    with desk.acting("after_restore", f"{asked.start.date()}/{asked.end.date()}") as under_way:
        for found in after_restore(
            desk.ports, desk.operator, asked.start, asked.end, recorded=recorded, dry_run=not desk.acts
        ):
            counted[found.outcome] += 1
            shape = RecoveredOut(found.outcome, found.subject, found.booking_id or None, found.detail)
            if desk.as_json or found.outcome != "verified":
                desk.tell(shape, f"{found.outcome:<10} {found.subject}  {found.detail}")
        under_way.found = counted.total()
    desk.say("  ".join(f"{number} {outcome}" for outcome, number in sorted(counted.items())) or "Nothing was found.")
    desk.end()
    return int(counted["unanswered"] + counted["incomplete"] + counted["left"] > 0)


def _recorded(file: str) -> tuple[Erasure, ...]:
    """What ``erasures --json`` printed. Raises Refused."""
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
        return tuple(msgspec.json.decode(line, type=Erasure) for line in lines if line.strip())
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise Refused(f"{file} is no list of erasures: {error}") from error


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant has a zone: 2027-01-14T08:15:30Z")
    return at


def add(verbs: Any, common: argparse.ArgumentParser, writes: argparse.ArgumentParser) -> None:
    """Add ``after-restore`` to the command line."""
    told = "what the gateways know of a lost window"
    command = verbs.add_parser("after-restore", parents=[common, writes], help=told, description=__doc__)
    command.add_argument("--from", dest="start", type=_instant, required=True, help="where the lost window begins")
    command.add_argument("--to", dest="end", type=_instant, required=True, help="and where it ends")
    command.add_argument("--erasures", metavar="FILE", help="erasures that were kept elsewhere: `erasures --json`")
    command.set_defaults(run=recover, needs_name=True)
