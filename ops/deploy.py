"""Deploy a package with CloudFormation: `make deploy STAGE=dev [BUCKET=…] [PARAMETERS="MailFrom=…"]`.

Parameters are remembered by the stack: what is not named keeps the value of the deployment before.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.gateways import GATEWAYS
from chalicelib.settings import BadSetting
from local.stack.deployed import parameters_of, read_secrets, settings_of, stack_called
from local.stack.gateway_keys import wrong_key
from tools.package import Package, PackageError, build, lint
from tools.stage_template import with_code_at

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
NO_CREDENTIALS = "No AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
NO_REGION = "No AWS region is set: set AWS_DEFAULT_REGION, for instance to eu-central-1."


@dataclass(frozen=True)
class Uploaded:
    """A template in S3: its address and its parameters."""

    url: str
    parameters: Mapping[str, Mapping[str, Any]]


class DeployError(Exception):
    """The deployment failed; the message says why."""


def main(arguments: list[str] | None = None) -> int:
    """Run `make deploy`; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ops.deploy", description="Deploy to AWS.")
    parser.add_argument("stage")
    parser.add_argument("parameters", nargs="*", metavar="Name=value", help="parameters of the stack")
    parser.add_argument("--bucket", help="for the package; otherwise one per account and region is made")
    options = parser.parse_args(arguments)
    try:
        outputs = deploy(options.stage, _pairs(options.parameters), bucket=options.bucket)
    except (DeployError, PackageError) as error:
        print(error)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"AWS refused: {error}")
        return 1
    for name, value in outputs.items():
        print(f"  {name:24} {value}")
    return 0


def deploy(stage: str, parameters: Mapping[str, str], *, bucket: str | None) -> dict[str, str]:
    """Package, upload, create or update the stack `guzo-STAGE`, and wait; return its outputs."""
    session = boto3.Session()
    account = whose_account(session)
    cloudformation = session.client("cloudformation")
    known = parameters_of(stack_called(cloudformation, f"guzo-{stage}"))
    missing = check_secrets(session.client("ssm"), stage, {**known, **parameters})
    package = build(stage)
    if not lint(package):
        raise DeployError("The template is not clean, so nothing was deployed.")
    bucket = bucket or make_bucket(session, account)
    print(f"Uploading to s3://{bucket}/{stage}/…", flush=True)
    uploaded = upload(session.client("s3"), package, bucket=bucket, prefix=stage, account=account)
    print(f"Deploying stack guzo-{stage} in account {account}, {session.region_name}…", flush=True)
    outputs = put_stack(cloudformation, f"guzo-{stage}", uploaded, parameters)
    if stage == "prod":
        cloudformation.update_termination_protection(StackName=f"guzo-{stage}", EnableTerminationProtection=True)
    for name in missing:
        print(f"Still to do: aws ssm put-parameter --type SecureString --name {name} --value …")
    return outputs


def whose_account(session: Any) -> str:
    """Return the credentials' account. Raises DeployError without credentials or region."""
    if session.get_credentials() is None:
        raise DeployError(NO_CREDENTIALS)
    if session.region_name is None:
        raise DeployError(NO_REGION)
    try:
        account: str = session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        raise DeployError(f"AWS does not accept these credentials: {error}") from error
    return account


def make_bucket(session: Any, account: str) -> str:
    """Return the bucket for packages of this account and region; create it when it is missing."""
    s3, name = session.client("s3"), f"guzo-packages-{account}-{session.region_name}"
    try:
        # Asked with the owner, since bucket names are the whole world's: never upload into a stranger's.
        s3.head_bucket(Bucket=name, ExpectedBucketOwner=account)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
            raise DeployError(f"The bucket {name} cannot be used: {error}. Name another: BUCKET=…") from error
        # The oldest region is the default and must not be named.
        where = {"LocationConstraint": session.region_name} if session.region_name != "us-east-1" else None
        s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": where} if where else {}))
        s3.put_public_access_block(
            Bucket=name,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
    return name


def upload(
    s3: Any, package: Package, *, bucket: str, prefix: str, account: str, template: Path | None = None
) -> Uploaded:
    """Upload zip and template, named by their content; by default the package's own template."""
    code = package.zip.read_bytes()
    key = f"{prefix}/{hashlib.sha256(code).hexdigest()[:32]}.zip"
    s3.put_object(Bucket=bucket, Key=key, Body=code, ExpectedBucketOwner=account)
    document = json.loads((template or package.template).read_text(encoding="utf-8"))
    text = json.dumps(with_code_at(document, bucket=bucket, key=key)).encode()
    template_key = f"{prefix}/{hashlib.sha256(text).hexdigest()[:32]}.json"
    s3.put_object(Bucket=bucket, Key=template_key, Body=text, ExpectedBucketOwner=account)
    # The client knows how its region, partition or emulator addresses a bucket.
    signed: str = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": template_key})
    return Uploaded(signed.split("?", 1)[0], document["Parameters"])


def put_stack(
    cloudformation: Any, name: str, template: Uploaded, parameters: Mapping[str, str], *, pause: float = 3
) -> dict[str, str]:
    """Create the stack, or update it to this template, and wait; return its outputs. Raises DeployError."""
    before = stack_called(cloudformation, name)
    if before and before["StackStatus"] in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}:
        raise DeployError(
            f"The first deployment of {name} failed. Remove it, then deploy again:"
            f" aws cloudformation delete-stack --stack-name {name}"
        )
    known = {parameter["ParameterKey"] for parameter in (before or {}).get("Parameters", [])}
    names = template.parameters.keys()
    missing = [
        parameter
        for parameter, declared in template.parameters.items()
        if "Default" not in declared and parameter not in {*parameters, *known}
    ]
    if missing:
        raise DeployError(f'The first deployment needs: {", ".join(missing)}. Say PARAMETERS="{missing[0]}=…".')
    if unknown := parameters.keys() - names:
        raise DeployError(f"No such parameter: {', '.join(sorted(unknown))}. There are: {', '.join(sorted(names))}.")
    request = {
        "StackName": name,
        "TemplateURL": template.url,
        "Capabilities": CAPABILITIES,
        "Parameters": [
            *({"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()),
            *({"ParameterKey": key, "UsePreviousValue": True} for key in (known & names) - parameters.keys()),
        ],
    }
    if before is None:
        cloudformation.create_stack(**request)
    else:
        try:
            cloudformation.update_stack(**request)
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise
            print("Nothing to change.")
    return _wait(cloudformation, name, pause)


def _wait(cloudformation: Any, name: str, pause: float) -> dict[str, str]:
    while True:
        stack = stack_called(cloudformation, name)
        if stack is None:
            raise DeployError(f"The stack {name} is gone.")
        status = stack["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(pause)
    if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise DeployError(f"{name} is {status}:\n" + "\n".join(_failures(cloudformation, name)))
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _failures(cloudformation: Any, name: str) -> list[str]:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return [
        f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', event['ResourceStatus'])}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED")
    ]


def check_secrets(ssm: Any, stage: str, parameters: Mapping[str, str]) -> list[str]:
    """Return the secrets that this stage's gateways need and SSM does not have yet.

    Raises DeployError, which says what to do, for a key that is there and cannot work: it would be found out by the
    first guest who wants to pay.
    """
    try:
        stage_settings = settings_of(stage, parameters)
    except BadSetting as wrong:
        raise DeployError(f"The parameters make no sense: {wrong}.") from wrong
    gateways = sorted(set(stage_settings.gateways.values()))
    try:
        secrets = read_secrets(ssm, stage_settings.secrets_path)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
        print(
            f"You may not read the secrets under {stage_settings.secrets_path}: whether they can work was not checked."
        )
        return []
    wrong_keys = [wrong_key(gateway, secrets, mode=stage_settings.mode) for gateway in gateways]
    if problems := [wrong for wrong in wrong_keys if wrong]:
        raise DeployError(
            "\n".join([*problems, f"They lie in SSM under {stage_settings.secrets_path}; nothing was deployed."])
        )
    needed = [name for gateway in gateways for name in GATEWAYS[gateway].secrets]
    return [f"{stage_settings.secrets_path}/{name}" for name in needed if name not in secrets]


def _pairs(arguments: list[str]) -> dict[str, str]:
    pairs = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals:
            raise SystemExit(f"{argument!r} is not Name=value")
        pairs[name] = value
    return pairs


if __name__ == "__main__":
    sys.exit(main())
