"""A gateway's statement against our own books: each line of either side has a verdict, and the action that mends it.

Lines are joined by an exact reference, and compared by amount without any tolerance; never by a name or a date.
Nothing is dropped: what cannot be compared says why (``docs/decisions/0082-statements-are-matched-by-reference.md``).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import date, datetime
from typing import Literal

from chalicelib.domain.booking import GatewayStatus
from chalicelib.domain.ids import BookingId, TxRef
from chalicelib.domain.money import Money
from chalicelib.domain.record import Record, replace

Verdict = Literal[
    "matched",
    "missing_here",
    "missing_there",
    "other_amount",
    "other_status",
    "duplicate",
    "refund_missing",
    "not_compared",
]
"""What became of a line: it is `matched`; the gateway has money that we do not know (`missing_here`), or we have some
that it does not (`missing_there`); the two say another amount or currency (`other_amount`), or another status
(`other_status`); one booking was paid twice (`duplicate`); we booked a refund that the statement does not show
(`refund_missing`); or nothing can be said (`not_compared`), for the reason given."""
MendedBy = Literal["nothing", "verify", "orphan", "refund", "note"]
"""What mends it: `nothing`; to `verify` the payment; to treat it as an `orphan`; to `refund` the later one; or a person
who looks into it and leaves a `note`."""

WENT_BACK: frozenset[GatewayStatus] = frozenset({"refunded", "reversed"})


class StatementRow(Record, frozen=True, kw_only=True):
    """One line of a gateway's statement: amounts are plain decimals of major units, ``2450.00``, where readable.

    ``tx_ref`` is our own reference, where the statement has it.
    """

    reference: str
    status: GatewayStatus
    amount: str
    currency: str
    tx_ref: str = ""
    fee: str = ""
    at: datetime | None = None
    payer: str = ""


class OurPayment(Record, frozen=True, kw_only=True):
    """What our books say of one payment. ``refunded`` and ``owed_back`` are minor units: what went back, and will."""

    tx_ref: TxRef
    booking_id: BookingId
    status: str
    amount: Money
    mode: str
    reference: str = ""
    reversed: bool = False
    refunded: int = 0
    owed_back: int = 0
    paid_before: bool = False
    """The booking was paid by another of its payments already."""


class Match(Record, frozen=True, kw_only=True):
    """The verdict on one line: what the two sides say, and what mends a difference."""

    verdict: Verdict
    action: MendedBy = "nothing"
    reason: str = ""
    reference: str = ""
    tx_ref: str = ""
    booking_id: str = ""
    theirs: StatementRow | None = None
    ours: Money | None = None
    fee: Money | None = None
    payout_id: str = ""
    """The payout that brought the money, where payouts were asked for."""

    @property
    def net(self) -> Money | None:
        """What the gateway passes on, where it said its fee."""
        return None if self.ours is None or self.fee is None else self.ours - self.fee


class Payout(Record, frozen=True, kw_only=True):
    """A lump that a gateway paid to the stage's bank account, as the gateway tells it: amounts are minor units.

    ``net`` is what its payments come to less ``fees``, ``paid`` what is left of it after deductions (refunds,
    chargebacks). ``counted`` and ``counted_fees`` are its payments added up, as the gateway lists them; None: an amount
    cannot be read, or a fee is not known.
    """

    payout_id: str
    status: str
    on: date
    currency: str
    gross: int
    fees: int
    net: int
    paid: int
    counted: int | None = None
    counted_fees: int | None = None

    @property
    def difference(self) -> str:
        """What does not agree within it, in words; empty where all does."""
        told = []
        if self.gross - self.fees != self.net:
            told.append(
                f"gross less fees is {_plain(self.gross - self.fees)}, and net is said to be {_plain(self.net)}"
            )
        if self.counted is not None and self.counted != self.gross:
            told.append(f"its payments add up to {_plain(self.counted)}, and gross is said to be {_plain(self.gross)}")
        if self.counted_fees is not None and self.counted_fees != self.fees:
            told.append(f"their fees add up to {_plain(self.counted_fees)}, and are said to be {_plain(self.fees)}")
        return "; ".join(told)


class PayoutPage(Record, frozen=True):
    """A page of the payouts that a gateway lists, newest first; ``more`` and ``cursor`` as of a ``TransactionPage``."""

    payouts: tuple[Payout, ...]
    more: bool
    cursor: str = ""


class Settlement(Record, frozen=True, kw_only=True):
    """A statement that was matched. ``complete``: it was read to its end.

    ``payouts`` are those that were asked for; there are none of a file, and of a list of transactions.
    """

    settlement_id: str
    gateway: str
    start: date
    end: date
    made_at: datetime
    complete: bool
    matches: tuple[Match, ...]
    payouts: tuple[Payout, ...] = ()


class TransactionPage(Record, frozen=True):
    """A page of what a gateway's API lists, newest first, and whether there are older ones.

    ``cursor`` is by what the next page is asked for.
    """

    rows: tuple[StatementRow, ...]
    more: bool
    cursor: str = ""


def match(
    rows: Iterable[StatementRow],
    found: Mapping[str, OurPayment],
    expected: Iterable[OurPayment],
    *,
    mode: str,
    complete: bool,
) -> tuple[Match, ...]:
    """A verdict for each row, once however often it is listed, and for each payment of ours that no row names.

    ``found`` has our payment for each row's reference, where there is one; ``expected`` are those of the period.
    ``mode`` is the statement's. Without ``complete`` the statement could not be read to its end: what it does not
    name is then not missing there.
    """
    verdicts: dict[str, Match] = {}
    named: set[str] = set()
    for row in rows:
        if row.reference in verdicts:
            continue
        ours = found.get(row.reference)
        if ours is not None:
            named.add(ours.tx_ref)
        verdicts[row.reference] = _of_row(row, ours, mode=mode)
    missing = [_unnamed(ours, mode=mode, complete=complete) for ours in expected if ours.tx_ref not in named]
    return (*verdicts.values(), *missing)


def in_payouts(matches: Iterable[Match], payout_of: Mapping[str, str], young: Container[str]) -> tuple[Match, ...]:
    """The verdicts with the payout of each line's payment. ``young`` are the payments (our references) that no payout
    need have yet: of them nothing is said to be missing.
    """

    def told(each: Match) -> Match:
        if each.verdict == "missing_there" and each.tx_ref in young:
            return replace(each, verdict="not_compared", action="nothing", reason="no payout has it yet")
        if each.verdict == "missing_there":
            return replace(each, reason="no payout has it")
        return replace(each, payout_id=payout_of.get(each.reference, ""))

    return tuple(map(told, matches))


def _plain(minor: int) -> str:
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02}"


def amount_of(text: str, currency: str) -> Money | None:
    """An amount as a statement's row has it, ``2450.00``; None for what is no whole number of minor units."""
    try:
        return Money.parse(text.strip(), currency)
    except ValueError:
        return None


def _of_row(row: StatementRow, ours: OurPayment | None, *, mode: str) -> Match:
    paid = row.status == "paid" or row.status in WENT_BACK
    if ours is None:
        if not paid:
            return _said("not_compared", row, None, reason=f"nothing was paid: {row.status}")
        return _said("missing_here", row, None, action="verify" if row.tx_ref else "orphan")
    if ours.mode != mode:
        return _said("not_compared", row, ours, reason="mode")
    if ours.status != "completed":
        same = not paid
        return _said("not_compared" if same else "other_status", row, ours, action="nothing" if same else "verify",
                     reason=f"{ours.status} here, {row.status} there")  # fmt: skip
    if not paid:
        return _said("other_status", row, ours, action="verify", reason=f"completed here, {row.status} there")
    if amount_of(row.amount, row.currency) != ours.amount:
        reason = f"{row.currency} {row.amount} instead of {ours.amount.formatted}"
        return _said("other_amount", row, ours, action="note", reason=reason)
    if row.status in WENT_BACK and not (ours.refunded or ours.owed_back or ours.reversed):
        return _said("other_status", row, ours, action="verify", reason=f"completed here, {row.status} there")
    if row.status == "paid" and (ours.refunded or ours.reversed):
        return _said("refund_missing", row, ours, action="note", reason="it went back here, and not there")
    if ours.paid_before and not ours.refunded and not ours.owed_back:
        return _said("duplicate", row, ours, action="refund", reason="another payment of this booking counts")
    return _said("matched", row, ours, reason="duplicate" if ours.paid_before else "")


def _unnamed(ours: OurPayment, *, mode: str, complete: bool) -> Match:
    if ours.mode != mode:
        return _said("not_compared", None, ours, reason="mode")
    if not complete:
        return _said("not_compared", None, ours, reason="the statement could not be read to its end")
    return _said("missing_there", None, ours, action="verify")


def _said(
    verdict: Verdict,
    row: StatementRow | None,
    ours: OurPayment | None,
    *,
    action: MendedBy = "nothing",
    reason: str = "",
) -> Match:
    return Match(
        verdict=verdict,
        action=action,
        reason=reason,
        reference=row.reference if row else ours.reference if ours else "",
        tx_ref=ours.tx_ref if ours else row.tx_ref if row else "",
        booking_id=ours.booking_id if ours else "",
        theirs=row,
        ours=ours.amount if ours else None,
        fee=amount_of(row.fee, row.currency) if row and row.fee else None,
    )
