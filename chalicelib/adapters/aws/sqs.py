"""The Queue port on SQS: one queue of bookings to reconcile, one of bookings that owe e-mails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, get_args

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.ids import BookingId, booking_of, is_booking_id
from chalicelib.domain.verification import WebhookClaim
from chalicelib.services.ports import Fault, Task

BATCH = 10
"""The most messages that SQS takes with one call."""


class Sqs:
    """Sends tasks as small JSON; ``read_task`` is the way back."""

    def __init__(self, client: Callable[[], Any], reconcile_queue_url: str, emails_queue_url: str) -> None:
        self._client = client
        self._reconcile_url = reconcile_queue_url
        self._emails_url = emails_queue_url

    def reconcile(self, tasks: Iterable[Task]) -> None:
        """Hand bookings to the consumers of the clock. Raises Fault when not all were taken."""
        waiting = iter(tasks)
        while batch := list(islice(waiting, BATCH)):
            self._send(self._reconcile_url, batch)

    def emails(self, task: Task) -> None:
        """Hand over a booking that owes e-mails. Raises Fault."""
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

    def _send(self, url: str, tasks: list[Task]) -> None:
        left = [{"Id": str(place), "MessageBody": write_task(task)} for place, task in enumerate(tasks)]
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
    fields = {
        "booking_id": task.booking_id,
        "tx_ref": task.tx_ref,
        "request_id": task.request_id,
        "webhook_claim": task.webhook_claim,
    }
    return json.dumps({name: value for name, value in fields.items() if value}, separators=(",", ":"))


def read_task(body: str) -> Task:
    """The task of a message. Raises ValueError for anything that ``write_task`` would not have written."""
    try:
        fields = json.loads(body)
    except (ValueError, TypeError, RecursionError):
        raise ValueError("a message is no JSON") from None
    if not isinstance(fields, dict):
        raise ValueError("a message is no JSON object")
    booking_id, tx_ref, request_id = (fields.get(name) for name in ("booking_id", "tx_ref", "request_id"))
    if not isinstance(booking_id, str) or not is_booking_id(booking_id):
        raise ValueError("a message names no booking")
    if tx_ref is not None and (not isinstance(tx_ref, str) or booking_of(tx_ref) != booking_id):
        raise ValueError("a message names a payment that is not its booking's")
    webhook_claim = fields.get("webhook_claim", "")
    if webhook_claim not in get_args(WebhookClaim):
        raise ValueError("a message announces something that nothing announces")
    return Task(BookingId(booking_id), tx_ref, request_id[:128] if isinstance(request_id, str) else "", webhook_claim)
