"""What Guzo knows of a disputed payment, for a person who answers the bank."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from chalicelib.domain.booking import Booking, Event, OutboxEntry
from chalicelib.domain.record import Record
from chalicelib.services.access import Principal
from chalicelib.services.disputes import Disputed, find_dispute
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import event_for_others, events_of, is_for_operators


class Letter(Record, frozen=True):
    """An e-mail about the booking: to whom, and when it was sent; None: it was not."""

    kind: str
    to: Literal["guest", "host"]
    sent_at: datetime | None


class Evidence(Record, frozen=True):
    """The dispute, what happened to its payment, and what was written about it.

    It is made to leave the house: it has neither what operators wrote for each other nor who they are.
    """

    disputed: Disputed
    events: tuple[Event, ...]
    letters: tuple[Letter, ...]


def evidence(ports: Ports, principal: Principal | None, dispute_id: str) -> Evidence:
    """What can be shown to the bank. Raises Forbidden, DisputeNotFound."""
    disputed = find_dispute(ports, principal, dispute_id)
    booking = disputed.booking
    events = (event for event in events_of(booking, disputed.payment) if not is_for_operators(event))
    return Evidence(
        disputed,
        tuple(event_for_others(event) for event in events),
        tuple(_letter(booking, entry) for entry in booking.letters),
    )


def _letter(booking: Booking, entry: OutboxEntry) -> Letter:
    sent = (event.at for event in booking.history if event.kind == "email_sent" and event.subject == entry.entry_id)
    return Letter(entry.kind, "host" if entry.to_host else "guest", next(sent, None))
