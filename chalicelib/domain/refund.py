"""Refund, its moves, and the cancellation policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from .ids import RefundId
from .listing import CancellationPolicy
from .money import Money

RefundStatus = Literal["owed", "requested", "processing", "refunded", "attention"]

REFUND_MOVES: Mapping[RefundStatus, frozenset[RefundStatus]] = {
    "owed": frozenset({"requested", "refunded", "attention"}),
    "requested": frozenset({"owed", "processing", "refunded", "attention"}),
    "processing": frozenset({"refunded", "attention"}),
    "attention": frozenset({"owed", "refunded"}),
    "refunded": frozenset(),
}

UNDER_WAY: frozenset[RefundStatus] = frozenset({"requested", "processing"})

SILENT_FOR = timedelta(hours=24)
"""A refund of which the gateway says nothing for this long is put before a person."""
TRIES_BEFORE_ASKING = 50
OFTEN = timedelta(hours=1)
SELDOM = timedelta(hours=6)

FREE_AFTER_LATE_CONFIRMATION = timedelta(hours=24)
"""A booking that late money confirmed may be cancelled with all back for this long: the guest had moved on."""


@dataclass(frozen=True, slots=True)
class Refund:
    """Money of one payment that goes, or went, back. ``reason`` is a word of ours or a person's sentence.

    ``due_at`` is when it must be started or looked up; ``heard_at`` when the gateway last said anything of it.
    ``claimed_by`` is whoever moved it to ``requested``, the only one who may post it. ``provider_refund_id`` is the
    gateway's own name for it, where it gave one. ``key`` and ``fingerprint`` tell a repeated call.
    """

    refund_id: RefundId
    amount: Money
    reason: str
    created_at: datetime
    updated_at: datetime
    status: RefundStatus = "owed"
    due_at: datetime | None = None
    heard_at: datetime | None = None
    claimed_by: str = ""
    put_off: int = 0
    provider_refund_id: str | None = None
    key: str = ""
    fingerprint: str = ""

    @property
    def needs_a_person(self) -> bool:
        """In attention; or put off in vain for about a day, and tried on all the same."""
        return self.status == "attention" or (self.status == "owed" and self.put_off >= TRIES_BEFORE_ASKING)


@dataclass(frozen=True, slots=True)
class Share:
    """The part that comes back, and the instant at which it changes (None: it does not)."""

    numerator: int
    denominator: int
    changes_at: datetime | None


ALL, HALF, NOTHING = (1, 1), (1, 2), (0, 1)

_STEPS: Mapping[CancellationPolicy, tuple[tuple[timedelta, tuple[int, int]], ...]] = {
    "flexible": ((timedelta(hours=24), ALL),),
    "moderate": ((timedelta(days=5), ALL), (timedelta(hours=24), HALF)),
    "strict": ((timedelta(days=7), HALF),),
}
"""For each policy, longest notice first: with at least this much notice, this share comes back; else nothing."""


def share_back(
    policy: CancellationPolicy,
    *,
    check_in: datetime,
    now: datetime,
    confirmed_late_at: datetime | None = None,
) -> Share:
    """What a guest's cancellation at ``now`` gives back. All instants are in UTC."""
    by_notice = _by_notice(policy, check_in=check_in, now=now)
    if confirmed_late_at is None:
        return by_notice
    # A stay that has begun cannot be cancelled, however late it was confirmed.
    free_until = min(confirmed_late_at + FREE_AFTER_LATE_CONFIRMATION, check_in)
    if now >= free_until:
        return by_notice
    if (by_notice.numerator, by_notice.denominator) == ALL and by_notice.changes_at is not None:
        # The policy may give all back for longer still.
        return Share(*ALL, max(free_until, by_notice.changes_at))
    return Share(*ALL, free_until)


def _by_notice(policy: CancellationPolicy, *, check_in: datetime, now: datetime) -> Share:
    for notice, share in _STEPS[policy]:
        if now <= (until := check_in - notice):
            return Share(*share, until)
    return Share(*NOTHING, None)
