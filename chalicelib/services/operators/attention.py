"""An operator has dealt with something on the attention list that nothing else would ever take off it."""

from __future__ import annotations

import re

from chalicelib.domain import attention
from chalicelib.domain.attention import Acknowledgeable, acknowledgements
from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.errors import AttentionItemNotFound, WrongResolutionCall
from chalicelib.domain.ids import BookingId, ListingId, PersonId, is_booking_id, is_listing_id
from chalicelib.domain.operators.four_eyes import owner_of_proposal
from chalicelib.domain.record import Record
from chalicelib.domain.verification import Availability
from chalicelib.services.access import Principal, actor_of, with_role
from chalicelib.services.ports.outcomes import Acknowledgement
from chalicelib.services.ports.stage import Ports
from chalicelib.services.updating import Decision, update

_REFERENCE = re.compile("[A-Za-z0-9_-]{4,50}", re.ASCII)
"""A payment's reference, ours or a gateway's."""
_FINDING = re.compile("[0-9a-f]{16}", re.ASCII)


class Acknowledged(Record, frozen=True):
    """What was acknowledged, of which booking if it is of one, and the first acknowledgement, which stands."""

    item_id: str
    booking_id: BookingId | None
    acknowledgement: Acknowledgement


def acknowledge(ports: Ports, principal: Principal | None, item_id: str, *, note: str) -> Acknowledged:
    """Record that the caller has dealt with this, which then leaves the list; a repeat changes nothing.

    ``item_id`` is as the list has it. Raises Forbidden, AttentionItemNotFound, WrongResolutionCall, Busy.
    """
    operator = with_role(principal, "operator")
    actor = actor_of(operator, "operator")
    made = Acknowledgement(ports.clock.now(), operator.person_id, note)
    kind, _, subject = item_id.partition(".")
    if kind == "orphan":
        return Acknowledged(item_id, None, _acknowledge_orphan(ports, subject, made))
    if kind == "proposal" and is_listing_id(listing_id := owner_of_proposal(subject)):
        known = ports.closings.load(ListingId(listing_id))
        if known is not None and known.waiting is not None and known.waiting.proposal_id == subject:
            raise _proposal_is_decided(subject)
        raise _unknown()
    if kind == "invariant":
        return Acknowledged(item_id, None, _acknowledge_finding(ports, subject, made))
    booking_id = BookingId(re.split("[-.]", subject, maxsplit=1)[0])
    booking = ports.bookings.load(booking_id) if is_booking_id(booking_id) else None
    if booking is None:
        raise _unknown()
    match kind:
        case "payment_reversed":
            first = _acknowledge(ports, booking, "payment_reversed", subject, actor=actor, made=made)
        case "email":
            first = _acknowledge(
                ports, booking, "email", subject.removeprefix(f"{booking_id}."), actor=actor, made=made
            )
        case "dispute":
            first = _acknowledge(ports, booking, "dispute", subject, actor=actor, made=made)
        case "failing" if subject == booking_id:
            first = _acknowledge(ports, booking, "failing", "", actor=actor, made=made)
        case _:
            raise _its_own_call(booking, kind, subject)
    return Acknowledged(item_id, booking_id, first)


def _acknowledge_orphan(ports: Ports, tx_ref: str, made: Acknowledgement) -> Acknowledgement:
    if is_booking_id(tx_ref) or not _REFERENCE.fullmatch(tx_ref):
        raise _unknown()
    first = ports.bookings.acknowledge_orphan(tx_ref, made)
    if first is None:
        raise _unknown()
    ports.observe("attention_acknowledged", tx_ref=tx_ref, kind="orphan")
    return first


def _acknowledge_finding(ports: Ports, finding_id: str, made: Acknowledgement) -> Acknowledgement:
    if not _FINDING.fullmatch(finding_id):
        raise _unknown()
    first = ports.watch.acknowledge_finding(finding_id, made)
    if first is None:
        raise _unknown()
    ports.observe("attention_acknowledged", code=finding_id, kind="invariant")
    return first


def _acknowledge(
    ports: Ports, booking: Booking, kind: Acknowledgeable, subject: str, *, actor: Actor, made: Acknowledgement
) -> Acknowledgement:
    """The acknowledgement that stands: an earlier one, where it needs nobody any more."""
    before = acknowledgements(booking, kind, subject)
    waits = _waits(ports, booking, kind, subject, acknowledged=bool(before))
    if not waits and not before:
        raise _unknown()

    def decide(current: Booking, _: Availability) -> Decision:
        if not waits or acknowledgements(current, kind, subject) != before:
            return Decision(current)
        return Decision(attention.acknowledge(current, kind, subject, actor=actor, note=made.note, now=made.at))

    event = acknowledgements(update(ports, booking, decide).after, kind, subject)[-1]
    ports.observe("attention_acknowledged", booking_id=booking.booking_id, kind=kind)
    return Acknowledgement(event.at, PersonId(event.by), event.detail)


def _waits(ports: Ports, booking: Booking, kind: Acknowledgeable, subject: str, *, acknowledged: bool) -> bool:
    """Whether it waits for a person: what goes on after it was acknowledged may wait again."""
    match kind:
        case "failing":
            return ports.bookings.is_failing(booking.booking_id)
        case "dispute":
            dispute = booking.dispute(subject)
            return dispute is not None and dispute.needs_a_person
        case "email":
            letter = booking.letter(subject)
            return not acknowledged or (letter is not None and letter.needs_a_person)
        case _:
            return not acknowledged


def _its_own_call(booking: Booking, kind: str, subject: str) -> AttentionItemNotFound | WrongResolutionCall:
    payment = booking.payment(subject)
    if kind == "payment_review" and payment is not None and payment.status == "review":
        return WrongResolutionCall(f"A payment in review is resolved: POST /v1/ops/payments/{subject}/resolve.")
    refund = booking.refund(subject)
    if kind == "refund" and refund is not None and refund.status == "attention":
        return WrongResolutionCall(f"A refund in attention is resolved: POST /v1/ops/refunds/{subject}/resolve.")
    proposal = booking.proposal(subject)
    if kind == "proposal" and proposal is not None and proposal.status == "open":
        return _proposal_is_decided(subject)
    return _unknown()


def _proposal_is_decided(proposal_id: str) -> WrongResolutionCall:
    return WrongResolutionCall(f"A proposal is decided: POST /v1/ops/proposals/{proposal_id}/approve or /reject.")


def _unknown() -> AttentionItemNotFound:
    return AttentionItemNotFound("Nothing of this name waits for a person.")
