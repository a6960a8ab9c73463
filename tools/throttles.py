"""How often each route may be called: one table, from which the API's template is made.

API Gateway counts each method of a stage by itself, so a flood of one route leaves the others free. The rates are about
a hundred bookings a second: one opening, one or two webhooks and a few looks at the page for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import app  # noqa: F401 - declares the routes
from chalicelib.api.core.routing import ROUTES, Route


@dataclass(frozen=True)
class Throttle:
    """Requests a second that one method takes for long, and how many at once."""

    rate: int
    burst: int


THROTTLES = {
    "webhooks": Throttle(200, 400),
    "public reads": Throttle(1000, 2000),
    "guest's page": Throttle(200, 400),
    "signed in": Throttle(100, 200),
    "operators": Throttle(20, 40),
}
"""By who calls. A gateway that is refused sends its webhook again, so those are refused last."""

EVERYTHING_ELSE = Throttle(100, 200)
"""What has no line of its own: a browser's questions before a request (OPTIONS)."""


def caller_of(route: Route) -> str:
    """Who calls a route: a key of THROTTLES."""
    if route.signed_by is not None:
        return "webhooks"
    if route.role == "operator":
        return "operators"
    if route.signed_in or route.role is not None:
        return "signed in"
    if route.path.startswith("/pay/") or "/callback" in route.path:
        return "guest's page"
    return "public reads"


def method_settings() -> list[dict[str, Any]]:
    """The stage's MethodSettings, the default first. Detailed metrics of each method would cost more than the API."""
    rows = [("*", "/*", EVERYTHING_ELSE)]
    for route in sorted(ROUTES, key=lambda each: each.path):
        encoded = "/" + route.path.replace("/", "~1")
        rows += [(method, encoded, THROTTLES[caller_of(route)]) for method in sorted(route.methods)]
    return [
        {
            "HttpMethod": method,
            "ResourcePath": path,
            "ThrottlingRateLimit": throttle.rate,
            "ThrottlingBurstLimit": throttle.burst,
        }
        for method, path, throttle in rows
    ]
