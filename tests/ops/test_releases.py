"""Packages lie in a bucket that nobody else reads, and every release can be found again."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ops.aws import OpsError
from ops.stages import releases, rollback
from ops.stages.releases import Release
from tests.ops.conftest import ACCOUNT, TEMPLATE, packaged, put_with, uploaded
from tools.package import Package


def test_the_bucket_is_made_once_and_is_closed(session: Any) -> None:
    name = releases.make_bucket(session, ACCOUNT)
    assert releases.make_bucket(session, ACCOUNT) == name == "guzo-packages-000000000000-us-east-1"
    s3 = session.client("s3")
    assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_same_package_has_the_same_address(session: Any, package: Package) -> None:
    assert uploaded(session, package, "same") == uploaded(session, package, "same")
    package.zips[0].write_bytes(b"other code")
    uploaded(session, package, "same")
    bucket = releases.make_bucket(session, ACCOUNT)
    keys = [each["Key"] for each in session.client("s3").list_objects_v2(Bucket=bucket, Prefix="same/")["Contents"]]
    assert sum(key.endswith(".zip") for key in keys) == 2


def test_other_settings_are_another_release_of_every_function() -> None:
    described = releases.describe("abc", {"HoldMinutes": "30", "MailFrom": "a@guzo.example"})
    assert described == releases.describe("abc", {"MailFrom": "a@guzo.example", "HoldMinutes": "30"})
    assert described != releases.describe("abc", {"HoldMinutes": "31", "MailFrom": "a@guzo.example"})
    assert described != releases.describe("abd", {"HoldMinutes": "30", "MailFrom": "a@guzo.example"})
    assert "guzo.example" not in described


def known(*commits: str) -> list[Release]:
    """The newest first."""
    return [Release(f"2026-11-{20 - place:02}", commit, commit) for place, commit in enumerate(commits)]


@pytest.mark.parametrize(
    ("commits", "running", "to", "chosen"),
    [
        (("c", "b", "a"), "c", None, "b"),
        (("c", "c", "b"), "c", None, "b"),
        (("b", "c", "b", "a"), "b", None, "a"),  # b is what was gone back to: further back
        (("c", "b", "a"), "x", None, "c"),
        (("c", "b", "a"), "c", "a", "a"),
    ],
)
def test_the_release_before_is_chosen(commits: tuple[str, ...], running: str, to: str | None, chosen: str) -> None:
    assert rollback.choose(known(*commits), running=running, to=to).commit == chosen


def test_where_there_is_nothing_to_go_back_to_it_says_what_there_is() -> None:
    with pytest.raises(OpsError, match="There are: none"):
        rollback.choose([], running="a", to=None)
    with pytest.raises(OpsError, match="There are: b, a"):
        rollback.choose(known("b", "a"), running="b", to="c")
    with pytest.raises(OpsError, match="There are: a"):
        rollback.choose(known("a"), running="a", to=None)


def with_commit(commit: str) -> dict[str, Any]:
    template = copy.deepcopy(TEMPLATE)
    template["Resources"]["Code"]["Properties"]["Value"] = commit
    template["Outputs"]["Commit"] = {"Value": commit}
    return template


def test_a_stage_goes_back_with_the_parameters_of_today(session: Any, tmp_path: Path) -> None:
    told = {"bucket": releases.make_bucket(session, ACCOUNT), "stage": "back", "account": ACCOUNT}
    for commit, name, value in (("first", "MailFrom", "a@guzo.example"), ("second", "Wait", "45")):
        template = uploaded(session, packaged(tmp_path, with_commit(commit), commit.encode(), commit), "back")
        outputs = put_with(session, "guzo-back", template, {name: value})
        releases.remember(session.client("s3"), template, **told, commit=commit)
    assert outputs["Commit"] == "second"
    with pytest.raises(OpsError, match="Nothing was changed"):
        rollback.roll_back(session, **told, to=None, confirm=lambda _: False, pause=0.05)
    questions: list[str] = []

    def confirm(question: str) -> bool:
        questions.append(question)
        return True

    gone_back = rollback.roll_back(session, **told, to=None, confirm=confirm, pause=0.05)
    assert gone_back.commit == "first"
    assert "runs commit second. Go back to first" in questions[0]
    (stack,) = session.client("cloudformation").describe_stacks(StackName="guzo-back")["Stacks"]
    assert {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}["Commit"] == "first"
    assert {"ParameterKey": "Wait", "ParameterValue": "45"} in stack["Parameters"]
    commits = [release.commit for release in releases.releases(session.client("s3"), **told)]
    assert commits == ["first", "second", "first"]
