"""Dead letters of both queues are seen, dropped and sent back; what is not chosen stays where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.adapters.aws.dead_letters import BATCH
from local.stack.emulator.resources import create_queues
from tests.ops.commands import Terminal

FIRST, SECOND, LETTER = '{"booking_id":"GZ1"}', '{"booking_id":"GZ2"}', '{"booking_id":"GZ3"}'


class Queues:
    """The template's queues, with three dead letters."""

    def __init__(self) -> None:
        self.sqs = boto3.client("sqs")
        self.urls = create_queues(self.sqs, "guzo-dev")
        self.ids = [self.put("ReconcileDeadLetters", body) for body in (FIRST, SECOND)]
        self.ids.append(self.put("EmailsDeadLetters", LETTER))

    def put(self, queue: str, body: str) -> str:
        return str(self.sqs.send_message(QueueUrl=self.urls[queue], MessageBody=body)["MessageId"])

    def lie_in(self, queue: str) -> list[str]:
        found = self.sqs.receive_message(QueueUrl=self.urls[queue], MaxNumberOfMessages=10, VisibilityTimeout=0)
        return sorted(message["Body"] for message in found.get("Messages", []))


@pytest.fixture
def queues() -> Iterator[Queues]:
    with mock_aws():
        yield Queues()


@pytest.fixture
def terminal(queues: Queues, capsys: Any, monkeypatch: Any) -> Terminal:
    variables = {
        "RECONCILE_QUEUE_URL": queues.urls["ReconcileQueue"],
        "EMAILS_QUEUE_URL": queues.urls["EmailsQueue"],
    }
    return Terminal(capsys, monkeypatch, variables=variables, client=lambda _: queues.sqs)


def test_all_of_them_are_listed_and_stay(queues: Queues, terminal: Terminal) -> None:
    for _ in range(2):
        ran = terminal.run("dlq", "list", "--json", "--as", "sara")
        assert ran.code == 0
        assert sorted((line["queue"], line["body"]) for line in ran.lines) == [
            ("emails", LETTER),
            ("reconcile", FIRST),
            ("reconcile", SECOND),
        ]
        assert "2 of reconcile, 1 of emails" in ran.err
    assert queues.lie_in("ReconcileDeadLetters") == [FIRST, SECOND]


def test_more_than_one_call_hands_out_are_listed(queues: Queues, terminal: Terminal) -> None:
    for number in range(BATCH * 2):
        queues.put("EmailsDeadLetters", f"{number}")
    assert len(terminal.run("dlq", "list", "--json", "--queue", "emails", "--as", "sara").lines) == BATCH * 2 + 1


def test_one_is_shown(queues: Queues, terminal: Terminal) -> None:
    ran = terminal.run("dlq", "show", queues.ids[1], "--as", "sara")
    assert ran.code == 0
    assert SECOND in ran.out
    assert FIRST not in ran.out


def test_one_that_is_not_there_is_refused(queues: Queues, terminal: Terminal) -> None:
    for act in ("show", "drop", "send-back"):
        note = [] if act == "show" else ["--note", "Mended."]
        ran = terminal.run("dlq", act, "nobody", *note, "--as", "sara")
        assert ran.code == 1
        assert "no dead letter nobody" in ran.err
    assert queues.lie_in("EmailsDeadLetters") == [LETTER]


@pytest.mark.parametrize("act", [["drop"], ["send-back"]], ids=str)
def test_nothing_is_done_without_a_yes(act: list[str], queues: Queues, terminal: Terminal) -> None:
    ran = terminal.run("dlq", *act, "--note", "Mended.", queues.ids[0], "--as", "sara")
    assert ran.code == 0
    assert "would be" in ran.out
    assert "--yes" in ran.err
    assert queues.lie_in("ReconcileDeadLetters") == [FIRST, SECOND]
    assert queues.lie_in("ReconcileQueue") == []


def test_one_is_dropped(queues: Queues, terminal: Terminal) -> None:
    assert terminal.run("dlq", "drop", "--note", "Mended.", queues.ids[0], "--yes", "--as", "sara").code == 0
    assert queues.lie_in("ReconcileDeadLetters") == [SECOND]
    assert queues.lie_in("ReconcileQueue") == []


def test_one_is_sent_back(queues: Queues, terminal: Terminal) -> None:
    assert terminal.run("dlq", "send-back", "--note", "Mended.", queues.ids[2], "--yes", "--as", "sara").code == 0
    assert queues.lie_in("EmailsDeadLetters") == []
    assert queues.lie_in("EmailsQueue") == [LETTER]
    assert queues.lie_in("ReconcileDeadLetters") == [FIRST, SECOND]


def test_all_are_sent_back_each_to_its_own_queue(queues: Queues, terminal: Terminal) -> None:
    assert terminal.run("dlq", "send-back", "--note", "Mended.", "--all", "--yes", "--as", "sara").code == 0
    assert queues.lie_in("ReconcileQueue") == [FIRST, SECOND]
    assert queues.lie_in("EmailsQueue") == [LETTER]
    assert queues.lie_in("ReconcileDeadLetters") == queues.lie_in("EmailsDeadLetters") == []


def test_a_message_that_could_not_be_sent_back_stays(queues: Queues, terminal: Terminal) -> None:
    queues.sqs.delete_queue(QueueUrl=queues.urls["EmailsQueue"])
    assert terminal.run("dlq", "send-back", "--note", "Mended.", "--all", "--yes", "--as", "sara").code == 3
    assert queues.lie_in("EmailsDeadLetters") == [LETTER]
    assert queues.lie_in("ReconcileDeadLetters") == [FIRST, SECOND]
