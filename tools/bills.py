"""What a month of Guzo costs on AWS, and what the stack that it replaces costs: prices, uses and the two bills."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from chalicelib.telemetry import METRICS
from tools.alarms import ALARMS, ONLY_WHERE
from tools.dashboards import resources as dashboards
from tools.prices import price

SIZES = (100, 10_000, 1_000_000)
"""Paid bookings a month."""
SECONDS, DAYS = 30 * 86_400, 30
GB = 1e9


@dataclass(frozen=True)
class Use:
    """What one paid booking uses, and its source."""

    amount: float
    source: str


USES: dict[str, Use] = {
    "calls of the API": Use(
        45,
        "assumed: 25 searches and looks, 10 polls, 10 others; guests who look only are in it",
    ),
    "calls with a token": Use(12, "assumed; their authorizer's answers are kept a minute, so half of them ask it"),
    "seconds of the API's function a call": Use(
        0.12, "assumed: 50 ms most of the time, a second where the gateway is asked"
    ),
    "write units": Use(
        18 * 1.6 + 5, "23 for a paid one (docs/performance.md), 18 for a hold that is not, of which 60 % more"
    ),
    "read units": Use(5.5 * 1.6 + 45 * 1.5, "5.5 likewise, and 1.5 a call for lists and looks"),
    "messages": Use(4, "two letters and a look, and one that was left to the queue"),
    "letters": Use(2.3, "guest and host, and a few that expire or are cancelled"),
    "bytes kept": Use(3_000, "a kilobyte of record, and its place in six indexes; kept for ten years, here the first"),
    "bytes of log": Use(45 * 900, "three lines a call, with the access log"),
    "bytes out": Use(45 * 4_000, "an answer of 4 KB, compressed"),
    "people a booking": Use(0.9, "assumed: hardly anybody books twice a month"),
}


@dataclass(frozen=True)
class Line:
    """One line of a month's bill."""

    service: str
    dollars: float


def ours(bookings: float, *, production: bool = True, user_pool: bool = True) -> list[Line]:
    """Guzo's bill for so many paid bookings a month, by service. Production has a firewall and the alarms' key."""
    use = {name: each.amount for name, each in USES.items()}
    calls = bookings * use["calls of the API"]
    asked = bookings * use["calls with a token"] / 2
    ticks = DAYS * 24 * 60
    watches = ticks / 5
    executions = calls + asked + ticks + watches + bookings * use["messages"]
    gigabyte_seconds = (
        calls * use["seconds of the API's function a call"] * 0.5
        + asked * 0.05 * 0.25
        + ticks * 0.2 * 0.25
        + watches * 0.25
        + bookings * use["messages"] * 0.7 * 0.25
    )
    stored = bookings * 12 * use["bytes kept"] / GB
    polls = 2 * 3 * DAYS * 24 * 60  # long polls: each of two queues is asked three times a minute, always
    paying = max(0.0, bookings * use["people a booking"] - 10_000)
    return [
        Line("API Gateway", calls * price("API Gateway, REST")),
        Line("Lambda", executions * price("Lambda, requests") + gigabyte_seconds * price("Lambda, arm64")),
        Line(
            "DynamoDB",
            # Each booking is counted in three invocations, and the sweep notes that it ran; the watch reads the counts
            # of two hours, and its check each booking with its lines and nights three times.
            (bookings * (use["write units"] + 3) + ticks) * price("DynamoDB, writes")
            + (bookings * (use["read units"] + 15) + ticks * 4 + watches * 32) * price("DynamoDB, reads")
            + stored * price("DynamoDB, storage and recovery"),
        ),
        Line("SQS", (polls + 3 * bookings * use["messages"] + ticks) * price("SQS")),
        Line("SES", bookings * use["letters"] * price("SES")),
        Line("Cognito", user_pool * paying * price("Cognito, Essentials")),
        Line("CloudWatch and X-Ray", _watching() + _logs(bookings, calls)),
        Line("WAF and KMS", production * (price("WAF, list and rules") + calls * price("WAF, calls") + price("KMS"))),
        Line("Data out", bookings * use["bytes out"] / GB * price("Data out")),
    ]


@cache
def _watching() -> float:
    """Alarms, dashboards, and one metric for each event that is counted, of one stage without a canary."""
    alarms, pages = sum(alarm.condition != ONLY_WHERE["Canary"] for alarm in ALARMS), len(dashboards())
    metrics = len(METRICS - {"canary_passed"}) * price("CloudWatch, metrics")
    return alarms * price("CloudWatch, alarms") + pages * price("CloudWatch, dashboards") + metrics


def _logs(bookings: float, calls: float) -> float:
    sampled = 0.05 * calls  # X-Ray's own rule: one a second, and one in twenty of the others
    return bookings * USES["bytes of log"].amount / GB * price("CloudWatch, logs") + sampled * price("X-Ray")


def servers(bookings: float) -> list[Line]:
    """The bill of Django, PostgreSQL, Redis and Celery for the same, with what a month's busiest minute needs."""
    peak = 6 * bookings * USES["calls of the API"].amount / SECONDS
    web = max(2, math.ceil(peak / 40))
    large = peak > 80
    database = "RDS PostgreSQL, db.m7g.large in two zones" if large else "RDS PostgreSQL, db.t4g.small in two zones"
    cache = "ElastiCache, cache.m7g.large" if large else "ElastiCache, cache.t4g.small"
    machines = web + max(0, math.ceil(peak / 200))
    stored = max(20.0, bookings * 12 * 3_000 / GB)
    return [
        Line("EC2", machines * (price("EC2, t4g.small") + 20 * price("EBS, gp3"))),
        Line("RDS PostgreSQL", price(database) + stored * price("RDS, storage in two zones")),
        Line("ElastiCache Redis", price(cache)),
        Line("Load balancer, addresses", price("Load balancer") + 4 * price("Public IPv4 address")),
        Line("SES", bookings * USES["letters"].amount * price("SES")),
        Line("CloudWatch", 10 + bookings * USES["bytes of log"].amount / GB * price("CloudWatch, logs")),
        Line("Data out", bookings * USES["bytes out"].amount / GB * price("Data out")),
    ]


def without_user_pool(bookings: float) -> list[Line]:
    """Guzo's bill with an issuer of one's own, whose costs are not in it, and are not in the servers' either."""
    return ours(bookings, user_pool=False)


def total(lines: Iterable[Line]) -> float:
    """A bill's sum."""
    return sum(line.dollars for line in lines)


def break_even(mine: Callable[[float], float], other: Callable[[float], float]) -> float:
    """The least number of bookings a month from which mine costs more than the other."""
    bookings = 1.0
    while mine(bookings) <= other(bookings):
        bookings *= 1.001
    return bookings


def even(bill: Callable[[float], list[Line]]) -> float:
    """The number of bookings a month up to which a bill is lower than the servers'."""
    return break_even(lambda bookings: total(bill(bookings)), lambda bookings: total(servers(bookings)))
