"""The queues, the mail service, the clock and chance, as the simulated actors meet them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

from chalicelib.domain.booking import Booking, OutboxEntry
from chalicelib.domain.host import Notify
from chalicelib.domain.outbox import address_of
from chalicelib.domain.timing import QUEUE_VISIBILITY
from chalicelib.services.ports.mail import MailRefused, Message
from chalicelib.services.ports.queues import NO_DELAY, Task
from tests.simulation.coverage import covered
from tests.simulation.scheduler import SECOND, Scheduler, Violation

VISIBILITY = int(QUEUE_VISIBILITY.total_seconds()) * SECOND
DELIVERIES = 5


class SimQueue:
    """Both queues: at least once, in any order; what fails five times is put aside for a person."""

    def __init__(
        self, scheduler: Scheduler, work: Callable[[str, Task, str, int, Callable[[bool], None]], None]
    ) -> None:
        self.scheduler = scheduler
        self._work = work
        self._count: Counter[str] = Counter()
        self.waiting = 0
        self.dead: list[tuple[str, Task]] = []
        self.lost: list[tuple[str, Task]] = []
        self.repeated: set[str] = set()
        """Bookings with a message of the outbox that was handed out twice, each time as if for the first time."""
        self.loses = 0.0
        self.repeats = 0.0

    def enqueue_reconcile(self, tasks: Iterable[Task], *, delay: timedelta = NO_DELAY) -> None:
        for task in tasks:
            self._send("reconcile", task, later=int(delay.total_seconds() * 1000))

    def enqueue_outbox(self, task: Task) -> None:
        self._send("outbox", task)

    def depth(self) -> int:
        return self.waiting

    def _send(self, queue: str, task: Task, *, later: int = 0) -> None:
        key = f"{queue}/{task.tx_ref or task.booking_id}"
        self._count[key] += 1
        name = f"{key}/{self._count[key]}"
        actor = self.scheduler.current
        drawn = actor.rng.random() if actor is not None else 1.0
        if drawn < self.loses:
            covered("queue", f"lost {queue}")
            self.lost.append((queue, task))
            return
        delay = later + 5 + int(drawn * 400)
        # One that waits is not handed out twice again and again: SQS does that seldom, and then once.
        if drawn > 1 - self.repeats and not later:
            covered("queue", f"twice {queue}")
            if queue == "outbox":
                self.repeated.add(task.booking_id)
            self._deliver(queue, task, f"{name}+", 1, later + 1 + int((1 - drawn) * 5 * SECOND))
        self._deliver(queue, task, name, 1, delay)

    def _deliver(self, queue: str, task: Task, name: str, times: int, delay: int) -> None:
        counted = queue == "reconcile"
        if times == 1:
            self.waiting += counted

        def ended(done: bool) -> None:
            if done:
                self.waiting -= counted
            elif times < DELIVERIES:
                covered("queue", f"again {queue}")
                self._deliver(queue, task, name, times + 1, VISIBILITY)
            else:
                covered("queue", f"dead letter {queue}")
                self.waiting -= counted
                self.dead.append((queue, task))

        self.scheduler.at(self.scheduler.ms + delay, lambda: self._work(queue, task, f"{name}#{times}", times, ended))


class SimMailer:
    """What was really sent: how often each e-mail of each booking."""

    def __init__(
        self,
        refused: frozenset[str],
        sending: Callable[[str, str], None],
        accepted: Callable[[str, str, str], None],
    ) -> None:
        self.refused = refused
        self._sending, self._accepted = sending, accepted
        self.sent: Counter[tuple[str, str]] = Counter()

    def send(self, message: Message) -> None:
        if message.to in self.refused:
            covered("mail", "refused for good")
            raise MailRefused("no such address")
        booking_id, entry_id, _ = message.subject.split(" ")
        self._sending(booking_id, entry_id)
        self._accepted(booking_id, entry_id, message.to)
        self.sent[booking_id, entry_id] += 1
        covered("mail", "sent" if self.sent[booking_id, entry_id] == 1 else "sent again")


class SimLetters:
    """A letter's subject says which e-mail of which booking it is."""

    def render(self, entry: OutboxEntry, booking: Booking, host: Notify) -> Message:
        return Message(address_of(entry, booking, host), f"{booking.booking_id} {entry.entry_id} {entry.kind}", "", "")


class SimClock:
    """Virtual time. Sleeping lets others run."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler

    def now(self) -> datetime:
        return self.scheduler.now

    def sleep(self, seconds: float) -> None:
        self.scheduler.pause(int(seconds * SECOND))


class SimChance:
    """The current actor's own stream; it remembers its tokens, so that leases can be checked."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler

    def jitter(self) -> float:
        assert self.scheduler.current is not None
        return self.scheduler.current.rng.random()

    def token(self) -> str:
        actor = self.scheduler.current
        assert actor is not None
        token = f"{actor.name}~{len(actor.tokens)}"
        actor.tokens.add(token)
        return token


EXPECTED = frozenset(
    {
        "Busy", "StoreBusy", "Fault", "GatewayTimeout", "GatewayUnreachable", "GatewayBadAnswer",
        "GatewayRejected", "InProgress", "Unreadable",
        "BookingNotPayable",
    }
)  # fmt: skip
"""What a consumer may meet when others fail it; anything else in ``booking_failing`` is a slip of ours."""


class SimObserve:
    """Counts what is said, and hears slips that the consumers swallow."""

    def __init__(self) -> None:
        self.describe_row: Counter[str] = Counter()

    def __call__(self, event: str, /, *, level: Literal["info", "warning", "error"] = "info", **fields: Any) -> None:
        del level
        self.describe_row[event] += 1
        reason = fields.get("reason")
        if event == "booking_failing" and reason not in EXPECTED:
            raise Violation("a consumer covered something that nobody foresaw", str(reason))
        if event == "email_broken":
            raise Violation("an e-mail could not be written", str(reason))
