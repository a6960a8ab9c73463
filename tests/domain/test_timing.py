"""The durations of the deployed system fit together, each inequality by its name."""

from __future__ import annotations

import ast
import json
from datetime import timedelta
from pathlib import Path
from typing import TypeGuard

import pytest

from chalicelib.domain.people.limits import LIMITS_MAX, Limits
from chalicelib.domain.timing import (
    API_FUNCTION,
    API_GATEWAY_BUDGET,
    AUTHORIZER_FUNCTION,
    AWS_CONNECT,
    AWS_READ,
    BACK_OFF_FIRST,
    BACK_OFF_MAX,
    CHECKOUT_WINDOW,
    CHECKOUT_WINDOW_MAX,
    CHECKOUT_WINDOW_MIN,
    DYNAMODB_CALL,
    DYNAMODB_CONNECT,
    DYNAMODB_READ,
    FIRST_VERIFICATIONS,
    GATEWAY_CALL,
    GATEWAY_CALL_MIN,
    GATEWAY_CONNECT,
    HOLD,
    HOLD_MAX,
    HOLD_MIN,
    ISSUER_CALL,
    LAST_MINUTES,
    LAST_WAIT,
    LEDGER_LATE_MARGIN,
    NUDGE_MIN,
    OPENING_LEASE,
    OPENING_POLLS,
    OUTAGE_GRACE,
    OUTBOX_LEASE,
    OUTBOX_MESSAGE,
    OUTBOX_RETRY_FIRST,
    OUTBOX_RETRY_MAX,
    PUBLIC_ANSWER,
    PUBLIC_GATEWAY_BUDGET,
    PUBLIC_LAST_WAIT,
    QUEUE_VISIBILITY,
    REFUND_ACTION_PATIENCE,
    REFUND_MOVING_PATIENCE,
    REFUND_POLL_EARLY,
    REFUND_POLL_LATE,
    REFUND_POLL_MIN,
    REFUND_START_PATIENCE,
    RETRY_AFTER_GATEWAY,
    RETRY_AFTER_GATEWAY_MAX,
    RETRY_AFTER_GATEWAY_MIN,
    SWEEP_EVERY,
    SWEEP_FUNCTION,
    TASK_FUNCTION,
    TASK_GATEWAY_BUDGET,
    TOKEN_KEYS_FETCH,
    TOKEN_KEYS_FIRST_FETCH,
    TOKEN_KEYS_FRESH,
    UNKNOWN_FOR_GOOD,
    USER_POOL_CALL,
    USER_POOL_TRIGGER,
    VERIFY_CALL_MIN,
    VERIFY_PAUSE_MAX,
    VERIFY_WHILE_HELD,
    WAIT_FOR_OPENING,
    WATCHED_FOR,
    WEBHOOK_GATEWAY_BUDGET,
)
from chalicelib.gateways import GATEWAYS

ROOT = Path(__file__).parents[2]

SLOWEST_REFUND = timedelta(days=7 / 5) * max(row.refund_business_days for row in GATEWAYS.values())
GATEWAYS_OWN_TIME = timedelta(seconds=29)
"""API Gateway answers 504 after this long, whatever the function does."""


@pytest.mark.parametrize(
    ("name", "durations"),
    [
        ("a hold within what a stage may set", (HOLD_MIN, HOLD, HOLD_MAX)),
        ("a checkout window within what a stage may set", (CHECKOUT_WINDOW_MIN, CHECKOUT_WINDOW, CHECKOUT_WINDOW_MAX)),
        ("payments are verified ever more seldom", (*FIRST_VERIFICATIONS, VERIFY_WHILE_HELD, VERIFY_PAUSE_MAX)),
        ("a gateway's own Retry-After", (RETRY_AFTER_GATEWAY_MIN, RETRY_AFTER_GATEWAY, RETRY_AFTER_GATEWAY_MAX)),
        ("an opening is polled ever more seldom", OPENING_POLLS),
        ("a first look-up of a refund comes before a person is asked", (REFUND_POLL_MIN, REFUND_POLL_EARLY)),
        ("a checkout window ends before its payment is watched no more", (CHECKOUT_WINDOW_MAX, WATCHED_FOR)),
    ],
)
def test_ordered(name: str, durations: tuple[timedelta, ...]) -> None:
    assert list(durations) == sorted(durations), name


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        ("a gateway call ends before another caller takes its opening over", GATEWAY_CALL, OPENING_LEASE),
        ("an opening, with a retried reference, ends in the lease", API_GATEWAY_BUDGET, OPENING_LEASE),
        ("connecting is a part of a gateway call", GATEWAY_CONNECT, GATEWAY_CALL),
        ("a call that is just worth beginning is a part of one", GATEWAY_CALL_MIN, GATEWAY_CALL),
        ("a gateway call, a load and a save fit a request", GATEWAY_CALL + 2 * DYNAMODB_CALL, API_FUNCTION),
        ("the gateway's budget and a save fit a request", API_GATEWAY_BUDGET + DYNAMODB_CALL, API_FUNCTION),
        ("a webhook is left to the queue sooner than a guest's call", WEBHOOK_GATEWAY_BUDGET, API_GATEWAY_BUDGET),
        ("a webhook is answered in time, its message sent", WEBHOOK_GATEWAY_BUDGET + AWS_CONNECT, PUBLIC_ANSWER),
        ("a page is answered in time", PUBLIC_GATEWAY_BUDGET, PUBLIC_ANSWER),
        ("a page is answered in time by a waiter, too", PUBLIC_LAST_WAIT + OPENING_POLLS[-1], PUBLIC_GATEWAY_BUDGET),
        ("a call without a token waits less than one with it", PUBLIC_ANSWER, GATEWAY_CALL),
        ("a page asks the gateway over a new connection", GATEWAY_CONNECT, PUBLIC_GATEWAY_BUDGET),
        ("a wait for another's opening and a read fit a request", LAST_WAIT + DYNAMODB_CALL, API_FUNCTION),
        ("a wait alone ends before a call waits no more", WAIT_FOR_OPENING, LAST_WAIT),
        ("a waiter outlasts a call to the gateway", GATEWAY_CALL, WAIT_FOR_OPENING),
        ("our own answer comes before API Gateway's", API_FUNCTION, GATEWAYS_OWN_TIME),
        ("the gateway's budget, a queue's call and a save fit a task",
         TASK_GATEWAY_BUDGET + DYNAMODB_CALL + AWS_CONNECT + AWS_READ, TASK_FUNCTION),
        ("a worker that lives has its outbox entries to itself", TASK_FUNCTION, OUTBOX_LEASE),
        ("a line in time is written before its day is kept", TASK_FUNCTION, LEDGER_LATE_MARGIN),
        ("a message that is worked on is nobody else's", TASK_FUNCTION, QUEUE_VISIBILITY),
        ("a dead worker's message comes again before its letters are enqueued anew", QUEUE_VISIBILITY, OUTBOX_MESSAGE),
        ("one sweep at a time", SWEEP_FUNCTION, SWEEP_EVERY),
        ("an attempt at DynamoDB is a part of a call to it", DYNAMODB_CONNECT + DYNAMODB_READ, DYNAMODB_CALL),
        ("two calls to the user pool, each of a connection and a silence", 4 * USER_POOL_CALL, USER_POOL_TRIGGER),
        ("two documents of the issuer, and a read", 2 * ISSUER_CALL, AUTHORIZER_FUNCTION),
        ("keys of an unknown issuer are fetched sooner", TOKEN_KEYS_FIRST_FETCH, TOKEN_KEYS_FETCH),
        ("fresh keys are not fetched", TOKEN_KEYS_FETCH, TOKEN_KEYS_FRESH),
        ("a verify call is more eager than a page", VERIFY_CALL_MIN, NUDGE_MIN),
        ("a payment may be opened in the shortest hold", LAST_MINUTES, HOLD_MIN),
        ("a gateway's silences do not outlast the grace", BACK_OFF_MAX, OUTAGE_GRACE),
        ("a silence backs off", BACK_OFF_FIRST, BACK_OFF_MAX),
        ("a failed letter backs off", OUTBOX_RETRY_FIRST, OUTBOX_RETRY_MAX),
        ("a never opened reference is known as such before nobody looks", HOLD_MAX + UNKNOWN_FOR_GOOD, WATCHED_FOR),
        ("nights in grace go while their payment is watched", HOLD_MAX + OUTAGE_GRACE, WATCHED_FOR),
        ("a refund that cannot be started is tried many times", 20 * BACK_OFF_MAX, REFUND_START_PATIENCE),
        ("a refund that moves has twice the slowest gateway's promise, weekends included",
         2 * SLOWEST_REFUND, REFUND_MOVING_PATIENCE),
        ("a refund that waits for an action is looked up more than once", 2 * REFUND_POLL_LATE, REFUND_ACTION_PATIENCE),
    ],
)  # fmt: skip
def test_less_than(name: str, less: timedelta, more: timedelta) -> None:
    assert less < more, name


@pytest.mark.parametrize(
    ("function", "timeout"),
    [
        (None, API_FUNCTION),
        ("authorize", AUTHORIZER_FUNCTION),
        ("sweep", SWEEP_FUNCTION),
        ("reconcile", TASK_FUNCTION),
        ("send_emails", TASK_FUNCTION),
    ],
)
def test_functions_time_outs_are_those_of_their_configuration(function: str | None, timeout: timedelta) -> None:
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    configured = config if function is None else config["lambda_functions"][function]
    assert configured["lambda_timeout"] == timeout.total_seconds()


@pytest.mark.parametrize("queue", ["ReconcileQueue", "EmailsQueue"])
def test_queues_hide_a_message_as_long_as_their_template_says(queue: str) -> None:
    resources = json.loads((ROOT / ".chalice" / "resources.json").read_text())["Resources"]
    assert resources[queue]["Properties"]["VisibilityTimeout"] == QUEUE_VISIBILITY.total_seconds()


@pytest.mark.parametrize(
    ("parameter", "default", "least", "most"),
    [
        ("HoldMinutes", HOLD, HOLD_MIN, HOLD_MAX),
        ("CheckoutWindowMinutes", CHECKOUT_WINDOW, CHECKOUT_WINDOW_MIN, CHECKOUT_WINDOW_MAX),
    ],
)
def test_the_template_offers_what_settings_accept(
    parameter: str, default: timedelta, least: timedelta, most: timedelta
) -> None:
    declared = json.loads((ROOT / ".chalice" / "resources.json").read_text())["Parameters"][parameter]
    in_minutes = [duration / timedelta(minutes=1) for duration in (default, least, most)]
    assert [float(declared[name]) for name in ("Default", "MinValue", "MaxValue")] == in_minutes


@pytest.mark.parametrize(("name", "most"), LIMITS_MAX.items())
def test_the_template_offers_the_limits_that_settings_accept(name: str, most: int) -> None:
    declared = json.loads((ROOT / ".chalice" / "resources.json").read_text())["Parameters"]
    parameter = declared[name.title().replace("_", "")]
    expected = [getattr(Limits(), name), 1, most]
    assert [parameter[each] for each in ("Default", "MinValue", "MaxValue")] == expected


SECONDS_PARAMETERS = {
    "timeout", "connect_timeout", "read_timeout", "seconds", "connect", "ttl_seconds", "max_age", "retry_after",
}  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [path for path in (ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")) if path.name != "timing.py"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_duration_stands_anywhere_else(path: Path) -> None:
    found = [f"line {node.lineno}" for node in ast.walk(ast.parse(path.read_text())) if _is_duration(node)]
    assert found == []


def _is_duration(node: ast.AST) -> TypeGuard[ast.Call | ast.keyword]:
    """A number of seconds, or a ``timedelta`` of numbers that is no unit (``timedelta(days=1)`` is tomorrow)."""
    if isinstance(node, ast.keyword):
        return node.arg in SECONDS_PARAMETERS and _is_number(node.value)
    if not isinstance(node, ast.Call):
        return False
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called == "sleep":
        return any(_is_number(part) for argument in node.args for part in ast.walk(argument))
    units = [*node.args, *(keyword.value for keyword in node.keywords)]
    return called == "timedelta" and any(_is_number(unit) and ast.literal_eval(unit) not in (0, 1) for unit in units)


def _is_number(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)
