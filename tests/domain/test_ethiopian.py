"""The Ethiopian calendar against known days: New Years, the sixth of Pagume, holidays, and the turn of 2100."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.words.ethiopian import MONTHS, EthiopianDate

KNOWN = {
    "1900-03-01": (1892, 6, 22),
    "1974-09-12": (1967, 1, 2),
    "1991-05-28": (1983, 9, 20),  # Ginbot 20
    "1999-09-11": (1991, 13, 6),  # Pagume 6
    "1999-09-12": (1992, 1, 1),  # New Year on the 12th
    "2000-09-11": (1993, 1, 1),
    "2007-09-12": (2000, 1, 1),  # Ethiopian millennium
    "2019-09-11": (2011, 13, 6),  # Pagume 6
    "2020-02-29": (2012, 6, 21),
    "2023-09-10": (2015, 13, 5),  # Pagume 5
    "2023-09-11": (2015, 13, 6),  # Pagume 6
    "2023-09-12": (2016, 1, 1),  # New Year
    "2024-01-07": (2016, 4, 28),  # Genna kept on 28 Tahsas
    "2024-01-08": (2016, 4, 29),  # 29 Tahsas, but no holiday
    "2024-01-20": (2016, 5, 11),  # Timkat
    "2024-09-11": (2017, 1, 1),  # New Year
    "2025-01-07": (2017, 4, 29),  # Genna
    "2025-01-19": (2017, 5, 11),  # Timkat
    "2025-03-02": (2017, 6, 23),  # Adwa
    "2025-09-05": (2017, 12, 30),  # last of Nehase
    "2025-09-06": (2017, 13, 1),  # Pagume 1
    "2025-09-10": (2017, 13, 5),  # Pagume 5, last day
    "2025-09-11": (2018, 1, 1),  # New Year
    "2026-01-07": (2018, 4, 29),  # Genna
    "2026-04-12": (2018, 8, 4),  # Fasika
    "2026-09-10": (2018, 13, 5),
    "2026-09-11": (2019, 1, 1),  # New Year
    "2026-09-27": (2019, 1, 17),  # Meskel
    "2026-11-26": (2019, 3, 17),
    "2027-09-11": (2019, 13, 6),  # Pagume 6
    "2027-09-12": (2020, 1, 1),  # New Year
    "2027-09-28": (2020, 1, 17),  # Meskel
    "2028-01-07": (2020, 4, 28),  # Genna
    "2028-01-20": (2020, 5, 11),  # Timkat
    "2028-09-11": (2021, 1, 1),
    "2031-09-11": (2023, 13, 6),
    "2099-09-11": (2091, 13, 6),
    "2100-03-01": (2092, 6, 21),
    "2100-09-12": (2093, 1, 1),
    "2103-09-13": (2096, 1, 1),
}


@pytest.mark.parametrize(("gregorian", "ethiopian"), KNOWN.items())
def test_known_days(gregorian: str, ethiopian: tuple[int, int, int]) -> None:
    day = date.fromisoformat(gregorian)
    assert EthiopianDate.of(day) == EthiopianDate(*ethiopian)
    assert EthiopianDate(*ethiopian).gregorian == day


@pytest.mark.parametrize(
    "wrong", [(2018, 13, 6), (2019, 13, 7), (2018, 14, 1), (2018, 1, 31), (2018, 0, 1), (2018, 1, 0), (2018, 13, 0)]
)
def test_days_that_there_are_not(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="is no day of the Ethiopian calendar"):
        EthiopianDate(*wrong)


@given(st.dates(max_value=date.max - timedelta(days=1)))
def test_every_day_has_one_date_and_the_next_day_the_next(day: date) -> None:
    found, following = EthiopianDate.of(day), EthiopianDate.of(day + timedelta(days=1))
    assert found.gregorian == day
    assert found < following
    last = {12: 30, 13: 6 if found.year % 4 == 3 else 5}.get(found.month, 30)
    if found.day < last:
        assert following == EthiopianDate(found.year, found.month, found.day + 1)
    elif found.month < 13:
        assert following == EthiopianDate(found.year, found.month + 1, 1)
    else:
        assert following == EthiopianDate(found.year + 1, 1, 1)


def test_a_date_in_words_names_its_month_and_its_era() -> None:
    found = EthiopianDate.of(date(2026, 11, 26))
    assert found.text("am") == "17 ኅዳር 2019 ዓ.ም."
    assert found.text("en") == "17 Hidar 2019 E.C."
    assert {len(names) for names in MONTHS.values()} == {13}
