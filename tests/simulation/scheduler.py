"""Virtual time, and the actors that share it: only one runs at a time, and who is next follows from the seed.

An actor is one invocation of Guzo (a request, a queue message, a tick of the schedule) in a greenlet of its own. At
every port call it waits for as long as that call takes; whoever's waiting is over first goes on. So calls of different
actors interleave in every order that latencies allow, and the same seed always gives the same order.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zlib import crc32

from greenlet import getcurrent, greenlet

START = datetime(2027, 1, 2, 9, 15, 30, tzinfo=UTC)
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
DAY = 24 * HOUR


class Crash(BaseException):
    """The process is gone: nothing in Guzo may catch this."""


class Violation(BaseException):
    """Something that must always be true is not. A BaseException, so that no use case can swallow it."""

    def __init__(self, rule: str, detail: str = "") -> None:
        super().__init__(f"{rule}: {detail}" if detail else rule)
        self.rule = rule
        self.detail = detail


class Actor:
    """One invocation: its own stream of chance, its call counter, and what it was given leases under."""

    __slots__ = ("calls", "deadline", "done", "leases", "name", "rng", "started", "thread", "tokens")

    def __init__(self, name: str, seed: int, started: int, deadline: int) -> None:
        self.name = name
        # Its chance depends on its name alone, so that taking another actor away does not change it.
        self.rng = Random(seed << 32 ^ crc32(name.encode()))
        self.calls = 0
        self.started = started
        self.deadline = deadline
        self.tokens: set[str] = set()
        self.leases: dict[str, datetime] = {}
        self.done = False
        self.thread: Any = None


class Scheduler:
    """The heap of what happens when. Times are milliseconds since ``START``."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.ms = 0
        self.current: Actor | None = None
        self.running = 0
        self._heap: list[tuple[int, int, Callable[[], object]]] = []
        self._count = 0
        self._main = getcurrent()

    @property
    def now(self) -> datetime:
        return START + timedelta(milliseconds=self.ms)

    def at(self, ms: int, happening: Callable[[], object]) -> None:
        """Do something at an instant, or at once when that is past."""
        self._count += 1
        heapq.heappush(self._heap, (max(ms, self.ms), self._count, happening))

    def spawn(
        self,
        name: str,
        work: Callable[[], object],
        *,
        at: int | None = None,
        seconds: float | None = None,
        ended: Callable[[BaseException | None, Any], object] | None = None,
    ) -> None:
        """Start an actor; ``ended`` is called with what it raised (None: nothing) and what it answered.

        After ``seconds`` it is killed, as a Lambda function is.
        """

        def start() -> None:
            deadline = self.ms + int(seconds * SECOND) if seconds is not None else 1 << 60
            actor = Actor(name, self.seed, self.ms, deadline)
            self.running += 1

            def life() -> None:
                raised: BaseException | None = None
                answer = None
                try:
                    answer = work()
                except Violation:
                    raise
                except (Exception, Crash) as error:  # noqa: BLE001 - whoever started it judges what it raised
                    raised = error
                actor.done = True
                self.running -= 1
                if ended is not None:
                    ended(raised, answer)

            actor.thread = greenlet(life, self._main)
            self._go_on(actor)

        self.at(self.ms if at is None else at, start)

    def pause(self, ms: int) -> None:
        """The current actor waits; others may run meanwhile. Raises Crash at its deadline."""
        actor = self.current
        assert actor is not None
        wake = self.ms + ms
        killed = wake >= actor.deadline
        if killed:
            wake = max(self.ms, actor.deadline)
        if self._heap and self._heap[0][0] <= wake:
            self.at(wake, lambda: self._go_on(actor))
            self._main.switch()
        else:
            self.ms = wake
        if killed:
            raise Crash

    def step(self, until: int | None = None) -> bool:
        """Let the next thing happen; False when there is none (before ``until``)."""
        if not self._heap or (until is not None and self._heap[0][0] > until):
            return False
        ms, _, happening = heapq.heappop(self._heap)
        self.ms = max(self.ms, ms)
        happening()
        return True

    def _go_on(self, actor: Actor) -> None:
        before = self.current
        self.current = actor
        actor.thread.switch()
        self.current = before
