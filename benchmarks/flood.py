"""A flood, simulated: who is answered when a gateway stalls, or when searches come by the thousand.

The limits are Lambda's and API Gateway's published ones: 1,000 executions at once in an account, each function gaining
at most 1,000 more every 10 s, a token bucket for each method of the API. The shares and throttles are the shipped
tables (`tools/capacity.py`, `tools/throttles.py`). Beside it the same load on one function, without either.
Durations are those of docs/performance.md, with a cold start of a second.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.domain.timing import API_GATEWAY_BUDGET, WEBHOOK_GATEWAY_BUDGET
from tools.capacity import ACCOUNT_LIMIT, LEFT_UNRESERVED, RESERVED
from tools.throttles import EVERYTHING_ELSE, THROTTLES, Throttle

COLD_START = 1.0
SCALE_UP = 100.0
"""Environments a second that one function gains: 1,000 every 10 s."""


@dataclass(frozen=True)
class Load:
    """One kind of call: how many a second, how long each takes, and which function and throttle it meets."""

    name: str
    rate: float
    seconds: float
    function: str
    throttle: Throttle


@dataclass
class Outcome:
    """What became of one kind of call."""

    asked: int = 0
    answered: int = 0

    @property
    def share(self) -> float:
        return self.answered / self.asked if self.asked else 1.0


@dataclass
class Bucket:
    """API Gateway's token bucket of one method."""

    throttle: Throttle
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = float(self.throttle.burst)

    def take(self, now: float) -> bool:
        self.tokens = min(self.throttle.burst, self.tokens + (now - self.at) * self.throttle.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Function:
    """One Lambda function's environments: those at work, and those that wait warm."""

    ends: list[float] = field(default_factory=list)
    made: int = 0

    def end_finished(self, now: float) -> None:
        while self.ends and self.ends[0] <= now:
            heapq.heappop(self.ends)

    def start(self, now: float, seconds: float) -> bool:
        """Begin an execution. False when no environment is warm and none can be made yet."""
        cold = len(self.ends) == self.made
        if cold and self.made >= SCALE_UP * (10 + now):
            return False
        self.made += cold
        heapq.heappush(self.ends, now + seconds + COLD_START * cold)
        return True


def simulate(loads: list[Load], shares: Mapping[str, int], *, seconds: float, seed: int = 1) -> dict[str, Outcome]:
    """Run the loads for some seconds. A function without a share of its own competes for what is left."""
    chance = random.Random(seed)
    outcomes = {load.name: Outcome() for load in loads}
    buckets = {load.name: Bucket(load.throttle) for load in loads}
    functions = {load.function: Function() for load in loads}
    common = ACCOUNT_LIMIT - sum(shares.values())
    arrivals = [(chance.expovariate(load.rate), place) for place, load in enumerate(loads)]
    heapq.heapify(arrivals)
    while arrivals and arrivals[0][0] < seconds:
        now, place = heapq.heappop(arrivals)
        load = loads[place]
        heapq.heappush(arrivals, (now + chance.expovariate(load.rate), place))
        outcomes[load.name].asked += 1
        for function in functions.values():
            function.end_finished(now)
        rivals = [load.function] if load.function in shares else [name for name in functions if name not in shares]
        busy = sum(len(functions[name].ends) for name in rivals)
        room = busy < shares.get(load.function, common)
        if buckets[load.name].take(now) and room and functions[load.function].start(now, load.seconds):
            outcomes[load.name].answered += 1
    return outcomes


def loads(*, searches: float, stalled: bool, apart: bool) -> list[Load]:
    """A hundred bookings a second and what belongs to them. `apart`: with the shipped functions and throttles."""
    opening = API_GATEWAY_BUDGET.total_seconds() if stalled else 0.9
    webhook = WEBHOOK_GATEWAY_BUDGET.total_seconds() if stalled and apart else opening if stalled else 0.5
    free = Throttle(10_000, 5_000)

    def load(name: str, rate: float, seconds: float, function: str, caller: str) -> Load:
        return Load(name, rate, seconds, function if apart else "APIHandler", THROTTLES[caller] if apart else free)

    return [
        load("search", searches, 0.05, "APIHandler", "public reads"),
        load("book", 100, opening, "APIHandler", "signed in"),
        load("guest's page", 100, 0.2, "APIHandler", "guest's page"),
        load("webhook", 100 if not stalled else 40, webhook, "Webhooks", "webhooks"),
        Load("authorizer", 30, 0.05, "Authorize", EVERYTHING_ELSE if apart else free),
        Load("sweep", 1 / 60, 20, "Sweep", free),
    ]


SCENES = {
    "a hundred bookings a second": {"searches": 150.0, "stalled": False},
    "the gateway stalls": {"searches": 150.0, "stalled": True},
    "five thousand searches a second": {"searches": 5000.0, "stalled": False},
    "both": {"searches": 5000.0, "stalled": True},
}


def table(seconds: float) -> dict[str, dict[str, tuple[float, float]]]:
    """For each scene and kind of call, the share that is answered: as shipped, and with one function for all."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for scene, told in SCENES.items():
        searches, stalled = float(told["searches"]), bool(told["stalled"])
        shipped = simulate(loads(searches=searches, stalled=stalled, apart=True), RESERVED, seconds=seconds)
        single = simulate(loads(searches=searches, stalled=stalled, apart=False), {}, seconds=seconds)
        found[scene] = {name: (shipped[name].share, single[name].share) for name in shipped}
    return found


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    told = parser.parse_args(arguments or []).seconds
    kept = sum(RESERVED.values())
    print(f"Reserved: {kept} of {ACCOUNT_LIMIT}; left to others: {ACCOUNT_LIMIT - kept}, at least {LEFT_UNRESERVED}\n")
    print(f"{'answered':34}{'as shipped':>12}{'one for all':>13}")
    for scene, kinds in table(told).items():
        print(scene)
        for kind, (shipped, single) in kinds.items():
            print(f"  {kind:32}{shipped:12.1%}{single:13.1%}")


if __name__ == "__main__":
    main()
