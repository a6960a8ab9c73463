"""What a deployed stage was told about its gateways: by the parameters of its stack, and by its secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import settings
from chalicelib.gateways import GATEWAYS, address_setting
from chalicelib.settings import Settings


def address_parameter(gateway: str) -> str:
    """The stack's parameter that names a gateway's address: ChapaBaseUrl."""
    return f"{gateway.title()}BaseUrl"


def stack_called(cloudformation: Any, name: str) -> dict[str, Any] | None:
    """The stack as CloudFormation describes it; None when there is none."""
    try:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return found


def parameters_of(stack: Mapping[str, Any] | None) -> dict[str, str]:
    """The values that a stack remembers."""
    return {each["ParameterKey"]: each["ParameterValue"] for each in (stack or {}).get("Parameters", [])}


def settings_of(stage: str, parameters: Mapping[str, str]) -> Settings:
    """A stage's settings, as far as its gateways are concerned. Raises BadSetting."""
    named = {"GATEWAYS": "Gateways", "PAYMENT_MODE": "PaymentMode"}
    named |= {address_setting(gateway): address_parameter(gateway) for gateway in GATEWAYS}
    given = {variable: parameters.get(parameter, "") for variable, parameter in named.items()}
    return settings.read({"GUZO_STAGE": stage, "SECRETS_PATH": secrets_path(stage), **given})


def secrets_path(stage: str) -> str:
    """Where a stage's secrets lie in SSM, as the template says."""
    return f"/guzo/{stage}"


def read_secrets(ssm: Any, path: str) -> dict[str, str]:
    """The secrets right under a path, by their last names."""
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=path, WithDecryption=True)
    return {found["Name"].rpartition("/")[2]: found["Value"] for page in pages for found in page["Parameters"]}
