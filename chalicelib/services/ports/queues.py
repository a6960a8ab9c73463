"""Work handed on, and messages that failed too often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Literal, Protocol

from chalicelib.domain.booking import SWEEP, Actor
from chalicelib.domain.ids import BookingId
from chalicelib.domain.record import Record
from chalicelib.domain.verification import WebhookClaim


class Task(Record, frozen=True, forbid_unknown_fields=False):
    """One booking that something must be done about.

    A field that only a newer release knows is passed over: the sweep finds what it asked for.

    ``tx_ref`` names a payment to verify in any state, ``claim`` what a signed webhook of ``gateway`` claimed of it,
    ``entries`` the entries of the outbox to deliver. ``actor`` is who or what asked for it, for the audit trail.
    """

    booking_id: BookingId
    tx_ref: str | None = None
    entries: tuple[str, ...] = ()
    request_id: str = ""
    claim: WebhookClaim = ""
    actor: Actor = SWEEP
    gateway: str = ""


QueueName = Literal["reconcile", "emails"]
"""A queue: in `reconcile` are bookings that are due, in `emails` letters and lines of the ledger that are owed."""


class QueueDepth(Record, frozen=True):
    """How many messages of a queue wait, are at work, and failed too often."""

    queue: QueueName
    waiting: int
    at_work: int
    dead_letters: int


NO_DELAY = timedelta(0)


class Queue(Protocol):
    """Work handed on to other invocations. What is lost here is found again by the clock."""

    def enqueue_reconcile(self, tasks: Iterable[Task], *, delay: timedelta = NO_DELAY) -> None:
        """Enqueue bookings for the consumers of the clock; none of them is handed out before ``delay`` is over.

        Raises Fault when not all were taken.
        """

    def depth(self) -> int:
        """How many are waiting there, about. Those at work do not count."""

    def depths(self) -> tuple[QueueDepth, ...]:
        """How much lies in each queue, about. Raises Fault."""

    def enqueue_outbox(self, task: Task) -> None:
        """Enqueue entries of a booking's outbox for delivery. Raises Fault."""


class DeadLetter(Record, frozen=True):
    """A message that failed as often as its queue allows."""

    message_id: str
    """Its id, which it keeps until it is sent back."""
    queue: QueueName
    """The queue that it failed in."""
    sent_at: datetime
    """When it was put into that queue."""
    body: str
    """What it says: a task or a report of SES, unless somebody else wrote it."""

    @property
    def place(self) -> str:
        """Its place among the others, which has an order."""
        return f"{self.sent_at.isoformat(timespec='milliseconds')} {self.message_id}"


class HeldLetters(Protocol):
    """Dead letters that are nobody else's for as long as they are worked on."""

    @property
    def letters(self) -> tuple[DeadLetter, ...]:
        """What is still held, oldest first."""

    def drop(self, letter: DeadLetter) -> None:
        """Delete one. Raises Fault."""

    def send_back(self, letter: DeadLetter) -> None:
        """Send one to the queue that it failed in, and delete it here. Raises Fault."""


class DeadLetters(Protocol):
    """Messages that failed as often as their queue allows, and wait for a person."""

    def held(
        self, queues: Sequence[QueueName], *, most: int, until: str | None = None
    ) -> AbstractContextManager[HeldLetters]:
        """Hold what lies there for as long as the block lasts, and let go of what is left. Raises Fault.

        Of each queue at most about ``most``; it ends with the message ``until``, once that is found. What somebody
        else holds is not there.
        """
