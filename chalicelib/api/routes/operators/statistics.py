"""How bookings fare, over HTTP: for operators."""

from __future__ import annotations

from datetime import date

import msgspec
from chalice.app import Blueprint

from chalicelib.api.core.formats import Day
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.services.operators import statistics
from chalicelib.services.operators.statistics import Funnel, Statistics, Step

routes = Blueprint(__name__)


class StatisticsQuery(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """Bookings by day of creation, in the stage's time zone."""

    start: date
    """The first day."""
    end: date
    """The last day, included; at most 30 days later."""


class FunnelOut(msgspec.Struct, frozen=True):
    """What became of the bookings that were made on a day."""

    day: Day
    """The day, in the stage's time zone."""
    held: int
    """How many bookings were made."""
    linked: int
    """How many of them got a link to pay on."""
    paid: int
    """How many were paid."""
    confirmed: int
    """How many were confirmed, those that were cancelled since included."""

    @classmethod
    def of(cls, funnel: Funnel) -> FunnelOut:
        return cls(funnel.day.isoformat(), funnel.held, funnel.linked, funnel.paid, funnel.confirmed)


class StepOut(msgspec.Struct, frozen=True):
    """How many took a time, or have waited for one: from that of the step before on."""

    under_seconds: int | None
    """The time stayed below this; null: it did not stay below that of the step before."""
    count: int
    """How many."""

    @classmethod
    def of(cls, step: Step) -> StepOut:
        return cls(None if step.under is None else int(step.under.total_seconds()), step.count)


class StatisticsOut(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """How the bookings of a period fare, and what waits now."""

    start: date
    """The first day."""
    end: date
    """The last day, included."""
    days: tuple[FunnelOut, ...]
    """What became of the bookings of each day that was read, oldest first."""
    checkout_to_paid: tuple[StepOut, ...]
    """How long their payments took, from the opening until they were paid."""
    open_payments: tuple[StepOut, ...]
    """Since when the payments are open that wait for their guests now, whatever day they are of."""
    refunds_under_way: tuple[StepOut, ...]
    """Since when the refunds are owed that are not done yet, whatever day they are of."""
    partial: bool
    """There is more than was read: the newest days are told, and what waits for something first."""

    @classmethod
    def of(cls, found: Statistics, query: StatisticsQuery) -> StatisticsOut:
        def steps(of: tuple[Step, ...]) -> tuple[StepOut, ...]:
            return tuple(StepOut.of(step) for step in of)

        return cls(
            query.start,
            query.end,
            tuple(FunnelOut.of(funnel) for funnel in found.days),
            steps(found.checkout_to_paid),
            steps(found.open_payments),
            steps(found.refunds_under_way),
            found.partial,
        )


@endpoint(routes, "GET", "/v1/ops/statistics", role="operator", outcomes=(Outcome(body=StatisticsOut),))
def read_statistics(call: Call, query: StatisticsQuery) -> Answer:
    """Count what became of the bookings of a period, how long payments took, and what waits how long.

    It reads the bookings themselves, at most 600 of the period (the newest days) and 600 that wait for something.
    """
    found = statistics.statistics(call.container, call.principal, query.start, query.end)
    return Answer(StatisticsOut.of(found, query))
