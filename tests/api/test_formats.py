"""How instants are written, whatever their year."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chalicelib.api.core.formats import instant


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (datetime(2027, 1, 14, 8, 15, 30, 999_000, tzinfo=UTC), "2027-01-14T08:15:30Z"),
        (datetime(674, 10, 10, 18, 14, 42, tzinfo=UTC), "0674-10-10T18:14:42Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
    ],
)
def test_an_instant_has_four_digits_for_its_year_and_whole_seconds(at: datetime, written: str) -> None:
    assert instant(at) == written
