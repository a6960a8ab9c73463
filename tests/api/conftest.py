"""One stack for all tests of this package; a world of its own for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.harness import Stack, World, running


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    with running() as made:
        yield made


@pytest.fixture
def world(stack: Stack) -> World:
    return stack.world()
