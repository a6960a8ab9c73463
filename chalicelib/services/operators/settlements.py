"""Match a gateway's statement with our books: a person's file, or what the gateway's API lists."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from chalicelib.domain.booking import Booking, GatewayStatus, Payment
from chalicelib.domain.errors import FieldError, GatewayBadAnswer, GatewayError, InvalidRequest, SettlementNotFound
from chalicelib.domain.finance.ledger import LedgerLine, day_of
from chalicelib.domain.finance.notation import UnclearNumbers, plain_decimals
from chalicelib.domain.finance.settlement import (
    Match,
    OurPayment,
    Payout,
    Settlement,
    StatementRow,
    amount_of,
    in_payouts,
    match,
)
from chalicelib.domain.fingerprint import fingerprint
from chalicelib.domain.ids import BookingId, booking_of
from chalicelib.domain.money import Money
from chalicelib.domain.record import Record, replace
from chalicelib.domain.timing import PAID_OUT_WITHIN
from chalicelib.services.access import Principal, with_role
from chalicelib.services.operators.ledger import lines_of_day
from chalicelib.services.ports.gateways import Gateway
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import read_bookings
from chalicelib.services.search_keys import reference_key

MOST_DAYS = 31
MOST_PAGES = 40
"""Of a gateway's list; what lies beyond makes the statement incomplete, never wrong."""
BATCH = 100

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "reference": ("reference", "ref_id", "provider_reference", "reference number", "transaction id", "chapa reference"),
    "tx_ref": ("tx_ref", "merchant reference", "our reference"),
    "status": ("status", "gateway response"),
    "amount": ("amount", "amount paid by your customer", "gross"),
    "currency": ("currency",),
    "fee": ("charge", "fee", "fees", "paystack fee"),
    "at": ("created_at", "date", "transaction date", "paid_at"),
}
"""The headings of a statement's columns, in lower case. Others are passed over."""
WORDS: Mapping[str, GatewayStatus] = {
    "success": "paid",
    "successful": "paid",
    "approved": "paid",
    "paid": "paid",
    "pending": "pending",
    "failed": "failed",
    "cancelled": "failed",
    "failed/cancelled": "failed",
    "abandoned": "pending",
    "refunded": "refunded",
    "reversed": "reversed",
}


Pulled = Literal["transactions", "payouts"]
"""What a gateway's API is asked for: all `transactions` that it took, or its `payouts`, with the payments in each."""


class _Asked(Record, frozen=True):
    """What makes two requests the same."""

    gateway: str
    start: date
    end: date
    text: str
    pulled: Pulled = "transactions"


def settle(
    ports: Ports,
    principal: Principal | None,
    *,
    gateway: str,
    start: date,
    end: date,
    text: str | None,
    pulled: Pulled = "transactions",
) -> Settlement:
    """Match the statement of a gateway for the days from ``start`` to ``end``, both included, in the stage's time zone.

    ``text`` is a CSV that a person exported; without it the gateway's API is asked for what is ``pulled``. With
    ``payouts`` it is asked which of the payments of these days are in a payout by now. Nothing but the report is
    written, under an id that the same request makes again. Raises Forbidden, InvalidRequest.
    """
    with_role(principal, "operator")
    if not start <= end <= start + timedelta(days=MOST_DAYS - 1):
        raise InvalidRequest("The period does not fit.", errors=(FieldError("to", f"1 to {MOST_DAYS} days from from"),))
    try:
        asked = ports.gateways.named(gateway)
    except KeyError:
        raise InvalidRequest("No such gateway.", errors=(FieldError("gateway", "is not one of this stage"),)) from None
    if text is not None and pulled == "payouts":
        raise InvalidRequest("A file is matched as it is.", errors=(FieldError("pulled", "goes without csv"),))
    payouts: list[Payout] = []
    payout_of: dict[str, str] = {}
    if text is None:
        if pulled == "payouts":
            payouts, payout_of, rows, complete = _paid_out(ports, asked, start)
        else:
            rows, complete = _pulled(ports, asked, start)
        rows = [row for row in rows if row.at is None or start <= day_of(row.at, ports.rules.time_zone) <= end]
    else:
        rows, complete = list(read_csv(text)), True
    # A report is kept for thirteen months, and nobody needs to read in it who paid.
    rows = [replace(row, payer="") for row in rows]
    books = _expected(ports, gateway, start, end)
    found = _found(ports, gateway, rows, books)
    matches = match(rows, found, books.values(), mode=asked.mode, complete=complete)
    if pulled == "payouts":
        matches = in_payouts(matches, payout_of, _young(ports, gateway, start, end))
    made = Settlement(
        settlement_id=f"stl_{fingerprint(_Asked(gateway, start, end, text or '', pulled))}",
        gateway=gateway,
        start=start,
        end=end,
        made_at=ports.clock.now(),
        complete=complete,
        matches=matches,
        payouts=tuple(payouts),
    )
    ports.ledger.keep_settlement(made)
    return made


def read_settlement(ports: Ports, principal: Principal | None, settlement_id: str) -> Settlement:
    """A report that was made before. Raises Forbidden, SettlementNotFound."""
    with_role(principal, "operator")
    found = ports.ledger.settlement(settlement_id)
    if found is None:
        raise SettlementNotFound("There is no such report.")
    return found


def read_csv(text: str) -> tuple[StatementRow, ...]:
    """The rows of a statement, amounts as plain decimals.

    Raises InvalidRequest for one without the columns that every row needs, with a line of more fields than headings, or
    with amounts that can be read in two ways.
    """
    text = text.removeprefix("\ufeff")
    heading = text.partition("\n")[0]
    # Spreadsheets write what their language has between columns.
    delimiter = max(",;\t", key=heading.count)
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    headings = {name.strip().lower(): name for name in table.fieldnames or () if name}
    columns = {
        field: next((headings[name] for name in names if name in headings), None) for field, names in COLUMNS.items()
    }
    missing = [field for field in ("reference", "amount", "currency") if columns[field] is None]
    if missing:
        raise _no_statement(f"no column {missing[0]}")
    records: list[dict[str, str]] = []
    for record in table:
        # An amount with a comma that nobody quoted is two fields, and each behind it would be read as its neighbour.
        if any(record.pop(None, ())):
            raise _no_statement(
                f"line {table.line_num} has more fields than headings: quote amounts with a {delimiter!r}"
            )
        values = {field: (record.get(name or "") or "").strip() for field, name in columns.items()}
        if values["reference"]:
            records.append(values)
    try:
        plain = plain_decimals(values[field] for values in records for field in ("amount", "fee"))
    except UnclearNumbers as unclear:
        raise _no_statement(str(unclear)) from None
    return tuple(
        StatementRow(
            reference=values["reference"],
            status=WORDS.get(values["status"].lower(), "pending") if columns["status"] else "paid",
            amount=plain[values["amount"]],
            currency=values["currency"].upper(),
            tx_ref=values["tx_ref"],
            fee=plain[values["fee"]],
            at=_instant(values["at"]),
        )
        for values in records
    )


def _no_statement(why: str) -> InvalidRequest:
    return InvalidRequest("The file cannot be read as a statement.", errors=(FieldError("csv", why),))


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _pulled(ports: Ports, gateway: Gateway, start: date) -> tuple[list[StatementRow], bool]:
    """What the gateway lists since ``start``, newest first, and whether all of it was read.

    Rows move to later pages while others come: the first page is read once more at the end.
    """
    since = datetime.combine(start, time(), ZoneInfo(ports.rules.time_zone))
    rows: dict[str, StatementRow] = {}
    after = ""
    try:
        for number in range(1, MOST_PAGES + 1):
            page = gateway.transactions(after)
            if page is None:
                raise InvalidRequest(
                    "This gateway lists no transactions.", errors=(FieldError("csv", "send its statement as a file"),)
                )
            rows |= {row.reference: row for row in page.rows}
            older = [row.at for row in page.rows if row.at is not None and row.at < since]
            if not page.more or (page.rows and len(older) == len(page.rows)):
                again = gateway.transactions() if number > 1 else page
                return list((rows | {row.reference: row for row in again.rows} if again else rows).values()), True
            after = page.cursor
    except GatewayError as error:
        ports.observe("statement_incomplete", level="warning", gateway=gateway.name, code=error.code)
    return list(rows.values()), False


def _paid_out(
    ports: Ports, gateway: Gateway, start: date
) -> tuple[list[Payout], dict[str, str], list[StatementRow], bool]:
    """The payouts since ``start``, the payout of each payment's reference, those payments, and whether all was read.

    A payment is paid out on a later day: all payouts up to today are asked for.
    """
    payouts: dict[str, Payout] = {}
    payout_of: dict[str, str] = {}
    rows: dict[str, StatementRow] = {}
    after = ""
    try:
        for _ in range(MOST_PAGES):
            page = gateway.payouts(after)
            if page is None:
                raise InvalidRequest(
                    "This gateway lists no payouts.", errors=(FieldError("pulled", "ask for transactions"),)
                )
            for payout in page.payouts:
                if payout.on >= start and payout.payout_id not in payouts:
                    inside = _inside(gateway, payout)
                    payouts[payout.payout_id] = _counted(payout, inside)
                    payout_of |= {row.reference: payout.payout_id for row in inside}
                    rows |= {row.reference: row for row in inside}
            if not page.more or (page.payouts and all(payout.on < start for payout in page.payouts)):
                return list(payouts.values()), payout_of, list(rows.values()), True
            after = page.cursor
    except GatewayError as error:
        ports.observe("statement_incomplete", level="warning", gateway=gateway.name, code=error.code)
    return list(payouts.values()), payout_of, list(rows.values()), False


def _inside(gateway: Gateway, payout: Payout) -> list[StatementRow]:
    """The payments of a payout. Raises GatewayError, also for one that is longer than can be read."""
    rows: dict[str, StatementRow] = {}
    after = ""
    for _ in range(MOST_PAGES):
        page = gateway.payout_transactions(payout.payout_id, after)
        rows |= {row.reference: row for row in page.rows}
        if not page.more:
            return list(rows.values())
        after = page.cursor
    raise GatewayBadAnswer("A payout has more payments than can be read.", definitely_not_executed=True)


def _counted(payout: Payout, rows: Iterable[StatementRow]) -> Payout:
    """A payout with its payments added up; what cannot be read as an amount makes no sum."""
    amounts = [amount_of(row.amount, row.currency) for row in rows]
    fees = [amount_of(row.fee, row.currency) if row.fee else None for row in rows]
    return replace(payout, counted=_sum(amounts), counted_fees=_sum(fees))


def _sum(amounts: Iterable[Money | None]) -> int | None:
    total = 0
    for amount in amounts:
        if amount is None:
            return None
        total += amount.minor
    return total


def _young(ports: Ports, gateway: str, start: date, end: date) -> set[str]:
    """Our payments of these days that need not be in a payout yet."""
    old = ports.clock.now() - PAID_OUT_WITHIN
    return {line.tx_ref for line in _lines(ports, gateway, start, end) if line.at > old}


def _lines(ports: Ports, gateway: str, start: date, end: date) -> list[LedgerLine]:
    """The payments of these days at this gateway, as the ledger has them."""
    return [
        line
        for number in range((end - start).days + 1)
        for line in lines_of_day(ports, start + timedelta(days=number))
        if line.kind == "payment" and line.gateway == gateway
    ]


def _expected(ports: Ports, gateway: str, start: date, end: date) -> dict[str, OurPayment]:
    """Our payments of these days at this gateway, by reference, as their bookings have them now."""
    lines = _lines(ports, gateway, start, end)
    tx_refs = {line.tx_ref for line in lines}
    return {
        each.reference or each.tx_ref: each
        for each in _payments(ports, [line.booking_id for line in lines])
        if each.tx_ref in tx_refs
    }


def _found(
    ports: Ports, gateway: str, rows: Iterable[StatementRow], books: Mapping[str, OurPayment]
) -> dict[str, OurPayment]:
    """Our payment for each row: of these days, else by our own reference, else by the gateway's on any other day."""
    found = {row.reference: books[row.reference] for row in rows if row.reference in books}
    others = [row for row in rows if row.reference not in found]
    named: dict[str, str] = {}
    for row in others:
        tx_ref = row.tx_ref or row.reference
        if booking_of(tx_ref):
            named[row.reference] = tx_ref
            continue
        booked = ports.ledger.of_reference(reference_key(ports, row.reference))
        for line in booked:
            if line.kind == "payment" and line.gateway == gateway:
                named[row.reference] = line.tx_ref
    ids = [BookingId(booking_of(tx_ref) or "") for tx_ref in named.values()]
    known: dict[str, OurPayment] = {each.tx_ref: each for each in _payments(ports, ids)}
    return found | {reference: known[tx_ref] for reference, tx_ref in named.items() if tx_ref in known}


def _payments(ports: Ports, ids: Iterable[BookingId]) -> Iterator[OurPayment]:
    unique = list(dict.fromkeys(ids))
    for place in range(0, len(unique), BATCH):
        for booking in read_bookings(ports, unique[place : place + BATCH]):
            for payment in booking.payments:
                yield _ours(booking, payment)


def _ours(booking: Booking, payment: Payment) -> OurPayment:
    done = sum(refund.amount.minor for refund in payment.refunds if refund.status == "refunded")
    paid = [each for each in booking.payments if each.status == "completed"]
    return OurPayment(
        tx_ref=payment.tx_ref,
        booking_id=booking.booking_id,
        status=payment.status,
        amount=payment.facts.received or payment.amount,
        mode=payment.expected_mode,
        reference=payment.facts.provider_reference or "",
        reversed=bool(payment.reversal),
        refunded=done,
        owed_back=payment.refunded_or_owed.minor - done,
        paid_before=payment in paid and not payment.accepted and len(paid) > 1,
    )


def sums(matches: Iterable[Match]) -> dict[str, int]:
    """How many lines have each verdict."""
    counts: dict[str, int] = {}
    for each in matches:
        counts[each.verdict] = counts.get(each.verdict, 0) + 1
    return counts
