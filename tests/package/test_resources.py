"""The tables and queues that local runs and tests use are those of the template."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.stack.emulator.ministack import MiniStack, MiniStackError
from local.stack.emulator.resources import create_all, template
from tools.package import ROOT


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def test_tables_have_the_templates_keys_and_indexes(aws: None) -> None:
    made = create_all("here")
    for logical_id, name in (
        ("ListingsTable", made.listings_table),
        ("BookingsTable", made.bookings_table),
        ("LedgerTable", made.ledger_table),
    ):
        assert name.startswith("here-")
        table = boto3.client("dynamodb").describe_table(TableName=name)["Table"]
        wanted = template()["Resources"][logical_id]["Properties"]
        assert table["KeySchema"] == wanted["KeySchema"]
        indexes = {index["IndexName"]: index["KeySchema"] for index in table["GlobalSecondaryIndexes"]}
        assert indexes == {index["IndexName"]: index["KeySchema"] for index in wanted["GlobalSecondaryIndexes"]}


def test_queues_hand_over_to_their_dead_letter_queues(aws: None) -> None:
    made = create_all()
    for url, dead in (
        (made.reconcile_queue_url, made.reconcile_dead_letters_url),
        (made.emails_queue_url, made.emails_dead_letters_url),
    ):
        sqs = boto3.client("sqs")
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.loads(attributes["RedrivePolicy"])
        assert (redrive["deadLetterTargetArn"], int(redrive["maxReceiveCount"])) == (arn, 5)
        assert attributes["VisibilityTimeout"] == "360"


def test_making_them_twice_keeps_them(aws: None) -> None:
    first = create_all()
    boto3.client("dynamodb").put_item(TableName=first.bookings_table, Item={"booking_id": {"S": "x"}})
    assert create_all() == first
    assert boto3.client("dynamodb").scan(TableName=first.bookings_table)["Count"] == 1


def test_prefixes_keep_two_sets_apart(aws: None) -> None:
    one, two = create_all("one"), create_all("two")
    assert not set(vars(one).values()) & set(vars(two).values())


def test_the_emulator_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUZO_MINISTACK_VENV", str(tmp_path / "none"))
    with pytest.raises(MiniStackError, match="make run"):
        MiniStack().start()


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/_ministack/health", timeout=20).close()
    except (urllib.error.URLError, OSError):
        return False
    return True


def test_the_emulator_stops_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with MiniStack() as emulator:
        assert answers(emulator.url)
        assert emulator.url.startswith("http://127.0.0.1:")
    assert not answers(emulator.url)
    assert list(tmp_path.iterdir()) == []
    emulator.stop()  # harmless


def test_the_emulator_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "from local.stack.emulator.ministack import MiniStack; print(MiniStack().start().url, flush=True); input()"
    )
    environment: dict[str, Any] = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert answers(url)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while answers(url):
        assert time.monotonic() < deadline
        time.sleep(0.1)
