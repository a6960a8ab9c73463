"""How a stage fares, from counts by five minutes: how fast each gateway answers, and how often it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from chalicelib.domain.record import Record
from chalicelib.domain.timing import COUNTS_SLOT

Counts = Mapping[str, int]
"""How often, by name."""

OPENED, NOT_OPENED, PAID = "opened", "not_opened", "paid"
"""Payments that got a link, openings that failed, and payments that were completed."""
SILENT = "silent"

BOUNDS = (50, 75, 100, 150, 200, 300, 400, 600, 800, 1200, 1600, 2400, 3200, 4800, 6400, 9600, 12800)
"""Milliseconds. A call is counted under the least bound that it did not pass; a percentile is known up to the next."""


class GatewayHealth(Record, frozen=True):
    """The calls of a gateway in some time. Without an answer in HTTP, with a 5xx or a 429 a call was ``silent``.

    ``p50_ms`` and ``p95_ms`` are of the calls that were answered, at most by a half too large; None: there is none.
    """

    gateway: str
    calls: int
    silent: int
    p50_ms: int | None
    p95_ms: int | None

    @property
    def silent_share(self) -> float | None:
        """From 0 to 1; None where nothing was asked."""
        return self.silent / self.calls if self.calls else None


def slot_of(at: datetime) -> datetime:
    """The beginning of the five minutes that an instant lies in."""
    seconds = int(COUNTS_SLOT.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, UTC)


def slots_between(start: datetime, end: datetime) -> list[datetime]:
    """The five minutes that have begun from the slot of ``start`` up to, not including, ``end``."""
    first = slot_of(start)
    count = max(0, -((first - end) // COUNTS_SLOT))
    return [first + number * COUNTS_SLOT for number in range(count)]


def answered_name(gateway: str, took: timedelta) -> str:
    """What a call that was answered is counted under."""
    bound = next((bound for bound in BOUNDS if took <= timedelta(milliseconds=bound)), BOUNDS[-1])
    return f"{gateway}_{bound}"


def silent_name(gateway: str) -> str:
    """What a call without an answer is counted under."""
    return f"{gateway}_{SILENT}"


def add_up(every: Iterable[Counts]) -> Counter[str]:
    """The sum of some counts."""
    total: Counter[str] = Counter()
    for counts in every:
        total.update(counts)
    return total


def gateway_health(gateway: str, counts: Counts) -> GatewayHealth:
    """What the counts say of a gateway."""
    answered = [(bound, counts.get(f"{gateway}_{bound}", 0)) for bound in BOUNDS]
    silent, total = counts.get(silent_name(gateway), 0), sum(count for _, count in answered)
    return GatewayHealth(gateway, total + silent, silent, _percentile(answered, 0.5), _percentile(answered, 0.95))


def _percentile(answered: list[tuple[int, int]], share: float) -> int | None:
    """The least bound that at least this share did not pass."""
    total = sum(count for _, count in answered)
    below = 0
    for bound, count in answered:
        below += count
        if count and below >= share * total:
            return bound
    return None
