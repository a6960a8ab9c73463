"""Every right that a deployed function has was used by somebody in this run: what nobody needs, nobody has."""

from __future__ import annotations

from collections.abc import Collection

from local.stack.emulator.resources import Resources
from local.stack.emulator.rights import Need, arn, policies, table_arn, values_of

Right = tuple[str, str, str]
"""Function, action and resource."""

SEEN: set[Right] = set()
"""Used in the stacks of this process that have ended."""

# Lambda itself takes messages from queues and writes logs and traces, with the function's rights.
OF_LAMBDA = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:ReceiveMessage",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
POLLED = {("reconcile", "guzo-reconcile"), ("send_emails", "guzo-emails")}
INDEXES = {
    "listings": ("by_city", "by_host"),
    "bookings": (
        "by_guest",
        "by_listing",
        "by_arrival",
        "by_day",
        "changed",
        "by_email",
        "by_phone",
        "by_name",
        "due",
        "attention",
    ),
    "ledger": ("by_host", "by_reference"),
}
RARE = {
    # The sweep finds late money, and the nights are taken again at the listing's number of units.
    ("reconcile", "dynamodb:GetItem", table_arn("guzo-listings")),
    # Here all functions share a process, and with it the secrets: another function may have read them before.
    *(
        (function, "ssm:GetParametersByPath", arn("ssm", "parameter/guzo/local"))
        for function in ("api", "webhooks", "canary")
    ),
    *(
        (function, "ssm:GetParametersByPath", arn("ssm", "parameter/guzo/local/search"))
        for function in ("api", "webhooks", "reconcile", "send_emails", "canary")
    ),
    # A line of the ledger that is written a day after its own drops the totals of that day.
    ("send_emails", "dynamodb:UpdateItem", table_arn("guzo-ledger")),
    # The erasure of a host, by a number, or of an account that the staff wrote about, goes on in the queue.
    ("reconcile", "dynamodb:BatchGetItem", table_arn("guzo-bookings")),
    ("reconcile", "dynamodb:PutItem", table_arn("guzo-listings")),
    *(
        ("reconcile", "dynamodb:Query", f"{table_arn('guzo-bookings')}/index/{index}")
        for index in ("by_guest", "by_phone")
    ),
    ("reconcile", "dynamodb:Query", f"{table_arn('guzo-listings')}/index/by_host"),
    # The daily check meets a record that this release cannot read, and puts it before a person.
    ("watch", "dynamodb:UpdateItem", table_arn("guzo-bookings")),
    # A letter that SES deferred is owed again.
    ("send_emails", "sqs:SendMessage", arn("sqs", "guzo-emails")),
}
"""Needed on ways that no test drives through a whole stack."""
MAIL_FROM = "bookings@guzo.example"


def everything() -> list[str]:
    """Every resource that a function could reach."""
    tables = {name: table_arn(f"guzo-{name}") for name in INDEXES}
    indexes = [f"{tables[name]}/index/{index}" for name, found in INDEXES.items() for index in found]
    queues = [arn("sqs", f"guzo-{name}") for name in ("reconcile", "emails")]
    return [
        *tables.values(),
        *indexes,
        *queues,
        arn("ssm", "parameter/guzo/local"),
        arn("ssm", "parameter/guzo/local/search"),
        arn("ses", f"identity/{MAIL_FROM}"),
        arn("ses", "configuration-set/guzo-local"),
    ]


def missing(seen: Collection[Right]) -> list[str]:
    """Rights that functions have and did not use, a line each."""
    names = Resources("guzo-listings", "guzo-bookings", "guzo-ledger", "x/guzo-reconcile", "", "x/guzo-emails", "")
    given = {
        (function, action, resource)
        for function, policy in policies(values_of(names, "local", MAIL_FROM)).items()
        for action in policy.actions() - OF_LAMBDA
        for resource in everything()
        if policy.allows(Need(action, resource, {"ses:FromAddress": MAIL_FROM}))
    }
    polling = {(function, "sqs:GetQueueAttributes", arn("sqs", queue)) for function, queue in POLLED}
    return sorted(map(str, given - polling - RARE - set(seen)))
