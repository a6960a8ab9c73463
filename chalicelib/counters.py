"""Running counts of this process that are not stored yet: how the gateways answered, how payments fare.

A process hands them over every ten seconds at most (``take``), so that they cost it six write units a minute, however
many calls it makes. What a process counted in its last ten seconds may be lost with it: the counts show a stage's
health, and nothing is decided by a single one.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping

from chalicelib.domain.timing import COUNTS_KEPT_EVERY


class Counters:
    """Counts by name. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._taken_at: float | None = None

    def add(self, name: str) -> None:
        """Count one more of this name."""
        with self._lock:
            self._counts[name] += 1

    def take(self) -> dict[str, int]:
        """All that was counted since, to be stored; nothing sooner than ``COUNTS_KEPT_EVERY`` after the last time."""
        with self._lock:
            now = time.monotonic()
            rests = self._taken_at is not None and now - self._taken_at < COUNTS_KEPT_EVERY.total_seconds()
            if rests or not self._counts:
                return {}
            taken, self._counts, self._taken_at = dict(self._counts), Counter(), now
            return taken

    def give_back(self, counts: Mapping[str, int]) -> None:
        """Count these again: they could not be stored."""
        with self._lock:
            self._counts.update(counts)


counters = Counters()
"""This process's."""
