"""A crash at each step of delivering an e-mail: none is lost, and how many are sent twice is known exactly.

The steps are the commit that owes it, the message to the queue, the claim of a worker that is not the first, the
sending, and the mark. The message of a crashed worker comes again once the queue shows it; where none was enqueued, the
sweep finds the e-mail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pynamodb.connection import Connection

from chalicelib.domain.timing import OUTBOX_MESSAGE, QUEUE_VISIBILITY
from chalicelib.services.deliver import deliver
from chalicelib.services.ports.mail import MailBusy
from tests.call_log import Crash, raises
from tests.harness import Harness, booking_id_of
from tests.races.engine import EngineHarness

FIRST = booking_id_of("first")
TX = f"{FIRST}-1"
GUESTS, HOSTS = "booking_confirmed", "host_new_booking"


@dataclass(frozen=True)
class Step:
    """The process crashes before or after this call; then so many e-mails are sent twice, and so many perhaps."""

    call: str
    after: bool = False
    skip: int = 0
    twice: tuple[str, ...] = ()
    perhaps: int = 0


IN_THE_WEBHOOK = {
    "between commit and enqueuing": Step("queue.enqueue_outbox"),
    "after enqueuing": Step("queue.enqueue_outbox", after=True),
}
IN_A_FIRST_DELIVERY = {
    "before the first is sent": Step("mailer.send", perhaps=2),
    "after the first is sent": Step("mailer.send", after=True, twice=(GUESTS,), perhaps=2),
    "after both are sent": Step("mailer.send", after=True, skip=1, twice=(GUESTS, HOSTS), perhaps=2),
    "before the mark": Step("bookings.save", twice=(GUESTS, HOSTS), perhaps=2),
    "after the mark": Step("bookings.save", after=True),
}
# The claim of a second delivery counts its doubts; when its worker dies as well, whoever frees the lease counts again.
IN_A_SECOND_DELIVERY = {
    "before the claim": Step("bookings.save", perhaps=2),
    "after the claim": Step("bookings.save", after=True, perhaps=2),
    "before the first is sent": Step("mailer.send", perhaps=4),
    "after both are sent": Step("mailer.send", after=True, skip=1, twice=(GUESTS, HOSTS), perhaps=4),
    "before the mark": Step("bookings.save", skip=1, twice=(GUESTS, HOSTS), perhaps=4),
    "after the mark": Step("bookings.save", skip=1, after=True, perhaps=2),
}
CRASHES = {
    f"{where}, {name}": (where, step)
    for where, steps_there in {
        "the webhook": IN_THE_WEBHOOK,
        "a first delivery": IN_A_FIRST_DELIVERY,
        "a second delivery": IN_A_SECOND_DELIVERY,
    }.items()
    for name, step in steps_there.items()
}


def die(harness: Harness, step: Step, act: Callable[[], object]) -> None:
    arm = harness.ports.run_after if step.after else harness.ports.run_before
    arm(step.call, raises(Crash()), skip=step.skip)
    with pytest.raises(Crash):
        act()


def play(harness: Harness, name: str) -> None:
    where, step = CRASHES[name]
    ports = harness.ports
    harness.held_booking()
    ports.gateway.pay(TX)
    if where == "the webhook":
        die(harness, step, lambda: harness.webhook(TX))
    else:
        harness.webhook(TX)
        message = ports.queue.letters.pop()
        first = where == "a first delivery"
        if not first:
            ports.clock.move(seconds=QUEUE_VISIBILITY.total_seconds())
        die(harness, step, lambda: deliver(ports, FIRST, message.entries, first_delivery=first))
        ports.clock.move(seconds=QUEUE_VISIBILITY.total_seconds())
        deliver(ports, FIRST, message.entries)
    owed = [email.due_at for email in harness.stored_booking(FIRST).letters if email.status == "owed"]
    assert all(due <= ports.clock.now() + OUTBOX_MESSAGE for due in owed)
    harness.advance(minutes=20)
    assert [email.status for email in harness.stored_booking(FIRST).letters] == ["sent", "sent"]
    sent = Counter(message.subject.partition(" ")[0] for message in ports.mailer.sent)
    assert sent == Counter((GUESTS, HOSTS)) + Counter(step.twice)
    assert len(ports.observe.of("email_maybe_twice")) == step.perhaps
    assert ports.observe.of("email_sent_twice") == []
    harness.check_invariants()


crashes = pytest.mark.parametrize("name", CRASHES)


@crashes
def test_on_fakes(name: str) -> None:
    play(Harness(), name)


@pytest.mark.races
@crashes
def test_on_dynamodb_local(name: str, tables: tuple[Connection, Any]) -> None:
    play(EngineHarness(*tables), name)


def test_each_letter_that_a_dead_worker_had_is_named() -> None:
    harness = Harness()
    harness.confirmed_booking()
    step = IN_A_FIRST_DELIVERY["after both are sent"]
    die(harness, step, lambda: deliver(harness.ports, FIRST, ("1", "2"), first_delivery=True))
    harness.ports.clock.move(seconds=QUEUE_VISIBILITY.total_seconds())
    assert deliver(harness.ports, FIRST, ("1", "2")) == 2
    assert [line["entry_id"] for line in harness.ports.observe.of("email_maybe_twice")] == ["1", "2"]


def test_a_letter_that_was_put_off_was_not_sent() -> None:
    harness = Harness()
    harness.confirmed_booking()
    harness.ports.run_before("mailer.send", raises(MailBusy()))
    assert deliver(harness.ports, FIRST, first_delivery=True) == 1
    harness.advance(minutes=5)
    assert [email.status for email in harness.stored_booking(FIRST).letters] == ["sent", "sent"]
    assert harness.ports.observe.of("email_maybe_twice") == []
