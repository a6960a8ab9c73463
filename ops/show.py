"""Show what is stored of a booking, for people: `make show STAGE=prod BOOKING=GZ4T1B8WCD7K2M9Q`.

A stored record is deflated (`chalicelib/adapters/dynamodb/records.py`), so the console shows bytes. This prints the
item as JSON, with its record inflated; of a record that this release cannot read it prints the item without it. It
reads, and never writes. It holds a guest's name, address and number: print it where only you read it.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.dynamodb.records import inflate
from chalicelib.services.ports.outcomes import Unreadable

SHOWN, NOT_SHOWN = 0, 1


def main(arguments: list[str] | None = None) -> int:
    """Print a stage's item of a booking."""
    parser = argparse.ArgumentParser(prog="make show", description="Show what is stored of a booking.")
    parser.add_argument("stage")
    parser.add_argument("booking_id")
    asked = parser.parse_args(arguments)
    try:
        stack = boto3.client("cloudformation").describe_stack_resource(
            StackName=f"guzo-{asked.stage}", LogicalResourceId="BookingsTable"
        )
        table = stack["StackResourceDetail"]["PhysicalResourceId"]
        found = boto3.client("dynamodb").get_item(
            TableName=table, Key={"booking_id": {"S": asked.booking_id}}, ConsistentRead=True
        )
    except (BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return NOT_SHOWN
    if "Item" not in found:
        print(f"There is no {asked.booking_id} in {table}.", file=sys.stderr)
        return NOT_SHOWN
    print(json.dumps(readable(found["Item"]), indent=2, ensure_ascii=False))
    return SHOWN


def readable(item: dict[str, Any]) -> dict[str, Any]:
    """The item's attributes by name, numbers as they are written; its record inflated, or why it cannot be."""
    shown = {name: next(iter(value.values())) for name, value in item.items() if name != "record"}
    if "record" in item:
        try:
            text = inflate(bytes(item["record"]["B"]), form=int(shown["schema"]), name="")
            shown["record"] = json.loads(text)
        except (Unreadable, ValueError):
            shown["record"] = f"of form {shown.get('schema')}: this release cannot read it"
    return shown


if __name__ == "__main__":
    sys.exit(main())
