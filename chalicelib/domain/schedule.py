"""TODO-DOC"""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.domain.booking import Payment
from chalicelib.domain.timing import (
    BACK_OFF_FIRST,
    BACK_OFF_MAX,
    FIRST_VERIFICATIONS,
    VERIFY_PAUSE_MAX,
    VERIFY_WHILE_HELD,
    WATCHED_FOR,
)


def next_verification(payment: Payment, *, hold_ends: datetime, now: datetime) -> datetime | None:
    """When the gateway is asked again after an answer at ``now`` that left the payment open; None: never.

    2, 5 and 15 minutes after the payment was made, at most 30 minutes apart while the hold lasts, then ever more
    seldom, at most 6 hours apart, with one last look 72 hours after it was made.
    """
    born = payment.created_at
    last = born + WATCHED_FOR
    if now >= last:
        return None
    for pause in FIRST_VERIFICATIONS:
        if now < born + pause:
            return born + pause
    if now < hold_ends:
        return min(now + VERIFY_WHILE_HELD, hold_ends)
    pause = min(max((now - born) / 2, VERIFY_WHILE_HELD), VERIFY_PAUSE_MAX)
    return min(now + pause, last)


def back_off(unanswered: int, *, jitter: float) -> timedelta:
    """The pause after the ``unanswered``-th silence in a row: 15 s doubling to 30 min, times 0.5 to 1 by ``jitter``."""
    longest = min(BACK_OFF_FIRST * (1 << min(unanswered - 1, 10)), BACK_OFF_MAX)
    return longest * (0.5 + jitter / 2)
