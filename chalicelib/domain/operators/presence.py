"""Who is in the house on a day: who arrives, who stays, who departs, and who did not come."""

from __future__ import annotations

from datetime import date
from typing import Literal

from chalicelib.domain.booking import Booking

Movement = Literal["arrives", "stays", "departs", "no_show"]
"""What a guest does on a day: `arrives`, `stays` (the night before and the night after), `departs`, or did not come and
is not expected any more (`no_show`)."""


def movement_on(booking: Booking, day: date) -> Movement | None:
    """What the guest of a booking does on ``day``, a date at its listing; None: nothing there."""
    if booking.status != "confirmed" or not booking.stay.check_in <= day <= booking.free_from:
        return None
    if booking.ended is not None and booking.ended.as_ == "no_show":
        return "no_show"
    if day == booking.stay.check_in:
        return "arrives"
    return "departs" if day == booking.free_from else "stays"
