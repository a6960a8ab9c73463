"""Business days are Monday to Friday, at the same time of day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.finance.business_days import business_days_later

MONDAY = datetime(2027, 1, 4, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "days", "later"),
    [
        (0, 0, 0),
        (0, 1, 1),  # Monday to Tuesday
        (0, 4, 4),
        (4, 1, 7),  # Friday to Monday
        (3, 3, 8),  # Thursday to Tuesday
        (5, 1, 7),  # Saturday to Monday
        (6, 1, 7),
        (5, 3, 9),
        (0, 10, 14),
        (4, 10, 18),
    ],
)
def test_weekends_do_not_count(start: int, days: int, later: int) -> None:
    assert business_days_later(MONDAY + timedelta(days=start), days) == MONDAY + timedelta(days=later)


@given(st.integers(0, 52_000).map(lambda hours: MONDAY + timedelta(hours=hours)), st.integers(1, 40))
def test_it_ends_on_a_business_day_after_that_many(start: datetime, days: int) -> None:
    end = business_days_later(start, days)
    passed = [start + timedelta(days=n) for n in range(1, (end - start).days + 1)]
    assert sum(day.weekday() < 5 for day in passed) == days
    assert end.weekday() < 5
    assert end.time() == start.time()
