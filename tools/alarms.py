"""What is watched: one table of alarms, from which the template is made; each has its entry in docs/runbook.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from chalicelib.telemetry import NAMESPACE, SERVICE
from local.stack.emulator.resources import TEMPLATE

Dimensions = dict[str, Any]
Statistic = Literal["Sum", "Maximum", "p95"]

API: Dimensions = {"ApiName": {"Fn::Sub": "guzo-${Stage}"}, "Stage": "api"}
OURS: Dimensions = {"service": SERVICE, "stage": {"Ref": "Stage"}}
FIREWALL: Dimensions = {"WebACL": {"Fn::Sub": "guzo-${Stage}"}, "Region": {"Ref": "AWS::Region"}, "Rule": "ALL"}
MINUTES = 60
CLOSE_TO_ITS_END = 0.9
"""The share of a function's time-out from which an execution counts as nearly cut off."""


@dataclass(frozen=True)
class Metric:
    """One metric of CloudWatch."""

    namespace: str
    name: str
    dimensions: Dimensions
    statistic: Statistic = "Sum"


@dataclass(frozen=True)
class Alarm:
    """One alarm: raised when the metric passes `above` (or falls below `below`) in each of `times` periods.

    With `metrics` it watches what `expression` makes of them, each by the name that it has there.
    """

    name: str
    says: str
    metric: Metric | None = None
    above: float | None = None
    below: float | None = None
    period: int = 5 * MINUTES
    times: int = 1
    silence_is_bad: bool = False
    entry: str = ""
    """The heading in the runbook; empty: the alarm's name."""
    condition: str = ""
    """The template's condition under which there is such an alarm."""
    metrics: tuple[tuple[str, Metric], ...] = ()
    expression: str = ""


def queue(name: str, metric: str) -> Metric:
    """The oldest or the number of a queue's messages."""
    return Metric("AWS/SQS", metric, {"QueueName": {"Fn::GetAtt": [name, "QueueName"]}}, "Maximum")


def function(name: str, metric: str, statistic: Statistic = "Sum") -> Metric:
    """A metric of one Lambda function."""
    return Metric("AWS/Lambda", metric, {"FunctionName": {"Ref": name}}, statistic)


def table(name: str, metric: str) -> Metric:
    """A metric of one table."""
    return Metric("AWS/DynamoDB", metric, {"TableName": {"Ref": name}})


def ours(name: str) -> Metric:
    """A metric that Guzo counts itself."""
    return Metric(NAMESPACE, name, OURS)


ONLY_WHERE = {"Canary": "HasCanary", "ShapeTokens": "MakesUserPool"}
"""The template's condition under which there is such a function; every other one there is always."""


def timeouts() -> dict[str, int]:
    """Each function's time-out in seconds, by its name in the template."""
    config = json.loads((TEMPLATE.parent / "config.json").read_text(encoding="utf-8"))
    found = {"APIHandler": int(config["lambda_timeout"])}
    for name, told in config["lambda_functions"].items():
        found[name.title().replace("_", "")] = int(told.get("lambda_timeout", config["lambda_timeout"]))
    return found


def _of_functions() -> list[Alarm]:
    alarms = []
    for name, seconds in timeouts().items():
        where = ONLY_WHERE.get(name, "")
        if name != "Sweep":  # which has an alarm of its own
            errors = function(name, "Errors")
            says = f"{name} raises"
            alarms.append(Alarm(f"{name}ErrorsAlarm", says, errors, above=0, entry="FunctionErrors", condition=where))
        throttles = function(name, "Throttles")
        says = f"{name} has no place left: calls are turned away"
        alarms.append(
            Alarm(f"{name}ThrottlesAlarm", says, throttles, above=0, entry="FunctionThrottles", condition=where)
        )
        longest = function(name, "Duration", "Maximum")
        late = 1000 * seconds * CLOSE_TO_ITS_END
        says = f"{name} takes nearly as long as it may"
        alarms.append(
            Alarm(f"{name}SlowAlarm", says, longest, above=late, times=3, entry="FunctionSlow", condition=where)
        )
    signing_in = function("ShapeTokens", "Errors")
    says = "ShapeTokens raises: people cannot sign in"
    alarms.append(
        Alarm(
            "ShapeTokensErrorsAlarm",
            says,
            signing_in,
            above=0,
            entry="FunctionErrors",
            condition=ONLY_WHERE["ShapeTokens"],
        )
    )
    return alarms


def _of_tables() -> list[Alarm]:
    return [
        Alarm(
            f"{name}{kind}ThrottlesAlarm",
            f"{name} turns {kind.lower()}s away",
            table(name, f"{kind}ThrottleEvents"),
            above=10,
            entry="TableThrottles",
        )
        for name in ("ListingsTable", "BookingsTable", "LedgerTable")
        for kind in ("Read", "Write")
    ]


def _share(bad: str, good: str, *, more_than: int) -> str:
    """The share of ``bad`` among both, by metric math; 0 while there are no more than so many of them together."""
    both = f"FILL({bad}, 0) + FILL({good}, 0)"
    # Nothing is divided by nothing, whichever branch is taken.
    return f"IF({both} > {more_than}, FILL({bad}, 0) / ({both} + 0.001), 0)"


_DEAD = "ApproximateNumberOfMessagesVisible"
_OLDEST = "ApproximateAgeOfOldestMessage"

ALARMS: tuple[Alarm, ...] = (
    # queues
    Alarm(
        "ReconcileDeadLettersAlarm",
        "A booking could not be reconciled five times in a row",
        queue("ReconcileDeadLetters", _DEAD), above=0, period=MINUTES,
    ),
    Alarm(
        "EmailsDeadLettersAlarm",
        "E-mails could not be sent five times in a row",
        queue("EmailsDeadLetters", _DEAD), above=0, period=MINUTES,
    ),
    Alarm(
        "ReconcileAgeAlarm",
        "Bookings wait in the queue longer than a quarter of an hour",
        queue("ReconcileQueue", _OLDEST), above=900, times=3,
    ),
    Alarm(
        "EmailsAgeAlarm",
        "E-mails wait longer than a quarter of an hour",
        queue("EmailsQueue", _OLDEST), above=900, times=3,
    ),
    # the API
    Alarm("ApiFaultsAlarm", "The API answers with 5xx", Metric("AWS/ApiGateway", "5XXError", API), above=5),
    Alarm(
        "ApiSlowAlarm",
        "One call in twenty takes longer than five seconds",
        Metric("AWS/ApiGateway", "Latency", API, "p95"), above=5000, times=3,
    ),
    Alarm(
        "FirewallBlocksAlarm",
        "The firewall turns many calls away",
        Metric("AWS/WAFV2", "BlockedRequests", FIREWALL), above=1000, condition="HasFirewall",
    ),
    # the clock
    Alarm(
        "SweepStoppedAlarm",
        "The clock stands still: the sweep has not run for ten minutes",
        function("Sweep", "Invocations"), below=1, times=2, silence_is_bad=True,
    ),
    Alarm(
        "WatchStoppedAlarm",
        "Nobody watches: the watch has not run for half an hour, and no check of what is stored goes on",
        function("Watch", "Invocations"), below=1, period=15 * MINUTES, times=2, silence_is_bad=True,
    ),
    Alarm("SweepFailsAlarm", "The sweep keeps failing", function("Sweep", "Errors"), above=2, times=2),
    Alarm(
        "CanaryAlarm",
        "The canary has not come through for half an hour: guests cannot search, book or get to a link to pay",
        ours("canary_passed"), below=1, period=30 * MINUTES, silence_is_bad=True, condition="HasCanary",
    ),
    # business
    Alarm("AttentionAlarm", "Something needs a person: GET /v1/ops/attention", ours("attention_needed"), above=0),
    Alarm(
        "GatewayKeyAlarm",
        "A payment gateway's key is not one for this stage, or the gateway refuses it: nobody can pay",
        ours("key_unusable"), above=0,
    ),
    Alarm(
        "NobodyCanPayAlarm",
        "Half of the payments are not opened",
        above=0.5, times=2,
        metrics=(("failed", ours("opening_failed")), ("opened", ours("payment_opened"))),
        # Under five in five minutes, one guest's wrong number would be an alarm.
        expression=_share("failed", "opened", more_than=4),
    ),
    Alarm(
        "GatewaySilentAlarm",
        "A payment gateway says nothing to half of our calls",
        above=0.5, period=15 * MINUTES,
        metrics=(("silent", ours("gateway_silent")), ("answered", ours("gateway_answered"))),
        expression=_share("silent", "answered", more_than=4),
    ),
    Alarm(
        "PaymentsFellAlarm",
        "Far fewer of the opened payments are paid than at this hour last week: guests come, and nobody can pay",
        # It is looked at every five minutes: a single one may be chance.
        ours("payments_fell"), above=1, period=15 * MINUTES,
    ),
    Alarm(
        "WebhooksSilentAlarm",
        "Bookings are confirmed, and no webhook has come for an hour",
        above=0, period=60 * MINUTES,
        metrics=(("confirmed", ours("booking_confirmed")), ("received", ours("webhook_received"))),
        expression="IF(FILL(confirmed, 0) > 4 AND FILL(received, 0) < 1, 1, 0)",
    ),
    Alarm(
        "WebhooksRefusedAlarm",
        "Webhooks keep coming that are not signed as they should be",
        ours("webhook_refused"), above=10, period=60 * MINUTES,
    ),
    Alarm(
        "LettersRefusedAlarm",
        "Half of the letters cannot be sent",
        above=0.5, period=30 * MINUTES,
        metrics=(
            ("refused", ours("email_refused")), ("broken", ours("email_broken")), ("sent", ours("email_sent")),
        ),
        expression=(
            "IF(FILL(refused, 0) + FILL(broken, 0) > 2, (FILL(refused, 0) + FILL(broken, 0))"
            " / (FILL(refused, 0) + FILL(broken, 0) + FILL(sent, 0) + 0.001), 0)"
        ),
    ),
    Alarm(
        "RefundsOverdueAlarm",
        "A guest has been owed money for over a day, and nothing moves it",
        ours("refund_overdue"), above=0, period=15 * MINUTES,
    ),
    Alarm(
        "DisputesHalfWayAlarm",
        "Half of the time for the answer to a dispute is over",
        ours("dispute_half_way"), above=0, period=15 * MINUTES, entry="DisputeAlarms",
    ),
    Alarm(
        "DisputesNearlyOverAlarm",
        "Four fifths of the time for the answer to a dispute are over: without one the money is lost",
        ours("dispute_nearly_over"), above=0, period=15 * MINUTES, entry="DisputeAlarms",
    ),
    Alarm(
        "InvariantAlarm",
        "Something that must hold of bookings, nights or ledger does not: GET /v1/ops/attention?kind=invariant",
        ours("invariant_broken"), above=0,
    ),
    Alarm("LedgerLineAlarm", "A line of the ledger cannot be made from its booking", ours("line_broken"), above=0),
    Alarm("BookingFailingAlarm", "A booking keeps raising", ours("booking_failing"), above=5, period=60 * MINUTES),
    Alarm("CrashedAlarm", "A request or a task raised what nobody handles", ours("crashed"), above=0),
    Alarm("TokenKeysAlarm", "The issuer's keys cannot be had", ours("token_keys_unavailable"), above=0, times=2),
    Alarm(
        "TrustStoreAlarm",
        "A server of AWS shows a certificate that none of the packaged roots has signed",
        ours("trust_store_incomplete"), above=0, period=60 * MINUTES,
    ),
    # SES, of the whole account: it is paused at 10 % and 0.5 %
    Alarm(
        "BounceRateAlarm",
        "One e-mail in twenty bounces: SES pauses an account at twice that",
        Metric("AWS/SES", "Reputation.BounceRate", {}, "Maximum"), above=0.05, period=60 * MINUTES,
    ),
    Alarm(
        "ComplaintRateAlarm",
        "One reader in a thousand complains: SES pauses an account at five times that",
        Metric("AWS/SES", "Reputation.ComplaintRate", {}, "Maximum"), above=0.001, period=60 * MINUTES,
    ),
    *_of_functions(),
    *_of_tables(),
)  # fmt: skip


def resources() -> dict[str, Any]:
    """Every alarm as the template's resource, by its name."""
    return {alarm.name: _resource(alarm) for alarm in ALARMS}


def _resource(alarm: Alarm) -> dict[str, Any]:
    compared = "GreaterThanThreshold" if alarm.above is not None else "LessThanThreshold"
    properties = {
        "AlarmDescription": f"{alarm.says}. Runbook: {alarm.entry or alarm.name}",
        **_watched(alarm),
        "EvaluationPeriods": alarm.times,
        "ComparisonOperator": compared,
        "Threshold": alarm.above if alarm.above is not None else alarm.below,
        "TreatMissingData": "breaching" if alarm.silence_is_bad else "notBreaching",
        "AlarmActions": [{"Ref": "AlarmTopic"}],
        "OKActions": [{"Ref": "AlarmTopic"}],
    }
    condition = {"Condition": alarm.condition} if alarm.condition else {}
    return {"Type": "AWS::CloudWatch::Alarm", **condition, "Properties": properties}


def _watched(alarm: Alarm) -> dict[str, Any]:
    if alarm.metric is not None:
        kind = "Statistic" if alarm.metric.statistic in ("Sum", "Maximum") else "ExtendedStatistic"
        return {**_metric(alarm.metric), kind: alarm.metric.statistic, "Period": alarm.period}
    parts = [
        {
            "Id": name,
            "MetricStat": {"Metric": _metric(metric), "Stat": metric.statistic, "Period": alarm.period},
            "ReturnData": False,
        }
        for name, metric in alarm.metrics
    ]
    return {"Metrics": [*parts, {"Id": "watched", "Expression": alarm.expression, "ReturnData": True}]}


def _metric(metric: Metric) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
    return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}
