"""Matching with a gateway's statement over HTTP."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Annotated

import msgspec
from chalice.app import Blueprint

from chalicelib.api.core.csv_text import CSV_HEADERS, csv_text, wants_csv
from chalicelib.api.core.formats import Instant, MoneyOut, instant
from chalicelib.api.core.paging import Paged, page, text_page
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.finance.settlement import Match, MendedBy, Payout, Settlement, Verdict
from chalicelib.domain.money import Money
from chalicelib.services.operators import settlements
from chalicelib.services.operators.settlements import Pulled
from chalicelib.services.ports.outcomes import Page

routes = Blueprint(__name__)


class StatementFile(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """A gateway's statement: a file, or what the gateway's API lists."""

    gateway: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    """Whose statement it is."""
    start: date
    """The first day, in the stage's time zone."""
    end: date
    """The last day, itself included; at most 31 days."""
    csv: Annotated[str, msgspec.Meta(max_length=60_000)] | None = None
    """The file as text: a line of headings with at least `reference`, `amount` and `currency`. A longer one is sent in
    parts, each with the days that it covers. Amounts are read by the notation of the whole file (`2450.00`, `2,450.00`,
    `2.450,00`, `2 450,00`); one that can be read in two ways is refused. Left out: the gateway's API is asked."""
    pulled: Pulled = "transactions"
    dry_run: bool = False
    """Answer what would be, and write nothing."""


class MatchesQuery(Paged, frozen=True, kw_only=True):
    """The lines of a report."""

    verdict: Verdict | None = None


class MatchOut(msgspec.Struct, frozen=True):
    """One line of either side, its verdict, and what mends it."""

    verdict: Verdict
    action: MendedBy
    reason: str
    """What is different, in words; empty where the verdict says it all."""
    reference: str
    """The gateway's own name for the payment."""
    tx_ref: str | None
    """Our name for it, where it is known."""
    booking_id: str | None
    """The booking, where it is known."""
    theirs: str | None
    """The amount as the statement has it, with its currency; null where it has none."""
    their_status: str | None
    """The status as the statement has it; null where it has none."""
    ours: MoneyOut | None
    """The amount in our books; null where they have none."""
    fee: MoneyOut | None
    """What the gateway kept, as the statement says; null where it does not say it."""
    net: MoneyOut | None
    """`ours` less the fee; null where either is not known."""
    payout_id: str | None
    """The payout that brought it; null where payouts were not asked for, or none has it."""

    @classmethod
    def of(cls, found: Match) -> MatchOut:
        row = found.theirs
        return cls(
            found.verdict,
            found.action,
            found.reason,
            found.reference,
            found.tx_ref or None,
            found.booking_id or None,
            f"{row.currency} {row.amount}" if row else None,
            row.status if row else None,
            MoneyOut.of(found.ours) if found.ours else None,
            MoneyOut.of(found.fee) if found.fee else None,
            MoneyOut.of(found.net) if found.net else None,
            found.payout_id or None,
        )


class PayoutOut(msgspec.Struct, frozen=True):
    """A lump that a gateway paid to the stage's bank account."""

    payout_id: str
    """The gateway's number for it: Paystack's stands in the bank's statement as `PSTK_359143`."""
    status: str
    """The gateway's word for how it stands."""
    date: date
    """When it was, or will be, paid."""
    gross: MoneyOut
    """What its payments come to."""
    fees: MoneyOut
    """What the gateway kept."""
    net: MoneyOut
    """`gross` less `fees`, as the gateway says it."""
    paid: MoneyOut
    """What is left after deductions, such as refunds and chargebacks: what the bank shows."""
    difference: str
    """What does not agree within it, and with its payments; empty where all does."""

    @classmethod
    def of(cls, found: Payout) -> PayoutOut:
        gross, fees, net, paid = (
            MoneyOut.of(Money(minor, found.currency)) for minor in (found.gross, found.fees, found.net, found.paid)
        )
        return cls(found.payout_id, found.status, found.on, gross, fees, net, paid, found.difference)


class SettlementOut(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """A report: how many lines have each verdict. Its lines are read by `GET /v1/ops/settlements/{settlement_id}`."""

    settlement_id: str
    """Its id: the same statement has the same one."""
    gateway: str
    """Whose statement it is."""
    start: date
    """The first day."""
    end: date
    """The last day, itself included."""
    made_at: Instant
    """When it was matched."""
    complete: bool
    """The statement was read to its end; if not, it says nothing of what it does not name."""
    counts: dict[str, int]
    """How many lines have each verdict."""
    payouts: tuple[PayoutOut, ...]
    """The gateway's payouts, newest first; none where they were not asked for."""

    @classmethod
    def of(cls, made: Settlement) -> SettlementOut:
        return cls(
            made.settlement_id,
            made.gateway,
            made.start,
            made.end,
            instant(made.made_at),
            made.complete,
            settlements.sums(made.matches),
            tuple(map(PayoutOut.of, made.payouts)),
        )


class SettlementPageOut(msgspec.Struct, frozen=True):
    """A report with a page of its lines."""

    settlement: SettlementOut
    """The report as a whole."""
    items: tuple[MatchOut, ...]
    """Its lines."""
    next_cursor: str | None
    """The `cursor` of the next page; null at the end of the list, and only there."""


@endpoint(
    routes,
    "POST",
    "/v1/ops/settlements",
    role="operator",
    right="money",
    act="match",
    about=lambda _, body: f"{body.gateway}/{body.start}/{body.end}",
    outcomes=(Outcome(202, SettlementOut, headers=("Location",)),),
)
def match_statement(call: Call, body: StatementFile) -> Answer:
    """Match a gateway's statement with the ledger; the same statement again changes nothing but its report."""
    made = settlements.settle(
        call.ports(dry_run=body.dry_run),
        call.principal,
        gateway=body.gateway,
        start=body.start,
        end=body.end,
        text=body.csv,
        pulled=body.pulled,
    )
    return Answer(SettlementOut.of(made), 202, {"Location": f"/v1/ops/settlements/{made.settlement_id}"})


@endpoint(
    routes,
    "GET",
    "/v1/ops/settlements/{settlement_id}",
    role="operator",
    right="money",
    outcomes=(Outcome(body=SettlementPageOut, texts=("text/csv",), headers=("Link",)),),
    refuses=("settlement_not_found",),
)
def read_settlement(call: Call, query: MatchesQuery) -> Answer:
    """Read the report of a statement, with each line's verdict; CSV where it is asked for."""
    made = settlements.read_settlement(call.container, call.principal, call.path["settlement_id"])
    find = partial(_lines, made, query.verdict)
    if wants_csv(call.request.headers.get("accept", "")):
        return text_page(call, query, find, lambda lines: csv_text(_HEADER, map(_fields, lines)), CSV_HEADERS)
    whole = SettlementOut.of(made)
    return page(call, query, find, MatchOut.of, answer=lambda _, items, cursor: SettlementPageOut(whole, items, cursor))


def _lines(made: Settlement, verdict: Verdict | None, *, limit: int, after: str | None) -> Page[Match]:
    wanted = [each for each in made.matches if verdict in (None, each.verdict)]
    start = int(after or 0)
    end = start + limit
    return Page(tuple(wanted[start:end]), str(end) if end < len(wanted) else None)


_HEADER = (
    "verdict", "action", "reason", "reference", "tx_ref", "booking_id", "currency", "theirs", "their_status", "ours",
    "fee", "net", "payout_id",
)  # fmt: skip


def _fields(found: Match) -> tuple[object, ...]:
    row = found.theirs
    ours, fee, net = (None if money is None else money.decimal for money in (found.ours, found.fee, found.net))
    currency = row.currency if row else found.ours.currency if found.ours else None
    return (
        found.verdict, found.action, found.reason, found.reference, found.tx_ref, found.booking_id, currency,
        row.amount if row else None, row.status if row else None, ours, fee, net, found.payout_id,
    )  # fmt: skip
