"""Booking, the aggregate: hold, confirm, expire; and the one instant at which it needs something.

Every function here takes a booking and returns the next one; nothing is changed in place and nothing is read
from outside. Each change of a status writes one history entry, so that folding the history rebuilds the statuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from chalicelib.domain.calendar import Line, Stay, instant_of
from chalicelib.domain.contact import Contact
from chalicelib.domain.errors import FieldError
from chalicelib.domain.ids import BookingId, ListingId, PersonId, RefundId, TxRef, attempt_of
from chalicelib.domain.listing import CancellationPolicy, Listing
from chalicelib.domain.money import Money, zero
from chalicelib.domain.timing import OUTAGE_GRACE

PaymentStatus = Literal["created", "pending", "completed", "failed", "expired", "review"]


PAYMENT_TRANSITIONS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    "created": frozenset({"pending", "completed", "failed", "expired", "review"}),
    "pending": frozenset({"completed", "failed", "expired", "review"}),
    "failed": frozenset({"completed", "review"}),
    "expired": frozenset({"completed", "review"}),
    "review": frozenset({"completed"}),
    "completed": frozenset(),
}
"""``completed`` is final: a stale answer never un-completes. All others may still see money, late."""


OPEN: frozenset[PaymentStatus] = frozenset({"created", "pending"})


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an opening did not give a link: the refusal that the guest was, or would have been, answered."""

    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt at the gateway, under one ``tx_ref`` that is never used again.

    ``opening_until`` and ``opening_by`` are the lease of whoever calls initialize now. ``said`` is the gateway's
    last word on a payment that is still open (a refused card may be tried again inside the checkout window).
    ``key`` is the one that it was opened under, ``shown_under`` are those of calls that were given its open link.
    ``expected_mode`` is the mode of the key it was opened with; ``mode`` and ``received`` are what the gateway
    reported. ``accepted`` marks the one payment that confirmed the booking.
    """

    tx_ref: TxRef
    gateway: str
    expected_mode: str
    amount: Money
    created_at: datetime
    updated_at: datetime
    status: PaymentStatus = "created"
    opening_until: datetime | None = None
    opening_by: str = ""
    key: str = ""
    shown_under: tuple[str, ...] = ()
    checkout_url: str | None = None
    link_cancelled: bool = False
    problem: Problem | None = None
    looked_at: datetime | None = None
    next_look_at: datetime | None = None
    unanswered: int = 0
    said: str = ""
    accepted: bool = False
    provider_reference: str | None = None
    receipt_url: str | None = None
    paid_at: datetime | None = None
    fee: Money | None = None
    mode: str | None = None
    received: Money | None = None
    reversal: str = ""
    reversal_acknowledged: bool = False
    refunds: tuple[Refund, ...] = ()

    @property
    def attempt(self) -> int:
        return attempt_of(self.tx_ref)

    def is_opening(self, now: datetime) -> bool:
        """Somebody holds the lease to call initialize."""
        return self.status == "created" and self.opening_until is not None and now < self.opening_until

    def opening_lapsed(self, now: datetime) -> bool:
        """Whoever held the lease never came back: the opening may be taken over, under the same tx_ref."""
        return self.status == "created" and self.opening_until is not None and now >= self.opening_until

    @property
    def has_open_reversal(self) -> bool:
        """The gateway gave completed money back without us, and no person has dealt with it yet."""
        return bool(self.reversal) and not self.reversal_acknowledged

    @property
    def refunded_or_owed(self) -> Money:
        """All refunds of this payment added up, whatever their state: they count in what was received."""
        total = zero((self.received or self.amount).currency)
        for refund in self.refunds:
            total += refund.amount
        return total


RefundStatus = Literal["owed", "requested", "processing", "refunded", "attention"]


REFUND_TRANSITIONS: Mapping[RefundStatus, frozenset[RefundStatus]] = {
    "owed": frozenset({"requested", "refunded", "attention"}),
    "requested": frozenset({"owed", "processing", "refunded", "attention"}),
    "processing": frozenset({"refunded", "attention"}),
    "attention": frozenset({"owed", "refunded"}),
    "refunded": frozenset(),
}


UNDER_WAY: frozenset[RefundStatus] = frozenset({"requested", "processing"})


REFUND_TRIES_BEFORE_ATTENTION = 50


@dataclass(frozen=True, slots=True)
class Refund:
    """Money of one payment that goes, or went, back. ``reason`` is a word of ours or a person's sentence.

    ``due_at`` is when it must be started or looked up; ``heard_at`` when the gateway last said anything of it.
    ``claimed_by`` is whoever moved it to ``requested``, the only one who may post it. ``provider_refund_id`` is the
    gateway's own name for it, where it gave one. ``key`` and ``fingerprint`` tell a repeated call.
    """

    refund_id: RefundId
    amount: Money
    reason: str
    created_at: datetime
    updated_at: datetime
    status: RefundStatus = "owed"
    due_at: datetime | None = None
    heard_at: datetime | None = None
    claimed_by: str = ""
    put_off: int = 0
    provider_refund_id: str | None = None
    key: str = ""
    fingerprint: str = ""

    @property
    def needs_a_person(self) -> bool:
        """In attention; or put off in vain for about a day, and tried on all the same."""
        return self.status == "attention" or (self.status == "owed" and self.put_off >= REFUND_TRIES_BEFORE_ATTENTION)


BookingStatus = Literal["pending_payment", "confirmed", "expired", "cancelled"]


Cause = Literal["guest", "host", "operator", "webhook", "callback", "return", "verify", "sweep", "email"]


Language = Literal["en", "am"]


BOOKING_TRANSITIONS: Mapping[BookingStatus, frozenset[BookingStatus]] = {
    "pending_payment": frozenset({"confirmed", "expired", "cancelled"}),
    "confirmed": frozenset({"cancelled"}),
    "expired": frozenset({"confirmed", "cancelled"}),
    "cancelled": frozenset(),
}


HOLDS_NIGHTS: frozenset[BookingStatus] = frozenset({"pending_payment", "confirmed"})


@dataclass(frozen=True, slots=True)
class Place:
    """What a booking remembers of its listing, as it was when the booking was made."""

    listing_id: ListingId
    host_id: PersonId
    host_email: str
    title: str
    city: str
    address: str
    time_zone: str
    check_in_time: str
    check_out_time: str
    cancellation_policy: CancellationPolicy

    @classmethod
    def of(cls, listing: Listing) -> Place:
        return cls(
            listing.listing_id,
            listing.host_id,
            listing.host_email,
            listing.title,
            listing.city,
            listing.address,
            listing.time_zone,
            listing.check_in_time,
            listing.check_out_time,
            listing.cancellation_policy,
        )


EmailKind = Literal[
    "booking_confirmed",
    "hold_expired",
    "payment_failed",
    "booking_cancelled",
    "money_returned",
    "host_new_booking",
    "host_cancelled",
]


EmailStatus = Literal["owed", "sent", "superseded", "failed", "settled"]
"""``settled``: a person has dealt with what it was to tell; it is not tried any more."""


ENTRY_TRIES_BEFORE_ATTENTION = 20


WAITING = "waiting"
"""Stands in ``claimed_by`` for nobody's hands: a letter that was put off, and certainly not sent."""


@dataclass(frozen=True, slots=True)
class Email:
    """One e-mail that is owed. ``about`` is the tx_ref or refund id it tells of, or nothing.

    ``due_at`` is when it must be handed over again: the end of its lease. ``claimed_by`` names the worker that is
    sending it now, or that put it off until then; nobody when it only waits in the queue.
    """

    email_id: str
    kind: EmailKind
    due_at: datetime
    about: str = ""
    status: EmailStatus = "owed"
    claimed_by: str = ""
    tries: int = 0

    @property
    def to_host(self) -> bool:
        return self.kind in ("host_new_booking", "host_cancelled")

    @property
    def needs_a_person(self) -> bool:
        """Refused for good, or tried in vain for most of a day; the latter is tried on all the same."""
        return self.status == "failed" or (self.status == "owed" and self.tries >= ENTRY_TRIES_BEFORE_ATTENTION)

    def was_left(self, now: datetime) -> bool:
        """Its worker never came back: what it did with it, nobody knows."""
        return self.status == "owed" and self.claimed_by not in ("", WAITING) and now >= self.due_at

    def may_be_claimed(self, now: datetime) -> bool:
        return self.status == "owed" and (not self.claimed_by or now >= self.due_at)


@dataclass(frozen=True, slots=True)
class Event:
    """One change of state. ``subject`` is a tx_ref, a refund id or an e-mail id; empty for the booking itself.

    ``by`` names the operator who settled something.
    """

    at: datetime
    kind: str
    cause: Cause
    subject: str
    before: str | None
    after: str
    detail: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Booking:
    """A stay that somebody holds or has, with everything that happened to its money.

    ``version`` is the one that was loaded; the store saves only over it. ``expiry_retry_at`` is set while the hold is
    over but the gateway did not answer.
    """

    booking_id: BookingId
    guest_id: PersonId
    place: Place
    stay: Stay
    contact: Contact
    language: Language
    lines: tuple[Line, ...]
    total: Money
    hold_expires_at: datetime
    created_at: datetime
    updated_at: datetime
    fingerprint: str
    status: BookingStatus = "pending_payment"
    return_url: str | None = None
    request_id: str = ""
    expiry_retry_at: datetime | None = None
    confirmed_late_at: datetime | None = None
    payments: tuple[Payment, ...] = ()
    emails: tuple[Email, ...] = ()
    history: tuple[Event, ...] = ()
    version: int = 1

    @property
    def current_payment(self) -> Payment:
        """The one that counts now: the accepted one, else the latest."""
        return next((payment for payment in self.payments if payment.accepted), self.payments[-1])

    @property
    def refunds(self) -> tuple[Refund, ...]:
        """All refunds, of all payments."""
        return tuple(refund for payment in self.payments for refund in payment.refunds)

    def payment(self, tx_ref: str) -> Payment | None:
        return next((payment for payment in self.payments if payment.tx_ref == tx_ref), None)

    @property
    def check_in_at(self) -> datetime:
        return instant_of(self.stay.check_in, self.place.check_in_time, self.place.time_zone)

    @property
    def check_out_at(self) -> datetime:
        return instant_of(self.stay.check_out, self.place.check_out_time, self.place.time_zone)

    @property
    def holds_nights(self) -> bool:
        return self.status in HOLDS_NIGHTS

    @property
    def slot_frees_at(self) -> datetime:
        """When the guest's hold slot is free whatever became of this booking."""
        return self.hold_expires_at + OUTAGE_GRACE


def transition_payment(
    booking: Booking, tx_ref: str, to: PaymentStatus, *, cause: Cause, now: datetime, detail: str = ""
) -> Booking:
    """Give a payment its next status, which ``PAYMENT_TRANSITIONS`` must allow."""
    before = get_payment(booking, tx_ref).status
    if to not in PAYMENT_TRANSITIONS[before]:
        raise ValueError(f"a payment never goes from {before} to {to}")
    booking = update_payment(booking, tx_ref, status=to, updated_at=now)
    booking = replace(booking, updated_at=now)
    return note(booking, Event(now, f"payment_{to}", cause, tx_ref, before, to, detail))


def transition_booking(
    booking: Booking, to: BookingStatus, *, cause: Cause, now: datetime, detail: str = ""
) -> Booking:
    """Give a booking its next status, which ``BOOKING_TRANSITIONS`` must allow."""
    if to not in BOOKING_TRANSITIONS[booking.status]:
        raise ValueError(f"a booking never goes from {booking.status} to {to}")
    before = booking.status
    booking = replace(booking, status=to, updated_at=now)
    return note(booking, Event(now, f"booking_{to}", cause, "", before, to, detail))


def note(booking: Booking, event: Event) -> Booking:
    """Add a line to the history."""
    return replace(booking, history=(*booking.history, event))


def get_payment(booking: Booking, tx_ref: str) -> Payment:
    """A payment that is known to be there. Raises KeyError."""
    payment = booking.payment(tx_ref)
    if payment is None:
        raise KeyError(tx_ref)
    return payment


def update_payment(booking: Booking, tx_ref: str, **changes: Any) -> Booking:
    """Change what is known of a payment. Its status changes through ``transition_payment`` alone."""
    payments = tuple(
        replace(payment, **changes) if payment.tx_ref == tx_ref else payment for payment in booking.payments
    )
    return replace(booking, payments=payments)
