"""The workers, on a queue in memory that behaves as SQS does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chalice.app import Chalice, SQSEvent

from local.stack.workers import Functions, QueueWorker, Workers, at_once, failed_ids, record
from tests.local.probe import make_probe

URL = "http://127.0.0.1/queue"


class FakeSqs:
    """One queue. A received message is hidden until its visibility time-out is over."""

    def __init__(self, visibility: float = 300) -> None:
        self.visibility = visibility
        self.messages: dict[str, dict[str, Any]] = {}
        self.lock = threading.Lock()

    def send(self, *bodies: str) -> None:
        with self.lock:
            for body in bodies:
                number = f"m{len(self.messages)}-{body}"
                self.messages[number] = {"Body": body, "visible_at": 0.0}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        now = time.monotonic()
        with self.lock:
            hidden = sum(message["visible_at"] > now for message in self.messages.values())
            return {
                "Attributes": {
                    "QueueArn": "arn:aws:sqs:us-east-1:000000000000:queue",
                    "VisibilityTimeout": str(int(self.visibility)),
                    "ApproximateNumberOfMessages": str(len(self.messages) - hidden),
                    "ApproximateNumberOfMessagesNotVisible": str(hidden),
                    "ApproximateNumberOfMessagesDelayed": "0",
                }
            }

    def receive_message(self, *, MaxNumberOfMessages: int, **_: Any) -> dict[str, Any]:  # noqa: N803, SQS's name
        now = time.monotonic()
        with self.lock:
            free = [item for item in self.messages.items() if item[1]["visible_at"] <= now][:MaxNumberOfMessages]
            for _number, found in free:
                found["visible_at"] = now + self.visibility
        if not free:
            time.sleep(0.01)
            return {}
        return {"Messages": [{"MessageId": key, "ReceiptHandle": key, "Body": m["Body"]} for key, m in free]}

    def delete_message_batch(self, *, Entries: list[dict[str, str]], **_: Any) -> None:  # noqa: N803, SQS's name
        with self.lock:
            for entry in Entries:
                del self.messages[entry["ReceiptHandle"]]


Handler = Callable[[SQSEvent], Any]


@pytest.fixture
def work() -> Iterator[Callable[..., tuple[QueueWorker, FakeSqs, Functions]]]:
    started: list[QueueWorker] = []

    def start(
        handler: Handler, *, batch_size: int = 1, at_once: int = 10, sqs: FakeSqs | None = None
    ) -> tuple[QueueWorker, FakeSqs, Functions]:
        app = Chalice(app_name="probe", configure_logs=False)
        app.on_sqs_message(queue="queue", batch_size=batch_size, name="work")(handler)
        sqs, functions = sqs or FakeSqs(), Functions(app, {"work": 60})
        worker = QueueWorker("work", URL, batch_size, at_once, functions, sqs)
        worker.start()
        started.append(worker)
        return worker, sqs, functions

    yield start
    for worker in started:
        worker.stop()


PATIENCE = 30.0
"""Seconds after which something that was to happen will not."""


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_handled_messages_are_deleted_and_counted(work: Any) -> None:
    seen: list[str] = []
    worker, sqs, _ = work(lambda event: seen.extend(each.body for each in event))
    sqs.send("a", "b", "c")
    until(lambda: worker.is_empty() and worker.handled == 3)
    assert sorted(seen) == ["a", "b", "c"]


def test_messages_come_in_batches(work: Any) -> None:
    sizes: list[int] = []
    worker, sqs, _ = work(lambda event: sizes.append(len(list(event))), batch_size=10)
    sqs.send(*"abcdefghijkl")
    until(lambda: worker.handled == 12)
    assert max(sizes) > 1
    assert max(sizes) <= 10


def test_ten_are_worked_on_at_once(work: Any) -> None:
    together = threading.Barrier(10)
    worker, sqs, _ = work(lambda event: together.wait(PATIENCE))
    sqs.send(*"abcdefghij")
    until(lambda: worker.handled == 10)


def test_no_more_than_the_limit_are_worked_on_at_once(work: Any) -> None:
    lock, now, most = threading.Lock(), [0], [0]
    together = threading.Barrier(3)

    def handler(event: SQSEvent) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait(PATIENCE)
        with lock:
            now[0] -= 1

    worker, sqs, _ = work(handler, at_once=3)
    sqs.send(*"abcdefghijkl")
    until(lambda: worker.handled == 12)
    assert most[0] == 3


def test_of_a_partial_failure_only_the_failed_stay(work: Any) -> None:
    def handler(event: SQSEvent) -> dict[str, Any]:
        failed = [each.to_dict()["messageId"] for each in event if each.body == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    worker, sqs, _ = work(handler, batch_size=10)
    sqs.send("good", "bad", "good")
    until(lambda: worker.handled == 2 and len(sqs.messages) == 1)
    assert [message["Body"] for message in sqs.messages.values()] == ["bad"]


def test_when_a_handler_raises_all_stay_hidden_until_their_time_is_over(work: Any) -> None:
    calls: list[int] = []

    def handler(event: SQSEvent) -> None:
        calls.append(1)
        raise RuntimeError

    worker, sqs, functions = work(handler, batch_size=10)
    sqs.send("a", "b")
    until(lambda: bool(calls) and functions.activity()[0] == 0)
    until(worker.is_empty)  # what failed is no longer work for now
    assert len(sqs.messages) == 2
    assert worker.handled == 0
    tried = len(calls)
    for message in sqs.messages.values():
        message["visible_at"] = 0.0
    until(lambda: len(calls) > tried)


def test_a_queue_is_not_empty_while_a_message_is_worked_on(work: Any) -> None:
    go_on = threading.Event()
    worker, sqs, functions = work(lambda event: go_on.wait(PATIENCE))
    sqs.send("a")
    until(lambda: functions.activity()[0] == 1)
    assert not worker.is_empty()
    go_on.set()
    until(worker.is_empty)


def test_what_a_killed_process_had_in_hand_is_no_work_until_it_comes_again(work: Any) -> None:
    sqs = FakeSqs()
    sqs.send("left behind")
    sqs.receive_message(MaxNumberOfMessages=1)
    seen: list[str] = []
    worker, _, _ = work(lambda event: seen.extend(each.body for each in event), sqs=sqs)
    assert worker.is_empty()
    for message in sqs.messages.values():
        message["visible_at"] = 0.0
    until(lambda: worker.is_empty() and worker.handled == 1)
    assert seen == ["left behind"]


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, {"a"}),
        ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, {"a", "b"}),
        ({"batchItemFailures": [{}]}, {"a", "b"}),
        ({"batchItemFailures": ["a"]}, {"a", "b"}),
    ],
)
def test_what_a_handlers_answer_leaves_in_the_queue(answer: Any, failed: set[str]) -> None:
    assert failed_ids(answer, {"a", "b"}) == failed


def test_a_record_has_lambdas_form() -> None:
    message = {
        "MessageId": "m",
        "ReceiptHandle": "r",
        "Body": "{}",
        "MD5OfBody": "99",
        "Attributes": {"ApproximateReceiveCount": "2"},
        "MessageAttributes": {"kind": {"StringValue": "x", "DataType": "String"}},
    }
    assert record(message, "arn:aws:sqs:us-east-1:000000000000:queue") == {
        "messageId": "m",
        "receiptHandle": "r",
        "body": "{}",
        "md5OfBody": "99",
        "attributes": {"ApproximateReceiveCount": "2"},
        "messageAttributes": {"kind": {"stringValue": "x", "dataType": "String"}},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue",
        "awsRegion": "us-east-1",
    }


def test_the_schedule_is_called_when_told(work: Any) -> None:
    workers = Workers(make_probe(), {}, sqs=FakeSqs())
    assert workers.sweep() == 3
    assert workers.functions.activity() == (0, 1)
    assert workers.is_idle()


def test_nothing_is_idle_while_others_are_not() -> None:
    workers = Workers(make_probe(), {}, sqs=FakeSqs())
    answers = iter([True, False])
    assert not workers.is_idle(lambda: False)
    assert not workers.is_idle(lambda: next(answers))


def test_concurrency_is_the_templates() -> None:
    assert at_once("reconcile") == 10
    assert at_once("something_else") == 4
