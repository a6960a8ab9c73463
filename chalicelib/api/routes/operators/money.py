"""Operators' calls over HTTP."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Literal

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.bookings import BookingOut
from chalicelib.api.answers.payments import PaymentOut, RefundOut
from chalicelib.api.core.csv_text import CSV_HEADERS, csv_text, wants_csv
from chalicelib.api.core.fields import Sentence
from chalicelib.api.core.formats import Day, Instant, MoneyOut, instant
from chalicelib.api.core.paging import Paged, page
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.booking import Booking, BookingStatus, PaymentStatus
from chalicelib.domain.finance.ledger import TotalRow
from chalicelib.domain.money import Money
from chalicelib.domain.refunds import ResolveAs
from chalicelib.services import queries as reading
from chalicelib.services import refunds as refunding
from chalicelib.services.operators import lists as operators
from chalicelib.services.operators.audit import note_access
from chalicelib.services.ports.outcomes import Page

routes = Blueprint(__name__)


class Period(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """Days from ``from`` to ``to``, both included, at most 31; in the stage's time zone."""

    start: date
    """The first day."""
    end: date
    """The last day, included; at most 30 days later."""


class BookingsOfDays(Paged, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Bookings by day of creation, in the stage's time zone."""

    start: date
    """The first day."""
    end: date
    """The last day, included; at most 30 days later."""
    status: BookingStatus | None = None
    """Only bookings in this status."""


class PaymentsOfDays(Paged, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Payments by their booking's day of creation, in the stage's time zone."""

    start: date
    """The first day."""
    end: date
    """The last day, included; at most 30 days later."""
    status: PaymentStatus | None = None
    """Only payments in this status."""


class Resolution(msgspec.Struct, frozen=True, rename={"as_": "as"}):
    """What becomes of a payment in review, and why."""

    as_: Literal["accept", "refund"]
    """What becomes of it: `accept` follows the rules of late money, `refund` gives all of it back."""
    note: Sentence
    """Why; kept in the history."""
    dry_run: bool = False
    """Answer what would be, and write nothing."""


class RefundResolution(msgspec.Struct, frozen=True, rename={"as_": "as"}):
    """What becomes of a refund in attention, and why."""

    as_: ResolveAs
    note: Sentence
    """Why; kept in the history."""
    dry_run: bool = False
    """Answer what would be, and write nothing."""


class GatewayEventOut(msgspec.Struct, frozen=True):
    """One line of the gateway's own log, in its words."""

    at: Instant
    """When, as the gateway says."""
    text: str
    """What it says."""


class SumsOut(msgspec.Struct, frozen=True):
    """The money that moved on one day, in one currency."""

    day: Day
    """The day, in the stage's time zone."""
    currency: str
    """ISO 4217 code: currencies are never added up."""
    payments: int
    """How many payments came."""
    taken: MoneyOut
    """What came in."""
    fees: MoneyOut
    """What the gateways kept of it, as far as they said it."""
    refunded: MoneyOut
    """What went back by refunds."""
    reversed: MoneyOut
    """What gateways took back without a refund."""
    net: MoneyOut
    """What came in, less what went out and the fees that are known."""

    @classmethod
    def of(cls, row: TotalRow) -> SumsOut:
        """A row of one day."""

        def money(minor: int) -> MoneyOut:
            return MoneyOut.of(Money(minor, row.currency))

        return cls(
            day=f"{row.day}",
            currency=row.currency,
            payments=row.counts.get("payment", 0),
            taken=money(row.amounts.get("payment", 0)),
            fees=money(row.fees),
            refunded=money(-row.amounts.get("refund", 0)),
            reversed=money(-row.amounts.get("reversal", 0)),
            net=MoneyOut.of(row.net),
        )


class Report(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """The money of a period, by the day on which it moved and by currency."""

    start: date
    """The first day."""
    end: date
    """The last day, included."""
    items: tuple[SumsOut, ...]
    """By day and currency; days without bookings are left out."""


@endpoint(
    routes,
    "GET",
    "/v1/ops/bookings",
    role="operator",
    outcomes=(Outcome(body=Page[BookingOut]),),
)
def list_bookings_by_day(call: Call, query: BookingsOfDays) -> Answer:
    """List bookings by day of creation."""
    now = call.now()

    def find(*, limit: int, after: str | None) -> Page[Booking]:
        found = operators.bookings_by_day(
            call.container, call.principal, query.start, query.end, status=query.status, limit=limit, after=after
        )
        days, shown = f"{query.start}/{query.end}", len(found.items)
        note_access(call.container, call.principal, "list", days, found=shown, request_id=call.request_id)
        return found

    return page(call, query, find, lambda booking: BookingOut.of(booking, "operator", now=now))


@endpoint(
    routes,
    "GET",
    "/v1/ops/payments",
    role="operator",
    outcomes=(Outcome(body=Page[PaymentOut]),),
)
def list_payments_by_day(call: Call, query: PaymentsOfDays) -> Answer:
    """List payments by their booking's day of creation."""
    find = partial(
        operators.payments_by_day, call.container, call.principal, query.start, query.end, status=query.status
    )
    return page(call, query, find, lambda pair: PaymentOut.of(*pair))


@endpoint(
    routes,
    "GET",
    "/v1/ops/payments/{tx_ref}/gateway-events",
    role="operator",
    outcomes=(Outcome(body=Page[GatewayEventOut]),),
    refuses=("payment_not_found", "gateway_bad_answer", "gateway_unreachable", "gateway_timeout"),
)
def list_gateway_events(call: Call) -> Answer:
    """List what the gateway's own log tells of a payment, oldest first; nothing where it keeps none."""
    found = reading.gateway_events(call.container, call.principal, call.path["tx_ref"])
    return Answer(Page(tuple(GatewayEventOut(instant(event.at), event.text) for event in found), None))


@endpoint(
    routes,
    "POST",
    "/v1/ops/payments/{tx_ref}/resolve",
    role="operator",
    right="money",
    act="resolve_payment",
    conditional="booking",
    outcomes=(Outcome(body=PaymentOut),),
    refuses=("payment_not_found", "not_in_review", "second_person_needed"),
)
def resolve_payment(call: Call, body: Resolution) -> Answer:
    """Resolve a payment in review: accept it, or give it back.

    To give back more than one person may needs a second one: 409 `second_person_needed` names the proposal.
    """
    booking, payment = operators.resolve_review(
        call.ports(dry_run=body.dry_run),
        call.principal,
        call.path["tx_ref"],
        as_=body.as_,
        note=body.note,
        request_id=call.request_id,
    )
    return Answer(PaymentOut.of(booking, payment))


@endpoint(
    routes,
    "POST",
    "/v1/ops/refunds/{refund_id}/resolve",
    role="operator",
    right="money",
    act="resolve_refund",
    conditional="booking",
    outcomes=(Outcome(202, RefundOut),),
    refuses=("refund_not_found", "not_in_attention", "payment_disputed", "refund_under_way", "second_person_needed"),
)
def resolve_refund(call: Call, body: RefundResolution) -> Answer:
    """Resolve a refund in attention: post it again, or record that it was done some other way.

    It is posted again only where the gateway excludes that money of an earlier post is moving. That, and that it was
    paid otherwise, always takes two people: 409 `second_person_needed` names the proposal that another one approves.
    """
    done = refunding.resolve_refund(
        call.ports(dry_run=body.dry_run),
        call.principal,
        call.path["refund_id"],
        as_=body.as_,
        note=body.note,
        request_id=call.request_id,
    )
    return Answer(RefundOut.of(done), 202)


@endpoint(
    routes,
    "GET",
    "/v1/ops/report",
    role="operator",
    right="money",
    outcomes=(Outcome(body=Report, texts=("text/csv",)),),
)
def read_report(call: Call, query: Period) -> Answer:
    """Add up the money of a period, by the day on which it came or went and by currency; CSV where it is asked for.

    It is read from the ledger, into which money comes seconds after it moved.
    """
    rows = operators.report(call.container, call.principal, query.start, query.end)
    sums = tuple(SumsOut.of(row) for row in rows)
    if wants_csv(call.request.headers.get("accept", "")):
        return Answer(_csv(sums), 200, CSV_HEADERS)
    return Answer(Report(query.start, query.end, sums))


def _csv(sums: tuple[SumsOut, ...]) -> str:
    """One line a day and currency; amounts in major units, as accountants' programs read them."""
    header = ("day", "currency", "payments", "taken", "fees", "refunded", "reversed", "net")

    def decimal(amount: MoneyOut) -> str:
        return Money(amount.amount, amount.currency).decimal

    rows = (
        (day.day, day.currency, day.payments, *map(decimal, (day.taken, day.fees, day.refunded, day.reversed, day.net)))
        for day in sums
    )
    return csv_text(header, rows, bom=False)
