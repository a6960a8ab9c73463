"""Messages that failed as often as their queue allows: an operator looks at them, drops them, sends them back.

While they are looked at they are nobody else's.
"""

from __future__ import annotations

from typing import get_args

from chalicelib.domain.errors import DeadLetterNotFound
from chalicelib.domain.people.access import Act
from chalicelib.domain.record import Record
from chalicelib.services.access import Principal, with_role
from chalicelib.services.operators.audit import note_access
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.ports.queues import DeadLetter, HeldLetters, QueueName
from chalicelib.services.ports.stage import Ports

QUEUES: tuple[QueueName, ...] = get_args(QueueName)
MOST = 1000
"""How many messages of each queue are looked at, to find one."""
MOST_LISTED = 200
"""How many messages of each queue are listed."""
MOST_AT_ONCE = 100
"""How many messages of each queue one call sends back."""
SUBJECT = "dead-letters"
"""What the trail calls all of them."""


class SentBack(Record, frozen=True):
    """What was sent back, or would be; ``more``: there may be others."""

    letters: tuple[DeadLetter, ...]
    more: bool


def list_dead_letters(
    ports: Ports,
    principal: Principal | None,
    queue: QueueName | None,
    *,
    request_id: str,
    limit: int,
    after: str | None,
) -> Page[DeadLetter]:
    """What lies there, oldest first. What somebody else looks at at this moment is not among it.

    A report of SES among them names an address: that they were shown is noted. Raises Forbidden, Fault, StoreBusy.
    """
    with_role(principal, "operator", "accounts")
    with ports.dead_letters.held(_those(queue), most=MOST_LISTED) as held:
        letters = [letter for letter in held.letters if after is None or letter.place > after]
    shown = tuple(letters[:limit])
    if shown:
        note_access(ports, principal, "list", queue or SUBJECT, found=len(shown), request_id=request_id)
    return Page(shown, shown[-1].place if len(letters) > limit else None)


def drop(ports: Ports, principal: Principal | None, message_id: str, *, dry_run: bool) -> DeadLetter:
    """Delete one. Raises Forbidden, DeadLetterNotFound, Fault."""
    with_role(principal, "operator", "accounts")
    with ports.dead_letters.held(QUEUES, most=MOST, until=message_id) as held:
        letter = _named(held, message_id)
        if not dry_run:
            held.drop(letter)
            _tell(ports, "drop", 1)
    return letter


def send_back(ports: Ports, principal: Principal | None, message_id: str, *, dry_run: bool) -> DeadLetter:
    """Send one to the queue that it failed in. Raises Forbidden, DeadLetterNotFound, Fault."""
    with_role(principal, "operator", "accounts")
    with ports.dead_letters.held(QUEUES, most=MOST, until=message_id) as held:
        letter = _named(held, message_id)
        if not dry_run:
            held.send_back(letter)
            _tell(ports, "send_back", 1)
    return letter


def send_all_back(ports: Ports, principal: Principal | None, queue: QueueName | None, *, dry_run: bool) -> SentBack:
    """Send each to the queue that it failed in, about ``MOST_AT_ONCE`` of each. Raises Forbidden, Fault.

    After a Fault some are sent back, and the others lie where they lay.
    """
    with_role(principal, "operator", "accounts")
    queues = _those(queue)
    with ports.dead_letters.held(queues, most=MOST_AT_ONCE) as held:
        letters = held.letters
        if letters and not dry_run:
            for letter in letters:
                held.send_back(letter)
            _tell(ports, "send_back", len(letters))
    more = any(sum(letter.queue == each for letter in letters) >= MOST_AT_ONCE for each in queues)
    return SentBack(letters, more)


def _those(queue: QueueName | None) -> tuple[QueueName, ...]:
    return QUEUES if queue is None else (queue,)


def _named(held: HeldLetters, message_id: str) -> DeadLetter:
    """Raises DeadLetterNotFound."""
    for letter in held.letters:
        if letter.message_id == message_id:
            return letter
    raise DeadLetterNotFound(
        "There is no such dead letter, or somebody else is looking at it: list them again in two minutes."
    )


def _tell(ports: Ports, act: Act, count: int) -> None:
    ports.observe("dead_letters_acted_on", kind=act, count=count)
