"""Read a stage's logs, all functions together, in order: `make logs STAGE=prod [ARGS="--errors --since 2h --follow"]`.

A line is the time, the function, the event and its fields. Nothing personal is in them.
"""

from __future__ import annotations

import argparse
import heapq
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.aws import OpsError, deployed_stack, run, stack_name

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LEFT_OUT = {"level", "location", "message", "timestamp", "service", "function", "xray_trace_id", "lambda_request_id"}
PATTERNS = {"--errors": '{ $.level = "ERROR" || $.level = "WARNING" }'}
PAUSE = 2.0


@dataclass(frozen=True)
class Line:
    """One event of a log."""

    at: int
    """Milliseconds since 1970."""
    group: str
    text: str


def main(arguments: list[str] | None = None) -> int:
    """Run `make logs`; return the exit code."""
    parser = argparse.ArgumentParser(prog="make logs", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("--since", default="15m", help="how far back: 90s, 15m, 2h, 1d (default: 15m)")
    parser.add_argument("--errors", action="store_true", help="warnings and errors only")
    parser.add_argument("--find", metavar="TEXT", help="lines that hold this: a booking's id, a request's, an event")
    parser.add_argument("--follow", action="store_true", help="go on with what comes")
    told = parser.parse_args(arguments)

    def command(session: Any) -> int:
        began = datetime.now(UTC) - duration(told.since)
        groups = log_groups(session, told.stage)
        pattern = PATTERNS["--errors"] if told.errors else ""
        wanted = told.find or ""
        seen_until = int(began.timestamp() * 1000)
        while True:
            for line in lines(session.client("logs"), groups, since=seen_until, pattern=pattern):
                seen_until = max(seen_until, line.at + 1)
                if wanted in line.text:
                    print(shown(line), flush=True)
            if not told.follow:
                return 0
            time.sleep(PAUSE)

    return run(command)


def duration(text: str) -> timedelta:
    """Return 15m as a timedelta. Raises OpsError."""
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if found is None:
        raise OpsError(f"{text!r} is no duration: 90s, 15m, 2h, 1d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def log_groups(session: Any, stage: str) -> list[str]:
    """Return the log groups of the stage's functions. Raises OpsError when it is not deployed."""
    deployed_stack(session, stage)
    prefix = f"/aws/lambda/{stack_name(stage)}-"
    pages = session.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
    return [group["logGroupName"] for page in pages for group in page["logGroups"]]


def lines(logs: Any, groups: list[str], *, since: int, pattern: str) -> Iterator[Line]:
    """Yield the groups' lines from an instant on, in order of time."""
    yield from heapq.merge(*(_lines(logs, group, since, pattern) for group in groups), key=lambda line: line.at)


def _lines(logs: Any, group: str, since: int, pattern: str) -> Iterator[Line]:
    told = {"filterPattern": pattern} if pattern else {}
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since, **told):
        for event in sorted(page["events"], key=lambda each: int(each["timestamp"])):
            yield Line(int(event["timestamp"]), group, event["message"].rstrip())


def shown(line: Line) -> str:
    """Return a line as a person reads it; a line that is not ours as it is."""
    at = datetime.fromtimestamp(line.at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    try:
        told = json.loads(line.text)
    except ValueError:
        return f"{at} {line.group.rpartition('-')[0].rpartition('-')[2]:12} {line.text}"
    if not isinstance(told, dict) or "message" not in told:
        return f"{at} {'metrics':12} {line.text}"
    fields = " ".join(f"{name}={value}" for name, value in told.items() if name not in LEFT_OUT)
    level = {"ERROR": "✗ ", "WARNING": "! "}.get(str(told.get("level")), "")
    return f"{at} {told.get('function', ''):12} {level}{told['message']} {fields}"


if __name__ == "__main__":
    sys.exit(main())
