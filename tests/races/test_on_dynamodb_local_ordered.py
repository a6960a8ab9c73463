"""Every race, in order: the rival's whole use case runs just before one chosen call of the other, for every call.

The same table on the fakes is quick, and says whether a surprise is the engine's or ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest
from pynamodb.connection import Connection

from tests.dynamo import drop_tables, make_tables
from tests.harness import Harness
from tests.races.engine import EngineHarness
from tests.races.engine_races import RACES, Race, attempt, drain, nothing, swapped

LATER_HOURS = 2
EVERY_CALL = ("*",)
# Where it matters to the engine who was first; the fakes are played at every call.
AT_WRITES = ("bookings.hold", "bookings.save", "gateway.initialize")


def play(harness: Harness, race: Race, call: str, skip: int) -> bool:
    """The rival gets in before this call; False when there is no such call, and the rival came afterwards."""
    outcomes: list[object] = []
    race.begin(harness)
    harness.ports.run_before(call, lambda: outcomes.append(attempt(race.other, harness, race)), skip=skip)
    first = attempt(race.one, harness, race)
    got_in = bool(outcomes)
    if not got_in:
        harness.ports.call_log.disarm()
        outcomes.append(attempt(race.other, harness, race))
    harness.check_invariants()
    drain(harness)
    race.end(harness, [first, *outcomes])
    harness.check_invariants()
    if race.later is not nothing:
        harness.ports.gateway.reported_refund_status = "refunded"
        harness.advance(hours=LATER_HOURS)
        race.later(harness)
        harness.check_invariants()
    return got_in


def play_everywhere(race: Race, calls: Sequence[str], new_scene: Callable[[], Harness]) -> int:
    """How often the rival got in between."""
    got_in = 0
    for call in calls:
        for skip in count():
            try:
                if not play(new_scene(), race, call, skip):
                    break
            except BaseException as failure:
                failure.add_note(f"the rival came in before {call}, after {skip} others")
                raise
            got_in += 1
    return got_in


both_ways = [
    pytest.param(each, id=f"{name}{suffix}")
    for name, race in RACES.items()
    for each, suffix in ((race, ""), (swapped(race), ", swapped"))
    if suffix == "" or race.one is not race.other
]


@pytest.mark.parametrize("race", both_ways)
def test_on_fakes(race: Race) -> None:
    assert play_everywhere(race, EVERY_CALL, lambda: Harness(**race.listing))


@pytest.mark.races
@pytest.mark.parametrize("race", both_ways)
def test_on_dynamodb_local(race: Race, tables: tuple[Connection, Any]) -> None:
    connection, admin = tables

    def new_scene() -> Harness:
        drop_tables(admin)
        make_tables(admin)
        return EngineHarness(connection, admin, **race.listing)

    play_everywhere(race, AT_WRITES, new_scene)
