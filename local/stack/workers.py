"""`Workers`: invoke the app's event handlers as Lambda's pollers do, from queues in batches and by schedule.

A batch whose handler raises stays in the queue; of one that answers `batchItemFailures`, those stay. What
stays comes again when its visibility time-out is over, and goes to the dead-letter queue after as many
receives as the queue says. Nothing here retries by itself.
"""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice, EventSourceHandler, ScheduledEventConfig, SQSEventConfig
from chalice.local import LambdaContext

from local.stack.emulator.resources import template

log = logging.getLogger("local.stack.workers")

LONG_POLL = 1  # seconds: how long a poller may need to notice that it should stop
SQS_BATCH = 10
AT_ONCE = 4  # where the template says nothing about concurrency
TICK = 60.0
ACCOUNT = "000000000000"

Message = dict[str, Any]
Event = dict[str, Any]


class Functions:
    """Calls the app's functions as Lambda does, and counts the running calls."""

    def __init__(self, app: Chalice, timeouts: Mapping[str, int]) -> None:
        self._app = app
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._working = 0
        self._started = 0
        for handler in app.handler_map.values():
            # Chalice joins a handler and its middleware at the first call, and does not expect two at once.
            if isinstance(handler, EventSourceHandler) and handler.handler is None:
                handler.handler = handler._build_middleware_handlers(
                    list(handler.middleware_handlers), original_handler=handler.func
                )

    def call(self, name: str, event: Event) -> Any:
        """Invoke a function and return its answer. Raises whatever it raises."""
        with self._lock:
            self._working += 1
            self._started += 1
        try:
            return self._app.handler_map[name](event, self._context(name))
        finally:
            with self._lock:
                self._working -= 1

    def activity(self) -> tuple[int, int]:
        """Return how many calls are running, and how many were ever started."""
        with self._lock:
            return self._working, self._started

    def _context(self, name: str) -> LambdaContext:
        context = LambdaContext(f"guzo-local-{name}", 512, self._timeouts.get(name, 60) * 1000)
        context.invoked_function_arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:guzo-local-{name}"
        return context


@dataclass
class QueueWorker:
    """Polls one queue and invokes one function with batches, a few at the same time."""

    function: str
    url: str
    batch_size: int
    at_once: int
    functions: Functions
    sqs: Any
    handled: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting_again: dict[str, float] = field(default_factory=dict)
    _attributes: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start polling."""
        self._attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        # Messages that a killed process was working on are not ours until they become visible again.
        left = int(self._attributes.get("ApproximateNumberOfMessagesNotVisible", 0))
        self._remember([{"MessageId": f"left behind {number}"} for number in range(left)])
        self._free = threading.Semaphore(self.at_once)
        threading.Thread(target=self._poll, name=f"poll-{self.function}", daemon=True).start()

    def stop(self) -> None:
        """Take no more messages."""
        self._stopping.set()

    def is_empty(self) -> bool:
        """Whether the queue is empty, but for failed messages that wait for their visibility time-out."""
        names = ("", "NotVisible", "Delayed")
        attributes = [f"ApproximateNumberOfMessages{name}" for name in names]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=attributes)["Attributes"]
        visible, in_flight, delayed = (int(answer.get(name, 0)) for name in attributes)
        return visible == 0 and delayed == 0 and in_flight <= self._failed()

    def _poll(self) -> None:
        while not self._stopping.is_set():
            free = self._take_slots()
            batches: list[list[Message]] = []
            try:
                messages = self._receive(min(SQS_BATCH, free * self.batch_size))
                batches = [
                    messages[start : start + self.batch_size] for start in range(0, len(messages), self.batch_size)
                ]
            except (BotoCoreError, ClientError):
                if not self._stopping.is_set():
                    log.warning("cannot receive from %s", self.url, exc_info=True)
                    self._stopping.wait(0.5)
            for batch in batches:
                threading.Thread(target=self._work, args=(batch,), name=self.function, daemon=True).start()
            if free > len(batches):
                self._free.release(free - len(batches))

    def _take_slots(self) -> int:
        self._free.acquire()
        taken = 1
        while taken * self.batch_size < SQS_BATCH and self._free.acquire(blocking=False):
            taken += 1
        return taken

    def _receive(self, most: int) -> list[Message]:
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=most,
            WaitTimeSeconds=LONG_POLL,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    def _work(self, batch: list[Message]) -> None:
        try:
            done = self._done(batch)
            failed = [message for message in batch if message not in done]
            self._remember(failed)
            with self._lock:
                self.handled += len(done)
            if done:
                self._delete(done)
        finally:
            self._free.release()

    def _done(self, batch: list[Message]) -> list[Message]:
        event = {"Records": [record(message, self._attributes["QueueArn"]) for message in batch]}
        try:
            answer = self.functions.call(self.function, event)
        except Exception:
            log.exception("%s raised: %d messages stay in the queue", self.function, len(batch))
            return []
        failed = failed_ids(answer, {message["MessageId"] for message in batch})
        if failed:
            log.warning("%s failed for %d of %d messages", self.function, len(failed), len(batch))
        return [message for message in batch if message["MessageId"] not in failed]

    def _delete(self, done: Iterable[Message]) -> None:
        entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(done)]
        try:
            self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
        except (BotoCoreError, ClientError):
            if not self._stopping.is_set():
                log.warning("cannot delete from %s: the messages will come again", self.url, exc_info=True)

    def _remember(self, failed: Iterable[Message]) -> None:
        again = time.monotonic() + int(self._attributes.get("VisibilityTimeout", "30"))
        with self._lock:
            self._waiting_again |= {message["MessageId"]: again for message in failed}

    def _failed(self) -> int:
        now = time.monotonic()
        with self._lock:
            self._waiting_again = {id_: again for id_, again in self._waiting_again.items() if again > now}
            return len(self._waiting_again)


class Schedule:
    """Invokes one function every so many seconds and on demand, one call at a time."""

    def __init__(self, function: str, functions: Functions, every: float = TICK) -> None:
        self._function = function
        self._functions = functions
        self._every = every
        self._stopping = threading.Event()
        self._one = threading.Lock()

    def start(self) -> None:
        """Start the schedule."""
        threading.Thread(target=self._run, name="schedule", daemon=True).start()

    def stop(self) -> None:
        """Stop the schedule."""
        self._stopping.set()

    def tick(self) -> Any:
        """Invoke the function now and return its answer. Raises whatever it raises."""
        with self._one:
            return self._functions.call(self._function, scheduled_event())

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self.tick()
            except Exception:
                log.exception("%s raised", self._function)


class Workers:
    """The pollers and schedules of all event sources of the app.

    `queues` gives the URL of each queue that app.py names.
    """

    def __init__(
        self, app: Chalice, queues: Mapping[str, str], timeouts: Mapping[str, int] | None = None, sqs: Any = None
    ) -> None:
        self.functions = Functions(app, timeouts or {})
        # More connections than threads, and a read time-out above a long poll; the poller handles failures.
        config = Config(max_pool_connections=50, read_timeout=LONG_POLL + 9, retries={"max_attempts": 2})
        sqs = sqs or boto3.client("sqs", config=config)
        self.queues = {
            source.name: QueueWorker(
                function=source.name,
                url=queues[str(source.queue)],
                batch_size=source.batch_size,
                at_once=source.maximum_concurrency or at_once(source.name),
                functions=self.functions,
                sqs=sqs,
            )
            for source in app.event_sources
            if isinstance(source, SQSEventConfig)
        }
        self.schedules = {
            source.name: Schedule(source.name, self.functions, seconds_of(source.schedule_expression))
            for source in app.event_sources
            if isinstance(source, ScheduledEventConfig)
        }

    def start(self) -> None:
        """Start every poller and the schedule."""
        for queue in self.queues.values():
            queue.start()
        for schedule in self.schedules.values():
            schedule.start()

    def stop(self) -> None:
        """Stop all of them; running calls end with the process."""
        for queue in self.queues.values():
            queue.stop()
        for schedule in self.schedules.values():
            schedule.stop()

    def sweep(self) -> int:
        """Run the sweep now; return how many bookings were due."""
        answer = self.schedules["sweep"].tick()
        return int(answer["due"]) if isinstance(answer, dict) and "due" in answer else 0

    def watch(self) -> bool:
        """Run the watch now; return whether the day's check was begun, or gone on with."""
        return bool(self.schedules["watch"].tick()["checked"])

    def fly_canary(self) -> bool:
        """Run the canary now; return whether it came through."""
        return bool(self.functions.call("canary", scheduled_event())["passed"])

    def handled(self, function: str) -> int:
        """Return how many messages a function has processed so far."""
        return self.queues[function].handled

    def is_idle(self, others_idle: Callable[[], bool] = lambda: True) -> bool:
        """Whether no call is running and all queues are empty; `others_idle` does the same for other senders."""
        working, started = self.functions.activity()
        if working or not others_idle() or not all(queue.is_empty() for queue in self.queues.values()):
            return False
        # A message may have moved on while the queues were read: the counts must be unchanged.
        return others_idle() and self.functions.activity() == (0, started)


def failed_ids(answer: Any, batch: set[str]) -> set[str]:
    """Return the ids of messages that stay in the queue; after an unreadable answer all do, as in Lambda."""
    if not isinstance(answer, dict) or not answer.get("batchItemFailures"):
        return set()
    try:
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
    except (TypeError, KeyError):
        return batch
    return failed if failed.issubset(batch) else batch


def record(message: Message, queue_arn: str) -> Event:
    """Return a message as a record of Lambda's SQS event."""
    attributes = {
        name: {key[0].lower() + key[1:]: value for key, value in attribute.items()}
        for name, attribute in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": attributes,
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def scheduled_event() -> Event:
    """Return the event that EventBridge sends for a schedule."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": [f"arn:aws:events:us-east-1:{ACCOUNT}:rule/guzo-local-sweep"],
        "detail": {},
    }


def seconds_of(rate: Any) -> float:
    """The seconds of `rate(5 minutes)`. Raises ValueError for any other kind of schedule."""
    told = rate if isinstance(rate, str) else rate.to_string()
    found = re.fullmatch(r"rate\((\d+) minutes?\)", told)
    if found is None:
        raise ValueError(f"{told} is no rate in minutes")
    return int(found[1]) * 60.0


def at_once(function: str) -> int:
    """Return the function's maximum concurrency in the template."""
    name = "".join(word.capitalize() for word in function.split("_"))
    try:
        source = template()["Resources"][name]["Properties"]["Events"][f"{name}SqsEventSource"]["Properties"]
        return int(source["ScalingConfig"]["MaximumConcurrency"])
    except KeyError:
        return AT_ONCE
