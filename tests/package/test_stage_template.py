"""What a stage's name decides is decided when its template is made."""

from __future__ import annotations

from typing import Any

import pytest

from tools.stage_template import Condition, for_stage, simplified

IS_PROD = {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}
HAS_DOMAIN = {"Fn::Equals": [{"Ref": "Domain"}, "yes"]}


def template() -> dict[str, Any]:
    return {
        "Parameters": {
            "Stage": {"Type": "String"},
            **{name: {"Default": "no"} for name in ("ReservedConcurrency", "Firewall", "RunCanary", "AlarmEmail")},
            "Domain": {"Type": "String"},
        },
        "Conditions": {
            "IsProd": IS_PROD,
            "HasDomain": HAS_DOMAIN,
            "ProdWithDomain": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "HasDomain"}]},
        },
        "Resources": {
            "Guard": {"Type": "T", "Condition": "IsProd", "Properties": {"Keep": {"Fn::If": ["IsProd", [1], [2]]}}},
            "Both": {"Type": "T", "Condition": "ProdWithDomain"},
            "Name": {
                "Type": "T",
                "Condition": "HasDomain",
                "Properties": {
                    "Days": {"Fn::If": ["IsProd", {"Fn::If": ["HasDomain", 9, 8]}, {"Ref": "AWS::NoValue"}]},
                    "Maybe": {"Fn::If": ["HasDomain", 1, {"Ref": "AWS::NoValue"}]},
                },
            },
        },
        "Outputs": {"Guard": {"Condition": "IsProd", "Value": "x"}},
    }


def test_in_prod_its_branches_are_chosen() -> None:
    made = for_stage(template(), "prod")
    assert made["Resources"]["Guard"] == {"Type": "T", "Properties": {"Keep": [1]}}
    assert made["Outputs"] == {"Guard": {"Value": "x"}}
    assert made["Resources"]["Name"]["Properties"]["Days"] == {"Fn::If": ["HasDomain", 9, 8]}
    assert made["Conditions"] == {"HasDomain": HAS_DOMAIN, "ProdWithDomain": {"Condition": "HasDomain"}}


def test_production_has_defaults_of_its_own_and_asks_for_more() -> None:
    parameters = for_stage(template(), "prod")["Parameters"]
    assert (parameters["Firewall"]["Default"], parameters["ReservedConcurrency"]["Default"]) == ("on", "yes")
    assert "Default" not in parameters["AlarmEmail"]
    assert for_stage(template(), "dev")["Parameters"]["AlarmEmail"] == {"Default": "no"}


def test_elsewhere_they_are_gone() -> None:
    made = for_stage(template(), "dev")
    assert made["Resources"].keys() == {"Name"}
    assert made["Outputs"] == {}
    assert made["Resources"]["Name"]["Properties"] == {"Maybe": {"Fn::If": ["HasDomain", 1, {"Ref": "AWS::NoValue"}]}}
    assert made["Conditions"] == {"HasDomain": HAS_DOMAIN}


def test_it_can_be_deployed_as_its_own_stage_only_and_the_original_stays() -> None:
    original = template()
    assert for_stage(original, "staging")["Parameters"]["Stage"]["AllowedValues"] == ["staging"]
    assert original == template()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (IS_PROD, True),
        (HAS_DOMAIN, HAS_DOMAIN),
        ({"Fn::Not": [IS_PROD]}, False),
        ({"Fn::Not": [HAS_DOMAIN]}, {"Fn::Not": [HAS_DOMAIN]}),
        ({"Fn::And": [IS_PROD, HAS_DOMAIN]}, HAS_DOMAIN),
        ({"Fn::And": [IS_PROD, IS_PROD]}, True),
        ({"Fn::And": [HAS_DOMAIN, IS_PROD, HAS_DOMAIN]}, {"Fn::And": [HAS_DOMAIN, HAS_DOMAIN]}),
        ({"Fn::And": [{"Fn::Not": [IS_PROD]}, HAS_DOMAIN]}, False),
        ({"Fn::Or": [HAS_DOMAIN, IS_PROD]}, True),
        ({"Fn::Or": [HAS_DOMAIN, {"Fn::Not": [IS_PROD]}]}, HAS_DOMAIN),
        ({"Condition": "Known"}, False),
        ({"Condition": "Other"}, {"Condition": "Other"}),
    ],
)
def test_a_condition_is_evaluated_as_far_as_it_can_be(condition: dict[str, Any], expected: bool | Condition) -> None:
    assert simplified(condition, {"Known": False, "Other": HAS_DOMAIN}, {"Stage": "prod"}) == expected
