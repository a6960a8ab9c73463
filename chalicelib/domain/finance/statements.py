"""What a host is owed: what counts of her stays, less the gateway's fee, the house's commission and what was paid out.

Nothing is ever edited: a payout that was wrong is taken back by a counter-entry, and a commission counts from a day on.
Moving the money is not part of this: a person does, and marks it here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal

from chalicelib.domain.finance.ledger import LedgerLine
from chalicelib.domain.ids import BookingId, ListingId, PersonId
from chalicelib.domain.money import Money
from chalicelib.domain.record import Record

EntryKind = Literal["payout", "payout_reversed", "commission"]
"""What was entered in a host's account: a `payout`; the counter-entry of one (`payout_reversed`); or the house's
`commission` on what counts from a day on."""

WHOLE = 10_000
"""A commission of everything, in hundredths of a percent."""


class AccountEntry(Record, frozen=True, kw_only=True):
    """One line of a host's account, written once. ``amount`` is what was paid out, negative in a counter-entry.

    ``on`` is the day of the payout, or the day from which a commission counts; that is in hundredths of a percent.
    """

    entry_id: str
    host_id: PersonId
    kind: EntryKind
    at: datetime
    on: date
    by: PersonId
    by_name: str = ""
    note: str = ""
    amount: Money | None = None
    reference: str = ""
    commission: int | None = None
    reverses: str = ""


class StayRow(Record, frozen=True, kw_only=True):
    """What counts of one booking in the month, in minor units; ``fee`` is what the host bears of the gateway's."""

    booking_id: BookingId
    listing_id: ListingId
    counts_on: date
    gross: int
    refunded: int
    fee: int
    commission: int

    @property
    def earned(self) -> int:
        return self.gross - self.refunded - self.fee - self.commission


class Statement(Record, frozen=True, kw_only=True):
    """A host's month in one currency: the balance brought forward, what counts, what was paid out, what is owed now.

    A balance may be negative: money went back after its stay was paid out.
    """

    month: date
    currency: str
    brought_forward: Money
    stays: tuple[StayRow, ...]
    payouts: tuple[AccountEntry, ...]
    earned: Money
    paid_out: Money

    @property
    def balance(self) -> Money:
        return self.brought_forward + self.earned - self.paid_out


def statements(
    lines: Sequence[LedgerLine],
    entries: Sequence[AccountEntry],
    *,
    month: date,
    today: date,
    commission: int,
    bears_fee: bool,
) -> tuple[Statement, ...]:
    """A statement for each currency that the host ever had money in. ``month`` is its first day.

    ``lines`` are all that count up to the end of the month, ``entries`` all of the account. What counts after ``today``
    is not owed yet. ``commission`` is the stage's, where the host has no other; ``bears_fee``: the host bears the
    gateway's fee.
    """
    end = following(month)
    due = [line for line in lines if line.counts_on < end and line.counts_on <= today]
    paid = [entry for entry in entries if entry.amount is not None and entry.on < end]
    currencies = {line.gross.currency for line in due} | {entry.amount.currency for entry in paid if entry.amount}
    made = []
    for currency in sorted(currencies):
        own = [line for line in due if line.gross.currency == currency]
        payouts = [entry for entry in paid if entry.amount is not None and entry.amount.currency == currency]
        before = _stays(
            (line for line in own if line.counts_on < month), entries, commission=commission, bears_fee=bears_fee
        )
        now = _stays(
            (line for line in own if line.counts_on >= month), entries, commission=commission, bears_fee=bears_fee
        )
        earlier = _paid(entry for entry in payouts if entry.on < month)
        these = tuple(entry for entry in payouts if entry.on >= month)
        made.append(
            Statement(
                month=month,
                currency=currency,
                brought_forward=Money(sum(row.earned for row in before) - earlier, currency),
                stays=now,
                payouts=these,
                earned=Money(sum(row.earned for row in now), currency),
                paid_out=Money(_paid(these), currency),
            )
        )
    return tuple(made)


def commission_on(entries: Iterable[AccountEntry], day: date, *, otherwise: int) -> int:
    """The commission that counts on a day, in hundredths of a percent: the last that was entered for it."""
    own = [entry for entry in entries if entry.kind == "commission" and entry.on <= day]
    latest = max(own, key=lambda entry: (entry.on, entry.at), default=None)
    return otherwise if latest is None or latest.commission is None else latest.commission


def following(month: date) -> date:
    """The first day of the month after this one."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _stays(
    lines: Iterable[LedgerLine], entries: Sequence[AccountEntry], *, commission: int, bears_fee: bool
) -> tuple[StayRow, ...]:
    """A row for each booking and day on which any of it counts: a share is of what counts that day, half up."""
    grouped: dict[tuple[date, str], list[LedgerLine]] = {}
    for line in lines:
        grouped.setdefault((line.counts_on, line.booking_id), []).append(line)
    rows = []
    for (day, _), own in sorted(grouped.items()):
        came = sum(line.gross.minor for line in own if line.gross.minor > 0)
        went = -sum(line.gross.minor for line in own if line.gross.minor < 0)
        rows.append(
            StayRow(
                booking_id=own[0].booking_id,
                listing_id=own[0].listing_id,
                counts_on=day,
                gross=came,
                refunded=went,
                fee=sum(line.fee.minor for line in own if line.fee) if bears_fee else 0,
                commission=_share(came - went, commission_on(entries, day, otherwise=commission)),
            )
        )
    return tuple(rows)


def _share(minor: int, of_whole: int) -> int:
    """A share of an amount, half away from nothing: what goes back takes its commission with it."""
    share = (2 * abs(minor) * of_whole + WHOLE) // (2 * WHOLE)
    return share if minor >= 0 else -share


def _paid(entries: Iterable[AccountEntry]) -> int:
    return sum(entry.amount.minor for entry in entries if entry.amount is not None)
