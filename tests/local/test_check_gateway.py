"""The live check, tried on the sandboxes: it says what differs, ends as it should, and never shows a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib import settings
from chalicelib.gateways import GATEWAYS, Mode
from local.sandboxes.chapa.known_answers import KNOWN_CALLS as CHAPA_CALLS
from local.sandboxes.core.known_answers import table
from local.sandboxes.paystack.known_answers import KNOWN_CALLS as PAYSTACK_CALLS
from ops.stages import check_gateway
from ops.stages.check_gateway import DIFFERS, EXPECTED, NOT_ASKED, Stage
from tests.adapters.gateway_bench import Bench, Kind, bench_of
from tests.adapters.test_gateway_contract import CHAPA, CHAPA_V2, PAYSTACK

KINDS = {"chapa": CHAPA, "chapa v2": CHAPA_V2, "paystack": PAYSTACK}
GUIDE = Path(__file__).parents[2] / "docs" / "gateways.md"


@pytest.fixture
def kind() -> Kind:
    return CHAPA


@pytest.fixture
def bench(kind: Kind) -> Iterator[Bench]:
    with bench_of(kind) as bench:
        yield bench


def environment_of(bench: Bench) -> dict[str, str]:
    """The variables that lead the check to a sandbox."""
    name = bench.gateway.name
    url = f"{bench.url}/{bench.kind.version}" if name == "chapa" else bench.url
    return {f"{name.upper()}_BASE_URL": url, bench.kind.key_name.upper(): bench.kind.secrets[bench.kind.key_name]}


def checked(bench: Bench, capsys: pytest.CaptureFixture[str], *arguments: str, **more: str) -> tuple[int, list[str]]:
    capsys.readouterr()
    status = check_gateway.main(["dev", *arguments], environment_of(bench) | more)
    out, err = capsys.readouterr()
    for key in bench.kind.secrets.values():
        assert key not in out + err
    return status, out.splitlines()


EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@EVERY_KIND
def test_a_gateway_that_is_as_we_know_it(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    status, printed = checked(bench, capsys)
    assert status == EXPECTED
    assert all(line.endswith(": as expected") for line in printed)
    called = [line.partition(": as")[0].rpartition(" ")[2] for line in printed]
    wanted = ["initialize", "verify", "cancel", "verify"] if bench.kind.closes_links else ["initialize", "verify"]
    assert called == wanted
    (opened,) = bench.log("initialize")
    assert opened["status"] == 200


@pytest.mark.parametrize(
    ("kind", "switches", "printed"),
    [
        (CHAPA, {"initialize": "no_link"}, ["it means nothing to us, not a link", "data.checkout_url is missing"]),
        (CHAPA, {"initialize": "used_before"}, ["it means a refusal to us", "the status is 400, not 200"]),
        (CHAPA, {"verify": "success_unpaid"}, ["it means paid to us, not pending", "data.status is success"]),
        (CHAPA, {"verify": "no_mode"}, ["data.mode is missing, not our mode"]),
        (CHAPA, {"verify": "wrong_amount"}, ["data.amount is another number, not our amount"]),
        (CHAPA, {"verify": "wrong_reference"}, ["data.tx_ref is another text, not our reference"]),
        (CHAPA, {"verify": "unheard_of"}, ["data.status is under_review, not pending"]),
        (CHAPA, {"verify": "broken_json"}, ["it means nothing to us, not pending", "the body is no JSON"]),
        (CHAPA, {"cancel": "expired_already"}, ["the status is 400, not 200", "data.tx_ref is missing"]),
        (CHAPA, {"verify_after_cancel": "cancelled"}, ["it means failed to us, not pending"]),
        (CHAPA_V2, {"verify": "major_amount"}, ["data.amount is another text, not our amount, in minor units"]),
        (CHAPA_V2, {"verify": "fully_refunded"}, ["it means refunded to us, not pending"]),
        (PAYSTACK, {"verify": "wrong_domain"}, ["data.domain is live, not our mode"]),
        (PAYSTACK, {"verify": "failed"}, ["it means failed to us", "data.status is failed, not abandoned"]),
        (PAYSTACK, {"initialize": "missing_email"}, ["it means a refusal to us", "status is false, not true"]),
    ],
)
def test_what_differs_is_said(
    bench: Bench, capsys: pytest.CaptureFixture[str], switches: dict[str, str], printed: list[str]
) -> None:
    bench.switch(**switches)
    status, printed = checked(bench, capsys)
    assert status == DIFFERS
    for part in printed:
        assert any(part in line for line in printed), printed


@pytest.mark.parametrize("verify", ["404_unpaid", "string_amount"])
def test_where_the_sources_disagree_both_sides_are_expected(
    bench: Bench, capsys: pytest.CaptureFixture[str], verify: str
) -> None:
    bench.switch(verify=verify)
    assert checked(bench, capsys)[0] == EXPECTED


@EVERY_KIND
@pytest.mark.parametrize("initialize", ["502_html", "401", "reset", "429"])
def test_a_gateway_that_is_not_well_was_not_asked(
    bench: Bench, capsys: pytest.CaptureFixture[str], initialize: str
) -> None:
    bench.switch(initialize=initialize)
    status, printed = checked(bench, capsys)
    assert status == NOT_ASKED
    assert [line for line in printed if "could not be asked. " in line] == printed


@EVERY_KIND
def test_a_key_that_cannot_work_is_not_asked_with(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    status, printed = checked(bench, capsys, **{bench.kind.key_name.upper(): "marked-nonsense"})
    assert status == NOT_ASKED
    assert "take one from the dashboard" in printed[0]
    assert "marked" not in str(printed)
    assert bench.log("initialize") == []


def test_a_live_key_is_asked_with_only_on_demand(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    live = {"CHAPA_SECRET_KEY": "CHASECK-marked", "PAYMENT_MODE": "live"}
    status, printed = checked(bench, capsys, **live)
    assert (status, bench.log("initialize")) == (NOT_ASKED, [])
    assert "ARGS=--live" in printed[0]
    assert checked(bench, capsys, "--live", **live)[0] == NOT_ASKED
    assert [call["status"] for call in bench.log("initialize")] == [401], "the sandbox knows another key"


def test_it_never_runs_in_ci(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(bench, capsys, CI="true") == (NOT_ASKED, ["This asks real gateways, so it is not for CI."])
    assert bench.log("initialize") == []
    root = Path(__file__).parents[2]
    for path in (root / ".ci" / "run", *(root / ".github").rglob("*.yml")):
        assert "check-gateway" not in path.read_text(encoding="utf-8")


def test_when_one_differs_and_one_is_away_the_difference_counts(bench: Bench) -> None:
    bench.switch(verify="no_mode")
    given = settings.read(
        {"GUZO_STAGE": "dev", "GATEWAYS": "ETB:chapa KES:paystack", **environment_of(bench)}
        | {"PAYSTACK_BASE_URL": "http://127.0.0.1:1"}
    )
    stage = Stage(given, {**bench.kind.secrets, "paystack_secret_key": "sk_test_x"})
    printed: list[str] = []
    assert check_gateway.check(stage, live=False, say=printed.append) == DIFFERS
    assert any(line.startswith("Paystack could not be asked. ") for line in printed)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.Session()


TEMPLATE = """{"Parameters": {"ChapaBaseUrl": {"Type": "String"}, "MailFrom": {"Type": "String"}},
"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}"""


def test_a_deployed_stages_keys_are_read_where_they_lie(
    bench: Bench, aws: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"ChapaBaseUrl": f"{bench.url}/v1", "MailFrom": "bookings@guzo-travel.et"}
    parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    aws.client("cloudformation").create_stack(StackName="guzo-dev", TemplateBody=TEMPLATE, Parameters=parameters)
    assert check_gateway.main(["dev"], {}) == NOT_ASKED
    assert "There is no secret chapa_secret_key" in capsys.readouterr().out
    for name, value in {**bench.kind.secrets, "chapa_webhook_secret": "marked"}.items():
        aws.client("ssm").put_parameter(Name=f"/guzo/dev/{name}", Value=value, Type="SecureString")
    assert check_gateway.main(["dev"], {}) == EXPECTED
    printed = capsys.readouterr().out
    assert "marked" not in printed
    assert not any(key in printed for key in bench.kind.secrets.values())
    assert bench.log("initialize")[0]["body"]["email"] == "bookings@guzo-travel.et"


def test_without_a_stage_or_credentials_it_says_what_is_missing(
    aws: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_gateway.main(["nowhere"], {}) == NOT_ASKED
    assert capsys.readouterr().out == "There is no stack guzo-nowhere in eu-west-1.\n"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert check_gateway.main(["nowhere"], {}) == NOT_ASKED
    assert "set CHAPA_SECRET_KEY or PAYSTACK_SECRET_KEY, or AWS credentials" in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["test", "live"])
def test_every_gateway_has_a_currency_to_be_asked_in(mode: Mode) -> None:
    environment = {row.secrets[0].upper(): "x" for row in GATEWAYS.values()} | {"PAYMENT_MODE": mode}
    stage = check_gateway.from_environment("dev", environment)
    assert stage is not None
    assert set(stage.settings.gateways.values()) == set(GATEWAYS)


@pytest.mark.parametrize("calls", [CHAPA_CALLS, PAYSTACK_CALLS])
def test_the_guide_shows_the_answers_that_are_checked(calls: Any) -> None:
    assert "\n".join(table(calls)) in GUIDE.read_text(encoding="utf-8")
