"""Dead letters: messages that failed as often as their queue allows. Looked at, dropped, sent back to their queue.

A message is held while it is looked at, and let go of afterwards; nothing is lost where a command is cut off. One that
was sent back and could not be taken away comes twice, which every consumer bears.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from chalicelib.api.core.formats import Instant, instant
from chalicelib.services.ports import QueueName
from ops.desk import Desk, Refused, Stage

BATCH = 10
"""The most messages that SQS hands out, or lets go of, with one call."""
MOST = 1000
"""How many messages are looked at with one command, of each queue."""
HELD = 120
"""Seconds for which a message is nobody else's while it is looked at."""


class DeadLetter(msgspec.Struct, frozen=True):
    """A message that failed too often."""

    message_id: str
    """Its id, which it keeps until it is sent back."""
    queue: QueueName
    """The queue that it failed in."""
    sent_at: Instant
    """When it was put into that queue."""
    body: str
    """What it says: a task, unless somebody else wrote it."""


class Held:
    """The dead letters of one queue, held for one command."""

    def __init__(self, sqs: Any, queue: QueueName, source: str) -> None:
        self.queue, self._sqs, self._source = queue, sqs, source
        self._url = dead_letters_of(sqs, source)
        self._messages: dict[str, dict[str, Any]] = {}

    def __iter__(self) -> Iterator[DeadLetter]:
        for message_id, message in self._messages.items():
            sent = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
            yield DeadLetter(message_id, self.queue, instant(sent), message["Body"])

    def receive(self) -> None:
        """Hold what lies there, at most MOST messages."""
        while len(self._messages) < MOST:
            found = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH,
                VisibilityTimeout=HELD,
                MessageSystemAttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            if not found:
                break
            self._messages |= {message["MessageId"]: message for message in found}

    def release(self) -> None:
        """Let go of everything that is still held."""
        left = list(self._messages.values())
        for start in range(0, len(left), BATCH):
            self._sqs.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(place), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
                    for place, message in enumerate(left[start : start + BATCH])
                ],
            )

    def drop(self, message_id: str) -> None:
        """Delete a message."""
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=self._messages[message_id]["ReceiptHandle"])
        del self._messages[message_id]

    def send_back(self, message_id: str) -> None:
        """Send a message to the queue that it failed in, and delete it here."""
        message = self._messages[message_id]
        self._sqs.send_message(
            QueueUrl=self._source, MessageBody=message["Body"], MessageAttributes=message.get("MessageAttributes", {})
        )
        self.drop(message_id)


def dead_letters_of(sqs: Any, queue_url: str) -> str:
    """The URL of the queue to which a queue gives what fails too often."""
    told = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"])["Attributes"]
    name = json.loads(told["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")[2]
    return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])


@contextmanager
def held(stage: Stage, queues: Sequence[QueueName]) -> Iterator[list[Held]]:
    """The dead letters of these queues, held while they are worked on."""
    sources: Mapping[QueueName, str] = {
        "reconcile": stage.settings.reconcile_queue_url,
        "emails": stage.settings.emails_queue_url,
    }
    sqs = stage.client("sqs")
    letters = [Held(sqs, queue, sources[queue]) for queue in queues]
    try:
        for each in letters:
            each.receive()
        yield letters
    finally:
        for each in letters:
            each.release()


def list_letters(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell of every dead letter in a line."""
    with held(desk.stage, asked.queue) as queues:
        for queue in queues:
            for letter in queue:
                desk.tell(letter, f"{letter.message_id}  {letter.sent_at}  {letter.queue:9}  {letter.body}")
        desk.say(", ".join(f"{len(list(queue))} of {queue.queue}" for queue in queues))
    return 0


def show_letter(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell all of one dead letter."""
    with held(desk.stage, asked.queue) as queues:
        _, letter = _named(queues, asked.message_id)
        desk.tell(letter, f"{letter.message_id}\nqueue    {letter.queue}\nsent at  {letter.sent_at}\n{letter.body}")
    return 0


def drop(desk: Desk, asked: argparse.Namespace) -> int:
    """Delete one dead letter."""
    with held(desk.stage, asked.queue) as queues:
        queue, letter = _named(queues, asked.message_id)
        if desk.acts:
            queue.drop(letter.message_id)
        desk.tell(letter, f"{letter.message_id} of {letter.queue} {'was' if desk.acts else 'would be'} dropped")
    desk.end()
    return 0


def send_back(desk: Desk, asked: argparse.Namespace) -> int:
    """Send one dead letter, or all of them, back to the queue that it failed in."""
    with held(desk.stage, asked.queue) as queues:
        if asked.all:
            chosen = [(queue, letter) for queue in queues for letter in queue]
        else:
            chosen = [_named(queues, asked.message_id)]
        for queue, letter in chosen:
            if desk.acts:
                queue.send_back(letter.message_id)
            desk.tell(letter, f"{letter.message_id} {'was' if desk.acts else 'would be'} sent back to {letter.queue}")
    desk.end()
    return 0


def _named(queues: Sequence[Held], message_id: str) -> tuple[Held, DeadLetter]:
    for queue in queues:
        for letter in queue:
            if letter.message_id == message_id:
                return queue, letter
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
    below = verbs.add_parser("dlq", help="dead letters: list, show, drop, send-back", description=__doc__)
    acts = below.add_subparsers(required=True, metavar="list | show | drop | send-back")
    acts.add_parser("list", parents=[common, queues], help="every dead letter, in a line").set_defaults(
        run=list_letters
    )
    one = acts.add_parser("show", parents=[common, queues], help="all of one")
    one.add_argument("message_id")
    one.set_defaults(run=show_letter)
    gone = acts.add_parser("drop", parents=[common, queues, writes], help="delete one")
    gone.add_argument("message_id")
    gone.set_defaults(run=drop)
    back = acts.add_parser("send-back", parents=[common, queues, writes], help="send one, or --all, to its queue again")
    which = back.add_mutually_exclusive_group(required=True)
    which.add_argument("message_id", nargs="?")
    which.add_argument("--all", action="store_true", help=f"all of them, {MOST} of each queue at most")
    back.set_defaults(run=send_back)
