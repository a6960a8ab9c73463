"""How the tests read a template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tools.stage_template import Template

FUNCTIONS = {
    "APIHandler": ("app.app", 28, 512),
    "Webhooks": ("app.receive_webhooks", 28, 512),
    "Authorize": ("authorizer.authorize", 10, 256),
    "Sweep": ("app.sweep", 58, 256),
    "Watch": ("app.watch", 58, 256),
    "Canary": ("app.fly_canary", 58, 256),
    "Reconcile": ("app.reconcile", 60, 256),
    "SendEmails": ("app.send_emails", 60, 256),
}
KEY = {"Ref": "EncryptionKeyArn"}
QUEUES = {"Reconcile": ("ReconcileQueue", 1), "SendEmails": ("EmailsQueue", 10)}
EVERY_FUNCTION = pytest.mark.parametrize("name", FUNCTIONS)


def properties(template: Template, name: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def statements(template: Template, function: str) -> Iterator[dict[str, Any]]:
    role, _ = properties(template, function)["Role"]["Fn::GetAtt"]
    for policy in properties(template, role)["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if "Fn::If" not in statement:  # the stage's own key: see below
                yield statement


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def of_type(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    return {name: found for name, found in template["Resources"].items() if found["Type"] == kind}
