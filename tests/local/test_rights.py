"""The local stack holds each function to its policy, as IAM would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import handlers
from botocore.exceptions import ClientError
from moto import mock_aws

from chalicelib.adapters.direct import SERVICES, DirectClient
from chalicelib.telemetry import invocation
from local.stack.emulator.resources import Resources
from local.stack.emulator.rights import Guard, Need, Policy, arn, needs_of, policies, table_arn, values_of

OURS = Resources("guzo-listings", "guzo-bookings", "guzo-ledger", "x/guzo-reconcile", "", "x/guzo-emails", "")
VALUES = values_of(OURS, "local", "bookings@guzo.example")
URL = "http://127.0.0.1/000000000000/guzo-emails"


def policy(*statements: dict[str, Any]) -> Policy:
    return Policy({"Statement": [{"Effect": "Allow", **statement} for statement in statements]}, {"A": "x"})


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ({"Action": "sqs:SendMessage", "Resource": "q"}, True),
        ({"Action": ["sqs:sendmessage"], "Resource": ["other", "q"]}, True),
        ({"Action": "sqs:Send*", "Resource": "*"}, True),
        ({"Action": "sqs:SendMessage", "Resource": "q/*"}, False),
        ({"Action": "sqs:ReceiveMessage", "Resource": "q"}, False),
        ({"Action": "sqs:SendMessage", "Resource": "q", "Condition": {"StringEquals": {"k": ["v", "w"]}}}, True),
        ({"Action": "sqs:SendMessage", "Resource": "q", "Condition": {"StringEquals": {"k": {"Ref": "A"}}}}, False),
    ],
)
def test_a_statement_allows_what_it_names(statement: dict[str, Any], allowed: bool) -> None:
    assert policy(statement).allows(Need("sqs:SendMessage", "q", {"k": "v"})) is allowed


def test_a_denial_counts_more_and_silence_is_one() -> None:
    everything = {"Action": "*", "Resource": "*"}
    need = Need("sqs:SendMessage", "q")
    assert policy(everything).allows(need)
    assert not policy(everything, {"Effect": "Deny", "Action": "sqs:*", "Resource": "q"}).allows(need)
    assert not policy().allows(need)


def test_a_condition_that_is_not_understood_is_no_permission() -> None:
    with pytest.raises(ValueError, match="NumericLessThan"):
        policy({"Action": "*", "Resource": "*", "Condition": {"NumericLessThan": {"k": 1}}}).allows(Need("a:B", "q"))


@pytest.mark.parametrize(
    ("service", "operation", "params", "needs"),
    [
        ("dynamodb", "Query", {"TableName": "t"}, [("dynamodb:Query", table_arn("t"))]),
        ("dynamodb", "Query", {"TableName": "t", "IndexName": "i"}, [("dynamodb:Query", f"{table_arn('t')}/index/i")]),
        (
            "dynamodb",
            "BatchGetItem",
            {"RequestItems": {"t": {}, "u": {}}},
            [("dynamodb:BatchGetItem", table_arn("t")), ("dynamodb:BatchGetItem", table_arn("u"))],
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": "t"}}, {"ConditionCheck": {"TableName": "u"}}]},
            [("dynamodb:PutItem", table_arn("t")), ("dynamodb:ConditionCheckItem", table_arn("u"))],
        ),
        ("sqs", "SendMessageBatch", {"QueueUrl": URL}, [("sqs:SendMessage", arn("sqs", "guzo-emails"))]),
        ("sqs", "ReceiveMessage", {"QueueUrl": URL}, [("sqs:ReceiveMessage", arn("sqs", "guzo-emails"))]),
        ("sqs", "DeleteMessage", {"QueueUrl": URL}, [("sqs:DeleteMessage", arn("sqs", "guzo-emails"))]),
        (
            "sqs",
            "ChangeMessageVisibilityBatch",
            {"QueueUrl": URL},
            [("sqs:ChangeMessageVisibility", arn("sqs", "guzo-emails"))],
        ),
        ("sqs", "GetQueueUrl", {"QueueName": "guzo-dead"}, [("sqs:GetQueueUrl", arn("sqs", "guzo-dead"))]),
        (
            "ssm",
            "GetParametersByPath",
            {"Path": "/guzo/x"},
            [("ssm:GetParametersByPath", arn("ssm", "parameter/guzo/x"))],
        ),
    ],
)
def test_a_call_needs_these_rights(
    service: str, operation: str, params: dict[str, Any], needs: list[tuple[str, str]]
) -> None:
    assert [(need.action, need.resource) for need in needs_of(service, operation, params)] == needs


def test_a_call_that_nobody_has_looked_up_is_refused() -> None:
    with pytest.raises(ValueError, match="s3:PutObject"):
        list(needs_of("s3", "PutObject", {}))


def test_each_function_has_a_policy_of_its_own() -> None:
    mail = Need("ses:SendRawEmail", arn("ses", "identity/x"), {"ses:FromAddress": "bookings@guzo.example"})
    assert {name for name, its in policies(VALUES).items() if its.allows(mail)} == {"send_emails"}
    forged = Need(mail.action, mail.resource, {"ses:FromAddress": "other@guzo.example"})
    assert not any(its.allows(forged) for its in policies(VALUES).values())


@mock_aws
def test_a_call_without_a_right_is_refused_and_the_rest_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "BUILTIN_HANDLERS", list(handlers.BUILTIN_HANDLERS))
    monkeypatch.setattr(DirectClient, "call", DirectClient.call)  # as it is now it will be again
    Guard(policies(VALUES), tmp_path / "rights").listen()
    sqs = boto3.Session("x", "x", region_name="us-east-1").client("sqs")
    url = sqs.create_queue(QueueName="guzo-emails")["QueueUrl"]  # nobody's function: not judged
    for _ in range(2):
        with invocation("api"):
            sqs.send_message(QueueUrl=url, MessageBody="x")
    with invocation("authorize"), pytest.raises(ClientError, match="authorize has no right to sqs:SendMessage on"):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    lines = (tmp_path / "rights").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [["api", "sqs:SendMessage", arn("sqs", "guzo-emails")]]


def test_a_call_that_no_botocore_client_makes_is_judged_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "BUILTIN_HANDLERS", list(handlers.BUILTIN_HANDLERS))
    sent: list[str] = []
    monkeypatch.setattr(DirectClient, "call", lambda _, operation, __: sent.append(operation))
    Guard(policies(VALUES), tmp_path / "rights").listen()
    http: Any = None
    sqs = DirectClient(SERVICES["sqs"], http, endpoint="http://x", region="x", credentials=lambda: None, agent="x")
    url = "http://x/000000000000/guzo-emails"
    with invocation("api"):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    with invocation("authorize"), pytest.raises(ClientError, match="authorize has no right to sqs:SendMessage on"):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.receive_message(QueueUrl=url)  # nobody's function: not judged
    assert sent == ["SendMessage", "ReceiveMessage"]
    lines = (tmp_path / "rights").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [["api", "sqs:SendMessage", arn("sqs", "guzo-emails")]]
