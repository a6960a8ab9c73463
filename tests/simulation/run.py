"""One history from one seed; and many of them, over all processors."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from random import Random

from tests.simulation.actions import begin
from tests.simulation.coverage import COVERED, covered, rows_counted
from tests.simulation.final_state import check_end
from tests.simulation.plan import Action, draw_actions, draw_settings
from tests.simulation.scheduler import DAY, Violation
from tests.simulation.world import World

QUIET = 31 * DAY
"""So long after the last action all must rest: payments are watched for 72 hours, refunds for 30 days at most."""
BATCH = 25


@dataclass(frozen=True)
class Outcome:
    """How a history ended: the rule that was broken (None: none), and what led there."""

    seed: int
    rule: str | None
    detail: str
    actions: tuple[Action, ...]
    faults: tuple[tuple[str, int, str], ...]
    trace: tuple[str, ...] = ()


def play(
    seed: int,
    *,
    keep: frozenset[int] | None = None,
    without: frozenset[tuple[str, int]] = frozenset(),
    traced: bool = False,
) -> Outcome:
    """Play the history of a seed: the whole of it, or only the actions ``keep`` and ``without`` some faults."""
    rng = Random(seed)
    settings = draw_settings(rng)
    actions = tuple(draw_actions(rng, settings))
    if keep is not None:
        actions = tuple(action for action in actions if action.number in keep)
    world = World(seed, settings, without)
    world.trace = [f"seed {seed}: {settings}"] if traced else None
    broken: Violation | None = None
    try:
        _live(world, actions)
        _rest(world)
        check_end(world)
    except Violation as violation:
        broken = violation
    except AssertionError as slip:
        broken = Violation("an assertion failed", repr(slip))
    return Outcome(
        seed,
        broken.rule if broken else None,
        broken.detail if broken else "",
        actions,
        tuple(world.faults.injected),
        tuple(world.trace or ()),
    )


def _live(world: World, actions: Iterable[Action]) -> None:
    last = 0
    for action in actions:
        world.scheduler.at(action.at, lambda action=action: begin(world, action))  # type: ignore[misc]
        last = action.at
        covered("action", action.kind)
    while world.scheduler.step(until=last):
        pass
    while world.scheduler.running and world.scheduler.step():
        pass


def _rest(world: World) -> None:
    """Nothing goes wrong any more: the clock runs until everything rests, or QUIET has passed."""
    world.calm = world.gateway.calm = True
    world.faults.level = 0.0
    world.store.unreadable.clear()
    world.faults.outages = dict.fromkeys(world.faults.outages, 0)
    world.queue.loses = world.queue.repeats = 0.0
    world.log("QUIET")
    world.plan_next_sweep()
    end = world.scheduler.ms + QUIET
    while world.scheduler.step(until=end):
        pass


def play_all(seeds: Iterable[int]) -> tuple[list[Outcome], Counter[str]]:
    """Play these seeds in this process; the failures, and what was covered."""
    COVERED.clear()
    with rows_counted():
        failures = [outcome for seed in seeds if (outcome := play(seed)).rule is not None]
    return failures, Counter(COVERED)


def play_many(first: int, count: int, *, processes: int) -> Iterator[tuple[int, list[Outcome], Counter[str]]]:
    """Play ``count`` seeds from ``first`` on; yields how many are done so far, with new failures and coverage."""
    batches = [range(start, min(start + BATCH, first + count)) for start in range(first, first + count, BATCH)]
    done = 0
    with ProcessPoolExecutor(processes) as pool:
        for batch, (failures, covered) in zip(batches, pool.map(play_all, batches), strict=True):
            done += len(batch)
            yield done, failures, covered


def timed(count: int) -> float:
    """Histories a second in one process."""
    begun = time.perf_counter()
    play_all(range(count))
    return count / (time.perf_counter() - begun)
