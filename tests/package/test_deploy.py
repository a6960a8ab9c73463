"""What `make deploy` asks CloudFormation and S3 for, against an emulated AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.stack.ministack import MiniStack
from ops import deploy
from ops.deploy import DeployError, Uploaded
from tools.package import Package
from tools.revision import Revision
from tools.target import Target

ACCOUNT = "000000000000"
TEMPLATE = {
    "Parameters": {"MailFrom": {"Type": "String"}, "Wait": {"Type": "Number", "Default": 30}},
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": {"Ref": "Wait"}}},
        "Code": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "1"}},
    },
    "Outputs": {"QueueUrl": {"Value": {"Ref": "Queue"}}, "From": {"Value": {"Ref": "MailFrom"}}},
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[MiniStack]:
    with MiniStack() as ministack:
        yield ministack


@pytest.fixture
def session(emulator: MiniStack, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    return boto3.Session()


@pytest.fixture
def package(tmp_path: Path) -> Package:
    (tmp_path / "deployment.zip").write_bytes(b"code")
    (tmp_path / "sam.json").write_text(json.dumps(TEMPLATE))
    zipped, template = tmp_path / "deployment.zip", tmp_path / "sam.json"
    return Package(zipped, template, template, tmp_path / "sbom.cdx.json", Target(), Revision("0"))


@pytest.fixture
def uploaded(session: Any, package: Package) -> Uploaded:
    bucket = deploy.make_bucket(session, ACCOUNT)
    return deploy.upload(session.client("s3"), package, bucket=bucket, prefix="dev", account=ACCOUNT)


def put(session: Any, name: str, uploaded: Uploaded, **parameters: str) -> dict[str, str]:
    return deploy.put_stack(session.client("cloudformation"), name, uploaded, parameters, pause=0.05)


def test_the_bucket_is_made_once_and_is_not_public(session: Any) -> None:
    name = deploy.make_bucket(session, ACCOUNT)
    assert deploy.make_bucket(session, ACCOUNT) == name == "guzo-packages-000000000000-us-east-1"
    block = session.client("s3").get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}


def test_the_same_package_has_the_same_address(session: Any, package: Package, uploaded: Uploaded) -> None:
    bucket = deploy.make_bucket(session, ACCOUNT)
    again = deploy.upload(session.client("s3"), package, bucket=bucket, prefix="dev", account=ACCOUNT)
    assert again == uploaded
    package.zip.write_bytes(b"other code")
    deploy.upload(session.client("s3"), package, bucket=bucket, prefix="dev", account=ACCOUNT)
    assert sum(key.endswith(".zip") for key in keys(session, bucket)) == 2


def keys(session: Any, bucket: str) -> list[str]:
    return [found["Key"] for found in session.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]


def test_a_stack_is_created_then_updated_and_remembers_its_parameters(
    session: Any, uploaded: Uploaded, capsys: pytest.CaptureFixture[str]
) -> None:
    first = put(session, "remembers", uploaded, MailFrom="a@guzo.example")
    assert first["From"] == "a@guzo.example"
    second = put(session, "remembers", uploaded, Wait="60")
    assert second == first
    attributes = session.client("sqs").get_queue_attributes(QueueUrl=first["QueueUrl"], AttributeNames=["All"])
    assert attributes["Attributes"]["VisibilityTimeout"] == "60"


def test_what_the_first_deployment_needs_is_said_before_anything_is_made(session: Any, uploaded: Uploaded) -> None:
    with pytest.raises(DeployError, match="first deployment needs: MailFrom"):
        put(session, "needs", uploaded)
    assert "needs" not in {stack["StackName"] for stack in stacks(session)}


def test_a_misspelt_parameter_is_refused(session: Any, uploaded: Uploaded) -> None:
    with pytest.raises(DeployError, match=r"No such parameter: Mailfrom\. There are: MailFrom, Wait"):
        put(session, "misspelt", uploaded, MailFrom="a@guzo.example", Mailfrom="b@guzo.example")


def stacks(session: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.client("cloudformation").describe_stacks()["Stacks"]
    return found


def test_what_failed_is_said(session: Any, package: Package) -> None:
    broken = json.loads(json.dumps(TEMPLATE))
    broken["Resources"]["Group"] = {
        "Type": "AWS::Cognito::UserPoolGroup",
        "Properties": {"UserPoolId": "us-east-1_none", "GroupName": "host"},
    }
    package.template.write_text(json.dumps(broken))
    bucket = deploy.make_bucket(session, ACCOUNT)
    uploaded = deploy.upload(session.client("s3"), package, bucket=bucket, prefix="dev", account=ACCOUNT)
    with pytest.raises(DeployError, match="Group: "):
        put(session, "broken", uploaded, MailFrom="a@guzo.example")
    with pytest.raises(DeployError, match="Remove it, then deploy again"):
        put(session, "broken", uploaded, MailFrom="a@guzo.example")


def put_secret(session: Any, path: str, value: str) -> Any:
    ssm = session.client("ssm")
    ssm.put_parameter(Name=path, Type="SecureString", Value=value, Overwrite=True)
    return ssm


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
    with pytest.raises(DeployError, match=sentence) as refused:
        deploy.check_secrets(ssm, stage, parameters)
    assert "marked" not in str(refused.value)
    assert f"under /guzo/{stage}; nothing was deployed" in str(refused.value)


def test_the_keys_are_looked_at_before_anything_is_built(
    session: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_secret(session, "/guzo/looked/chapa_secret_key", "nonsense")
    monkeypatch.setattr(deploy, "build", lambda stage: pytest.fail("it was built"))
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
    with pytest.raises(DeployError, match="GATEWAYS names a gateway for each currency"):
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
    assert deploy.main(["dev"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith(sentence)
    assert printed.count("\n") == 1
