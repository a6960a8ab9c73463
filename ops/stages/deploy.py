"""Deploy a stage: `make deploy STAGE=dev [PARAMETERS="MailFrom=…"] [BUCKET=…] [ARCH=x86_64] [ARGS=--yes]`.

It packages, shows what CloudFormation will change, asks before anything is replaced or deleted, deploys, tries the API,
and says what is left to be done by hand. Parameters are remembered by the stack: what is not named keeps its value. A
second run changes nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.gateways import GATEWAYS
from chalicelib.settings import LIVE_STAGE, BadSetting, Settings
from local.stack.deployed import parameters_of, read_secrets, settings_of, stack_called
from local.stack.gateway_keys import wrong_key
from ops.aws import Confirm, OpsError, account_of, ask, run, stack_name
from ops.stages import doctor, releases, smoke
from ops.stages.secrets import make_search_key
from ops.stages.stacks import put_stack
from tools.capacity import ACCOUNT_LIMIT, LEFT_UNRESERVED, RESERVED
from tools.package import PackageError, build, lint
from tools.stage_template import STAGE_DEFAULTS
from tools.target import ARCHITECTURES, Target


def main(arguments: list[str] | None = None) -> int:
    """Run `make deploy`; return the exit code."""
    parser = argparse.ArgumentParser(prog="make deploy", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("parameters", nargs="*", metavar="Name=value", help="parameters of the stack")
    parser.add_argument("--bucket", help="for the package; otherwise one per account and region is made")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default=Target.architecture)
    parser.add_argument("--yes", action="store_true", help="replace and delete without asking")
    told = parser.parse_args(arguments)
    confirm: Confirm = (lambda _: True) if told.yes else ask

    def command(session: Any) -> int:
        parameters = pairs(told.parameters)
        target = Target(told.architecture)
        deploy(session, told.stage, parameters, bucket=told.bucket, target=target, confirm=confirm)
        return try_out(session, told.stage)

    return run(command)


def deploy(
    session: Any, stage: str, parameters: Mapping[str, str], *, bucket: str | None, target: Target, confirm: Confirm
) -> dict[str, str]:
    """Package, upload, create or update the stack `guzo-STAGE`, and wait; return its outputs. Raises OpsError."""
    account = account_of(session)
    cloudformation, s3 = session.client("cloudformation"), session.client("s3")
    settings = {**parameters_of(stack_called(cloudformation, stack_name(stage))), **parameters}
    check_secrets(session.client("ssm"), stage, settings)
    check_quota(session.client("lambda"), stage, settings)
    try:
        package = build(stage, target=target)
        clean = lint(package)
    except PackageError as error:
        raise OpsError(str(error)) from error
    if not clean:
        raise OpsError("The template is not clean, so nothing was deployed.")
    bucket = bucket or releases.make_bucket(session, account)
    print(f"Uploading to s3://{bucket}/{stage}/…", flush=True)
    uploaded = releases.upload(s3, package, bucket=bucket, stage=stage, account=account, settings=settings)
    print(f"Deploying stack {stack_name(stage)} in account {account}, {session.region_name}…", flush=True)
    make_search_key(session.client("ssm"), settings_of(stage, settings))
    outputs = put_stack(cloudformation, stack_name(stage), uploaded, parameters, confirm=confirm)
    releases.remember(s3, uploaded, bucket=bucket, stage=stage, account=account, commit=str(package.revision))
    if stage == LIVE_STAGE:
        cloudformation.update_termination_protection(StackName=stack_name(stage), EnableTerminationProtection=True)
    return outputs


def try_out(session: Any, stage: str) -> int:
    """Try the deployed API, then say where everything is and what is left by hand; return the exit code."""
    live = doctor.look_up(session, stage)
    settings, api = live.settings, live.outputs["ApiUrl"]
    gateways = tuple(sorted(set(settings.gateways.values())))
    secrets = readable_secrets(session.client("ssm"), settings)
    try:
        for line in smoke.smoke(
            smoke.Target(live.outputs["ApiUrl"], stage, live.outputs["Commit"], gateways, secrets or {})
        ):
            print(f"  ✓ {line}", flush=True)
    except smoke.SmokeError as error:
        print(f"  ✗ {error}\nIt is deployed, and does not work: make rollback STAGE={stage}")
        return 1
    print(f"\n  API           {api}")
    for gateway in gateways:
        print(
            f"  webhook       {live.outputs['ApiUrl']}/v1/webhooks/{gateway}  ({GATEWAYS[gateway].brand}'s dashboard)"
        )
        print(f"  redirect URL  {live.outputs['ApiUrl']}/v1/payments/{gateway}/callback")
    print("\nLeft by hand:")
    for finding in doctor.by_hand(live):
        print(f"  {finding}")
    return 0


def check_quota(lambdas: Any, stage: str, parameters: Mapping[str, str]) -> None:
    """Raise OpsError when the stage reserves more concurrency than the account has."""
    default = STAGE_DEFAULTS.get(stage, {}).get("ReservedConcurrency", "no")
    if parameters.get("ReservedConcurrency", default) != "yes":
        return
    limit = int(lambdas.get_account_settings()["AccountLimit"]["ConcurrentExecutions"])
    needed = sum(RESERVED.values()) + LEFT_UNRESERVED
    if limit < needed:
        raise OpsError(
            f"This account may run {limit} functions at once, and stage {stage} needs {needed} to reserve its shares."
            f" Ask for {ACCOUNT_LIMIT} (Service Quotas, Lambda, concurrent executions), or say ReservedConcurrency=no."
        )


def readable_secrets(ssm: Any, settings: Settings) -> dict[str, str] | None:
    """Return a stage's secrets; None, with a line about it, for people who may not read them."""
    try:
        return read_secrets(ssm, settings.secrets_path)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
        print(f"You may not read the secrets under {settings.secrets_path}, so nobody checked whether they can work.")
        return None


def check_secrets(ssm: Any, stage: str, parameters: Mapping[str, str]) -> list[str]:
    """Return the names of the secrets that this stage's gateways need and SSM lacks.

    Raises OpsError, which says what to do, for a stored key that cannot work.
    """
    try:
        settings = settings_of(stage, parameters)
    except BadSetting as wrong:
        raise OpsError(f"The parameters make no sense: {wrong}.") from wrong
    gateways = sorted(set(settings.gateways.values()))
    secrets = readable_secrets(ssm, settings)
    if secrets is None:
        return []
    wrong_keys = [wrong_key(gateway, secrets, mode=settings.mode) for gateway in gateways]
    if problems := [wrong for wrong in wrong_keys if wrong]:
        raise OpsError("\n".join([*problems, f"They lie in SSM under {settings.secrets_path}; nothing was deployed."]))
    needed = [name for gateway in gateways for name in GATEWAYS[gateway].secrets]
    return [f"{settings.secrets_path}/{name}" for name in needed if name not in secrets]


def pairs(arguments: list[str]) -> dict[str, str]:
    """Return Name=value arguments as a mapping. Raises OpsError for anything else."""
    found = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals:
            raise OpsError(f"{argument!r} is not Name=value")
        found[name] = value
    return found


if __name__ == "__main__":
    sys.exit(main())
