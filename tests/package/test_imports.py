"""What each function loads in its cold start, and what it must not: every package costs a guest's time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib import __version__
from chalicelib import container as composition

ROOT = Path(__file__).resolve().parent.parent.parent

NEVER = {"boto3", "asyncio", "pydantic", "aws_xray_sdk", "icalendar", "jinja2", "jwt", "cryptography"}
FORBIDDEN: dict[str, set[str]] = {
    "app": NEVER,
    "authorize": (NEVER - {"jwt", "cryptography"}) | {"pynamodb", "botocore.session", "requests"},
    "receive_webhooks": NEVER,
    "sweep": NEVER | {"requests"},
    "reconcile": NEVER,
    "send_emails": (NEVER - {"jinja2", "icalendar"}) | {"requests"},
}
NEEDED = {
    "app": {"pynamodb", "requests", "msgspec"},
    "authorize": {"jwt", "cryptography"},
    "receive_webhooks": {"pynamodb", "requests", "msgspec"},
    "sweep": {"pynamodb"},
    "reconcile": {"pynamodb", "requests"},
    "send_emails": {"pynamodb", "jinja2"},
}
"""Loaded in the init phase, where the processor is whole, and not in a guest's first request."""
CLIENTS = {
    "app": ["dynamodb", "sqs", "ssm"],
    "authorize": [],
    "receive_webhooks": ["dynamodb", "sqs", "ssm"],
    "sweep": ["dynamodb", "sqs"],
    "reconcile": ["dynamodb", "sqs", "ssm"],
    "send_emails": ["dynamodb", "ses"],
}

COLD_START = """
import json, sys
made, sessions = [], []
from importlib import abc, machinery

class Watch(abc.MetaPathFinder):
    # Patches botocore.session once it is there, without being the one who loads it.
    def find_spec(self, name, path, target=None):
        if name != "botocore.session":
            return None
        sys.meta_path.remove(self)
        spec = machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            begin, create = module.Session.__init__, module.Session.create_client
            def counted(self, *args, **named):
                sessions.append(1)
                begin(self, *args, **named)
            def noted(self, service, *args, **named):
                made.append(service)
                return create(self, service, *args, **named)
            module.Session.__init__, module.Session.create_client = counted, noted
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Watch())
import app
print(json.dumps({"modules": sorted(sys.modules), "sessions": len(sessions), "clients": sorted(made)}))
"""


def cold_start(function: str) -> dict[str, Any]:
    """What Lambda would have in memory once it has imported the handler's module."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_FUNCTION_NAME": f"guzo-test-{function}",
        "_HANDLER": f"app.{function}",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "GUZO_STAGE": "dev",
        "GUZO_COMMIT": "0123456789ab",
        "LISTINGS_TABLE": "listings",
        "BOOKINGS_TABLE": "bookings",
        "RECONCILE_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/reconcile",
        "EMAILS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/emails",
        "SECRETS_PATH": "/guzo/dev",
        "PUBLIC_URL": "https://api.guzo.example",
        "OIDC_ISSUER": "https://127.0.0.1:9",  # nobody is there: the keys are asked for in vain, and that is logged
        "OIDC_CLIENT_ID": "guzo-web",
        "MAIL_FROM": "bookings@guzo.example",
    }
    done = subprocess.run(
        [sys.executable, "-c", COLD_START], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(lines[-1])
    return found | {"first": json.loads(lines[0])}


@pytest.fixture(scope="module", params=FORBIDDEN)
def started(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return request.param, cold_start(request.param)


def test_nothing_is_loaded_that_the_function_can_do_without(started: tuple[str, dict[str, Any]]) -> None:
    function, found = started
    assert FORBIDDEN[function].isdisjoint(found["modules"]), FORBIDDEN[function].intersection(found["modules"])


def test_what_the_function_needs_is_loaded_before_its_first_call(started: tuple[str, dict[str, Any]]) -> None:
    function, found = started
    assert NEEDED[function] <= set(found["modules"])


def test_one_session_and_one_client_a_service(started: tuple[str, dict[str, Any]]) -> None:
    function, found = started
    assert found["clients"] == CLIENTS[function]
    assert found["sessions"] == (1 if CLIENTS[function] else 0)


def test_the_first_line_of_a_process_says_which_code_it_runs(started: tuple[str, dict[str, Any]]) -> None:
    from app import _HANDLERS

    function, found = started
    first = found["first"]
    assert (first["message"], first["commit"], first["version"]) == ("started", "0123456789ab", __version__)
    assert first["function"] == _HANDLERS[f"app.{function}"]


def test_every_function_of_the_app_is_looked_at() -> None:
    from app import _HANDLERS

    assert {handler.removeprefix("app.") for handler in _HANDLERS} == set(FORBIDDEN)
    assert set(_HANDLERS.values()) == set(composition._PARTS) == set(composition._CLIENTS)
