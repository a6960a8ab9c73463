"""A whole local stack, driven by steps that Hypothesis makes up; after each one, its promises must be kept.

Guests, host and operators act, the sandbox's switches are turned, the clock is pushed; in the end all is put right,
days pass, and nothing may be left in the air. A failing example is told call by call.

    HYPOTHESIS_PROFILE=thorough make test ARGS="-k state_machine"     hundreds of examples instead of a few
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from local.stack.world import World
from tests.e2e.conftest import Process, a_stack
from tests.e2e.machine import ending
from tests.e2e.machine.others import Others

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(3600)]

EXAMPLES = settings(
    max_examples=settings().max_examples // 8,
    stateful_step_count=20,
    suppress_health_check=list(HealthCheck),
    # The few of `make test` are the same ones each time, so that a change is judged by nothing but itself.
    derandomize="HYPOTHESIS_PROFILE" not in os.environ,
)
EXAMPLES_A_STACK = 40
"""Then a fresh one: mailboxes grow, and a local clock ends ten years ahead."""


class Stacks:
    """Gives each example a world of its own on a stack that runs."""

    def __init__(self, running: ExitStack) -> None:
        self._running = running
        self._left = 0
        self._stack: Process

    def world(self) -> World:
        if not self._left:
            self._running.close()
            self._stack = self._running.enter_context(contextmanager(a_stack)())
            self._left = EXAMPLES_A_STACK
        self._left -= 1
        return World(self._stack.api, self._stack.local)


@pytest.fixture
def stacks() -> Iterator[Stacks]:
    with ExitStack() as running:
        yield Stacks(running)


def test_the_promises_are_kept_whatever_happens(stacks: Stacks) -> None:
    stories: list[str] = []

    class Example(Others):
        """From its beginning to its end."""

        def __init__(self) -> None:
            super().__init__(stacks.world())

        def teardown(self) -> None:
            try:
                if sys.exc_info()[0] is None and self.seen is not None:
                    ending.come_to_rest(self.town)
            except AssertionError as broken:
                self.keep(broken)
                raise
            else:
                self.keep(sys.exc_info()[1])
            finally:
                self.town.be_well()
                self.town.world.http.close()

        def keep(self, broken: BaseException | None) -> None:
            """What was broken once is told, even if Hypothesis cannot make it happen again."""
            if isinstance(broken, AssertionError):
                stories.append("\n".join([*self.town.story, f"AssertionError: {broken}"]))

    try:
        run_state_machine_as_test(Example, settings=EXAMPLES)
    except BaseException as failure:
        if stories:
            failure.add_note(f"The first time that a promise was broken:\n{stories[0]}")
        raise
