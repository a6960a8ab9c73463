"""A whole local stack, driven by steps that Hypothesis draws; the invariants must hold after each one.

Guests, host and operators act, the sandbox's switches are set, the clock is moved; at the end the gateway is healthy,
days pass, and nothing may be left undone. A failing example is printed call by call.

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

from local.scenarios.client import ScenarioClient
from tests.e2e.conftest import Process, a_stack
from tests.e2e.state_machine import final_state
from tests.e2e.state_machine.other_steps import AllSteps

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(3600)]

EXAMPLES = settings(
    max_examples=settings().max_examples // 8,
    stateful_step_count=20,
    suppress_health_check=list(HealthCheck),
    # The few of `make test` are the same ones each time, so that a change is judged by nothing but itself.
    derandomize="HYPOTHESIS_PROFILE" not in os.environ,
)
EXAMPLES_A_STACK = 40
"""After these a fresh stack: mailboxes grow, and the local clock ends ten years ahead."""


class Stacks:
    """Gives each example a client of its own, on a running stack."""

    def __init__(self, running: ExitStack) -> None:
        self._running = running
        self._left = 0
        self._stack: Process

    def client(self) -> ScenarioClient:
        if not self._left:
            self._running.close()
            self._stack = self._running.enter_context(contextmanager(a_stack)())
            self._left = EXAMPLES_A_STACK
        self._left -= 1
        return ScenarioClient(self._stack.api, self._stack.local)


@pytest.fixture
def stacks() -> Iterator[Stacks]:
    with ExitStack() as running:
        yield Stacks(running)


def test_the_invariants_hold_whatever_happens(stacks: Stacks) -> None:
    failures: list[str] = []

    class Example(AllSteps):
        """One example, on a stack of its own."""

        def __init__(self) -> None:
            super().__init__(stacks.client())

        def teardown(self) -> None:
            try:
                if sys.exc_info()[0] is None and self.seen is not None:
                    final_state.run_until_final(self.driver)
            except AssertionError as broken:
                self.keep(broken)
                raise
            else:
                self.keep(sys.exc_info()[1])
            finally:
                self.driver.restore_gateway()
                self.driver.client.http.close()

        def keep(self, broken: BaseException | None) -> None:
            """Keep the steps of a failure, even if Hypothesis cannot reproduce it."""
            if isinstance(broken, AssertionError):
                failures.append("\n".join([*self.driver.steps, f"AssertionError: {broken}"]))

    try:
        run_state_machine_as_test(Example, settings=EXAMPLES)
    except BaseException as failure:
        if failures:
            failure.add_note(f"The first failure:\n{failures[0]}")
        raise
