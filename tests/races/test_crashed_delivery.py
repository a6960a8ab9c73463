"""A crash at each step of delivering an e-mail: none is lost, and how many are sent twice is known exactly.

The steps are the commit that owes it, the message to the queue, the worker's claim, the sending, and the mark. The
message of a crashed worker is received again or lost; the sweep finds the e-mail either way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pynamodb.connection import Connection

from chalicelib.domain.timing import OUTBOX_LEASE
from chalicelib.services.deliver import deliver
from chalicelib.services.ports import MailBusy
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
IN_THE_WORKER = {
    "before the claim": Step("bookings.save"),
    "after the claim": Step("bookings.save", after=True, perhaps=2),
    "before the first is sent": Step("mailer.send", perhaps=2),
    "after the first is sent": Step("mailer.send", after=True, twice=(GUESTS,), perhaps=2),
    "after both are sent": Step("mailer.send", after=True, skip=1, twice=(GUESTS, HOSTS), perhaps=2),
    "before the mark": Step("bookings.save", skip=1, twice=(GUESTS, HOSTS), perhaps=2),
    "after the mark": Step("bookings.save", skip=1, after=True),
}


def die(harness: Harness, step: Step, act: Callable[[], object]) -> None:
    arm = harness.ports.run_after if step.after else harness.ports.run_before
    arm(step.call, raises(Crash()), skip=step.skip)
    with pytest.raises(Crash):
        act()


def play(harness: Harness, name: str, *, comes_again: bool) -> None:
    harness.held_booking()
    harness.ports.gateway.pay(TX)
    queue = harness.ports.queue
    if name in IN_THE_WEBHOOK:
        step = IN_THE_WEBHOOK[name]
        die(harness, step, lambda: harness.webhook(TX))
    else:
        step = IN_THE_WORKER[name]
        harness.webhook(TX)
        [message] = queue.letters
        queue.letters.clear()
        die(harness, step, lambda: deliver(harness.ports, FIRST))
        if comes_again:
            queue.letters.append(message)
    owed = [email.due_at for email in harness.stored_booking(FIRST).outbox if email.status == "owed"]
    assert all(due <= harness.ports.clock.now() + OUTBOX_LEASE for due in owed)
    harness.advance(minutes=10)
    assert [email.status for email in harness.stored_booking(FIRST).outbox] == ["sent", "sent"]
    sent = Counter(message.subject.partition(" ")[0] for message in harness.ports.mailer.sent)
    assert sent == Counter((GUESTS, HOSTS)) + Counter(step.twice)
    assert len(harness.ports.observe.of("email_maybe_twice")) == step.perhaps
    assert harness.ports.observe.of("email_sent_twice") == []
    harness.check_invariants()


steps = pytest.mark.parametrize("name", [*IN_THE_WEBHOOK, *IN_THE_WORKER])
messages = pytest.mark.parametrize("comes_again", [True, False], ids=["the message comes again", "it is lost"])


@steps
@messages
def test_on_fakes(name: str, comes_again: bool) -> None:
    play(Harness(), name, comes_again=comes_again)


@pytest.mark.races
@steps
@messages
def test_on_dynamodb_local(name: str, comes_again: bool, tables: tuple[Connection, Any]) -> None:
    play(EngineHarness(*tables), name, comes_again=comes_again)


def test_a_worker_that_is_taken_over_by_a_message_is_counted_too() -> None:
    harness = Harness()
    harness.confirmed_booking()
    die(harness, IN_THE_WORKER["after both are sent"], lambda: deliver(harness.ports, FIRST))
    harness.ports.clock.move(seconds=OUTBOX_LEASE.total_seconds())
    assert deliver(harness.ports, FIRST) == 2
    assert [line["email_id"] for line in harness.ports.observe.of("email_maybe_twice")] == ["1", "2"]


def test_a_letter_that_was_put_off_was_not_sent() -> None:
    harness = Harness()
    harness.confirmed_booking()
    harness.ports.run_before("mailer.send", raises(MailBusy()))
    assert deliver(harness.ports, FIRST) == 1
    harness.advance(minutes=5)
    assert [email.status for email in harness.stored_booking(FIRST).outbox] == ["sent", "sent"]
    assert harness.ports.observe.of("email_maybe_twice") == []
