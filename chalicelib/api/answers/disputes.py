"""Disputes and their evidence, as operators see them: as JSON, and as text to paste."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from chalicelib.api.answers.bookings import BookingOut
from chalicelib.api.answers.payments import EventOut, PaymentOut
from chalicelib.api.core.formats import Instant, MoneyOut, instant
from chalicelib.domain.booking import DisputeStatus
from chalicelib.domain.listings.listing import CancellationPolicy
from chalicelib.services.disputes import Disputed
from chalicelib.services.operators.evidence import Evidence, Letter

POLICIES: Mapping[CancellationPolicy, str] = {
    "flexible": "all comes back until 24 hours before check-in, then nothing",
    "moderate": "all comes back until 5 days before check-in, half until 24 hours before it, then nothing",
    "strict": "half comes back until 7 days before check-in, then nothing",
}


class DisputeOut(msgspec.Struct, frozen=True):
    """Money of a payment that the payer claims back."""

    dispute_id: str
    """The dispute's id."""
    tx_ref: str
    """The payment that it is about."""
    booking_id: str
    """The booking that was paid for."""
    gateway: str
    """The gateway that took the payment."""
    status: DisputeStatus
    amount: MoneyOut
    """What is claimed back."""
    reason: str
    """Why, in the gateway's word or as a person was told; may be empty."""
    due_at: Instant | None
    """By when it must be answered; null where nobody said so."""
    provider_dispute_id: str | None
    """The gateway's own name for it; null where a person entered it."""
    acknowledged: bool
    """Whether a person has said that it is answered."""
    created_at: Instant
    """When we heard of it."""
    updated_at: Instant
    """When it changed last."""

    @classmethod
    def of(cls, disputed: Disputed) -> DisputeOut:
        dispute, payment = disputed.dispute, disputed.payment
        return cls(
            dispute.dispute_id,
            payment.tx_ref,
            disputed.booking.booking_id,
            payment.gateway,
            dispute.status,
            MoneyOut.of(dispute.amount),
            dispute.reason,
            instant(dispute.due_at) if dispute.due_at else None,
            dispute.provider_dispute_id or None,
            dispute.acknowledged,
            instant(dispute.created_at),
            instant(dispute.updated_at),
        )


class LetterOut(msgspec.Struct, frozen=True):
    """A letter about the booking."""

    kind: str
    """What it told, such as `booking_confirmed`."""
    to: Literal["guest", "host"]
    """Who it was written to: the `guest` or the `host`."""
    sent_at: Instant | None
    """When it was handed to the mail service; null: it was not sent."""

    @classmethod
    def of(cls, letter: Letter) -> LetterOut:
        return cls(letter.kind, letter.to, instant(letter.sent_at) if letter.sent_at else None)


class PlaceOut(msgspec.Struct, frozen=True):
    """The place as it was when it was booked."""

    title: str
    """What the listing was called."""
    address: str
    """Where it is; empty where the host gave none."""
    city: str
    """The city."""
    time_zone: str
    """The zone that its days and times are counted in."""
    check_in_time: str
    """From when guests may come."""
    check_out_time: str
    """Until when they leave."""
    cancellation_policy: CancellationPolicy


class EvidenceOut(msgspec.Struct, frozen=True):
    """What Guzo knows of a disputed payment. Nothing in it was written for operators alone."""

    dispute: DisputeOut
    """The dispute that is to be answered."""
    booking: BookingOut
    """The booking, with who it is for and what it costs."""
    place: PlaceOut
    """The place, as the guest was shown it."""
    payment: PaymentOut
    """The payment, with the gateway's reference and what was given back of it."""
    events: tuple[EventOut, ...]
    """What happened to both, oldest first."""
    letters: tuple[LetterOut, ...]
    """The letters that were promised about it."""

    @classmethod
    def of(cls, evidence: Evidence, *, now: datetime) -> EvidenceOut:
        booking, payment = evidence.disputed.booking, evidence.disputed.payment
        place = booking.place
        return cls(
            DisputeOut.of(evidence.disputed),
            BookingOut.of(booking, "operator", now=now),
            PlaceOut(
                place.title,
                place.address,
                place.city,
                place.time_zone,
                place.check_in_time,
                place.check_out_time,
                place.cancellation_policy,
            ),
            PaymentOut.of(booking, payment),
            tuple(EventOut.of(event, payment.tx_ref) for event in evidence.events),
            tuple(LetterOut.of(letter) for letter in evidence.letters),
        )


def evidence_text(evidence: Evidence) -> str:
    """The same, to be pasted into the gateway's dashboard. Instants are in UTC."""
    return "\n".join(_lines(evidence)) + "\n"


def _lines(evidence: Evidence) -> Iterator[str]:
    booking, payment, dispute = evidence.disputed.booking, evidence.disputed.payment, evidence.disputed.dispute
    stay, place, facts = booking.stay, booking.place, payment.facts
    yield f"Dispute {dispute.dispute_id}"
    yield f"- claimed back: {dispute.amount.formatted}" + (f" ({dispute.reason})" if dispute.reason else "")
    if dispute.due_at:
        yield f"- to be answered by {_at(dispute.due_at)}"
    yield ""
    yield f"Booking {booking.booking_id}, made {_at(booking.created_at)}"
    name = f"{booking.contact.first_name} {booking.contact.last_name}".strip()
    yield f"- guest: {name}, {booking.contact.email}, {booking.contact.phone}"
    yield f"- place: {', '.join(filter(None, (place.title, place.address, place.city)))}"
    yield f"- check-in: {stay.check_in}, from {place.check_in_time} ({place.time_zone})"
    yield f"- check-out: {stay.check_out}, until {place.check_out_time}"
    yield f"- units: {stay.units}, guests: {stay.guests}, status now: {booking.status.replace('_', ' ')}"
    for line in booking.lines:
        yield f"- {line.description}: {line.amount.formatted}"
    yield f"- total: {booking.total.formatted}"
    yield f"- cancellation policy, accepted with the booking: {POLICIES[place.cancellation_policy]}"
    yield ""
    yield f"Payment {payment.tx_ref}"
    if facts.provider_reference:
        yield f"- the gateway's reference: {facts.provider_reference}"
    if facts.received:
        yield f"- received: {facts.received.formatted}" + (f", {_at(facts.paid_at)}" if facts.paid_at else "")
    if facts.receipt_url:
        yield f"- receipt: {facts.receipt_url}"
    for refund in payment.refunds:
        yield f"- refund {refund.refund_id}: {refund.amount.formatted}, {refund.status}, {_at(refund.updated_at)}"
    yield ""
    yield "What happened"
    for event in evidence.events:
        about = "" if event.subject in ("", payment.tx_ref) else f" {event.subject}"
        yield f"- {_at(event.at)} {event.kind.replace('_', ' ')}{about}, by {event.cause}" + (
            f": {event.detail}" if event.detail else ""
        )
    yield ""
    yield "Letters"
    for letter in evidence.letters:
        sent = f"sent {_at(letter.sent_at)}" if letter.sent_at else "not sent"
        yield f"- {letter.kind.replace('_', ' ')} to the {letter.to}: {sent}"


def _at(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
