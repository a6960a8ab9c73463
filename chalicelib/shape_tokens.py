"""Shape the tokens of the user pool: Cognito's pre-token-generation trigger, version 2.

A function of its own that loads neither the app nor its adapters. Access tokens carry the e-mail address that Cognito
has verified, since a frontend sends nothing else. Cognito lets a pool ask everybody for a second factor, or nobody:
here it asks whoever has set one up, and who has none is not of the staff yet.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from chalicelib.domain.timing import USER_POOL_CALL
from chalicelib.telemetry import invocation, observe

STAFF = frozenset({"operator", "support", "finance", "approver"})
"""The groups that nobody is in without a second factor: those of ``services.access``, which is not loaded here."""
SECOND_FACTOR = "SOFTWARE_TOKEN_MFA"
USER_POOL_ATTEMPTS = 2


def shape_tokens(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer Cognito's event with the claims and groups of the tokens. Raises Crashed: then there are none."""
    with invocation("shape_tokens", "", context):
        request = event["request"]
        groups = list(request["groupConfiguration"].get("groupsToOverride") or ())
        if STAFF & set(groups) and not _has_second_factor(event["userPoolId"], event["userName"]):
            observe("operator_without_second_factor", level="warning")
            groups = [group for group in groups if group not in STAFF]
        person = request["userAttributes"]
        known = person.get("email_verified") == "true" and "email" in person
        claims = {"email": person["email"], "email_verified": True} if known else {}
        event["response"] = {
            "claimsAndScopeOverrideDetails": {
                "accessTokenGeneration": {"claimsToAddOrOverride": claims},
                "groupOverrideDetails": {"groupsToOverride": groups},
            }
        }
        return event


def _has_second_factor(pool: str, user: str) -> bool:
    told = _users().admin_get_user(UserPoolId=pool, Username=user)
    return SECOND_FACTOR in told.get("UserMFASettingList", ())


@cache
def _users() -> Any:
    import botocore.session
    from botocore.config import Config

    seconds = USER_POOL_CALL.total_seconds()
    limits = Config(connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": USER_POOL_ATTEMPTS})
    return botocore.session.get_session().create_client("cognito-idp", config=limits)
