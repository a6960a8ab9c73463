"""Write down who can sign in, for a backup: `make users STAGE=prod > users.jsonl`.

Cognito keeps no backup of a user pool. A line is a user with his attributes and groups. Passwords and second factors
cannot be read: after a restore (`admin-create-user` for each line) everybody sets them anew. It holds people's
addresses: keep it where only you read it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from ops.aws import OpsError, deployed_stack, outputs_of, run


def main(arguments: list[str] | None = None) -> int:
    """Run `make users`; return the exit code."""
    parser = argparse.ArgumentParser(prog="make users", description=__doc__)
    parser.add_argument("stage")
    stage = parser.parse_args(arguments).stage

    def command(session: Any) -> int:
        pool = outputs_of(deployed_stack(session, stage)).get("UserPoolId")
        if pool is None:
            raise OpsError(
                f"Stage {stage} has no user pool: people sign in with its OidcIssuer, which backs itself up."
            )
        for user in users(session.client("cognito-idp"), pool):
            print(json.dumps(user, ensure_ascii=False, sort_keys=True))
        return 0

    return run(command)


def users(identities: Any, pool: str) -> Iterator[dict[str, Any]]:
    """Yield every user of the pool."""
    groups: dict[str, list[str]] = {}
    for page in identities.get_paginator("list_groups").paginate(UserPoolId=pool):
        for group in page["Groups"]:
            name = group["GroupName"]
            members = identities.get_paginator("list_users_in_group").paginate(UserPoolId=pool, GroupName=name)
            for member in (user for members_page in members for user in members_page["Users"]):
                groups.setdefault(member["Username"], []).append(name)
    for page in identities.get_paginator("list_users").paginate(UserPoolId=pool):
        for user in page["Users"]:
            yield {
                "username": user["Username"],
                "status": user["UserStatus"],
                "enabled": user["Enabled"],
                "attributes": {each["Name"]: each["Value"] for each in user["Attributes"]},
                "groups": sorted(groups.get(user["Username"], [])),
            }


if __name__ == "__main__":
    sys.exit(main())
