"""What callers are answered: one struct a shape, made from the domain. Instants are RFC 3339 in UTC, whole seconds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

import msgspec

from chalicelib.domain.booking import (
    Booking,
    BookingStatus,
    Cause,
    Event,
    Language,
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
)
from chalicelib.domain.calendar import Night, Quote, price_of, units_left
from chalicelib.domain.cancellation import back_if_cancelled
from chalicelib.domain.contact import Contact
from chalicelib.domain.listing import CancellationPolicy, Listing, ListingStatus
from chalicelib.domain.money import Money
from chalicelib.domain.review import Review
from chalicelib.services.access import Role

Instant = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
Day = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date"})]
Problem = Annotated[dict[str, Any], msgspec.Meta(extra_json_schema={"$ref": "#/components/schemas/Problem"})]
"""The members of a problem document, as ``problems.problem`` makes them."""


def instant(at: datetime) -> str:
    """``2027-01-14T08:15:30Z``"""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def to_builtins(answer: Any) -> Any:
    """Structs as plain dicts and lists, ready for JSON."""
    return msgspec.to_builtins(answer)


class MoneyOut(msgspec.Struct, frozen=True):
    """An amount in minor units, and the same for people."""

    amount: int
    currency: str
    formatted: str

    @classmethod
    def of(cls, money: Money) -> MoneyOut:
        return cls(money.minor, money.currency, money.formatted)


class RatingOut(msgspec.Struct, frozen=True):
    """The average of all reviews (null without any) and how many there are."""

    average: float | None
    count: int


class ListingOut(msgspec.Struct, frozen=True):
    """A listing as everybody sees it."""

    listing_id: str
    host_id: str
    title: str
    description: str
    city: str
    address: str
    time_zone: str
    nightly_price: MoneyOut
    units: int
    guests_per_unit: int
    cancellation_policy: CancellationPolicy
    check_in_time: str
    check_out_time: str
    photos: tuple[str, ...]
    status: ListingStatus
    rating: RatingOut
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, listing: Listing) -> Self:
        return cls(
            listing.listing_id,
            listing.host_id,
            listing.title,
            listing.description,
            listing.city,
            listing.address,
            listing.time_zone,
            MoneyOut.of(listing.nightly_price),
            listing.units,
            listing.guests_per_unit,
            listing.cancellation_policy,
            listing.check_in_time,
            listing.check_out_time,
            listing.photos,
            listing.status,
            RatingOut(listing.rating, listing.rating_count),
            instant(listing.created_at),
            instant(listing.updated_at),
        )


class QuoteOut(msgspec.Struct, frozen=True):
    """What the searched stay costs."""

    nights: int
    total: MoneyOut

    @classmethod
    def of(cls, quote: Quote, nights: int) -> QuoteOut:
        return cls(nights, MoneyOut.of(quote.total))


class FoundListingOut(ListingOut, frozen=True, kw_only=True):
    """A listing of a search; with dates, what the stay costs there."""

    quote: QuoteOut | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def found(cls, listing: Listing, quote: QuoteOut | msgspec.UnsetType) -> Self:
        return msgspec.structs.replace(cls.of(listing), quote=quote)


class NightOut(msgspec.Struct, frozen=True):
    """One night: how many units are left, and the price of one."""

    date: Day
    left: int
    price: MoneyOut
    closed: bool

    @classmethod
    def of(cls, listing: Listing, night: Night) -> NightOut:
        price = MoneyOut.of(price_of(listing, night))
        left = units_left(listing, night) if listing.status == "open" else 0
        return cls(night.date.isoformat(), left, price, night.closed)


class NightsOut(msgspec.Struct, frozen=True):
    """The nights that were asked for, in order."""

    nights: tuple[NightOut, ...]


class ReviewOut(msgspec.Struct, frozen=True):
    """What a guest said of a stay. Who said it is nobody's business."""

    rating: int
    text: str
    created_at: Instant

    @classmethod
    def of(cls, review: Review) -> ReviewOut:
        return cls(review.rating, review.text, instant(review.created_at))


class LineOut(msgspec.Struct, frozen=True):
    """One line of the bill: the lines add up to the total."""

    description: str
    amount: MoneyOut


class ContactOut(msgspec.Struct, frozen=True):
    """Who the booking is for; the phone number as `0911223344` or, of another country, as `+254712345678`."""

    first_name: str
    last_name: str
    email: str
    phone: str

    @classmethod
    def of(cls, contact: Contact) -> ContactOut:
        return cls(contact.first_name, contact.last_name, contact.email, contact.phone)


class RefundOut(msgspec.Struct, frozen=True):
    """Money that goes back, and how far it got."""

    refund_id: str
    amount: MoneyOut
    reason: str
    status: RefundStatus
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, refund: Refund) -> RefundOut:
        return cls(
            refund.refund_id,
            MoneyOut.of(refund.amount),
            refund.reason,
            refund.status,
            instant(refund.created_at),
            instant(refund.updated_at),
        )


class PaymentOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt to pay. What is not known yet is left out; ``checkout_url`` is always there, null without a link."""

    tx_ref: str
    booking_id: str
    gateway: str
    status: PaymentStatus
    amount: MoneyOut
    checkout_url: str | None
    refunds: tuple[RefundOut, ...]
    created_at: Instant
    updated_at: Instant
    provider_reference: str | None = None
    receipt_url: str | None = None
    paid_at: Instant | None = None
    fee: MoneyOut | None = None
    mode: str | None = None
    received: MoneyOut | None = None
    problem: Problem | None = None

    @classmethod
    def of(cls, booking: Booking, payment: Payment, problem: dict[str, Any] | None) -> PaymentOut:
        return cls(
            payment.tx_ref,
            booking.booking_id,
            payment.gateway,
            payment.status,
            MoneyOut.of(payment.amount),
            # A link that must not be paid on any more is nobody's to see.
            payment.checkout_url if payment.status == "pending" else None,
            tuple(RefundOut.of(refund) for refund in payment.refunds),
            instant(payment.created_at),
            instant(payment.updated_at),
            payment.provider_reference,
            payment.receipt_url,
            instant(payment.paid_at) if payment.paid_at else None,
            MoneyOut.of(payment.fee) if payment.fee else None,
            payment.mode,
            MoneyOut.of(payment.received) if payment.received else None,
            problem,
        )


class CancellationOut(msgspec.Struct, frozen=True):
    """What the guest would get back by cancelling now, and when that changes (null: it does not)."""

    policy: CancellationPolicy
    back_if_cancelled_now: MoneyOut
    changes_at: Instant | None

    @classmethod
    def of(cls, booking: Booking, now: datetime) -> CancellationOut:
        back, changes_at = back_if_cancelled(booking, now=now)
        return cls(booking.place.cancellation_policy, MoneyOut.of(back), instant(changes_at) if changes_at else None)


class BookingOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """A booking. A host sees ``contact`` once it is confirmed; ``payments`` is there when one booking is
    read, ``refunds`` (of all payments) when it was cancelled."""

    booking_id: str
    status: BookingStatus
    listing_id: str
    listing_title: str
    check_in: Day
    check_out: Day
    nights: int
    units: int
    guests: int
    language: Language
    contact: ContactOut | None
    lines: tuple[LineOut, ...]
    total: MoneyOut
    hold_expires_at: Instant
    return_url: str | None
    created_at: Instant
    updated_at: Instant
    cancellation: CancellationOut
    payment: PaymentOut
    payments: tuple[PaymentOut, ...] | None = None
    refunds: tuple[RefundOut, ...] | None = None


class EventOut(msgspec.Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """One line of the audit trail. ``from`` and ``to`` are this payment's statuses, or null."""

    at: Instant
    kind: str
    cause: Cause
    before: str | None
    after: str | None
    detail: str

    @classmethod
    def of(cls, event: Event, tx_ref: str) -> EventOut:
        own = event.subject == tx_ref
        return cls(
            instant(event.at),
            event.kind,
            event.cause,
            event.before if own else None,
            event.after if own else None,
            event.detail,
        )


def may_see_contact(booking: Booking, role: Role) -> bool:
    """The guest and operators always; the host once the booking was confirmed, even if it was cancelled since."""
    return role != "host" or booking.current_payment.accepted
