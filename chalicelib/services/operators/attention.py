"""An operator has dealt with something on the attention list that nothing else would ever take off it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from chalicelib.domain import attention as settling
from chalicelib.domain.attention import Acknowledgeable, settlements
from chalicelib.domain.booking import Booking
from chalicelib.domain.errors import AttentionItemNotFound, WrongResolutionCall
from chalicelib.domain.ids import BookingId, PersonId, booking_of, is_booking_id
from chalicelib.services.access import Principal, with_role
from chalicelib.services.ports import Acknowledgement, Ports
from chalicelib.services.updating import save_decision


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What was settled, of which booking if it is of one, and with what word: the first one."""

    item_id: str
    booking_id: BookingId | None
    settlement: Acknowledgement


def settle(ports: Ports, principal: Principal | None, item_id: str, *, note: str) -> Acknowledged:
    """Record that the caller has dealt with this, which then leaves the list; a repeat changes nothing.

    ``item_id`` is as the list has it. Raises Forbidden, AttentionItemNotFound, WrongResolutionCall, Busy.
    """
    operator = with_role(principal, "operator")
    said = Acknowledgement(ports.clock.now(), operator.person_id, note)
    kind, _, subject = item_id.partition(".")
    if kind == "orphan":
        return Acknowledged(item_id, None, _acknowledge_orphan(ports, subject, said))
    booking_id = BookingId(re.split("[-.]", subject, maxsplit=1)[0])
    booking = ports.bookings.load(booking_id) if is_booking_id(booking_id) else None
    if booking is None:
        raise _unknown()
    match kind:
        case "payment_reversed":
            first = _settle(ports, booking, "payment_reversed", subject, said)
        case "email":
            first = _settle(ports, booking, "email", subject.removeprefix(f"{booking_id}."), said)
        case "failing" if subject == booking_id:
            first = _settle(ports, booking, "failing", "", said)
        case _:
            raise _its_own_call(booking, kind, subject)
    return Acknowledged(item_id, booking_id, first)


def _acknowledge_orphan(ports: Ports, tx_ref: str, said: Acknowledgement) -> Acknowledgement:
    if booking_of(tx_ref) is None:
        raise _unknown()
    first = ports.bookings.acknowledge_orphan(tx_ref, said)
    if first is None:
        raise _unknown()
    ports.observe("attention_acknowledged", tx_ref=tx_ref, kind="orphan")
    return first


def _settle(
    ports: Ports, booking: Booking, kind: Acknowledgeable, subject: str, said: Acknowledgement
) -> Acknowledgement:
    """The word that settled it: an earlier one, where it needs nobody any more."""
    before = settlements(booking, kind, subject)
    # What keeps failing may do so again after it was settled; all else is settled once and for all.
    waits = ports.bookings.is_failing(booking.booking_id) if kind == "failing" else not before
    if not waits and not before:
        raise _unknown()

    def decide(current: Booking, _nights: Literal["free", "short"]) -> Booking:
        if not waits or settlements(current, kind, subject) != before:
            return current
        return settling.settle(current, kind, subject, by=said.by, said=said.note, now=said.at)

    entry = settlements(save_decision(ports, booking, decide), kind, subject)[-1]
    ports.observe("attention_acknowledged", booking_id=booking.booking_id, kind=kind)
    return Acknowledgement(entry.at, PersonId(entry.by), entry.detail)


def _its_own_call(booking: Booking, kind: str, subject: str) -> AttentionItemNotFound | WrongResolutionCall:
    payment = booking.payment(subject)
    if kind == "payment_review" and payment is not None and payment.status == "review":
        return WrongResolutionCall(f"A payment in review is resolved: POST /v1/ops/payments/{subject}/resolve.")
    refund = next((each for each in booking.refunds if each.refund_id == subject), None)
    if kind != "refund" or refund is None or not refund.needs_a_person:
        return _unknown()
    if refund.status == "attention":
        return WrongResolutionCall(f"A refund in attention is retried: POST /v1/ops/refunds/{subject}/resolve.")
    return WrongResolutionCall("This refund is tried on by itself, and leaves the list when the gateway takes it.")


def _unknown() -> AttentionItemNotFound:
    return AttentionItemNotFound("Nothing of this name waits for a person.")
