"""The bodies of the event handlers in ``app.py``: from an AWS event to a use case."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import uuid4

from chalicelib.container import Container, container
from chalicelib.domain.people.suppression import MailReport
from chalicelib.domain.timing import API_GATEWAY_BUDGET, CANARY_SEARCH, TASK_GATEWAY_BUDGET
from chalicelib.services.clock import canary
from chalicelib.services.clock.checking import check
from chalicelib.services.clock.counting import keep_counts
from chalicelib.services.clock.sweep import process_task, sweep
from chalicelib.services.clock.watching import watch
from chalicelib.services.deliver import deliver
from chalicelib.services.mail_reports import record_report
from chalicelib.services.ports.queues import Task
from chalicelib.settings import BadSetting
from chalicelib.telemetry import correlated, describe_error, invocation, observe

M = TypeVar("M", bound=Task | MailReport)


def on_schedule(context: Any) -> dict[str, int]:
    """Enqueue the bookings that are due; answers ``{"due": count}``. Raises Crashed."""
    with invocation("sweep", str(uuid4()), context):
        due = sweep(container())
        observe("swept", due=due)
        return {"due": due}


def on_watch(context: Any) -> dict[str, bool]:
    """Look at what must not be overlooked, and begin the day's check or go on with it; answers whether it did."""
    with invocation("watch", str(uuid4()), context):
        ports = container()
        watch(ports)
        done = check(ports)
        observe("watched")
        return {"checked": done is not None}


def on_canary(context: Any) -> dict[str, bool]:
    """Go a guest's way up to the link to pay; answers whether she would have come through."""
    public_url = _public_url()
    request_id = str(uuid4())
    with invocation("canary", request_id, context):
        ports = container()
        try:
            with ports.gateway_budget(API_GATEWAY_BUDGET):
                canary.fly(
                    ports,
                    lambda city: _searched(public_url, city),
                    email=ports.settings.mail_from,
                    public_url=public_url,
                    request_id=request_id,
                )
        except Exception as error:  # noqa: BLE001 - whatever it is, a guest would have met it
            keep_counts(ports)
            code = getattr(error, "code", None)
            observe("canary_failed", level="error", code=code, **describe_error(error))
            return {"passed": False}
        keep_counts(ports)
        observe("canary_passed")
        return {"passed": True}


def _searched(public_url: str, city: str) -> list[str]:
    """The listings that a guest finds in a city, asked for from outside. Raises RequestException, ValueError."""
    import requests

    seconds = CANARY_SEARCH.total_seconds()
    answer = requests.get(f"{public_url}/v1/listings", params={"city": city}, timeout=seconds)
    answer.raise_for_status()
    return [listing["listing_id"] for listing in json.loads(answer.content)["items"]]


def _public_url() -> str:
    """The address at which guests reach the API. Raises BadSetting."""
    public_url = container().settings.public_url
    if public_url is None:
        raise BadSetting("PUBLIC_URL is not set")
    return public_url


def on_tasks(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Do what is due for the bookings of a batch from the ``reconcile`` queue; answers the messages that failed."""
    public_url = _public_url()
    return _process_batch(
        "reconcile",
        event,
        context,
        lambda ports, task, _: process_task(ports, task, public_url=public_url),
        read=container().task_of,
    )


def on_emails(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Deliver the outbox entries that a batch from the ``emails`` queue names, and record what SES reports of others.

    Answers the messages that failed.
    """

    def work(ports: Container, message: Task | MailReport, first: bool) -> None:
        if isinstance(message, MailReport):
            record_report(ports, message)
        else:
            deliver(ports, message.booking_id, message.entries, first_delivery=first)

    return _process_batch("send_emails", event, context, work, read=container().outbox_message_of)


def _process_batch(
    function: str,
    event: dict[str, Any],
    context: Any,
    work: Callable[[Container, M, bool], object],
    *,
    read: Callable[[str], M],
) -> dict[str, Any]:
    """Process each message by itself: SQS delivers again those that fail, and none of the others.

    ``read`` raises ValueError for a body that it cannot read; ``work`` is told whether the queue hands the message out
    for the first time.
    """
    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    def handle(record: SQSRecord) -> None:
        try:
            task = read(record.body)
        except ValueError as error:
            # It will never be readable: after its last delivery the dead-letter queue keeps it for an operator.
            observe("task_unreadable", level="error", **describe_error(error))
            raise
        request_id = task.request_id if isinstance(task, Task) else ""
        with correlated(request_id or record.message_id, booking_id=task.booking_id):
            try:
                with container().gateway_budget(TASK_GATEWAY_BUDGET):
                    work(container(), task, record.attributes.approximate_receive_count == "1")
            except Exception as error:
                observe("task_failed", level="error", **describe_error(error))
                raise

    with invocation(function, "", context):
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        answer = dict(process_partial_response(event, handle, processor, context))
        keep_counts(container())
        return answer
