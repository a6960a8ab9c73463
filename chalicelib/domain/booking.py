"""Booking, the aggregate: hold, confirm, expire; and the one instant at which it needs something.

Every function here takes a booking and returns the next one; nothing is changed in place and nothing is read
from outside. Each change of a status writes one history entry, so that folding the history rebuilds the statuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from .email import HAND_OVER, Email, EmailKind
from .ids import BookingId, tx_ref_of
from .listing import CancellationPolicy, Line, Listing, ListingId, PersonId, Quote, Stay, instant_of
from .money import Money, zero
from .payment import OPEN, PAYMENT_MOVES, Payment, PaymentStatus, next_look
from .refund import Refund, Share, share_back

BookingStatus = Literal["pending_payment", "confirmed", "expired", "cancelled"]
Cause = Literal["guest", "host", "operator", "webhook", "callback", "return", "verify", "sweep", "email"]
Language = Literal["en", "am"]

BOOKING_MOVES: Mapping[BookingStatus, frozenset[BookingStatus]] = {
    "pending_payment": frozenset({"confirmed", "expired", "cancelled"}),
    "confirmed": frozenset({"cancelled"}),
    "expired": frozenset({"confirmed", "cancelled"}),
    "cancelled": frozenset(),
}
TAKEN_BACK = "payment_taken_back"
ASKS_FOR_A_PERSON = frozenset({"payment_review", "refund_attention", "email_failed", TAKEN_BACK})
"""The kinds of history entries after which somebody must look."""
HOLDS_NIGHTS: frozenset[BookingStatus] = frozenset({"pending_payment", "confirmed"})

OPENING_LEASE = timedelta(seconds=25)
"""How long whoever opens a payment may take before another takes over."""
OUTAGE_GRACE = timedelta(hours=12)
"""How long nights stay held past the hold while the gateway cannot be asked."""
SLOTS = 3
"""How many unpaid bookings a guest may hold at once."""
GIVE_UP_AFTER = timedelta(hours=24)
"""A booking that has kept failing for this long is shown to a person."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Who the booking is for. ``phone`` is 0911223344 or, of another country, +254712345678."""

    first_name: str
    last_name: str
    email: str
    phone: str


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

    ``version`` is the one that was loaded; the store saves only over it. ``slot`` is which of the guest's three
    hold slots this booking uses. ``expiry_retry_at`` is set while the hold is over but the gateway did not answer.
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
    slot: int
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
        """When the guest's slot frees itself, even if giving it back was lost."""
        return self.hold_expires_at + OUTAGE_GRACE


def hold(
    *,
    booking_id: BookingId,
    guest_id: PersonId,
    listing: Listing,
    stay: Stay,
    quote: Quote,
    contact: Contact,
    language: Language,
    return_url: str | None,
    fingerprint: str,
    slot: int,
    hold_for: timedelta,
    gateway: str,
    mode: str,
    opening_by: str,
    request_id: str,
    now: datetime,
) -> Booking:
    """A new booking that holds its nights, with its first payment in opening, leased to ``opening_by``."""
    booking = Booking(
        booking_id=booking_id,
        guest_id=guest_id,
        place=Place.of(listing),
        stay=stay,
        contact=contact,
        language=language,
        lines=quote.lines,
        total=quote.total,
        hold_expires_at=now + hold_for,
        created_at=now,
        updated_at=now,
        fingerprint=fingerprint,
        slot=slot,
        return_url=return_url,
        request_id=request_id,
        history=(Event(now, "booking_held", "guest", "", None, "pending_payment"),),
    )
    return with_new_payment(booking, gateway=gateway, mode=mode, opening_by=opening_by, key="", cause="guest", now=now)


def confirm(booking: Booking, tx_ref: str, *, cause: Cause, now: datetime) -> Booking:
    """The payment is ``completed`` and the booking ``confirmed``; other open links are closed, and looked at now."""
    late = booking.status == "expired"
    booking = update_payment(booking, tx_ref, accepted=True, next_look_at=None, opening_until=None, opening_by="")
    booking = move_payment(booking, tx_ref, "completed", cause=cause, now=now)
    booking = close_open_payments(booking, cause=cause, now=now, detail="paid by another attempt")
    booking = move_booking(booking, "confirmed", cause=cause, now=now, detail="late" if late else "")
    booking = replace(booking, expiry_retry_at=None, confirmed_late_at=now if late else None)
    return owe(owe(booking, "booking_confirmed", now=now), "host_new_booking", now=now)


def expire(booking: Booking, *, cause: Cause, now: datetime) -> Booking:
    """The hold is over and nobody paid: the nights go back, and the open payments are watched for late money."""
    for payment in booking.payments:
        if payment.status in OPEN:
            booking = update_payment(
                booking,
                payment.tx_ref,
                opening_until=None,
                opening_by="",
                next_look_at=next_look(payment, hold_ends=booking.hold_expires_at, now=now),
            )
            booking = move_payment(booking, payment.tx_ref, "expired", cause=cause, now=now)
    booking = replace(booking, expiry_retry_at=None)
    return owe(move_booking(booking, "expired", cause=cause, now=now), "hold_expired", now=now)


def owe(booking: Booking, kind: EmailKind, *, now: datetime, about: str = "") -> Booking:
    """Write down that an e-mail is owed, with the lease of the hand-over to the queue.

    A host whose token named no address is told nothing.
    """
    email = Email(f"{len(booking.emails) + 1}", kind, now + HAND_OVER, about)
    if email.to_host and not booking.place.host_email:
        return booking
    return replace(booking, emails=(*booking.emails, email))


def replace_email(booking: Booking, email: Email, *, now: datetime) -> Booking:
    """Put the next state of one e-mail in its place; a change of its status is a history entry."""
    before = next(old for old in booking.emails if old.email_id == email.email_id)
    emails = tuple(email if old.email_id == email.email_id else old for old in booking.emails)
    booking = replace(booking, emails=emails)
    if before.status == email.status:
        return booking
    kind = f"email_{email.status}"
    return note(booking, Event(now, kind, "email", email.email_id, before.status, email.status, email.kind))


def move_payment(
    booking: Booking, tx_ref: str, to: PaymentStatus, *, cause: Cause, now: datetime, detail: str = ""
) -> Booking:
    """Give a payment its next status, which ``PAYMENT_MOVES`` must allow."""
    before = the_payment(booking, tx_ref).status
    if to not in PAYMENT_MOVES[before]:
        raise ValueError(f"a payment never goes from {before} to {to}")
    booking = update_payment(booking, tx_ref, status=to, updated_at=now)
    booking = replace(booking, updated_at=now)
    return note(booking, Event(now, f"payment_{to}", cause, tx_ref, before, to, detail))


def due_at(booking: Booking) -> datetime | None:
    """The earliest instant at which this booking needs something; None: it rests.

    An opening that lapsed has no instant of its own: the payment's next look, never later than two minutes after
    it was made, takes it over. That keeps the happy path from moving the index twice.
    """
    instants = [payment.next_look_at for payment in booking.payments if payment.next_look_at is not None]
    instants += [email.due_at for email in booking.emails if email.status == "owed"]
    instants += [refund.due_at for refund in booking.refunds if refund.due_at is not None]
    if booking.status == "pending_payment":
        instants.append(booking.expiry_retry_at or booking.hold_expires_at)
    return min(instants, default=None)


def attention(booking: Booking) -> str | None:
    """Why a person must look at this booking, or None. The word is the list it appears in."""
    if any(payment.status == "review" for payment in booking.payments):
        return "payment_review"
    if any(payment.waits_since_taken_back for payment in booking.payments):
        return "payment_taken_back"
    if any(refund.needs_a_person for refund in booking.refunds):
        return "refund"
    if any(email.needs_a_person for email in booking.emails):
        return "email"
    return None


def attention_since(booking: Booking) -> datetime:
    """When this booking last came to need a person: the place that it has in the list, oldest first."""
    asked = (event.at for event in booking.history if event.kind in ASKS_FOR_A_PERSON)
    return max(asked, default=booking.created_at)


def back_if_cancelled(booking: Booking, *, now: datetime) -> tuple[Money, datetime | None]:
    """What the guest would get back by cancelling at ``now``, and when that changes."""
    if booking.status != "confirmed":
        return zero(booking.total.currency), None
    share: Share = share_back(
        booking.place.cancellation_policy,
        check_in=booking.check_in_at,
        now=now,
        confirmed_late_at=booking.confirmed_late_at,
    )
    return booking.total.share(share.numerator, share.denominator), share.changes_at


def with_new_payment(
    booking: Booking, *, gateway: str, mode: str, opening_by: str, key: str, cause: Cause, now: datetime
) -> Booking:
    """Begin the next attempt, in opening, leased to ``opening_by``."""
    payment = Payment(
        tx_ref=tx_ref_of(booking.booking_id, len(booking.payments) + 1),
        gateway=gateway,
        expected_mode=mode,
        amount=booking.total,
        created_at=now,
        updated_at=now,
        opening_until=now + OPENING_LEASE,
        opening_by=opening_by,
        key=key,
    )
    payment = replace(payment, next_look_at=next_look(payment, hold_ends=booking.hold_expires_at, now=now))
    booking = replace(booking, payments=(*booking.payments, payment), updated_at=now)
    return note(booking, Event(now, "payment_created", cause, payment.tx_ref, None, "created"))


def close_open_payments(booking: Booking, *, cause: Cause, now: datetime, detail: str) -> Booking:
    """Nobody is to pay on these any more: their links are closed and looked at now, and watched."""
    for payment in booking.payments:
        if payment.status in OPEN:
            booking = update_payment(booking, payment.tx_ref, next_look_at=now, opening_until=None, opening_by="")
            booking = move_payment(booking, payment.tx_ref, "expired", cause=cause, now=now, detail=detail)
    return booking


def move_booking(booking: Booking, to: BookingStatus, *, cause: Cause, now: datetime, detail: str = "") -> Booking:
    """Give a booking its next status, which ``BOOKING_MOVES`` must allow."""
    if to not in BOOKING_MOVES[booking.status]:
        raise ValueError(f"a booking never goes from {booking.status} to {to}")
    before = booking.status
    booking = replace(booking, status=to, updated_at=now)
    return note(booking, Event(now, f"booking_{to}", cause, "", before, to, detail))


def note(booking: Booking, event: Event) -> Booking:
    """Add a line to the history."""
    return replace(booking, history=(*booking.history, event))


def the_payment(booking: Booking, tx_ref: str) -> Payment:
    """A payment that is known to be there. Raises KeyError."""
    payment = booking.payment(tx_ref)
    if payment is None:
        raise KeyError(tx_ref)
    return payment


def update_payment(booking: Booking, tx_ref: str, **changes: Any) -> Booking:
    """Change what is known of a payment. Its status changes through ``move_payment`` alone."""
    payments = tuple(
        replace(payment, **changes) if payment.tx_ref == tx_ref else payment for payment in booking.payments
    )
    return replace(booking, payments=payments)
