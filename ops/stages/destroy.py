"""Take a stage away: `make destroy STAGE=dev`. It refuses where there is data to lose.

Tables and user pool outlive their stack by themselves; here they are deleted after it, once they have been found empty.
`ARGS=--with-data` deletes them as they are, of every stage but production.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from chalicelib.settings import LIVE_STAGE
from local.stack.deployed import stack_called
from ops.aws import Confirm, OpsError, ask, deployed_stack, outputs_of, run, stack_name
from ops.stages.stacks import delete_stack

OWN_ITEMS = ("SALT",)
"""What a table holds by itself."""


def main(arguments: list[str] | None = None) -> int:
    """Run `make destroy`; return the exit code."""
    parser = argparse.ArgumentParser(prog="make destroy", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("--with-data", action="store_true", help="delete data, too; never in production")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    told = parser.parse_args(arguments)
    confirm: Confirm = (lambda _: True) if told.yes else ask

    def command(session: Any) -> int:
        destroy(session, told.stage, with_data=told.with_data, confirm=confirm)
        return 0

    return run(command)


def destroy(session: Any, stage: str, *, with_data: bool, confirm: Confirm, pause: float = 3) -> None:
    """Delete a stage's stack, then its tables and user pool. Raises OpsError before anything is deleted."""
    cloudformation, name = session.client("cloudformation"), stack_name(stage)
    outputs = outputs_of(deployed_stack(session, stage))
    tables = [
        outputs[each] for each in ("ListingsTableName", "BookingsTableName", "LedgerTableName") if each in outputs
    ]
    pool = outputs.get("UserPoolId")
    if with_data and stage == LIVE_STAGE:
        raise OpsError("Production is never deleted with its data.")
    if not with_data and (held := list(_held(session, tables, pool))):
        hint = "" if stage == LIVE_STAGE else " ARGS=--with-data deletes it, too."
        raise OpsError(f"There is data to lose: {', '.join(held)}. Nothing was deleted.{hint}")
    if not confirm(f"Delete stage {stage}, for good?"):
        raise OpsError("Nothing was deleted.")
    cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    delete_stack(cloudformation, name, pause=pause)
    dynamodb = session.client("dynamodb")
    for table in tables:
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=table)
        print(f"Deleted: {table}")
    if pool:
        identities = session.client("cognito-idp")
        identities.update_user_pool(UserPoolId=pool, DeletionProtection="INACTIVE")
        identities.delete_user_pool(UserPoolId=pool)
        print(f"Deleted: {pool}")
    if stack_called(cloudformation, name) is None:
        print(f"Stage {stage} is gone. Its secrets stay in SSM under /guzo/{stage}, its logs until they end.")


def _held(session: Any, tables: list[str], pool: str | None) -> list[str]:
    """What holds data."""
    dynamodb = session.client("dynamodb")
    held = []
    for table in tables:
        found = dynamodb.scan(TableName=table, Limit=len(OWN_ITEMS) + 1)["Items"]
        if any(value not in OWN_ITEMS for item in found for value in _keys(item)):
            held.append(table)
    if pool and session.client("cognito-idp").list_users(UserPoolId=pool, Limit=1)["Users"]:
        held.append(pool)
    return held


def _keys(item: dict[str, Any]) -> list[str]:
    """The partition key of an item of either table."""
    return [item[name]["S"] for name in ("booking_id", "listing_id") if name in item][:1]


if __name__ == "__main__":
    sys.exit(main())
