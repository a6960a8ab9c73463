"""Open a payment: our row first, the gateway second, and only ever one caller at the gateway for one payment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.domain import checkout as opening
from chalicelib.domain.booking import Booking, Cause, Payment, Problem
from chalicelib.domain.errors import (
    CurrencyNotTaken,
    GatewayBadAnswer,
    GatewayError,
    GatewayRejected,
    GatewayTimeout,
    GatewayUnreachable,
    InProgress,
    ReferenceUsed,
)
from chalicelib.domain.ids import key_hash
from chalicelib.domain.timing import LAST_WAIT, OPENING_POLLS, RETRY_AFTER_OPENING, WAIT_FOR_OPENING
from chalicelib.services.access import Principal, visible_booking
from chalicelib.services.ports import Gateway, Opening, Ports
from chalicelib.services.reconcile import verify_now
from chalicelib.services.updating import save_decision

INITIALIZE_TRIES = 2
"""How many references one call may try when the gateway says that one was used before."""


_GATEWAY_ERRORS: Mapping[str, type[GatewayError]] = {
    kind.code: kind for kind in (GatewayRejected, GatewayBadAnswer, GatewayUnreachable, GatewayTimeout)
}

Outcome = Callable[[Booking, datetime], Booking]
"""What an opening made of its booking, applied to whatever state the booking is in by then."""


@dataclass(frozen=True, slots=True)
class CheckoutResult:
    """The payment that a call ended with. ``opened`` when it is a new one; ``replayed`` for a repeated key."""

    booking: Booking
    payment: Payment
    opened: bool
    replayed: bool = False


def pay(
    ports: Ports, principal: Principal | None, booking_id: str, *, key: str | None, public_url: str
) -> CheckoutResult:
    """Give the guest a link to pay on: the open one while it is usable, else a new payment's.

    Raises BookingNotFound, BookingNotPayable, PaymentInReview, InProgress, Busy, and the gateway's GatewayError.
    """
    began = ports.clock.now()
    booking, _ = visible_booking(ports, principal, booking_id, roles=("guest",))
    hashed = key_hash(ports.bookings.salt(), booking.guest_id, key) if key else ""
    if hashed and (known := _remembered(booking, hashed)):
        booking = await_opening(ports, booking, began=began)
        known = booking.payment(known.tx_ref) or known
        if known.checkout_url:
            return CheckoutResult(booking, known, opened=known.key == hashed, replayed=True)
    paid = pay_now(ports, booking, key=hashed, cause="guest", public_url=public_url, began=began)
    if not hashed or paid.opened:
        return paid
    tx_ref = paid.payment.tx_ref
    saved = save_decision(ports, paid.booking, lambda current, _: opening.remember_shown(current, tx_ref, hashed))
    return CheckoutResult(saved, saved.payment(tx_ref) or paid.payment, opened=False)


def pay_now(
    ports: Ports, booking: Booking, *, key: str, cause: Cause, public_url: str, began: datetime | None = None
) -> CheckoutResult:
    """The same for a booking that the caller may pay for: also the guest's page, which knows no principal.

    ``began`` is when the call did, if not now.
    """
    window = ports.rules.checkout_window
    began = began or ports.clock.now()
    booking = await_opening(ports, booking, began=began)
    if payment := opening.usable_link(booking, window=window, now=ports.clock.now()):
        return CheckoutResult(booking, payment, opened=False)
    opening.check_payable(booking, now=ports.clock.now())
    if booking.payments[-1].status == "pending":
        # The link has grown too old to be shown, but it may have been paid on.
        booking = verify_now(ports, booking, booking.payments[-1].tx_ref, cause=cause)
        opening.check_payable(booking, now=ports.clock.now())
    by = ports.chance.token()
    booking = _lease(ports, booking, by=by, key=key, cause=cause)
    if booking.payments[-1].opening_by != by:
        # Another call was faster: its outcome is ours.
        booking = await_opening(ports, booking, began=began)
    else:
        booking = open_leased(ports, booking, by=by, cause=cause, public_url=public_url)
    payment = booking.payments[-1]
    if payment.status == "pending":
        return CheckoutResult(booking, payment, opened=True)
    if payment.problem:
        raise error_of_problem(payment.problem, definitely_not_executed=payment.status == "failed")
    opening.check_payable(booking, now=ports.clock.now())
    raise InProgress("The payment is being opened.", retry_after=RETRY_AFTER_OPENING)


def open_leased(ports: Ports, booking: Booking, *, by: str, cause: Cause, public_url: str) -> Booking:
    """Call initialize for the last payment, whose lease ``by`` holds, and save what came of it.

    A reference that the gateway knows already has lost its link: that attempt is closed and the next one opened.
    Never raises the gateway's trouble: it is in the payment's ``problem``.
    """
    for tries_left in reversed(range(INITIALIZE_TRIES)):
        payment = booking.payments[-1]
        try:
            url = ports.gateways.named(payment.gateway).initialize(_opening(booking, payment, public_url))
        except ReferenceUsed as used:
            ports.observe("reference_used", level="warning", tx_ref=payment.tx_ref)
            booking = _close_used(ports, booking, payment, used, by=by, cause=cause, again=tries_left > 0)
            latest = booking.payments[-1]
            if latest.status == "created" and latest.opening_by == by:
                continue
            return booking
        except GatewayError as trouble:
            ports.observe("opening_failed", level="warning", tx_ref=payment.tx_ref, code=trouble.code)
            return _save_if_ours(ports, booking, payment, by, _failure(payment, trouble, cause))
        return _keep_link(ports, booking, payment, url, by=by, cause=cause)
    return booking


def _failure(payment: Payment, trouble: GatewayError, cause: Cause) -> Outcome:
    def outcome(current: Booking, now: datetime) -> Booking:
        problem, known = _problem(trouble), trouble.definitely_not_executed
        return opening.opening_failed(
            current, payment.tx_ref, problem, definitely_not_executed=known, cause=cause, now=now
        )

    return outcome


def _keep_link(ports: Ports, booking: Booking, payment: Payment, url: str, *, by: str, cause: Cause) -> Booking:
    def outcome(current: Booking, now: datetime) -> Booking:
        return opening.link_opened(current, payment.tx_ref, url, cause=cause, now=now)

    saved = _save_if_ours(ports, booking, payment, by, outcome)
    known = saved.payment(payment.tx_ref)
    if known is None or known.checkout_url != url:
        # The booking went on without us: this link must not be paid on, and nobody is shown it.
        ports.observe("link_unwanted", tx_ref=payment.tx_ref, status=saved.status)
        _cancel_quietly(ports, payment)
    return saved


def resume_lapsed(
    ports: Ports, booking: Booking, *, cause: Cause, public_url: str, began: datetime | None = None
) -> Booking:
    """Take over the opening of a payment whose owner never came back: the same tx_ref again.

    ``began`` is when the call did, if not now.
    """
    began = began or ports.clock.now()
    by = ports.chance.token()
    booking = _lease(ports, booking, by=by, key=booking.payments[-1].key, cause=cause)
    if booking.payments[-1].opening_by == by:
        return open_leased(ports, booking, by=by, cause=cause, public_url=public_url)
    return await_opening(ports, booking, began=began)


def await_opening(ports: Ports, booking: Booking, *, began: datetime) -> Booking:
    """Wait until nobody is opening the booking's last payment. Raises InProgress when that takes too long.

    ``began`` is when the call did that waits.
    """
    longest = min(WAIT_FOR_OPENING, LAST_WAIT - (ports.clock.now() - began))
    waited = timedelta()
    step = 0
    while booking.payments[-1].is_opening(ports.clock.now()):
        if waited >= longest:
            raise InProgress("The same call is still at work.", retry_after=RETRY_AFTER_OPENING)
        pause = OPENING_POLLS[min(step, len(OPENING_POLLS) - 1)]
        ports.clock.sleep(pause.total_seconds())
        waited += pause
        step += 1
        booking = ports.bookings.load(booking.booking_id) or booking
    return booking


def error_of_problem(problem: Problem, *, definitely_not_executed: bool) -> GatewayError:
    """The refusal that a stored problem stands for; GatewayBadAnswer for a code that this release does not know."""
    return _GATEWAY_ERRORS.get(problem.code, GatewayBadAnswer)(
        problem.detail,
        definitely_not_executed=definitely_not_executed,
        errors=problem.errors,
        retry_after=None if problem.retry_after is None else timedelta(seconds=problem.retry_after),
    )


def gateway_for(ports: Ports, booking: Booking) -> Gateway:
    """The gateway that a booking's next payment is opened with. Raises CurrencyNotTaken."""
    gateway = ports.gateways.for_currency(booking.total.currency)
    if gateway is None:
        raise CurrencyNotTaken(f"Payments in {booking.total.currency} cannot be taken here.")
    return gateway


def _lease(ports: Ports, booking: Booking, *, by: str, key: str, cause: Cause) -> Booking:
    """Become the one who opens: the last payment again while its fate is not known, else the next attempt."""

    def decide(current: Booking, _nights: Literal["free", "short"]) -> Booking:
        now = ports.clock.now()
        payment = current.payments[-1]
        if payment.is_opening(now) or opening.usable_link(current, window=ports.rules.checkout_window, now=now):
            return current
        opening.check_payable(current, now=now)
        if payment.status == "created":
            return opening.lease_opening(current, payment.tx_ref, by=by, key=key, now=now)
        gateway = gateway_for(ports, current)
        return opening.new_attempt(
            current, gateway=gateway.name, mode=gateway.mode, opening_by=by, key=key, cause=cause, now=now
        )

    return save_decision(ports, booking, decide)


def _save_if_ours(ports: Ports, booking: Booking, payment: Payment, by: str, outcome: Outcome) -> Booking:
    def decide(current: Booking, _nights: Literal["free", "short"]) -> Booking:
        known = current.payment(payment.tx_ref)
        ours = known is not None and known.status == "created" and known.opening_by == by
        if not ours or current.status != "pending_payment":
            return current
        return outcome(current, ports.clock.now())

    return save_decision(ports, booking, decide)


def _close_used(
    ports: Ports,
    booking: Booking,
    payment: Payment,
    used: ReferenceUsed,
    *,
    by: str,
    cause: Cause,
    again: bool,
) -> Booking:
    def outcome(current: Booking, now: datetime) -> Booking:
        current = opening.reference_used(current, payment.tx_ref, _problem(used), cause=cause, now=now)
        gateway = gateway_for(ports, current)
        if not again or not opening.may_try_again(current, now=now):
            return current
        return opening.new_attempt(
            current,
            gateway=gateway.name,
            mode=gateway.mode,
            opening_by=by,
            key=payment.key,
            cause=cause,
            now=now,
        )

    return _save_if_ours(ports, booking, payment, by, outcome)


def _cancel_quietly(ports: Ports, payment: Payment) -> None:
    try:
        ports.gateways.named(payment.gateway).cancel(payment.tx_ref)
    except GatewayError as trouble:
        ports.observe("link_not_cancelled", level="warning", tx_ref=payment.tx_ref, code=trouble.code)


def _remembered(booking: Booking, hashed: str) -> Payment | None:
    """The payment that this key was answered with: opened under it, or shown."""
    every = reversed(booking.payments)
    return next((payment for payment in every if hashed == payment.key or hashed in payment.shown_under), None)


def _problem(trouble: GatewayError) -> Problem:
    return Problem(trouble.code, trouble.detail, trouble.errors, trouble.retry_after)


def _opening(booking: Booking, payment: Payment, public_url: str) -> Opening:
    return Opening(
        tx_ref=payment.tx_ref,
        amount=payment.amount,
        email=booking.contact.email,
        first_name=booking.contact.first_name,
        last_name=booking.contact.last_name,
        phone=booking.contact.phone,
        title=booking.place.title,
        callback_url=f"{public_url}/v1/payments/{payment.gateway}/callback/{payment.tx_ref}",
        return_url=f"{public_url}/pay/{payment.tx_ref}",
        meta={"booking_id": booking.booking_id},
    )
