"""What each function loads in its cold start, and what it must not: every package costs a guest's time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Collection
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from chalicelib import __version__
from chalicelib import container as composition
from tools.contents import APP, AUTHORIZER, NOT_IN, NOT_OF_THE_AUTHORIZER

ROOT = Path(__file__).resolve().parent.parent.parent

NEVER = {
    "boto3", "asyncio", "pydantic", "aws_xray_sdk", "icalendar", "jinja2", "jwt", "cryptography", "charset_normalizer",
    "chardet", "requests",
}  # fmt: skip
ROUTES = {"chalicelib.api.routes", "chalicelib.api.core.http", "chalicelib.api.core.routing"}
OF_OPERATORS = {
    "chalicelib.api.routes.operators", "chalicelib.api.routes.operators.people",
    "chalicelib.services.operators.closing",
    "chalicelib.services.operators.people",
}  # fmt: skip
FORBIDDEN: dict[str, set[str]] = {
    "app.app": NEVER | OF_OPERATORS | {"chalicelib.events"},
    "app.receive_webhooks": NEVER
    | OF_OPERATORS
    | {"chalicelib.events", "chalicelib.api.routes.bookings", "chalicelib.services.book"},
    "app.sweep": NEVER | ROUTES | {"chalicelib.adapters.gateways"},
    "app.watch": NEVER | ROUTES | {"chalicelib.adapters.gateways"},
    "app.fly_canary": NEVER | ROUTES,
    "app.reconcile": NEVER | ROUTES,
    "app.send_emails": (NEVER - {"jinja2", "icalendar"}) | ROUTES | {"chalicelib.adapters.gateways"},
    "authorizer.authorize": (NEVER - {"jwt", "cryptography"})
    | ROUTES
    | {
        *(part.removesuffix(".py").replace("/", ".") for part in NOT_OF_THE_AUTHORIZER),
        "pynamodb",
        "botocore.session",
        "urllib3",
        "chalicelib.container",
        "chalicelib.services",
    },
}
NEEDED = {
    "app.app": {"pynamodb", "urllib3", "msgspec", *ROUTES},
    "app.receive_webhooks": {"pynamodb", "urllib3", "msgspec", *ROUTES},
    "app.sweep": {"pynamodb"},
    "app.watch": {"pynamodb"},
    "app.fly_canary": {"pynamodb", "urllib3", "msgspec"},
    "app.reconcile": {"pynamodb", "urllib3"},
    "app.send_emails": {"pynamodb", "jinja2"},
    "authorizer.authorize": {"jwt", "cryptography"},
}
"""Loaded in the init phase, where the processor is whole, and not in a guest's first request."""
CLIENTS = {
    "app.app": [],
    "app.receive_webhooks": [],
    "app.sweep": [],
    "app.watch": [],
    "app.fly_canary": [],
    "app.reconcile": [],
    "app.send_emails": ["ses"],
    "authorizer.authorize": [],
}
"""The botocore clients: all that takes JSON is called directly."""

COLD_START = """
import json, sys
made, sessions = [], []
from importlib import abc, machinery

class LeftOut(abc.MetaPathFinder):
    # What the development environment has, and the function's package has not.
    def find_spec(self, name, path, target=None):
        if name in sys.argv[2:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

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
                sessions.append("with handlers" if named.get("include_builtin_handlers", True) else "bare")
                begin(self, *args, **named)
            def noted(self, service, *args, **named):
                made.append(service)
                return create(self, service, *args, **named)
            module.Session.__init__, module.Session.create_client = counted, noted
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path[:0] = [LeftOut(), Watch()]
__import__(sys.argv[1])
print(json.dumps({"modules": sorted(sys.modules), "sessions": sessions, "clients": sorted(made)}))
"""


def modules_of(distributions: Collection[str]) -> set[str]:
    """What can be imported of these distributions, by its first name."""
    names = {
        top: {re.sub("[-_.]+", "-", brought).lower() for brought in by} for top, by in packages_distributions().items()
    }
    return {top for top, by in names.items() if by <= set(distributions)}


def cold_start(function: str, code: str = COLD_START) -> dict[str, Any]:
    """What Lambda would have in memory once it has imported the handler's module: what ``code`` prints of it."""
    module = function.partition(".")[0]
    left_out = sorted(modules_of(NOT_IN[AUTHORIZER if module == "authorizer" else APP]))
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_FUNCTION_NAME": "guzo-test",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # nor is anybody here: what would be read ahead is left for later
        "_HANDLER": function,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "GUZO_STAGE": "dev",
        "GUZO_COMMIT": "0123456789ab",
        "LISTINGS_TABLE": "listings",
        "BOOKINGS_TABLE": "bookings",
        "LEDGER_TABLE": "ledger",
        "RECONCILE_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/reconcile",
        "EMAILS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/emails",
        "SECRETS_PATH": "/guzo/dev",
        "PUBLIC_URL": "https://api.guzo.example",
        "OIDC_ISSUER": "https://127.0.0.1:9",  # nobody is there: the keys are asked for in vain, and that is logged
        "OIDC_CLIENT_ID": "guzo-web",
        "MAIL_FROM": "bookings@guzo.example",
    }
    done = subprocess.run(
        [sys.executable, "-c", code, module, *left_out],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
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


def test_a_session_for_direct_calls_and_botocores_handlers_only_where_it_has_a_client(
    started: tuple[str, dict[str, Any]],
) -> None:
    function, found = started
    assert found["clients"] == CLIENTS[function]
    direct = [] if function.startswith("authorizer") else ["bare"]
    assert sorted(found["sessions"]) == direct + ["with handlers" for _ in CLIENTS[function]]


def test_the_first_line_of_a_process_says_which_code_it_runs(started: tuple[str, dict[str, Any]]) -> None:
    from app import _FUNCTIONS

    function, found = started
    first = found["first"]
    assert (first["message"], first["commit"], first["version"]) == ("started", "0123456789ab", __version__)
    assert first["function"] == {**_FUNCTIONS, "authorizer.authorize": "authorize"}[function]


FIRST_CALL_OF_AN_OPERATOR = """
import json, sys
from app import app

def paths():
    return sorted(f"{method} {path}" for path, methods in app.routes.items() for method in methods)

before = paths()
event = {
    "requestContext": {"httpMethod": "DELETE", "resourcePath": "/v1/ops/bookings", "path": "/v1/ops/bookings"},
    "pathParameters": None, "multiValueQueryStringParameters": None, "headers": {}, "body": None,
    "isBase64Encoded": False, "stageVariables": None,
}
answers = [app(event, None) for _ in range(2)]
print(json.dumps({"before": before, "after": paths(), "allow": [each["headers"]["Allow"] for each in answers]}))
"""


def test_what_operators_call_is_loaded_by_the_first_of_their_calls() -> None:
    from app import app

    everything = {f"{method} {path}" for path, methods in app.routes.items() for method in methods}
    found = cold_start("app.app", FIRST_CALL_OF_AN_OPERATOR)
    of_operators = {each for each in everything if each.partition(" ")[2].startswith("/v1/ops/")}
    # A host's statements, and what operators do about them, are declared in one file.
    late = {each for each in of_operators if not each.partition(" ")[2].startswith("/v1/ops/hosts/")}
    assert set(found["before"]) == everything - late
    assert set(found["after"]) == everything
    assert found["allow"] == ["GET, HEAD, OPTIONS", "GET, HEAD, OPTIONS"]


def test_the_function_of_webhooks_knows_their_routes_only() -> None:
    from app import app

    routes = "import json, sys; from app import app; print(json.dumps({'paths': sorted(app.routes)}))"
    found = cold_start("app.receive_webhooks", routes)
    assert found["paths"] == sorted(
        path for path in app.routes if path.startswith("/v1/webhooks/") or "callback" in path
    )


def test_every_function_of_the_app_is_looked_at() -> None:
    from app import _FUNCTIONS

    assert {*_FUNCTIONS, "authorizer.authorize"} == set(FORBIDDEN)
    assert set(_FUNCTIONS.values()) == set(composition._PARTS) == set(composition._CLIENTS)
