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
from tests.races.engine import EngineScene
from tests.races.engine_races import RACES, Race, attempt, drain, nothing, swapped
from tests.scenes import Scene

LATER_HOURS = 2
EVERY_CALL = ("*",)
# Where it matters to the engine who was first; the fakes are played at every call.
AT_WRITES = ("bookings.hold", "bookings.save", "gateway.initialize")


def play(scene: Scene, race: Race, call: str, skip: int) -> bool:
    """The rival gets in before this call; False when there is no such call, and the rival came afterwards."""
    outcomes: list[object] = []
    race.begin(scene)
    scene.ports.run_before(call, lambda: outcomes.append(attempt(race.other, scene, race)), skip=skip)
    first = attempt(race.one, scene, race)
    got_in = bool(outcomes)
    if not got_in:
        scene.ports.call_log.disarm()
        outcomes.append(attempt(race.other, scene, race))
    scene.check()
    drain(scene)
    race.end(scene, [first, *outcomes])
    scene.check()
    if race.later is not nothing:
        scene.ports.gateway.refund_status_map = "refunded"
        scene.run(hours=LATER_HOURS)
        race.later(scene)
        scene.check()
    return got_in


def play_everywhere(race: Race, calls: Sequence[str], new_scene: Callable[[], Scene]) -> int:
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
    assert play_everywhere(race, EVERY_CALL, lambda: Scene(**race.listing))


@pytest.mark.races
@pytest.mark.parametrize("race", both_ways)
def test_on_dynamodb_local(race: Race, tables: tuple[Connection, Any]) -> None:
    connection, admin = tables

    def new_scene() -> Scene:
        drop_tables(admin)
        make_tables(admin)
        return EngineScene(connection, admin, **race.listing)

    play_everywhere(race, AT_WRITES, new_scene)
