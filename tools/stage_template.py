"""The template of one stage: the merged SAM template with everything decided that the stage's name decides.

cfn-lint refuses a branch that can never be taken, and so does a reader who wants to know what production is.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from tools.revision import Revision
from tools.target import Target

Template = dict[str, Any]
Condition = dict[str, Any]


STAGE_DEFAULTS: dict[str, dict[str, str]] = {
    "staging": {"RunCanary": "on"},
    "prod": {"ReservedConcurrency": "yes", "Firewall": "on"},
}
"""The defaults of a stage's parameters that are not the template's own."""

STAGE_REQUIRES = {"prod": ("AlarmEmail",)}
"""Parameters that a stage's first deployment must name."""


def for_stage(template: Template, stage: str) -> Template:
    """The template that can be deployed as this stage only; a copy.

    Conditions over the stage's name alone are evaluated: their branches are chosen, and what they leave out is gone.
    """
    copy: Template = json.loads(json.dumps(template))
    copy["Parameters"]["Stage"] |= {"Default": stage, "AllowedValues": [stage]}
    for name, value in STAGE_DEFAULTS.get(stage, {}).items():
        copy["Parameters"][name]["Default"] = value
    for name in STAGE_REQUIRES.get(stage, ()):
        copy["Parameters"][name].pop("Default")
    conditions = copy.pop("Conditions", {})
    results: dict[str, bool | Condition] = {}
    for name, condition in conditions.items():
        results[name] = simplified(condition, results, {"Stage": stage})
    known = {name: result for name, result in results.items() if isinstance(result, bool)}
    for section in ("Resources", "Outputs"):
        copy[section] = {name: part for name, part in copy[section].items() if known.get(part.get("Condition"), True)}
        for part in copy[section].values():
            if part.get("Condition") in known:
                del part["Condition"]
    still_open = {name: result for name, result in results.items() if name not in known}
    decided: Template = _decided({**copy, "Conditions": still_open}, known)
    return decided


def simplified(
    condition: Condition, results: Mapping[str, bool | Condition], parameters: Mapping[str, str]
) -> bool | Condition:
    """Whether a condition holds, given these parameters; what is left of it when it depends on others.

    `results` are those of the conditions that stand before it in the template.
    """
    ((function, operands),) = condition.items()
    if function == "Condition":
        result = results[operands]
        return result if isinstance(result, bool) else condition
    if function == "Fn::Equals":
        values = [parameters.get(each["Ref"]) if isinstance(each, dict) else each for each in operands]
        return condition if None in values else values[0] == values[1]
    parts = [simplified(operand, results, parameters) for operand in operands]
    if function == "Fn::Not":
        return not parts[0] if isinstance(parts[0], bool) else {function: parts}
    decisive = {"Fn::And": False, "Fn::Or": True}[function]
    if decisive in parts:
        return decisive
    left = [part for part in parts if not isinstance(part, bool)]
    if len(left) > 1:
        return {function: left}
    return left[0] if left else not decisive


def _decided(part: Any, known: Mapping[str, bool]) -> Any:
    """A part of the template, with the branch taken of every Fn::If whose condition is known."""
    if isinstance(part, list):
        return [_decided(each, known) for each in part]
    if not isinstance(part, dict):
        return part
    if set(part) == {"Fn::If"} and part["Fn::If"][0] in known:
        condition, if_true, if_false = part["Fn::If"]
        return _decided(if_true if known[condition] else if_false, known)
    decided = {name: _decided(value, known) for name, value in part.items()}
    return {name: value for name, value in decided.items() if value != {"Ref": "AWS::NoValue"}}


def through_aliases(template: Template) -> Template:
    """The template with every function called by its alias, behind which a release moves over bit by bit; a copy."""
    text = json.dumps(template)
    functions = {name for name, each in template["Resources"].items() if each["Type"] == "AWS::Serverless::Function"}
    for name in functions:
        text = text.replace(f"functions/${{{name}.Arn}}/invocations", f"functions/${{{_alias(name)}}}/invocations")
    copy: Template = json.loads(text)
    for name, resource in copy["Resources"].items():
        if name in functions:
            # A new version for whatever changes, not for new code alone.
            resource["Properties"]["AutoPublishAliasAllProperties"] = True
        if resource["Type"] == "AWS::Lambda::Permission":
            called = resource["Properties"]["FunctionName"]
            function = called.get("Ref") or called["Fn::GetAtt"][0]
            if function in functions:
                resource["Properties"]["FunctionName"] = {"Ref": _alias(function)}
    return copy


def _alias(function: str) -> str:
    """What the SAM translator calls the alias `live` of a function."""
    return f"{function}Aliaslive"


def built_as(template: Template, target: Target, revision: Revision) -> Template:
    """The template for what was built: its runtime, its processor and its commit; a copy."""
    copy: Template = json.loads(json.dumps(template))
    for resource in copy["Resources"].values():
        if resource["Type"] in ("AWS::Serverless::Function", "AWS::Lambda::Function"):
            resource["Properties"] |= {"Runtime": target.runtime, "Architectures": [target.architecture]}
    copy["Globals"]["Function"]["Environment"]["Variables"]["GUZO_COMMIT"] = str(revision)
    copy["Outputs"]["Commit"] = {"Description": "What the package was made from", "Value": str(revision)}
    return copy


def translate(template: Template) -> Template:
    """The SAM template, its code in S3, as CloudFormation would expand it."""
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of usage figures that it has not sent
    values = {name: parameter.get("Default", "x") for name, parameter in template["Parameters"].items()}
    translated: Template = Translator({}, Parser()).translate(template, values)
    return translated


def with_code_at(template: Template, *, bucket: str, keys: Mapping[str, str], release: str = "") -> Template:
    """The SAM template with every function's code taken from S3; a copy. `keys`: where each zip is, by its name.

    `release` describes each function. Versions keep the parameters' values that they were published with, so it must
    differ whenever those do: only then is there a version with the new ones.
    """
    copy: Template = json.loads(json.dumps(template))
    for resource in copy["Resources"].values():
        told = resource["Properties"] if resource["Type"] in CODE_OF else {}
        if resource["Type"] == "AWS::Serverless::Function":
            told["CodeUri"] = {"Bucket": bucket, "Key": keys[zip_of(told["CodeUri"])]}
        if resource["Type"] == "AWS::Lambda::Function":
            told["Code"] = {"S3Bucket": bucket, "S3Key": keys[zip_of(told["Code"])]}
        if release and told:
            told["Description"] = release
    return copy


CODE_OF = {"AWS::Serverless::Function": "CodeUri", "AWS::Lambda::Function": "Code"}
"""The property that names a function's code, by the function's type."""


def zip_of(code: str) -> str:
    """The name of the zip that a function's property names: ./authorizer.zip"""
    return PurePosixPath(code).name
