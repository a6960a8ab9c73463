"""Ports and environment of a local stack: what is taken from outside, and what is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib import settings
from chalicelib.domain.money import EXPONENTS
from local.stack.emulator.resources import Resources
from local.stack.environment import (
    Addresses,
    BadEnvironment,
    app_environment,
    chapa_access,
    currencies,
    export_lines,
    keep_to_this_machine,
)
from local.stack.ports import PortError, from_environment, listen, port_of
from local.stack.seed import PLACES, places

HERE = Addresses("http://127.0.0.1:8000", "http://127.0.0.1:8001")
RESOURCES = Resources("listings", "bookings", "ledger", "http://q/r", "http://q/rd", "http://q/e", "http://q/ed")


def test_the_usual_ports() -> None:
    assert from_environment({}) == (8000, 8001)
    assert from_environment({"GUZO_PORT": "9000", "GUZO_LOCAL_PORT": " 9001 "}) == (9000, 9001)


@pytest.mark.parametrize(
    "given", [{"GUZO_PORT": "0"}, {"GUZO_PORT": "x"}, {"GUZO_LOCAL_PORT": "65536"}, {"GUZO_PORT": "8001"}]
)
def test_ports_that_are_none(given: dict[str, str]) -> None:
    with pytest.raises(PortError) as refused:
        from_environment(given)
    assert "\n" not in str(refused.value)


def test_a_port_is_held_once() -> None:
    with listen() as listener, pytest.raises(PortError, match=f"Port {port_of(listener)} is taken") as refused:
        listen(port_of(listener))
    assert "\n" not in str(refused.value)


def test_the_app_understands_what_it_is_given(tmp_path: Path) -> None:
    outer = {"SECRETS_PATH": "/guzo/local", "MAIL_FROM": "bookings@guzo.example"}
    given = app_environment(
        {}, addresses=HERE, resources=RESOURCES, chapa=chapa_access({}, HERE), clock_file=tmp_path / "clock"
    )
    read = settings.read({**outer, **given})
    assert read.gateway_urls["chapa"] == "http://127.0.0.1:8001/chapa/v1"
    assert read.oidc_issuer == "http://127.0.0.1:8001/oidc"
    assert read.public_url == "http://127.0.0.1:8000"
    assert read.clock_file == str(tmp_path / "clock")
    assert {"http://127.0.0.1:8001", "https://shop.example.et"} <= read.return_origins


def test_every_currency_can_be_tried_unless_it_is_said_which(tmp_path: Path) -> None:
    def gateways_of(outer: dict[str, str]) -> dict[str, str]:
        given = app_environment(
            outer, addresses=HERE, resources=RESOURCES, chapa=chapa_access({}, HERE), clock_file=tmp_path / "clock"
        )
        return dict(settings.read({"GUZO_STAGE": "local", **given}).gateways)

    everything = dict.fromkeys(("ETB", "USD"), "chapa") | dict.fromkeys(("KES", "NGN", "GHS", "ZAR"), "paystack")
    assert gateways_of({}) == gateways_of({"GATEWAYS": " "}) == everything == currencies({})
    assert set(everything) == set(EXPONENTS)
    assert gateways_of({"GATEWAYS": "USD:paystack KES:paystack"}) == {"USD": "paystack", "KES": "paystack"}
    with pytest.raises(BadEnvironment, match="GATEWAYS names a gateway for each currency") as refused:
        gateways_of({"GATEWAYS": "ETB:stripe"})
    assert "\n" not in str(refused.value)


def test_what_is_found_in_the_shop_can_be_paid_for() -> None:
    assert {place["city"] for place in places(["KES"])} == {"Nairobi"}
    assert {place["city"] for place in places(["ETB", "KES"])} == {place["city"] for place in PLACES}
    assert "Nairobi" not in {place["city"] for place in places(["ETB"])}


def test_another_gateway_takes_the_sandboxs_place() -> None:
    given = {
        "CHAPA_BASE_URL": "https://api.chapa.co/v1/",
        "CHAPA_SECRET_KEY": "CHASECK_TEST-x",
        "CHAPA_WEBHOOK_SECRET": "hush",
    }
    assert chapa_access(given, HERE).base_url == "https://api.chapa.co/v1"
    assert chapa_access(given, HERE).webhook_secret == "hush"
    with pytest.raises(BadEnvironment, match="CHAPA_SECRET_KEY"):
        chapa_access({"CHAPA_BASE_URL": "https://api.chapa.co/v1"}, HERE)


def test_nobodys_account_is_reached() -> None:
    environment = {
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "x",
        "AWS_ENDPOINT_URL_SQS": "https://sqs.us-east-1.amazonaws.com",
        "NO_PROXY": "intranet",
    }
    assert keep_to_this_machine(environment) is False
    assert "AWS_PROFILE" not in environment
    assert not any(name.startswith("AWS_ENDPOINT_URL") for name in environment)
    assert environment["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_a_given_engine_is_kept() -> None:
    with listen() as listener:
        url = f"http://127.0.0.1:{port_of(listener)}"
        for name, private in (("AWS_ENDPOINT_URL", True), ("AWS_ENDPOINT_URL_DYNAMODB", False)):
            environment = {name: url, "AWS_ACCESS_KEY_ID": "mine"}
            assert keep_to_this_machine(environment) is private
            assert environment[name] == url
            assert environment["AWS_ACCESS_KEY_ID"] == "mine"


@pytest.mark.parametrize(
    "url", ["https://dynamodb.us-east-1.amazonaws.com", "http://127.0.0.1:9", "127.0.0.1:8000", "http://x:y"]
)
def test_engines_that_cannot_work(url: str) -> None:
    with pytest.raises(BadEnvironment) as refused:
        keep_to_this_machine({"AWS_ENDPOINT_URL": url})
    assert "\n" not in str(refused.value)


def test_lines_for_a_shell() -> None:
    assert export_lines({"B": "two words", "A": "1"}) == "export A='1'\nexport B='two words'\n"
