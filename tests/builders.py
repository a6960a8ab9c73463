"""Builders of listings and bookings, made through the domain's own functions.

Every default can be replaced. The stay of ``a_booking()`` is three nights of ETB 2,450 from 14 January 2027, held for
30 minutes at ``NOW``. Functions that take a booking return it in the state that their name says.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from chalicelib.domain import checkout as opening
from chalicelib.domain import lifecycle, outbox
from chalicelib.domain import refunds as refunding
from chalicelib.domain.booking import (
    Actor,
    Booking,
    OutboxEntry,
    Payment,
    Refund,
    get_payment,
    transition_booking,
    transition_payment,
    transition_refund,
    with_payment,
    with_refund,
)
from chalicelib.domain.contact import Contact
from chalicelib.domain.ids import BookingId, PersonId, derive_booking_id, derive_listing_id
from chalicelib.domain.listings.calendar import Nights, Stay
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.listings.prices import quote
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Availability, Verification, apply_verification
from tests.replacing import replace

NOW = datetime(2027, 1, 2, 9, 15, 30, tzinfo=UTC)
SALT = b"a salt for tests, 32 bytes long."
HOST = PersonId("host-abebe")
GUEST = PersonId("guest-hanna")
WINDOW = timedelta(minutes=60)
WEBHOOK = Actor("webhook")
HANNA = Contact(first_name="Hanna", last_name="Tesfaye", email="hanna.tesfaye@gmail.com", phone="0911223344")


def a_listing(*, now: datetime = NOW, **changes: Any) -> Listing:
    """The Lake house in Bishoftu: four units for two guests each, ETB 2,450 a night, flexible."""
    listing = Listing(
        listing_id=derive_listing_id(SALT, HOST, "lake house"),
        host_id=HOST,
        host_email="abebe.kebede@gmail.com",
        title="Lake house",
        description="A quiet house on the shore.",
        city="Bishoftu",
        address="Babogaya Road 7",
        time_zone="Africa/Addis_Ababa",
        nightly_price=Money(245000, "ETB"),
        units=4,
        guests_per_unit=2,
        cancellation_policy="flexible",
        created_at=now,
        updated_at=now,
    )
    return replace(listing, **changes)


def a_stay(check_in: date = date(2027, 1, 14), nights: int = 3, *, units: int = 1, guests: int = 2) -> Stay:
    return Stay(check_in, check_in + timedelta(days=nights), units, guests)


def a_booking_id(key: str = "first", guest: PersonId = GUEST) -> BookingId:
    """A real id; another ``key`` gives another."""
    return derive_booking_id(SALT, guest, key)


def a_booking(
    *,
    now: datetime = NOW,
    key: str = "first",
    listing: Listing | None = None,
    stay: Stay | None = None,
    nights: Nights | None = None,
    **changes: Any,
) -> Booking:
    """Return a booking just held, its first payment ``created``. ``changes`` are arguments of hold()."""
    listing = listing or a_listing(now=now)
    stay = stay or a_stay()
    guest_id = changes.pop("guest_id", GUEST)
    arguments: dict[str, Any] = {
        "booking_id": a_booking_id(key, guest_id),
        "guest_id": guest_id,
        "listing": listing,
        "stay": stay,
        "quote": quote(listing, nights or {}, stay),
        "contact": HANNA,
        "language": "en",
        "return_url": None,
        "fingerprint": "fingerprint",
        "hold_for": timedelta(minutes=30),
        "gateway": "chapa",
        "mode": "test",
        "api_version": "",
        "owner": "opener",
        "request_id": "request-1",
        "now": now,
    }
    return lifecycle.hold(**(arguments | changes))


def opened(booking: Booking, *, now: datetime | None = None, checkout_url: str | None = None) -> Booking:
    """Return the booking after its latest payment got a link: ``created`` → ``pending``."""
    payment = booking.payments[-1]
    url = checkout_url or f"https://checkout.chapa.co/checkout/payment/{payment.tx_ref}"
    return opening.link_opened(booking, payment.tx_ref, url, actor=Actor("guest"), now=now or payment.created_at)


def another_attempt(booking: Booking, *, now: datetime | None = None) -> Booking:
    """Return the booking with one more payment ``created``; open ones become ``expired``."""
    last = booking.payments[-1]
    return opening.new_attempt(
        booking,
        gateway=last.gateway,
        mode=last.expected_mode,
        api_version=last.api_version,
        owner="opener",
        key="",
        actor=Actor("guest"),
        now=now or booking.updated_at,
    )


def verification_of(payment: Payment, status: Any = "paid", **changes: Any) -> Verification:
    """Return the verification of a payment in which all fields match, or with ``changes``."""
    verification = Verification(status, payment.tx_ref, payment.amount, payment.amount.decimal, payment.expected_mode)
    if status == "paid":
        reference = f"AP{payment.tx_ref}"
        verification = replace(
            verification,
            provider_reference=reference,
            receipt_url=f"https://chapa.link/payment-receipt/{reference}",
            fee=Money(payment.amount.minor * 35 // 1000, payment.amount.currency),
            paid_at=payment.created_at,
        )
    return replace(verification, **changes)


def verified(
    booking: Booking,
    status: Any = "paid",
    *,
    now: datetime | None = None,
    tx_ref: str | None = None,
    availability: Availability = Availability.FREE,
    actor: Actor = WEBHOOK,
    **changes: Any,
) -> Booking:
    """Return the booking after verify answered ``status`` for a payment (the latest by default)."""
    payment = booking.payments[-1] if tx_ref is None else booking.payment(tx_ref)
    assert payment is not None
    return apply_verification(
        booking,
        payment.tx_ref,
        verification_of(payment, status, **changes),
        now=now or booking.updated_at,
        availability=availability,
        actor=actor,
        window=WINDOW,
        jitter=0.5,
    )


def paid(booking: Booking, *, now: datetime | None = None, **changes: Any) -> Booking:
    """Return the booking after verify answered ``paid`` for the latest payment."""
    return verified(booking, "paid", now=now, **changes)


def failed(booking: Booking, *, now: datetime | None = None) -> Booking:
    """Return the booking after the latest payment failed, past its checkout window."""
    return verified(booking, "failed", now=now or booking.payments[-1].created_at + WINDOW)


def expired(booking: Booking, *, now: datetime | None = None) -> Booking:
    """Return the booking after its hold ended unpaid."""
    return lifecycle.expire(booking, actor=Actor("sweep"), now=now or booking.hold_expires_at)


def cancelled(
    booking: Booking,
    *,
    now: datetime | None = None,
    back: Money | None = None,
    actor: Actor = Actor("guest"),  # noqa: B008 - immutable
    reason: str = "",
) -> Booking:
    """Return the booking cancelled by ``actor``, with a refund of ``back`` and both letters owed."""
    at = now or booking.updated_at
    booking = transition_booking(booking, "cancelled", actor=actor, now=at, detail=reason)
    if back is not None:
        booking = refund_owed(booking, amount=back, reason="booking_cancelled")
    return outbox.enqueue(outbox.enqueue(booking, "booking_cancelled", now=at), "host_cancelled", now=at)


def refund_owed(booking: Booking, *, amount: Money | None = None, reason: str = "place_gone") -> Booking:
    """Return the booking with a refund of its current payment owed: ``amount``, all by default."""
    payment = booking.current_payment
    return refunding.owe_refund(
        booking,
        payment.tx_ref,
        amount=amount or payment.amount,
        reason=reason,
        actor=Actor("operator"),
        now=booking.updated_at,
    )


def get_refund(booking: Booking) -> Refund:
    """Return the only refund of a booking."""
    [refund] = [refund for payment in booking.payments for refund in payment.refunds]
    return refund


def change_payment(booking: Booking, tx_ref: str, **changes: Any) -> Booking:
    """Return the booking with other facts about one payment, without an event."""
    return with_payment(booking, replace(get_payment(booking, tx_ref), **changes))


def move_payment(booking: Booking, tx_ref: str, to: Any, *, actor: Actor, now: datetime, detail: str = "") -> Booking:
    """Return the booking after one payment took its next status."""
    return with_payment(
        booking, *transition_payment(get_payment(booking, tx_ref), to, actor=actor, now=now, detail=detail)
    )


def move_refund(booking: Booking, refund_id: str, to: Any, *, actor: Actor, now: datetime, detail: str = "") -> Booking:
    """Return the booking after one refund took its next status."""
    refund = booking.refund(refund_id)
    assert refund is not None
    return with_refund(booking, *transition_refund(refund, to, actor=actor, now=now, detail=detail))


def change_entry(booking: Booking, entry: OutboxEntry, *, now: datetime) -> Booking:
    """Return the booking with the next state of one entry of its outbox."""
    return outbox.with_entries(booking, {entry.entry_id: entry}, now=now)
