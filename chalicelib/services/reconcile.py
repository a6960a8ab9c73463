"""The one room behind five doors: webhook, callback, the guest's return, the verify call, and the sweep.

``reconcile`` does what is due for a booking, and asks the gateway about a payment that a door names, in whatever state
the payment is, so that late or reversed money is never passed over. Three steps: ask the gateway, decide, save.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import field

from chalicelib.domain import checkout, lifecycle, outbox
from chalicelib.domain.booking import (
    OPEN,
    SWEEP,
    Actor,
    Booking,
    Lease,
    OutboxEntry,
    Payment,
    get_payment,
    without_verify_lease,
)
from chalicelib.domain.errors import GatewayBadAnswer, GatewayError
from chalicelib.domain.ids import BookingId
from chalicelib.domain.operators.four_eyes import expire_proposals
from chalicelib.domain.record import Record, replace
from chalicelib.domain.timing import API_VERIFY_LEASE, NUDGE_MIN, OUTAGE_GRACE, VERIFY_CALL_MIN, WORKER_VERIFY_LEASE
from chalicelib.domain.verification import NO_ANSWER, Availability, Verification, WebhookClaim, apply_verification
from chalicelib.services.ports.stage import Ports
from chalicelib.services.updating import Decision, Observation, update

NUDGE_SHARE = 0.1
NUDGE_SHARE_AFTER_FAILURE = 0.01
"""The share of a payment's age that its last verification must be old, for a public nudge to bring another."""
VERIFY_PER_CALL = 2
VERIFY_PER_TASK = 4
"""How many payments one call asks about, so that a slow gateway cannot outlast the function. The rest stays due."""


class Reconciled(Record, frozen=True):
    """The booking afterwards. ``error``: the named payment's gateway gave no answer.

    ``under_way``: somebody else is asking the gateway about this booking, so that nobody was asked here.
    """

    booking: Booking
    error: GatewayError | None = None
    under_way: bool = False


class _Answers(Record, frozen=True):
    """What the gateway answered about some payments, which of their links it closed, and what went wrong."""

    verifications: dict[str, Verification] = field(default_factory=dict)
    errors: dict[str, GatewayError] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)


def reconcile(
    ports: Ports,
    booking_id: BookingId,
    *,
    tx_ref: str | None = None,
    actor: Actor,
    claim: WebhookClaim = "",
    gateway: str = "",
    worker: bool = False,
) -> Reconciled | None:
    """Do what is due for this booking, and verify the payment ``tx_ref``.

    ``claim`` is what a signed webhook of ``gateway`` claimed of it. None: we hold no such booking, or no such payment
    in it; then a signed claim is followed up, so that no money is orphaned unseen (raises GatewayError when the gateway
    does not answer). At most one caller at a time asks the gateway about a booking. ``worker``: a consumer of the
    queue, which has more time than a request. Raises Busy.
    """
    now = ports.clock.now()
    lease = None
    if (claim and tx_ref is not None) or (worker and tx_ref is None and _seems_due(ports, booking_id, now)):
        # A signed claim, and what is due, is always followed up: the lease brings the booking with it.
        lease = _new_lease(ports, now, worker=worker)
        booking = ports.bookings.lease_verification(booking_id, lease, now)
        if booking is None and (booking := ports.bookings.load(booking_id)) is not None:
            return Reconciled(booking, under_way=True)
    else:
        booking = ports.bookings.load(booking_id)
    if booking is None or (tx_ref is not None and booking.payment(tx_ref) is None):
        if booking is not None and lease is not None:
            update(ports, booking, lambda current, _: Decision(without_verify_lease(current, lease)))
        if tx_ref is not None and claim == "paid":
            _look_for_orphan(ports, tx_ref, gateway)
        return None
    wanted = [tx_ref] if tx_ref is not None and _may_verify(booking, tx_ref, actor, now) else []
    return _reconcile(ports, booking, wanted, tx_ref=tx_ref, actor=actor, claim=claim, lease=lease, worker=worker)


def verify_now(ports: Ports, booking: Booking, tx_ref: str, *, actor: Actor) -> Booking:
    """Ask about one payment now; silence changes nothing but the time of the next verification."""
    return _reconcile(ports, booking, [tx_ref], tx_ref=tx_ref, actor=actor, claim="", lease=None, worker=False).booking


def _reconcile(
    ports: Ports,
    booking: Booking,
    wanted: list[str],
    *,
    tx_ref: str | None,
    actor: Actor,
    claim: WebhookClaim,
    lease: Lease | None,
    worker: bool,
) -> Reconciled:
    now = ports.clock.now()
    limit = VERIFY_PER_TASK if worker else VERIFY_PER_CALL
    to_verify = [*wanted, *(due for due in _due_verifications(booking, now) if due not in wanted)][:limit]
    if to_verify and lease is None:
        lease = _new_lease(ports, now, worker=worker)
        leased = ports.bookings.lease_verification(booking.booking_id, lease, now)
        if leased is None:
            # Somebody else is asking: what is stored is all that can be told.
            return Reconciled(ports.bookings.load(booking.booking_id) or booking, under_way=True)
        booking = leased
    answers = _ask(ports, booking, to_verify)
    jitter = ports.chance.jitter()

    def decide(current: Booking, availability: Availability) -> Decision:
        return _decide(
            current,
            answers,
            availability=availability,
            actor=actor,
            claims={tx_ref: claim} if tx_ref and claim else {},
            lease=lease,
            window=ports.rules.checkout_window,
            jitter=jitter,
            now=now,
        )

    if booking.status == "pending_payment" and decide(booking, Availability.FREE).booking.status == "expired":
        _close_all(ports, booking, answers)
    saved = update(ports, booking, decide).after
    return Reconciled(saved, answers.errors.get(tx_ref) if tx_ref else None)


def _new_lease(ports: Ports, now: datetime, *, worker: bool) -> Lease:
    return Lease(ports.chance.token(), now + (WORKER_VERIFY_LEASE if worker else API_VERIFY_LEASE))


def _ask(ports: Ports, booking: Booking, to_verify: Sequence[str]) -> _Answers:
    """Ask the gateway about these payments. Links that nobody should pay on any more are closed first."""
    answers = _Answers()
    asked = [payment for tx_ref in to_verify if (payment := booking.payment(tx_ref)) is not None]
    for payment in asked:
        if _has_unwanted_link(booking, payment) and _close(ports, payment):
            answers.closed.add(payment.tx_ref)
    _verify(ports, asked, answers)
    return answers


def _close_all(ports: Ports, booking: Booking, answers: _Answers) -> None:
    """Close every link of a booking that is about to expire: later payments can only be on their way already."""
    for payment in booking.payments:
        if payment.status in OPEN and payment.checkout_url and not payment.link_cancelled:
            if _close(ports, payment):
                answers.closed.add(payment.tx_ref)
            else:
                _verify(ports, [payment], answers)


def _verify(ports: Ports, payments: Sequence[Payment], answers: _Answers) -> None:
    for payment in payments:
        tx_ref = payment.tx_ref
        try:
            answers.verifications[tx_ref] = ports.gateways.of(payment).verify(tx_ref)
        except GatewayError as error:
            answers.verifications[tx_ref] = NO_ANSWER
            answers.errors[tx_ref] = error
        ports.observe("payment_verified", tx_ref=tx_ref, gateway_status=answers.verifications[tx_ref].status)


def _decide(
    booking: Booking,
    answers: _Answers,
    *,
    availability: Availability,
    actor: Actor,
    claims: Mapping[str, WebhookClaim],
    lease: Lease | None,
    window: timedelta,
    jitter: float,
    now: datetime,
) -> Decision:
    """What the answers, and the time, mean for the booking."""
    left = outbox.abandoned(booking, now=now)
    booking = without_verify_lease(booking, lease)
    for tx_ref, verification in answers.verifications.items():
        booking = apply_verification(
            booking,
            tx_ref,
            verification,
            now=now,
            availability=availability,
            actor=actor,
            window=window,
            jitter=jitter,
            claim=claims.get(tx_ref, ""),
        )
    for tx_ref in sorted(answers.closed):
        booking = checkout.link_cancelled(booking, tx_ref)
    booking = expire_proposals(_expire_if_due(booking, answers, actor=actor, now=now), actor=SWEEP, now=now)
    booking = outbox.requeue_overdue(booking, now=now)
    return Decision(booking, maybe_twice(booking.booking_id, left))


def maybe_twice(booking_id: BookingId, left: Sequence[OutboxEntry]) -> tuple[Observation, ...]:
    """Letters whose worker died, or was too slow, are sent again: if that worker had sent them, that makes two."""
    return tuple(
        Observation("email_maybe_twice", "warning", {"booking_id": booking_id, "entry_id": entry.entry_id})
        for entry in left
        if not entry.is_line
    )


def _may_verify(booking: Booking, tx_ref: str, actor: Actor, now: datetime) -> bool:
    """Public nudges and repeated verify calls do not multiply at the gateway."""
    payment = get_payment(booking, tx_ref)
    verified_at = payment.schedule.verified_at
    if verified_at is None:
        return True
    since = now - verified_at
    if actor.cause in ("callback", "return"):
        # A guest who was refused may be trying again at this very moment, on the same link.
        share = NUDGE_SHARE_AFTER_FAILURE if payment.gateway_status == "failed" else NUDGE_SHARE
        return since > max(NUDGE_MIN, (now - payment.created_at) * share)
    if actor.cause == "verify":
        return since >= VERIFY_CALL_MIN
    return True


def _seems_due(ports: Ports, booking_id: BookingId, now: datetime) -> bool:
    """Whether the gateway is to be asked, as far as a read tells that may be a second old: the lease tells for sure."""
    booking = ports.bookings.load(booking_id, consistent=False)
    return booking is not None and bool(_due_verifications(booking, now))


def _due_verifications(booking: Booking, now: datetime) -> list[str]:
    """The payments to ask about now: their time has come, or the hold is over and they are still open."""
    hold_is_over = booking.status == "pending_payment" and now >= (booking.expiry_retry_at or booking.hold_expires_at)
    return [
        payment.tx_ref
        for payment in booking.payments
        if ((at := payment.schedule.next_verify_at) is not None and at <= now)
        or (hold_is_over and payment.status in OPEN)
    ]


def _has_unwanted_link(booking: Booking, payment: Payment) -> bool:
    """The payment has a link that nobody should pay on any more."""
    if not payment.checkout_url or payment.link_cancelled or payment.status == "completed":
        return False
    return booking.status != "pending_payment" or payment.status == "expired"


def _close(ports: Ports, payment: Payment) -> bool:
    try:
        return ports.gateways.of(payment).cancel(payment.tx_ref)
    except GatewayError as error:
        ports.observe("link_not_cancelled", level="warning", tx_ref=payment.tx_ref, code=error.code)
        return False


def _unanswered(booking: Booking, answers: _Answers) -> list[Payment]:
    """The open payments about which the gateway gave no information."""
    return [
        payment
        for payment in booking.payments
        if payment.status in OPEN and answers.verifications.get(payment.tx_ref, NO_ANSWER).status == "no_answer"
    ]


def _expire_if_due(booking: Booking, answers: _Answers, *, actor: Actor, now: datetime) -> Booking:
    """At the end of the hold: every open payment was answered for and none was paid, or the grace is over too."""
    if booking.status != "pending_payment" or now < booking.hold_expires_at:
        return booking
    silent = _unanswered(booking, answers)
    last = booking.hold_expires_at + OUTAGE_GRACE
    if silent and now < last:
        asked = [
            payment.schedule.next_verify_at or now for payment in silent if payment.tx_ref in answers.verifications
        ]
        again = min(asked, default=now) if len(asked) == len(silent) else now
        return replace(booking, expiry_retry_at=min(max(again, now + NUDGE_MIN), last))
    return lifecycle.expire(booking, actor=actor, now=now)


def _look_for_orphan(ports: Ports, tx_ref: str, gateway: str) -> None:
    """Ask the gateway at whose door the claim came whether it holds money for a reference that we do not know."""
    verification = ports.gateways.named(gateway).verify(tx_ref)
    ports.observe("unknown_reference", level="warning", tx_ref=tx_ref, gateway_status=verification.status)
    if verification.status == "paid":
        ports.bookings.orphan(tx_ref, verification, ports.clock.now())
        ports.observe("attention_needed", level="error", tx_ref=tx_ref, kind="orphan")
    elif verification.status not in ("refunded", "reversed"):
        # The webhook claimed money that the gateway does not show yet. No payment of ours will make us ask again, so
        # whoever delivered the claim must deliver it again.
        raise GatewayBadAnswer(
            "The payment gateway announced a payment that it does not show.", definitely_not_executed=False
        )
