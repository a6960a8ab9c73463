"""What all tests share: no test ever finds real credentials, or a region of its own.

Hypothesis tries a little on every run, and for long with ``HYPOTHESIS_PROFILE=thorough``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.whole_run import Judgement, WholeRun

pytest.register_assert_rewrite(
    "tests.adapters.store_contract",
    "tests.adapters.listing_contract",
    "tests.adapters.ledger_contract",
    "tests.harness",
)

os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
)

# No deadline: a busy machine is no fault.
settings.register_profile("default", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


HERE = Path(__file__).parent
JUDGEMENTS = (
    Judgement(HERE / "api", "every status that the OpenAPI document promises is reached", "tests.api.conformance"),
    Judgement(HERE / "e2e", "no function has a right that it does not use", "tests.e2e.used_rights"),
)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(WholeRun(JUDGEMENTS))
    config.addinivalue_line(
        "markers", "engine: needs an emulated AWS beside the tests (MiniStack, or a given endpoint)"
    )


@pytest.fixture(autouse=True)
def no_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Store no running counts: whichever call comes ten seconds after another would. Their tests have counts of their
    own."""
    if counting := sys.modules.get("chalicelib.services.clock.counting"):
        monkeypatch.setattr(counting, "counters", sys.modules["chalicelib.counters"].Counters())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run named files in this process: another one would begin later than they end."""
    return 0 if all(".py" in argument for argument in config.args) else None
