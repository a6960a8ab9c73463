"""The DeadLetters port on SQS.

A message is held while it is looked at, and let go of afterwards; nothing is lost where that is cut off. One that was
sent back and could not be taken away comes twice, which every consumer bears.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.services.ports.outcomes import Fault
from chalicelib.services.ports.queues import DeadLetter, QueueName

BATCH = 10
"""The most messages that SQS hands out, or lets go of, with one call."""
HELD = 120
"""Seconds for which a message is nobody else's while it is looked at."""


class SqsDeadLetters:
    """The queues to which SQS itself gives what failed too often, by the queues that they belong to."""

    def __init__(self, client: Callable[[], Any], queue_urls: Mapping[QueueName, str]) -> None:
        self._client = client
        self._urls = queue_urls

    @contextmanager
    def held(self, queues: Sequence[QueueName], *, most: int, until: str | None = None) -> Iterator[SqsHeldLetters]:
        """Hold what lies there for as long as the block lasts: of each queue, at most about ``most``. Raises Fault."""
        with _faults("the dead letters could not be reached"):
            sqs = self._client()
            held = SqsHeldLetters(
                sqs, {queue: (self._urls[queue], dead_letters_of(sqs, self._urls[queue])) for queue in queues}
            )
        try:
            with _faults("the dead letters could not be read"):
                for queue in queues:
                    if held.receive(queue, most=most, until=until):
                        break
            yield held
        finally:
            # What could not be let go of is anybody's again by itself, a little later.
            with suppress(BotoCoreError, ClientError):
                held.release()


class SqsHeldLetters:
    """The HeldLetters port: messages that nobody else is handed meanwhile."""

    def __init__(self, sqs: Any, urls: Mapping[QueueName, tuple[str, str]]) -> None:
        self._sqs = sqs
        self._urls = urls
        self._messages: dict[QueueName, dict[str, dict[str, Any]]] = {queue: {} for queue in urls}

    @property
    def letters(self) -> tuple[DeadLetter, ...]:
        """What is still held, oldest first."""
        found = [
            DeadLetter(message_id, queue, _sent_at(message), message["Body"])
            for queue, messages in self._messages.items()
            for message_id, message in messages.items()
        ]
        return tuple(sorted(found, key=lambda letter: letter.place))

    def receive(self, queue: QueueName, *, most: int, until: str | None) -> bool:
        """Hold what lies there; answers whether ``until`` was among it, with which it ends."""
        messages = self._messages[queue]
        while len(messages) < most:
            found = self._sqs.receive_message(
                QueueUrl=self._urls[queue][1],
                MaxNumberOfMessages=BATCH,
                VisibilityTimeout=HELD,
                MessageSystemAttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            messages |= {message["MessageId"]: message for message in found}
            if not found or until in messages:
                break
        return until in messages

    def release(self) -> None:
        """Let go of everything that is still held."""
        for queue, messages in self._messages.items():
            left = list(messages.values())
            for start in range(0, len(left), BATCH):
                self._sqs.change_message_visibility_batch(
                    QueueUrl=self._urls[queue][1],
                    Entries=[
                        {"Id": str(place), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
                        for place, message in enumerate(left[start : start + BATCH])
                    ],
                )

    def drop(self, letter: DeadLetter) -> None:
        """Delete a message. Raises Fault."""
        message = self._messages[letter.queue][letter.message_id]
        with _faults("the dead letter could not be dropped"):
            self._sqs.delete_message(QueueUrl=self._urls[letter.queue][1], ReceiptHandle=message["ReceiptHandle"])
        del self._messages[letter.queue][letter.message_id]

    def send_back(self, letter: DeadLetter) -> None:
        """Send a message to the queue that it failed in, and delete it here. Raises Fault."""
        message = self._messages[letter.queue][letter.message_id]
        with _faults("the dead letter could not be sent back"):
            self._sqs.send_message(
                QueueUrl=self._urls[letter.queue][0],
                MessageBody=message["Body"],
                MessageAttributes=message.get("MessageAttributes", {}),
            )
        self.drop(letter)


def dead_letters_of(sqs: Any, queue_url: str) -> str:
    """The URL of the queue to which a queue gives what fails too often."""
    told = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"])["Attributes"]
    name = json.loads(told["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")[2]
    return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])


def _sent_at(message: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)


@contextmanager
def _faults(what: str) -> Iterator[None]:
    """Raises Fault for whatever SQS refuses."""
    try:
        yield
    except (BotoCoreError, ClientError, KeyError, ValueError) as exc:
        raise Fault(what) from exc
