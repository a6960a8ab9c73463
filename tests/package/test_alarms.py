"""What is watched in the deployed stack, and that somebody hears of it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from chalicelib import telemetry
from tests.package.conftest import STAGES
from tests.package.reading import FUNCTIONS, of_type, properties
from tools import dashboards
from tools.alarms import ALARMS, timeouts
from tools.stage_template import Template


def alarms(template: Template) -> dict[str, dict[str, Any]]:
    return {name: found["Properties"] for name, found in of_type(template, "AWS::CloudWatch::Alarm").items()}


def test_every_alarm_of_the_table_is_there_and_is_heard(template: Template) -> None:
    found = alarms(template)
    assert found.keys() == {alarm.name for alarm in ALARMS}
    for alarm in found.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
        assert "Runbook: " in alarm["AlarmDescription"]
    assert properties(template, "AlarmSubscription")["Endpoint"] == {"Ref": "AlarmEmail"}


def test_queues_and_the_clock_are_watched(template: Template) -> None:
    found = alarms(template)
    for queue in ("Reconcile", "Emails"):
        dead = {"Fn::GetAtt": [f"{queue}DeadLetters", "QueueName"]}
        assert found[f"{queue}DeadLettersAlarm"]["Dimensions"] == [{"Name": "QueueName", "Value": dead}]
        assert found[f"{queue}AgeAlarm"]["MetricName"] == "ApproximateAgeOfOldestMessage"
    # Of these alone silence is the fault.
    clocks = {name for name, alarm in found.items() if alarm["TreatMissingData"] == "breaching"}
    assert clocks == {"SweepStoppedAlarm", "WatchStoppedAlarm", "CanaryAlarm"}
    assert {found[name]["ComparisonOperator"] for name in clocks} == {"LessThanThreshold"}
    assert {alarm["TreatMissingData"] for alarm in found.values()} == {"breaching", "notBreaching"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_watched(template: Template, name: str) -> None:
    found = alarms(template)
    errors = found["SweepFailsAlarm" if name == "Sweep" else f"{name}ErrorsAlarm"]
    assert errors["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": name}}]
    assert found[f"{name}ThrottlesAlarm"]["MetricName"] == "Throttles"
    assert found[f"{name}SlowAlarm"]["Threshold"] == 900 * properties(template, name)["Timeout"]
    assert timeouts()[name] == properties(template, name)["Timeout"]


def test_what_is_watched_of_ours_is_counted(template: Template) -> None:
    text = json.dumps(alarms(template))
    ours = re.findall(r'"Namespace": "Guzo", "MetricName": "(\w+)", "Dimensions": (\[.*?\}\}\])', text)
    assert {name for name, _ in ours} >= {"attention_needed", "key_unusable", "opening_failed", "webhook_received"}
    assert {name for name, _ in ours} <= telemetry.METRICS
    dimensions = [{"Name": "service", "Value": telemetry.SERVICE}, {"Name": "stage", "Value": {"Ref": "Stage"}}]
    assert all(json.loads(found) == dimensions for _, found in ours)


def test_an_expression_speaks_of_its_metrics() -> None:
    for alarm in ALARMS:
        assert (alarm.metric is None) == bool(alarm.metrics) == bool(alarm.expression)
        assert (alarm.above is None) != (alarm.below is None)
        named = set(re.findall(r"\b[a-z]\w*\b", alarm.expression))
        assert named == {name for name, _ in alarm.metrics}


@pytest.mark.parametrize("stage", STAGES)
def test_dashboards_show_what_there_is(translations: dict[str, Template], stage: str) -> None:
    template = translations[stage]
    made = of_type(template, "AWS::CloudWatch::Dashboard")
    assert made.keys() == dashboards.resources().keys()
    for dashboard in made.values():
        text = dashboard["Properties"]["DashboardBody"]["Fn::Sub"]
        widgets = json.loads(text)["widgets"]
        assert len({(widget["x"], widget["y"]) for widget in widgets}) == len(widgets)
        names = set(re.findall(r"\$\{(\w+)(?:\.\w+)?\}", text)) - {"Stage"}
        assert names <= template["Resources"].keys()


def test_graphs_of_ours_show_what_is_counted() -> None:
    rows = [
        row for graphs in (dashboards.BUSINESS, dashboards.MACHINE) for _, found in graphs.values() for row in found
    ]
    assert {row[1] for row in rows if row[0] == telemetry.NAMESPACE} <= telemetry.METRICS


def test_costs_are_watched_where_there_is_a_budget(template: Template) -> None:
    for name in ("CostBudget", "CostAnomalies", "CostAnomaliesSubscription"):
        assert template["Resources"][name]["Condition"] == "HasBudget"
    told = properties(template, "CostBudget")["NotificationsWithSubscribers"]
    kinds = [each["Notification"]["NotificationType"] for each in told]
    assert kinds == ["ACTUAL", "FORECASTED"]
