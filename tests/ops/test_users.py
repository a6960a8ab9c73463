"""Who can sign in is written down whole: every user, with attributes and groups."""

from __future__ import annotations

from typing import Any

from ops.stages import users


def test_every_user_is_written_down_with_his_groups(session: Any) -> None:
    identities = session.client("cognito-idp")
    pool = identities.create_user_pool(PoolName="people")["UserPool"]["Id"]
    for group in ("host", "operator"):
        identities.create_group(UserPoolId=pool, GroupName=group)
    for name in ("abel", "hanna", "selam"):
        attributes = [{"Name": "email", "Value": f"{name}@guzo.example"}]
        identities.admin_create_user(UserPoolId=pool, Username=name, UserAttributes=attributes)
    for name, group in (("abel", "operator"), ("abel", "host"), ("selam", "host")):
        identities.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)
    found = {user["username"]: user for user in users.users(identities, pool)}
    assert {name: user["groups"] for name, user in found.items()} == {
        "abel": ["host", "operator"],
        "hanna": [],
        "selam": ["host"],
    }
    assert found["hanna"]["attributes"]["email"] == "hanna@guzo.example"
    assert found["hanna"]["enabled"] is True
