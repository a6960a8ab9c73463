"""A scene for each test; whatever the test does in it, the invariants hold at its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes import Fakes
from tests.scenes import Scene


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.check()


@pytest.fixture
def ports(scene: Scene) -> Fakes:
    return scene.ports
