"""What the tokens of the user pool say: a verified address, and `operator` only with a second factor."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber

from chalicelib import shape_tokens as trigger
from chalicelib.telemetry import Crashed

POOL = "eu-central-1_abcdefghi"


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    """Cognito, which is asked for what a test has told it to answer, and for nothing else."""
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-central-1"}
    client = botocore.session.get_session().create_client("cognito-idp", **keys)
    monkeypatch.setattr(trigger, "_users", lambda: client)
    return Stubber(client)


def event(groups: list[str] | None, **attributes: str) -> dict[str, Any]:
    return {
        "version": "2",
        "triggerSource": "TokenGeneration_Authentication",
        "userPoolId": POOL,
        "userName": "abel",
        "request": {"userAttributes": attributes, "groupConfiguration": {"groupsToOverride": groups}, "scopes": []},
        "response": {"claimsAndScopeOverrideDetails": None},
    }


def shaped(told: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    details = trigger.shape_tokens(told, None)["response"]["claimsAndScopeOverrideDetails"]
    return details["accessTokenGeneration"]["claimsToAddOrOverride"], details["groupOverrideDetails"][
        "groupsToOverride"
    ]


def answers(users: Stubber, factors: list[str] | None) -> None:
    told: dict[str, Any] = {"Username": "abel"}
    if factors is not None:
        told["UserMFASettingList"] = factors
    users.add_response("admin_get_user", told, {"UserPoolId": POOL, "Username": "abel"})
    users.activate()


def test_a_verified_address_is_told_and_nobody_is_asked_about_a_guest(users: Stubber) -> None:
    with users:
        claims, groups = shaped(event(["host"], email="abel@guzo.example", email_verified="true"))
    assert claims == {"email": "abel@guzo.example", "email_verified": True}
    assert groups == ["host"]


@pytest.mark.parametrize("attributes", [{}, {"email": "abel@guzo.example"}, {"email_verified": "true"}])
def test_an_address_that_is_not_verified_is_not_told(users: Stubber, attributes: dict[str, str]) -> None:
    assert shaped(event(None, **attributes)) == ({}, [])
    unverified = event([], email="abel@guzo.example", email_verified="false")
    assert shaped(unverified) == ({}, [])


@pytest.mark.parametrize(
    ("factors", "groups"),
    [
        (["SOFTWARE_TOKEN_MFA"], ["host", "operator"]),
        (["EMAIL_OTP"], ["host"]),
        ([], ["host"]),
        (None, ["host"]),
    ],
)
def test_an_operator_has_a_second_factor(users: Stubber, factors: list[str] | None, groups: list[str]) -> None:
    answers(users, factors)
    assert shaped(event(["host", "operator"]))[1] == groups


def test_who_cannot_be_asked_about_gets_no_token(users: Stubber) -> None:
    users.add_client_error("admin_get_user", "InternalErrorException")
    users.activate()
    with pytest.raises(Crashed):
        trigger.shape_tokens(event(["operator"]), None)


def test_its_cold_start_loads_neither_the_app_nor_its_adapters() -> None:
    program = "import sys, json, chalicelib.shape_tokens; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout))
    assert not {"app", "chalice", "pynamodb", "requests", "jinja2", "boto3", "chalicelib.container"} & loaded
