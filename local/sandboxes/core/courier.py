"""Does things later, in the background: webhooks, callbacks, retries.

A delay ends at whichever comes first: its time divided by the time scale, or its time by the local clock, so
that moving the clock by ten minutes brings what was due in ten minutes.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

AT_ONCE = 8
LOOK_AGAIN = 0.02


@dataclass(frozen=True)
class _Job:
    work: Callable[[], None]
    by_watch: float
    by_clock: datetime
    counts: bool


class Courier:
    """One thread that waits, and at most eight that work. Threads start with the first job."""

    def __init__(self, now: Callable[[], datetime], time_scale: float) -> None:
        self._now = now
        self._time_scale = time_scale
        self._changed = threading.Condition()
        self._waiting: list[_Job] = []
        self._working = 0
        self._thread: threading.Thread | None = None
        self._closed = False

    def schedule(
        self,
        work: Callable[[], None],
        *,
        after_seconds: float = 0.0,
        clock_only: bool = False,
        real_seconds: bool = False,
        counts: bool = True,
    ) -> None:
        """Do the work after a while.

        `clock_only` waits for the local clock alone; `real_seconds` is not divided by the time scale. What
        does not count, such as a retry in ten minutes, is no reason to call the sandbox busy.
        """
        scale = 1.0 if real_seconds else self._time_scale
        by_watch = math.inf if clock_only else time.monotonic() + after_seconds / scale
        by_clock = self._now() + timedelta(seconds=after_seconds)
        with self._changed:
            if self._closed:
                return
            self._waiting.append(_Job(work, by_watch, by_clock, counts))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sandbox-courier", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def under_way(self) -> int:
        """Return how many jobs are at work, or about to be."""
        with self._changed:
            return self._working + sum(job.counts for job in self._waiting)

    def waiting(self) -> int:
        """Return how many jobs wait for their time, however long that is."""
        with self._changed:
            return len(self._waiting)

    def close(self) -> None:
        """Forget what waits, and start nothing more."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                job = self._next_due()
                if job is not None:
                    self._working += 1
                    threading.Thread(target=self._do, args=(job,), name="sandbox-errand", daemon=True).start()
                else:
                    # Nobody tells when the local clock moves, so with something to wait for it is looked at.
                    self._changed.wait(LOOK_AGAIN if self._waiting else None)

    def _next_due(self) -> _Job | None:
        if self._working >= AT_ONCE or not self._waiting:
            return None
        watch, clock = time.monotonic(), self._now()
        for job in self._waiting:
            if watch >= job.by_watch or clock >= job.by_clock:
                self._waiting.remove(job)
                return job
        return None

    def _do(self, job: _Job) -> None:
        try:
            job.work()
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()
