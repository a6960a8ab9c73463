"""What a stage may be told, and that a malformed setting is refused by its name and never by its value."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chalicelib.domain.money import Money
from chalicelib.gateways import ADDRESS_PATTERN, GATEWAYS, is_sandbox
from chalicelib.settings import BadSetting, read

TEMPLATE = Path(__file__).parents[1] / ".chalice" / "resources.json"

ADDRESSES = [
    *(version.base_url for row in GATEWAYS.values() for version in row.versions),
    "https://api.chapa.co/v1/",
    "https://proxy.tour.et:8443/chapa/v1",
    "http://127.0.0.1:9000/chapa/v1",
    "http://localhost:9000",
    "http://[::1]:9000/v1",
    "http://127.0.0.1",
]

MALFORMED = [
    "api.chapa.co/v1",
    "ftp://api.chapa.co/v1",
    "https://",
    "https:///v1",
    "https://marked:pass@api.chapa.co/v1",
    "https://marked@api.chapa.co/v1",
    "HTTPS://api.chapa.co/v1",
    "Https://api.chapa.co/v1",
    "http://api.chapa.co/v1",
    "http://127.0.0.1.evil.example/v1",
    "http://localhost.evil.example/v1",
    "http://127.0.0.1@evil.example/v1",
    "http://10.0.0.7/v1",
    "https://api.chapa.co/v1?key=marked",
    "https://api.chapa.co/v1#x",
    "https://api.chapa.co//v1",
    "https://api.chapa.co/v1 https://evil.example",
    "https://api.chapa.co:port/v1",
    "https://api.chapa.co\\@evil.example",
    "//api.chapa.co/v1",
]


@pytest.mark.parametrize("setting", ["CHAPA_BASE_URL", "PAYSTACK_BASE_URL"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_gateways_address_is_over_tls_or_on_this_machine(setting: str, address: str) -> None:
    gateway = setting.removesuffix("_BASE_URL").lower()
    assert read({"GUZO_STAGE": "dev", setting: address}).gateway_urls[gateway] == address.rstrip("/")


@pytest.mark.parametrize("setting", ["CHAPA_BASE_URL", "PAYSTACK_BASE_URL"])
@pytest.mark.parametrize("address", MALFORMED)
def test_no_key_is_sent_anywhere_else(setting: str, address: str) -> None:
    with pytest.raises(BadSetting) as refused:
        read({"GUZO_STAGE": "dev", setting: address})
    assert str(refused.value).startswith(f"{setting} is https://… or")
    assert "marked" not in str(refused.value)


@pytest.mark.parametrize("parameter", ["ChapaBaseUrl", "PaystackBaseUrl"])
def test_the_template_accepts_the_same_addresses(parameter: str) -> None:
    declared = json.loads(TEMPLATE.read_text())["Parameters"][parameter]
    assert declared["AllowedPattern"] == ADDRESS_PATTERN
    assert all(re.fullmatch(ADDRESS_PATTERN, address) for address in ADDRESSES)
    assert not any(re.fullmatch(ADDRESS_PATTERN, address) for address in MALFORMED)


@pytest.mark.parametrize(
    ("address", "sandbox"),
    [
        ("http://127.0.0.1:9000/v1", True),
        ("http://localhost", True),
        ("http://[::1]/v1", True),
        ("http://127.0.0.1.evil.example", False),
        ("https://127.0.0.1/v1", False),
        ("https://api.chapa.co/v1", False),
        ("HTTPS://api.chapa.co/v1", False),
    ],
)
def test_only_what_is_on_this_machine_is_an_imitation(address: str, *, sandbox: bool) -> None:
    assert is_sandbox(address) is sandbox


def test_the_largest_payment_is_the_gateways_own_unless_the_stage_says_otherwise() -> None:
    stage = {"GUZO_STAGE": "dev", "GATEWAYS": "ETB:chapa USD:chapa KES:paystack"}
    million = {currency: Money(100_000_000, currency) for currency in ("ETB", "USD")}
    assert read(stage).payment_limits == million
    assert read(stage | {"PAYMENT_LIMITS": "  "}).payment_limits == million
    said = read(stage | {"PAYMENT_LIMITS": "ETB:50000 KES:150000.50"}).payment_limits
    assert read({"GUZO_STAGE": "dev", "PAYMENT_LIMITS": "KES:1"}).payment_limits == million, "a currency not taken here"
    assert said == million | {"ETB": Money(5_000_000, "ETB"), "KES": Money(15_000_050, "KES")}


@pytest.mark.parametrize(
    "value",
    ["ETB", "ETB:", "ETB:0", "ETB:0.00", "ETB:-5", "ETB:1e6", "ETB:1,000", "ETB:5.001", "etb:5", "EUR:5",
     ":5", "ETB:marked", "ETB:99999999999999999999", "ETB=5", "ETB:5;USD:5"],
)  # fmt: skip
def test_a_largest_payment_that_is_none(value: str) -> None:
    with pytest.raises(BadSetting) as refused:
        read({"GUZO_STAGE": "dev", "PAYMENT_LIMITS": value})
    assert str(refused.value).startswith("PAYMENT_LIMITS names ")
    assert "marked" not in str(refused.value)


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ("", True),
        ("ETB:500000", True),
        ("ETB:500000.5 USD:9000.50", True),
        ("ETB:5 ", False),
        ("ETB", False),
        ("etb:5", False),
        ("ETB:5,USD:5", False),
        ("ETB:-5", False),
        ("ETB:5.001", False),
    ],
)
def test_the_template_accepts_what_can_be_a_largest_payment(value: str, *, accepted: bool) -> None:
    pattern = json.loads(TEMPLATE.read_text())["Parameters"]["PaymentLimits"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, value)) is accepted


@pytest.mark.parametrize(("said", "meant"), [("", 0), ("0", 0), ("12.5", 1250), ("7.25", 725), ("100", 10_000)])
def test_a_commission_is_a_percentage(said: str, meant: int) -> None:
    assert read({"GUZO_STAGE": "dev", "COMMISSION_PERCENT": said}).commission == meant


@pytest.mark.parametrize("said", ["-1", "100.01", "101", "12.345", "ten", "1e1", "12,5", "१२"])
def test_no_other_commission_is_taken(said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        read({"GUZO_STAGE": "dev", "COMMISSION_PERCENT": said})
    assert str(refused.value).startswith("COMMISSION_PERCENT is ")


def test_the_fee_is_borne_by_the_host_or_the_house() -> None:
    assert read({"GUZO_STAGE": "dev"}).host_bears_fee
    assert read({"GUZO_STAGE": "dev", "FEE_BORNE_BY": "host"}).host_bears_fee
    assert not read({"GUZO_STAGE": "dev", "FEE_BORNE_BY": "house"}).host_bears_fee
    with pytest.raises(BadSetting):
        read({"GUZO_STAGE": "dev", "FEE_BORNE_BY": "guest"})


def test_the_template_takes_the_commissions_that_the_settings_do() -> None:
    parameters = json.loads(TEMPLATE.read_text())["Parameters"]
    pattern = re.compile(parameters["CommissionPercent"]["AllowedPattern"])
    for said in ("0", "12.5", "7.25", "99.99", "100"):
        assert pattern.fullmatch(said)
    for said in ("", "-1", "101", "12.345", "ten"):
        assert not pattern.fullmatch(said)
    assert parameters["FeeBorneBy"]["AllowedValues"] == ["host", "house"]
