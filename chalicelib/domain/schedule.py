"""When the gateway is asked about a payment, and how long to wait after a silence."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.domain.timing import (
    BACK_OFF_FIRST,
    BACK_OFF_MAX,
    FIRST_VERIFICATIONS,
    VERIFY_PAUSE_MAX,
    VERIFY_WHILE_HELD,
    WATCHED_FOR,
)


def next_verification(created_at: datetime, *, hold_ends: datetime, now: datetime) -> datetime | None:
    """When the gateway is asked again after an answer at ``now`` that left the payment open; None: never.

    2, 5 and 15 minutes after the payment was made, at most 30 minutes apart while the hold lasts, then ever more
    seldom, at most 6 hours apart, with one last verification 72 hours after the payment was made.
    """
    last = created_at + WATCHED_FOR
    if now >= last:
        return None
    for pause in FIRST_VERIFICATIONS:
        if now < created_at + pause:
            return created_at + pause
    if now < hold_ends:
        return min(now + VERIFY_WHILE_HELD, hold_ends)
    pause = min(max((now - created_at) / 2, VERIFY_WHILE_HELD), VERIFY_PAUSE_MAX)
    return min(now + pause, last)


def back_off(failures: int, *, jitter: float) -> timedelta:
    """The pause after the ``failures``-th silence in a row: 15 s doubling to 30 min, times 0.5 to 1 by ``jitter``."""
    longest = min(BACK_OFF_FIRST * (1 << min(failures - 1, 10)), BACK_OFF_MAX)
    return longest * (0.5 + jitter / 2)
