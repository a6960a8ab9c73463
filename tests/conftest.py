"""What all tests share: no test ever finds real credentials, or a region of its own.

``make test JOBS=2`` gives them to several processes. What shares something dear, or looks back on a whole folder, goes
to one of them together: ``TOGETHER``. Everything else is given out file by file.

Hypothesis tries a little on every run, and for long with ``HYPOTHESIS_PROFILE=thorough``.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite(
    "tests.adapters.store_contract",
    "tests.adapters.listing_contract",
    "tests.adapters.ledger_contract",
    "tests.harness",
)

TOGETHER = (("tests/e2e", "tests/browser"), ("tests/api",), ("tests/package",), ("tests/ops",))
"""Folders whose tests go to one process, those that take longest first: one local stack, and which of its rights were
used; one app, and which statuses it answered; one template; one emulator."""

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


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "engine: needs an emulated AWS beside the tests (MiniStack, or a given endpoint)"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not getattr(config.option, "loadgroup", False):
        return
    groups = {item: _group(config, item) for item in items}
    for item, (_, name) in groups.items():
        item.add_marker(pytest.mark.xdist_group(name))
    # The longest first; within a group nothing changes its place.
    items.sort(key=lambda item: groups[item][0])


def _group(config: pytest.Config, item: pytest.Item) -> tuple[int, str]:
    """Which tests go to the same process as this one, and when their turn comes."""
    file = item.path.relative_to(config.rootpath)
    for number, folders in enumerate(TOGETHER):
        if any(file.is_relative_to(folder) for folder in folders):
            return number, folders[0]
    return len(TOGETHER), str(file)
