from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args

import botocore.session
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from chalicelib.adapters.aws.sqs import Sqs, read_task, write_task
from chalicelib.domain.booking import Actor, Cause
from chalicelib.domain.ids import BookingId, ListingId
from chalicelib.domain.operators.closing import closing_task
from chalicelib.domain.people.erasure import erasure_task
from chalicelib.domain.people.expiry import TASK
from chalicelib.domain.verification import WebhookClaim
from chalicelib.services.ports.outcomes import Fault
from chalicelib.services.ports.queues import Task

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BOOKING = BookingId("GZ0123456789ABCD")


def booking(number: int) -> BookingId:
    return BookingId(f"GZ{number:014d}")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield botocore.session.get_session().create_client("sqs", region_name="us-east-1")


def drain(aws: Any, url: str) -> list[str]:
    bodies = []
    while messages := aws.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in messages]
    return bodies


def test_tasks_reach_their_queue_and_can_be_read_again(aws: Any) -> None:
    reconcile, emails = (aws.create_queue(QueueName=name)["QueueUrl"] for name in ("reconcile", "emails"))
    queue = Sqs(lambda: aws, reconcile, emails)
    tasks = [Task(booking(number), f"{booking(number)}-1", request_id=f"req-{number}") for number in range(23)]
    queue.enqueue_reconcile(task for task in tasks)
    queue.enqueue_outbox(Task(BOOKING, entries=("1", "2"), request_id="req-1"))
    queue.enqueue_reconcile([])
    assert queue.depth() == 23
    bodies = drain(aws, reconcile)
    assert sorted(map(read_task, bodies), key=lambda task: task.booking_id) == tasks
    assert queue.depth() == 0  # what is at work, or was when its worker died, does not wait
    (body,) = drain(aws, emails)
    assert read_task(body) == Task(BOOKING, entries=("1", "2"), request_id="req-1")
    assert json.loads(body) == {"booking_id": BOOKING, "entries": ["1", "2"], "request_id": "req-1"}


def test_what_waits_with_a_delay_waits_too(aws: Any) -> None:
    reconcile = aws.create_queue(QueueName="reconcile")["QueueUrl"]
    queue = Sqs(lambda: aws, reconcile, "")
    queue.enqueue_reconcile([Task(booking(1))], delay=timedelta(seconds=5))
    queue.enqueue_reconcile([Task(booking(2))])
    assert queue.depth() == 2


class Client:
    """A queue that fails some entries, so many times each; or all, with an exception."""

    def __init__(self, failures: dict[str, int] | None = None, trouble: Exception | None = None) -> None:
        self.failures = failures or {}
        self.trouble = trouble
        self.taken: list[str] = []
        self.sizes: list[int] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        self.sizes.append(len(Entries))
        if self.trouble:
            raise self.trouble
        failed = []
        for entry in Entries:
            name = read_task(entry["MessageBody"]).booking_id
            if self.failures.get(name, 0):
                self.failures[name] -= 1
                failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
            else:
                self.taken.append(name)
        return {"Successful": [], **({"Failed": failed} if failed else {})}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        assert self.trouble
        raise self.trouble


TASKS = [Task(booking(number)) for number in range(12)]


def test_what_the_queue_failed_to_take_is_offered_once_more() -> None:
    client = Client({booking(3): 1, booking(11): 1})
    Sqs(lambda: client, "r", "e").enqueue_reconcile(TASKS)
    assert sorted(client.taken) == [task.booking_id for task in TASKS]
    assert client.sizes == [10, 1, 2, 1]


def test_twice_refused_is_a_fault() -> None:
    client = Client({booking(3): 2})
    with pytest.raises(Fault, match="1 of 10"):
        Sqs(lambda: client, "r", "e").enqueue_reconcile(TASKS)
    assert client.sizes == [10, 1]


@pytest.mark.parametrize(
    "trouble",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "marked"}}, "SendMessageBatch"),
        ReadTimeoutError(endpoint_url="https://sqs"),
    ],
)
def test_a_queue_that_cannot_be_reached_is_a_fault(trouble: Exception) -> None:
    queue = Sqs(lambda: Client(trouble=trouble), "r", "e")
    for call in (lambda: queue.enqueue_reconcile(TASKS), lambda: queue.enqueue_outbox(TASKS[0]), queue.depth):
        with pytest.raises(Fault) as fault:
            call()
        assert "marked" not in str(fault.value)


TASKS_OF_ANY_KIND = st.builds(
    Task,
    st.just(BookingId(BOOKING)),
    st.none() | st.integers(1, 99).map(f"{BOOKING}-{{}}".format),
    entries=st.lists(st.integers(1, 999).map(str), max_size=20).map(tuple),
    request_id=st.text(max_size=128),
    claim=st.sampled_from(get_args(WebhookClaim)),
    actor=st.sampled_from(get_args(Cause)).map(Actor),
)


@given(TASKS_OF_ANY_KIND)
def test_every_task_survives_the_way(task: Task) -> None:
    body = write_task(task)
    assert read_task(body) == task
    assert len(body) < 1280


def test_a_task_remembers_the_person_who_asked_for_it() -> None:
    task = Task(BOOKING, actor=Actor("operator", "operator-sara", "sara@guzo.example.et"))
    assert read_task(write_task(task)) == task


def test_the_closing_of_a_listing_is_a_task_too() -> None:
    task = Task(closing_task(ListingId("lst_0123456789ABCDEF")))
    assert read_task(write_task(task)) == task


@pytest.mark.parametrize("name", [erasure_task("S8cxwuUC6PJQhqO6gH-nuQ"), TASK])
def test_an_erasure_and_the_expiry_of_contacts_are_tasks_too(name: BookingId) -> None:
    assert read_task(write_task(Task(name))) == Task(name)


def test_a_task_of_the_sweep_is_nothing_but_the_booking() -> None:
    assert json.loads(write_task(Task(BOOKING))) == {"booking_id": BOOKING}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "x",
        "[]",
        "null",
        "7",
        "[" * 10_000,
        "{}",
        '{"booking_id": 7}',
        '{"booking_id": "lst_0123456789ABCDEF"}',
        f'{{"booking_id": "{BOOKING}x"}}',
        '{"booking_id": "CLOSING#"}',
        '{"booking_id": "ERASURE#"}',
        '{"booking_id": "ERASURE#S8cxwuUC6PJQhqO6gH/nuQ"}',
        '{"booking_id": "EXPIRY#other"}',
        '{"booking_id": "CLOSING#GZ00000000000000"}',
        f'{{"booking_id": "{BOOKING}", "tx_ref": 1}}',
        f'{{"booking_id": "{BOOKING}", "tx_ref": ""}}',
        f'{{"booking_id": "{BOOKING}", "tx_ref": "GZ00000000000000-1"}}',
        f'{{"booking_id": "{BOOKING}", "claim": "money"}}',
        f'{{"booking_id": "{BOOKING}", "claim": null}}',
        f'{{"booking_id": "{BOOKING}", "request_id": 7}}',
        f'{{"booking_id": "{BOOKING}", "entries": "12"}}',
        f'{{"booking_id": "{BOOKING}", "entries": [1]}}',
    ],
)
def test_junk_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match="a message"):
        read_task(body)


@pytest.mark.parametrize("actor", [{"cause": "dispute"}, {"cause": "operator", "role": "approver"}, "operator", 7])
def test_an_actor_of_a_newer_release_does_not_keep_a_task_from_its_work(actor: object) -> None:
    body = json.dumps({"booking_id": BOOKING, "tx_ref": f"{BOOKING}-1", "claim": "paid", "actor": actor})
    assert read_task(body) == Task(BOOKING, f"{BOOKING}-1", claim="paid")


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_body_raises_anything_else(body: str) -> None:
    with pytest.raises(ValueError, match="a message"):
        read_task(body)


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert read_task(f'{{"booking_id": "{BOOKING}", "new": [1], "request_id": "r"}}') == Task(BOOKING, request_id="r")
