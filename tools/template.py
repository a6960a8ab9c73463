"""Write the generated parts of `.chalice/resources.json`; with `--check`, only say if they are stale."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from chalicelib.api.core.authorizer import BEARER_EXPRESSION
from chalicelib.api.core.gateway_responses import template_fragment
from chalicelib.api.core.routing import ROUTES
from chalicelib.gateways import ADDRESS_PATTERN, GATEWAYS, address_setting
from local.stack.deployed import address_parameter
from local.stack.emulator.resources import TEMPLATE
from tools import alarms, dashboards
from tools.capacity import CONSUMERS, RESERVED, reserved
from tools.throttles import method_settings

MADE_FROM_TABLES = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard")


def main(arguments: list[str] | None = None) -> int:
    """Write or check the template; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.template", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail when it is out of date")
    options = parser.parse_args(arguments)
    before = TEMPLATE.read_text(encoding="utf-8")
    after = generated(before)
    if before == after:
        return 0
    if options.check:
        print(".chalice/resources.json is out of date: run make template")
        return 1
    TEMPLATE.write_text(after, encoding="utf-8")
    print("Written: .chalice/resources.json")
    return 0


def generated(text: str) -> str:
    """Return the template's text with its generated parts, in canonical form."""
    template: dict[str, Any] = json.loads(text)
    api = template["Resources"]["RestAPI"]["Properties"]
    api["GatewayResponses"] = template_fragment()
    api["DefinitionBody"] = {
        "securityDefinitions": {
            "authorize": {"x-amazon-apigateway-authorizer": {"identityValidationExpression": BEARER_EXPRESSION}}
        }
    }
    api["MethodSettings"] = method_settings()
    _put_webhooks_apart(template)
    for function in RESERVED:
        properties = template["Resources"].setdefault(function, {}).setdefault("Properties", {})
        properties["ReservedConcurrentExecutions"] = reserved(function)
    for function, most in CONSUMERS.items():
        (event,) = template["Resources"][function]["Properties"]["Events"].values()
        event["Properties"]["ScalingConfig"] = {"MaximumConcurrency": most}
    kept = {name: made for name, made in template["Resources"].items() if made.get("Type") not in MADE_FROM_TABLES}
    template["Resources"] = {**kept, **alarms.resources(), **dashboards.resources()}
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    for name, row in GATEWAYS.items():
        parameter = address_parameter(name)
        described = f"Where {row.brand}'s API is, with its version where it has one"
        template["Parameters"][parameter] = {
            "Type": "String",
            "Default": row.base_url,
            "AllowedPattern": ADDRESS_PATTERN,
            "Description": described,
        }
        variables[address_setting(name)] = {"Ref": parameter}
    return json.dumps(template, indent=2, ensure_ascii=False) + "\n"


def _put_webhooks_apart(template: dict[str, Any]) -> None:
    """Let API Gateway hand the gateways' webhooks to a function of their own."""
    arn = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Webhooks.Arn}/invocations"
    integration = {"x-amazon-apigateway-integration": {"uri": {"Fn::Sub": arn}}}
    paths = {
        route.path: {method.lower(): integration for method in route.methods} for route in ROUTES if route.signed_by
    }
    template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"] = paths


if __name__ == "__main__":
    sys.exit(main())
