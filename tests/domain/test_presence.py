from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from chalicelib.domain.booking import Booking, StayEnd
from chalicelib.domain.operators.presence import movement_on
from tests.builders import a_booking, a_stay, cancelled, expired, opened, paid
from tests.replacing import replace

FIRST = date(2027, 1, 14)
STAYED = paid(opened(a_booking()))


def through(booking: Booking) -> list[str | None]:
    """What its guest does from the day before to the day after."""
    return [movement_on(booking, FIRST + timedelta(days=n)) for n in range(-1, 5)]


def ended(booking: Booking, free_from: int, last_night: int | None = None) -> Booking:
    day = date(2027, 1, last_night) if last_night else None
    end = StayEnd(
        as_="left_early" if day else "no_show",
        at=booking.check_in_at,
        free_from=date(2027, 1, free_from),
        last_night=day,
    )
    return replace(booking, ended=end)


@pytest.mark.parametrize(
    ("booking", "does"),
    [
        (STAYED, [None, "arrives", "stays", "stays", "departs", None]),
        (paid(opened(a_booking(stay=a_stay(nights=1)))), [None, "arrives", "departs", None, None, None]),
        (ended(STAYED, 16, 15), [None, "arrives", "stays", "departs", None, None]),
        (ended(STAYED, 14), [None, "no_show", None, None, None, None]),
        (ended(STAYED, 15), [None, "no_show", "no_show", None, None, None]),
        (opened(a_booking()), [None] * 6),
        (expired(a_booking()), [None] * 6),
        (cancelled(STAYED), [None] * 6),
    ],
)
def test_what_a_guest_does_on_each_day(booking: Booking, does: list[str | None]) -> None:
    assert through(booking) == does


@pytest.mark.parametrize(("booking", "day"), [(STAYED, 17), (ended(STAYED, 16, 15), 16), (ended(STAYED, 14), 17)])
def test_when_its_guest_leaves_or_would_have_left(booking: Booking, day: int) -> None:
    # Eleven in the morning there.
    assert booking.check_out_at == datetime(2027, 1, day, 8, tzinfo=UTC)
