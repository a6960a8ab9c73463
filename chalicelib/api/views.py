"""A booking and its payments as a caller may see them."""

from __future__ import annotations

from typing import Any

from chalicelib.api.answers import (
    BookingOut,
    CancellationOut,
    ContactOut,
    LineOut,
    MoneyOut,
    PaymentOut,
    RefundOut,
    instant,
    may_see_contact,
)
from chalicelib.api.core.http import Call
from chalicelib.api.core.problems import problem_of
from chalicelib.domain.booking import Booking, Payment
from chalicelib.services.access import Role
from chalicelib.services.checkout import error_of_problem


def payment_out(booking: Booking, payment: Payment) -> PaymentOut:
    """One attempt to pay, with what its opening met."""
    return PaymentOut.of(booking, payment, _problem(booking, payment))


def booking_out(
    call: Call, booking: Booking, role: Role, *, with_attempts: bool = False, with_refunds: bool = False
) -> BookingOut:
    """A booking as ``role`` sees it now; ``with_attempts`` adds all its payments."""
    attempts = tuple(payment_out(booking, payment) for payment in booking.payments) if with_attempts else None
    stay = booking.stay
    return BookingOut(
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
        contact=ContactOut.of(booking.contact) if may_see_contact(booking, role) else None,
        lines=tuple(LineOut(line.description, MoneyOut.of(line.amount)) for line in booking.lines),
        total=MoneyOut.of(booking.total),
        hold_expires_at=instant(booking.hold_expires_at),
        return_url=booking.return_url,
        created_at=instant(booking.created_at),
        updated_at=instant(booking.updated_at),
        cancellation=CancellationOut.of(booking, call.container.clock.now()),
        payment=payment_out(booking, booking.current_payment),
        payments=attempts,
        refunds=tuple(RefundOut.of(refund) for refund in booking.refunds) if with_refunds else None,
    )


def _problem(booking: Booking, payment: Payment) -> dict[str, Any] | None:
    """Why there is no link, as asking for one again would have been answered; told until the payment got further."""
    known = payment.problem
    if known is None or payment.status not in ("created", "failed", "expired"):
        return None
    instance = f"/v1/bookings/{booking.booking_id}/payments"
    refusal = error_of_problem(known, definitely_not_executed=payment.status == "failed")
    return problem_of(refusal, instance=instance)
