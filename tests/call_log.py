"""`CallLog`: the fakes record every call at a port, and tests can run something before or after a chosen call.

A race is made deterministic by running the rival's whole operation just before (or after) one call. An exception that
is raised before the call stands for a request that never arrived; one raised after it, for a lost answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

Rival = Callable[[], object]
P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="Logged")


class Crash(BaseException):
    """The process is gone: nothing in Guzo may catch this."""


@dataclass(frozen=True)
class Call:
    """One call at a port: ``bookings.save`` and its positional arguments."""

    name: str
    args: tuple[Any, ...]


@dataclass
class _Armed:
    name: str
    rival: Rival
    skip: int


class CallLog:
    """The calls so far, in the order in which they began."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._before: list[_Armed] = []
        self._after: list[_Armed] = []
        self.calls: list[Call] = []

    def run_before(self, name: str, rival: Rival, *, skip: int = 0) -> None:
        """Run ``rival`` once, just before the next call of ``name`` (``*``: of any), after ``skip`` others."""
        self._before.append(_Armed(name, rival, skip))

    def run_after(self, name: str, rival: Rival, *, skip: int = 0) -> None:
        """Run ``rival`` just after the call did its work, before its caller gets the answer."""
        self._after.append(_Armed(name, rival, skip))

    def names(self, *ports: str) -> list[str]:
        """The names of the calls so far, of these ports only (``bookings``, ``gateway``) if any are given."""
        return [call.name for call in self.calls if not ports or call.name.partition(".")[0] in ports]

    def count(self, name: str) -> int:
        return sum(call.name == name for call in self.calls)

    def forget(self) -> None:
        """Forget the calls so far; interruptions that are armed stay armed."""
        self.calls.clear()

    def disarm(self) -> None:
        """Drop the interruptions that were not reached."""
        self._before.clear()
        self._after.clear()

    @property
    def armed(self) -> bool:
        """Whether an interruption was not reached, so that the test did not test what it says."""
        return bool(self._before or self._after)

    def run_call(self, name: str, args: tuple[Any, ...], act: Callable[[], R]) -> R:
        with self._lock:
            self.calls.append(Call(name, args))
            rivals = self._due(self._before, name)
        for rival in rivals:
            rival()
        answer = act()
        with self._lock:
            rivals = self._due(self._after, name)
        for rival in rivals:
            rival()
        return answer

    @staticmethod
    def _due(armed: list[_Armed], name: str) -> list[Rival]:
        due = []
        for each in list(armed):
            if each.name not in (name, "*"):
                continue
            if each.skip:
                each.skip -= 1
            else:
                armed.remove(each)
                due.append(each.rival)
        return due


class Logged:
    """A fake whose public methods are logged, as ``port.method``."""

    port = ""

    def __init__(self, call_log: CallLog | None = None) -> None:
        self.call_log = call_log or CallLog()


def logged(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Log each call of this method."""

    @wraps(method)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        name = f"{self.port}.{method.__name__}"
        return self.call_log.run_call(name, args, lambda: method(self, *args, **kwargs))

    return call


def raises(error: BaseException) -> Rival:
    """Return an interruption that raises ``error``."""

    def run() -> None:
        raise error

    return run
