"""A failing history made small: actions and faults are taken away for as long as the same rule is still broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tests.simulation.run import Outcome, play

T = TypeVar("T")
Fault = tuple[str, int]
"""Who it befell, and at which of its calls."""


def shrink(failed: Outcome) -> Outcome:
    """The smallest failure found: with few actions and few faults, and its trace to read."""
    keep = [action.number for action in failed.actions]
    without: frozenset[Fault] = frozenset()
    size = -1
    while size != len(keep) - len(without):
        size = len(keep) - len(without)
        keep = _fewer_actions(failed, keep, without)
        without = _fewer_faults(failed, keep, without)
    return play(failed.seed, keep=frozenset(keep), without=without, traced=True)


def _fewer_actions(failed: Outcome, keep: list[int], without: frozenset[Fault]) -> list[int]:
    return _fewer(keep, lambda left: play(failed.seed, keep=frozenset(left), without=without).rule == failed.rule)


def _fewer_faults(failed: Outcome, keep: list[int], without: frozenset[Fault]) -> frozenset[Fault]:
    """All the faults that are not needed."""
    kept = frozenset(keep)
    faults = [(name, call) for name, call, _ in play(failed.seed, keep=kept, without=without).faults]

    def off(left: list[Fault]) -> frozenset[Fault]:
        return without | (frozenset(faults) - frozenset(left))

    return off(_fewer(faults, lambda left: play(failed.seed, keep=kept, without=off(left)).rule == failed.rule))


def _fewer(items: list[T], enough: Callable[[list[T]], bool]) -> list[T]:
    """What is left when no part can be taken away any more, halves first."""
    size = len(items)
    while size:
        start = 0
        while start < len(items):
            fewer = items[:start] + items[start + size :]
            if enough(fewer):
                items = fewer
            else:
                start += size
        size //= 2
    return items


def describe(outcome: Outcome) -> str:
    """A failure for a person: what was broken, by which actions and faults, and what happened."""
    lines = [f"seed {outcome.seed}: {outcome.rule}", f"  {outcome.detail}", "", "actions:"]
    lines += [
        f"  {action.number} {action.kind} (thread {action.thread}) at {action.at} ms" for action in outcome.actions
    ]
    lines += ["faults:", *(f"  {what} at call {call} of {name}" for name, call, what in outcome.faults)]
    return "\n".join([*lines, "history:", *(f"  {line}" for line in outcome.trace)])
