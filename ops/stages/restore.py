"""Put a stage's tables back to what they were: `make restore STAGE=prod AT=2026-11-26T10:00:00Z`.

All are restored beside the live ones and checked. After a person's yes every function of the stage is stopped, and the
live tables are made equal to the restored ones, item by item, but for the trail and for who was erased. So the stack
keeps its tables with their names, their backups and their protection; and what was written over can be restored in its
turn, for 35 days.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from local.stack.deployed import parameters_of
from ops.aws import Confirm, OpsError, ask, deployed_stack, outputs_of, run
from ops.invariants import broken
from ops.stages.drill import show
from ops.stages.tables import Tell, delete, instant, items, restore, tables_of, timed
from tools.alarms import timeouts
from tools.capacity import RESERVED

SURVIVES = ("ERASURE#", "ACCESSES#")
"""How the keys of items begin that a restore leaves as they are: that somebody was erased, and what operators looked at
and did. The tables go back in time; these facts do not."""


def main(arguments: list[str] | None = None) -> int:
    """Run `make restore`; return the exit code."""
    parser = argparse.ArgumentParser(prog="make restore", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("at", type=instant, metavar="INSTANT", help="such as 2026-11-26T10:00:00Z")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    told = parser.parse_args(arguments)
    confirm: Confirm = (lambda _: True) if told.yes else ask

    def command(session: Any) -> int:
        put_back(session, told.stage, at=told.at, confirm=confirm)
        return 0

    return run(command)


def put_back(
    session: Any,
    stage: str,
    *,
    at: datetime,
    confirm: Confirm,
    tell: Tell = print,
    pause: float = 15,
    settle: float = max(timeouts().values()),
) -> None:
    """Make the live tables what they were at that instant. Raises OpsError when the answer is no: nothing is changed.

    `settle` is how many seconds are waited for calls that are under way when the functions are stopped.
    """
    dynamodb, tables = session.client("dynamodb"), session.resource("dynamodb")
    live = tables_of(outputs_of(deployed_stack(session, stage)))
    made = live.beside(f"restored-{datetime.now(UTC):%Y%m%d%H%M%S}")
    try:
        with timed(tell, "all tables restored beside the live ones"):
            restore(dynamodb, live, made, at=at, pause=pause)
        with timed(tell, "everything in them checked"):
            listings, bookings, ledger = (items(dynamodb, name) for name in made)
            show(list(broken(bookings, listings, ledger)), tell)
        if not confirm(f"Stop stage {stage}, and put its tables back to what they were at {at}?"):
            raise OpsError("Nothing was changed.")
        with stopped(session, stage, tell):
            time.sleep(settle)
            for name, restored in zip(live, made, strict=True):
                with timed(tell, f"{name} is what it was"):
                    make_equal(tables.Table(name), tables.Table(restored))
    finally:
        delete(dynamodb, made, pause=pause)


@contextmanager
def stopped(session: Any, stage: str, tell: Tell) -> Iterator[None]:
    """Let none of the stage's functions run; then give each the concurrency that the stage's parameters give it."""
    stack = deployed_stack(session, stage)
    pages = session.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack["StackId"])
    made = (resource for page in pages for resource in page["StackResourceSummaries"])
    functions = {each["PhysicalResourceId"]: each["LogicalResourceId"] for each in made}
    functions = {name: logical_id for name, logical_id in functions.items() if logical_id in RESERVED}
    lambdas = session.client("lambda")
    for name in functions:
        lambdas.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    tell(f"Stopped: {', '.join(sorted(functions.values()))}. Should this command be cut off, run it again.")
    try:
        yield
    finally:
        reserves = parameters_of(stack).get("ReservedConcurrency") == "yes"
        for name, logical_id in functions.items():
            if reserves:
                share = RESERVED[logical_id]
                lambdas.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=share)
            else:
                lambdas.delete_function_concurrency(FunctionName=name)
        tell("All functions run again.")


def make_equal(live: Any, restored: Any) -> None:
    """Put every item of the restored table into the live one, and delete what the restored one has not; but for what
    ``SURVIVES``.
    """
    key = [each["AttributeName"] for each in sorted(live.key_schema, key=lambda each: each["KeyType"])]
    kept = set()
    with live.batch_writer() as batch:
        for item in _every(restored):
            if not item[key[0]].startswith(SURVIVES):
                batch.put_item(Item=item)
                kept.add(tuple(item[name] for name in key))
    with live.batch_writer() as batch:
        for item in _every(live, ProjectionExpression=", ".join(key)):
            if tuple(item[name] for name in key) not in kept and not item[key[0]].startswith(SURVIVES):
                batch.delete_item(Key=item)


def _every(table: Any, **asked: Any) -> Iterator[dict[str, Any]]:
    pages = table.meta.client.get_paginator("scan").paginate(TableName=table.name, ConsistentRead=True, **asked)
    for page in pages:
        yield from page["Items"]


if __name__ == "__main__":
    sys.exit(main())
