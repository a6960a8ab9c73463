"""The Queue port on SQS: one queue of bookings to reconcile, one of bookings that owe e-mails."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import islice
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.ids import booking_of, is_booking_id, is_listing_id
from chalicelib.domain.operators.closing import listing_of_task
from chalicelib.domain.people.erasure import erasure_of_task
from chalicelib.domain.people.expiry import TASK
from chalicelib.domain.record import replace
from chalicelib.services.ports.outcomes import Fault
from chalicelib.services.ports.queues import NO_DELAY, QueueDepth, Task

_DEPTHS = tuple(f"ApproximateNumberOfMessages{which}" for which in ("", "Delayed", "NotVisible"))

_KEY = re.compile("[A-Za-z0-9_-]{22}", re.ASCII)
"""A keyed hash, by which an erasure is named."""
BATCH = 10
"""The most messages that SQS takes with one call."""


class Sqs:
    """Sends tasks as small JSON; ``read_task`` is the way back."""

    def __init__(self, client: Callable[[], Any], reconcile_queue_url: str, emails_queue_url: str) -> None:
        self._client = client
        self._reconcile_url = reconcile_queue_url
        self._emails_url = emails_queue_url

    def enqueue_reconcile(self, tasks: Iterable[Task], *, delay: timedelta = NO_DELAY) -> None:
        """Enqueue bookings for the consumers of the clock. Raises Fault when not all were taken."""
        waiting = iter(tasks)
        while batch := list(islice(waiting, BATCH)):
            self._send(self._reconcile_url, batch, delay)

    def enqueue_outbox(self, task: Task) -> None:
        """Enqueue entries of a booking's outbox for delivery. Raises Fault."""
        self._send(self._emails_url, [task])

    def depth(self) -> int:
        """How many wait to be reconciled: about. Raises Fault.

        What is at work is left out: messages of a worker that died count as such for minutes, and as many of what is
        due, the oldest, would be taken for waiting.
        """
        names = [f"ApproximateNumberOfMessages{which}" for which in ("", "Delayed")]
        try:
            answer = self._client().get_queue_attributes(QueueUrl=self._reconcile_url, AttributeNames=names)
        except (BotoCoreError, ClientError) as exc:
            raise Fault("the depth of the queue could not be read") from exc
        return sum(int(answer["Attributes"].get(name, 0)) for name in names)

    def depths(self) -> tuple[QueueDepth, ...]:
        """How much lies in each queue, and in the queue of its dead letters: about. Raises Fault."""
        reconcile, emails = self._lies_in(self._reconcile_url), self._lies_in(self._emails_url)
        return QueueDepth("reconcile", *reconcile), QueueDepth("emails", *emails)

    def _lies_in(self, url: str) -> tuple[int, int, int]:
        try:
            told = self._client().get_queue_attributes(QueueUrl=url, AttributeNames=[*_DEPTHS, "RedrivePolicy"])
            own = told["Attributes"]
            dead = json.loads(own["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")[2]
            dead_url = self._client().get_queue_url(QueueName=dead)["QueueUrl"]
            of_dead = self._client().get_queue_attributes(QueueUrl=dead_url, AttributeNames=list(_DEPTHS))["Attributes"]
        except (BotoCoreError, ClientError, KeyError, ValueError) as exc:
            raise Fault("the depth of a queue could not be read") from exc
        visible, delayed, at_work = (int(own.get(name, 0)) for name in _DEPTHS)
        # A dead letter that somebody is looking at is one still.
        return visible + delayed, at_work, sum(int(of_dead.get(name, 0)) for name in _DEPTHS)

    def _send(self, url: str, tasks: list[Task], delay: timedelta = NO_DELAY) -> None:
        later = {"DelaySeconds": int(delay.total_seconds())} if delay else {}
        left: list[Any] = [
            {"Id": str(place), "MessageBody": write_task(task), **later} for place, task in enumerate(tasks)
        ]
        for _ in range(2):  # what SQS itself failed to take is offered once more
            try:
                answer = self._client().send_message_batch(QueueUrl=url, Entries=left)
            except (BotoCoreError, ClientError) as exc:
                raise Fault("the queue could not be reached") from exc
            failed = {entry["Id"] for entry in answer.get("Failed", ())}
            left = [entry for entry in left if entry["Id"] in failed]
            if not left:
                return
        raise Fault(f"the queue refused {len(left)} of {len(tasks)} messages")


def write_task(task: Task) -> str:
    """The body of a task's message."""
    return msgspec.json.encode(task).decode()


def _is_work(task_id: str) -> bool:
    """Whether a task is the closing of a listing, the erasure of a person, or that contacts expire."""
    is_closing = is_listing_id(listing_of_task(task_id) or "")
    return is_closing or task_id == TASK or _KEY.fullmatch(erasure_of_task(task_id) or "") is not None


def read_task(body: str) -> Task:
    """The task of a message. Raises ValueError for anything that ``write_task`` would not have written.

    An actor that only a newer release knows is passed over: what is to be done is the same, and the sweep's to do.
    """
    try:
        message = msgspec.json.decode(body, type=dict[str, Any])
        try:
            task = msgspec.convert(message, Task)
        except msgspec.ValidationError:
            message.pop("actor", None)
            task = msgspec.convert(message, Task)
    except (msgspec.DecodeError, RecursionError, TypeError):
        raise ValueError("a message is no task") from None
    if not is_booking_id(task.booking_id) and not _is_work(task.booking_id):
        raise ValueError("a message names neither a booking nor another piece of work")
    if task.tx_ref is not None and booking_of(task.tx_ref) != task.booking_id:
        raise ValueError("a message names a payment that is not its booking's")
    return replace(task, request_id=task.request_id[:128])
