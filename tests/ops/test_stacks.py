"""Stacks are changed by change sets that a person can read, and never at the cost of data."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ops.aws import OpsError
from ops.stages import stacks
from ops.stages.stacks import Change
from tests.ops.conftest import TEMPLATE, packaged, put, uploaded
from tools.package import Package


def test_a_stack_is_created_then_updated_and_remembers_its_parameters(
    session: Any, package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    template = uploaded(session, package)
    first = put(session, "remembers", template, MailFrom="a@guzo.example")
    assert first["From"] == "a@guzo.example"
    assert "+ add      Queue (AWS::SQS::Queue)" in capsys.readouterr().out
    second = put(session, "remembers", template, Wait="60")
    assert second == first
    assert "~ modify   Queue (AWS::SQS::Queue)" in capsys.readouterr().out
    attributes = session.client("sqs").get_queue_attributes(QueueUrl=first["QueueUrl"], AttributeNames=["All"])
    assert attributes["Attributes"]["VisibilityTimeout"] == "60"


def test_a_second_run_changes_nothing(session: Any, package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    template = uploaded(session, package)
    first = put(session, "again", template, MailFrom="a@guzo.example")
    capsys.readouterr()
    assert put(session, "again", template) == first
    assert capsys.readouterr().out == "Nothing to change.\n"


def test_what_the_first_deployment_needs_is_said_before_anything_is_made(session: Any, package: Package) -> None:
    with pytest.raises(OpsError, match="first deployment needs: MailFrom"):
        put(session, "needs", uploaded(session, package))
    assert "needs" not in names(session)


def names(session: Any) -> set[str]:
    return {stack["StackName"] for stack in session.client("cloudformation").describe_stacks()["Stacks"]}


def test_a_misspelt_parameter_is_refused(session: Any, package: Package) -> None:
    with pytest.raises(OpsError, match=r"No such parameter: Mailfrom\. There are: MailFrom, Wait"):
        put(session, "misspelt", uploaded(session, package), MailFrom="a@guzo.example", Mailfrom="b@guzo.example")


def test_what_failed_is_said(session: Any, tmp_path: Path) -> None:
    broken = copy.deepcopy(TEMPLATE)
    broken["Resources"]["Group"] = {
        "Type": "AWS::Cognito::UserPoolGroup",
        "Properties": {"UserPoolId": "us-east-1_none", "GroupName": "host"},
    }
    template = uploaded(session, packaged(tmp_path, broken, b"code", "broken"))
    with pytest.raises(OpsError, match="Group: "):
        put(session, "broken", template, MailFrom="a@guzo.example")
    with pytest.raises(OpsError, match="Remove what is left: make destroy STAGE=broken"):
        put(session, "broken", template, MailFrom="a@guzo.example")


def test_a_person_is_asked_before_anything_is_deleted(session: Any, package: Package, tmp_path: Path) -> None:
    put(session, "asks", uploaded(session, package), MailFrom="a@guzo.example")
    smaller = copy.deepcopy(TEMPLATE)
    del smaller["Resources"]["Code"]
    template = uploaded(session, packaged(tmp_path, smaller, b"code", "smaller"))
    with pytest.raises(OpsError, match="Nothing was changed"):
        put(session, "asks", template)
    assert "Code" in resources(session, "asks")
    put(session, "asks", template, says=True)
    assert "Code" not in resources(session, "asks")


def resources(session: Any, name: str) -> set[str]:
    told = session.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    return {each["LogicalResourceId"] for each in told}


def test_what_holds_data_is_not_deleted_whatever_a_person_says(session: Any, tmp_path: Path) -> None:
    with_table = copy.deepcopy(TEMPLATE)
    with_table["Resources"]["BookingsTable"] = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        },
    }
    put(session, "keeps", uploaded(session, packaged(tmp_path, with_table, b"code", "with")), MailFrom="a@b.example")
    without = uploaded(session, packaged(tmp_path, TEMPLATE, b"code", "without"))
    with pytest.raises(OpsError, match="BookingsTable would go, and people's data with it"):
        put(session, "keeps", without, says=True)
    assert "BookingsTable" in resources(session, "keeps")
    policy = json.loads(session.client("cloudformation").get_stack_policy(StackName="keeps")["StackPolicyBody"])
    assert policy == stacks.STACK_POLICY


@pytest.mark.parametrize(
    ("change", "final", "line"),
    [
        (Change("Add", "A", "AWS::SQS::Queue", "False"), False, "  + add      A (AWS::SQS::Queue)"),
        (Change("Modify", "A", "AWS::SQS::Queue", "False"), False, "  ~ modify   A (AWS::SQS::Queue)"),
        (Change("Modify", "A", "AWS::SQS::Queue", "True"), True, "  ! replace  A (AWS::SQS::Queue)"),
        (Change("Modify", "A", "AWS::SQS::Queue", "Conditional"), True, "  ! replace? A (AWS::SQS::Queue)"),
        (Change("Modify", "A", "AWS::IAM::Policy", "Conditional"), False, "  ! replace? A (AWS::IAM::Policy)"),
        (Change("Remove", "A", "AWS::IAM::Policy", "False"), True, "  - remove   A (AWS::IAM::Policy)"),
        (Change("Remove", "A", "AWS::Lambda::Version", "False"), False, "  - remove   A (AWS::Lambda::Version)"),
    ],
)
def test_a_change_says_whether_it_is_final(change: Change, final: bool, line: str) -> None:
    assert change.is_final is final
    assert str(change) == line
