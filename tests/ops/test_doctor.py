"""The doctor says of each thing whether it is as it should be, and what to do when it is not."""

from __future__ import annotations

from typing import Any

import pytest
import responses
from botocore.exceptions import ClientError

from ops.stages import doctor
from ops.stages.doctor import Finding, Live
from tests.ops.conftest import put_secret

API = "https://api.guzo.example"
TOPIC = "arn:aws:sns:us-east-1:000000000000:alarms"


class NotFound(Exception):
    pass


class Told:
    """A client that answers each call as it was told to, whatever is asked; pages of one page."""

    class exceptions:  # noqa: N801 - as botocore's clients have it
        NotFoundException = NotFound

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            if isinstance(self._answers[name], Exception):
                raise self._answers[name]
            return self._answers[name]

        return call

    def get_paginator(self, name: str) -> Any:
        return Told(paginate=[self._answers[name]])


class Session:
    def __init__(self, **clients: Told) -> None:
        self._clients = clients

    def client(self, service: str) -> Told:
        return self._clients[service]


def live(stage: str = "dev", *, stack: dict[str, Any] | None = None, **clients: Told) -> Live:
    outputs = {
        "ApiUrl": API,
        "Commit": "0123",
        "AlarmTopicArn": TOPIC,
        "ListingsTableName": "listings",
        "BookingsTableName": "bookings",
        "LedgerTableName": "ledger",
        "ReconcileDeadLettersUrl": "r",
        "EmailsDeadLettersUrl": "e",
    }
    told = {
        "StackStatus": "UPDATE_COMPLETE",
        "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()],
        "Parameters": [{"ParameterKey": "MailFrom", "ParameterValue": "bookings@guzo.example"}],
    }
    clients.setdefault(
        "cloudformation", Told(describe_stack_resource={"StackResourceDetail": {"PhysicalResourceId": "name"}})
    )
    return Live(Session(**clients), stage, told | (stack or {}))


def said(found: Any) -> list[str]:
    return [str(finding) for finding in found]


def datapoints(count: float) -> Told:
    return Told(get_metric_statistics={"Datapoints": [{"Sum": count}] if count else []})


def test_a_finding_is_a_line() -> None:
    assert str(Finding(True, "fine", "remedy")) == "✓ fine"
    assert str(Finding(False, "wrong", "remedy")) == "✗ wrong: remedy"
    assert str(Finding(None, "open", "look")) == "? open: look"


def test_the_stack_and_in_production_its_protection() -> None:
    assert said(doctor._stack(live())) == ["✓ the stack is UPDATE_COMPLETE"]
    failed = said(doctor._stack(live("prod", stack={"StackStatus": "UPDATE_ROLLBACK_FAILED"})))
    assert failed[0].startswith("✗ the stack is UPDATE_ROLLBACK_FAILED: see its events")
    assert failed[1] == "✗ the stack is protected from deletion: make deploy"


@responses.activate
def test_the_api_and_the_commit_that_it_runs() -> None:
    responses.get(f"{API}/health", json={"commit": "0123"})
    assert said(doctor._api(live())) == [f"✓ {API}/health answers 200", "✓ it runs commit 0123"]
    responses.replace("GET", f"{API}/health", json={"commit": "old"})
    assert said(doctor._api(live()))[1] == "✗ it runs commit old: the stack says 0123"
    responses.reset()
    assert said(doctor._api(live())) == [f"✗ {API} does not answer (ConnectionError): is its DNS record there?"]


def test_secrets_that_are_missing_or_for_the_other_money(session: Any) -> None:
    stage = Live(session, "doc", live().stack)
    assert said(doctor._secrets(stage)) == [
        "✗ /guzo/doc/chapa_secret_key is there: make secrets STAGE=doc",
        "✗ /guzo/doc/chapa_webhook_secret is there: make secrets STAGE=doc",
    ]
    put_secret(session, "/guzo/doc/chapa_webhook_secret", "x")
    put_secret(session, "/guzo/doc/chapa_secret_key", "CHASECK-live")
    found = said(doctor._secrets(stage))
    assert found[1] == "✓ /guzo/doc/chapa_webhook_secret is there"
    assert found[2].startswith("✗ the key of Chapa is for test money: ")
    put_secret(session, "/guzo/doc/chapa_secret_key", "CHASECK_TEST-x")
    assert said(doctor._secrets(stage))[2] == "✓ the key of Chapa is for test money"


@pytest.mark.parametrize(
    ("state", "runs", "signs"), [("ENABLED", 15, "✓✓"), ("DISABLED", 0, "✗✗"), ("ENABLED", 0, "✓✗")]
)
def test_the_clock(state: str, runs: int, signs: str) -> None:
    events = Told(describe_rule={"Name": "rule", "State": state})
    found = said(doctor._clock(live(events=events, cloudwatch=datapoints(runs))))
    assert "".join(line[0] for line in found) == signs


def test_dead_letters() -> None:
    def found(count: int) -> list[str]:
        attributes = {"Attributes": {"ApproximateNumberOfMessages": str(count)}}
        return said(doctor._queues(live(sqs=Told(get_queue_attributes=attributes))))

    assert found(0) == ["✓ 0 dead letters of reconcile", "✓ 0 dead letters of emails"]
    assert found(2)[0] == "✗ 2 dead letters of reconcile: docs/runbook.md, dead letters"


@pytest.mark.parametrize(
    ("on", "stage", "signs"), [(True, "prod", "✓✓✓✓✓✓"), (False, "prod", "✗✗✗✗✗✗"), (False, "dev", "✗✗✗")]
)
def test_tables_can_be_restored_and_in_production_not_deleted(on: bool, stage: str, signs: str) -> None:
    status = {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED" if on else "DISABLED"}}
    dynamodb = Told(
        describe_continuous_backups={"ContinuousBackupsDescription": status},
        describe_table={"Table": {"DeletionProtectionEnabled": on}},
    )
    found = said(doctor._tables(live(stage, dynamodb=dynamodb)))
    assert "".join(line[0] for line in found) == signs


def test_alarms_that_are_raised() -> None:
    raised = {"MetricAlarms": [{"AlarmName": "guzo-dev-Crashed", "AlarmDescription": "Runbook: CrashedAlarm"}]}
    found = said(doctor._alarms(live(cloudwatch=Told(describe_alarms=raised))))
    assert found == ["✗ alarm guzo-dev-Crashed: Runbook: CrashedAlarm"]
    assert said(doctor._alarms(live(cloudwatch=Told(describe_alarms={"MetricAlarms": []})))) == ["✓ no alarm is raised"]


@pytest.mark.parametrize(
    ("subscriptions", "line"),
    [
        ([], "✗ alarms are heard by nobody: deploy with AlarmEmail=…"),
        (
            [("a@b.example", "PendingConfirmation")],
            "✗ alarms are heard by nobody: a@b.example has a letter of Amazon's",
        ),
        ([("a@b.example", TOPIC + ":1")], "✓ alarms are heard by a@b.example"),
    ],
)
def test_somebody_hears_of_alarms(subscriptions: list[tuple[str, str]], line: str) -> None:
    told = [{"Endpoint": endpoint, "SubscriptionArn": arn} for endpoint, arn in subscriptions]
    sns = Told(list_subscriptions_by_topic={"Subscriptions": told})
    (found,) = said(doctor._subscribers(live(sns=sns)))
    assert found.startswith(line)


@pytest.mark.parametrize(
    ("identity", "account", "signs"),
    [
        ({"VerifiedForSendingStatus": True}, {"ProductionAccessEnabled": True, "SendingEnabled": True}, "✓✓✓?"),
        (NotFound(), {"ProductionAccessEnabled": False, "SendingEnabled": True}, "✗✗✓?"),
        ({"VerifiedForSendingStatus": False}, {"ProductionAccessEnabled": True, "SendingEnabled": False}, "✗✓✗?"),
    ],
)
def test_mail_can_be_sent_to_everybody(identity: Any, account: dict[str, bool], signs: str) -> None:
    sesv2 = Told(get_email_identity=identity, get_account=account)
    found = said(doctor._mail(live(sesv2=sesv2)))
    assert "".join(line[0] for line in found) == signs
    assert "_dmarc.guzo.example" in found[-1]


def test_webhooks_have_come() -> None:
    assert said(doctor._webhooks(live(cloudwatch=datapoints(3))))[0].startswith("✓ webhooks have come")
    (missing,) = said(doctor._webhooks(live(cloudwatch=datapoints(0))))
    assert missing.endswith(f"name {API}/v1/webhooks/chapa in the gateway's dashboard, with the stage's secret")


def test_what_may_not_be_read_is_said_and_the_rest_goes_on() -> None:
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetAccount")
    found = said(doctor._careful(doctor._api_logs, live(apigateway=Told(get_account=denied))))
    assert found[0].startswith("? api logs cannot be looked at")
