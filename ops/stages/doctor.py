"""Look at a deployed stage and say what differs from what it should be: `make doctor STAGE=prod`.

It reads, and changes nothing. It ends with 0 when nothing was found wrong, 1 otherwise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from botocore.exceptions import ClientError

from chalicelib.gateways import GATEWAYS
from chalicelib.settings import LIVE_STAGE, Settings
from chalicelib.telemetry import NAMESPACE, SERVICE
from local.stack.deployed import parameters_of, read_secrets, settings_of
from local.stack.gateway_keys import wrong_key
from ops.aws import OpsError, deployed_stack, outputs_of, run, stack_name

SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `fine` is None when only a person can tell."""

    fine: bool | None
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        sign = {True: "✓", False: "✗", None: "?"}[self.fine]
        return f"{sign} {self.what}" + (f": {self.remedy}" if self.remedy and not self.fine else "")


@dataclass(frozen=True)
class Live:
    """A deployed stage."""

    session: Any
    stage: str
    stack: dict[str, Any]

    @property
    def outputs(self) -> dict[str, str]:
        return outputs_of(self.stack)

    @property
    def parameters(self) -> dict[str, str]:
        return parameters_of(self.stack)

    @property
    def settings(self) -> Settings:
        return settings_of(self.stage, self.parameters)

    def client(self, service: str) -> Any:
        return self.session.client(service)

    def physical(self, logical_id: str) -> str:
        """The name under which a resource of the template was made."""
        told = self.client("cloudformation").describe_stack_resource(
            StackName=stack_name(self.stage), LogicalResourceId=logical_id
        )
        name: str = told["StackResourceDetail"]["PhysicalResourceId"]
        return name

    def counted(self, namespace: str, metric: str, dimensions: dict[str, str], *, within: timedelta) -> float:
        """How much a metric has counted lately."""
        now = datetime.now(UTC)
        told = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - within,
            EndTime=now,
            Period=max(60, int(within.total_seconds())),
            Statistics=["Sum"],
        )
        return float(sum(point["Sum"] for point in told["Datapoints"]))


def main(arguments: list[str] | None = None) -> int:
    """Run `make doctor`; return the exit code."""
    parser = argparse.ArgumentParser(prog="make doctor", description=__doc__)
    parser.add_argument("stage")
    stage = parser.parse_args(arguments).stage

    def command(session: Any) -> int:
        findings = list(examine(look_up(session, stage)))
        for finding in findings:
            print(finding)
        return int(any(finding.fine is False for finding in findings))

    return run(command)


def look_up(session: Any, stage: str) -> Live:
    """Return a stage as it is deployed. Raises OpsError when it is not."""
    return Live(session, stage, deployed_stack(session, stage))


def examine(live: Live) -> Iterator[Finding]:
    """Look at everything."""
    for check in (*CHECKS, *BY_HAND):
        yield from _careful(check, live)


def by_hand(live: Live) -> Iterator[Finding]:
    """Look at what a deployment cannot do by itself."""
    for check in BY_HAND:
        yield from _careful(check, live)


def _careful(check: Callable[[Live], Iterator[Finding]], live: Live) -> Iterator[Finding]:
    """What cannot be read is said, and the other checks go on."""
    try:
        yield from check(live)
    except (ClientError, OpsError) as error:
        yield Finding(None, f"{check.__name__.replace('_', ' ').strip()} cannot be looked at ({error})")


def _stack(live: Live) -> Iterator[Finding]:
    status = live.stack["StackStatus"]
    yield Finding(status in SETTLED, f"the stack is {status}", "see its events in the CloudFormation console")
    if live.stage == LIVE_STAGE:
        yield Finding(
            bool(live.stack.get("EnableTerminationProtection")), "the stack is protected from deletion", "make deploy"
        )


def _api(live: Live) -> Iterator[Finding]:
    address, commit = live.outputs["ApiUrl"], live.outputs.get("Commit")
    try:
        health = requests.get(f"{address}/health", timeout=30)
        told = health.json() if health.status_code == 200 else {}
    except requests.RequestException as error:
        yield Finding(False, f"{address} does not answer ({type(error).__name__})", "is its DNS record there?")
        return
    yield Finding(health.status_code == 200, f"{address}/health answers {health.status_code}", "make logs")
    yield Finding(told.get("commit") == commit, f"it runs commit {told.get('commit')}", f"the stack says {commit}")


def _api_logs(live: Live) -> Iterator[Finding]:
    role = live.client("apigateway").get_account().get("cloudwatchRoleArn")
    remedy = "no call is logged; deploy with ManageApiLogsRole=yes"
    yield Finding(bool(role), "API Gateway may write its logs", remedy)


def _secrets(live: Live) -> Iterator[Finding]:
    settings = live.settings
    found = read_secrets(live.client("ssm"), settings.secrets_path)
    for gateway in sorted(set(settings.gateways.values())):
        for name in GATEWAYS[gateway].secrets:
            there = name in found
            yield Finding(there, f"{settings.secrets_path}/{name} is there", f"make secrets STAGE={live.stage}")
        wrong = wrong_key(gateway, found, mode=settings.mode)
        if GATEWAYS[gateway].secrets[0] in found:
            yield Finding(
                wrong is None, f"the key of {GATEWAYS[gateway].brand} is for {settings.mode} money", wrong or ""
            )


def _clock(live: Live) -> Iterator[Finding]:
    rule = live.client("events").describe_rule(Name=live.physical("SweepSweepEvent").rpartition("/")[2])
    enabled = rule.get("State") == "ENABLED"
    yield Finding(enabled, "the clock's rule is enabled", f"aws events enable-rule --name {rule['Name']}")
    dimensions = {"FunctionName": live.physical("Sweep")}
    runs = live.counted("AWS/Lambda", "Invocations", dimensions, within=timedelta(minutes=15))
    yield Finding(runs > 0, "the sweep has run in the last quarter of an hour", "docs/runbook.md, SweepStoppedAlarm")


def _queues(live: Live) -> Iterator[Finding]:
    for output in ("ReconcileDeadLettersUrl", "EmailsDeadLettersUrl"):
        names = ["ApproximateNumberOfMessages"]
        told = live.client("sqs").get_queue_attributes(QueueUrl=live.outputs[output], AttributeNames=names)
        left = int(told["Attributes"][names[0]])
        queue = output.removesuffix("DeadLettersUrl").lower()
        yield Finding(left == 0, f"{left} dead letters of {queue}", "docs/runbook.md, dead letters")


def _tables(live: Live) -> Iterator[Finding]:
    dynamodb = live.client("dynamodb")
    for output in ("ListingsTableName", "BookingsTableName", "LedgerTableName"):
        name = live.outputs[output]
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        on = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED"
        yield Finding(on, f"{name} can be restored to any second of the last 35 days", "switch it on in DynamoDB")
        if live.stage == LIVE_STAGE:
            kept = dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled", False)
            yield Finding(kept, f"{name} is protected from deletion", "switch it on in DynamoDB")


def _alarms(live: Live) -> Iterator[Finding]:
    pages = (
        live.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix=f"{stack_name(live.stage)}-", StateValue="ALARM")
    )
    raised = [alarm for page in pages for alarm in page["MetricAlarms"]]
    for alarm in raised:
        yield Finding(False, f"alarm {alarm['AlarmName']}", alarm.get("AlarmDescription", ""))
    if not raised:
        yield Finding(True, "no alarm is raised")


def _subscribers(live: Live) -> Iterator[Finding]:
    pages = (
        live.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=live.outputs["AlarmTopicArn"])
    )
    found = [each for page in pages for each in page["Subscriptions"]]
    confirmed = [each["Endpoint"] for each in found if each["SubscriptionArn"].startswith("arn:")]
    waiting = [each["Endpoint"] for each in found if each["Endpoint"] not in confirmed]
    remedy = f"{', '.join(waiting)} has a letter of Amazon's to confirm" if waiting else "deploy with AlarmEmail=…"
    yield Finding(bool(confirmed), f"alarms are heard by {', '.join(confirmed) or 'nobody'}", remedy)


def _mail(live: Live) -> Iterator[Finding]:
    sender = live.parameters["MailFrom"]
    identity = live.parameters.get("MailIdentity") or sender
    ses = live.client("sesv2")
    verified = False
    for name in dict.fromkeys((identity, sender.rpartition("@")[2])):
        with suppress(ses.exceptions.NotFoundException):
            verified |= bool(ses.get_email_identity(EmailIdentity=name).get("VerifiedForSendingStatus"))
    yield Finding(verified, f"SES has verified {identity}", "verify the address, or better its domain, in SES")
    account = ses.get_account()
    out = bool(account.get("ProductionAccessEnabled"))
    yield Finding(out, "SES sends to everybody", "the account is in SES's sandbox: request production access")
    yield Finding(bool(account.get("SendingEnabled", True)), "SES sends", "it has paused the account: look why")
    domain = sender.rpartition("@")[2]
    yield Finding(None, f"DMARC of {domain}", f"dig +short TXT _dmarc.{domain}  should begin with v=DMARC1")


def _webhooks(live: Live) -> Iterator[Finding]:
    dimensions = {"service": SERVICE, "stage": live.stage}
    received = live.counted(NAMESPACE, "webhook_received", dimensions, within=timedelta(days=15))
    for gateway in sorted(set(live.settings.gateways.values())):
        address = f"{live.outputs['ApiUrl']}/v1/webhooks/{gateway}"
        yield Finding(
            received > 0,
            f"webhooks have come in the last 15 days ({GATEWAYS[gateway].brand})",
            f"name {address} in the gateway's dashboard, with the stage's secret",
        )


CHECKS = (_stack, _api, _api_logs, _secrets, _clock, _queues, _tables, _alarms)
BY_HAND = (_subscribers, _mail, _webhooks)

if __name__ == "__main__":
    sys.exit(main())
