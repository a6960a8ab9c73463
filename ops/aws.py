"""What every command on a stage needs: credentials, a stack's outputs, a person's yes; and errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.stack.deployed import stack_called

NO_CREDENTIALS = "No AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
NO_REGION = "No AWS region is set: set AWS_DEFAULT_REGION, for instance to eu-central-1."

Confirm = Callable[[str], bool]
"""Asks a person whether to go on."""


class OpsError(Exception):
    """A command could not be carried out; the message says why, and what to do."""


def account_of(session: Any) -> str:
    """Return the account of the credentials. Raises OpsError when there are none, or no region."""
    if session.get_credentials() is None:
        raise OpsError(NO_CREDENTIALS)
    if session.region_name is None:
        raise OpsError(NO_REGION)
    try:
        account: str = session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        raise OpsError(f"AWS does not accept these credentials: {error}") from error
    return account


def stack_name(stage: str) -> str:
    """Return the name of a stage's stack."""
    return f"guzo-{stage}"


def deployed_stack(session: Any, stage: str) -> dict[str, Any]:
    """Return CloudFormation's description of a stage's stack. Raises OpsError when it is not deployed."""
    found = stack_called(session.client("cloudformation"), stack_name(stage))
    if found is None:
        raise OpsError(f"Stage {stage} is not deployed in this account and region: make deploy STAGE={stage}")
    return found


def outputs_of(stack: dict[str, Any]) -> dict[str, str]:
    """Return a stack's outputs by their names."""
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def ask(question: str) -> bool:
    """Ask at the terminal; without one, the answer is no."""
    if not sys.stdin.isatty():
        print(f"{question} Nobody is here to say yes: --yes does.")
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def run(command: Callable[[Any], int]) -> int:
    """Run a command with a session; print what went wrong in one line. Return the exit code."""
    session = boto3.Session()
    try:
        account_of(session)
        return command(session)
    except OpsError as error:
        print(error)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"AWS refused: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
