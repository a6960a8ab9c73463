"""Booking, the aggregate: hold, open a payment, confirm, expire; and the one instant at which it needs something.

Every function here takes a booking and returns the next one; nothing is changed in place and nothing is read
from outside. Each change of a status writes one history entry, so that folding the history rebuilds the statuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from .email import HAND_OVER, Email, EmailKind
from .errors import BookingNotPayable, PaymentInReview
from .ids import BookingId, refund_id_of, tx_ref_of
from .listing import CancellationPolicy, Line, Listing, ListingId, PersonId, Quote, Stay, instant_of
from .money import Money, zero
from .payment import OPEN, PAYMENT_MOVES, Payment, PaymentStatus, Problem, next_look
from .refund import REFUND_MOVES, Refund, RefundStatus, Share, share_back

BookingStatus = Literal["pending_payment", "confirmed", "expired", "cancelled"]
Cause = Literal["guest", "host", "operator", "webhook", "callback", "return", "verify", "sweep", "email"]
Language = Literal["en", "am"]

BOOKING_MOVES: Mapping[BookingStatus, frozenset[BookingStatus]] = {
    "pending_payment": frozenset({"confirmed", "expired", "cancelled"}),
    "confirmed": frozenset({"cancelled"}),
    "expired": frozenset({"confirmed", "cancelled"}),
    "cancelled": frozenset(),
}
HOLDS_NIGHTS: frozenset[BookingStatus] = frozenset({"pending_payment", "confirmed"})

OPENING_LEASE = timedelta(seconds=25)
OUTAGE_GRACE = timedelta(hours=12)
"""How long nights stay held past the hold while the gateway cannot be asked."""
LAST_MINUTES = timedelta(minutes=2)
"""No new payment is opened this close to the end of the hold: it could not be finished."""
MAX_ATTEMPTS = 20
SLOTS = 3
"""How many unpaid bookings a guest may hold at once."""
GIVE_UP_AFTER = timedelta(hours=24)
"""A booking that has kept failing for this long is shown to a person."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Who the booking is for. ``phone`` is in the national form, 0911223344."""

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
    """One change of state. ``subject`` is a tx_ref, a refund id or an e-mail id; empty for the booking itself."""

    at: datetime
    kind: str
    cause: Cause
    subject: str
    before: str | None
    after: str
    detail: str = ""


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
    return _with_new_payment(booking, gateway=gateway, mode=mode, opening_by=opening_by, key="", cause="guest", now=now)


def usable_link(booking: Booking, *, window: timedelta, now: datetime) -> Payment | None:
    """The payment whose link can still be paid on: the hold runs and the link is younger than the checkout window."""
    payment = booking.payments[-1]
    if (
        booking.status == "pending_payment"
        and now < booking.hold_expires_at
        and payment.status == "pending"
        and payment.checkout_url
        and now < payment.created_at + window
    ):
        return payment
    return None


def check_payable(booking: Booking, *, now: datetime) -> None:
    """Refuse when no payment may be opened now: BookingNotPayable, PaymentInReview."""
    if booking.status != "pending_payment":
        raise BookingNotPayable(f"The booking is {booking.status.replace('_', ' ')}.")
    if any(payment.status == "review" for payment in booking.payments):
        raise PaymentInReview("A payment of this booking is being looked at by a person.")
    if now >= booking.hold_expires_at - LAST_MINUTES:
        raise BookingNotPayable("The hold is over, or about to be.")


def may_try_again(booking: Booking, *, now: datetime) -> bool:
    """Whether one more payment could be opened at ``now``."""
    try:
        check_payable(booking, now=now)
    except (BookingNotPayable, PaymentInReview):
        return False
    return len(booking.payments) < MAX_ATTEMPTS


def lease_opening(booking: Booking, tx_ref: str, *, by: str, key: str, now: datetime) -> Booking:
    """Make ``by`` the one owner of the opening of a payment that is still ``created``."""
    key = key or _payment(booking, tx_ref).key
    return _update(booking, tx_ref, opening_until=now + OPENING_LEASE, opening_by=by, key=key, problem=None)


def new_attempt(
    booking: Booking, *, gateway: str, mode: str, opening_by: str, key: str, cause: Cause, now: datetime
) -> Booking:
    """Close the attempts that are still open and begin the next one, leased to ``opening_by``."""
    if len(booking.payments) >= MAX_ATTEMPTS:
        raise BookingNotPayable(f"{MAX_ATTEMPTS} payments were tried already.")
    booking = _close_open_payments(booking, cause=cause, now=now, detail="link replaced")
    return _with_new_payment(booking, gateway=gateway, mode=mode, opening_by=opening_by, key=key, cause=cause, now=now)


def link_opened(booking: Booking, tx_ref: str, checkout_url: str, *, cause: Cause, now: datetime) -> Booking:
    """The gateway gave a link: ``created`` → ``pending``."""
    booking = _update(booking, tx_ref, checkout_url=checkout_url, problem=None, opening_until=None, opening_by="")
    return move_payment(booking, tx_ref, "pending", cause=cause, now=now)


def opening_failed(
    booking: Booking, tx_ref: str, problem: Problem, *, fate_known: bool, cause: Cause, now: datetime
) -> Booking:
    """The gateway gave no link. Only a payment whose fate is known is ``failed``; any other stays ``created``."""
    booking = _update(booking, tx_ref, problem=problem, opening_until=None, opening_by="", updated_at=now)
    return move_payment(booking, tx_ref, "failed", cause=cause, now=now, detail=problem.code) if fate_known else booking


def reference_used(booking: Booking, tx_ref: str, problem: Problem, *, cause: Cause, now: datetime) -> Booking:
    """The gateway knew the tx_ref already, so its link is lost: the attempt is closed, and still watched."""
    booking = _update(booking, tx_ref, problem=problem, opening_until=None, opening_by="")
    return move_payment(booking, tx_ref, "expired", cause=cause, now=now, detail="link lost")


def link_cancelled(booking: Booking, tx_ref: str) -> Booking:
    """The gateway closed the link. Money that was already on its way may still come."""
    return _update(booking, tx_ref, link_cancelled=True)


def confirm(booking: Booking, tx_ref: str, *, cause: Cause, now: datetime) -> Booking:
    """The payment is ``completed`` and the booking ``confirmed``; other open links are closed, and looked at now."""
    late = booking.status == "expired"
    booking = _update(booking, tx_ref, accepted=True, next_look_at=None, opening_until=None, opening_by="")
    booking = move_payment(booking, tx_ref, "completed", cause=cause, now=now)
    booking = _close_open_payments(booking, cause=cause, now=now, detail="paid by another attempt")
    booking = _move(booking, "confirmed", cause=cause, now=now, detail="late" if late else "")
    if late:
        booking = replace(booking, confirmed_late_at=now)
    return owe(owe(booking, "booking_confirmed", now=now), "host_new_booking", now=now)


def expire(booking: Booking, *, cause: Cause, now: datetime) -> Booking:
    """The hold is over and nobody paid: the nights go back, and the open payments are watched for late money."""
    for payment in booking.payments:
        if payment.status in OPEN:
            booking = _update(
                booking,
                payment.tx_ref,
                opening_until=None,
                opening_by="",
                next_look_at=next_look(payment, hold_ends=booking.hold_expires_at, now=now),
            )
            booking = move_payment(booking, payment.tx_ref, "expired", cause=cause, now=now)
    booking = replace(booking, expiry_retry_at=None)
    return owe(_move(booking, "expired", cause=cause, now=now), "hold_expired", now=now)


def owe_refund(booking: Booking, tx_ref: str, *, amount: Money, reason: str, cause: Cause, now: datetime) -> Booking:
    """Write down that ``amount`` of a completed payment goes back. Never more than was received."""
    payment = _payment(booking, tx_ref)
    if payment.received is None or payment.received < payment.refunded_or_owed + amount:
        raise ValueError("a refund never exceeds what was received")
    refund = Refund(refund_id_of(payment.tx_ref, len(payment.refunds) + 1), amount, reason, now, now)
    booking = _update(booking, tx_ref, updated_at=now, refunds=(*payment.refunds, refund))
    booking = _note(
        booking, Event(now, "refund_owed", cause, refund.refund_id, None, "owed", f"{amount.formatted}: {reason}")
    )
    return owe(booking, "money_returned", about=refund.refund_id, now=now)


def move_refund(
    booking: Booking, refund_id: str, to: RefundStatus, *, cause: Cause, now: datetime, detail: str = ""
) -> Booking:
    """Give a refund its next status, which ``REFUND_MOVES`` must allow."""
    tx_ref = refund_id.rpartition("-R")[0]
    refunds = _payment(booking, tx_ref).refunds
    before = next(refund.status for refund in refunds if refund.refund_id == refund_id)
    if to not in REFUND_MOVES[before]:
        raise ValueError(f"a refund never goes from {before} to {to}")
    moved = tuple(
        replace(refund, status=to, updated_at=now) if refund.refund_id == refund_id else refund for refund in refunds
    )
    booking = _update(booking, tx_ref, refunds=moved, updated_at=now)
    return _note(booking, Event(now, f"refund_{to}", cause, refund_id, before, to, detail))


def take_back(booking: Booking, tx_ref: str, said: str, *, cause: Cause, now: datetime) -> Booking:
    """The gateway gave completed money back, and not because we asked: recorded, and shown to a person."""
    status = _payment(booking, tx_ref).status
    booking = _update(booking, tx_ref, taken_back=said, updated_at=now)
    return _note(booking, Event(now, "payment_taken_back", cause, tx_ref, status, status, said))


def owe(booking: Booking, kind: EmailKind, *, now: datetime, about: str = "") -> Booking:
    """Write down that an e-mail is owed, with the lease of the hand-over to the queue."""
    email = Email(f"{len(booking.emails) + 1}", kind, now + HAND_OVER, about)
    return replace(booking, emails=(*booking.emails, email))


def replace_email(booking: Booking, email: Email, *, now: datetime) -> Booking:
    """Put the next state of one e-mail in its place; a change of its status is a history entry."""
    before = next(old for old in booking.emails if old.email_id == email.email_id)
    emails = tuple(email if old.email_id == email.email_id else old for old in booking.emails)
    booking = replace(booking, emails=emails)
    if before.status == email.status:
        return booking
    kind = f"email_{email.status}"
    return _note(booking, Event(now, kind, "email", email.email_id, before.status, email.status, email.kind))


def move_payment(
    booking: Booking, tx_ref: str, to: PaymentStatus, *, cause: Cause, now: datetime, detail: str = ""
) -> Booking:
    """Give a payment its next status, which ``PAYMENT_MOVES`` must allow."""
    before = _payment(booking, tx_ref).status
    if to not in PAYMENT_MOVES[before]:
        raise ValueError(f"a payment never goes from {before} to {to}")
    booking = _update(booking, tx_ref, status=to, updated_at=now)
    booking = replace(booking, updated_at=now)
    return _note(booking, Event(now, f"payment_{to}", cause, tx_ref, before, to, detail))


def update_payment(booking: Booking, tx_ref: str, **changes: Any) -> Booking:
    """Change what is known of a payment, without a change of its status."""
    if "status" in changes:
        raise ValueError("a status changes through move_payment")
    return _update(booking, tx_ref, **changes)


def due_at(booking: Booking) -> datetime | None:
    """The earliest instant at which this booking needs something; None: it rests.

    An opening that lapsed has no instant of its own: the payment's next look, never later than two minutes after
    it was made, takes it over. That keeps the happy path from moving the index twice.
    """
    instants = [payment.next_look_at for payment in booking.payments if payment.next_look_at is not None]
    instants += [email.due_at for email in booking.emails if email.status == "owed"]
    if booking.status == "pending_payment":
        instants.append(booking.expiry_retry_at or booking.hold_expires_at)
    return min(instants, default=None)


def attention(booking: Booking) -> str | None:
    """Why a person must look at this booking, or None. The word is the list it appears in."""
    for payment in booking.payments:
        if payment.status == "review":
            return "payment_review"
        if payment.taken_back:
            return "payment_taken_back"
        if any(refund.status == "attention" for refund in payment.refunds):
            return "refund"
    if any(email.needs_a_person for email in booking.emails):
        return "email"
    return None


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


def _with_new_payment(
    booking: Booking, *, gateway: str, mode: str, opening_by: str, key: str, cause: Cause, now: datetime
) -> Booking:
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
    return _note(booking, Event(now, "payment_created", cause, payment.tx_ref, None, "created"))


def _close_open_payments(booking: Booking, *, cause: Cause, now: datetime, detail: str) -> Booking:
    for payment in booking.payments:
        if payment.status in OPEN:
            booking = _update(booking, payment.tx_ref, next_look_at=now, opening_until=None, opening_by="")
            booking = move_payment(booking, payment.tx_ref, "expired", cause=cause, now=now, detail=detail)
    return booking


def _move(booking: Booking, to: BookingStatus, *, cause: Cause, now: datetime, detail: str = "") -> Booking:
    if to not in BOOKING_MOVES[booking.status]:
        raise ValueError(f"a booking never goes from {booking.status} to {to}")
    before = booking.status
    booking = replace(booking, status=to, updated_at=now)
    return _note(booking, Event(now, f"booking_{to}", cause, "", before, to, detail))


def _note(booking: Booking, event: Event) -> Booking:
    return replace(booking, history=(*booking.history, event))


def _payment(booking: Booking, tx_ref: str) -> Payment:
    payment = booking.payment(tx_ref)
    if payment is None:
        raise KeyError(tx_ref)
    return payment


def _update(booking: Booking, tx_ref: str, **changes: Any) -> Booking:
    payments = tuple(
        replace(payment, **changes) if payment.tx_ref == tx_ref else payment for payment in booking.payments
    )
    return replace(booking, payments=payments)
