"""The local clock: a file with an offset, pushed forward only."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.stack.clock import BadAdvance, LocalClock, stamp


@pytest.fixture
def clock(tmp_path: Path) -> LocalClock:
    return LocalClock(tmp_path / "clock")


def test_without_a_file_it_is_the_systems_time(clock: LocalClock) -> None:
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)


def test_pushes_add_up_and_lie_in_the_file(clock: LocalClock) -> None:
    clock.advance(1800)
    clock.advance(0.5)
    assert float(clock.file.read_text()) == 1800.5
    assert LocalClock(clock.file).offset() == 1800.5
    assert abs(clock.now() - datetime.now(UTC) - timedelta(seconds=1800.5)) < timedelta(seconds=1)


def test_kept_it_goes_on_from_where_it_was(clock: LocalClock) -> None:
    clock.keep()
    assert clock.file.read_text() == "0"
    clock.advance(60)
    LocalClock(clock.file).keep()
    assert clock.offset() == 60


def test_no_file_is_left_beside_it(clock: LocalClock) -> None:
    clock.advance(60)
    assert list(clock.file.parent.iterdir()) == [clock.file]


@pytest.mark.parametrize("seconds", [-1, "60", None, True, float("nan"), float("inf"), 1e12, [1]])
def test_senseless_pushes_are_refused_and_change_nothing(clock: LocalClock, seconds: object) -> None:
    clock.advance(5)
    with pytest.raises(BadAdvance):
        clock.advance(seconds)
    assert clock.offset() == 5


def test_stamp_is_the_apis_form() -> None:
    assert stamp(datetime(2027, 1, 14, 11, 15, 30, 999000, UTC)) == "2027-01-14T11:15:30Z"
