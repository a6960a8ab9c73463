"""Give money back: claimed first, posted once by the one who claimed it; a silence is looked up, never repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from chalicelib.domain import refunds
from chalicelib.domain.booking import (
    SWEEP,
    Actor,
    Booking,
    Lease,
    Payment,
    Refund,
    get_payment,
    get_refund,
    without_verify_lease,
)
from chalicelib.domain.cancellation import cancel
from chalicelib.domain.errors import (
    BookingNotFound,
    CancelBookingRequired,
    FieldError,
    GatewayBadAnswer,
    GatewayError,
    GatewayRejected,
    IdempotencyKeyReused,
    InvalidRequest,
    RefundExceedsPayment,
    RefundNotFound,
    RefundUnderWay,
)
from chalicelib.domain.fingerprint import fingerprint
from chalicelib.domain.ids import booking_of, key_hash, payment_of
from chalicelib.domain.money import Money
from chalicelib.domain.proposal import RefundAct, ResolveRefundAct
from chalicelib.domain.record import Record
from chalicelib.domain.refunds import Outlook, ResolveAs
from chalicelib.domain.timing import WORKER_VERIFY_LEASE
from chalicelib.domain.verification import Availability, Verification, apply_verification
from chalicelib.services.access import Principal, actor_of, signed_in, visible_booking, visible_payment, with_role
from chalicelib.services.four_eyes import update_with_four_eyes
from chalicelib.services.ports.gateways import Gateway, RefundAnswer, RefundGatewayStatus
from chalicelib.services.ports.stage import Ports
from chalicelib.services.updating import Decide, Decision, update

Change = Callable[[Booking, datetime], Booking]

NOT_EXCLUDED = "the gateway does not exclude that money of an earlier post is moving"

_OUTLOOK: Mapping[RefundGatewayStatus, Outlook] = {"processing": "moving", "waiting": "waiting"}


class RefundRequest(Record, frozen=True):
    """Money to be given back: ``amount`` in minor units, or all that is left."""

    reason: str
    amount: int | None = None
    cancel_booking: bool | None = None


def refund(
    ports: Ports,
    principal: Principal | None,
    tx_ref: str,
    *,
    amount: int | None,
    reason: str,
    key: str,
    cancel_booking: bool | None = None,
    request_id: str = "",
) -> tuple[Refund, bool]:
    """Owe ``amount`` (minor units; None: all that is left) of a payment; True when it is a repeat under the same key.

    For operators and the listing's host, who say of a refund of all of a confirmed booking's money whether the booking
    is cancelled with it. Raises PaymentNotFound, PaymentDisputed, RefundExceedsPayment, RefundUnderWay,
    CancelBookingRequired, InvalidRequest, StayBegun, SecondPersonNeeded, IdempotencyKeyReused, Busy.
    """
    booking, _, role = visible_payment(ports, principal, tx_ref, roles=("operator", "host"), right="money")
    hashed = key_hash(ports.bookings.salt(), signed_in(principal).person_id, key)
    act = RefundAct(tx_ref, reason, amount, cancel_booking, hashed)
    request, actor = _fingerprint(act), actor_of(principal, role)
    decide = refunding(ports, act, actor=actor)
    done = update_with_four_eyes(ports, booking, decide, act=act, actor=actor, request_id=request_id)
    made = _keyed(get_payment(done.after, tx_ref), hashed)
    if made is None or made.fingerprint != request:
        raise IdempotencyKeyReused("This Idempotency-Key belongs to another request.")
    return made, _keyed(get_payment(done.before, tx_ref), hashed) is not None


def refunding(ports: Ports, act: RefundAct, *, actor: Actor) -> Decide:
    """Decide what a refund makes of a booking; under a key that is known, nothing.

    The decision raises what ``refund`` does.
    """

    def decide(current: Booking, _: Availability) -> Decision:
        payment = get_payment(current, act.tx_ref)
        if _keyed(payment, act.key) is not None:
            return Decision(current)
        refunds.check_undisputed(payment)
        left = refunds.left_to_refund(payment)
        wanted = left if act.amount is None else Money(act.amount, left.currency)
        if len(payment.refunds) >= refunds.MAX_REFUNDS or wanted.minor < 1:
            raise RefundExceedsPayment("There is nothing left to give back.")
        if left < wanted:
            raise RefundExceedsPayment(f"At most {left.formatted} can go back.")
        refunds.check_not_given_twice(current, payment, wanted, actor=actor)
        cancels = _cancels(current, payment, all_of_it=wanted == left, wish=act.cancel_booking)
        now = ports.clock.now()
        owed = refunds.owe_refund(
            current,
            act.tx_ref,
            amount=wanted,
            reason=act.reason,
            actor=actor,
            now=now,
            key=act.key,
            fingerprint=_fingerprint(act),
            tell=not cancels,
        )
        return Decision(cancel(owed, actor=actor, reason=act.reason, now=now) if cancels else owed)

    return decide


def _fingerprint(act: RefundAct) -> str:
    return fingerprint(RefundRequest(act.reason, act.amount, act.cancel_booking))


def _cancels(booking: Booking, payment: Payment, *, all_of_it: bool, wish: bool | None) -> bool:
    """Whether the booking is cancelled with a refund. Raises CancelBookingRequired, InvalidRequest."""
    if not payment.accepted or booking.status != "confirmed":
        return False
    if all_of_it and wish is None:
        raise CancelBookingRequired(
            "This gives back all that is left of a confirmed booking's money: "
            "send cancel_booking, true to cancel the booking with it, false to keep it."
        )
    if wish and not all_of_it:
        wrong = FieldError("cancel_booking", "goes with a refund of all that is left")
        raise InvalidRequest("Some fields are not right.", errors=(wrong,))
    return bool(wish)


def resolve_refund(
    ports: Ports, principal: Principal | None, refund_id: str, *, as_: ResolveAs, note: str, request_id: str = ""
) -> Refund:
    """Resolve a refund in ``attention``: post it again, or record that it was done some other way.

    It is posted again only where the gateway excludes that money of an earlier post is moving. Raises Forbidden,
    RefundNotFound, NotInAttention, PaymentDisputed, RefundUnderWay, SecondPersonNeeded, Busy.
    """
    operator = with_role(principal, "operator")
    try:
        booking_id = booking_of(payment_of(refund_id)) or ""
        booking, _ = visible_booking(ports, operator, booking_id, roles=("operator", "guest", "host"))
    except BookingNotFound as missing:
        raise RefundNotFound("There is no such refund.") from missing
    actor, act = actor_of(operator, "operator"), ResolveRefundAct(refund_id, as_, note)
    decide = resolving_refund(ports, booking, act, actor=actor)
    done = update_with_four_eyes(ports, booking, decide, act=act, actor=actor, request_id=request_id)
    return get_refund(done.after, refund_id)


def resolving_refund(ports: Ports, booking: Booking, act: ResolveRefundAct, *, actor: Actor) -> Decide:
    """Decide what a refund's resolution makes of a booking; the gateway is asked before, where it is posted again.

    Raises RefundUnderWay; the decision raises what ``resolve_refund`` does.
    """
    known = booking.refund(act.refund_id)
    excluded: frozenset[str] = frozenset()
    if act.as_ == "post_again" and known is not None and known.status == "attention":
        excluded = _excluded_posts(ports, booking, known)

    def decide(current: Booking, _: Availability) -> Decision:
        now = ports.clock.now()
        return Decision(
            refunds.resolve(current, act.refund_id, as_=act.as_, note=act.note, actor=actor, now=now, excluded=excluded)
        )

    return decide


def process_refunds(ports: Ports, booking: Booking) -> Booking:
    """Start the refunds that are due, and look up those under way. Raises Busy."""
    now = ports.clock.now()
    for refund_id in [each.refund_id for each in booking.refunds]:
        known = get_refund(booking, refund_id)
        # Asked of the latest state: while the ones before were worked on, another worker may have seen to this one.
        if known.due_at is None or known.due_at > now:
            continue
        step = _start if known.status == "owed" else _look_up
        booking = step(ports, booking, refund_id)
    return booking


def _start(ports: Ports, booking: Booking, refund_id: str) -> Booking:
    """Ask whether the money went back already; if not, claim the refund, and post it as the one who did.

    A refund that was posted before, and that a person wants posted again, is asked about first: then its own status
    counts for more than that of its payment.
    """
    payment = get_payment(booking, payment_of(refund_id))
    gateway = ports.gateways.of(payment)
    lease, booking = _lease_verification(ports, booking)
    if lease is None:
        return booking
    try:
        verification = gateway.verify(payment.tx_ref)
        before = _earlier_post(gateway, booking, get_refund(booking, refund_id))
    except GatewayError as error:
        code, jitter = error.code, ports.chance.jitter()
        return _change(
            ports,
            booking,
            refund_id,
            "owed",
            lambda b, now: refunds.defer_start(b, refund_id, actor=SWEEP, now=now, jitter=jitter, detail=code),
            lease=lease,
        )
    owner = ports.chance.token()

    def claim(current: Booking, now: datetime) -> Booking:
        if before is not None and get_refund(current, refund_id).provider_refund_id is None:
            current = refunds.record_provider_id(current, refund_id, provider_refund_id=before.provider_refund_id)
        current = apply_verification(
            current,
            payment.tx_ref,
            verification,
            now=now,
            actor=SWEEP,
            window=ports.rules.checkout_window,
            jitter=0.0,
        )
        known = get_refund(current, refund_id)
        if known.status != "owed":
            return current
        if before is not None and before.status == "refunded":
            return refunds.record_refunded(current, refund_id, actor=SWEEP, now=now)
        if reason := _why_not_posted(current, known, verification, before):
            return refunds.put_before_person(current, refund_id, actor=SWEEP, now=now, detail=reason)
        return refunds.claim(current, refund_id, owner=owner, actor=SWEEP, now=now)

    booking = _change(ports, booking, refund_id, "owed", claim, lease=lease)
    known = get_refund(booking, refund_id)
    if known.status == "requested" and known.owner == owner:
        booking = _post(ports, booking, get_payment(booking, payment.tx_ref), known)
    return booking


def _why_not_posted(
    booking: Booking, known: Refund, verification: Verification, before: RefundAnswer | None
) -> str | None:
    """What may give the money of a refund back already, so that a person must look; None: nothing."""
    if get_payment(booking, payment_of(known.refund_id)).is_disputed:
        return refunds.IN_DISPUTE
    if before is None:
        return NOT_EXCLUDED
    if before.status in ("processing", "waiting"):
        return f"the gateway says {before.status}"
    went_back = verification.status in ("refunded", "reversed") and not _others_went_back(booking, known)
    return f"the gateway says {verification.status}" if went_back and before.status != "reversed" else None


def _post(ports: Ports, booking: Booking, payment: Payment, claimed: Refund) -> Booking:
    refund_id = claimed.refund_id
    reference = payment.facts.provider_reference
    if reference is None:
        return _not_executed(ports, booking, refund_id, "the gateway gave no reference of its own")
    try:
        answer = ports.gateways.of(payment).refund(
            reference, amount=claimed.amount, refund_id=refund_id, reason=claimed.reason
        )
    except GatewayRejected as refused:
        ports.observe("refund_refused", level="error", refund_id=refund_id, code=refused.code)
        return _not_executed(ports, booking, refund_id, f"refused: {refused.detail}"[:200])
    except GatewayError as error:
        ports.observe("refund_unanswered", level="warning", refund_id=refund_id, code=error.code)
        if not error.definitely_not_executed:
            return booking
        code, jitter = error.code, ports.chance.jitter()
        return _change(
            ports,
            booking,
            refund_id,
            "requested",
            lambda b, now: refunds.requeue_rejected(b, refund_id, actor=SWEEP, now=now, jitter=jitter, detail=code),
        )
    ports.observe("refund_requested", refund_id=refund_id, gateway_status=answer.status)

    def accepted(current: Booking, now: datetime) -> Booking:
        provider_id = answer.provider_refund_id
        current = refunds.record_accepted(current, refund_id, provider_refund_id=provider_id, actor=SWEEP, now=now)
        if answer.status == "refunded":
            current = refunds.record_refunded(current, refund_id, actor=SWEEP, now=now)
        return current

    return _change(ports, booking, refund_id, "requested", accepted)


def _look_up(ports: Ports, booking: Booking, refund_id: str) -> Booking:
    """Ask what became of a refund."""
    known = get_refund(booking, refund_id)
    gateway = ports.gateways.of(get_payment(booking, payment_of(refund_id)))
    lease, booking = _lease_verification(ports, booking)
    if lease is None:
        return booking
    try:
        answer = _what_became_of(gateway, booking, known)
    except GatewayError as error:
        ports.observe("refund_unanswered", level="warning", refund_id=refund_id, code=error.code)
        answer = RefundAnswer("unknown")

    def decide(current: Booking, now: datetime) -> Booking:
        if known.status == "requested" and answer.provider_refund_id is not None:
            # The answer to its post was lost; here is the name that it was given.
            provider_id = answer.provider_refund_id
            current = refunds.record_accepted(current, refund_id, provider_refund_id=provider_id, actor=SWEEP, now=now)
        match answer.status:
            case "refunded":
                return refunds.record_refunded(current, refund_id, actor=SWEEP, now=now)
            case "reversed":
                detail = "the refund itself came back"
                return refunds.put_before_person(
                    current, refund_id, actor=SWEEP, now=now, detail=detail, definitely_not_executed=True
                )
        return refunds.record_lookup(
            current,
            refund_id,
            outlook=_OUTLOOK.get(answer.status, "silent"),
            business_days=gateway.refund_business_days,
            actor=SWEEP,
            now=now,
        )

    return _change(ports, booking, refund_id, known.status, decide, lease=lease)


def _excluded_posts(ports: Ports, booking: Booking, known: Refund) -> frozenset[str]:
    """The refunds of the payment that wait for a person, this one first, whose posts the gateway certainly does not
    execute. Raises RefundUnderWay where it does not exclude that money of one of them is moving.
    """
    others = [each for each in get_payment(booking, payment_of(known.refund_id)).refunds if each != known]
    waiting = [each for each in (known, *others) if each.status == "attention" and each.may_be_executed]
    for each in waiting:
        _refuse_while_under_way(ports, booking, each)
    return frozenset(each.refund_id for each in waiting)


def _refuse_while_under_way(ports: Ports, booking: Booking, known: Refund) -> None:
    """Raise RefundUnderWay unless the gateway excludes that it executes an earlier post of this refund."""
    payment = get_payment(booking, payment_of(known.refund_id))
    try:
        before = _earlier_post(ports.gateways.of(payment), booking, known)
    except GatewayError as error:
        raise RefundUnderWay(f"The gateway did not say whether money is moving: {error.detail}") from error
    if before is None:
        raise RefundUnderWay("The gateway does not exclude that money of an earlier post is moving.")
    if before.status not in ("unknown", "reversed"):
        raise RefundUnderWay(f"The gateway reports this refund as {before.status}.")


def _earlier_post(gateway: Gateway, booking: Booking, known: Refund) -> RefundAnswer | None:
    """What the gateway reports of an earlier post of this refund; ``unknown``: there is certainly none.

    None: the gateway does not exclude that it executes one. Raises GatewayError.
    """
    if known.provider_refund_id is not None:
        answer = gateway.refund_status(known.provider_refund_id)
        return None if answer.status == "unknown" and known.may_be_executed else answer
    found = None
    if refunds.was_requested(booking, known.refund_id):
        found = gateway.find_refund(known.refund_id, since=known.created_at)
    return RefundAnswer("unknown") if found is None and not known.may_be_executed else found


def _what_became_of(gateway: Gateway, booking: Booking, known: Refund) -> RefundAnswer:
    """By the gateway's own name for it, else by ours, else by what became of its payment. Raises GatewayError."""
    if known.provider_refund_id is not None:
        return gateway.refund_status(known.provider_refund_id)
    try:
        found = gateway.find_refund(known.refund_id, since=known.created_at)
    except GatewayBadAnswer:
        found = None  # a look-up that the gateway does not document may be answered with anything
    if found is not None:
        return found
    went_back = gateway.verify(payment_of(known.refund_id)).status in ("refunded", "reversed")
    # Where another refund may be the one that it speaks of, it says nothing of this one.
    return RefundAnswer("refunded" if went_back and not _others_went_back(booking, known) else "unknown")


def _not_executed(ports: Ports, booking: Booking, refund_id: str, detail: str) -> Booking:
    """The post was refused, or never sent: a person is asked."""
    return _change(
        ports,
        booking,
        refund_id,
        "requested",
        lambda b, now: refunds.put_before_person(
            b, refund_id, actor=SWEEP, now=now, detail=detail, definitely_not_executed=True
        ),
    )


def _lease_verification(ports: Ports, booking: Booking) -> tuple[Lease | None, Booking]:
    """The right to ask the gateway about this booking; None while somebody else has it: the refund stays due."""
    now = ports.clock.now()
    lease = Lease(ports.chance.token(), now + WORKER_VERIFY_LEASE)
    leased = ports.bookings.lease_verification(booking.booking_id, lease, now)
    return (None, booking) if leased is None else (lease, leased)


def _change(
    ports: Ports, booking: Booking, refund_id: str, only_if: str, change: Change, *, lease: Lease | None = None
) -> Booking:
    """Save a change of one refund, unless somebody else moved it on meanwhile; give ``lease`` back."""

    def decide(current: Booking, _: Availability) -> Decision:
        current = without_verify_lease(current, lease)
        if get_refund(current, refund_id).status != only_if:
            return Decision(current)
        return Decision(change(current, ports.clock.now()))

    return update(ports, booking, decide).after


def _others_went_back(booking: Booking, refund: Refund) -> bool:
    """Another refund of the same payment, or a dispute, may be what the gateway speaks of."""
    payment = get_payment(booking, payment_of(refund.refund_id))
    return any(dispute.status != "won" for dispute in payment.disputes) or any(
        other.refund_id != refund.refund_id and other.status in ("requested", "processing", "refunded")
        for other in payment.refunds
    )


def _keyed(payment: Payment, hashed: str) -> Refund | None:
    return next((each for each in payment.refunds if each.key == hashed), None)
