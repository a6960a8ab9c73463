"""Guzo's table of contents: the Chalice app, its routes, its authorizer and its event handlers.

The handlers stand here and not on blueprints, because Lambda would load a blueprint's module without this file.
"""

from __future__ import annotations

import gc
import os
import sys
from datetime import timedelta
from typing import Any

# Looking for garbage among what stays costs a start a thirtieth: it begins at the end of this file.
gc.disable()

from chalice.app import AuthRequest, AuthResponse, Chalice, CloudWatchEvent, CORSConfig, Rate, SQSEvent

from chalicelib.api.core import authorizer, cors
from chalicelib.container import Function, container, prepare
from chalicelib.domain.timing import AUTHORIZER_CACHE, CORS_CACHE, SWEEP_EVERY, WATCH_EVERY

_FUNCTIONS: dict[str, Function] = {
    "app.app": "api",
    "app.receive_webhooks": "webhooks",
    "app.sweep": "sweep",
    "app.watch": "watch",
    "app.fly_canary": "canary",
    "app.reconcile": "reconcile",
    "app.send_emails": "send_emails",
}
_RUNS = _FUNCTIONS.get(os.environ.get("_HANDLER", "")) if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else None
"""The one function that this process is, in Lambda; None everywhere else, where it is all of them."""

app = Chalice(app_name="guzo", configure_logs=False)
app.api.cors = CORSConfig(
    allow_origin="*",
    allow_headers=list(cors.ALLOWED_HEADERS),
    expose_headers=list(cors.EXPOSED_HEADERS),
    max_age=int(CORS_CACHE.total_seconds()),
)


@app.authorizer(ttl_seconds=int(AUTHORIZER_CACHE.total_seconds()))
def authorize(request: AuthRequest) -> AuthResponse:
    """Allow a request that carries a valid access token. In Lambda ``authorizer.py`` does, in a package of its own."""
    return authorizer.authorize(request, lambda: container().tokens)


if _RUNS not in ("api", "webhooks"):
    from chalicelib import events

if _RUNS in (None, "api", "webhooks"):
    from chalicelib.api.core import http
    from chalicelib.api.routes import webhooks  # noqa: F401 - importing a file declares its routes

    if _RUNS != "webhooks":
        from chalicelib.api.routes import (  # noqa: F401
            bookings,
            callbacks,
            console,
            contacts,
            documents,
            hosts,
            listings,
            pages,
            payments,
            payouts,
            reviews,
            search,
        )
    if _RUNS is None:
        from chalicelib.api.routes import operators  # noqa: F401

    http.mount(app, authorize)
    if _RUNS == "api":
        http.mount_later(app, authorize, under="/v1/ops/", module="chalicelib.api.routes.operators")


@app.lambda_function(name="webhooks")
def receive_webhooks(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer the gateways' webhooks: the same app as the API, in a function that no other caller's flood can starve."""
    answer: dict[str, Any] = app(event, context)
    return answer


@app.schedule(Rate(SWEEP_EVERY // timedelta(minutes=1), unit=Rate.MINUTES))
def sweep(event: CloudWatchEvent) -> dict[str, int]:
    """Enqueue every booking whose ``due_at`` has passed, oldest first, once a minute."""
    return events.on_schedule(event.context)


@app.schedule(Rate(WATCH_EVERY // timedelta(minutes=1), unit=Rate.MINUTES))
def watch(event: CloudWatchEvent) -> dict[str, bool]:
    """Look at what must not be overlooked every five minutes, and check once a day what is stored."""
    return events.on_watch(event.context)


@app.lambda_function(name="canary")
def fly_canary(_event: dict[str, Any], context: Any) -> dict[str, bool]:
    """Go a guest's way up to the link to pay, where the stage has a canary: its schedule is in the template."""
    return events.on_canary(context)


@app.on_sqs_message(queue="guzo-reconcile", batch_size=1, maximum_concurrency=10)
def reconcile(event: SQSEvent) -> dict[str, Any]:
    """Do what is due for the booking of a message."""
    return events.on_tasks(event.to_dict(), event.context)


@app.on_sqs_message(queue="guzo-emails", batch_size=10)
def send_emails(event: SQSEvent) -> dict[str, Any]:
    """Send the e-mails that the bookings of these messages owe."""
    return events.on_emails(event.to_dict(), event.context)


if _RUNS is not None:
    prepare(_RUNS)
    gc.freeze()
if "AWS_CHALICE_CLI_MODE" in os.environ and "local" in sys.argv:
    from local.stack import chalice_cli

    chalice_cli.install()
gc.enable()
