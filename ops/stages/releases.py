"""Releases in S3: the packages of a stage, and which of them was deployed when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ops.aws import OpsError
from ops.stages.stacks import Uploaded
from tools.package import Package
from tools.stage_template import Template, with_code_at

NOT_PUBLIC = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


@dataclass(frozen=True)
class Release:
    """One deployment that succeeded."""

    at: str
    commit: str
    template: str
    """The key of its template, which names its zip."""


def make_bucket(session: Any, account: str) -> str:
    """Return the bucket for packages of this account and region; make it, and close it, where that was not done yet."""
    s3, name = session.client("s3"), f"guzo-packages-{account}-{session.region_name}"
    try:
        # Asked with the owner, since bucket names are the whole world's: never upload into a stranger's.
        s3.head_bucket(Bucket=name, ExpectedBucketOwner=account)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
            raise OpsError(f"The bucket {name} cannot be used: {error}. Name another: BUCKET=…") from error
        # The oldest region is the default and must not be named.
        where = {"LocationConstraint": session.region_name} if session.region_name != "us-east-1" else None
        s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": where} if where else {}))
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=NOT_PUBLIC)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(_only_by_tls(session, name)))
    return name


def _only_by_tls(session: Any, bucket: str) -> dict[str, Any]:
    partition = session.get_partition_for_region(session.region_name)
    arn = f"arn:{partition}:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OnlyEncrypted",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }


def upload(
    s3: Any,
    package: Package,
    *,
    bucket: str,
    stage: str,
    account: str,
    settings: Mapping[str, str],
    translate: Callable[[Template], Template] = lambda template: template,
) -> Uploaded:
    """Upload the zips and their template, named after their content. `settings`: the parameters to be deployed with."""
    keys = {}
    for path in package.zips:
        code = path.read_bytes()
        keys[path.name] = f"{stage}/{hashlib.sha256(code).hexdigest()[:32]}.zip"
        s3.put_object(Bucket=bucket, Key=keys[path.name], Body=code, ExpectedBucketOwner=account)
    document = json.loads(package.template.read_text(encoding="utf-8"))
    described = describe(str(package.revision), settings)
    located = translate(with_code_at(document, bucket=bucket, keys=keys, release=described))
    return upload_template(s3, located, bucket=bucket, stage=stage, account=account)


def upload_template(s3: Any, template: Template, *, bucket: str, stage: str, account: str) -> Uploaded:
    """Upload a template whose code is in S3 already, named after its content."""
    text = json.dumps(template).encode()
    key = f"{stage}/{hashlib.sha256(text).hexdigest()[:32]}.json"
    s3.put_object(Bucket=bucket, Key=key, Body=text, ExpectedBucketOwner=account)
    # The client knows how its region, partition or emulator addresses a bucket.
    signed: str = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
    return Uploaded(signed.split("?", 1)[0], template["Parameters"])


def describe(commit: str, settings: Mapping[str, str]) -> str:
    """Describe a release for its functions: other code or other settings make another description."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    return f"Commit {commit}, settings {digest}"


def remember(s3: Any, uploaded: Uploaded, *, bucket: str, stage: str, account: str, commit: str) -> None:
    """Write down that a release was deployed."""
    release = {
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "commit": commit,
        "template": f"{stage}/{uploaded.url.rpartition('/')[2]}",
    }
    key = f"{stage}/releases/{release['at']}.json"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(release).encode(), ExpectedBucketOwner=account)


def releases(s3: Any, *, bucket: str, stage: str, account: str) -> list[Release]:
    """Return the stage's releases, the newest first."""
    found = []
    listing = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"{stage}/releases/", ExpectedBucketOwner=account
    )
    for page in listing:
        for each in page.get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=each["Key"], ExpectedBucketOwner=account)["Body"]
            found.append(Release(**json.loads(body.read())))
    return sorted(found, key=lambda release: release.at, reverse=True)


def template_of(s3: Any, release: Release, settings: Mapping[str, str], *, bucket: str, account: str) -> Template:
    """Return a release's template, described for these settings."""
    body = s3.get_object(Bucket=bucket, Key=release.template, ExpectedBucketOwner=account)["Body"]
    template: Template = json.loads(body.read())
    for resource in template["Resources"].values():
        if resource["Type"] in ("AWS::Serverless::Function", "AWS::Lambda::Function"):
            resource["Properties"]["Description"] = describe(release.commit, settings)
    return template
