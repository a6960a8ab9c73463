"""A key that cannot work is refused before a local stack is started with it, in one sentence that says what to do."""

from __future__ import annotations

import pytest

from local.stack.environment import Addresses, BadEnvironment, chapa_access, paystack_access
from local.stack.gateway_keys import mode_of_local_stack

HERE = Addresses("http://127.0.0.1:8000", "http://127.0.0.1:8001")
CHAPA = "https://api.chapa.co/v1"


def mode_of(**environment: str) -> str:
    gateways = {"chapa": chapa_access(environment, HERE), "paystack": paystack_access(environment, HERE)}
    return mode_of_local_stack(environment, gateways)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"CHAPA_SECRET_KEY": "CHASECK_TEST-x"},
        {"CHAPA_SECRET_KEY": " CHAPA_TEST_PRIV_x ", "PAYSTACK_SECRET_KEY": "sk_test_x"},
        {"CHAPA_SECRET_KEY": "CHASECK_TEST-x", "CHAPA_BASE_URL": CHAPA},
    ],
)
def test_a_local_stack_takes_test_money(environment: dict[str, str]) -> None:
    assert mode_of(**environment) == "test"


def test_only_an_imitation_is_asked_with_a_live_key_unless_somebody_says_so() -> None:
    assert mode_of(CHAPA_SECRET_KEY="CHASECK-x", CHAPA_BASE_URL="http://127.0.0.1:9000/v1") == "live"
    assert mode_of(PAYSTACK_SECRET_KEY="sk_live_x") == "live"
    with pytest.raises(BadEnvironment, match="CHAPA_SECRET_KEY is a live key, and this stage takes test money only"):
        mode_of(CHAPA_SECRET_KEY="CHASECK-x", CHAPA_BASE_URL=CHAPA)
    assert mode_of(CHAPA_SECRET_KEY="CHASECK-x", CHAPA_BASE_URL=CHAPA, PAYMENT_MODE="live") == "live"
    with pytest.raises(BadEnvironment, match="PAYSTACK_SECRET_KEY is a test key"):
        mode_of(PAYSTACK_SECRET_KEY="sk_test_x", CHAPA_SECRET_KEY="CHASECK-x")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"CHAPA_SECRET_KEY": "marked-nonsense"}, "^CHAPA_SECRET_KEY is no secret key .* begins with CHASECK_TEST- "),
        ({"CHAPA_SECRET_KEY": "CHAPUBK_TEST-marked"}, r"or CHAPA_TEST_ \(version 2"),
        ({"CHAPA_SECRET_KEY": "CHAPA_TEST_PUB_marked"}, "take one from the dashboard"),
        ({"PAYSTACK_SECRET_KEY": "pk_test_marked"}, "^PAYSTACK_SECRET_KEY is no secret key .* begins with sk_test_"),
        ({"PAYMENT_MODE": "marked"}, "^PAYMENT_MODE is test or live"),
        # A live key is for an imitation only where it can reach nobody else.
        *(
            ({"CHAPA_SECRET_KEY": "CHASECK-marked", "CHAPA_BASE_URL": address}, "^CHAPA_BASE_URL is https://")
            for address in ("http://api.chapa.co/v1", "HTTPS://api.chapa.co/v1", "http://10.0.0.7/v1", "ftp://marked")
        ),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadEnvironment, match=sentence) as refused:
        mode_of(**environment)
    assert "marked" not in str(refused.value)
    assert "\n" not in str(refused.value)
