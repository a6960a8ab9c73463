"""Every scenario of `make demo`, with each gateway, against a whole local stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.scenarios.catalogue import SCENARIOS, scenarios_of
from local.scenarios.client import ScenarioClient
from local.scenarios.gateways import SCENARIO_GATEWAYS
from tests.e2e.conftest import Process, a_stack

# It waits twelve seconds for a gateway that does not answer: once is enough.
SLOW = "timeout"
CASES = [
    (gateway, scenario)
    for gateway, facts in SCENARIO_GATEWAYS.items()
    for scenario in scenarios_of(facts)
    if gateway == "chapa" or scenario != SLOW
]


class SilentNarrator:
    """Prints nothing."""

    def step(self, text: str) -> None: ...

    def result(self, text: str) -> None: ...

    def reason(self, text: str) -> None: ...


@pytest.fixture(scope="session")
def stack_of_v2() -> Iterator[Process]:
    """A stack whose key is for version 2 of Chapa's API."""
    yield from a_stack(**SCENARIO_GATEWAYS["chapa-v2"].environment)


@pytest.fixture
def client(gateway: str, request: pytest.FixtureRequest) -> Iterator[ScenarioClient]:
    """A stack that talks to this gateway."""
    facts = SCENARIO_GATEWAYS[gateway]
    stack: Process = request.getfixturevalue("stack_of_v2" if facts.environment else "stack")
    client = ScenarioClient(stack.api, stack.local, facts)
    yield client
    client.call_local("POST", f"/{facts.gateway}/_control", {})
    client.http.close()


@pytest.mark.e2e
@pytest.mark.parametrize(("gateway", "name"), CASES)
def test_scenario(name: str, client: ScenarioClient) -> None:
    SCENARIOS[name](client, SilentNarrator())


def test_every_scenario_is_told_of_some_gateway_and_the_promises_of_all() -> None:
    by_gateway = {gateway: set(scenarios_of(facts)) for gateway, facts in SCENARIO_GATEWAYS.items()}
    assert set.union(*by_gateway.values()) == set(SCENARIOS)
    everywhere = set(SCENARIOS) - {"late-and-gone", "in-parts", "by-hand"}
    assert all(everywhere < scenarios for scenarios in by_gateway.values())
    assert all(("by-hand" in scenarios) != ("late-and-gone" in scenarios) for scenarios in by_gateway.values())


def test_the_command_line_knows_the_gateways() -> None:
    from local.__main__ import GATEWAYS

    assert tuple(SCENARIO_GATEWAYS) == GATEWAYS
