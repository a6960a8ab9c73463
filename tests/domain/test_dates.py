"""Days and times in words, month by month and hour by hour, in both languages."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from chalicelib.domain.contact import Language
from chalicelib.domain.words.dates import day_in_words, instant_in_words

MONTHS: dict[Language, str] = {
    "en": "January February March April May June July August September October November December",
    "am": "ጃንዋሪ ፌብሩዋሪ ማርች ኤፕሪል ሜይ ጁን ጁላይ ኦገስት ሴፕቴምበር ኦክቶበር ኖቬምበር ዲሴምበር",
}
WEEK: dict[Language, str] = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "am": "ሰኞ ማክሰኞ ረቡዕ ሐሙስ ዓርብ ቅዳሜ እሑድ",
}


@pytest.mark.parametrize("number", range(12))
def test_a_day_of_every_month(number: int) -> None:
    day = date(2027, number + 1, 9)
    english, amharic = (MONTHS[language].split()[number] for language in ("en", "am"))
    weekday, in_amharic = (WEEK[language].split()[day.weekday()] for language in ("en", "am"))
    assert day_in_words(day, "en") == f"{weekday} 9 {english} 2027"
    assert day_in_words(day, "am").startswith(f"{in_amharic}፣ {amharic} 9 ቀን 2027 እ.ኤ.አ. (")


@pytest.mark.parametrize("number", range(7))
def test_every_day_of_the_week(number: int) -> None:
    monday = date(2027, 1, 11)
    for language, names in WEEK.items():
        assert day_in_words(monday + timedelta(days=number), language).startswith(names.split()[number])


def test_an_amharic_day_has_the_ethiopian_one_beside_it() -> None:
    assert day_in_words(date(2027, 1, 14), "am") == "ሐሙስ፣ ጃንዋሪ 14 ቀን 2027 እ.ኤ.አ. (6 ጥር 2019 ዓ.ም.)"
    assert "2019" not in day_in_words(date(2027, 1, 14), "en")


@pytest.mark.parametrize(
    ("hour", "told"),
    [
        (0, "ከሌሊቱ 6"), (1, "ከሌሊቱ 7"), (5, "ከሌሊቱ 11"), (6, "ከጠዋቱ 12"), (7, "ከጠዋቱ 1"), (11, "ከጠዋቱ 5"), (12, "ከቀኑ 6"),
        (13, "ከቀኑ 7"), (17, "ከቀኑ 11"), (18, "ከምሽቱ 12"), (19, "ከምሽቱ 1"), (23, "ከምሽቱ 5"),
    ],
)  # fmt: skip
def test_an_hour_in_ethiopia_is_told_both_ways(hour: int, told: str) -> None:
    at = datetime(2027, 1, 14, hour, 5, tzinfo=UTC) - timedelta(hours=3)
    assert instant_in_words(at, "Africa/Addis_Ababa", "am").endswith(f"፣ {hour:02}:05 (በኢትዮጵያ አቆጣጠር {told}:05 ሰዓት)")
    assert (
        instant_in_words(at, "Africa/Addis_Ababa", "en") == f"Thursday 14 January 2027, {hour:02}:05 (Addis Ababa time)"
    )


def test_elsewhere_the_place_is_named() -> None:
    at = datetime(2027, 1, 14, 22, 5, tzinfo=UTC)
    assert instant_in_words(at, "Africa/Nairobi", "am").endswith("፣ 01:05 (በNairobi ሰዓት)")
    assert instant_in_words(at, "Africa/Nairobi", "en") == "Friday 15 January 2027, 01:05 (Nairobi time)"
