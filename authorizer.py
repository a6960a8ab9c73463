"""The authorizer as Lambda runs it: the one function that needs little of the app, in a package of its own.

API Gateway asks it before every guest's first call of a minute, so its cold start is a guest's. ``app.py`` declares the
same function, from which the template and the local server know it.
"""

from __future__ import annotations

import os

from chalice.app import AuthRequest, AuthResponse, Chalice

from chalicelib import __version__
from chalicelib.adapters.oidc import tokens_of
from chalicelib.api.core import authorizer
from chalicelib.settings import settings
from chalicelib.telemetry import observe

app = Chalice(app_name="guzo", configure_logs=False)
tokens = tokens_of(settings())


@app.authorizer()
def authorize(request: AuthRequest) -> AuthResponse:
    """Allow a request that carries a valid access token."""
    return authorizer.authorize(request, lambda: tokens)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    observe("started", function="authorize", version=__version__, commit=settings().commit)
    tokens.prepare()
