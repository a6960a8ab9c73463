"""The consoles of operators and hosts: a static shell whose every act is a call of the public API."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import urlsplit

from chalice.app import Blueprint

from chalicelib.api.core.pages import PAGE_HEADERS, STATIC, page_policy
from chalicelib.api.core.refusals import RouteNotFound
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.api.local_examples import HOST, OPERATOR

routes = Blueprint(__name__)

_CSS, _JS = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
_MODULES = (
    "session",
    "shell",
    "ui",
    "act",
    "chart",
    "statements",
    "words",
    "ops",
    "ops-today",
    "ops-lists",
    "ops-booking",
    "ops-acts",
    "ops-money",
    "ops-accounts",
    "ops-dead-letters",
    "ops-people",
    "ops-proposals",
    "host",
    "host-calendar",
)
FILES: Mapping[str, str] = {"console.css": _CSS} | {f"{name}.js": _JS for name in _MODULES}
"""What ``/console/{file}`` gives out, and nothing else: the media type of each."""


@endpoint(routes, "GET", "/ops", uses_store=False, outcomes=(Outcome(texts=("text/html",)),))
def operators_console(call: Call) -> Answer:
    """Show the operators' console. Whoever opens it signs in there; the page itself holds nothing."""
    return _console(call, title="operators", script="ops.js", sub=OPERATOR, group="operator")


@endpoint(routes, "GET", "/host", uses_store=False, outcomes=(Outcome(texts=("text/html",)),))
def hosts_console(call: Call) -> Answer:
    """Show the hosts' console. Whoever opens it signs in there; the page itself holds nothing."""
    return _console(call, title="hosts", script="host.js", sub=HOST, group="host")


@endpoint(
    routes,
    "GET",
    "/console/{file}",
    uses_store=False,
    cached=True,
    outcomes=(Outcome(texts=("text/css", "text/javascript")),),
    refuses=("route_not_found",),
)
def console_file(call: Call) -> Answer:
    """Give out what the consoles are made of."""
    name = call.path["file"]
    if name not in FILES:
        raise RouteNotFound("There is no such file.")
    return Answer((STATIC / "console" / name).read_text(encoding="utf-8"), headers={"Content-Type": FILES[name]})


def _console(call: Call, *, title: str, script: str, sub: str, group: str) -> Answer:
    settings = call.container.settings
    on_this_machine = settings.stage == "local"
    issuer = settings.oidc_issuer.removesuffix("/oidc") if on_this_machine else settings.oidc_issuer
    # The page's own path, as the browser asked for it, tells what stands before the routes.
    base = str(call.request.context.get("path", "")).rstrip("/").rpartition("/")[0]
    facts = {
        "title": title,
        "script": script,
        "base": base,
        "issuer": settings.oidc_issuer,
        "client": settings.oidc_client_id,
        "tokens": f"{issuer}/token" if on_this_machine else "",
        "sub": sub if on_this_machine else "",
        "group": group,
        "zone": settings.time_zone,
    }
    page = (STATIC / "console" / "console.html").read_text(encoding="utf-8")
    origins = {_origin(settings.oidc_issuer), _origin(settings.oidc_login_url)} - {""}
    headers = PAGE_HEADERS | {"Content-Security-Policy": page_policy(" ".join(["'self'", *sorted(origins)]))}
    return Answer(page.format(**{name: escape(fact) for name, fact in facts.items()}), headers=headers)


def _origin(address: str) -> str:
    """Scheme and host of an address; nothing of nothing."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
