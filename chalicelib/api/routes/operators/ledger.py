"""The ledger over HTTP: its lines, and what they add up to."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Annotated

import msgspec
from chalice.app import Blueprint

from chalicelib.api.core.csv_text import CSV_HEADERS, csv_text, wants_csv
from chalicelib.api.core.fields import matching
from chalicelib.api.core.formats import Day, Instant, MoneyOut, instant
from chalicelib.api.core.paging import Paged, page, text_page
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.booking import LineKind
from chalicelib.domain.finance.ledger import LedgerLine, TotalRow
from chalicelib.domain.money import Money
from chalicelib.services.operators import ledger
from chalicelib.services.ports.outcomes import Page

routes = Blueprint(__name__)

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_BY = ("day", "gateway", "currency", "host")
_SOME = matching(
    rf"(?:{'|'.join(_BY)})(?:,(?:{'|'.join(_BY)})){{0,3}}",
    f"must be some of {', '.join(_BY)}, with commas between them",
)


class LedgerQuery(Paged, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Lines of the days from ``from`` to ``to``, both included, in the stage's time zone."""

    start: date
    """The first day."""
    end: date
    """The last day, itself included."""
    host_id: _Name | None = None
    """Only the lines of this host's listings, by the day from which they count."""
    gateway: _Name | None = None
    """Only what went through this gateway; `elsewhere` for refunds that were paid in another way."""


class TotalsQuery(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """Days from ``from`` to ``to``, both included, and what to add up by: some of day, gateway, currency, host."""

    start: date
    """The first day."""
    end: date
    """The last day, itself included."""
    by: Annotated[str, _SOME] = "day,gateway,currency"
    """What to add up by, with commas between: `day`, `gateway`, `currency`, `host`. Currencies are never added up."""


class LedgerLineOut(msgspec.Struct, frozen=True):
    """Money that moved: in where ``gross`` is positive, out where it is negative.

    ``fee`` and ``net`` are null where the gateway did not say its fee. ``counts_on`` is the day from which the host is
    owed it.
    """

    line_id: str
    """Its own id: what it is about, and its kind."""
    kind: LineKind
    at: Instant
    """When the money moved."""
    day: Day
    """The day of that in the stage's time zone."""
    gross: MoneyOut
    """What moved: in where it is positive, out where it is negative."""
    fee: MoneyOut | None
    """What the gateway kept of a payment; null where it did not say."""
    net: MoneyOut | None
    """`gross` less the fee; null where the fee of a payment is not known."""
    gateway: str
    """Through which gateway; `elsewhere` for a refund that was paid in another way."""
    mode: str
    """`live` for real money, `test` for none."""
    provider_reference: str | None
    """The gateway's own name for the payment or the refund."""
    booking_id: str
    """The booking."""
    tx_ref: str
    """The payment."""
    refund_id: str | None
    """The refund, where it is one."""
    listing_id: str
    """The listing."""
    host_id: str
    """The host whose listing it is."""
    counts_on: Day
    """The day from which the host is owed it: the end of the stay, or the day itself where that is later."""

    @classmethod
    def of(cls, line: LedgerLine) -> LedgerLineOut:
        return cls(
            line.line_id,
            line.kind,
            instant(line.at),
            line.day.isoformat(),
            MoneyOut.of(line.gross),
            None if line.fee is None else MoneyOut.of(line.fee),
            None if line.net is None else MoneyOut.of(line.net),
            line.gateway,
            line.mode,
            line.provider_reference,
            line.booking_id,
            line.tx_ref,
            line.refund_id,
            line.listing_id,
            line.host_id,
            line.counts_on.isoformat(),
        )


class TotalOut(msgspec.Struct, frozen=True):
    """Lines added up. ``day``, ``gateway`` and ``host_id`` are null where the sum is not of one.

    ``gross`` is what came in, ``refunded`` and ``reversed`` what went out, ``net`` the rest, less the ``fees`` that are
    known; ``fees_unknown`` counts the payments whose fee the gateway did not say.
    """

    day: Day | None
    """The day; null where days are added up."""
    gateway: str | None
    """The gateway; null where gateways are added up."""
    currency: str
    """ISO 4217 code: currencies are never added up."""
    host_id: str | None
    """The host; null where hosts are added up."""
    payments: int
    """How many payments came."""
    refunds: int
    """How many refunds were done."""
    gross: MoneyOut
    """What came in."""
    refunded: MoneyOut
    """What went back by refunds."""
    reversed: MoneyOut
    """What gateways took back without a refund."""
    disputed: MoneyOut
    """What disputes took, less what came back by those that were won."""
    fees: MoneyOut
    """What the gateways kept, as far as they said it."""
    fees_unknown: int
    """How many payments have a fee that the gateway did not say."""
    net: MoneyOut
    """What came in, less what went out and the fees that are known."""

    @classmethod
    def of(cls, row: TotalRow) -> TotalOut:
        def money(minor: int) -> MoneyOut:
            return MoneyOut.of(Money(minor, row.currency))

        return cls(
            None if row.day is None else row.day.isoformat(),
            row.gateway or None,
            row.currency,
            row.host_id or None,
            row.counts.get("payment", 0),
            row.counts.get("refund", 0),
            money(row.amounts.get("payment", 0)),
            money(-row.amounts.get("refund", 0)),
            money(-row.amounts.get("reversal", 0)),
            money(-row.amounts.get("dispute", 0) - row.amounts.get("dispute_won", 0)),
            money(row.fees),
            row.fees_unknown,
            MoneyOut.of(row.net),
        )


class Totals(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """The ledger of a period, added up."""

    start: date
    """The first day."""
    end: date
    """The last day, itself included."""
    items: tuple[TotalOut, ...]
    """A sum for each combination that there is, in order."""


@endpoint(
    routes,
    "GET",
    "/v1/ops/ledger",
    role="operator",
    right="money",
    outcomes=(Outcome(body=Page[LedgerLineOut], texts=("text/csv",), headers=("Link",)),),
)
def list_ledger(call: Call, query: LedgerQuery) -> Answer:
    """List movements of money by the day on which they happened; CSV where it is asked for.

    A page of CSV names the next one in its ``Link`` header.
    """
    find = partial(
        ledger.lines,
        call.container,
        call.principal,
        query.start,
        query.end,
        host_id=query.host_id,
        gateway=query.gateway,
    )
    if wants_csv(call.request.headers.get("accept", "")):
        return text_page(call, query, find, lambda lines: csv_text(LINE_HEADER, map(line_fields, lines)), CSV_HEADERS)
    return page(call, query, find, LedgerLineOut.of)


@endpoint(
    routes,
    "GET",
    "/v1/ops/ledger/totals",
    role="operator",
    right="money",
    outcomes=(Outcome(body=Totals, texts=("text/csv",)),),
)
def read_ledger_totals(call: Call, query: TotalsQuery) -> Answer:
    """Add up the ledger of a period by day, gateway, currency and host, as asked; CSV where it is asked for."""
    by = frozenset(query.by.split(","))
    rows = ledger.totals(call.container, call.principal, query.start, query.end, by=by)
    if wants_csv(call.request.headers.get("accept", "")):
        return Answer(csv_text(_TOTAL_HEADER, map(_total_fields, rows)), 200, CSV_HEADERS)
    return Answer(Totals(query.start, query.end, tuple(map(TotalOut.of, rows))))


LINE_HEADER = (
    "day", "at", "kind", "gross", "fee", "net", "currency", "gateway", "mode", "provider_reference", "booking_id",
    "tx_ref", "refund_id", "listing_id", "host_id", "counts_on", "line_id",
)  # fmt: skip
_TOTAL_HEADER = (
    "day", "gateway", "currency", "host_id", "payments", "refunds", "gross", "refunded", "reversed", "disputed", "fees",
    "fees_unknown", "net",
)  # fmt: skip


def line_fields(line: LedgerLine) -> tuple[object, ...]:
    """Amounts in major units, as accountants' programs read them."""
    fee, net = (None if money is None else money.decimal for money in (line.fee, line.net))
    return (
        line.day, instant(line.at), line.kind, line.gross.decimal, fee, net, line.gross.currency, line.gateway,
        line.mode, line.provider_reference, line.booking_id, line.tx_ref, line.refund_id, line.listing_id,
        line.host_id, line.counts_on, line.line_id,
    )  # fmt: skip


def _total_fields(row: TotalRow) -> tuple[object, ...]:
    def decimal(minor: int) -> str:
        return Money(minor, row.currency).decimal

    refunded, reversed_ = (-row.amounts.get(kind, 0) for kind in ("refund", "reversal"))
    disputed = -row.amounts.get("dispute", 0) - row.amounts.get("dispute_won", 0)
    return (
        row.day, row.gateway, row.currency, row.host_id, row.counts.get("payment", 0), row.counts.get("refund", 0),
        decimal(row.amounts.get("payment", 0)), decimal(refunded), decimal(reversed_), decimal(disputed),
        decimal(row.fees), row.fees_unknown, row.net.decimal,
    )  # fmt: skip
