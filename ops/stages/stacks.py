"""Create and update a stage's stack by change sets: what will happen is printed, and asked about where it is final."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.stack.deployed import stack_called
from ops.aws import Confirm, OpsError, outputs_of

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
KEPT = ("ListingsTable", "BookingsTable", "LedgerTable", "UserPool", "UserPoolClient")
"""What holds data, or is known to people's frontends: CloudFormation may change it, and never replace or delete it."""

STACK_POLICY: dict[str, list[dict[str, Any]]] = {
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["Update:Replace", "Update:Delete"],
            "Resource": [f"LogicalResourceId/{name}" for name in KEPT],
        },
    ]
}

# Made anew by every release: nothing is lost with the one before.
_OF_A_RELEASE = ("AWS::Lambda::Version", "AWS::ApiGateway::Deployment")
# CloudFormation says of much that it is "conditionally" replaced; where something lies in it, a person looks.
_WITH_CONTENT = (
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::SQS::Queue",
)
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class Uploaded:
    """A template in S3: its address and its parameters."""

    url: str
    parameters: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Change:
    """What a change set does to one resource."""

    action: str
    """Add, Modify, Remove."""
    name: str
    kind: str
    replaces: str
    """True, False, or Conditional: CloudFormation cannot tell before it tries."""

    @property
    def is_final(self) -> bool:
        """Something goes that does not come back."""
        perhaps = self.replaces == "Conditional" and self.kind in _WITH_CONTENT
        return (self.replaces == "True" or self.action == "Remove" or perhaps) and self.kind not in _OF_A_RELEASE

    def __str__(self) -> str:
        sign = "!" if self.replaces != "False" else {"Add": "+", "Modify": "~", "Remove": "-"}.get(self.action, "?")
        word = {"True": "replace", "Conditional": "replace?"}.get(self.replaces, self.action.lower())
        return f"  {sign} {word:8} {self.name} ({self.kind})"


def put_stack(
    cloudformation: Any,
    name: str,
    template: Uploaded,
    parameters: Mapping[str, str],
    *,
    confirm: Confirm,
    pause: float = 3,
) -> dict[str, str]:
    """Create the stack or update it to this template, and wait; return its outputs.

    Raises OpsError: for what is missing or unknown before anything is made, with what failed, when a person says no.
    """
    before = stack_called(cloudformation, name)
    if before and before["StackStatus"] == "REVIEW_IN_PROGRESS":
        before = None  # a change set that nobody carried out
    _check_stack(before, name)
    known = {parameter["ParameterKey"] for parameter in (before or {}).get("Parameters", [])}
    _check_parameters(template, parameters, known)
    change_set = {
        "StackName": name,
        "ChangeSetName": f"{name}-{time.time_ns()}",
    }
    cloudformation.create_change_set(
        **change_set,
        ChangeSetType="UPDATE" if before else "CREATE",
        TemplateURL=template.url,
        Capabilities=CAPABILITIES,
        Parameters=[
            *({"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()),
            *(
                {"ParameterKey": key, "UsePreviousValue": True}
                for key in sorted((known & template.parameters.keys()) - parameters.keys())
            ),
        ],
    )
    changes = _changes(cloudformation, change_set, pause)
    if changes is None:
        cloudformation.delete_change_set(**change_set)
        print("Nothing to change.")
        return outputs_of(before or {})
    print("\n".join(map(str, changes)), flush=True)
    final = [change.name for change in changes if change.is_final]
    if lost := [name for name in final if name in KEPT]:
        cloudformation.delete_change_set(**change_set)
        raise OpsError(f"{', '.join(lost)} would go, and people's data with it. Nothing was changed.")
    if final and not confirm(f"{', '.join(final)}: replaced or deleted, for good. Go on?"):
        cloudformation.delete_change_set(**change_set)
        if before is None:
            cloudformation.delete_stack(StackName=name)
        raise OpsError("Nothing was changed.")
    if before:
        protect(cloudformation, name)
    cloudformation.execute_change_set(**change_set)
    outputs = wait_for(cloudformation, name, pause=pause)
    protect(cloudformation, name)
    return outputs


def protect(cloudformation: Any, name: str) -> None:
    """Forbid every update that would replace or delete what holds data."""
    cloudformation.set_stack_policy(StackName=name, StackPolicyBody=json.dumps(STACK_POLICY))


def _check_stack(before: Mapping[str, Any] | None, name: str) -> None:
    if before and before["StackStatus"] in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}:
        stage = name.removeprefix("guzo-")
        raise OpsError(f"The first deployment of {name} failed. Remove what is left: make destroy STAGE={stage}")
    if before and before["StackStatus"].endswith("_IN_PROGRESS"):
        raise OpsError(f"{name} is {before['StackStatus']}: somebody deploys. Wait for the end, then deploy again.")


def _check_parameters(template: Uploaded, parameters: Mapping[str, str], known: set[str]) -> None:
    declared = template.parameters
    missing = [name for name in declared if "Default" not in declared[name] and name not in {*parameters, *known}]
    if missing:
        raise OpsError(f'The first deployment needs: {", ".join(missing)}. Say PARAMETERS="{missing[0]}=…".')
    if unknown := parameters.keys() - declared.keys():
        there = ", ".join(sorted(declared))
        raise OpsError(f"No such parameter: {', '.join(sorted(unknown))}. There are: {there}.")


def _changes(cloudformation: Any, change_set: Mapping[str, str], pause: float) -> list[Change] | None:
    """What a change set would do, once it is known; None when that is nothing. Raises OpsError where there is none."""
    while True:
        told = cloudformation.describe_change_set(**change_set)
        if told["Status"] == "CREATE_COMPLETE":
            break
        if told["Status"] == "FAILED":
            reason = told.get("StatusReason", "")
            if any(words in reason for words in _NO_CHANGES):
                return None
            raise OpsError(f"CloudFormation does not take the template: {reason}")
        time.sleep(pause)
    return list(_read_changes(cloudformation, change_set, told))


def _read_changes(cloudformation: Any, change_set: Mapping[str, str], page: Mapping[str, Any]) -> Iterator[Change]:
    while True:
        for each in page["Changes"]:
            told = each["ResourceChange"]
            yield Change(
                told["Action"],
                told["LogicalResourceId"],
                told["ResourceType"],
                told.get("Replacement") or "False",
            )
        if "NextToken" not in page:
            return
        page = cloudformation.describe_change_set(**change_set, NextToken=page["NextToken"])


def wait_for(cloudformation: Any, name: str, *, pause: float = 3) -> dict[str, str]:
    """Wait until the stack is as it was asked to be; return its outputs. Raises OpsError with what failed."""
    while True:
        stack = stack_called(cloudformation, name)
        if stack is None:
            raise OpsError(f"The stack {name} is gone.")
        status = stack["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(pause)
    if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise OpsError(f"{name} is {status}:\n" + "\n".join(failures(cloudformation, name)))
    return outputs_of(stack)


def failures(cloudformation: Any, name: str) -> list[str]:
    """Return what failed in the stack, the oldest first, one line each."""
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return [
        f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', event['ResourceStatus'])}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED")
    ]


def delete_stack(cloudformation: Any, name: str, *, pause: float = 3) -> None:
    """Delete the stack and wait until it is gone. Raises OpsError with what failed."""
    cloudformation.delete_stack(StackName=name)
    while True:
        try:
            stack = stack_called(cloudformation, name)
        except ClientError:
            stack = None
        if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
            return
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            raise OpsError(f"{name} is {stack['StackStatus']}:\n" + "\n".join(failures(cloudformation, name)))
        time.sleep(pause)
