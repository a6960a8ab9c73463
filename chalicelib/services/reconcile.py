"""The one room behind five doors: webhook, callback, the guest's return, the verify call, and the sweep.

``reconcile`` does what is due for a booking, and asks the gateway about a payment that a door names, in whatever
state it is, so that late or reversed money is never passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from chalicelib.domain import booking as aggregate
from chalicelib.domain import checkout as opening
from chalicelib.domain import lifecycle
from chalicelib.domain.booking import OPEN, Booking, Cause, Email, Payment
from chalicelib.domain.errors import GatewayBadAnswer, GatewayError
from chalicelib.domain.ids import BookingId
from chalicelib.domain.timing import NUDGE_MIN, OUTAGE_GRACE, OUTBOX_LEASE, VERIFY_CALL_MIN
from chalicelib.domain.verification import NO_ANSWER, Verification, WebhookClaim, apply_verification
from chalicelib.services.deliver import count_left
from chalicelib.services.ports import Ports
from chalicelib.services.refunds import process_refunds
from chalicelib.services.updating import save_decision

NUDGE_SHARE = 0.1
NUDGE_AFTER_FAILURE = 0.01
"""The share of a payment's age that a look must be old, for a public nudge to bring another."""
VERIFY_PER_CALL = 2
VERIFY_PER_TASK = 4
"""How many payments one call asks about, so that a slow gateway cannot outlast the function. The rest stays due."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The booking afterwards; ``trouble`` when the named payment's gateway gave no answer."""

    booking: Booking
    trouble: GatewayError | None = None


@dataclass(frozen=True, slots=True)
class _Answers:
    said: dict[str, Verification]
    trouble: dict[str, GatewayError]


def reconcile(
    ports: Ports, booking_id: BookingId, *, named: str | None = None, cause: Cause, webhook_claim: WebhookClaim = ""
) -> Reconciled | None:
    """Do what is due for this booking, and look at the payment ``named``.

    ``announced`` is what a signed webhook said of it. None: we hold no such booking, or no such payment in it;
    then a signed announcement is followed up, so that no money is orphaned unseen (raises GatewayError when the
    gateway does not answer). Raises Busy.
    """
    booking = ports.bookings.load(booking_id)
    if booking is None or (named is not None and booking.payment(named) is None):
        if named is not None and webhook_claim == "paid":
            _look_for_orphan(ports, named)
        return None
    wanted = [named] if named is not None and _may_look(booking, named, cause, ports.clock.now()) else []
    return _work(ports, booking, wanted, named=named, cause=cause, webhook_claim=webhook_claim)


def verify_now(ports: Ports, booking: Booking, tx_ref: str, *, cause: Cause) -> Booking:
    """Ask about one payment now; silence changes nothing but the time of the next look."""
    return _work(ports, booking, [tx_ref], named=tx_ref, cause=cause, webhook_claim="").booking


def _work(
    ports: Ports,
    booking: Booking,
    wanted: list[str],
    *,
    named: str | None,
    cause: Cause,
    webhook_claim: WebhookClaim,
) -> Reconciled:
    now = ports.clock.now()
    most = VERIFY_PER_TASK if cause == "sweep" else VERIFY_PER_CALL
    looks = [*wanted, *(tx_ref for tx_ref in _due_looks(booking, now) if tx_ref not in wanted)][:most]
    asked = [aggregate.get_payment(booking, tx_ref) for tx_ref in looks]
    closed = {payment.tx_ref for payment in asked if _to_close(booking, payment) and _close(ports, payment)}
    answers = _ask(ports, asked)
    jitter = ports.chance.jitter()
    left: tuple[Email, ...] = ()

    def decide(current: Booking, nights: Literal["free", "short"]) -> Booking:
        nonlocal left
        left = tuple(email for email in current.emails if email.was_left(now))
        for tx_ref, verification in answers.said.items():
            current = apply_verification(
                current,
                tx_ref,
                verification,
                now=now,
                nights=nights,
                cause=cause,
                window=ports.rules.checkout_window,
                jitter=jitter,
                webhook_claim=webhook_claim if tx_ref == named else "",
            )
        for tx_ref in closed:
            current = opening.link_cancelled(current, tx_ref)
        return _lease_due_emails(_expire_if_due(current, answers, cause=cause, now=now), now=now)

    if booking.status == "pending_payment" and decide(booking, "free").status == "expired":
        # The links go first: from here on a payment can only be one that was on its way already.
        for payment in booking.payments:
            if payment.status in OPEN and payment.checkout_url and not payment.link_cancelled:
                if _close(ports, payment):
                    closed.add(payment.tx_ref)
                else:
                    answers.said.update(_ask(ports, [payment]).said)
    saved = save_decision(ports, booking, decide)
    count_left(ports, saved.booking_id, left)
    if cause == "sweep":
        saved = process_refunds(ports, saved)
    return Reconciled(saved, answers.trouble.get(named) if named else None)


def _may_look(booking: Booking, tx_ref: str, cause: Cause, now: datetime) -> bool:
    """Public nudges and repeated verify calls do not multiply at the gateway."""
    payment = booking.payment(tx_ref)
    if payment is None or payment.looked_at is None:
        return payment is not None
    since = now - payment.looked_at
    if cause in ("callback", "return"):
        # Who was refused may be trying again at this very moment, on the same link.
        patience = NUDGE_AFTER_FAILURE if payment.said == "failed" else NUDGE_SHARE
        return since > max(NUDGE_MIN, (now - payment.created_at) * patience)
    if cause == "verify":
        return since >= VERIFY_CALL_MIN
    return True


def _due_looks(booking: Booking, now: datetime) -> list[str]:
    """The payments to ask about now: their time has come, or the hold is over and they are still open."""
    hold_is_over = booking.status == "pending_payment" and now >= (booking.expiry_retry_at or booking.hold_expires_at)
    return [
        payment.tx_ref
        for payment in booking.payments
        if (payment.next_look_at is not None and payment.next_look_at <= now)
        or (hold_is_over and payment.status in OPEN)
    ]


def _to_close(booking: Booking, payment: Payment) -> bool:
    """The payment has a link that nobody should pay on any more."""
    if not payment.checkout_url or payment.link_cancelled or payment.status == "completed":
        return False
    return booking.status != "pending_payment" or payment.status == "expired"


def _close(ports: Ports, payment: Payment) -> bool:
    try:
        return ports.gateways.named(payment.gateway).cancel(payment.tx_ref)
    except GatewayError as trouble:
        ports.observe("link_not_cancelled", level="warning", tx_ref=payment.tx_ref, code=trouble.code)
        return False


def _ask(ports: Ports, payments: Sequence[Payment]) -> _Answers:
    answers = _Answers({}, {})
    for payment in payments:
        tx_ref = payment.tx_ref
        try:
            answers.said[tx_ref] = ports.gateways.named(payment.gateway).verify(tx_ref)
        except GatewayError as trouble:
            answers.said[tx_ref] = NO_ANSWER
            answers.trouble[tx_ref] = trouble
        ports.observe("payment_verified", tx_ref=tx_ref, gateway_status=answers.said[tx_ref].said)
    return answers


def _expire_if_due(booking: Booking, answers: _Answers, *, cause: Cause, now: datetime) -> Booking:
    """At the end of the hold: every open payment was answered for and none was paid, or the grace is over too."""
    if booking.status != "pending_payment" or now < booking.hold_expires_at:
        return booking
    silent = [
        payment
        for payment in booking.payments
        if payment.status in OPEN and answers.said.get(payment.tx_ref, NO_ANSWER).said == "no_answer"
    ]
    last = booking.hold_expires_at + OUTAGE_GRACE
    if silent and now < last:
        asked = [payment.next_look_at or now for payment in silent if payment.tx_ref in answers.said]
        again = min(asked, default=now) if len(asked) == len(silent) else now
        return replace(booking, expiry_retry_at=min(max(again, now + NUDGE_MIN), last))
    return lifecycle.expire(booking, cause=cause, now=now)


def _lease_due_emails(booking: Booking, *, now: datetime) -> Booking:
    """E-mails whose lease ended go to the queue once more."""
    emails = tuple(
        replace(email, due_at=now + OUTBOX_LEASE, claimed_by="")
        if email.status == "owed" and email.due_at <= now
        else email
        for email in booking.emails
    )
    return booking if emails == booking.emails else replace(booking, emails=emails)


def _look_for_orphan(ports: Ports, tx_ref: str) -> None:
    """No payment of ours names the gateway, so each is asked."""
    said = set()
    for gateway in ports.gateways.all():
        verification = gateway.verify(tx_ref)
        said.add(verification.said)
        ports.observe("unknown_reference", level="warning", tx_ref=tx_ref, gateway_status=verification.said)
        if verification.said == "paid":
            ports.bookings.orphan(tx_ref, verification, ports.clock.now())
            ports.observe("attention_needed", level="error", tx_ref=tx_ref, kind="orphan")
            return
    if said.isdisjoint({"refunded", "reversed"}):
        # It announced money and does not show it yet. No payment of ours will make us look again, so whoever
        # delivered the announcement delivers it again.
        raise GatewayBadAnswer(
            "The payment gateway announced a payment that it does not show.", definitely_not_executed=False
        )
