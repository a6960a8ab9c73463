"""`SCENARIOS`: Guzo's promises as scenarios that drive a running stack and check every step.

A scenario takes a `ScenarioClient` and a `Narrator`, and raises `PromiseBroken` at the first result that differs. It
signs in people and publishes listings of its own, so scenarios run in any order, on any stack with a local clock.
"""

from __future__ import annotations

from collections.abc import Callable

from local.scenarios.client import ScenarioClient
from local.scenarios.disputes import disputed
from local.scenarios.gateways import ScenarioGateway
from local.scenarios.narration import Narrator
from local.scenarios.payments import duplicate, expired, forged, lost, paid, second_try, timeout
from local.scenarios.refunds import by_hand, in_parts, late_and_free, late_and_gone

SCENARIOS: dict[str, Callable[[ScenarioClient, Narrator], None]] = {
    "paid": paid,
    "forged": forged,
    "duplicate": duplicate,
    "lost": lost,
    "expired": expired,
    "late-and-free": late_and_free,
    "late-and-gone": late_and_gone,
    "timeout": timeout,
    "second-try": second_try,
    "in-parts": in_parts,
    "by-hand": by_hand,
    "disputed": disputed,
}


def scenarios_of(gateway: ScenarioGateway) -> list[str]:
    """Return the names of the scenarios that fit this gateway: gateways differ in how they refund."""
    unfit = {"late-and-gone", "in-parts"} if gateway.refunds is None else {"by-hand"}
    return [name for name in SCENARIOS if name not in unfit]
