"""Cancel a booking: the nights go back, and what the policy gives is owed, in one change."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from .booking import Booking, back_if_cancelled, close_open_payments, move_booking, owe
from .errors import StayBegun
from .refunding import left_to_refund, owe_refund

By = Literal["guest", "host", "operator"]

REASONS = {"guest": "cancelled_by_guest", "host": "cancelled_by_host", "operator": "cancelled_by_operator"}


def cancel(booking: Booking, *, by: By, reason: str, now: datetime) -> Booking:
    """The booking ``cancelled``; a booking that is so already comes back as it is.

    A guest gets what the listing's policy gives at ``now``; a host's or an operator's cancellation gives all back.
    ``reason`` is a person's sentence, kept in the history.
    Raises StayBegun for a confirmed booking from its check-in on.
    """
    if booking.status == "cancelled":
        return booking
    was_confirmed = booking.status == "confirmed"
    if was_confirmed and now >= booking.check_in_at:
        raise StayBegun("The stay has begun.")
    by_policy, _ = back_if_cancelled(booking, now=now)
    booking = close_open_payments(booking, cause=by, now=now, detail="booking cancelled")
    booking = move_booking(booking, "cancelled", cause=by, now=now, detail=reason)
    if was_confirmed:
        payment = booking.current_payment
        left = left_to_refund(payment)
        back = min(by_policy, left) if by == "guest" and by_policy.currency == left.currency else left
        if back.minor:
            booking = owe_refund(
                booking, payment.tx_ref, amount=back, reason=REASONS[by], cause=by, now=now, tell=False
            )
    booking = owe(booking, "booking_cancelled", now=now)
    return owe(booking, "host_cancelled", now=now) if was_confirmed else booking
