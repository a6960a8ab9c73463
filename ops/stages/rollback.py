"""Go back to an earlier release: `make rollback STAGE=prod [ARGS="--to COMMIT"]`.

Its zip and its template are still in S3; the data stays. Without a commit it is the release before the one that runs.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from local.stack.deployed import parameters_of
from ops.aws import Confirm, OpsError, account_of, ask, deployed_stack, outputs_of, run, stack_name
from ops.stages import deploy, releases
from ops.stages.releases import Release
from ops.stages.stacks import put_stack


def main(arguments: list[str] | None = None) -> int:
    """Run `make rollback`; return the exit code."""
    parser = argparse.ArgumentParser(prog="make rollback", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("--to", metavar="COMMIT", help="which release; otherwise the one before")
    parser.add_argument("--bucket", help="where the packages are; otherwise that of this account and region")
    parser.add_argument("--list", action="store_true", help="show the releases, and change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    told = parser.parse_args(arguments)
    confirm: Confirm = (lambda _: True) if told.yes else ask

    def command(session: Any) -> int:
        account = account_of(session)
        bucket = told.bucket or releases.make_bucket(session, account)
        if told.list:
            for release in releases.releases(session.client("s3"), bucket=bucket, stage=told.stage, account=account):
                print(f"  {release.at}  {release.commit}")
            return 0
        roll_back(session, told.stage, to=told.to, bucket=bucket, account=account, confirm=confirm)
        return deploy.try_out(session, told.stage)

    return run(command)


def roll_back(
    session: Any, stage: str, *, to: str | None, bucket: str, account: str, confirm: Confirm, pause: float = 3
) -> Release:
    """Deploy an earlier release again, with the parameters of today; return it. Raises OpsError."""
    s3 = session.client("s3")
    stack = deployed_stack(session, stage)
    running = outputs_of(stack)["Commit"]
    known = releases.releases(s3, bucket=bucket, stage=stage, account=account)
    release = choose(known, running=running, to=to)
    if not confirm(f"Stage {stage} runs commit {running}. Go back to {release.commit}, deployed {release.at}?"):
        raise OpsError("Nothing was changed.")
    template = releases.template_of(s3, release, parameters_of(stack), bucket=bucket, account=account)
    uploaded = releases.upload_template(s3, template, bucket=bucket, stage=stage, account=account)
    put_stack(session.client("cloudformation"), stack_name(stage), uploaded, {}, confirm=confirm, pause=pause)
    releases.remember(s3, uploaded, bucket=bucket, stage=stage, account=account, commit=release.commit)
    return release


def choose(known: list[Release], *, running: str, to: str | None) -> Release:
    """Return the release to go back to. `known` are the newest first. Raises OpsError when there is none."""
    if to is not None:
        found = [release for release in known if release.commit.startswith(to)]
    else:
        # The newest of those that were deployed before the running one was for the first time.
        first = max((place for place, release in enumerate(known) if release.commit == running), default=-1)
        found = [release for release in known[first + 1 :] if release.commit != running]
    if not found:
        there = ", ".join(dict.fromkeys(release.commit for release in known)) or "none"
        raise OpsError(f"There is no such release to go back to. There are: {there}.")
    return found[0]


if __name__ == "__main__":
    sys.exit(main())
