"""Resource types that MiniStack does not make: noted as made, so that a template is deployed as it is.

Run in the emulator's own process, before it starts. What they would do, no scenario there can show.
"""

from __future__ import annotations

from typing import Any

from ministack.core import iam_evaluator
from ministack.services.cloudformation import provisioners

NOTED_ONLY = (
    "AWS::Backup::BackupSelection",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::WAFv2::LoggingConfiguration",
    "AWS::WAFv2::WebACLAssociation",
)


def _create(logical_id: str, _properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
    return f"{stack}-{logical_id}", {"Arn": f"arn:aws:emulator:::{stack}/{logical_id}"}


def _delete(_physical_id: str, _properties: dict[str, Any]) -> None:
    """Nothing is there."""


_alarms = provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"]


def _create_alarm(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
    """Make an alarm over one metric; note one over an expression of several, which CloudWatch there does not know."""
    made: tuple[str, dict[str, Any]] = (_create if "Metrics" in properties else _alarms["create"])(
        logical_id, properties, stack
    )
    return made


for each in NOTED_ONLY:
    provisioners._RESOURCE_HANDLERS[each] = {"create": _create, "delete": _delete}
provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"] = {**_alarms, "create": _create_alarm}

# The emulator speaks HTTP on this machine only. Policies that ask for TLS are judged as if it spoke that.
_pin = iam_evaluator.pin_request_origin
iam_evaluator.pin_request_origin = lambda address, _secure: _pin(address, True)
