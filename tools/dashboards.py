"""Two pages of CloudWatch: how the business goes, and how the machine does. Made from tables, as the alarms are."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.telemetry import NAMESPACE, SERVICE
from tools.alarms import ONLY_WHERE, timeouts

Row = list[str]

_OURS = ["service", SERVICE, "stage", "${Stage}"]
_API = ["ApiName", "guzo-${Stage}", "Stage", "api"]


def _ours(*names: str) -> list[Row]:
    return [[NAMESPACE, name, *_OURS] for name in names]


def _functions(metric: str) -> list[Row]:
    return [["AWS/Lambda", metric, "FunctionName", f"${{{name}}}"] for name in timeouts() if name not in ONLY_WHERE]


def _queues(metric: str, *names: str) -> list[Row]:
    return [["AWS/SQS", metric, "QueueName", f"${{{name}.QueueName}}"] for name in names]


def _tables(*metrics: str) -> list[Row]:
    tables = ("ListingsTable", "BookingsTable", "LedgerTable")
    return [["AWS/DynamoDB", metric, "TableName", f"${{{name}}}"] for metric in metrics for name in tables]


BUSINESS: dict[str, tuple[str, list[Row]]] = {
    "Bookings": ("Sum", _ours("booking_held", "booking_confirmed", "booking_expired", "booking_cancelled")),
    "Payments that go wrong": ("Sum", _ours("opening_failed", "reference_used", "key_unusable", "unknown_reference")),
    "Webhooks": ("Sum", _ours("webhook_received", "webhook_refused", "webhook_deferred")),
    "E-mails": ("Sum", _ours("email_sent", "email_put_off", "email_refused", "email_superseded")),
    "What needs a person": ("Sum", _ours("attention_needed", "booking_failing")),
    "Sign-in": ("Sum", _ours("token_refused", "token_keys_unavailable")),
}
"""Title, statistic and metrics of each graph."""

MACHINE: dict[str, tuple[str, list[Row]]] = {
    "Calls of the API": ("Sum", [["AWS/ApiGateway", name, *_API] for name in ("Count", "4XXError", "5XXError")]),
    "Time of a call, one in twenty takes longer": ("p95", [["AWS/ApiGateway", "Latency", *_API]]),
    "Executions": ("Sum", _functions("Invocations")),
    "Errors": ("Sum", _functions("Errors")),
    "Turned away": ("Sum", _functions("Throttles")),
    "Longest execution": ("Maximum", _functions("Duration")),
    "At once": ("Maximum", _functions("ConcurrentExecutions")),
    "Oldest message": ("Maximum", _queues("ApproximateAgeOfOldestMessage", "ReconcileQueue", "EmailsQueue")),
    "Dead letters": (
        "Maximum",
        _queues("ApproximateNumberOfMessagesVisible", "ReconcileDeadLetters", "EmailsDeadLetters"),
    ),
    "Units of the tables": ("Sum", _tables("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")),
    "Turned away by the tables": ("Sum", _tables("ReadThrottleEvents", "WriteThrottleEvents")),
    "Trouble outside": (
        "Sum",
        _ours("store_busy", "secrets_stale", "outbox_not_enqueued", "reconcile_not_enqueued", "trust_store_incomplete"),
    ),
}


def resources() -> dict[str, Any]:
    """Both dashboards as the template's resources, by their names."""
    return {
        f"{name}Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {
                "DashboardName": {"Fn::Sub": f"guzo-${{Stage}}-{name.lower()}"},
                "DashboardBody": {"Fn::Sub": json.dumps({"widgets": _widgets(graphs)})},
            },
        }
        for name, graphs in {"Business": BUSINESS, "Machine": MACHINE}.items()
    }


def _widgets(graphs: dict[str, tuple[str, list[Row]]]) -> list[dict[str, Any]]:
    return [
        {
            "type": "metric",
            "x": 12 * (place % 2),
            "y": 6 * (place // 2),
            "width": 12,
            "height": 6,
            "properties": {
                "title": title,
                "metrics": rows,
                "stat": statistic,
                "period": 300,
                "region": "${AWS::Region}",
                "view": "timeSeries",
            },
        }
        for place, (title, (statistic, rows)) in enumerate(graphs.items())
    ]
