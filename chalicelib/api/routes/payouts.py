"""What hosts are owed, over HTTP: a statement for each month, and the entries that operators make."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from chalice.app import Blueprint

from chalicelib.api.core.csv_text import CSV_HEADERS, csv_text, wants_csv
from chalicelib.api.core.fields import Currency, Sentence, matching
from chalicelib.api.core.formats import Day, Instant, MoneyOut, instant
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.finance.statements import AccountEntry, EntryKind, Statement, StayRow
from chalicelib.domain.money import MAX_MINOR, Money
from chalicelib.services.operators import payouts

routes = Blueprint(__name__)


class MonthQuery(msgspec.Struct, frozen=True):
    """Which month."""

    month: Annotated[str, matching(r"20[0-9]{2}-(?:0[1-9]|1[0-2])", "must be a month, such as 2027-01")]
    """The month: `2027-01`."""


class PayoutIn(msgspec.Struct, frozen=True, rename={"on": "date"}):
    """A payment that was made to a host."""

    amount: Annotated[int, msgspec.Meta(ge=1, le=MAX_MINOR)]
    """What was paid, in minor units."""
    currency: Currency
    """ISO 4217 code."""
    on: date
    """The day on which it was paid."""
    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    """What the bank or the wallet calls it."""
    note: Sentence
    """Why, or for what; kept with it."""
    dry_run: bool = False
    """Answer the entry that would be made, and make none."""


class TakeBack(msgspec.Struct, frozen=True):
    """Why a payout did not happen."""

    note: Sentence
    """Why; kept with it."""
    dry_run: bool = False
    """Answer the entry that would be made, and make none."""


class CommissionIn(msgspec.Struct, frozen=True, rename={"start": "from"}):
    """A host's own commission, from a day on."""

    commission: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None
    """The house's share in hundredths of a percent: 1250 is 12.5 %; null: the stage's again."""
    start: date
    """The day from which it counts."""
    note: Sentence
    """Why; kept with it."""
    dry_run: bool = False
    """Answer the entry that would be made, and make none."""


class AccountEntryOut(msgspec.Struct, frozen=True):
    """One line of a host's account; it is never changed."""

    entry_id: str
    """Its id."""
    kind: EntryKind
    date: Day
    """The day of the payout, or the day from which a commission counts."""
    amount: MoneyOut | None
    """What was paid out, negative in a counter-entry; null for a commission."""
    reference: str
    """What the bank or the wallet calls it."""
    note: str
    """Why it was entered."""
    at: Instant
    """When it was entered."""
    by: str
    """Who entered it."""
    commission: int | None
    """In hundredths of a percent; null for a payout."""
    reverses: str | None
    """The payout that a counter-entry takes back."""

    @classmethod
    def of(cls, entry: AccountEntry) -> AccountEntryOut:
        return cls(
            entry.entry_id,
            entry.kind,
            entry.on.isoformat(),
            MoneyOut.of(entry.amount) if entry.amount else None,
            entry.reference,
            entry.note,
            instant(entry.at),
            entry.by_name or entry.by,
            entry.commission,
            entry.reverses or None,
        )


class StayRowOut(msgspec.Struct, frozen=True):
    """What counts of one booking."""

    booking_id: str
    """The booking."""
    listing_id: str
    """The listing."""
    date: Day
    """The day from which it counts: the end of the stay, or the day on which money moved later."""
    gross: MoneyOut
    """What its guest paid."""
    refunded: MoneyOut
    """What went back."""
    fee: MoneyOut
    """What the host bears of the gateway's fee."""
    commission: MoneyOut
    """The house's share."""
    earned: MoneyOut
    """What is left for the host; negative where more went back than came."""

    @classmethod
    def of(cls, row: StayRow, currency: str) -> StayRowOut:
        amounts = (row.gross, row.refunded, row.fee, row.commission, row.earned)
        money = [MoneyOut.of(Money(minor, currency)) for minor in amounts]
        return cls(row.booking_id, row.listing_id, row.counts_on.isoformat(), *money)


class StatementOut(msgspec.Struct, frozen=True):
    """A host's month in one currency."""

    currency: str
    """ISO 4217 code: currencies are never added up."""
    brought_forward: MoneyOut
    """What was owed at the end of the month before."""
    earned: MoneyOut
    """What counts in this month, up to today."""
    paid_out: MoneyOut
    """What was paid out in it."""
    balance: MoneyOut
    """What is owed now; negative where the host was paid more than she earned."""
    stays: tuple[StayRowOut, ...]
    """What counts, by day."""
    payouts: tuple[AccountEntryOut, ...]
    """What was paid out, and what was taken back of it."""

    @classmethod
    def of(cls, made: Statement) -> StatementOut:
        return cls(
            made.currency,
            MoneyOut.of(made.brought_forward),
            MoneyOut.of(made.earned),
            MoneyOut.of(made.paid_out),
            MoneyOut.of(made.balance),
            tuple(StayRowOut.of(row, made.currency) for row in made.stays),
            tuple(map(AccountEntryOut.of, made.payouts)),
        )


class Statements(msgspec.Struct, frozen=True):
    """A host's month: a statement for each currency that she ever had money in."""

    month: str
    """The month."""
    items: tuple[StatementOut, ...]
    """One for each currency."""


@endpoint(
    routes,
    "GET",
    "/v1/hosts/me/statements",
    role="host",
    outcomes=(Outcome(body=Statements, texts=("text/csv",)),),
)
def read_own_statements(call: Call, query: MonthQuery) -> Answer:
    """Read what the caller's stays brought in a month, what was paid out, and what is owed; CSV where asked for."""
    return _answer(call, query, payouts.own_statements(call.container, call.principal, _first(query)))


@endpoint(
    routes,
    "GET",
    "/v1/ops/hosts/{host_id}/statements",
    role="operator",
    right="money",
    outcomes=(Outcome(body=Statements, texts=("text/csv",)),),
)
def read_statements(call: Call, query: MonthQuery) -> Answer:
    """Read a host's statements of a month; CSV where it is asked for."""
    host_id = call.path["host_id"]
    return _answer(call, query, payouts.statements_of(call.container, call.principal, host_id, _first(query)))


@endpoint(
    routes,
    "POST",
    "/v1/ops/hosts/{host_id}/payouts",
    role="operator",
    right="money",
    act="pay_out",
    idempotent=True,
    outcomes=(Outcome(201, AccountEntryOut),),
    refuses=("idempotency_key_required",),
)
def mark_payout(call: Call, body: PayoutIn) -> Answer:
    """Mark that a host was paid. Guzo moves no money to hosts: whoever did says so here."""
    made = payouts.mark_paid(
        call.container,
        call.principal,
        call.path["host_id"],
        amount=Money(body.amount, body.currency),
        on=body.on,
        reference=body.reference,
        note=body.note,
        key=call.required_key(),
        dry_run=body.dry_run,
    )
    return Answer(AccountEntryOut.of(made), 201)


@endpoint(
    routes,
    "POST",
    "/v1/ops/hosts/{host_id}/payouts/{payout_id}/reverse",
    role="operator",
    right="money",
    act="take_back",
    outcomes=(Outcome(201, AccountEntryOut),),
    refuses=("payout_not_found",),
)
def reverse_payout(call: Call, body: TakeBack) -> Answer:
    """Take a payout back by a counter-entry, once: it was not paid after all."""
    host_id, entry_id = call.path["host_id"], call.path["payout_id"]
    made = payouts.take_back(call.container, call.principal, host_id, entry_id, note=body.note, dry_run=body.dry_run)
    return Answer(AccountEntryOut.of(made), 201)


@endpoint(
    routes,
    "POST",
    "/v1/ops/hosts/{host_id}/commission",
    role="operator",
    right="money",
    act="commission",
    idempotent=True,
    outcomes=(Outcome(201, AccountEntryOut),),
    refuses=("idempotency_key_required",),
)
def set_commission(call: Call, body: CommissionIn) -> Answer:
    """Set a host's own commission from a day on; what counted before keeps its own."""
    made = payouts.set_commission(
        call.container,
        call.principal,
        call.path["host_id"],
        commission=body.commission,
        on=body.start,
        note=body.note,
        key=call.required_key(),
        dry_run=body.dry_run,
    )
    return Answer(AccountEntryOut.of(made), 201)


def _first(query: MonthQuery) -> date:
    return date.fromisoformat(f"{query.month}-01")


def _answer(call: Call, query: MonthQuery, made: tuple[Statement, ...]) -> Answer:
    if wants_csv(call.request.headers.get("accept", "")):
        return Answer(csv_text(_HEADER, (row for each in made for row in _rows(each))), 200, CSV_HEADERS)
    return Answer(Statements(query.month, tuple(map(StatementOut.of, made))))


_HEADER = ("date", "what", "booking_id", "listing_id", "currency", "gross", "refunded", "fee", "commission", "amount")


def _rows(made: Statement) -> list[tuple[object, ...]]:
    """Amounts in major units; ``amount`` adds up to the balance."""

    def decimal(minor: int) -> str:
        return Money(minor, made.currency).decimal

    rows: list[tuple[object, ...]] = [
        (made.month, "brought forward", None, None, made.currency, *[None] * 4, made.brought_forward.decimal)
    ]
    for row in made.stays:
        amounts = (row.gross, row.refunded, row.fee, row.commission, row.earned)
        rows.append((row.counts_on, "stay", row.booking_id, row.listing_id, made.currency, *map(decimal, amounts)))
    for entry in made.payouts:
        paid = decimal(-entry.amount.minor) if entry.amount else None
        rows.append((entry.on, f"{entry.kind} {entry.reference}", None, None, made.currency, *[None] * 4, paid))
    return [*rows, (None, "balance", None, None, made.currency, *[None] * 4, made.balance.decimal)]
