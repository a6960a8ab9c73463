"""Facts about the template that is deployed, each of which has been got wrong by somebody."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib import settings
from chalicelib.api.core import gateway_responses
from chalicelib.api.core.routing import ROUTES
from chalicelib.api.routes import pages  # noqa: F401 - their routes
from chalicelib.api.routes.operators import money  # noqa: F401 - their routes
from local.stack.emulator.resources import TEMPLATE
from tests.package.conftest import STAGES
from tests.package.reading import EVERY_FUNCTION, FUNCTIONS, QUEUES, of_type, properties
from tools import template as generator
from tools.capacity import ACCOUNT_LIMIT, CONSUMERS, LEFT_UNRESERVED, RESERVED
from tools.stage_template import Template, simplified
from tools.throttles import caller_of


def test_these_functions_and_no_others(template: Template) -> None:
    found = {
        name: (
            function["Properties"]["Handler"],
            function["Properties"]["Timeout"],
            function["Properties"]["MemorySize"],
        )
        for name, function in of_type(template, "AWS::Serverless::Function").items()
    }
    assert found == FUNCTIONS


def test_the_api_gives_up_before_the_gateway_does(template: Template) -> None:
    assert properties(template, "APIHandler")["Timeout"] < 29


@EVERY_FUNCTION
def test_every_function_has_a_log_that_ends(template: Template, name: str) -> None:
    logs = {
        json.dumps(group["Properties"]["LogGroupName"]): group["Properties"]
        for group in of_type(template, "AWS::Logs::LogGroup").values()
    }
    group = logs[json.dumps({"Fn::Sub": "/aws/lambda/${" + name + "}"})]
    assert group["RetentionInDays"] >= 30


def test_every_variable_that_is_read_is_set(template: Template) -> None:
    class Recorder(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            read.add(name)
            return {"GUZO_STAGE": "dev"}.get(name, default)

    read: set[str] = set()
    settings.read(Recorder())
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    for name in FUNCTIONS:
        own = properties(template, name)["Environment"]["Variables"]
        # The clock is set locally only; the authorizer and the sweep never link to the API.
        assert read - {"GUZO_CLOCK_FILE", "PUBLIC_URL"} <= shared.keys() | own.keys()


def test_links_to_the_api_make_no_cycle(template: Template) -> None:
    for name in ("Reconcile", "SendEmails"):
        *_, (condition, given, computed) = properties(template, name)["Environment"]["Variables"]["PUBLIC_URL"][
            "Fn::If"
        ][2].values()
        assert (condition, given) == ("HasPublicUrl", {"Ref": "PublicUrl"})
        assert "${RestAPI}" in computed["Fn::Sub"]
    # The API's own functions would wait for the API, which waits for its functions: they read their requests.
    for name in ("APIHandler", "Webhooks"):
        environment = json.dumps(properties(template, name)["Environment"])
        assert "DomainName" in environment
        assert "RestAPI" not in environment


@pytest.mark.parametrize("name", QUEUES)
def test_queues_are_consumed_one_failure_at_a_time(template: Template, name: str) -> None:
    queue, batch = QUEUES[name]
    event = properties(template, name)["Events"][f"{name}SqsEventSource"]["Properties"]
    assert event["Queue"] == {"Fn::Sub": "${" + queue + ".Arn}"}
    assert event["BatchSize"] == batch
    assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_neither_the_gateway_nor_ses_is_flooded(template: Template) -> None:
    for name, most in {"Reconcile": 10, "SendEmails": 5}.items():
        event = properties(template, name)["Events"][f"{name}SqsEventSource"]["Properties"]
        assert event["ScalingConfig"] == {"MaximumConcurrency": most}


@pytest.mark.parametrize("name", QUEUES)
def test_a_message_outlives_its_function_and_its_failures(template: Template, name: str) -> None:
    queue = properties(template, QUEUES[name][0])
    dead_letters, attribute = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"]
    assert attribute == "Arn"
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    # AWS asks for six times the function's time-out.
    assert queue["VisibilityTimeout"] >= 6 * properties(template, name)["Timeout"]
    # A message's age counts on in the dead-letter queue.
    assert properties(template, dead_letters)["MessageRetentionPeriod"] == 14 * 86400
    assert queue["MessageRetentionPeriod"] < 14 * 86400


def test_keys_and_indexes(template: Template) -> None:
    def keys(part: dict[str, Any]) -> tuple[str, ...]:
        return tuple(key["AttributeName"] for key in part["KeySchema"])

    def indexes(name: str) -> dict[str, tuple[str, ...]]:
        return {index["IndexName"]: keys(index) for index in properties(template, name)["GlobalSecondaryIndexes"]}

    assert keys(properties(template, "ListingsTable")) == ("listing_id", "part")
    assert indexes("ListingsTable") == {
        "by_city": ("city_key", "price_key"),
        "by_host": ("host_id", "host_order"),
    }
    assert keys(properties(template, "BookingsTable")) == ("booking_id",)
    assert indexes("BookingsTable") == {
        "by_guest": ("guest_id", "created"),
        "by_listing": ("listing_id", "stay_key"),
        "by_arrival": ("arrives_on", "leaves_key"),
        "by_day": ("day", "created"),
        "changed": ("changed", "created"),
        "due": ("due_shard", "due_at"),
        "attention": ("attention", "attention_at"),
        **{f"by_{part}": (f"{part}_key", "created") for part in ("email", "phone", "name")},
    }
    assert keys(properties(template, "LedgerTable")) == ("book", "line")
    assert indexes("LedgerTable") == {"by_host": ("host_key", "counted"), "by_reference": ("reference_key", "line")}


@pytest.mark.parametrize("stage", STAGES)
def test_the_api_has_one_public_stage(translations: dict[str, Template], stage: str) -> None:
    """SAM adds a second one, named `Stage`, which has no throttle, no alarm and no firewall."""
    made = of_type(translations[stage], "AWS::ApiGateway::Stage").values()
    assert [each["Properties"]["StageName"] for each in made] == ["api"]
    for deployment in of_type(translations[stage], "AWS::ApiGateway::Deployment").values():
        assert not {"StageName", "StageDescription"} & deployment["Properties"].keys()


def test_every_method_of_the_api_has_a_throttle_of_its_own(template: Template) -> None:
    api = properties(template, "RestAPI")
    settings = {(each["HttpMethod"], each["ResourcePath"].replace("~1", "/")): each for each in api["MethodSettings"]}
    assert settings.keys() == {
        ("*", "/*"),
        *((method, f"/{route.path}") for route in ROUTES for method in route.methods),
    }
    for each in settings.values():
        assert each["ResourcePath"].count("/") == 1
        assert 0 < each["ThrottlingRateLimit"] <= each["ThrottlingBurstLimit"]
    assert api["TracingEnabled"] is True


@pytest.mark.parametrize(
    ("method", "path", "caller"),
    [
        ("GET", "/v1/listings", "public reads"),
        ("GET", "/pay/{tx_ref}", "guest's page"),
        ("POST", "/v1/payments/chapa/callback/{tx_ref}", "guest's page"),
        ("POST", "/v1/bookings", "signed in"),
        ("POST", "/v1/webhooks/paystack", "webhooks"),
        ("GET", "/v1/ops/bookings", "operators"),
    ],
)
def test_a_routes_throttle_is_that_of_who_calls_it(method: str, path: str, caller: str) -> None:
    (route,) = [route for route in ROUTES if (route.method, route.path) == (method, path)]
    assert caller_of(route) == caller


def test_every_function_has_a_share_that_it_may_reserve(template: Template) -> None:
    for name in FUNCTIONS:
        share = properties(template, name)["ReservedConcurrentExecutions"]
        assert share == {"Fn::If": ["ReservesConcurrency", RESERVED[name], {"Ref": "AWS::NoValue"}]}
    assert RESERVED.keys() == FUNCTIONS.keys()
    assert sum(RESERVED.values()) <= ACCOUNT_LIMIT - LEFT_UNRESERVED
    for consumer, most in CONSUMERS.items():
        assert 2 <= most <= RESERVED[consumer]


def test_long_answers_are_compressed_and_no_body_is_taken_for_a_file(template: Template) -> None:
    """A gateway signs a body byte for byte, and as text it comes so; files would come and go in base 64."""
    api = properties(template, "RestAPI")
    assert api["MinimumCompressionSize"] == 1024
    files = set(api["DefinitionBody"]["x-amazon-apigateway-binary-media-types"])
    texts = {media_type for route in ROUTES for outcome in route.outcomes for media_type in outcome.texts}
    assert texts >= {"text/html", "text/csv"}
    assert files.isdisjoint({*texts, "application/json", "application/problem+json", "application/*", "*/*"})


def test_api_gateway_refuses_what_is_no_token_by_itself(template: Template) -> None:
    schemes = properties(template, "RestAPI")["DefinitionBody"]["securityDefinitions"]
    assert set(schemes) == {"authorize"}
    authorizer = schemes["authorize"]["x-amazon-apigateway-authorizer"]
    assert authorizer["type"] == "token"
    expression = re.compile(authorizer["identityValidationExpression"])
    for good in ("Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln-_", "bearer a.b.c ", "BEARER  a.b.c"):
        assert expression.fullmatch(good), good
    for bad in (
        "",
        "Bearer",
        "Bearer ",
        "Bearer a.b",
        "Bearer a.b.c.d",
        "Bearer a..c",
        "a.b.c",
        "Basic a.b.c",
        "Bearer a.b.c d",
    ):
        assert not expression.fullmatch(bad), bad


def test_a_package_is_for_one_stage(template: Template) -> None:
    assert template["Parameters"]["Stage"]["AllowedValues"] == ["dev"]


def test_what_the_gateway_answers_is_generated(template: Template) -> None:
    assert generator.generated(TEMPLATE.read_text()) == TEMPLATE.read_text(), "run make template"
    assert properties(template, "RestAPI")["GatewayResponses"] == gateway_responses.template_fragment()


@pytest.mark.parametrize("stage", STAGES)
def test_only_production_reserves_concurrency_unless_it_is_told(templates: dict[str, Template], stage: str) -> None:
    told = templates[stage]["Parameters"]["ReservedConcurrency"]
    assert (told["Default"], told["AllowedValues"]) == ("yes" if stage == "prod" else "no", ["yes", "no"])


@pytest.mark.parametrize("stage", STAGES)
def test_no_condition_is_made_constant_by_the_stage(templates: dict[str, Template], stage: str) -> None:
    conditions = templates[stage]["Conditions"]
    assert {name: simplified(each, conditions, {"Stage": stage}) for name, each in conditions.items()} == conditions
    text = json.dumps(templates[stage])
    assert set(re.findall(r'"Fn::If": \["(\w+)"', text)) <= conditions.keys()
    assert set(re.findall(r'"Condition": "(\w+)"', text)) <= conditions.keys()


@pytest.mark.parametrize(("stage", "form"), [("dev", "translations"), ("prod", "templates"), ("prod", "translations")])
def test_the_linter_finds_nothing(stage: str, form: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Of what differs in kind; ``make package`` looks at both forms of each stage."""
    (tmp_path / "app.json").write_text(json.dumps(request.getfixturevalue(form)[stage]))
    linter = Path(sys.executable).with_name("cfn-lint")
    run = subprocess.run([linter, tmp_path / "app.json"], capture_output=True, text=True, check=False)
    assert run.stdout == ""
    assert run.returncode == 0
