"""Each function's rights on AWS, held on this machine as IAM would hold them.

The policies are those of `.chalice/`, as they are deployed. Every call that a function makes is judged by its own
policy: which rights an operation needs is what AWS's Service Authorization Reference says of it. What was allowed is
written down, so that a test can ask which rights nobody used.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from botocore import handlers
from botocore.exceptions import ClientError

from chalicelib.adapters.direct import DirectClient
from chalicelib.telemetry import function_at_work
from local.stack.emulator.ministack import REGION, ROOT
from local.stack.emulator.resources import Resources

ACCOUNT = "000000000000"
_PLACEHOLDER = re.compile(r"\$\{([\w:.]+)\}")
_ON_A_QUEUE = {
    "SendMessage",
    "SendMessageBatch",
    "GetQueueAttributes",
    "ReceiveMessage",
    "DeleteMessage",
    "ChangeMessageVisibilityBatch",
}
_IN_A_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}


@dataclass(frozen=True)
class Need:
    """One right that a call needs."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict, compare=False)


def needs_of(service: str, operation: str, params: Mapping[str, Any]) -> Iterator[Need]:
    """The rights that one call needs. Raises ValueError for an operation that nobody has looked up yet."""
    if service == "dynamodb":
        yield from _needs_of_dynamodb(operation, params)
    elif service == "sqs" and operation in _ON_A_QUEUE:
        # A batch is no action of its own.
        yield Need(f"sqs:{operation.removesuffix('Batch')}", arn("sqs", params["QueueUrl"].rpartition("/")[2]))
    elif service == "sqs" and operation == "GetQueueUrl":
        yield Need("sqs:GetQueueUrl", arn("sqs", params["QueueName"]))
    elif service == "ssm" and operation == "GetParametersByPath":
        yield Need("ssm:GetParametersByPath", arn("ssm", f"parameter{params['Path']}"))
    elif service == "ses" and operation == "SendRawEmail":
        source = params["Source"]
        yield Need("ses:SendRawEmail", arn("ses", f"identity/{source}"), {"ses:FromAddress": source})
        if through := params.get("ConfigurationSetName"):
            yield Need("ses:SendRawEmail", arn("ses", f"configuration-set/{through}"), {"ses:FromAddress": source})
    else:
        raise ValueError(f"Which rights does {service}:{operation} need? Say so here.")


def _needs_of_dynamodb(operation: str, params: Mapping[str, Any]) -> Iterator[Need]:
    if operation in ("TransactWriteItems", "TransactGetItems"):
        for item in params["TransactItems"]:
            for member, detail in item.items():
                yield Need(f"dynamodb:{_IN_A_TRANSACTION[member]}", table_arn(detail["TableName"]))
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        for table in params["RequestItems"]:
            yield Need(f"dynamodb:{operation}", table_arn(table))
    else:
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        yield Need(f"dynamodb:{operation}", table_arn(params["TableName"]) + index)


def arn(service: str, resource: str) -> str:
    """A resource of the one account and region that an emulator has."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def table_arn(name: str) -> str:
    """A table, by its name."""
    return arn("dynamodb", f"table/{name}")


class Policy:
    """One policy document, its references filled in."""

    def __init__(self, document: Mapping[str, Any], values: Mapping[str, str]) -> None:
        # What a condition of the template adds (a key of the stage's own) is not there in an emulator.
        stated = [each["Fn::If"][2] if "Fn::If" in each else each for each in document["Statement"]]
        self._statements: list[dict[str, Any]] = [
            _resolved(each, values) for each in stated if each != {"Ref": "AWS::NoValue"}
        ]

    def actions(self) -> frozenset[str]:
        """Every action that a statement names."""
        return frozenset(action for statement in self._statements for action in _listed(statement["Action"]))

    def allows(self, need: Need) -> bool:
        """An explicit denial counts more than any permission."""
        effects = {statement["Effect"] for statement in self._statements if _fits(statement, need)}
        return effects == {"Allow"}


def _fits(statement: Mapping[str, Any], need: Need) -> bool:
    """IAM's wildcards are those of the shell; action names have no case."""
    return (
        any(fnmatchcase(need.action.lower(), action.lower()) for action in _listed(statement["Action"]))
        and any(fnmatchcase(need.resource, resource) for resource in _listed(statement["Resource"]))
        and all(_holds(operator, keys, need) for operator, keys in statement.get("Condition", {}).items())
    )


def _holds(operator: str, keys: Mapping[str, Any], need: Need) -> bool:
    if operator != "StringEquals":
        raise ValueError(f"The condition {operator} is not understood here.")
    return all(need.context.get(key) in _listed(values) for key, values in keys.items())


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _resolved(part: Any, values: Mapping[str, str]) -> Any:
    """A part of a template with its references filled in. Raises KeyError for one that has no value."""
    if isinstance(part, list):
        return [_resolved(each, values) for each in part]
    if not isinstance(part, dict):
        return part
    if "Ref" in part:
        return values[part["Ref"]]
    if "Fn::GetAtt" in part:
        return values[".".join(part["Fn::GetAtt"])]
    if "Fn::Sub" in part:
        return _PLACEHOLDER.sub(lambda found: values[found[1]], part["Fn::Sub"])
    return {name: _resolved(value, values) for name, value in part.items()}


def listen(resources: Resources, stage: str, mail_from: str, *, used: Path) -> None:
    """Hold every function of this process to its policy."""
    Guard(policies(values_of(resources, stage, mail_from)), used).listen()


def values_of(resources: Resources, stage: str, mail_from: str) -> dict[str, str]:
    """What the policies refer to, as it is in an emulator."""

    def queue(url: str) -> str:
        return arn("sqs", url.rpartition("/")[2])

    return {
        "AWS::Partition": "aws",
        "AWS::Region": REGION,
        "AWS::AccountId": ACCOUNT,
        "AWS::StackName": f"guzo-{stage}",
        "Stage": stage,
        "MailFrom": mail_from,
        "MailConfiguration": f"guzo-{stage}",
        "ListingsTable.Arn": table_arn(resources.listings_table),
        "BookingsTable.Arn": table_arn(resources.bookings_table),
        "LedgerTable.Arn": table_arn(resources.ledger_table),
        "ReconcileQueue.Arn": queue(resources.reconcile_queue_url),
        "EmailsQueue.Arn": queue(resources.emails_queue_url),
        "ReconcileDeadLetters.Arn": queue(resources.reconcile_dead_letters_url),
        "EmailsDeadLetters.Arn": queue(resources.emails_dead_letters_url),
    }


def policies(values: Mapping[str, str]) -> dict[str, Policy]:
    """The policy of each function, as `.chalice/config.json` names them."""
    folder = ROOT / ".chalice"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    files = {name: told["iam_policy_file"] for name, told in config["lambda_functions"].items()}
    files["api"] = config["iam_policy_file"]
    return {
        name: Policy(json.loads((folder / file).read_text(encoding="utf-8")), values) for name, file in files.items()
    }


class Guard:
    """Refuses every call that the function at work has no right to, and writes down what was allowed."""

    def __init__(self, rules: Mapping[str, Policy], used: Path) -> None:
        self._rules = rules
        self._used = used
        self._used.unlink(missing_ok=True)
        self._known: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    def listen(self) -> None:
        """Judge the calls of this process. Must come before the app makes its clients."""
        handlers.BUILTIN_HANDLERS.append(("before-parameter-build", self._judge_built))
        called = DirectClient.call

        def judged(client: DirectClient, operation: str, arguments: Mapping[str, Any]) -> Any:
            self._judge(client.service, operation, arguments)
            return called(client, operation, arguments)

        # These calls make no botocore client, and so none of its events.
        DirectClient.call = judged  # type: ignore[method-assign, assignment]

    def _judge_built(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self._judge(model.service_model.service_name, model.name, params)

    def _judge(self, service: str, operation: str, params: Mapping[str, Any]) -> None:
        function = function_at_work()
        if function is None:
            return  # the local stack itself, or a test
        for need in needs_of(service, operation, params):
            if not self._rules[function].allows(need):
                message = f"{function} has no right to {need.action} on {need.resource}"
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, operation)
            self._note(function, need)

    def _note(self, function: str, need: Need) -> None:
        line = (function, need.action, need.resource)
        with self._lock:
            if line not in self._known:
                self._known.add(line)
                with self._used.open("a", encoding="utf-8") as used:
                    used.write(json.dumps(line) + "\n")
