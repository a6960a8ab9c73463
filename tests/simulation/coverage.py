"""What the simulated histories reached: rows of the decision table, crash points, conditions, faults, events.

A run that never reached a row has not proved it; so every run prints how often it reached each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.domain.booking import OPEN, Booking
from chalicelib.domain.verification import Verification, apply_verification, matches
from chalicelib.services import reconcile
from chalicelib.services import refunds as refund

COVERED: Counter[str] = Counter()
"""Counts by ``group / name``, for this process."""

ROWS = (
    "paid · pending_payment → confirmed",
    "paid · expired, nights free → confirmed late",
    "paid · expired, nights short → refund owed",
    "paid · expired, check-in past → refund owed",
    "paid · cancelled → refund owed",
    "paid · already paid by another → refund owed",
    "paid otherwise than asked · not completed → review",
    "anything but refunded · completed → nothing",
    "pending · open → still open",
    "pending · closed → watched",
    "failed inside the window · open → still open",
    "failed · closed → watched",
    "failed after the window · open → failed",
    "unknown · open → still open",
    "unknown long after the hold · open → expired",
    "unknown · closed → watched",
    "refunded · a refund of ours under way → refunded",
    "refunded · completed, refunded before → nothing",
    "refunded · completed, no refund of ours → reversed",
    "refunded · never completed → review",
    "no answer · → nothing but the next verification",
    "reversed · a refund of ours has a word of its own → asked about",
)


def covered(group: str, name: str, count: int = 1) -> None:
    """Count one thing that a history reached."""
    COVERED[f"{group} / {name}"] += count


def row_of(before: Booking, after: Booking, tx_ref: str, said: Verification, nights: str) -> str:
    """Which row of the table in docs/architecture.md (§5) this answer belongs to."""
    payment, then = before.payment(tx_ref), after.payment(tx_ref)
    assert payment is not None
    assert then is not None
    if said.status == "no_answer":
        return ROWS[20]
    if said.status in ("refunded", "reversed"):
        if payment.status != "completed":
            return ROWS[19]
        if said.status == "reversed" and any(
            each.provider_refund_id is not None or each.status == "requested" for each in payment.refunds
        ):
            return ROWS[21]
        if [each.status for each in payment.refunds] != [each.status for each in then.refunds]:
            return ROWS[16]
        return ROWS[18] if then.reversal and not payment.reversal else ROWS[17]
    if payment.status == "completed":
        return ROWS[7]
    if said.status == "paid":
        return _paid_row(before, after, tx_ref, said, nights)
    is_open = payment.status in OPEN
    if said.status == "pending":
        return ROWS[8] if is_open else ROWS[9]
    if said.status == "failed":
        return ROWS[12] if then.status == "failed" != payment.status else ROWS[10] if is_open else ROWS[11]
    return ROWS[14] if is_open and then.status == "expired" else ROWS[13] if is_open else ROWS[15]


def _paid_row(before: Booking, after: Booking, tx_ref: str, said: Verification, nights: str) -> str:
    payment = before.payment(tx_ref)
    assert payment is not None
    if not matches(payment, said):
        return ROWS[6]
    if before.status == "pending_payment":
        return ROWS[0]
    if before.status == "expired":
        if after.status == "confirmed":
            return ROWS[1]
        return ROWS[2] if nights == "short" else ROWS[3]
    return ROWS[4] if before.status == "cancelled" else ROWS[5]


@contextmanager
def rows_counted() -> Iterator[None]:
    """While this lasts, every application of an answer is counted by its row."""

    def counting(booking: Booking, tx_ref: str, verification: Verification, **rest: Any) -> Booking:
        after = apply_verification(booking, tx_ref, verification, **rest)
        covered("row", row_of(booking, after, tx_ref, verification, rest.get("nights", "free")))
        return after

    modules: tuple[Any, ...] = (reconcile, refund)
    for module in modules:
        module.apply_verification = counting
    try:
        yield
    finally:
        for module in modules:
            module.apply_verification = apply_verification


def table(counts: Counter[str]) -> str:
    """The counts as text, by group; rows of the table that were never reached are shown with 0."""
    groups: dict[str, dict[str, int]] = {"row": dict.fromkeys(ROWS, 0)}
    for key, count in sorted(counts.items()):
        group, _, name = key.partition(" / ")
        groups.setdefault(group, {})[name] = count
    lines = []
    for group, names in groups.items():
        lines.append(f"\n{group}")
        lines += [f"  {count:>12,}  {name}" for name, count in names.items()]
    return "\n".join(lines)
