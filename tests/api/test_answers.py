"""Every field of an answer, and every column of a table, tells what the record has under its name.

The records hold another value in each of their fields, so that none of them can stand for another one.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from itertools import count
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from chalicelib.api.answers.bookings import ContactOut, StayEndOut
from chalicelib.api.answers.disputes import DisputeOut, LetterOut
from chalicelib.api.answers.hosts import HostContactOut, NotifyOut, TaxOut
from chalicelib.api.answers.listings import CityOut, ListingOut, ReviewOut
from chalicelib.api.answers.payments import PaymentOut, RefundOut
from chalicelib.api.core.formats import MoneyOut, instant
from chalicelib.api.routes import payouts
from chalicelib.api.routes.operators import ledger, settlements
from chalicelib.api.routes.operators.accounts import AccountActOut, CapsOut
from chalicelib.api.routes.operators.attention import AcknowledgedOut, AttentionItemOut
from chalicelib.api.routes.operators.dead_letters import DeadLetterOut
from chalicelib.api.routes.operators.find import AccessOut
from chalicelib.api.routes.operators.health import CheckOut, GatewayHealthOut, QueueOut
from chalicelib.api.routes.operators.ledger import LedgerLineOut, TotalOut
from chalicelib.api.routes.operators.money import SumsOut
from chalicelib.api.routes.operators.people import HistoryOut, ObstacleOut, OrphanOut, PastErasureOut, SuppressionOut
from chalicelib.api.routes.operators.settlements import MatchOut, SettlementOut
from chalicelib.api.routes.operators.statistics import FunnelOut, StepOut
from chalicelib.api.routes.payouts import AccountEntryOut, StatementOut, StayRowOut
from chalicelib.domain.booking import Dispute, Event, Payment, Refund, StayEnd
from chalicelib.domain.contact import Contact
from chalicelib.domain.finance.ledger import LedgerLine, TotalRow
from chalicelib.domain.finance.settlement import Match, Payout, Settlement
from chalicelib.domain.finance.statements import AccountEntry, Statement, StayRow
from chalicelib.domain.host import Notify, Tax
from chalicelib.domain.listings.cities import City
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.money import Money
from chalicelib.domain.obstacles import Obstacle
from chalicelib.domain.people.access import Access
from chalicelib.domain.people.accounts import AccountAct, Caps
from chalicelib.domain.people.erasure import Erasure
from chalicelib.domain.people.review import Review
from chalicelib.domain.people.suppression import Suppression
from chalicelib.domain.record import Record
from chalicelib.domain.watch.health import GatewayHealth
from chalicelib.domain.watch.watching import Check
from chalicelib.services.disputes import Disputed
from chalicelib.services.operators.attention import Acknowledged
from chalicelib.services.operators.evidence import Letter
from chalicelib.services.operators.lists import AttentionItem
from chalicelib.services.operators.statistics import Funnel, Step
from chalicelib.services.ports.bookings import Orphan
from chalicelib.services.ports.queues import DeadLetter, QueueDepth
from tests.builders import a_booking
from tests.replacing import replace

NOW = datetime(2028, 1, 1, tzinfo=UTC)
CURRENCY = "ETB"


def distinct(kind: Any) -> Any:
    """A record whose fields all hold different values, always the same ones; a truth is true."""
    return _distinct(kind, count(1))


def _distinct(kind: Any, numbers: Iterator[int]) -> Any:
    number = next(numbers)
    if isinstance(kind, NewType):
        return _distinct(kind.__supertype__, numbers)
    if get_origin(kind) is Annotated:
        return _distinct(get_args(kind)[0], numbers)
    if get_origin(kind) in (Union, types.UnionType):
        return _distinct(next(each for each in get_args(kind) if each is not type(None)), numbers)
    if get_origin(kind) is Literal:
        return get_args(kind)[number % len(get_args(kind))]
    if get_origin(kind) is tuple:
        return (_distinct(get_args(kind)[0], numbers),)
    if get_origin(kind) in (Mapping, dict):
        return {}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)[number % len(kind)]
    if kind is Money:
        return Money(1000 + number, CURRENCY)
    if isinstance(kind, type) and issubclass(kind, Record):
        hints = get_type_hints(kind, include_extras=False)
        fields = {each.name: _distinct(hints[each.name], numbers) for each in msgspec.structs.fields(kind)}
        if "currency" in fields:
            fields["currency"] = CURRENCY
        return kind(**fields)
    values: dict[Any, Any] = {
        bool: True, int: 1000 + number, float: number / 1000, str: f"text-{number}",
        datetime: NOW + timedelta(hours=number), date: NOW.date() + timedelta(days=number),
        timedelta: timedelta(seconds=number),
    }  # fmt: skip
    return values[kind]


def shown(value: Any) -> Any:
    """A value as answers have it."""
    if isinstance(value, Money):
        return MoneyOut.of(value)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return str(value)
    return value


@dataclass(frozen=True)
class Pair:
    """What makes an answer of a record; ``names`` are the fields that the record has under another name, or in a part
    of its own; those of ``apart`` are told otherwise, and their own tests say how."""

    record: type[Record]
    of: Callable[[Any], object]
    names: Mapping[str, str] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.record.__name__


A_BOOKING = a_booking()


def disputed(dispute: Dispute) -> DisputeOut:
    [payment] = A_BOOKING.payments
    return DisputeOut.of(Disputed(A_BOOKING, payment, dispute))


PAIRS = [
    Pair(Contact, ContactOut.of),
    Pair(StayEnd, StayEndOut.of),
    Pair(Letter, LetterOut.of),
    Pair(Dispute, disputed, apart=frozenset({"tx_ref", "booking_id", "gateway"})),
    Pair(Notify, NotifyOut.of),
    Pair(Notify, HostContactOut.of),
    Pair(Tax, TaxOut.of),
    Pair(City, CityOut.of, {"city": "name"}),
    Pair(Listing, ListingOut.of, apart=frozenset({"rating"})),
    Pair(Review, ReviewOut.of),
    Pair(Refund, RefundOut.of),
    Pair(
        Payment,
        lambda payment: PaymentOut.of(A_BOOKING, replace(payment, status="pending", disputes=())),
        {
            name: f"facts.{name}"
            for name in ("provider_reference", "receipt_url", "paid_at", "fee", "mode", "received")
        },
        apart=frozenset({"booking_id", "status", "refunds", "at_risk", "problem"}),
    ),
    Pair(Caps, CapsOut.of),
    Pair(AccountAct, AccountActOut.of, apart=frozenset({"caps"})),
    Pair(
        Acknowledged,
        AcknowledgedOut.of,
        {
            "acknowledged_at": "acknowledgement.at",
            "acknowledged_by": "acknowledgement.by",
            "note": "acknowledgement.note",
        },
    ),
    Pair(
        AttentionItem,
        lambda item: AttentionItemOut.of(item, NOW),
        apart=frozenset({"age_seconds", "etag"}),
    ),
    Pair(DeadLetter, DeadLetterOut.of),
    Pair(Access, AccessOut.of),
    Pair(GatewayHealth, GatewayHealthOut.of, apart=frozenset({"silent_share"})),
    Pair(QueueDepth, QueueOut.of),
    Pair(Check, CheckOut.of),
    Pair(LedgerLine, LedgerLineOut.of),
    Pair(
        TotalRow,
        TotalOut.of,
        apart=frozenset({"payments", "refunds", "gross", "refunded", "reversed", "disputed", "fees"}),
    ),
    Pair(AccountEntry, AccountEntryOut.of, {"date": "on", "by": "by_name"}),
    Pair(Statement, StatementOut.of, apart=frozenset({"stays", "payouts"})),
    Pair(Event, HistoryOut.of),
    Pair(Obstacle, ObstacleOut.of),
    Pair(
        Orphan,
        OrphanOut.of,
        {name: f"verification.{name}" for name in ("amount", "provider_reference", "payer")},
    ),
    Pair(Erasure, PastErasureOut.of, {"by_name": "by.name"}),
    Pair(Suppression, SuppressionOut.of),
    Pair(Match, MatchOut.of, {"their_status": "theirs.status"}, apart=frozenset({"theirs"})),
    Pair(Settlement, SettlementOut.of, apart=frozenset({"start", "end", "counts", "payouts"})),
    Pair(Funnel, FunnelOut.of),
    Pair(Step, StepOut.of, apart=frozenset({"under_seconds"})),
]  # fmt: skip


def held(record: Any, name: str) -> Any:
    for part in name.split("."):
        record = getattr(record, part)
    return record


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_each_field_tells_what_the_record_has_under_its_name(pair: Pair) -> None:
    record = distinct(pair.record)
    answer: Any = pair.of(record)
    names = {each.name for each in msgspec.structs.fields(answer)} - pair.apart
    assert names
    told = {name: getattr(answer, name) for name in names}
    assert told == {name: shown(held(record, pair.names.get(name, name))) for name in names}


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_what_is_not_known_is_null_and_not_something_else(pair: Pair) -> None:
    """Of a record in which nothing stands that may be left out."""
    record = distinct(pair.record)
    optional = {
        each.name: None
        for each in msgspec.structs.fields(pair.record)
        if type(None) in get_args(get_type_hints(pair.record)[each.name])
    }
    record = replace(record, **optional)
    answer: Any = pair.of(record)
    for name in {each.name for each in msgspec.structs.fields(answer)} - pair.apart:
        if pair.names.get(name, name) in optional:
            assert getattr(answer, name) is None


def test_a_payout_tells_each_amount_under_its_name() -> None:
    payout = distinct(Payout)
    [made] = SettlementOut.of(replace(distinct(Settlement), payouts=(payout,))).payouts
    for name in ("gross", "fees", "net", "paid"):
        assert getattr(made, name) == MoneyOut.of(Money(getattr(payout, name), CURRENCY))
    assert (made.payout_id, made.status, made.date, made.difference) == (
        payout.payout_id,
        payout.status,
        payout.on,
        payout.difference,
    )


def test_a_stays_row_tells_each_amount_under_its_name() -> None:
    row = distinct(StayRow)
    made = StayRowOut.of(row, CURRENCY)
    for name in ("gross", "refunded", "fee", "commission", "earned"):
        assert getattr(made, name) == MoneyOut.of(Money(getattr(row, name), CURRENCY))
    assert (made.booking_id, made.listing_id, made.date) == (row.booking_id, row.listing_id, row.counts_on.isoformat())


KINDS = {"payment": 11, "refund": -5, "reversal": -3, "dispute": -2, "dispute_won": 1}
ROW = TotalRow(
    currency=CURRENCY,
    day=NOW.date(),
    gateway="chapa",
    host_id="host",
    counts={kind: 20 + number for number, kind in enumerate(KINDS)},
    amounts=KINDS,
    fees=4,
    fees_unknown=6,
)
SUMS = {"payments": 20, "refunds": 21, "fees_unknown": 6}
MONEY = {"gross": 11, "refunded": 5, "reversed": 3, "disputed": 1, "fees": 4, "net": -2}
"""What came in, what went out by each way, and the rest less the fees: 11 - 5 - 3 - 1 - 4."""


def test_a_sum_tells_each_kind_under_its_name_with_its_sign() -> None:
    made = TotalOut.of(ROW)
    assert {name: getattr(made, name) for name in SUMS} == SUMS
    assert {name: getattr(made, name).amount for name in MONEY} == MONEY


def cells(header: tuple[str, ...], fields: tuple[object, ...]) -> dict[str, object]:
    return dict(zip(header, fields, strict=True))


def test_a_sums_line_of_a_table_has_the_same() -> None:
    row = cells(ledger._TOTAL_HEADER, ledger._total_fields(ROW))
    assert {name: row[name] for name in SUMS} == SUMS
    assert {name: row[name] for name in MONEY} == {
        name: Money(minor, CURRENCY).decimal for name, minor in MONEY.items()
    }
    assert (row["day"], row["gateway"], row["currency"], row["host_id"]) == (NOW.date(), "chapa", CURRENCY, "host")


def test_a_line_of_the_ledgers_table_has_each_value_under_its_name() -> None:
    line = distinct(LedgerLine)
    for name, value in cells(ledger.LINE_HEADER, ledger.line_fields(line)).items():
        known: Any = CURRENCY if name == "currency" else getattr(line, name)
        assert value == (known.decimal if isinstance(known, Money) else instant(known) if name == "at" else known), name


def test_a_line_of_a_reports_table_has_each_value_under_its_name() -> None:
    found = distinct(Match)
    row = cells(settlements._HEADER, settlements._fields(found))
    assert row.pop("currency") == found.theirs.currency
    assert row.pop("theirs") == found.theirs.amount
    assert row.pop("their_status") == found.theirs.status
    for name, value in row.items():
        known = getattr(found, name)
        assert value == (known.decimal if isinstance(known, Money) else known), name


def test_the_table_of_a_statement_adds_up_to_its_balance() -> None:
    stays = tuple(replace(distinct(StayRow), gross=1000, refunded=70, fee=20, commission=number) for number in (3, 5))
    paid, back = (replace(distinct(AccountEntry), amount=Money(minor, CURRENCY)) for minor in (900, -450))
    made = Statement(
        month=NOW.date(), currency=CURRENCY, brought_forward=Money(-100, CURRENCY), stays=stays, payouts=(paid, back),
        earned=Money(sum(row.earned for row in stays), CURRENCY), paid_out=Money(450, CURRENCY),
    )  # fmt: skip
    rows = [cells(payouts._HEADER, row) for row in payouts._rows(made)]
    *parts, balance = [float(str(row["amount"])) for row in rows]
    assert round(sum(parts), 2) == balance == float(made.balance.decimal)
    first, second = rows[1:3]
    assert [first[name] for name in ("gross", "refunded", "fee", "commission")] == ["10.00", "0.70", "0.20", "0.03"]
    assert (first["date"], first["booking_id"], first["listing_id"]) == (
        stays[0].counts_on, stays[0].booking_id, stays[0].listing_id
    )  # fmt: skip
    assert second["commission"] == "0.05"
    assert [(row["date"], str(row["what"]).split(" ")[0]) for row in rows[3:5]] == [
        (paid.on, paid.kind), (back.on, back.kind)
    ]  # fmt: skip


def test_the_reports_sums_are_the_ledgers() -> None:
    made = SumsOut.of(ROW)
    assert (made.day, made.currency, made.payments) == (NOW.date().isoformat(), CURRENCY, SUMS["payments"])
    minor = {name: getattr(made, name).amount for name in ("taken", "fees", "refunded", "reversed", "net")}
    assert minor == {name: MONEY[{"taken": "gross"}.get(name, name)] for name in minor}
