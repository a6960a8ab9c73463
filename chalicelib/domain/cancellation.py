"""Cancel a booking: the nights go back, and what the policy gives is owed, in one change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from chalicelib.domain.booking import Actor, Booking, transition_booking
from chalicelib.domain.checkout import close_open_payments
from chalicelib.domain.errors import StayBegun
from chalicelib.domain.listings.listing import CancellationPolicy
from chalicelib.domain.money import Money, zero
from chalicelib.domain.outbox import enqueue
from chalicelib.domain.record import Record
from chalicelib.domain.refunds import left_to_refund, owe_refund
from chalicelib.domain.timing import (
    FLEXIBLE_NOTICE,
    FREE_AFTER_LATE_CONFIRMATION,
    MODERATE_FULL_NOTICE,
    MODERATE_HALF_NOTICE,
    STRICT_HALF_NOTICE,
)


class Share(Record, frozen=True):
    """The part that comes back, and the instant at which it changes (None: it does not)."""

    numerator: int
    denominator: int
    changes_at: datetime | None


ALL, HALF, NOTHING = (1, 1), (1, 2), (0, 1)


_STEPS: Mapping[CancellationPolicy, tuple[tuple[timedelta, tuple[int, int]], ...]] = {
    "flexible": ((FLEXIBLE_NOTICE, ALL),),
    "moderate": ((MODERATE_FULL_NOTICE, ALL), (MODERATE_HALF_NOTICE, HALF)),
    "strict": ((STRICT_HALF_NOTICE, HALF),),
}
"""For each policy, longest notice first: with at least this much notice, this share comes back; else nothing."""


def share_back(
    policy: CancellationPolicy,
    *,
    check_in: datetime,
    now: datetime,
    confirmed_late_at: datetime | None = None,
) -> Share:
    """What a guest's cancellation at ``now`` gives back. All instants are in UTC."""
    by_notice = _by_notice(policy, check_in=check_in, now=now)
    if confirmed_late_at is None:
        return by_notice
    # A stay that has begun cannot be cancelled, however late it was confirmed.
    free_until = min(confirmed_late_at + FREE_AFTER_LATE_CONFIRMATION, check_in)
    if now >= free_until:
        return by_notice
    if (by_notice.numerator, by_notice.denominator) == ALL and by_notice.changes_at is not None:
        # The policy may give all back for longer still.
        return Share(*ALL, max(free_until, by_notice.changes_at))
    return Share(*ALL, free_until)


def _by_notice(policy: CancellationPolicy, *, check_in: datetime, now: datetime) -> Share:
    for notice, share in _STEPS[policy]:
        if now <= (until := check_in - notice):
            return Share(*share, until)
    return Share(*NOTHING, None)


def back_if_cancelled(booking: Booking, *, now: datetime) -> tuple[Money, datetime | None]:
    """What the guest would get back by cancelling at ``now``, and when that changes.

    The policy gives a share of the price, or of what was received where that was accepted in another currency; never
    more than is left of it after all refunds so far.
    """
    if booking.status != "confirmed":
        return zero(booking.total.currency), None
    share: Share = share_back(
        booking.place.cancellation_policy,
        check_in=booking.check_in_at,
        now=now,
        confirmed_late_at=booking.confirmed_late_at,
    )
    payment = booking.current_payment
    left = left_to_refund(payment)
    received = payment.facts.received or payment.amount
    whole = booking.total if booking.total.currency == received.currency else received
    return min(whole.share(share.numerator, share.denominator), left), share.changes_at if left.minor else None


REASONS = {"guest": "cancelled_by_guest", "host": "cancelled_by_host", "operator": "cancelled_by_operator"}


def cancel(booking: Booking, *, actor: Actor, reason: str, now: datetime) -> Booking:
    """Cancel a booking, for its guest, its host or an operator; one that is cancelled already comes back as it is.

    A guest gets what the listing's policy gives at ``now``; a host's or an operator's cancellation gives all back.
    ``reason`` is a person's sentence, kept in the history. A guest who cancels an unpaid booking is sent no letter,
    unless the gateway does not tell whether money came (``verification``).
    Raises StayBegun for a confirmed booking from its check-in on.
    """
    if booking.status == "cancelled":
        return booking
    was_confirmed = booking.status == "confirmed"
    if was_confirmed and now >= booking.check_in_at:
        raise StayBegun("The stay has begun.")
    by_policy, _ = back_if_cancelled(booking, now=now)
    booking = close_open_payments(booking, actor=actor, now=now, detail="booking cancelled")
    booking = transition_booking(booking, "cancelled", actor=actor, now=now, detail=reason)
    if was_confirmed:
        payment = booking.current_payment
        back = by_policy if actor.cause == "guest" else left_to_refund(payment)
        if back.minor:
            why = REASONS[actor.cause]
            booking = owe_refund(booking, payment.tx_ref, amount=back, reason=why, actor=actor, now=now, tell=False)
    if was_confirmed or actor.cause != "guest":
        booking = enqueue(booking, "booking_cancelled", now=now)
    return enqueue(booking, "host_cancelled", now=now) if was_confirmed else booking
