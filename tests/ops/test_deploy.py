"""What `make deploy` looks at before it deploys, and what it says in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.aws import OpsError
from ops.stages import deploy, destroy, doctor, logs, rollback, secrets, users
from tests.ops.conftest import put_secret
from tools.capacity import RESERVED

COMMANDS = (deploy, destroy, doctor, logs, rollback, secrets, users)
BOTH = {"Gateways": "ETB:chapa KES:paystack"}


def test_missing_secrets_are_named(session: Any) -> None:
    ssm = put_secret(session, "/guzo/x/chapa_secret_key", "CHASECK_TEST-x")
    assert deploy.check_secrets(ssm, "x", {}) == ["/guzo/x/chapa_webhook_secret"]
    missing = ["/guzo/x/chapa_webhook_secret", "/guzo/x/paystack_secret_key"]
    assert deploy.check_secrets(ssm, "x", BOTH) == missing


@pytest.mark.parametrize(
    ("path", "parameters", "key", "sentence"),
    [
        ("/guzo/a/chapa_secret_key", {}, "marked-nonsense", r"no secret key of Chapa.* begins with CHASECK_TEST- "),
        ("/guzo/b/chapa_secret_key", {}, "CHAPA_LIVE_marked", "is a live key, and this stage takes test money only"),
        ("/guzo/prod/chapa_secret_key", {}, "CHASECK_TEST-marked", "is a test key, and this stage takes real money"),
        ("/guzo/c/chapa_secret_key", {"PaymentMode": "live"}, "CHAPA_TEST_marked", "takes real money only"),
        ("/guzo/d/paystack_secret_key", BOTH, "sk_live_marked", "paystack_secret_key is a live key"),
    ],
)
def test_a_key_that_cannot_work_is_not_deployed_with(
    session: Any, path: str, parameters: dict[str, str], key: str, sentence: str
) -> None:
    ssm, stage = put_secret(session, path, key), path.split("/")[2]
    with pytest.raises(OpsError, match=sentence) as refused:
        deploy.check_secrets(ssm, stage, parameters)
    assert "marked" not in str(refused.value)
    assert f"under /guzo/{stage}; nothing was deployed" in str(refused.value)


def test_the_keys_are_looked_at_before_anything_is_built(
    session: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_secret(session, "/guzo/looked/chapa_secret_key", "nonsense")
    monkeypatch.setattr(deploy, "build", lambda *_, **__: pytest.fail("it was built"))
    assert deploy.main(["looked", "MailFrom=a@guzo.example"]) == 1
    assert "take one from the dashboard" in capsys.readouterr().out


def test_a_rehearsal_in_prod_takes_a_test_key(session: Any) -> None:
    ssm = put_secret(session, "/guzo/prod/chapa_secret_key", "CHASECK_TEST-x")
    put_secret(session, "/guzo/prod/chapa_webhook_secret", "x")
    assert deploy.check_secrets(ssm, "prod", {"PaymentMode": "test"}) == []


def test_whoever_may_not_read_the_secrets_may_deploy_and_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    class Closed:
        def get_paginator(self, name: str) -> Any:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, name)

    assert deploy.check_secrets(Closed(), "x", {}) == []
    assert "may not read the secrets under /guzo/x" in capsys.readouterr().out


def test_gateways_that_there_are_not_are_refused_before_anything_is_made(session: Any) -> None:
    with pytest.raises(OpsError, match="GATEWAYS names a gateway for each currency"):
        deploy.check_secrets(session.client("ssm"), "x", {"Gateways": "ETB:nobody"})


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "No AWS credentials were found"),
        ({"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}, "No AWS region is set"),
    ],
)
def test_without_credentials_or_region_it_says_so_in_one_line(
    variables: dict[str, str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in (
        "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    nowhere = {
        "AWS_CONFIG_FILE": "none",
        "AWS_SHARED_CREDENTIALS_FILE": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in (nowhere | variables).items():
        monkeypatch.setenv(name, value)
    for command in COMMANDS:
        assert command.main(["dev"]) == 1
        printed = capsys.readouterr().out
        assert printed.startswith(sentence)
        assert printed.count("\n") == 1


class Lambdas:
    def __init__(self, limit: int) -> None:
        self.limit = limit

    def get_account_settings(self) -> dict[str, Any]:
        return {"AccountLimit": {"ConcurrentExecutions": self.limit}}


def test_a_stage_that_reserves_more_than_the_account_has_is_not_deployed() -> None:
    needed = sum(RESERVED.values()) + 100
    with pytest.raises(OpsError, match=rf"may run 10 functions at once, and stage prod needs {needed}"):
        deploy.check_quota(Lambdas(10), "prod", {})
    deploy.check_quota(Lambdas(needed), "prod", {})
    deploy.check_quota(Lambdas(10), "prod", {"ReservedConcurrency": "no"})
    deploy.check_quota(Lambdas(10), "dev", {})
    with pytest.raises(OpsError):
        deploy.check_quota(Lambdas(needed - 1), "dev", {"ReservedConcurrency": "yes"})


def test_parameters_are_pairs() -> None:
    assert deploy.pairs(["A=1", "B=x=y"]) == {"A": "1", "B": "x=y"}
    with pytest.raises(OpsError, match="'A' is not Name=value"):
        deploy.pairs(["A"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_every_command_explains_itself(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(["--help"])
    assert left.value.code == 0
    assert f"make {command.__name__.removeprefix('ops.stages.')}" in capsys.readouterr().out
