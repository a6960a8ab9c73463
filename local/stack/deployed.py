"""Read a deployed stage's gateways from its stack's parameters and its secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import settings
from chalicelib.gateways import GATEWAYS, address_setting
from chalicelib.settings import Settings


def address_parameter(gateway: str) -> str:
    """Return the name of the parameter for a gateway's address, such as ChapaBaseUrl."""
    return f"{gateway.title()}BaseUrl"


def stack_called(cloudformation: Any, name: str) -> dict[str, Any] | None:
    """Return CloudFormation's description of the stack, or None."""
    try:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return found


def parameters_of(stack: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the values of a stack's parameters."""
    return {each["ParameterKey"]: each["ParameterValue"] for each in (stack or {}).get("Parameters", [])}


def settings_of(stage: str, parameters: Mapping[str, str]) -> Settings:
    """Return a stage's settings about gateways. Raises BadSetting."""
    named = {"GATEWAYS": "Gateways", "PAYMENT_MODE": "PaymentMode"}
    named |= {address_setting(gateway): address_parameter(gateway) for gateway in GATEWAYS}
    given = {variable: parameters.get(parameter, "") for variable, parameter in named.items()}
    return settings.read({"GUZO_STAGE": stage, "SECRETS_PATH": secrets_path(stage), **given})


def secrets_path(stage: str) -> str:
    """Return the SSM path of a stage's secrets, as in the template."""
    return f"/guzo/{stage}"


def read_secrets(ssm: Any, path: str) -> dict[str, str]:
    """Return the secrets right under a path, by the last part of their names."""
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=path, WithDecryption=True)
    return {found["Name"].rpartition("/")[2]: found["Value"] for page in pages for found in page["Parameters"]}
