"""A crash at each step of an e-mail's way: none is ever lost, and how many go out twice is known exactly.

On the way are the commit that earns it, the hand-over to the queue, the worker's claim, the sending, the mark. A
message whose worker died comes again by itself, or is lost too; the clock finds it either way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pynamodb.connection import Connection

from chalicelib.domain.timing import OUTBOX_LEASE
from chalicelib.services.deliver import send_emails
from chalicelib.services.ports import MailBusy
from tests.call_log import Crash, raises
from tests.races.engine import EngineScene
from tests.scenes import Scene, id_of

FIRST = id_of("first")
TX = f"{FIRST}-1"
GUESTS, HOSTS = "booking_confirmed", "host_new_booking"


@dataclass(frozen=True)
class Step:
    """The process dies before, or after, this call; so many e-mails then go out twice, and so many perhaps did."""

    call: str
    after: bool = False
    skip: int = 0
    twice: tuple[str, ...] = ()
    perhaps: int = 0


IN_THE_WEBHOOK = {
    "between commit and hand-over": Step("queue.emails"),
    "after hand-over": Step("queue.emails", after=True),
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


def die(scene: Scene, step: Step, act: Callable[[], object]) -> None:
    arm = scene.ports.run_after if step.after else scene.ports.run_before
    arm(step.call, raises(Crash()), skip=step.skip)
    with pytest.raises(Crash):
        act()


def play(scene: Scene, name: str, *, comes_again: bool) -> None:
    scene.booked()
    scene.ports.gateway.pay(TX)
    queue = scene.ports.queue
    if name in IN_THE_WEBHOOK:
        step = IN_THE_WEBHOOK[name]
        die(scene, step, lambda: scene.webhook(TX))
    else:
        step = IN_THE_WORKER[name]
        scene.webhook(TX)
        [message] = queue.letters
        queue.letters.clear()
        die(scene, step, lambda: send_emails(scene.ports, FIRST))
        if comes_again:
            queue.letters.append(message)
    owed = [email.due_at for email in scene.now(FIRST).emails if email.status == "owed"]
    assert all(due <= scene.ports.clock.now() + OUTBOX_LEASE for due in owed)
    scene.run(minutes=10)
    assert [email.status for email in scene.now(FIRST).emails] == ["sent", "sent"]
    sent = Counter(message.subject.partition(" ")[0] for message in scene.ports.mailer.sent)
    assert sent == Counter((GUESTS, HOSTS)) + Counter(step.twice)
    assert len(scene.ports.observe.of("email_maybe_twice")) == step.perhaps
    assert scene.ports.observe.of("email_sent_twice") == []
    scene.check()


steps = pytest.mark.parametrize("name", [*IN_THE_WEBHOOK, *IN_THE_WORKER])
messages = pytest.mark.parametrize("comes_again", [True, False], ids=["the message comes again", "it is lost"])


@steps
@messages
def test_on_fakes(name: str, comes_again: bool) -> None:
    play(Scene(), name, comes_again=comes_again)


@pytest.mark.races
@steps
@messages
def test_on_dynamodb_local(name: str, comes_again: bool, tables: tuple[Connection, Any]) -> None:
    play(EngineScene(*tables), name, comes_again=comes_again)


def test_a_worker_that_is_taken_over_by_a_message_is_counted_too() -> None:
    scene = Scene()
    scene.confirmed()
    die(scene, IN_THE_WORKER["after both are sent"], lambda: send_emails(scene.ports, FIRST))
    scene.ports.clock.move(seconds=OUTBOX_LEASE.total_seconds())
    assert send_emails(scene.ports, FIRST) == 2
    assert [line["email_id"] for line in scene.ports.observe.of("email_maybe_twice")] == ["1", "2"]


def test_a_letter_that_was_put_off_was_not_sent() -> None:
    scene = Scene()
    scene.confirmed()
    scene.ports.run_before("mailer.send", raises(MailBusy()))
    assert send_emails(scene.ports, FIRST) == 1
    scene.run(minutes=5)
    assert [email.status for email in scene.now(FIRST).emails] == ["sent", "sent"]
    assert scene.ports.observe.of("email_maybe_twice") == []
