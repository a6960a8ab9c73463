"""Every story of `make demo`, against a whole local stack."""

import pytest

from local.story import STORIES
from local.world import World


class Silent:
    """Listens, and says nothing."""

    def did(self, text: str) -> None: ...

    def saw(self, text: str) -> None: ...

    def why(self, text: str) -> None: ...


@pytest.mark.e2e
@pytest.mark.parametrize("name", STORIES)
def test_story(name: str, world: World) -> None:
    STORIES[name](world, Silent())
