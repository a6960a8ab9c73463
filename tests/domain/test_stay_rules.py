from __future__ import annotations

from datetime import date, timedelta

import pytest

from chalicelib.domain.listings.stay_rules import wrong_range, wrong_stay, wrong_times
from tests.builders import a_listing

TODAY = date(2027, 1, 2)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("stay", "wrong"),
    [
        ({}, []),
        ({"check_in": TODAY, "check_out": TODAY + 90 * DAY, "units": 4, "guests": 8}, []),
        ({"check_in": TODAY - DAY}, ["check_in: is in the past at the listing"]),
        ({"check_in": TODAY + 540 * DAY}, []),
        ({"check_in": TODAY + 541 * DAY}, ["check_in: is more than 540 days ahead"]),
        ({"check_in": TODAY, "check_out": TODAY}, ["check_out: must be after check_in"]),
        ({"check_in": TODAY, "check_out": TODAY + 91 * DAY}, ["check_out: must be at most 90 nights after check_in"]),
        ({"units": 5}, ["units: must be at most 4, all that the listing has"]),
        ({"guests": 8}, []),
        ({"guests": 9}, ["guests: must be at most 8 in 4 of these units"]),
        ({"units": 1, "guests": 3}, ["guests: must be at most 2 in 1 of these units"]),
        # More units than there are do not make room for more guests.
        (
            {"units": 5, "guests": 9},
            ["units: must be at most 4, all that the listing has", "guests: must be at most 8 in 4 of these units"],
        ),
    ],
)
def test_what_is_wrong_with_a_stay(stay: dict[str, int | date], wrong: list[str]) -> None:
    found = wrong_stay(a_listing(units=4, guests_per_unit=2), today=TODAY, **stay)  # type: ignore[arg-type]
    assert [f"{error.field}: {error.message}" for error in found] == wrong


@pytest.mark.parametrize(
    ("start", "end", "wrong"),
    [
        (0, 90, []),
        (-1, 1, ["from: is in the past at the listing"]),
        (0, 0, ["to: must be after from"]),
        (0, 91, ["to: must be at most 90 nights after from"]),
        (629, 630, []),
        (629, 631, ["to: must be at most 630 days ahead"]),
    ],
)
def test_what_is_wrong_with_a_range(start: int, end: int, wrong: list[str]) -> None:
    found = wrong_range(TODAY + start * DAY, TODAY + end * DAY, today=TODAY)
    assert [f"{error.field}: {error.message}" for error in found] == wrong


@pytest.mark.parametrize(
    ("check_in", "check_out", "fits"),
    [("14:00", "11:00", True), ("10:00", "16:00", False), ("09:59", "10:00", False), ("10:00", "10:00", True)],
)
def test_a_unit_is_left_before_it_is_entered(check_in: str, check_out: str, *, fits: bool) -> None:
    assert [error.field for error in wrong_times(check_in, check_out)] == ([] if fits else ["check_out_time"])
