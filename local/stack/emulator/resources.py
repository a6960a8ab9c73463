"""Create the tables and queues of `.chalice/resources.json` in an emulator: MiniStack, moto, DynamoDB Local.

The template that is deployed is the only place that says what they look like, so local runs and tests cannot
drift from it. Where they are made follows the usual settings of boto3 (`AWS_ENDPOINT_URL`, `mock_aws`, …).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

TEMPLATE = Path(__file__).resolve().parents[3] / ".chalice" / "resources.json"


@dataclass(frozen=True)
class Resources:
    """Names of tables and URLs of queues."""

    listings_table: str
    bookings_table: str
    ledger_table: str
    reconcile_queue_url: str
    reconcile_dead_letters_url: str
    emails_queue_url: str
    emails_dead_letters_url: str

    def environment(self) -> dict[str, str]:
        """Return the environment variables that name these resources."""
        return {
            "LISTINGS_TABLE": self.listings_table,
            "BOOKINGS_TABLE": self.bookings_table,
            "LEDGER_TABLE": self.ledger_table,
            "RECONCILE_QUEUE_URL": self.reconcile_queue_url,
            "EMAILS_QUEUE_URL": self.emails_queue_url,
        }


def create_all(prefix: str = "guzo") -> Resources:
    """Create the tables and queues, with names that begin with the prefix; existing ones are kept."""
    dynamodb, sqs = boto3.client("dynamodb"), boto3.client("sqs")
    urls = create_queues(sqs, prefix)
    return Resources(
        listings_table=create_table(dynamodb, prefix, "ListingsTable"),
        bookings_table=create_table(dynamodb, prefix, "BookingsTable"),
        ledger_table=create_table(dynamodb, prefix, "LedgerTable"),
        reconcile_queue_url=urls["ReconcileQueue"],
        reconcile_dead_letters_url=urls["ReconcileDeadLetters"],
        emails_queue_url=urls["EmailsQueue"],
        emails_dead_letters_url=urls["EmailsDeadLetters"],
    )


def create_table(dynamodb: Any, prefix: str, logical_id: str) -> str:
    """Create one table as the template defines it; return its name.

    Keys, indexes and billing only: backups, encryption and deletion protection mean nothing in an emulator,
    and the older ones refuse a request that names them.
    """
    name = _name(prefix, logical_id)
    properties = template()["Resources"][logical_id]["Properties"]
    wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    try:
        answer = dynamodb.create_table(TableName=name, **{key: properties[key] for key in wanted})
        status = answer["TableDescription"]["TableStatus"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise
        status = "UNKNOWN"
    if status != "ACTIVE":
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    return name


def create_queues(sqs: Any, prefix: str) -> dict[str, str]:
    """Create every queue of the template, dead-letter queues first; return the URLs by logical id."""
    queues = {
        logical_id: resource["Properties"]
        for logical_id, resource in template()["Resources"].items()
        if resource.get("Type") == "AWS::SQS::Queue"
    }
    urls: dict[str, str] = {}
    for logical_id in sorted(queues, key=lambda logical_id: "RedrivePolicy" in queues[logical_id]):
        attributes = {}
        for key in ("VisibilityTimeout", "MessageRetentionPeriod"):
            if key in queues[logical_id]:
                attributes[key] = str(queues[logical_id][key])
        if redrive := queues[logical_id].get("RedrivePolicy"):
            dead_letters, _ = redrive["deadLetterTargetArn"]["Fn::GetAtt"]
            answer = sqs.get_queue_attributes(QueueUrl=urls[dead_letters], AttributeNames=["QueueArn"])
            attributes["RedrivePolicy"] = json.dumps(
                {
                    "deadLetterTargetArn": answer["Attributes"]["QueueArn"],
                    "maxReceiveCount": redrive["maxReceiveCount"],
                }
            )
        urls[logical_id] = _queue_url(sqs, _name(prefix, logical_id), attributes)
    return urls


def delete_all(prefix: str) -> None:
    """Delete the tables and queues whose names begin with the prefix."""
    dynamodb, sqs = boto3.client("dynamodb"), boto3.client("sqs")
    for name in dynamodb.list_tables()["TableNames"]:
        if name.startswith(f"{prefix}-"):
            dynamodb.delete_table(TableName=name)
    for url in sqs.list_queues(QueueNamePrefix=f"{prefix}-").get("QueueUrls", []):
        sqs.delete_queue(QueueUrl=url)


def _queue_url(sqs: Any, name: str, attributes: dict[str, str]) -> str:
    """Create a queue and return its URL; an existing one keeps its attributes."""
    try:
        answer = sqs.create_queue(QueueName=name, Attributes=attributes)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("QueueAlreadyExists", "QueueNameExists"):
            raise
        answer = sqs.get_queue_url(QueueName=name)
    return str(answer["QueueUrl"])


@cache
def template() -> dict[str, Any]:
    """Return `.chalice/resources.json`, the part of the CloudFormation template that Chalice does not make."""
    loaded: dict[str, Any] = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    return loaded


def _name(prefix: str, logical_id: str) -> str:
    """`guzo` and `ReconcileDeadLetters` make `guzo-reconcile-dead-letters`; Table and Queue are left out."""
    words = re.findall("[A-Z][a-z]+", re.sub("(Table|Queue)$", "", logical_id))
    return "-".join([prefix, *(word.lower() for word in words)])
