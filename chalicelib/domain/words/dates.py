"""Days and times in words, for letters and pages: in Amharic with the Ethiopian date and hour beside the others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from chalicelib.domain.contact import Language
from chalicelib.domain.words.ethiopian import EthiopianDate

WEEKDAYS: Mapping[Language, tuple[str, ...]] = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "am": ("ሰኞ", "ማክሰኞ", "ረቡዕ", "ሐሙስ", "ዓርብ", "ቅዳሜ", "እሑድ"),
}
MONTHS: Mapping[Language, tuple[str, ...]] = {
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
    "am": (
        "ጃንዋሪ", "ፌብሩዋሪ", "ማርች", "ኤፕሪል", "ሜይ", "ጁን",
        "ጁላይ", "ኦገስት", "ሴፕቴምበር", "ኦክቶበር", "ኖቬምበር", "ዲሴምበር",
    ),
}  # fmt: skip
"""Of the Gregorian calendar, as they are written in Ethiopia."""

DAYTIMES = ("ከሌሊቱ", "ከጠዋቱ", "ከቀኑ", "ከምሽቱ")
"""The quarters of the day from midnight on: an Amharic speaker tells twice twelve hours apart by them."""


def day_in_words(day: date, language: Language) -> str:
    """``Thursday 14 January 2027``; in Amharic marked as Gregorian, with the Ethiopian date beside it."""
    weekday, month = WEEKDAYS[language][day.weekday()], MONTHS[language][day.month - 1]
    if language == "am":
        return f"{weekday}፣ {month} {day.day} ቀን {day.year} እ.ኤ.አ. ({EthiopianDate.of(day).text(language)})"
    return f"{weekday} {day.day} {month} {day.year}"


def instant_in_words(instant: datetime, time_zone: str, language: Language) -> str:
    """Day and time of day at ``time_zone``, whose place is named.

    Ethiopia counts its hours from six in the morning. An Amharic reader is told those too, so that nobody
    takes 11:00 for five in the afternoon.
    """
    local = instant.astimezone(ZoneInfo(time_zone))
    day, clock = day_in_words(local.date(), language), f"{local:%H:%M}"
    if language == "en":
        return f"{day}, {clock} ({time_zone.rpartition('/')[2].replace('_', ' ')} time)"
    if time_zone == "Africa/Addis_Ababa":
        ethiopian = f"{DAYTIMES[local.hour // 6]} {(local.hour - 7) % 12 + 1}:{local:%M}"
        return f"{day}፣ {clock} (በኢትዮጵያ አቆጣጠር {ethiopian} ሰዓት)"
    return f"{day}፣ {clock} (በ{time_zone.rpartition('/')[2].replace('_', ' ')} ሰዓት)"
