"""Every story of `make demo`, of each gateway, against a whole local stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.scenarios.story import STORIES, stories_of
from local.scenarios.story_gateways import STORY_GATEWAYS
from local.stack.world import World
from tests.e2e.conftest import Process, a_stack

# For twelve seconds it waits for a gateway that does not answer, whichever that is.
SLOW = "timeout"
TOLD = [
    (gateway, story)
    for gateway, facts in STORY_GATEWAYS.items()
    for story in stories_of(facts)
    if gateway == "chapa" or story != SLOW
]


class Silent:
    """Listens, and says nothing."""

    def did(self, text: str) -> None: ...

    def saw(self, text: str) -> None: ...

    def why(self, text: str) -> None: ...


@pytest.fixture(scope="session")
def stack_of_v2() -> Iterator[Process]:
    """A stack whose key is for version 2 of Chapa's API."""
    yield from a_stack(**STORY_GATEWAYS["chapa-v2"].environment)


@pytest.fixture
def world(gateway: str, request: pytest.FixtureRequest) -> Iterator[World]:
    """A stack that talks to this gateway."""
    facts = STORY_GATEWAYS[gateway]
    stack: Process = request.getfixturevalue("stack_of_v2" if facts.environment else "stack")
    world = World(stack.api, stack.local, facts)
    yield world
    world.at_local("POST", f"/{facts.gateway}/_control", {})
    world.http.close()


@pytest.mark.e2e
@pytest.mark.parametrize(("gateway", "name"), TOLD)
def test_story(name: str, world: World) -> None:
    STORIES[name](world, Silent())


def test_every_story_is_told_of_some_gateway_and_the_promises_of_all() -> None:
    told = {gateway: set(stories_of(facts)) for gateway, facts in STORY_GATEWAYS.items()}
    assert set.union(*told.values()) == set(STORIES)
    everywhere = set(STORIES) - {"late-and-gone", "in-parts", "by-hand"}
    assert all(everywhere < stories for stories in told.values())
    assert all(("by-hand" in stories) != ("late-and-gone" in stories) for stories in told.values())


def test_the_command_line_knows_the_gateways() -> None:
    from local.__main__ import GATEWAYS

    assert tuple(STORY_GATEWAYS) == GATEWAYS
