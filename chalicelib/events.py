"""The bodies of the event handlers in ``app.py``: from an event of AWS to a use case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from chalicelib.container import Container, container
from chalicelib.domain.timing import TASK_GATEWAY_BUDGET
from chalicelib.services.deliver import send_emails
from chalicelib.services.ports import Task
from chalicelib.services.sweep import process_task, sweep
from chalicelib.settings import BadSetting
from chalicelib.telemetry import correlated, invocation, observe, trouble


def on_schedule(context: Any) -> dict[str, int]:
    """Hand what is due to the consumers: ``{"due": how many}``."""
    with invocation("sweep", str(uuid4()), context):
        due = sweep(container())
        observe("swept", due=due)
        return {"due": due}


def on_tasks(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Work off bookings from the ``reconcile`` queue."""
    public_url = container().settings.public_url
    if public_url is None:
        raise BadSetting("PUBLIC_URL is not set")
    return _each("reconcile", event, context, lambda stage, task: process_task(stage, task, public_url=public_url))


def on_emails(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Send what the bookings from the ``emails`` queue owe."""
    return _each("send_emails", event, context, lambda stage, task: send_emails(stage, task.booking_id))


def _each(
    function: str, event: dict[str, Any], context: Any, work: Callable[[Container, Task], object]
) -> dict[str, Any]:
    """Each message by itself: one that fails comes again, and takes none of the others with it."""
    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    def handle(record: SQSRecord) -> None:
        try:
            task = container().task_of(record.body)
        except ValueError as junk:
            # It would never become readable: the dead-letter queue keeps it for a person.
            observe("task_unreadable", level="error", **trouble(junk))
            raise
        with correlated(task.request_id or record.message_id, booking_id=task.booking_id):
            try:
                with container().gateway_time(TASK_GATEWAY_BUDGET):
                    work(container(), task)
            except Exception as error:
                observe("task_failed", level="error", **trouble(error))
                raise

    with invocation(function, "", context):
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        return dict(process_partial_response(event, handle, processor, context))
