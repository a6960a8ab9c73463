"""How the stage fares, over HTTP."""

from __future__ import annotations

import msgspec
from chalice.app import Blueprint

from chalicelib import __version__
from chalicelib.api.core.formats import Day, Instant, instant
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.timing import COUNTS_SHOWN
from chalicelib.domain.watch.health import GatewayHealth
from chalicelib.domain.watch.watching import Check
from chalicelib.services.operators.health import StageHealth, stage_health
from chalicelib.services.ports.queues import QueueDepth, QueueName

routes = Blueprint(__name__)


class GatewayHealthOut(msgspec.Struct, frozen=True):
    """The calls of one gateway in the last hour."""

    gateway: str
    """The gateway."""
    calls: int
    """How often it was called."""
    silent: int
    """How many of these calls said nothing: no answer, a 5xx or a 429."""
    silent_share: float | None
    """The share of silent calls, from 0 to 1; null where none was made."""
    p50_ms: int | None
    """Half of the answers came within so many milliseconds, at most by a half too large; null where none came."""
    p95_ms: int | None
    """Nineteen in twenty answers came within so many milliseconds, likewise."""

    @classmethod
    def of(cls, health: GatewayHealth) -> GatewayHealthOut:
        share = None if health.silent_share is None else round(health.silent_share, 4)
        return cls(health.gateway, health.calls, health.silent, share, health.p50_ms, health.p95_ms)


class QueueOut(msgspec.Struct, frozen=True):
    """How much lies in a queue, about."""

    queue: QueueName
    waiting: int
    """How many messages wait."""
    at_work: int
    """How many are at work."""
    dead_letters: int
    """How many failed too often, and wait for a person."""

    @classmethod
    def of(cls, depth: QueueDepth) -> QueueOut:
        return cls(depth.queue, depth.waiting, depth.at_work, depth.dead_letters)


class CheckOut(msgspec.Struct, frozen=True):
    """A daily check of what is stored: bookings, nights and ledger."""

    day: Day
    """The day of the check, in the stage's time zone."""
    begun_at: Instant
    """When it began."""
    finished_at: Instant | None
    """When it was finished; null while it is under way."""
    checked: int
    """How many looks at bookings it took: one that was made and paid since the last check is looked at twice."""
    findings: int
    """How much was found that was not known before; each is on the attention list."""
    unreadable: int
    """How many records could not be read."""

    @classmethod
    def of(cls, check: Check) -> CheckOut:
        finished = None if check.finished_at is None else instant(check.finished_at)
        counts = check.checked, check.findings, check.unreadable
        return cls(f"{check.day}", instant(check.begun_at), finished, *counts)


class StageHealthOut(msgspec.Struct, frozen=True, kw_only=True):
    """How the stage fares. What was counted a moment ago may still be missing."""

    at: Instant
    """The end of the time that was counted."""
    seconds: int
    """How long that time is."""
    gateways: tuple[GatewayHealthOut, ...]
    """The gateways that take new payments, by name."""
    payments_opened: int
    """How many payments got a link."""
    payments_not_opened: int
    """How many openings failed."""
    payments_paid: int
    """How many payments were completed."""
    last_sweep_at: Instant | None
    """When the clock last ticked, once a minute; null: never."""
    last_check: CheckOut | None
    """The last daily check of what is stored; null: there was none."""
    queues: tuple[QueueOut, ...] | None
    """What lies in the queues; null where they could not be asked."""
    version: str
    """The version of the code."""
    commit: str
    """The commit that the package was made from."""
    stage: str
    """The stage's name."""

    @classmethod
    def of(cls, health: StageHealth, *, commit: str, stage: str) -> StageHealthOut:
        return cls(
            at=instant(health.at),
            seconds=int(COUNTS_SHOWN.total_seconds()),
            gateways=tuple(GatewayHealthOut.of(each) for each in health.gateways),
            payments_opened=health.opened,
            payments_not_opened=health.not_opened,
            payments_paid=health.paid,
            last_sweep_at=instant(health.last_sweep_at) if health.last_sweep_at else None,
            last_check=None if health.last_check is None else CheckOut.of(health.last_check),
            queues=None if health.queues is None else tuple(QueueOut.of(each) for each in health.queues),
            version=__version__,
            commit=commit,
            stage=stage,
        )


@endpoint(routes, "GET", "/v1/ops/health", role="operator", outcomes=(Outcome(body=StageHealthOut),))
def read_stage_health(call: Call) -> Answer:
    """Tell how the stage fares: each gateway's answers in the last hour, the clock, the queues, the release."""
    health = stage_health(call.container, call.principal)
    settings = call.container.settings
    return Answer(StageHealthOut.of(health, commit=settings.commit, stage=settings.stage))
