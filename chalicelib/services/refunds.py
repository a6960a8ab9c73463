"""Give money back: claimed first, posted once by the one who claimed it; a silence is looked up, never repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chalicelib.domain import refunds as refunding
from chalicelib.domain.booking import Booking, Cause, Event, Payment, Refund, get_payment, note
from chalicelib.domain.errors import (
    BookingNotFound,
    GatewayError,
    GatewayRejected,
    IdempotencyKeyReused,
    NotInAttention,
    RefundExceedsPayment,
    RefundNotFound,
)
from chalicelib.domain.fingerprint import fingerprint
from chalicelib.domain.ids import booking_of, key_hash, payment_of
from chalicelib.domain.money import Money
from chalicelib.domain.verification import apply_verification
from chalicelib.services.access import Principal, Role, signed_in, visible_booking, visible_payment, with_role
from chalicelib.services.ports import Gateway, Ports, RefundAnswer
from chalicelib.services.updating import save_decision

Change = Callable[[Booking, datetime], Booking]
ResolveAs = Literal["post_again", "already_refunded", "paid_otherwise"]


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Money to be given back: ``amount`` in minor units, or all that is left."""

    reason: str
    amount: int | None = None


def refund(
    ports: Ports, principal: Principal | None, tx_ref: str, *, amount: int | None, reason: str, key: str
) -> tuple[Refund, bool]:
    """Owe ``amount`` (minor units; None: all that is left) of a payment; True when it is a repeat under the same key.

    For operators and the listing's host. Raises PaymentNotFound, RefundExceedsPayment, IdempotencyKeyReused, Busy.
    """
    booking, _, role = visible_payment(ports, principal, tx_ref, roles=("operator", "host"))
    hashed = key_hash(ports.bookings.salt(), signed_in(principal).person_id, key)
    request = fingerprint(RefundRequest(reason, amount))
    replayed = False

    def decide(current: Booking, _nights: Literal["free", "short"]) -> Booking:
        nonlocal replayed
        payment = get_payment(current, tx_ref)
        replayed = _keyed(payment, hashed) is not None
        if replayed:
            return current
        left = refunding.left_to_refund(payment)
        wanted = left if amount is None else Money(amount, left.currency)
        if len(payment.refunds) >= refunding.MAX_REFUNDS or wanted.minor < 1:
            raise RefundExceedsPayment("There is nothing left to give back.")
        return refunding.owe_refund(
            current,
            tx_ref,
            amount=wanted,
            reason=reason,
            cause=_cause(role),
            now=ports.clock.now(),
            key=hashed,
            fingerprint=request,
        )

    saved = save_decision(ports, booking, decide)
    made = _keyed(get_payment(saved, tx_ref), hashed)
    if made is None or made.fingerprint != request:
        raise IdempotencyKeyReused("This Idempotency-Key belongs to another request.")
    return made, replayed


def retry(ports: Ports, principal: Principal | None, refund_id: str, *, as_: ResolveAs, said: str) -> Refund:
    """An operator settles a refund in ``attention``: it is posted again, or it was done some other way.

    Raises Forbidden, RefundNotFound, NotInAttention, Busy.
    """
    operator = with_role(principal, "operator")
    try:
        booking_id = booking_of(payment_of(refund_id)) or ""
        booking, _ = visible_booking(ports, operator, booking_id, roles=("operator", "guest", "host"))
    except BookingNotFound as missing:
        raise RefundNotFound("There is no such refund.") from missing

    def decide(current: Booking, _nights: Literal["free", "short"]) -> Booking:
        known = next((each for each in current.refunds if each.refund_id == refund_id), None)
        if known is None:
            raise RefundNotFound("There is no such refund.")
        if known.status != "attention":
            raise NotInAttention("This refund does not wait for a person.")
        now, by = ports.clock.now(), operator.person_id
        current = note(current, Event(now, f"refund_{as_}", "operator", refund_id, "attention", "attention", said, by))
        if as_ == "post_again":
            return refunding.try_again(current, refund_id, now=now)
        return refunding.transition_refund(current, refund_id, "refunded", cause="operator", now=now, detail=as_)

    return refunding.get_refund(save_decision(ports, booking, decide), refund_id)


def process_refunds(ports: Ports, booking: Booking) -> Booking:
    """Start the refunds that are due, and look up those under way. Raises Busy."""
    now = ports.clock.now()
    for refund_id in [each.refund_id for each in booking.refunds]:
        known = refunding.get_refund(booking, refund_id)
        # Asked of the latest state: while the ones before were worked on, another worker may have seen to this one.
        if known.due_at is None or known.due_at > now:
            continue
        step = _start if known.status == "owed" else _look_up
        booking = step(ports, booking, refund_id)
    return booking


def _start(ports: Ports, booking: Booking, refund_id: str) -> Booking:
    """Ask whether the money went back already; if not, claim the refund, and post it as the one who did.

    One that was posted before, and that a person wants posted again, is asked about first: then its own status counts
    for more than that of its payment.
    """
    payment = get_payment(booking, payment_of(refund_id))
    gateway = ports.gateways.named(payment.gateway)
    try:
        verification = gateway.verify(payment.tx_ref)
        before = _said_before(gateway, booking, refunding.get_refund(booking, refund_id))
    except GatewayError:
        jitter = ports.chance.jitter()
        return _changed(
            ports,
            booking,
            refund_id,
            "owed",
            lambda b, now: refunding.defer_start(b, refund_id, now=now, jitter=jitter),
        )
    by = ports.chance.token()

    def claim(current: Booking, now: datetime) -> Booking:
        if refunding.get_refund(current, refund_id).provider_refund_id is None:
            current = refunding.named(current, refund_id, provider_refund_id=before.provider_refund_id)
        current = apply_verification(
            current,
            payment.tx_ref,
            verification,
            now=now,
            cause="sweep",
            window=ports.rules.checkout_window,
            jitter=0.0,
        )
        known = refunding.get_refund(current, refund_id)
        if known.status != "owed":
            return current
        if before.said == "refunded":
            return refunding.transition_refund(current, refund_id, "refunded", cause="sweep", now=now)
        went_back = verification.said in ("refunded", "reversed") and not _others_went_back(current, known)
        alive = before.said in ("processing", "waiting")
        if alive or (went_back and before.said != "reversed"):
            detail = f"the gateway says {before.said if alive else verification.said}"
            return refunding.transition_refund(current, refund_id, "attention", cause="sweep", now=now, detail=detail)
        return refunding.claim(current, refund_id, by=by, cause="sweep", now=now)

    booking = _changed(ports, booking, refund_id, "owed", claim)
    known = refunding.get_refund(booking, refund_id)
    if known.status == "requested" and known.claimed_by == by:
        booking = _post(ports, booking, get_payment(booking, payment.tx_ref), known)
    return booking


def _post(ports: Ports, booking: Booking, payment: Payment, claimed: Refund) -> Booking:
    refund_id = claimed.refund_id
    if payment.provider_reference is None:
        return _to_attention(ports, booking, refund_id, "the gateway gave no reference of its own")
    try:
        answer = ports.gateways.named(payment.gateway).refund(
            payment.provider_reference, amount=claimed.amount, refund_id=refund_id, reason=claimed.reason
        )
    except GatewayRejected as refused:
        ports.observe("refund_refused", level="error", refund_id=refund_id, code=refused.code)
        return _to_attention(ports, booking, refund_id, f"refused: {refused.detail}"[:200])
    except GatewayError as trouble:
        ports.observe("refund_unanswered", level="warning", refund_id=refund_id, code=trouble.code)
        if not trouble.definitely_not_executed:
            return booking
        code, jitter = trouble.code, ports.chance.jitter()
        return _changed(
            ports,
            booking,
            refund_id,
            "requested",
            lambda b, now: refunding.put_off(b, refund_id, cause="sweep", now=now, jitter=jitter, detail=code),
        )
    ports.observe("refund_requested", refund_id=refund_id, gateway_status=answer.said)

    def taken(current: Booking, now: datetime) -> Booking:
        name = answer.provider_refund_id
        current = refunding.accepted(current, refund_id, provider_refund_id=name, cause="sweep", now=now)
        if answer.said == "refunded":
            current = refunding.transition_refund(current, refund_id, "refunded", cause="sweep", now=now)
        return current

    return _changed(ports, booking, refund_id, "requested", taken)


def _look_up(ports: Ports, booking: Booking, refund_id: str) -> Booking:
    """Ask what became of it."""
    known = refunding.get_refund(booking, refund_id)
    gateway = ports.gateways.named(get_payment(booking, payment_of(refund_id)).gateway)
    try:
        answer = _what_became_of(gateway, booking, known)
    except GatewayError as trouble:
        ports.observe("refund_unanswered", level="warning", refund_id=refund_id, code=trouble.code)
        answer = RefundAnswer("unknown")

    def decide(current: Booking, now: datetime) -> Booking:
        said = answer.said
        if known.status == "requested" and answer.provider_refund_id is not None:
            # The answer to its post was lost; here is the name that it was given.
            name = answer.provider_refund_id
            current = refunding.accepted(current, refund_id, provider_refund_id=name, cause="sweep", now=now)
        match said:
            case "refunded":
                return refunding.transition_refund(current, refund_id, "refunded", cause="sweep", now=now)
            case "reversed":
                detail = "the refund itself came back"
                return refunding.transition_refund(
                    current, refund_id, "attention", cause="sweep", now=now, detail=detail
                )
        return refunding.looked_up(current, refund_id, heard=said == "processing", cause="sweep", now=now)

    return _changed(ports, booking, refund_id, known.status, decide)


def _said_before(gateway: Gateway, booking: Booking, known: Refund) -> RefundAnswer:
    """What the gateway says of an earlier post of this refund; ``unknown`` without one. Raises GatewayError."""
    if known.provider_refund_id is not None:
        return gateway.refund_status(known.provider_refund_id)
    if not refunding.was_requested(booking, known.refund_id):
        return RefundAnswer("unknown")
    return gateway.find_refund(known.refund_id, since=known.created_at) or RefundAnswer("unknown")


def _what_became_of(gateway: Gateway, booking: Booking, known: Refund) -> RefundAnswer:
    """By the gateway's own name for it, else by ours, else by what became of its payment. Raises GatewayError."""
    if known.provider_refund_id is not None:
        return gateway.refund_status(known.provider_refund_id)
    if (found := gateway.find_refund(known.refund_id, since=known.created_at)) is not None:
        return found
    went_back = gateway.verify(payment_of(known.refund_id)).said in ("refunded", "reversed")
    # Where another refund may be the one that it speaks of, it says nothing of this one.
    return RefundAnswer("refunded" if went_back and not _others_went_back(booking, known) else "unknown")


def _to_attention(ports: Ports, booking: Booking, refund_id: str, detail: str) -> Booking:
    return _changed(
        ports,
        booking,
        refund_id,
        "requested",
        lambda b, now: refunding.transition_refund(b, refund_id, "attention", cause="sweep", now=now, detail=detail),
    )


def _changed(ports: Ports, booking: Booking, refund_id: str, only_if: str, change: Change) -> Booking:
    """Save a change of one refund, unless somebody else moved it on meanwhile."""

    def decide(current: Booking, _nights: Literal["free", "short"]) -> Booking:
        if refunding.get_refund(current, refund_id).status != only_if:
            return current
        return change(current, ports.clock.now())

    return save_decision(ports, booking, decide)


def _others_went_back(booking: Booking, refund: Refund) -> bool:
    """Another refund of the same payment was asked for, so that it may be the one that the gateway speaks of."""
    payment = get_payment(booking, payment_of(refund.refund_id))
    return any(
        other.refund_id != refund.refund_id and other.status in ("requested", "processing", "refunded")
        for other in payment.refunds
    )


def _keyed(payment: Payment, hashed: str) -> Refund | None:
    return next((each for each in payment.refunds if each.key == hashed), None)


def _cause(role: Role) -> Cause:
    return "operator" if role == "operator" else "host"
