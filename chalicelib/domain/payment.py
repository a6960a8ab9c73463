"""Payment: one attempt to pay for a booking, and when the gateway is asked about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from .errors import FieldError
from .ids import TxRef
from .money import Money, zero
from .refund import Refund

PaymentStatus = Literal["created", "pending", "completed", "failed", "expired", "review"]

PAYMENT_MOVES: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    "created": frozenset({"pending", "completed", "failed", "expired", "review"}),
    "pending": frozenset({"completed", "failed", "expired", "review"}),
    "failed": frozenset({"completed", "review"}),
    "expired": frozenset({"completed", "review"}),
    "review": frozenset({"completed"}),
    "completed": frozenset(),
}
"""``completed`` is final: a stale answer never un-completes. All others may still see money, late."""

OPEN: frozenset[PaymentStatus] = frozenset({"created", "pending"})

WATCHED_FOR = timedelta(hours=72)
FIRST_LOOKS = (timedelta(minutes=2), timedelta(minutes=5), timedelta(minutes=15))
LOOKS_WHILE_HELD = timedelta(minutes=30)
LONGEST_PAUSE = timedelta(hours=6)
SOON = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an opening did not give a link: the refusal that the guest was, or would have been, answered."""

    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt at the gateway, under one ``tx_ref`` that is never used again.

    ``opening_until`` and ``opening_by`` are the lease of whoever calls initialize now. ``said`` is the gateway's
    last word on a payment that is still open (a refused card may be tried again inside the checkout window).
    ``key`` is the one that it was opened under, ``shown_under`` are those of calls that were given its open link.
    ``expected_mode`` is the mode of the key it was opened with; ``mode`` and ``received`` are what the gateway
    reported. ``accepted`` marks the one payment that confirmed the booking.
    """

    tx_ref: TxRef
    gateway: str
    expected_mode: str
    amount: Money
    created_at: datetime
    updated_at: datetime
    status: PaymentStatus = "created"
    opening_until: datetime | None = None
    opening_by: str = ""
    key: str = ""
    shown_under: tuple[str, ...] = ()
    checkout_url: str | None = None
    link_cancelled: bool = False
    problem: Problem | None = None
    looked_at: datetime | None = None
    next_look_at: datetime | None = None
    unanswered: int = 0
    said: str = ""
    accepted: bool = False
    provider_reference: str | None = None
    receipt_url: str | None = None
    paid_at: datetime | None = None
    fee: Money | None = None
    mode: str | None = None
    received: Money | None = None
    taken_back: str = ""
    taken_back_settled: bool = False
    refunds: tuple[Refund, ...] = ()

    @property
    def attempt(self) -> int:
        return int(self.tx_ref.rpartition("-")[2])

    def is_opening(self, now: datetime) -> bool:
        """Somebody holds the lease to call initialize."""
        return self.status == "created" and self.opening_until is not None and now < self.opening_until

    def opening_lapsed(self, now: datetime) -> bool:
        """Whoever held the lease never came back: the opening may be taken over, under the same tx_ref."""
        return self.status == "created" and self.opening_until is not None and now >= self.opening_until

    @property
    def waits_since_taken_back(self) -> bool:
        """The gateway gave completed money back without us, and no person has dealt with it yet."""
        return bool(self.taken_back) and not self.taken_back_settled

    @property
    def refunded_or_owed(self) -> Money:
        """All refunds of this payment added up, whatever their state: they count in what was received."""
        total = zero((self.received or self.amount).currency)
        for refund in self.refunds:
            total += refund.amount
        return total


def next_look(payment: Payment, *, hold_ends: datetime, now: datetime) -> datetime | None:
    """When the gateway is asked again after an answer at ``now`` that left the payment open; None: never.

    2, 5 and 15 minutes after the payment was made, at most 30 minutes apart while the hold lasts, then ever more
    seldom, at most 6 hours apart, with one last look 72 hours after it was made.
    """
    born = payment.created_at
    last = born + WATCHED_FOR
    if now >= last:
        return None
    for pause in FIRST_LOOKS:
        if now < born + pause:
            return born + pause
    if now < hold_ends:
        return min(now + LOOKS_WHILE_HELD, hold_ends)
    pause = min(max((now - born) / 2, LOOKS_WHILE_HELD), LONGEST_PAUSE)
    return min(now + pause, last)


def back_off(unanswered: int, *, jitter: float) -> timedelta:
    """The pause after the ``unanswered``-th silence in a row: 15 s doubling to 30 min, times 0.5 to 1 by ``jitter``."""
    longest = min(timedelta(seconds=15 << min(unanswered - 1, 10)), LOOKS_WHILE_HELD)
    return longest * (0.5 + jitter / 2)
