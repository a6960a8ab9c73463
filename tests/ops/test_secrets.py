"""Secrets are asked for, checked, put, and never shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.settings import read
from local.stack.deployed import read_secrets
from ops.__main__ import main
from ops.aws import OpsError
from ops.operators.desk import LOCAL, Stage
from ops.stages import secrets
from tests.fakes import Fakes

KEY, WEBHOOK = "CHASECK_TEST-marked-one", "marked-webhook"


def answering(*values: str) -> Callable[[str], str]:
    left = list(values)
    return lambda _: left.pop(0)


def nobody_is_asked(prompt: str) -> str:
    pytest.fail(f"asked: {prompt}")


def put(session: Any, stage: str, *values: str, only: str | None = None, **parameters: str) -> dict[str, str]:
    settings = secrets.stage_settings(session, stage, parameters)
    ssm = session.client("ssm")
    secrets.put(ssm, settings, only=only, read=answering(*values) if values else nobody_is_asked)
    return read_secrets(ssm, settings.secrets_path)


def test_missing_ones_are_asked_for_and_none_is_shown(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert put(session, "s1", KEY, WEBHOOK) == {"chapa_secret_key": KEY, "chapa_webhook_secret": WEBHOOK}
    assert put(session, "s1") == {"chapa_secret_key": KEY, "chapa_webhook_secret": WEBHOOK}
    printed = capsys.readouterr().out
    assert "✓ chapa_secret_key: is there" in printed
    assert "marked" not in printed


def test_one_that_is_left_out_stays_missing(session: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert put(session, "s2", "", WEBHOOK) == {"chapa_webhook_secret": WEBHOOK}
    assert "✗ chapa_secret_key: left out" in capsys.readouterr().out


def test_a_key_that_cannot_work_is_not_put(session: Any) -> None:
    with pytest.raises(OpsError, match="is a live key, and this stage takes test money only") as refused:
        put(session, "s3", "CHASECK-marked-live")
    assert "marked" not in str(refused.value)
    assert read_secrets(session.client("ssm"), "/guzo/s3") == {}


def test_one_that_is_replaced_is_kept_as_the_previous_one_until_it_is_forgotten(session: Any) -> None:
    put(session, "s4", KEY, WEBHOOK)
    found = put(session, "s4", "other-webhook", only="chapa_webhook_secret")
    assert found == {
        "chapa_secret_key": KEY,
        "chapa_webhook_secret": "other-webhook",
        "chapa_webhook_secret_previous": WEBHOOK,
    }
    settings = secrets.stage_settings(session, "s4", {})
    secrets.forget(session.client("ssm"), settings, "chapa_webhook_secret")
    assert "chapa_webhook_secret_previous" not in read_secrets(session.client("ssm"), "/guzo/s4")
    with pytest.raises(OpsError, match="There is no /guzo/s4/chapa_webhook_secret_previous"):
        secrets.forget(session.client("ssm"), settings, "chapa_webhook_secret")


def test_one_that_the_stage_does_not_need_is_refused_by_name(session: Any) -> None:
    with pytest.raises(OpsError, match=r"needs no paystack_secret_key. It needs: chapa_secret_key"):
        put(session, "s5", "x", only="paystack_secret_key")
    found = put(session, "s5", "sk_test_marked", Gateways="KES:paystack", only="paystack_secret_key")
    assert found == {"paystack_secret_key": "sk_test_marked"}


def test_those_of_the_local_stack_are_put_and_forgotten_too(
    session: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(read({"GUZO_STAGE": "local", "SECRETS_PATH": "/guzo/local-s6"}), Fakes(), session.client)
    monkeypatch.setattr(secrets, "open_stage", lambda name: stage if name == LOCAL else pytest.fail(name))
    ssm = session.client("ssm")
    for name, value in (("chapa_secret_key", KEY), ("chapa_webhook_secret", WEBHOOK)):
        ssm.put_parameter(Name=f"/guzo/local-s6/{name}", Type="SecureString", Value=value)
    monkeypatch.setattr(secrets, "read_value", answering("another"))
    assert main(["--stage", LOCAL, "secrets", "--set", "chapa_webhook_secret"]) == 0
    assert read_secrets(ssm, "/guzo/local-s6")["chapa_webhook_secret_previous"] == WEBHOOK
    assert main(["--stage", LOCAL, "secrets", "--forget", "chapa_webhook_secret"]) == 0
    found = read_secrets(ssm, "/guzo/local-s6")
    assert (found["chapa_webhook_secret"], "chapa_webhook_secret_previous" in found) == ("another", False)
    assert "marked" not in capsys.readouterr().out
