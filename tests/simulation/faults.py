"""What goes wrong at a port call: crashes, answers that are lost, stalls, outages. All of it follows from the seed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from chalicelib.domain.errors import GatewayBadAnswer, GatewayTimeout, GatewayUnreachable
from chalicelib.services.ports.mail import MailBusy
from chalicelib.services.ports.outcomes import Fault, StoreBusy, VersionLost
from tests.simulation.coverage import covered
from tests.simulation.scheduler import MINUTE, SECOND, Crash, Scheduler

STALLS = (2, 6, 12, 16, 24, 26, 40, 61, 119, 121, 200)
"""Seconds; around the leases of 25 s and two minutes, and the waits of 5 s and 15 s."""

LATENCY = {"gateway": (40, 900), "mailer": (30, 300), "queue": (5, 30)}
"""Milliseconds that a call takes, from and to; any other port answers in 1 to 8."""

WRITES = frozenset(
    {
        "hold",
        "save",
        "back_off_failing",
        "orphan",
        "acknowledge_orphan",
        "publish",
        "set_nights",
        "add_review",
        "lease_verification",
        "mark_unreadable",
        "write",
    }
)
SINGLE_WRITES = frozenset({"save"})


class Faults:
    """Decides what happens at each call. ``level`` 0 is none; ``off`` are faults that shrinking took away."""

    def __init__(self, scheduler: Scheduler, level: float, off: frozenset[tuple[str, int]]) -> None:
        self.scheduler = scheduler
        self.level = level
        self.off = off
        self.outages: dict[str, int] = {}
        self.injected: list[tuple[str, int, str]] = []

    def outage(self, port: str, ms: int) -> None:
        """Nearly every call of this port fails for a while."""
        self.outages[port] = max(self.outages.get(port, 0), self.scheduler.ms + ms)

    def call(self, port: str, name: str, act: Callable[[], Any]) -> Any:
        """Play one port call: wait, let go wrong what is to go wrong, and do it."""
        scheduler = self.scheduler
        actor = scheduler.current
        if actor is None:
            return act()
        actor.calls += 1
        fault = self._fault(port, name)
        low, high = LATENCY.get(port, (1, 8))
        if fault is not None and fault.startswith("stall"):
            scheduler.pause(int(fault[6:]) * SECOND)
        else:
            scheduler.pause(low + int((high - low) * actor.rng.random()))
        point = f"{port}.{name}"
        if fault is None or fault.startswith("stall"):
            return act()
        covered("crash point" if fault.startswith("crash") else "fault", f"{fault} {point}")
        if fault == "crash before":
            raise Crash
        if fault.startswith("refused"):
            raise self._error(port, fault, actor.rng)
        answer = act()
        if fault == "crash after":
            raise Crash
        if fault == "own write met again":
            # The client tried again by itself after its answer was lost, and met what it had written.
            raise VersionLost
        del answer
        raise self._error(port, fault, actor.rng)

    def _fault(self, port: str, name: str) -> str | None:
        actor = self.scheduler.current
        assert actor is not None
        out = self.outages.get(port, 0) > self.scheduler.ms
        if not self.level and not out:
            return None
        drawn = actor.rng.random()
        if out and drawn < 0.95:
            fault: str | None = "refused, outage"
        elif drawn < self.level:
            fault = self._kind(port, name, actor.rng)
        else:
            return None
        if fault is None or (actor.name, actor.calls) in self.off:
            return None
        self.injected.append((actor.name, actor.calls, f"{fault} {port}.{name}"))
        return fault

    @staticmethod
    def _kind(port: str, name: str, rng: Random) -> str | None:
        drawn = rng.random()
        if drawn < 0.2:
            return "crash before"
        if drawn < 0.45:
            return "crash after"
        if drawn < 0.6:
            return f"stall {rng.choice(STALLS)}"
        if port in ("listings", "bookings", "hosts", "suppressions") and name not in WRITES:
            return "refused"
        if port == "letters":
            return None
        if drawn < 0.75:
            return "refused"
        if name in SINGLE_WRITES and drawn < 0.85:
            return "own write met again"
        if name == "depth":
            return "refused"
        return "answer lost"

    @staticmethod
    def _error(port: str, fault: str, rng: Random) -> Exception:
        if port == "gateway":
            lost = fault == "answer lost"
            drawn = rng.random()
            if drawn < 0.4:
                return GatewayTimeout("No answer in time.", definitely_not_executed=False)
            if drawn < 0.6:
                return GatewayBadAnswer("HTML.", definitely_not_executed=False)
            if drawn < 0.75 and not lost:
                return GatewayBadAnswer("Credentials.", definitely_not_executed=True)
            return GatewayUnreachable("Nobody there.", definitely_not_executed=not lost and drawn < 0.95)
        return {"mailer": MailBusy, "queue": Fault}.get(port, StoreBusy)(fault)


class FaultyPort:
    """A port as actors see it: the same methods, each played through ``Faults``."""

    def __init__(self, faults: Faults, port: str, inner: Any, quiet: frozenset[str] = frozenset()) -> None:
        self._faults, self._port, self._inner, self._quiet = faults, port, inner, quiet

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name in self._quiet or not callable(method):
            return method
        faults, port = self._faults, self._port

        def played(*args: Any, **kwargs: Any) -> Any:
            return faults.call(port, name, lambda: method(*args, **kwargs))

        self.__dict__[name] = played
        return played


OUTAGES = (2 * MINUTE, 20 * MINUTE, 40 * MINUTE, 4 * 60 * MINUTE, 27 * 60 * MINUTE, 14 * 60 * MINUTE)
