"""What needs a person, and what takes it off the list."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from chalicelib.domain.booking import Actor, Booking, Event, append_event, event_of, with_dispute, with_payment
from chalicelib.domain.errors import AttentionItemNotFound
from chalicelib.domain.record import replace

AttentionKind = Literal[
    "payment_review",
    "payment_reversed",
    "refund",
    "email",
    "proposal",
    "dispute",
    "orphan",
    "failing",
    "unreadable",
    "invariant",
]
"""What needs a person: a `payment_review` is money that does not match; a `payment_reversed` was taken back at the
gateway; a `refund` stands still; an `email` could not be sent; a `proposal` waits for a second person; a `dispute` must
be answered; an `orphan` is money for a booking that is not here; a booking is `failing` again and again; a record is
`unreadable`; an `invariant` that must hold of what is stored does not."""
Acknowledgeable = Literal["payment_reversed", "email", "dispute", "failing"]
"""What a booking can have on the attention list that no other call takes off it."""

PAYMENT_REVERSED = "payment_reversed"
NEEDS_A_PERSON = frozenset(
    {
        "payment_review",
        "refund_attention",
        "email_failed",
        "email_bounced",
        "email_complained",
        PAYMENT_REVERSED,
        "dispute_opened",
        "dispute_needs_response",
        "proposed",
    }
)
"""The kinds of events after which somebody must look."""


def attention(booking: Booking) -> AttentionKind | None:
    """Why a person must look at this booking, or None."""
    if any(payment.status == "review" for payment in booking.payments):
        return "payment_review"
    if any(payment.has_open_reversal for payment in booking.payments):
        return "payment_reversed"
    if any(refund.status == "attention" for refund in booking.refunds):
        return "refund"
    if any(entry.needs_a_person for entry in booking.outbox):
        return "email"
    if any(proposal.status == "open" for proposal in booking.proposals):
        return "proposal"
    if any(dispute.is_undecided for dispute in booking.disputes):
        # Also one that was answered: the list of disputes is found by this index.
        return "dispute"
    return None


def attention_since(booking: Booking) -> datetime:
    """When this booking last came to need a person: its place in the list, oldest first."""
    return max((event.at for event in booking.history if event.kind in NEEDS_A_PERSON), default=booking.created_at)


def acknowledge(
    booking: Booking, kind: Acknowledgeable, subject: str, *, actor: Actor, note: str, now: datetime
) -> Booking:
    """Record that a person has dealt with it. ``subject`` is a tx_ref, an id, or nothing for ``failing``.

    The caller knows whether the booking keeps failing; the booking does not say so. Raises AttentionItemNotFound.
    """
    before: str = booking.status
    after = before
    match kind:
        case "payment_reversed":
            payment = booking.payment(subject)
            if payment is None or not payment.has_open_reversal:
                raise AttentionItemNotFound("Nothing of this payment waits for a person.")
            before = after = payment.status
            booking = with_payment(booking, replace(payment, reversal_acknowledged=True))
        case "email":
            entry = booking.entry(subject)
            if entry is None or not entry.needs_a_person:
                raise AttentionItemNotFound("This e-mail does not wait for a person.")
            before, after = entry.status, "acknowledged"
            done = replace(entry, status="acknowledged", lease=None)
            outbox = tuple(done if each is entry else each for each in booking.outbox)
            booking = replace(booking, outbox=outbox)
        case "dispute":
            dispute = booking.dispute(subject)
            if dispute is None or not dispute.needs_a_person:
                raise AttentionItemNotFound("This dispute does not wait for a person.")
            before = after = dispute.status
            booking = with_dispute(booking, replace(dispute, acknowledged=True))
    event = event_of(actor, f"{kind}_acknowledged", now=now, subject=subject, before=before, after=after, detail=note)
    return append_event(booking, event)


def acknowledgements(booking: Booking, kind: Acknowledgeable, subject: str) -> tuple[Event, ...]:
    """The events of each time that this was acknowledged, oldest first."""
    return tuple(
        event for event in booking.history if event.kind == f"{kind}_acknowledged" and event.subject == subject
    )
