"""Dead letters: messages that failed as often as their queue allows. Looked at, dropped, sent back to their queue.

A message is held while it is looked at, and let go of afterwards; nothing is lost where a command is cut off. One that
was sent back and could not be taken away comes twice, which every consumer bears.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from chalicelib.adapters.aws.dead_letters import SqsDeadLetters
from chalicelib.api.core.formats import instant
from chalicelib.api.routes.operators.dead_letters import DeadLetterOut
from chalicelib.services.operators.dead_letters import MOST, SUBJECT
from chalicelib.services.ports.queues import DeadLetter, HeldLetters, QueueName
from ops.operators.desk import Desk, Refused, Stage


def held(stage: Stage, queues: Sequence[QueueName], *, until: str | None = None) -> AbstractContextManager[HeldLetters]:
    """The dead letters of these queues, held while they are worked on."""
    urls: dict[QueueName, str] = {
        "reconcile": stage.settings.reconcile_queue_url,
        "emails": stage.settings.emails_queue_url,
    }
    return SqsDeadLetters(lambda: stage.client("sqs"), urls).held(queues, most=MOST, until=until)


def list_letters(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell of every dead letter in a line."""
    with held(desk.stage, asked.queue) as found:
        if found.letters:
            desk.note("list", asked.queue[0] if len(asked.queue) == 1 else SUBJECT, found=len(found.letters))
        for letter in found.letters:
            _tell(desk, letter, f"{letter.message_id}  {instant(letter.sent_at)}  {letter.queue:9}  {letter.body}")
        counts = {queue: sum(letter.queue == queue for letter in found.letters) for queue in asked.queue}
        desk.say(", ".join(f"{count} of {queue}" for queue, count in counts.items()))
    return 0


def show_letter(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell all of one dead letter."""
    with held(desk.stage, asked.queue, until=asked.message_id) as found:
        letter = _named(found, asked.message_id)
        desk.note("list", letter.message_id, found=1)
        sent_at = instant(letter.sent_at)
        _tell(desk, letter, f"{letter.message_id}\nqueue    {letter.queue}\nsent at  {sent_at}\n{letter.body}")
    return 0


def drop(desk: Desk, asked: argparse.Namespace) -> int:
    """Delete one dead letter."""
    with held(desk.stage, asked.queue, until=asked.message_id) as found:
        letter = _named(found, asked.message_id)
        with desk.acting("drop", letter.message_id, note=asked.note):
            if desk.acts:
                found.drop(letter)
        _tell(desk, letter, f"{letter.message_id} of {letter.queue} {'was' if desk.acts else 'would be'} dropped")
    desk.end()
    return 0


def send_back(desk: Desk, asked: argparse.Namespace) -> int:
    """Send one dead letter, or all of them, back to the queue that it failed in."""
    with held(desk.stage, asked.queue, until=asked.message_id) as found:
        letters = found.letters if asked.all else (_named(found, asked.message_id),)
        of_all = asked.queue[0] if len(asked.queue) == 1 else SUBJECT
        with desk.acting("send_back", of_all if asked.all else asked.message_id, note=asked.note) as under_way:
            under_way.found = 0
            for letter in letters:
                if desk.acts:
                    found.send_back(letter)
                    under_way.found += 1
                how = "was" if desk.acts else "would be"
                _tell(desk, letter, f"{letter.message_id} {how} sent back to {letter.queue}")
    desk.end()
    return 0


def _tell(desk: Desk, letter: DeadLetter, text: str) -> None:
    desk.tell(DeadLetterOut.of(letter), text)


def _named(found: HeldLetters, message_id: str) -> DeadLetter:
    for letter in found.letters:
        if letter.message_id == message_id:
            return letter
    raise Refused(
        f"There is no dead letter {message_id}, or somebody else holds it: see dlq list, in two minutes again."
    )


def add(verbs: Any, common: argparse.ArgumentParser, writes: argparse.ArgumentParser) -> None:
    """Add ``dlq`` to the command line."""
    queues = argparse.ArgumentParser(add_help=False)
    queues.add_argument(
        "--queue",
        type=lambda name: [name],
        default=["reconcile", "emails"],
        metavar="{reconcile,emails}",
        help="only the dead letters of this queue (left out: of both)",
    )
    noted = argparse.ArgumentParser(add_help=False)
    noted.add_argument("--note", required=True, help="why, for those who come after")
    below = verbs.add_parser("dlq", help="dead letters: list, show, drop, send-back", description=__doc__)
    acts = below.add_subparsers(required=True, metavar="list | show | drop | send-back")
    acts.add_parser("list", parents=[common, queues], help="every dead letter, in a line").set_defaults(
        run=list_letters, needs_name=True
    )
    one = acts.add_parser("show", parents=[common, queues], help="all of one")
    one.add_argument("message_id")
    one.set_defaults(run=show_letter, needs_name=True)
    gone = acts.add_parser("drop", parents=[common, queues, noted, writes], help="delete one")
    gone.add_argument("message_id")
    gone.set_defaults(run=drop, needs_name=True)
    back = acts.add_parser(
        "send-back", parents=[common, queues, noted, writes], help="send one, or --all, to its queue again"
    )
    which = back.add_mutually_exclusive_group(required=True)
    which.add_argument("message_id", nargs="?")
    which.add_argument("--all", action="store_true", help=f"all of them, {MOST} of each queue at most")
    back.set_defaults(run=send_back, needs_name=True)
