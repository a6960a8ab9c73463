"""Open a payment: our row first, the gateway second, and only ever one caller at the gateway for one payment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from chalicelib.domain import checkout
from chalicelib.domain.booking import Actor, Booking, OpeningProblem, Payment
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
from chalicelib.domain.record import Record
from chalicelib.domain.timing import LAST_WAIT, OPENING_POLLS, PUBLIC_LAST_WAIT, RETRY_AFTER_OPENING, WAIT_FOR_OPENING
from chalicelib.domain.verification import Availability
from chalicelib.services.access import Principal, actor_of, visible_booking
from chalicelib.services.ports.gateways import Gateway, Opening
from chalicelib.services.ports.stage import Ports
from chalicelib.services.reconcile import verify_now
from chalicelib.services.updating import Decision, enqueue_reconcile, update

_GATEWAY_ERRORS: Mapping[str, type[GatewayError]] = {
    kind.code: kind for kind in (GatewayRejected, GatewayBadAnswer, GatewayUnreachable, GatewayTimeout)
}

INITIALIZE_TRIES = 2
"""How many references one call may try when the gateway says that one was used before."""

Outcome = Callable[[Booking, datetime], Booking]
"""What an opening made of its booking, applied to whatever state the booking is in by then."""


class CheckoutResult(Record, frozen=True):
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
    booking, role = visible_booking(ports, principal, booking_id, roles=("guest",))
    hashed = key_hash(ports.bookings.salt(), booking.guest_id, key) if key else ""
    if hashed and (known := _remembered(booking, hashed)):
        booking = await_opening(ports, booking, began=began)
        known = booking.payment(known.tx_ref) or known
        if known.checkout_url:
            return CheckoutResult(booking, known, opened=known.key == hashed, replayed=True)
    actor = actor_of(principal, role)
    paid = pay_now(ports, booking, key=hashed, actor=actor, public_url=public_url, began=began)
    if not hashed or paid.opened:
        return paid
    tx_ref = paid.payment.tx_ref
    saved = update(
        ports, paid.booking, lambda current, _: Decision(checkout.remember_shown(current, tx_ref, hashed))
    ).after
    return CheckoutResult(saved, saved.payment(tx_ref) or paid.payment, opened=False)


def pay_now(
    ports: Ports,
    booking: Booking,
    *,
    key: str,
    actor: Actor,
    public_url: str,
    began: datetime | None = None,
    in_public: bool = False,
) -> CheckoutResult:
    """The same for a booking that the caller may pay for: also the guest's page, which knows no principal.

    ``began`` is when the call did, if not now. ``in_public``: the caller showed no token, so that a payment which a
    silent gateway does not open in time is left to the queue (InProgress).
    """
    window = ports.rules.checkout_window
    began = began or ports.clock.now()
    last_wait = PUBLIC_LAST_WAIT if in_public else LAST_WAIT
    booking = await_opening(ports, booking, began=began, last_wait=last_wait)
    if payment := checkout.usable_link(booking, window=window, now=ports.clock.now()):
        return CheckoutResult(booking, payment, opened=False)
    checkout.check_payable(booking, now=ports.clock.now())
    if booking.payments[-1].status == "pending":
        # The link has grown too old to be shown, but it may have been paid on.
        booking = verify_now(ports, booking, booking.payments[-1].tx_ref, actor=actor)
        checkout.check_payable(booking, now=ports.clock.now())
    owner = ports.chance.token()
    booking = _lease(ports, booking, owner=owner, key=key, actor=actor)
    if booking.payments[-1].is_opened_by(owner):
        booking = open_leased(ports, booking, owner=owner, actor=actor, public_url=public_url, in_public=in_public)
    else:
        # Another call was faster: its outcome is ours.
        booking = await_opening(ports, booking, began=began, last_wait=last_wait)
    payment = booking.payments[-1]
    if payment.status == "pending":
        return CheckoutResult(booking, payment, opened=True)
    if payment.problem:
        raise error_of_problem(payment.problem, definitely_not_executed=payment.status == "failed")
    checkout.check_payable(booking, now=ports.clock.now())
    raise InProgress("The payment is being opened.", retry_after=RETRY_AFTER_OPENING)


def open_leased(
    ports: Ports, booking: Booking, *, owner: str, actor: Actor, public_url: str, in_public: bool = False
) -> Booking:
    """Call initialize for the last payment, whose lease ``owner`` holds, and save what came of it.

    A reference that the gateway knows already has lost its link: that attempt is closed and the next one opened.
    Never raises a GatewayError: it is in the payment's ``problem``; or, ``in_public``, a gateway that was silent is
    asked again by a consumer of the queue, which has more time.
    """
    for tries_left in reversed(range(INITIALIZE_TRIES)):
        payment = booking.payments[-1]
        try:
            url = ports.gateways.of(payment).initialize(_opening(booking, payment, public_url))
        except ReferenceUsed as used:
            ports.observe("reference_used", level="warning", tx_ref=payment.tx_ref)
            if not tries_left:
                # One call gives up one reference at most: the next call finds out whether this one is lost too.
                unknown = GatewayBadAnswer(used.detail, definitely_not_executed=False)
                return _save_if_owner(ports, booking, payment, owner, _failure(payment, unknown, actor))
            booking = _close_used(ports, booking, payment, used, owner=owner, actor=actor)
            latest = booking.payments[-1]
            if latest.status == "created" and latest.is_opened_by(owner):
                continue
            return booking
        except GatewayError as error:
            ports.observe("opening_failed", level="warning", tx_ref=payment.tx_ref, code=error.code)
            if in_public and isinstance(error, GatewayTimeout):
                return _leave_to_queue(ports, booking, payment, owner)
            return _save_if_owner(ports, booking, payment, owner, _failure(payment, error, actor))
        return _keep_link(ports, booking, payment, url, owner=owner, actor=actor)
    return booking


def _failure(payment: Payment, error: GatewayError, actor: Actor) -> Outcome:
    def outcome(current: Booking, now: datetime) -> Booking:
        return checkout.opening_failed(
            current,
            payment.tx_ref,
            _problem(error),
            definitely_not_executed=error.definitely_not_executed,
            actor=actor,
            now=now,
        )

    return outcome


def _leave_to_queue(ports: Ports, booking: Booking, payment: Payment, owner: str) -> Booking:
    """End the lease of an opening at once, so that a consumer of the queue takes it over.

    When the message is lost, the payment's next verification does.
    """

    def outcome(current: Booking, now: datetime) -> Booking:
        return checkout.lease_ended(current, payment.tx_ref, now=now)

    saved = _save_if_owner(ports, booking, payment, owner, outcome)
    enqueue_reconcile(ports, saved)
    return saved


def _keep_link(ports: Ports, booking: Booking, payment: Payment, url: str, *, owner: str, actor: Actor) -> Booking:
    def outcome(current: Booking, now: datetime) -> Booking:
        return checkout.link_opened(current, payment.tx_ref, url, actor=actor, now=now)

    saved = _save_if_owner(ports, booking, payment, owner, outcome)
    known = saved.payment(payment.tx_ref)
    if known is None or known.checkout_url != url:
        # The booking went on without us: this link must not be paid on, and nobody is shown it.
        ports.observe("link_unwanted", tx_ref=payment.tx_ref, status=saved.status)
        _cancel_quietly(ports, payment)
    else:
        ports.observe("payment_opened", tx_ref=payment.tx_ref)
    return saved


def resume_lapsed(
    ports: Ports, booking: Booking, *, actor: Actor, public_url: str, began: datetime | None = None
) -> Booking:
    """Take over the opening of a payment whose owner never came back: the same tx_ref again.

    ``began`` is when the call did, if not now.
    """
    began = began or ports.clock.now()
    owner = ports.chance.token()
    booking = _lease(ports, booking, owner=owner, key=booking.payments[-1].key, actor=actor)
    if booking.payments[-1].is_opened_by(owner):
        return open_leased(ports, booking, owner=owner, actor=actor, public_url=public_url)
    return await_opening(ports, booking, began=began)


def await_opening(ports: Ports, booking: Booking, *, began: datetime, last_wait: timedelta = LAST_WAIT) -> Booking:
    """Wait until nobody is opening the booking's last payment. Raises InProgress when that takes too long.

    ``began`` is when the waiting call did; ``last_wait`` after that it waits no more.
    """
    longest = min(WAIT_FOR_OPENING, last_wait - (ports.clock.now() - began))
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


def error_of_problem(problem: OpeningProblem, *, definitely_not_executed: bool) -> GatewayError:
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


def _lease(ports: Ports, booking: Booking, *, owner: str, key: str, actor: Actor) -> Booking:
    """Become the one who opens: the last payment again while its fate is not known, else the next attempt."""

    def decide(current: Booking, _: Availability) -> Decision:
        now = ports.clock.now()
        payment = current.payments[-1]
        if payment.is_opening(now) or checkout.usable_link(current, window=ports.rules.checkout_window, now=now):
            return Decision(current)
        checkout.check_payable(current, now=now)
        if payment.status == "created":
            version = ports.gateways.named(payment.gateway).api_version
            return Decision(
                checkout.lease_opening(current, payment.tx_ref, owner=owner, key=key, api_version=version, now=now)
            )
        return Decision(_next_attempt(ports, current, owner=owner, key=key, actor=actor, now=now))

    return update(ports, booking, decide).after


def _next_attempt(ports: Ports, booking: Booking, *, owner: str, key: str, actor: Actor, now: datetime) -> Booking:
    gateway = gateway_for(ports, booking)
    return checkout.new_attempt(
        booking,
        gateway=gateway.name,
        mode=gateway.mode,
        api_version=gateway.api_version,
        owner=owner,
        key=key,
        actor=actor,
        now=now,
    )


def _save_if_owner(ports: Ports, booking: Booking, payment: Payment, owner: str, outcome: Outcome) -> Booking:
    def decide(current: Booking, _: Availability) -> Decision:
        known = current.payment(payment.tx_ref)
        ours = known is not None and known.status == "created" and known.is_opened_by(owner)
        if not ours or current.status != "pending_payment":
            return Decision(current)
        return Decision(outcome(current, ports.clock.now()))

    return update(ports, booking, decide).after


def _close_used(
    ports: Ports,
    booking: Booking,
    payment: Payment,
    used: ReferenceUsed,
    *,
    owner: str,
    actor: Actor,
) -> Booking:
    def outcome(current: Booking, now: datetime) -> Booking:
        current = checkout.reference_used(current, payment.tx_ref, _problem(used), actor=actor, now=now)
        gateway_for(ports, current)
        if not checkout.may_try_again(current, now=now):
            return current
        return _next_attempt(ports, current, owner=owner, key=payment.key, actor=actor, now=now)

    return _save_if_owner(ports, booking, payment, owner, outcome)


def _cancel_quietly(ports: Ports, payment: Payment) -> None:
    try:
        ports.gateways.of(payment).cancel(payment.tx_ref)
    except GatewayError as error:
        ports.observe("link_not_cancelled", level="warning", tx_ref=payment.tx_ref, code=error.code)


def _remembered(booking: Booking, hashed: str) -> Payment | None:
    """The payment that this key was answered with: opened under it, or shown."""
    every = reversed(booking.payments)
    return next((payment for payment in every if hashed == payment.key or hashed in payment.shown_under), None)


def _problem(error: GatewayError) -> OpeningProblem:
    return OpeningProblem(error.code, error.detail, error.errors, error.retry_after)


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
