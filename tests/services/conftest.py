"""A harness for each test, whose invariants are checked when the test is over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes import Fakes
from tests.harness import Harness


@pytest.fixture
def harness() -> Iterator[Harness]:
    harness = Harness()
    yield harness
    harness.check_invariants()


@pytest.fixture
def ports(harness: Harness) -> Fakes:
    return harness.ports
