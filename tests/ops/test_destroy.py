"""A stage is taken away whole, and not at all while there is data to lose."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from ops.aws import OpsError
from ops.stages import destroy
from tests.ops.conftest import TEMPLATE, packaged, put, uploaded


def table(key: str) -> dict[str, Any]:
    return {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "Retain",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        },
    }


@pytest.fixture
def stage(session: Any, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    template = copy.deepcopy(TEMPLATE)
    template["Resources"] |= {"ListingsTable": table("listing_id"), "BookingsTable": table("booking_id")}
    for name in ("ListingsTable", "BookingsTable"):
        template["Outputs"][f"{name}Name"] = {"Value": {"Ref": name}}
    stage = f"d{abs(hash(request.node.name)) % 10**8}"
    put(session, f"guzo-{stage}", uploaded(session, packaged(tmp_path, template, b"x", "x")), MailFrom="a@guzo.example")
    return stage


def tables(session: Any, stage: str) -> list[str]:
    found = session.client("dynamodb").list_tables()["TableNames"]
    return [name for name in found if name.startswith(f"guzo-{stage}-")]


def put_booking(session: Any, stage: str, booking_id: str) -> None:
    (name,) = [name for name in tables(session, stage) if "BookingsTable" in name]
    session.client("dynamodb").put_item(TableName=name, Item={"booking_id": {"S": booking_id}})


def taken_away(session: Any, stage: str, *, with_data: bool = False, says: bool = True) -> None:
    destroy.destroy(session, stage, with_data=with_data, confirm=lambda _: says, pause=0.05)


def stacks(session: Any) -> set[str]:
    told = session.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"] for stack in told if stack["StackStatus"] != "DELETE_COMPLETE"}


def test_an_empty_stage_goes_with_its_tables(session: Any, stage: str) -> None:
    put_booking(session, stage, "SALT")  # which a table has from its first booking on
    taken_away(session, stage)
    assert tables(session, stage) == []
    assert f"guzo-{stage}" not in stacks(session)


def test_a_stage_with_a_booking_stays(session: Any, stage: str) -> None:
    put_booking(session, stage, "SALT")
    put_booking(session, stage, "GZ4T1B8WCD7K2M9Q")
    with pytest.raises(OpsError, match=r"There is data to lose: guzo-.*BookingsTable.* Nothing was deleted"):
        taken_away(session, stage)
    assert len(tables(session, stage)) == 2
    assert f"guzo-{stage}" in stacks(session)


def test_its_data_goes_when_that_is_asked_for(session: Any, stage: str) -> None:
    put_booking(session, stage, "GZ4T1B8WCD7K2M9Q")
    taken_away(session, stage, with_data=True)
    assert tables(session, stage) == []


def test_nothing_goes_when_a_person_says_no(session: Any, stage: str) -> None:
    with pytest.raises(OpsError, match="Nothing was deleted"):
        taken_away(session, stage, says=False)
    assert len(tables(session, stage)) == 2


def test_production_never_goes_with_its_data(session: Any, tmp_path: Path) -> None:
    put(session, "guzo-prod", uploaded(session, packaged(tmp_path, TEMPLATE, b"x", "x")), MailFrom="a@guzo.example")
    with pytest.raises(OpsError, match="Production is never deleted with its data"):
        taken_away(session, "prod", with_data=True)


def test_a_stage_that_is_not_there_cannot_go(session: Any) -> None:
    with pytest.raises(OpsError, match="Stage nowhere is not deployed"):
        taken_away(session, "nowhere")
