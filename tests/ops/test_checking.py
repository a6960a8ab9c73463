"""Every stored booking is checked, page by page and from where an earlier run came to; one is rebuilt and compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.adapters.dynamodb.bookings import _booking_item
from chalicelib.domain.record import replace
from local.stack.emulator.resources import create_table
from tests.adapters.golden import bookings, raw
from tests.builders import a_booking, change_payment, opened, paid
from tests.fake_stores import Row
from tests.fakes import Fakes
from tests.ops.commands import Terminal

STATES = bookings()


@pytest.fixture
def table() -> Iterator[Any]:
    """A table with a booking of each state, and items that are none."""
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        create_table(dynamodb, "guzo", "BookingsTable")
        for number, booking in enumerate(STATES.values()):
            numbered = raw(_booking_item(booking).to_dynamodb_dict())
            dynamodb.put_item(TableName="guzo-bookings", Item=numbered | {"booking_id": {"S": named(number)}})
        dynamodb.put_item(TableName="guzo-bookings", Item={"booking_id": {"S": "GUEST#hanna"}})
        yield dynamodb


def named(number: int) -> str:
    return f"GZ4T1B8WCD7K2M{number:02}"


@pytest.fixture
def terminal(table: Any, capsys: Any, monkeypatch: Any) -> Terminal:
    return Terminal(capsys, monkeypatch, variables={"BOOKINGS_TABLE": "guzo-bookings"}, client=lambda _: table)


def test_a_sound_table_has_no_findings(terminal: Terminal) -> None:
    ran = terminal.run("check", "--page", "3")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines()[-1].endswith(f"{len(STATES)} bookings, 0 findings: done")
    assert len(ran.err.splitlines()) >= len(STATES) // 3


def test_what_does_not_hold_is_named_and_ends_with_1(table: Any, terminal: Terminal) -> None:
    spoil(table, 1)
    ran = terminal.run("check", "--json")
    assert ran.code == 1
    assert [line["booking_id"] for line in ran.lines] == [named(1)]
    assert ran.lines[0]["finding"].startswith("its attribute says lost")


def test_an_item_that_cannot_be_read_is_named(table: Any, terminal: Terminal) -> None:
    key = {"booking_id": {"S": named(0)}}
    newer = {":form": {"N": "9"}}
    table.update_item(
        TableName="guzo-bookings", Key=key, UpdateExpression="SET #s = :form",
        ExpressionAttributeNames={"#s": "schema"}, ExpressionAttributeValues=newer,
    )  # fmt: skip
    assert f"{named(0)}: cannot be read: form 9" in terminal.run("check").out


def test_it_goes_on_where_it_was_cut_off(table: Any, terminal: Terminal) -> None:
    for number in range(len(STATES)):
        spoil(table, number)
    whole = terminal.run("check", "--page", "2", "--json")
    (first, *_) = re.findall("--from '(.*)'", whole.err)
    rest = terminal.run("check", "--page", "2", "--json", "--from", first)
    assert rest.lines == whole.lines[-len(rest.lines) :]
    assert 0 < len(rest.lines) < len(whole.lines)


def test_it_writes_nothing(table: Any, terminal: Terminal) -> None:
    before = table.scan(TableName="guzo-bookings")["Items"]
    spoil(table, 0)
    terminal.run("check")
    spoilt = table.scan(TableName="guzo-bookings")["Items"]
    assert [item for item in spoilt if item not in before] == [
        item for item in spoilt if item["booking_id"]["S"] == named(0)
    ]


def spoil(table: Any, number: int) -> None:
    table.update_item(
        TableName="guzo-bookings",
        Key={"booking_id": {"S": named(number)}},
        UpdateExpression="SET #s = :lost",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":lost": {"S": "lost"}},
    )


@pytest.mark.parametrize("booking", STATES.values(), ids=STATES)
def test_every_state_is_what_its_history_adds_up_to(booking: Any, capsys: Any, monkeypatch: Any) -> None:
    ports = Fakes()
    ports.tables.bookings[booking.booking_id] = Row(booking, None, None, booking.created_at)
    ran = Terminal(capsys, monkeypatch, ports=ports).run("rebuild", booking.booking_id, "--json")
    assert ran.code == 0
    assert [line["subject"] for line in ran.lines][:1] == [""]
    assert all(line["stored"] == line["rebuilt"] for line in ran.lines)


def test_a_status_that_the_history_does_not_know_is_named(capsys: Any, monkeypatch: Any) -> None:
    booking = paid(opened(a_booking()))
    (payment,) = booking.payments
    ports = Fakes()
    spoilt = change_payment(booking, payment.tx_ref, status="failed")
    changed = replace(spoilt, status="cancelled")
    ports.tables.bookings[booking.booking_id] = Row(changed, None, None, booking.created_at)
    ran = Terminal(capsys, monkeypatch, ports=ports).run("rebuild", booking.booking_id)
    assert ran.code == 1
    assert f"✗ {booking.booking_id}: stored cancelled, from its history confirmed" in ran.out
    assert f"✗ {payment.tx_ref}: stored failed, from its history completed" in ran.out


def test_a_booking_that_is_not_there_is_refused(capsys: Any, monkeypatch: Any) -> None:
    ran = Terminal(capsys, monkeypatch).run("rebuild", "GZ4T1B8WCD7K2M9Q")
    assert ran.code == 1
    assert "There is no such booking." in ran.err
