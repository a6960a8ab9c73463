"""End a stay after check-in: a guest who never came, or who leaves before the last night."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from chalicelib.domain.booking import Actor, Booking, EndedAs, StayEnd, append_event, event_of
from chalicelib.domain.errors import (
    FieldError,
    InvalidRequest,
    RefundExceedsPayment,
    StayEndedAlready,
    StayNotBegun,
    StayOver,
)
from chalicelib.domain.money import Money
from chalicelib.domain.outbox import enqueue
from chalicelib.domain.record import replace
from chalicelib.domain.refunds import MAX_REFUNDS, check_not_given_twice, check_undisputed, left_to_refund, owe_refund

STAY_ENDED = "stay_ended"
"""The kind of the event, whose detail is a note of whoever ended the stay."""


def end_stay(
    booking: Booking,
    *,
    as_: EndedAs,
    last_night: date | None,
    refund: int,
    note: str,
    actor: Actor,
    now: datetime,
) -> Booking:
    """Free the nights that are left of a stay, and owe ``refund`` minor units of it; the guest is told.

    A no-show frees every night from tonight on, ``left_early`` those after ``last_night``. A stay that was ended in the
    same way comes back as it is. The booking stays confirmed: what it earned, and what it gave back, is kept.
    Raises StayNotBegun, StayOver, StayEndedAlready, InvalidRequest, PaymentDisputed, RefundExceedsPayment,
    RefundUnderWay.
    """
    if booking.ended is not None:
        if (booking.ended.as_, booking.ended.last_night, booking.ended.refund) == (as_, last_night, refund):
            return booking
        raise StayEndedAlready(f"This stay was ended as {booking.ended.as_} before.")
    if booking.status != "confirmed" or now < booking.check_in_at:
        raise StayNotBegun("A stay is ended once it is confirmed and its check-in has come.")
    if now >= booking.check_out_at:
        raise StayOver("The stay is over.")
    if last_night is not None and (wrong := tuple(wrong_last_night(booking, last_night))):
        raise InvalidRequest("Some fields are not right.", errors=wrong)
    free_from = booking.today(now) if last_night is None else last_night + timedelta(days=1)
    end = StayEnd(as_=as_, at=now, free_from=free_from, last_night=last_night, refund=refund)
    ended = event_of(actor, STAY_ENDED, now=now, before=booking.status, after=booking.status, detail=note)
    booking = append_event(replace(booking, ended=end, updated_at=now), ended)
    about = ""
    if refund:
        payment = booking.current_payment
        check_undisputed(payment)
        if len(payment.refunds) >= MAX_REFUNDS:
            raise RefundExceedsPayment(f"A payment has at most {MAX_REFUNDS} refunds.")
        back = Money(refund, left_to_refund(payment).currency)
        if left_to_refund(payment) < back:
            raise RefundExceedsPayment(f"At most {left_to_refund(payment).formatted} can go back.")
        check_not_given_twice(booking, payment, back, actor=actor)
        booking = owe_refund(booking, payment.tx_ref, amount=back, reason=as_, actor=actor, now=now, tell=False)
        about = booking.refunds[-1].refund_id
    return enqueue(booking, "stay_ended", about=about, now=now)


def wrong_last_night(booking: Booking, last_night: date) -> Iterator[FieldError]:
    """A guest who leaves early slept one night at least, and not all of them."""
    if not booking.stay.check_in <= last_night < booking.stay.check_out - timedelta(days=1):
        yield FieldError("last_night", "must be a night of the stay, and not its last one")
