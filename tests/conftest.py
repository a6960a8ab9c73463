"""What all tests share: no test ever finds real credentials, or a region of its own."""

from __future__ import annotations

import os

import pytest

pytest.register_assert_rewrite("tests.adapters.store_contract", "tests.adapters.listing_contract", "tests.scenes")

os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "engine: needs an emulated AWS beside the tests (MiniStack, or a given endpoint)"
    )
