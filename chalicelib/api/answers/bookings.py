"""Bookings, as their guest, the listing's host and operators see them."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from chalicelib.api.answers.hosts import HostContactOut
from chalicelib.api.answers.messages import MessageOut
from chalicelib.api.answers.payments import PaymentOut, RefundOut
from chalicelib.api.core.formats import Day, Instant, MoneyOut, instant
from chalicelib.domain.booking import Booking, BookingStatus, EndedAs, StayEnd
from chalicelib.domain.cancellation import back_if_cancelled
from chalicelib.domain.contact import Contact, Language
from chalicelib.domain.host import Notify
from chalicelib.domain.listings.listing import CancellationPolicy
from chalicelib.domain.operators.presence import Movement, movement_on
from chalicelib.services.access import Role


class LineOut(msgspec.Struct, frozen=True):
    """One line of the bill: the lines add up to the total."""

    description: str
    """What is paid for, such as `3 nights × 1 unit`."""
    amount: MoneyOut
    """What it costs."""


class ContactOut(msgspec.Struct, frozen=True):
    """Who the booking is for; the phone number as `0911223344` or, of another country, as `+254712345678`."""

    first_name: str
    """The guest's first name, or only one."""
    last_name: str
    """The guest's last name; empty for those who have one name."""
    email: str
    """Where letters go."""
    phone: str
    """As `0911223344`, `+251115517700` or `+254712345678`."""

    @classmethod
    def of(cls, contact: Contact) -> ContactOut:
        return cls(contact.first_name, contact.last_name, contact.email, contact.phone)


class CancellationOut(msgspec.Struct, frozen=True):
    """What the guest would get back by cancelling now, and when that changes (null: it does not)."""

    policy: CancellationPolicy
    back_if_cancelled_now: MoneyOut
    """What the guest would get back."""
    changes_at: Instant | None
    """When that becomes less; null: it does not."""

    @classmethod
    def of(cls, booking: Booking, now: datetime) -> CancellationOut:
        back, changes_at = back_if_cancelled(booking, now=now)
        return cls(booking.place.cancellation_policy, MoneyOut.of(back), instant(changes_at) if changes_at else None)


class StayEndOut(msgspec.Struct, frozen=True, rename={"as_": "as"}):
    """That a stay ended early, and from which day on its nights are free."""

    as_: EndedAs
    at: Instant
    """When somebody ended it."""
    last_night: Day | None
    """The last night of a guest who left early; null of a no-show."""
    free_from: Day
    """The first day whose night is free for others again."""

    @classmethod
    def of(cls, end: StayEnd) -> StayEndOut:
        last_night = end.last_night.isoformat() if end.last_night else None
        return cls(end.as_, instant(end.at), last_night, end.free_from.isoformat())


class BookingOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """A booking. A host sees ``contact`` once it is confirmed, and from then on its guest, and operators, see ``host``
    when the booking is read by itself; then ``payments`` is there as well. ``refunds`` (of all payments) are there when
    it was cancelled or ended, ``stay_ended`` if the stay ended early."""

    booking_id: str
    """The booking's id."""
    status: BookingStatus
    listing_id: str
    """The listing's id."""
    listing_title: str
    """What the listing was called when it was booked."""
    check_in: Day
    """The day of arrival, in the listing's time zone."""
    check_out: Day
    """The day of departure; its night is not part of the stay."""
    nights: int
    """How many nights."""
    units: int
    """How many units, such as rooms."""
    guests: int
    """How many guests in all."""
    language: Language
    contact: ContactOut | None
    """Who the booking is for; null for a host until it is confirmed."""
    lines: tuple[LineOut, ...]
    """What the total is made of."""
    total: MoneyOut
    """What is to be paid."""
    hold_expires_at: Instant
    """Until when its nights are held for a payment."""
    return_url: str | None
    """Where the guest goes after paying; null for our own page."""
    created_at: Instant
    """When it was made."""
    updated_at: Instant
    """When it changed last."""
    cancellation: CancellationOut
    """What the guest would get back by cancelling now."""
    payment: PaymentOut
    """The payment that counts: the accepted one, else the latest."""
    movement: Movement | None = None
    """What the guest does on the day that was asked for, or today; only in lists of arrivals."""
    stay_ended: StayEndOut | None = None
    """That the stay ended early; only there if it did."""
    payments: tuple[PaymentOut, ...] | None = None
    """All attempts to pay, oldest first; only where one booking is read."""
    refunds: tuple[RefundOut, ...] | None = None
    """What goes back of all payments; only in the answer to a cancellation, or to the end of a stay."""
    host: HostContactOut | None = None
    """How the host is reached; only where one booking is read, and once it was confirmed."""
    messages: tuple[MessageOut, ...] | None = None
    """Its letters, and what became of them; only where an operator reads one booking."""

    @classmethod
    def of(
        cls,
        booking: Booking,
        role: Role,
        *,
        now: datetime,
        with_attempts: bool = False,
        with_refunds: bool = False,
        host: Notify | None = None,
        on: date | None = None,
    ) -> BookingOut:
        """The booking as ``role`` sees it at ``now``; ``with_attempts`` adds all its payments.

        ``host``: how its host is reached, where ``role`` may know that; an operator is shown the letters then.
        ``on``: tell what its guest does on that day.
        """
        stay = booking.stay
        attempts = tuple(PaymentOut.of(booking, payment) for payment in booking.payments) if with_attempts else None
        return cls(
            booking_id=booking.booking_id,
            status=booking.status,
            listing_id=booking.place.listing_id,
            listing_title=booking.place.title,
            check_in=stay.check_in.isoformat(),
            check_out=stay.check_out.isoformat(),
            nights=stay.nights,
            units=stay.units,
            guests=stay.guests,
            language=booking.language,
            contact=ContactOut.of(booking.contact) if _may_see_contact(booking, role) else None,
            lines=tuple(LineOut(line.description, MoneyOut.of(line.amount)) for line in booking.lines),
            total=MoneyOut.of(booking.total),
            hold_expires_at=instant(booking.hold_expires_at),
            return_url=booking.return_url,
            created_at=instant(booking.created_at),
            updated_at=instant(booking.updated_at),
            cancellation=CancellationOut.of(booking, now),
            payment=PaymentOut.of(booking, booking.current_payment),
            movement=movement_on(booking, on) if on else None,
            stay_ended=StayEndOut.of(booking.ended) if booking.ended else None,
            payments=attempts,
            refunds=tuple(RefundOut.of(refund) for refund in booking.refunds) if with_refunds else None,
            host=HostContactOut.of(host) if host and booking.was_confirmed else None,
            messages=tuple(MessageOut.of(booking, entry, host) for entry in booking.letters)
            if host and role == "operator"
            else None,
        )


def _may_see_contact(booking: Booking, role: Role) -> bool:
    """The guest and operators always; the host once the booking was confirmed, even if it was cancelled since."""
    return role != "host" or booking.was_confirmed
