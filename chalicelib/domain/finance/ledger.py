"""The ledger: one immutable line for each movement of money, under the day on which it happened.

A line is made from its booking alone, and comes out the same however often it is made. Adding up the lines of a booking
gives what the booking says (``money_moved``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from chalicelib.domain.attention import PAYMENT_REVERSED
from chalicelib.domain.booking import (
    Booking,
    Dispute,
    LineKind,
    OutboxEntry,
    Payment,
    get_dispute,
    get_payment,
    get_refund,
)
from chalicelib.domain.ids import BookingId, ListingId, PersonId, TxRef, payment_of
from chalicelib.domain.money import Money, zero
from chalicelib.domain.record import Record, replace
from chalicelib.domain.timing import LEDGER_OPEN

ELSEWHERE = "elsewhere"
"""The gateway of money that went back in another way than through a gateway, as a person says."""

PAID_OTHERWISE = "paid_otherwise"

_EARLIEST = timedelta(days=1)
"""A gateway that says a payment was made longer than this before it was opened is not believed."""


class LedgerLine(Record, frozen=True, kw_only=True):
    """Money that moved: in where ``gross`` is positive, out where it is negative.

    ``day`` is that of ``at`` in the stage's time zone. ``fee`` is the gateway's, and None where it did not say.
    ``mode`` is that of the key that the payment was opened with, also of money that a person accepted in another one.
    ``provider_reference`` is the gateway's own name for the payment or the refund. ``counts_on`` is the day from which
    the host is owed it: the end of the stay, or the day itself where that is later.
    """

    line_id: str
    kind: LineKind
    at: datetime
    day: date
    gross: Money
    gateway: str
    mode: str
    booking_id: BookingId
    tx_ref: TxRef
    listing_id: ListingId
    host_id: PersonId
    counts_on: date
    fee: Money | None = None
    provider_reference: str | None = None
    refund_id: str | None = None

    @property
    def net(self) -> Money | None:
        """What the gateway passes on; None where the fee of a payment is not known. A refund has no fee of its own."""
        if self.fee is None:
            return None if self.kind == "payment" else self.gross
        return self.gross - self.fee


class TotalRow(Record, frozen=True, kw_only=True):
    """The lines of some days added up. ``counts`` and ``amounts`` (minor units, signed) are by kind of line.

    ``fees`` are those that are known, ``fees_unknown`` counts the payments whose fee is not. ``day`` is None, and
    ``gateway`` or ``host_id`` empty, where the row is not of one.
    """

    currency: str
    day: date | None = None
    gateway: str = ""
    host_id: str = ""
    counts: Mapping[str, int] = {}
    amounts: Mapping[str, int] = {}
    fees: int = 0
    fees_unknown: int = 0

    @property
    def net(self) -> Money:
        """All that moved, less the fees that are known."""
        return Money(sum(self.amounts.values()) - self.fees, self.currency)


def day_of(at: datetime, time_zone: str) -> date:
    """The day of an instant in a time zone (IANA)."""
    return at.astimezone(ZoneInfo(time_zone)).date()


def totals_begin(day: date, time_zone: str) -> datetime:
    """From when the totals of a day may be kept: its end, and ``LEDGER_OPEN`` for lines that were held up."""
    end = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(time_zone))
    return end.astimezone(UTC) + LEDGER_OPEN


def line_of(booking: Booking, entry: OutboxEntry, *, time_zone: str) -> LedgerLine:
    """The line that an entry of the outbox promises. Raises KeyError for what the booking does not have."""
    refund_id = entry.about if entry.kind == "refund" else None
    payment = get_payment(booking, entry.about if entry.kind in ("payment", "reversal") else payment_of(entry.about))
    gateway, fee, reference = payment.gateway, None, payment.facts.provider_reference
    received = _received(payment)
    match entry.kind:
        case "payment":
            at, gross = _paid_at(booking, payment), received
            if payment.facts.fee is not None and payment.facts.fee.currency == gross.currency:
                fee = payment.facts.fee
        case "refund":
            refund = get_refund(booking, entry.about)
            at, detail = _moment(booking, entry.about, "refund_refunded")
            gross, reference = zero(refund.amount.currency) - refund.amount, refund.provider_refund_id
            if detail == PAID_OTHERWISE:
                gateway, reference = ELSEWHERE, None
        case "reversal":
            at, _ = _moment(booking, payment.tx_ref, PAYMENT_REVERSED)
            gross = zero(received.currency) - reversed_amount(booking, payment)
        case "dispute" | "dispute_won":
            dispute = get_dispute(booking, entry.about)
            at, _ = _moment(booking, entry.about, f"dispute_{dispute.status}")
            reference = dispute.provider_dispute_id or None
            gross = dispute.amount if entry.kind == "dispute_won" else zero(dispute.amount.currency) - dispute.amount
        case _:
            raise KeyError(entry.kind)
    day = day_of(at, time_zone)
    return LedgerLine(
        line_id=f"{entry.about}.{entry.kind}",
        kind=entry.kind,
        at=at,
        day=day,
        gross=gross,
        gateway=gateway,
        mode=payment.expected_mode,
        booking_id=booking.booking_id,
        tx_ref=payment.tx_ref,
        listing_id=booking.place.listing_id,
        host_id=booking.place.host_id,
        counts_on=max(day, booking.stay.check_out),
        fee=fee,
        provider_reference=reference,
        refund_id=refund_id,
    )


def money_moved(booking: Booking) -> dict[str, int]:
    """What moved for a booking as its own records say, in minor units by currency: the sum of its lines' ``gross``."""
    moved: dict[str, int] = {}
    for payment in booking.payments:
        if payment.status != "completed":
            continue
        received = _received(payment)
        gone = reversed_amount(booking, payment).minor if payment.reversal else 0
        gone += sum(dispute.amount.minor for dispute in _lost(booking, payment))
        back = sum(dispute.amount.minor for dispute in payment.disputes if _came_back(booking, payment, dispute))
        moved[received.currency] = moved.get(received.currency, 0) + received.minor - gone + back
        for refund in payment.refunds:
            if refund.status == "refunded":
                moved[refund.amount.currency] = moved.get(refund.amount.currency, 0) - refund.amount.minor
    return moved


def reversed_amount(booking: Booking, payment: Payment) -> Money:
    """What a reversal takes: all that was received, less what disputes had taken before."""
    lost = sum(dispute.amount.minor for dispute in _lost(booking, payment))
    return _received(payment) - Money(lost, _received(payment).currency)


def add_up(lines: Iterable[LedgerLine]) -> tuple[TotalRow, ...]:
    """One row for each day, gateway, currency and host that the lines name, in this order."""
    return merge(
        (
            TotalRow(
                currency=line.gross.currency,
                day=line.day,
                gateway=line.gateway,
                host_id=line.host_id,
                counts={line.kind: 1},
                amounts={line.kind: line.gross.minor},
                fees=line.fee.minor if line.fee else 0,
                fees_unknown=int(line.net is None),
            )
            for line in lines
        ),
        by=frozenset({"day", "gateway", "host"}),
    )


def merge(rows: Iterable[TotalRow], *, by: frozenset[str]) -> tuple[TotalRow, ...]:
    """The rows added up by currency and what ``by`` names of ``day``, ``gateway`` and ``host``, in order of these."""
    sums: dict[tuple[date | None, str, str, str], TotalRow] = {}
    for row in rows:
        day = row.day if "day" in by else None
        gateway = row.gateway if "gateway" in by else ""
        host_id = row.host_id if "host" in by else ""
        key = (day, gateway, row.currency, host_id)
        before = sums.get(key) or TotalRow(currency=row.currency, day=day, gateway=gateway, host_id=host_id)
        sums[key] = replace(
            before,
            counts=_added(before.counts, row.counts),
            amounts=_added(before.amounts, row.amounts),
            fees=before.fees + row.fees,
            fees_unknown=before.fees_unknown + row.fees_unknown,
        )
    return tuple(sums[key] for key in sorted(sums, key=lambda key: (key[0] or date.min, *key[1:])))


def _added(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return {name: left.get(name, 0) + right.get(name, 0) for name in sorted({*left, *right})}


def _lost(booking: Booking, payment: Payment) -> list[Dispute]:
    """The disputes of a payment by which money went: lost after it was completed, and before it was reversed."""
    return [
        dispute
        for dispute in payment.disputes
        if dispute.status == "lost"
        and _place(booking, payment.tx_ref, "payment_completed")
        < _place(booking, dispute.dispute_id, "dispute_lost")
        < _place(booking, payment.tx_ref, PAYMENT_REVERSED)
    ]


def _came_back(booking: Booking, payment: Payment, dispute: Dispute) -> bool:
    """A dispute that was won after its payment had been reversed."""
    reversed_at = _place(booking, payment.tx_ref, PAYMENT_REVERSED)
    return dispute.status == "won" and reversed_at < _place(booking, dispute.dispute_id, "dispute_won")


def _place(booking: Booking, subject: str, kind: str) -> int:
    """Where the history tells of this; after its end, where it does not."""
    told = (place for place, each in enumerate(booking.history) if each.subject == subject and each.kind == kind)
    return next(told, len(booking.history))


def _received(payment: Payment) -> Money:
    return payment.facts.received or payment.amount


def _paid_at(booking: Booking, payment: Payment) -> datetime:
    """When the gateway says that it was paid; where that cannot be, when we heard of it."""
    heard, _ = _moment(booking, payment.tx_ref, "payment_completed")
    paid_at = payment.facts.paid_at
    if paid_at is None or not payment.created_at - _EARLIEST <= paid_at <= heard:
        return heard
    return paid_at


def _moment(booking: Booking, subject: str, kind: str) -> tuple[datetime, str]:
    """When the history says that this happened, and the detail. Raises KeyError."""
    for event in booking.history:
        if event.subject == subject and event.kind == kind:
            return event.at, event.detail
    raise KeyError(kind)
