"""A restore is rehearsed and done: on real tables, with bookings that the real store wrote."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.bookings import DynamoBookings
from chalicelib.adapters.dynamodb.listings import DynamoListings
from chalicelib.adapters.dynamodb.tables import connect
from chalicelib.domain.booking import Booking
from chalicelib.domain.ids import PersonId
from chalicelib.domain.people.accounts import Account
from local.stack.emulator.resources import template
from ops.aws import OpsError
from ops.stages import drill, restore
from ops.stages.tables import Tables, instant, items, tables_of, timed
from tests.builders import a_booking, a_listing, cancelled, opened
from tests.dynamo import bindings_restored
from tests.ops.conftest import TEMPLATE, packaged, put, uploaded
from tools.capacity import RESERVED

FIRST = a_booking()
SECOND = a_booking(guest_id=PersonId("guest-two"))
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
            ],
        }
    },
}


def function() -> dict[str, Any]:
    role = {"Fn::GetAtt": ["Role", "Arn"]}
    told = {"Runtime": "python3.11", "Handler": "index.handler", "Code": "./deployment.zip", "Role": role}
    return {"Type": "AWS::Lambda::Function", "Properties": told}


def stage_template() -> dict[str, Any]:
    """The stage's own tables, and two functions of the names that it has."""
    made = copy.deepcopy(TEMPLATE)
    made["Parameters"]["ReservedConcurrency"] = {"Type": "String", "Default": "no"}
    for name in ("ListingsTable", "BookingsTable", "LedgerTable"):
        table = copy.deepcopy(template()["Resources"][name])
        table["Properties"] |= {"SSESpecification": {"SSEEnabled": True}, "DeletionProtectionEnabled": True}
        made["Resources"][name] = table
        made["Outputs"][f"{name}Name"] = {"Value": {"Ref": name}}
    made["Resources"] |= {"Role": ROLE, "APIHandler": function(), "Sweep": function(), "ShapeTokens": function()}
    return made


@pytest.fixture
def stage(session: Any, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    stage = f"r{abs(hash(request.node.name)) % 10**8}"
    put(
        session,
        f"guzo-{stage}",
        uploaded(session, packaged(tmp_path, stage_template(), b"x", "x")),
        MailFrom="a@b.example",
    )
    return stage


@pytest.fixture
def live(session: Any, stage: str) -> Tables:
    told = session.client("cloudformation").describe_stacks(StackName=f"guzo-{stage}")["Stacks"][0]
    found = tables_of({each["OutputKey"]: each["OutputValue"] for each in told["Outputs"]})
    for name in found:  # which the emulator does not take from the template
        keep_past(session, name, True)
    return found


def keep_past(session: Any, table: str, enabled: bool) -> None:
    wanted = {"PointInTimeRecoveryEnabled": enabled}
    session.client("dynamodb").update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=wanted)


@pytest.fixture
def store(live: Tables) -> Iterator[DynamoBookings]:
    """The real store, with a listing that is booked once."""
    with bindings_restored():
        connection = connect(listings_table=live.listings, bookings_table=live.bookings, ledger_table=live.ledger)
        assert DynamoListings(connection).publish(a_listing())
        store = DynamoBookings(connection)
        hold(store, FIRST)
        yield store


def hold(store: DynamoBookings, booking: Booking) -> None:
    store.hold(booking, a_listing(), {}, Account())


def rehearsed(session: Any, stage: str, at: datetime | None = None) -> tuple[list[str], list[str]]:
    told: list[str] = []
    return drill.drill(session, stage, at=at, tell=told.append, pause=0.05), told


def named(session: Any, stage: str) -> set[str]:
    return {name for name in session.client("dynamodb").list_tables()["TableNames"] if f"guzo-{stage}-" in name}


def test_a_drill_restores_checks_and_cleans_up(session: Any, stage: str, live: Tables, store: DynamoBookings) -> None:
    at = datetime.now(UTC) - timedelta(minutes=5)
    findings, told = rehearsed(session, stage, at)
    assert findings == []
    assert told[0] == f"Stage {stage}, as it was at {at:%Y-%m-%dT%H:%M:%SZ}:"
    assert [line.split(" s  ")[1] for line in told[1:-1]] == [
        "all tables restored",
        "everything in them read",
        "2 items of bookings, 3 of listings, 0 of the ledger checked",
        "restored tables deleted",
    ]
    assert told[-1] == "Everything holds."
    assert named(session, stage) == set(live)


def test_a_drill_says_what_does_not_hold(session: Any, stage: str, live: Tables, store: DynamoBookings) -> None:
    dynamodb = session.client("dynamodb")
    booking_id = FIRST.booking_id
    dynamodb.delete_item(TableName=live.bookings, Key={"booking_id": {"S": booking_id}})
    findings, told = rehearsed(session, stage)
    assert len(findings) == 3
    assert told[-1] == "3 things do not hold."
    assert named(session, stage) == set(live)


def test_a_table_without_a_past_is_refused(session: Any, stage: str, live: Tables) -> None:
    keep_past(session, live.bookings, False)
    with pytest.raises(OpsError, match="no point-in-time recovery"):
        rehearsed(session, stage)


def test_what_was_made_is_deleted_when_the_drill_fails(
    session: Any, stage: str, live: Tables, store: DynamoBookings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(drill, "broken", fail)
    with pytest.raises(RuntimeError):
        rehearsed(session, stage)
    assert named(session, stage) == set(live)


def test_the_live_tables_become_what_they_were(session: Any, stage: str, live: Tables, store: DynamoBookings) -> None:
    before = stored(session, live)
    told: list[str] = []

    def yes(question: str) -> bool:
        # While a person thinks, guests go on.
        first = store.load(FIRST.booking_id)
        assert first is not None
        store.save(first, cancelled(opened(first)))
        hold(store, SECOND)
        assert stored(session, live) != before
        return "put its tables back" in question

    def tell(line: str) -> None:
        told.append(line)
        if line.startswith("Stopped: APIHandler, Sweep."):
            assert shares(session, stage) == {"APIHandler": 0, "Sweep": 0, "ShapeTokens": None}

    put_back(session, stage, confirm=yes, tell=tell)
    assert stored(session, live) == before
    assert shares(session, stage) == {"APIHandler": None, "Sweep": None, "ShapeTokens": None}
    assert any(line.startswith("Stopped: ") for line in told)
    assert told[-1] == "All functions run again."
    assert named(session, stage) == set(live)
    for name in live:
        table = session.client("dynamodb").describe_table(TableName=name)["Table"]
        assert table["DeletionProtectionEnabled"] is True


def test_who_was_erased_and_what_operators_did_stays(
    session: Any, stage: str, live: Tables, store: DynamoBookings
) -> None:
    """The tables go back; these facts do not, or nobody would know whom to erase again."""
    dynamodb = session.client("dynamodb")
    kept = {"booking_id": {"S": "ERASURE#x"}, "schema": {"N": "2"}}
    trail = {"book": {"S": "ACCESSES#2027-01-02"}, "line": {"S": "1"}, "schema": {"N": "2"}}
    lines = {"book": {"S": "LINES#2027-01-02"}, "line": {"S": "1"}, "schema": {"N": "2"}}

    def meanwhile(_: str) -> bool:
        dynamodb.put_item(TableName=live.bookings, Item=kept)
        for item in (trail, lines):
            dynamodb.put_item(TableName=live.ledger, Item=item)
        return True

    put_back(session, stage, confirm=meanwhile, tell=lambda _: None)
    assert kept in list(items(dynamodb, live.bookings))
    assert list(items(dynamodb, live.ledger)) == [trail]


def test_functions_get_the_share_that_the_stage_reserves(session: Any, stage: str) -> None:
    cloudformation = session.client("cloudformation")
    parameters: list[dict[str, Any]] = [{"ParameterKey": "ReservedConcurrency", "ParameterValue": "yes"}]
    parameters += [{"ParameterKey": "MailFrom", "UsePreviousValue": True}]
    cloudformation.update_stack(StackName=f"guzo-{stage}", UsePreviousTemplate=True, Parameters=parameters)
    with restore.stopped(session, stage, lambda _: None):
        assert shares(session, stage)["APIHandler"] == 0
    assert shares(session, stage)["APIHandler"] == RESERVED["APIHandler"]


def test_without_a_yes_nothing_is_changed(session: Any, stage: str, live: Tables, store: DynamoBookings) -> None:
    before = stored(session, live)
    with pytest.raises(OpsError, match=r"Nothing was changed\."):
        put_back(session, stage, confirm=lambda _: False, tell=lambda _: None)
    assert stored(session, live) == before
    assert named(session, stage) == set(live)


def test_an_instant_names_its_zone() -> None:
    assert instant("2026-11-26T13:00:00+03:00") == datetime(2026, 11, 26, 10, tzinfo=UTC)
    with pytest.raises(ValueError, match="its zone"):
        instant("2026-11-26T13:00:00")


def test_a_step_is_told_with_its_time_once_it_is_done() -> None:
    told: list[str] = []
    with timed(told.append, "done"):
        assert told == []
    assert told[0].endswith(" s  done")
    assert 0 <= float(told[0].split()[0]) < 60


def put_back(session: Any, stage: str, **asked: Any) -> None:
    restore.put_back(session, stage, at=datetime.now(UTC), pause=0.05, settle=0, **asked)


def stored(session: Any, tables: Tables) -> list[str]:
    """Every item of both tables, as text that sorts."""
    dynamodb = session.client("dynamodb")
    return sorted(json.dumps(item, default=repr, sort_keys=True) for name in tables for item in items(dynamodb, name))


def shares(session: Any, stage: str) -> dict[str, int | None]:
    """What each function of the stage reserves, by its logical id."""
    resources = session.client("cloudformation").list_stack_resources(StackName=f"guzo-{stage}")
    lambdas = session.client("lambda")
    return {
        each["LogicalResourceId"]: lambdas.get_function_concurrency(FunctionName=each["PhysicalResourceId"]).get(
            "ReservedConcurrentExecutions"
        )
        for each in resources["StackResourceSummaries"]
        if each["ResourceType"] == "AWS::Lambda::Function"
    }
