"""Every command that acts leaves its act in the trail, under the operator's name and the command's own request."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.stack.emulator.resources import create_queues, create_table
from ops.__main__ import command_line
from ops.operators import put_back
from tests.harness import Harness, booking_id_of
from tests.ops.commands import Terminal

BOOKING = booking_id_of("first")
ONE = f"{BOOKING}-1"
LISTING = "{listing}"
WHY = "Spoke with them."
MESSAGE = "{message}"
TABLES = ("listings", "bookings", "ledger")

COMMANDS: dict[str, tuple[str, str, list[str]]] = {
    "refund": ("refund", ONE, [ONE, "--reason", WHY]),
    "resolve": ("resolve_refund", f"{ONE}-R1", [f"{ONE}-R1", "already_refunded", "--note", WHY]),
    "approve": ("approve", f"{BOOKING}-P1", [f"{BOOKING}-P1", "--note", WHY]),
    "reject": ("reject", f"{BOOKING}-P1", [f"{BOOKING}-P1", "--note", WHY]),
    "acknowledge": ("acknowledge", "orphan.AP123456", ["orphan.AP123456", "--note", WHY]),
    "contact set": ("correct_contact", BOOKING, [BOOKING, "--note", WHY]),
    "resend": ("resend", BOOKING, [BOOKING, "1", "--note", WHY]),
    "account block": ("block", "hanna", ["hanna", "--note", WHY]),
    "account unblock": ("unblock", "hanna", ["hanna", "--note", WHY]),
    "account limits": ("limits", "hanna", ["hanna", "--note", WHY, "--open-holds", "5"]),
    "payouts paid": (
        "pay_out",
        "host-abebe",
        [
            *[
                "host-abebe",
                "--amount",
                "10",
                "--currency",
                "ETB",
                "--date",
                "2027-01-01",
                "--reference",
                "FT1",
                "--note",
            ],
            WHY,
        ],
    ),
    "payouts take-back": ("take_back", "payout_1", ["host-abebe", "payout_1", "--note", WHY]),
    "payouts commission": ("commission", "host-abebe", ["host-abebe", "12", "--from", "2027-02-01", "--note", WHY]),
    "host close": ("close_listing", LISTING, ["{host}", "--note", WHY]),
    "listing close": ("close_listing", LISTING, [LISTING, "--note", WHY]),
    "listing reopen": ("reopen_listing", LISTING, [LISTING, "--note", WHY]),
    "erase": ("erase", "", ["--note", WHY]),
    "dlq drop": ("drop", MESSAGE, [MESSAGE, "--note", WHY]),
    "dlq send-back": ("send_back", "dead-letters", ["--all", "--note", WHY]),
    "after-restore": (
        "after_restore",
        "2027-01-01/2027-01-02",
        ["--from", "2027-01-01T00:00:00Z", "--to", "2027-01-02T00:00:00Z"],
    ),
    "put-back": (
        "put_back",
        "copy-bookings",
        [word for part in TABLES for word in (f"--{part}", f"copy-{part}")],
    ),
}
"""By command: as what the trail has it, what it is about, and how it is typed."""
WITHOUT_A_NOTE = {"after-restore", "put-back"}
TYPED = {"contact set": "first_name=Sara\n", "erase": "hanna.tesfaye@gmail.com\n"}


def acting(parser: argparse.ArgumentParser, *words: str) -> Iterator[str]:
    """The commands that take ``--yes``."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from acting(below, *words, name)
        elif "--yes" in action.option_strings:
            yield " ".join(words)


@pytest.fixture
def harness() -> Harness:
    made = Harness()
    made.confirmed_booking()
    return made


@pytest.fixture
def queues() -> Iterator[dict[str, str]]:
    with mock_aws():
        sqs = boto3.client("sqs")
        urls = create_queues(sqs, "guzo-dev")
        for stage in ("live", "copy"):
            for part in TABLES:
                create_table(boto3.client("dynamodb"), stage, f"{part.title()}Table")
        yield urls


@pytest.fixture
def terminal(harness: Harness, queues: dict[str, str], capsys: Any, monkeypatch: Any) -> Terminal:
    variables = {"RECONCILE_QUEUE_URL": queues["ReconcileQueue"], "EMAILS_QUEUE_URL": queues["EmailsQueue"]}
    # No function of a stage runs here; test_restore.py stops some.
    monkeypatch.setattr(put_back, "stopped", lambda *_: nullcontext())
    variables |= {f"{part.upper()}_TABLE": f"live-{part}" for part in TABLES}
    return Terminal(capsys, monkeypatch, ports=harness.ports, variables=variables, client=boto3.client)


def test_no_command_that_acts_is_left_out() -> None:
    assert set(acting(command_line())) == COMMANDS.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_it_leaves_its_act_once_and_a_trial_leaves_none(
    command: str, harness: Harness, queues: dict[str, str], terminal: Terminal
) -> None:
    put = boto3.client("sqs").send_message(QueueUrl=queues["EmailsDeadLetters"], MessageBody="{}")
    act, subject, arguments = COMMANDS[command]
    known = {"{listing}": harness.listing.listing_id, "{host}": harness.listing.host_id, "{message}": put["MessageId"]}
    typed = [known.get(word, word) for word in arguments]

    def run(*yes: str) -> list[Any]:
        before = len(harness.ports.tables.accesses)
        ran = terminal.run(*command.split(), *typed, "--as", "sara", *yes, typed=TYPED.get(command, ""))
        assert ran.code in (0, 1), ran.err
        return [each for each in harness.ports.tables.accesses[before:] if each.outcome]

    assert run() == []
    [entry] = run("--yes")
    assert (entry.act, entry.by, entry.by_name) == (act, "ops:sara", "sara")
    assert entry.subject == known.get(subject, subject) or (command == "erase" and "hanna" not in entry.subject)
    assert entry.request_id.startswith("ops-")
    assert entry.note == ("" if command in WITHOUT_A_NOTE else WHY)
    assert entry.outcome not in ("", "asked", "internal_error")


def test_the_trail_is_told_at_a_terminal(harness: Harness, terminal: Terminal) -> None:
    terminal.run("refund", ONE, "--reason", WHY, "--amount", "10", "--as", "sara", "--yes")
    terminal.run("show", BOOKING, "--as", "hirut")
    told = terminal.run("trail", "--about", BOOKING, "--as", "sara", "--json").lines
    assert [(each["act"], each["by_name"], each["outcome"]) for each in told] == [
        ("refund", "sara", "done"),
        ("view", "hirut", ""),
    ]
    day = f"{harness.ports.clock.now().date()}"
    ran = terminal.run("trail", "--day", day, "--by", "ops:sara", "--as", "sara")
    assert WHY in ran.out
    assert "hirut" not in ran.out


def test_a_statement_that_is_matched_leaves_it_too(harness: Harness, terminal: Terminal, tmp_path: Any) -> None:
    file = tmp_path / "statement.csv"
    file.write_text("reference,amount,currency\n")
    days = ("--from", "2027-01-01", "--to", "2027-01-02")
    terminal.run("match", str(file), "--gateway", "chapa", *days, "--as", "sara")
    [entry] = [each for each in harness.ports.tables.accesses if each.outcome]
    assert (entry.act, entry.subject, entry.outcome) == ("match", "chapa/2027-01-01/2027-01-02", "done")
