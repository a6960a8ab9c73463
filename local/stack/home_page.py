"""The first page of the local port: links to every part, and the flow of a payment."""

from __future__ import annotations

from flask import Blueprint, Response, render_template

from local.stack.environment import Addresses


def create_blueprint(addresses: Addresses) -> Blueprint:
    """Return the route `/`."""
    blueprint = Blueprint("home", __name__)

    @blueprint.get("/")
    def home() -> str:
        return render_template("local/home.html", api=addresses.api, local=addresses.local)

    @blueprint.get("/favicon.ico")
    def icon() -> Response:
        # Browsers ask for it by themselves, from pages that name none.
        return Response(status=204)

    return blueprint
