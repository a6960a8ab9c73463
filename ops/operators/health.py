"""How a stage fares, as the console's first page shows it."""

from __future__ import annotations

import argparse
from typing import Any

from chalicelib.api.routes.operators.health import CheckOut, GatewayHealthOut, StageHealthOut
from chalicelib.services.operators.health import stage_health
from ops.operators.desk import Desk

WELL, UNWELL = 0, 1


def health(desk: Desk, _: argparse.Namespace) -> int:
    """Tell how the stage fares; end with 1 where dead letters lie, or the clock has never ticked."""
    settings = desk.stage.settings
    told = StageHealthOut.of(stage_health(desk.ports, desk.operator), commit=settings.commit, stage=settings.stage)
    payments = f"opened {told.payments_opened}, not opened {told.payments_not_opened}, paid {told.payments_paid}"
    lines = [
        f"{told.stage}  version {told.version}  commit {told.commit}  the last hour up to {told.at}",
        *map(_of_gateway, told.gateways),
        f"payments   {payments}",
        f"sweep      {told.last_sweep_at or 'never'}",
        f"check      {_of_check(told.last_check)}",
        *(
            f"queue      {each.queue}  waiting {each.waiting}, at work {each.at_work}, dead letters {each.dead_letters}"
            for each in told.queues or ()
        ),
    ]
    desk.tell(told, "\n".join(lines))
    dead = sum(each.dead_letters for each in told.queues or ())
    return UNWELL if dead or told.queues is None or told.last_sweep_at is None else WELL


def _of_gateway(gateway: GatewayHealthOut) -> str:
    share = "" if gateway.silent_share is None else f" ({gateway.silent_share:.0%})"
    times = "no answers" if gateway.p50_ms is None else f"p50 {gateway.p50_ms} ms, p95 {gateway.p95_ms} ms"
    return f"gateway    {gateway.gateway}  {gateway.calls} calls, {gateway.silent} silent{share}, {times}"


def _of_check(check: CheckOut | None) -> str:
    if check is None:
        return "never"
    found = f"{check.checked} looks at bookings, {check.findings} findings, {check.unreadable} unreadable"
    return f"{check.day}  {found}, {f'finished {check.finished_at}' if check.finished_at else 'under way'}"


def add(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add ``health`` to the command line."""
    verb = verbs.add_parser(
        "health",
        parents=[common],
        help="how the stage fares: gateways, payments, the clock, the daily check, the queues",
        epilog="Ends with 1 where dead letters lie, a queue cannot be asked, or the clock has never ticked.",
    )
    verb.set_defaults(run=health)
