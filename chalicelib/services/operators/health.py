"""How the stage fares, for whoever opens the console in the morning: gateways, payments, the clock, the queues."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.record import Record
from chalicelib.domain.timing import COUNTS_SHOWN
from chalicelib.domain.watch.health import (
    NOT_OPENED,
    OPENED,
    PAID,
    GatewayHealth,
    add_up,
    gateway_health,
    slots_between,
)
from chalicelib.domain.watch.watching import Check
from chalicelib.services.access import Principal, with_role
from chalicelib.services.ports.outcomes import Fault, Unreadable
from chalicelib.services.ports.queues import QueueDepth
from chalicelib.services.ports.stage import Ports


class StageHealth(Record, frozen=True):
    """The last hour up to ``at``, by the running counts, and what is there now.

    ``queues`` is None where they could not be asked; the rest is shown all the same.
    """

    at: datetime
    gateways: tuple[GatewayHealth, ...]
    opened: int
    not_opened: int
    paid: int
    last_sweep_at: datetime | None
    last_check: Check | None
    queues: tuple[QueueDepth, ...] | None


def stage_health(ports: Ports, principal: Principal | None) -> StageHealth:
    """What is known of the last hour. Raises Forbidden, StoreBusy."""
    with_role(principal, "operator")
    now = ports.clock.now()
    counts = add_up(ports.watch.counts(slots_between(now - COUNTS_SHOWN, now)).values())
    return StageHealth(
        at=now,
        gateways=tuple(gateway_health(gateway.name, counts) for gateway in ports.gateways.all()),
        opened=counts[OPENED],
        not_opened=counts[NOT_OPENED],
        paid=counts[PAID],
        last_sweep_at=ports.watch.last_sweep(),
        last_check=_last_check(ports),
        queues=_depths(ports),
    )


def _last_check(ports: Ports) -> Check | None:
    try:
        return ports.watch.load_check()
    except Unreadable:
        # A newer release has written it: its own page shows it.
        return None


def _depths(ports: Ports) -> tuple[QueueDepth, ...] | None:
    try:
        return ports.queue.depths()
    except Fault:
        ports.observe("queues_unreadable", level="warning")
        return None
