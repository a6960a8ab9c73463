"""What the event handlers make of real events: a message whose work raised comes again, and takes no other with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import permutations
from types import SimpleNamespace
from typing import Any, cast

import pytest
import responses

import app
from chalicelib import events
from chalicelib.adapters.aws.sqs import read_task, write_task
from chalicelib.container import Container
from chalicelib.counters import Counters
from chalicelib.domain.booking import Actor
from chalicelib.domain.ids import BookingId
from chalicelib.domain.people.suppression import MailReport
from chalicelib.domain.timing import API_GATEWAY_BUDGET, CANARY_SEARCH, TASK_GATEWAY_BUDGET
from chalicelib.services.clock import canary, counting
from chalicelib.services.ports.outcomes import Fault, StoreBusy
from chalicelib.services.ports.queues import Task
from chalicelib.settings import BadSetting
from chalicelib.telemetry import Crashed, observe
from tests.adapters.test_ses_reports import bounce
from tests.adapters.test_ses_reports import event as ses_event
from tests.builders import NOW, a_booking_id
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import GUEST_DAWIT, Harness, booking_id_of
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
OTHER = booking_id_of("other", GUEST_DAWIT)
CONTEXT = SimpleNamespace(aws_request_id="lambda-1", get_remaining_time_in_millis=lambda: 60_000)


class FakeContainer(Fakes):
    """The fakes, with what the composition root has beside the ports."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = SimpleNamespace(public_url="https://api.guzo.example.et")
        self.budgets: list[timedelta] = []
        self.inside: list[timedelta] = []

    def task_of(self, message: str) -> Task:
        return read_task(message)

    def outbox_message_of(self, message: str) -> Task | MailReport:
        return Container.outbox_message_of(cast(Any, self), message)

    @contextmanager
    def gateway_budget(self, budget: timedelta) -> Iterator[None]:
        self.budgets.append(budget)
        self.inside.append(budget)
        try:
            yield
        finally:
            self.inside.pop()


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    harness = Harness()
    held = harness.ports.tables
    harness.ports = made = FakeContainer()
    made.tables.listings.update(held.listings)
    monkeypatch.setattr(events, "container", lambda: made)
    yield harness
    harness.check_invariants()


@pytest.fixture
def ports(harness: Harness) -> FakeContainer:
    assert isinstance(harness.ports, FakeContainer)
    return harness.ports


def record(number: int, body: str) -> dict[str, Any]:
    """A record as Lambda is given it."""
    return {
        "messageId": f"message-{number}",
        "receiptHandle": f"handle-{number}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1799140530000",
            "SenderId": "AROAEXAMPLE:guzo",
            "ApproximateFirstReceiveTimestamp": "1799140530001",
        },
        "messageAttributes": {},
        "md5OfBody": "00000000000000000000000000000000",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:guzo-reconcile",
        "awsRegion": "eu-west-1",
    }


def batch(*bodies: Task | str) -> dict[str, Any]:
    written = [write_task(body) if isinstance(body, Task) else body for body in bodies]
    return {"Records": [record(number, body) for number, body in enumerate(written)]}


def failed(answer: dict[str, Any]) -> list[int]:
    """The numbers of the messages that come again."""
    assert list(answer) == ["batchItemFailures"]
    return [int(each["itemIdentifier"].removeprefix("message-")) for each in answer["batchItemFailures"]]


def logged(text: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, text.splitlines()) if "message" in line]


JUNK = ("{", "", "[]", '{"booking_id": "x"}', json.dumps({"booking_id": FIRST, "tx_ref": f"{OTHER}-1"}))


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("handler", [app.reconcile, app.send_emails], ids=["reconcile", "send_emails"])
def test_a_message_that_cannot_be_read_comes_again_until_the_dead_letter_queue_has_it(
    harness: Harness, ports: FakeContainer, handler: Any, junk: str
) -> None:
    assert failed(handler(batch(junk), CONTEXT)) == [0]
    assert ports.call_log.calls == []


def paid_booking(harness: Harness, key: str, **who: Any) -> str:
    """A booking that was paid, of which nobody heard yet."""
    tx_ref = harness.held_booking(key=key, **who).payments[0].tx_ref
    harness.ports.gateway.pay(tx_ref)
    return tx_ref


@pytest.mark.parametrize("order", list(permutations(["good", "junk", "raises"])), ids=" ".join)
def test_each_task_by_itself(
    harness: Harness, ports: FakeContainer, order: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = paid_booking(harness, "first"), paid_booking(harness, "other", guest=GUEST_DAWIT)
    bodies: dict[str, Task | str] = {
        "good": Task(FIRST, good, request_id="request-good", claim="paid"),
        "junk": "junk",
        "raises": Task(OTHER, bad, request_id="request-bad", claim="paid"),
    }
    ports.observe = observe  # type: ignore[assignment]
    lease = ports.bookings.lease_verification

    def leased(booking_id: BookingId, *rest: Any) -> Any:
        return raises_busy() if booking_id == OTHER else lease(booking_id, *rest)

    ports.bookings.lease_verification = leased  # type: ignore[method-assign, assignment]
    assert failed(app.reconcile(batch(*(bodies[name] for name in order)), CONTEXT)) == [
        number for number, name in enumerate(order) if name != "good"
    ]
    assert harness.stored_booking(FIRST).status == "confirmed"
    assert harness.stored_booking(OTHER).status == "pending_payment"
    lines = logged(capsys.readouterr().out)
    assert [line["request_id"] for line in lines if line["message"] == "task_failed"] == ["request-bad"]
    assert {line.get("request_id") for line in lines if line.get("booking_id") == FIRST} == {"request-good"}
    assert all(line["lambda_request_id"] == "lambda-1" for line in lines)


@pytest.mark.parametrize("count", [1, 2, 10])
def test_a_batch_that_fails_as_a_whole_is_told_message_by_message(
    harness: Harness, ports: FakeContainer, count: int
) -> None:
    ports.bookings.load = ports.bookings.lease_verification = raises_busy  # type: ignore[method-assign]
    tasks = [Task(a_booking_id(f"{n}"), f"{a_booking_id(f'{n}')}-1", claim="paid") for n in range(count)]
    for handler in (app.reconcile, app.send_emails):
        assert failed(handler(batch(*tasks), CONTEXT)) == list(range(count))
    assert failed(app.reconcile(batch(*["junk"] * count), CONTEXT)) == list(range(count))


def raises_busy(*_: Any, **__: Any) -> Any:
    raise StoreBusy("the store stayed busy")


@pytest.mark.parametrize("claim", ["paid", "other"])
def test_what_a_webhook_claimed_is_followed_up_in_whatever_state_the_payment_is(
    harness: Harness, ports: FakeContainer, claim: Any
) -> None:
    harness.confirmed_booking()
    harness.clear_logs()
    assert failed(app.reconcile(batch(Task(FIRST, ONE, request_id="r", claim=claim)), CONTEXT)) == []
    assert ports.call_log.count("gateway.verify") == 1
    # A task of the clock names no payment: a booking that rests is left in peace.
    harness.clear_logs()
    assert failed(app.reconcile(batch(Task(FIRST)), CONTEXT)) == []
    assert ports.call_log.count("gateway.verify") == 0


@pytest.mark.parametrize("named", [True, False])
def test_a_booking_that_raises_is_put_off_and_comes_again_where_a_door_was_told_so(
    harness: Harness, ports: FakeContainer, named: bool
) -> None:
    harness.held_booking()
    ports.clock.move_to(harness.due_at(harness.stored_booking(FIRST)) or NOW)
    ports.run_before("bookings.lease_verification" if named else "bookings.load", raises_busy)
    task = Task(FIRST, ONE, request_id="r", claim="paid") if named else Task(FIRST)
    assert failed(app.reconcile(batch(task), CONTEXT)) == ([0] if named else [])
    due = harness.due_at(harness.stored_booking(FIRST))
    assert due is not None
    assert due > ports.clock.now()


@pytest.mark.parametrize("named", [True, False])
def test_where_even_that_cannot_be_written_it_comes_again(harness: Harness, ports: FakeContainer, named: bool) -> None:
    harness.held_booking()
    for call in ("bookings.load", "bookings.back_off_failing"):
        ports.run_before(call, raises_busy)
    assert failed(app.reconcile(batch(Task(FIRST, ONE if named else None)), CONTEXT)) == [0]


def test_letters_go_out_and_those_that_could_not_be_marked_come_again(harness: Harness, ports: FakeContainer) -> None:
    harness.confirmed_booking()
    harness.confirmed_booking(key="other", guest=GUEST_DAWIT)
    load = ports.bookings.load

    def loaded(booking_id: BookingId) -> Any:
        return raises_busy() if booking_id == FIRST else load(booking_id)

    ports.bookings.load = loaded  # type: ignore[method-assign, assignment]
    assert failed(app.send_emails(batch(Task(FIRST), Task(OTHER)), CONTEXT)) == [0]
    assert len(ports.mailer.sent) == 2
    ports.bookings.load = load  # type: ignore[method-assign]
    assert failed(app.send_emails(batch(Task(FIRST)), CONTEXT)) == []
    assert len(ports.mailer.sent) == 4
    assert ports.call_log.names("gateway") == [], "whoever sends letters asks no gateway"


@pytest.mark.parametrize(("count", "saves"), [("1", 1), ("2", 2), ("11", 2)])
def test_letters_are_claimed_before_they_are_sent_once_their_message_comes_again(
    harness: Harness, ports: FakeContainer, count: str, saves: int
) -> None:
    harness.confirmed_booking()
    harness.clear_logs()
    event = batch(Task(FIRST))
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = count
    assert failed(app.send_emails(event, CONTEXT)) == []
    assert ports.call_log.count("bookings.save") == saves
    assert len(ports.mailer.sent) == 2


def test_what_became_of_letters_is_recorded_and_comes_again_where_it_was_not(
    harness: Harness, ports: FakeContainer, capsys: pytest.CaptureFixture[str]
) -> None:
    harness.confirmed_booking()
    other = harness.confirmed_booking(key="other", guest=GUEST_DAWIT)
    harness.deliver_outbox()
    ports.run_before("bookings.save", raises_busy)
    bounces = [ses_event(bounce(), {"booking": [booking_id], "entry": ["1"]}) for booking_id in (FIRST, OTHER)]
    assert failed(app.send_emails(batch(*bounces), CONTEXT)) == [0]
    assert harness.stored_booking(other).letters[0].status == "bounced"
    assert ports.suppressions.find("hanna@example.com") is not None
    [line] = [line for line in logged(capsys.readouterr().out) if line["message"] == "task_failed"]
    assert (line["request_id"], line["booking_id"]) == ("message-0", FIRST)
    assert failed(app.send_emails(batch(bounces[0]), CONTEXT)) == []
    assert harness.stored_booking(FIRST).letters[0].status == "bounced"


def test_every_line_names_the_function_that_wrote_it(
    harness: Harness, ports: FakeContainer, capsys: pytest.CaptureFixture[str]
) -> None:
    ports.observe = observe  # type: ignore[assignment]
    app.reconcile(batch("junk"), CONTEXT)
    app.send_emails(batch("junk"), CONTEXT)
    events.on_schedule(CONTEXT)
    lines = logged(capsys.readouterr().out)
    assert [line["function"] for line in lines if line["message"] != "task_failed"] == [
        "reconcile",
        "send_emails",
        "sweep",
    ]


@pytest.mark.parametrize("handler", [app.reconcile, app.send_emails], ids=["reconcile", "send_emails"])
def test_each_message_has_the_gateways_time_to_itself(harness: Harness, ports: FakeContainer, handler: Any) -> None:
    inside: list[list[timedelta]] = []
    for number in range(3):
        ports.run_before("bookings.load", lambda: inside.append(list(ports.inside)), skip=number)
    tasks = [Task(a_booking_id(f"{number}")) for number in range(3)]
    assert failed(handler(batch(*tasks), CONTEXT)) == []
    assert inside == [[TASK_GATEWAY_BUDGET]] * 3
    assert (ports.budgets, ports.inside) == ([TASK_GATEWAY_BUDGET] * 3, [])


def test_a_message_without_a_request_is_followed_by_its_own_id(
    harness: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failed(app.reconcile(batch("junk", Task(FIRST, ONE, claim="paid")), CONTEXT)) == [0, 1]
    [line] = [line for line in logged(capsys.readouterr().out) if line["message"] == "task_failed"]
    assert line["request_id"] == "message-1"


def test_without_a_public_address_no_payment_is_opened_with_a_wrong_one(harness: Harness, ports: FakeContainer) -> None:
    ports.settings.public_url = None
    with pytest.raises(BadSetting, match="PUBLIC_URL"):
        app.reconcile(batch(Task(FIRST)), CONTEXT)
    assert ports.call_log.calls == []


def test_the_schedule_hands_over_what_is_due(harness: Harness, ports: FakeContainer) -> None:
    schedule = {
        "version": "0",
        "id": "1",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "111122223333",
        "time": "2027-01-02T09:16:00Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:events:eu-west-1:111122223333:rule/guzo-sweep"],
        "detail": {},
    }
    harness.held_booking()
    assert app.sweep(schedule, CONTEXT) == {"due": 0}
    ports.clock.move(minutes=2)
    assert app.sweep(schedule, CONTEXT) == {"due": 1}
    assert ports.queue.tasks == [Task(FIRST)]
    # What could not be handed over is told to the platform, whose alarm and retries know what to do.
    ports.queue.down = True
    with pytest.raises(Crashed):
        app.sweep(schedule, CONTEXT)
    ports.queue.down = False
    ports.run_before("bookings.due", raises(Fault("down")))
    with pytest.raises(Crashed):
        app.sweep(schedule, CONTEXT)


def test_a_task_goes_through_the_queue_as_it_is() -> None:
    whole = Task(FIRST, ONE, ("1", "2"), "request-1", "paid", Actor("webhook"))
    for task in (whole, replace(whole, tx_ref=None, claim=""), replace(whole, request_id=""), Task(FIRST)):
        assert read_task(write_task(task)) == task


@pytest.mark.parametrize("work", ["on_tasks", "on_emails", "on_canary"])
@pytest.mark.parametrize("fails", [False, True])
def test_what_was_counted_in_an_invocation_is_stored_at_its_end(
    harness: Harness, ports: FakeContainer, monkeypatch: pytest.MonkeyPatch, work: str, *, fails: bool
) -> None:
    """Whatever became of its work: the environment may never run again."""
    counters = Counters()
    monkeypatch.setattr(counting, "counters", counters)
    monkeypatch.setattr(canary, "fly", raises_busy if fails else lambda *_, **__: None)
    ports.settings.mail_from = "bookings@guzo.example.et"
    counters.add("chapa_50")
    body = "not a task" if fails else Task(a_booking_id("none"))
    handler = getattr(events, work)
    handler(CONTEXT) if work == "on_canary" else handler(batch(body), CONTEXT)
    [counts] = ports.tables.counts.values()
    assert counts == {"chapa_50": 1}


# -- the canary


SEARCH = "https://api.guzo.example.et/v1/listings"


def test_the_canary_searches_from_outside_and_says_that_it_came_through(
    ports: FakeContainer, capsys: pytest.CaptureFixture[str]
) -> None:
    ports.settings.mail_from = "bookings@guzo.example.et"
    with responses.RequestsMock() as outside:
        outside.add_callback(responses.GET, SEARCH, lambda _: (200, {}, json.dumps({"items": shown(ports)})))
        assert app.fly_canary({}, CONTEXT) == {"passed": True}
        asked: Any = outside.calls[0].request
        assert asked.url == f"{SEARCH}?city=Canary"
        assert asked.req_kwargs["timeout"] == CANARY_SEARCH.total_seconds()
    assert ports.budgets == [API_GATEWAY_BUDGET]
    # Its own letters go to the stage itself, which can read them.
    [flown] = [row.booking for row in ports.tables.bookings.values()]
    assert flown.contact.email == "bookings@guzo.example.et"
    assert [line["message"] for line in logged(capsys.readouterr().out)][-1] == "canary_passed"


@pytest.mark.parametrize(
    ("status", "body", "fields"),
    [
        (503, "{}", {"cause": "HTTPError"}),
        (200, "<html>", {"cause": "JSONDecodeError"}),
        (200, '{"items": []}', {"cause": "CanaryFailed", "code": "not_found"}),
    ],
)
def test_a_canary_that_is_stopped_says_where_and_raises_nothing(
    ports: FakeContainer, capsys: pytest.CaptureFixture[str], status: int, body: str, fields: dict[str, str]
) -> None:
    ports.settings.mail_from = "bookings@guzo.example.et"
    with responses.RequestsMock() as outside:
        outside.get(SEARCH, status=status, body=body)
        assert app.fly_canary({}, CONTEXT) == {"passed": False}
    last = logged(capsys.readouterr().out)[-1]
    assert (last["message"], last["level"], last["function"]) == ("canary_failed", "ERROR", "canary")
    assert fields.items() <= last.items()


def shown(ports: FakeContainer) -> list[dict[str, str]]:
    return [{"listing_id": each.listing_id} for each in ports.tables.listings.values() if each.city == "Canary"]
