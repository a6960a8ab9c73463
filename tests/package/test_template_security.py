"""Who may do what in the deployed stack, and how what it keeps is kept."""

from __future__ import annotations

import json
import re

import pytest

from chalicelib.api.core.request import MAX_BODY
from chalicelib.api.core.routing import ROUTES
from chalicelib.api.routes import pages  # noqa: F401 - their routes
from chalicelib.api.routes.operators import money  # noqa: F401 - their routes
from chalicelib.services.access import STAFF
from chalicelib.shape_tokens import SECOND_FACTOR, shape_tokens
from ops.stages import stacks
from tests.package.conftest import STAGES
from tests.package.reading import EVERY_FUNCTION, FUNCTIONS, KEY, listed, of_type, properties, statements
from tools.stage_template import Template


def test_every_function_has_a_role_of_its_own(template: Template) -> None:
    roles = [properties(template, name)["Role"]["Fn::GetAtt"][0] for name in FUNCTIONS]
    assert len(set(roles)) == len(FUNCTIONS)
    assert set(of_type(template, "AWS::IAM::Role")) == {*roles, "ApiLogsRole", "BackupRole", "ShapeTokensRole"}


@EVERY_FUNCTION
def test_only_traces_may_go_anywhere(template: Template, name: str) -> None:
    for statement in statements(template, name):
        assert statement["Effect"] == "Allow"
        actions = listed(statement["Action"])
        assert not any("*" in action for action in actions)
        if "*" in listed(statement["Resource"]):
            # X-Ray knows no resources: AWS wants the star here, and only here.
            assert actions == ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]


@EVERY_FUNCTION
def test_a_function_writes_its_own_log_and_no_other(template: Template, name: str) -> None:
    resources = [
        resource
        for statement in statements(template, name)
        if any(action.startswith("logs:") for action in listed(statement["Action"]))
        for resource in listed(statement["Resource"])
    ]
    assert [resource["Fn::Sub"].partition("/aws/lambda/")[2] for resource in resources] == [
        "${AWS::StackName}-" + name + "-*:*"
    ]


def test_only_who_needs_it_may_write_bookings_send_mail_or_read_secrets(template: Template) -> None:
    def who_may(action: str) -> set[str]:
        return {
            name
            for name in FUNCTIONS
            if any(action in listed(statement["Action"]) for statement in statements(template, name))
        }

    assert who_may("dynamodb:PutItem") == {"APIHandler", "Webhooks", "Watch", "Canary", "Reconcile", "SendEmails"}
    for never in ("dynamodb:DeleteItem", "dynamodb:Scan", "ssm:GetParameters", "ses:SendEmail"):
        assert who_may(never) == set()
    assert who_may("ses:SendRawEmail") == {"SendEmails"}
    assert who_may("ssm:GetParametersByPath") == {"APIHandler", "Webhooks", "Canary", "Reconcile", "SendEmails"}
    assert who_may("sqs:SendMessage") == {"APIHandler", "Webhooks", "Sweep", "Canary", "Reconcile", "SendEmails"}
    assert who_may("sqs:ReceiveMessage") == {"APIHandler", "Reconcile", "SendEmails"}


@pytest.mark.parametrize("action", ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"])
def test_the_api_takes_messages_from_the_dead_letters_alone(template: Template, action: str) -> None:
    taken_from = [
        resource["Fn::GetAtt"][0]
        for statement in statements(template, "APIHandler")
        if action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]
    assert sorted(taken_from) == ["EmailsDeadLetters", "ReconcileDeadLetters"]


@pytest.mark.parametrize("name", ["ListingsTable", "BookingsTable", "LedgerTable"])
def test_tables_are_safe_and_their_indexes_free_to_keep(template: Template, name: str) -> None:
    resource, table = template["Resources"][name], properties(template, name)
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    own, others = table["SSESpecification"]["Fn::If"][1:]
    assert (own, others) == ({"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}, {"SSEEnabled": True})
    assert table["DeletionProtectionEnabled"] is False
    # Only items that have ``expires_at`` are ever forgotten by themselves: see ``test_what_is_forgotten``.
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
    for index in table["GlobalSecondaryIndexes"]:
        assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    assert {attribute["AttributeType"] for attribute in table["AttributeDefinitions"]} == {"S"}


def test_webhooks_have_a_function_that_nobody_else_reaches(template: Template) -> None:
    paths = properties(template, "RestAPI")["DefinitionBody"]["paths"]
    reached = {
        path
        for path, methods in paths.items()
        for method, told in methods.items()
        if method != "options" and "${WebhooksAliaslive}" in json.dumps(told["x-amazon-apigateway-integration"]["uri"])
    }
    assert reached == {route.path for route in ROUTES if route.signed_by} != set()
    source = properties(template, "WebhooksInvokePermission")["SourceArn"]["Fn::Sub"]
    assert source.endswith("${RestAPI}/api/POST/v1/webhooks/*")


@EVERY_FUNCTION
def test_a_stages_own_key_is_used_by_name_and_for_nothing_else(template: Template, name: str) -> None:
    role, _ = properties(template, name)["Role"]["Fn::GetAtt"]
    (policy,) = properties(template, role)["Policies"]
    (conditional,) = [each for each in policy["PolicyDocument"]["Statement"] if "Fn::If" in each]
    condition, statement, otherwise = conditional["Fn::If"]
    assert (condition, otherwise) == ("HasKey", {"Ref": "AWS::NoValue"})
    assert statement["Resource"] == KEY
    assert set(listed(statement["Action"])) <= {"kms:Decrypt", "kms:GenerateDataKey"}


def test_what_is_kept_is_encrypted(template: Template) -> None:
    key_or_none = {"Fn::If": ["HasKey", KEY, {"Ref": "AWS::NoValue"}]}
    for queue in of_type(template, "AWS::SQS::Queue").values():
        assert queue["Properties"]["KmsMasterKeyId"] == key_or_none
        assert queue["Properties"]["SqsManagedSseEnabled"] == {"Fn::If": ["HasKey", {"Ref": "AWS::NoValue"}, True]}
    for group in of_type(template, "AWS::Logs::LogGroup").values():
        assert group["Properties"]["KmsKeyId"] == key_or_none
    assert template["Globals"]["Function"]["KmsKeyArn"] == key_or_none
    # CloudWatch cannot use AWS's own key of SNS: without the stage's key, alarms have one of theirs.
    assert properties(template, "AlarmTopic")["KmsMasterKeyId"] == {"Fn::If": ["HasKey", KEY, {"Ref": "AlarmKey"}]}
    assert properties(template, "AlarmKey")["EnableKeyRotation"] is True


def test_queues_and_topic_are_reached_by_tls_only(template: Template) -> None:
    found = of_type(template, "AWS::SQS::QueuePolicy") | of_type(template, "AWS::SNS::TopicPolicy")
    policies = [each["Properties"] for each in found.values()]
    covered = [each["Ref"] for policy in policies for each in policy.get("Queues") or policy["Topics"]]
    assert sorted(covered) == sorted([*of_type(template, "AWS::SQS::Queue"), *of_type(template, "AWS::SNS::Topic")])
    for policy in policies:
        (denial,) = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
        assert denial["Principal"] == "*"
        assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("stage", STAGES)
def test_production_has_a_firewall_unless_it_is_told(templates: dict[str, Template], stage: str) -> None:
    assert templates[stage]["Parameters"]["Firewall"]["Default"] == ("on" if stage == "prod" else "off")
    assert ("Default" in templates[stage]["Parameters"]["AlarmEmail"]) == (stage != "prod")


def test_the_firewall_stands_before_the_one_stage_and_lets_webhooks_through(template: Template) -> None:
    rules = {rule["Name"]: rule for rule in properties(template, "WebFirewall")["Rules"]}
    assert rules.keys() == {
        "BodyTooLarge", "WritesByAddress", "CallsByAddress",
        "AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet",
    }  # fmt: skip
    assert rules["BodyTooLarge"]["Statement"]["SizeConstraintStatement"]["Size"] == MAX_BODY
    for name in ("WritesByAddress", "CallsByAddress"):
        scope = json.dumps(rules[name]["Statement"]["RateBasedStatement"]["ScopeDownStatement"])
        (pattern,) = set(re.findall(r'"RegexString": "([^"]+)"', scope))
        for route in ROUTES:
            assert bool(re.search(pattern, f"/api{route.path}")) == bool(route.signed_by)
        assert not re.search(pattern, "/v1/listings/x/v1/webhooks/chapa")
    target = properties(template, "FirewallOfTheApi")["ResourceArn"]["Fn::Sub"]
    assert target.endswith("/restapis/${RestAPI}/stages/${RestAPI.Stage}")
    assert properties(template, "FirewallLogs")["RedactedFields"] == [{"SingleHeader": {"Name": "authorization"}}]


def test_calls_are_logged_without_what_is_secret(template: Template) -> None:
    fields = json.loads(properties(template, "RestAPI")["AccessLogSetting"]["Format"])
    assert {"request_id", "ip", "method", "route", "status", "duration_ms", "refusal", "firewall"} <= fields.keys()
    assert not re.search("authoriz|querystring|header", json.dumps(fields), re.IGNORECASE)


def test_with_a_domain_nobody_goes_round_it(template: Template) -> None:
    api = properties(template, "RestAPI")
    assert api["DisableExecuteApiEndpoint"] == {"Fn::If": ["HasDomain", True, False]}
    assert properties(template, "ApiDomain")["SecurityPolicy"] == "TLS_1_2"
    address = template["Outputs"]["ApiUrl"]["Value"]["Fn::If"]
    assert address[:2] == ["HasDomain", {"Fn::Sub": "https://${DomainName}"}]


def test_people_sign_in_as_for_a_launch(template: Template) -> None:
    pool, client = properties(template, "UserPool"), properties(template, "UserPoolClient")
    assert pool["EmailConfiguration"]["EmailSendingAccount"] == "DEVELOPER"
    assert pool["EmailConfiguration"]["From"] == {"Ref": "MailFrom"}
    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == ("OPTIONAL", [SECOND_FACTOR])
    threats = {"AdvancedSecurityMode": "ENFORCED"}
    assert pool["UserPoolAddOns"] == {"Fn::If": ["HasThreatProtection", threats, {"Ref": "AWS::NoValue"}]}
    assert pool["LambdaConfig"]["PreTokenGenerationConfig"]["LambdaVersion"] == "V2_0"
    assert client["TokenValidityUnits"]["AccessToken"] == client["TokenValidityUnits"]["IdToken"] == "minutes"
    assert client["AccessTokenValidity"] == client["IdTokenValidity"] == 15
    handler = properties(template, "ShapeTokens")["Handler"]
    assert handler == f"{shape_tokens.__module__}.{shape_tokens.__name__}"
    (reads,) = properties(template, "ShapeTokensReadsUsers")["PolicyDocument"]["Statement"]
    assert (reads["Action"], reads["Resource"]) == ("cognito-idp:AdminGetUser", {"Fn::GetAtt": ["UserPool", "Arn"]})


def test_sign_in_is_included_unless_an_issuer_is_given(template: Template) -> None:
    for name, resource in template["Resources"].items():
        if resource["Type"].startswith("AWS::Cognito::") or name.startswith("ShapeTokens"):
            assert resource["Condition"] == "MakesUserPool", name
    groups = of_type(template, "AWS::Cognito::UserPoolGroup").values()
    assert {group["Properties"]["GroupName"] for group in groups} == {"host", *STAFF}
    assert properties(template, "UserPoolClient")["GenerateSecret"] is False


def test_no_secret_is_a_parameter_or_a_variable(template: Template) -> None:
    assert "secret_key" not in json.dumps(template["Parameters"]).lower()
    assert "CHASECK" not in json.dumps(template)


@pytest.mark.parametrize("stage", STAGES)
def test_only_production_protects_its_data_from_deletion(templates: dict[str, Template], stage: str) -> None:
    protected = {
        properties(templates[stage], "ListingsTable")["DeletionProtectionEnabled"],
        properties(templates[stage], "BookingsTable")["DeletionProtectionEnabled"],
        properties(templates[stage], "UserPool")["DeletionProtection"] == "ACTIVE",
    }
    assert protected == {stage == "prod"}


def test_an_update_of_the_stack_can_never_take_data_away(template: Template) -> None:
    assert set(of_type(template, "AWS::DynamoDB::Table")) < set(stacks.KEPT) <= template["Resources"].keys()
    _, denied = stacks.STACK_POLICY["Statement"]
    assert (denied["Effect"], denied["Action"]) == ("Deny", ["Update:Replace", "Update:Delete"])
    assert denied["Resource"] == [f"LogicalResourceId/{name}" for name in stacks.KEPT]
