"""`Scheduler`: run jobs later, in the background: webhooks, callbacks, retries.

A delay ends at whichever comes first: its length divided by the time scale, or its length by the local clock. So
moving the clock by ten minutes starts the jobs that were due within ten minutes.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

MAX_WORKERS = 8
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class _Job:
    work: Callable[[], None]
    monotonic_due: float
    clock_due: datetime
    counts: bool


class Scheduler:
    """One waiting thread and at most eight working ones. Threads start with the first job."""

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
        """Run `work` after a delay.

        `clock_only` waits for the local clock alone; with `real_seconds` the delay is not divided by the time scale. A
        job without `counts`, such as a retry in ten minutes, does not make the sandbox busy.
        """
        scale = 1.0 if real_seconds else self._time_scale
        monotonic_due = math.inf if clock_only else time.monotonic() + after_seconds / scale
        clock_due = self._now() + timedelta(seconds=after_seconds)
        with self._changed:
            if self._closed:
                return
            self._waiting.append(_Job(work, monotonic_due, clock_due, counts))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sandbox-scheduler", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def active_jobs(self) -> int:
        """Return how many jobs that count are running or waiting."""
        with self._changed:
            return self._working + sum(job.counts for job in self._waiting)

    def waiting(self) -> int:
        """Return how many jobs are waiting, whether they count or not."""
        with self._changed:
            return len(self._waiting)

    def close(self) -> None:
        """Drop all waiting jobs and start no more."""
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
                    # The local clock sends no signal when it is moved, so it is polled while a job waits.
                    self._changed.wait(POLL_SECONDS if self._waiting else None)

    def _next_due(self) -> _Job | None:
        if self._working >= MAX_WORKERS or not self._waiting:
            return None
        watch, clock = time.monotonic(), self._now()
        for job in self._waiting:
            if watch >= job.monotonic_due or clock >= job.clock_due:
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
