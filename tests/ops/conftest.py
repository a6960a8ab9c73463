"""An emulated AWS for the commands on a stage, and a small package to deploy there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.stack.emulator.ministack import MiniStack
from ops.stages import releases, stacks
from ops.stages.stacks import Uploaded
from tools.package import Package
from tools.revision import Revision
from tools.target import Target

ACCOUNT = "000000000000"
TEMPLATE: dict[str, Any] = {
    "Parameters": {"MailFrom": {"Type": "String"}, "Wait": {"Type": "Number", "Default": 30}},
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": {"Ref": "Wait"}}},
        "Code": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "1"}},
    },
    "Outputs": {"QueueUrl": {"Value": {"Ref": "Queue"}}, "From": {"Value": {"Ref": "MailFrom"}}},
}


@pytest.fixture(scope="session")
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
    return packaged(tmp_path, TEMPLATE, b"code", "0" * 12)


def packaged(folder: Path, template: dict[str, Any], code: bytes, commit: str) -> Package:
    zipped, written = folder / commit / "deployment.zip", folder / f"{commit}.json"
    zipped.parent.mkdir(exist_ok=True)
    zipped.write_bytes(code)
    written.write_text(json.dumps(template))
    return Package((zipped,), written, written, folder / "sbom.cdx.json", Target(), Revision(commit))


def uploaded(session: Any, package: Package, stage: str = "dev", **settings: str) -> Uploaded:
    bucket = releases.make_bucket(session, ACCOUNT)
    s3 = session.client("s3")
    return releases.upload(s3, package, bucket=bucket, stage=stage, account=ACCOUNT, settings=settings)


def put(session: Any, name: str, template: Uploaded, *, says: bool = False, **parameters: str) -> dict[str, str]:
    return put_with(session, name, template, parameters, says=says)


def put_with(
    session: Any, name: str, template: Uploaded, parameters: dict[str, str], *, says: bool = False
) -> dict[str, str]:
    cloudformation = session.client("cloudformation")
    return stacks.put_stack(cloudformation, name, template, parameters, confirm=lambda _: says, pause=0.05)


def put_secret(session: Any, path: str, value: str) -> Any:
    ssm = session.client("ssm")
    ssm.put_parameter(Name=path, Type="SecureString", Value=value, Overwrite=True)
    return ssm
