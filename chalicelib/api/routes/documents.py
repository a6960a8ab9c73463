"""What a frontend and a load balancer ask first: whether the service answers, its settings, and how to call it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from html import escape
from typing import get_args
from zoneinfo import ZoneInfo

import msgspec
from chalice.app import Blueprint

from chalicelib import __version__
from chalicelib.api.core.formats import MoneyOut
from chalicelib.api.core.pages import PAGE_HEADERS, STATIC, page_policy
from chalicelib.api.core.refusals import RouteNotFound
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.api.local_examples import GUEST, HOST, OPERATOR, with_local_examples
from chalicelib.domain.contact import Language
from chalicelib.domain.timing import STATIC_CACHE
from chalicelib.services.ports.outcomes import StoreBusy

routes = Blueprint(__name__)

LANGUAGES: tuple[Language, ...] = get_args(Language)

SWAGGER_UI = "5.35.0"
"""The version in static/swagger-ui."""

_CSS, _JS = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
FILES = {
    "swagger-ui.css": ("swagger-ui", _CSS),
    "swagger-ui-bundle.js": ("swagger-ui", _JS),
    "docs.css": ("docs", _CSS),
    "docs.js": ("docs", _JS),
}
"""What ``/docs/{file}`` gives out, and nothing else: the folder and the media type of each."""


class Health(msgspec.Struct, frozen=True):
    """That the service answers, and which one it is."""

    status: str
    """Always `ok`: what does not answer says nothing."""
    version: str
    """The release."""
    commit: str
    """The commit that it was built from."""
    stage: str
    """The stage's name."""


class Config(msgspec.Struct, frozen=True):
    """What a frontend needs to know of a stage. The first of ``currencies`` is that of a search that names none."""

    issuer: str
    """Who issues the access tokens that are taken."""
    client_id: str
    """The frontend's client at that issuer."""
    currencies: tuple[str, ...]
    """What can be paid in. The first one is that of a search that names none."""
    payment_limits: Mapping[str, MoneyOut]
    """The largest single payment in each currency, where there is one: a stay that costs more is refused."""
    languages: tuple[Language, ...]
    """What Guzo writes to guests in."""
    time_zone: str
    """The stage's days are counted in this IANA time zone."""
    hold_minutes: int
    """How long a new booking's nights are held for its payment."""
    return_origins: tuple[str, ...]
    """Where a `return_url` may lead."""
    version: str
    """The release."""


@endpoint(routes, "GET", "/", uses_store=False, outcomes=(Outcome(texts=("text/html",)),))
def index_page(call: Call) -> Answer:
    """Show what this service is, with links to its documents."""
    page = (STATIC / "docs" / "index.html").read_text(encoding="utf-8")
    # With a stage prefix or a base path, this page may be asked for without the slash at its end.
    base = str(call.request.context.get("path", "")).rstrip("/")
    facts = {"base": base, "version": __version__, "stage": call.container.settings.stage}
    return Answer(page.format(**{name: escape(fact) for name, fact in facts.items()}), headers=PAGE_HEADERS)


@endpoint(routes, "GET", "/health", uses_store=False, outcomes=(Outcome(body=Health),))
def health(call: Call) -> Answer:
    """Say that the service answers. Asks nothing of AWS."""
    settings = call.container.settings
    return Answer(Health("ok", __version__, settings.commit, settings.stage))


@endpoint(routes, "GET", "/v1/config", uses_store=False, outcomes=(Outcome(body=Config),))
def config(call: Call) -> Answer:
    """Read the stage's public settings."""
    settings = call.container.settings
    return Answer(
        Config(
            settings.oidc_issuer,
            settings.oidc_client_id,
            tuple(settings.gateways),
            {currency: MoneyOut.of(limit) for currency, limit in settings.payment_limits.items()},
            LANGUAGES,
            settings.time_zone,
            settings.hold // timedelta(minutes=1),
            tuple(sorted(settings.return_origins)),
            __version__,
        )
    )


@endpoint(routes, "GET", "/openapi.json", uses_store=False, outcomes=(Outcome(body=dict),))
def openapi_document(call: Call) -> Answer:
    """Read this document."""
    text = (STATIC / "openapi.json").read_text(encoding="utf-8")
    settings = call.container.settings
    if settings.stage == "local":
        today = call.now().astimezone(ZoneInfo(settings.time_zone)).date()
        with suppress(StoreBusy):  # without the store's salt, its examples are those of another machine
            text = with_local_examples(text, salt=call.container.bookings.salt(), today=today)
    return Answer(text, headers={"Content-Type": "application/json"})


@endpoint(routes, "GET", "/docs", uses_store=False, outcomes=(Outcome(texts=("text/html",)),))
def docs_page(call: Call) -> Answer:
    """Show this document as a page to read and to try."""
    page = (STATIC / "docs" / "docs.html").read_text(encoding="utf-8")
    settings = call.container.settings
    if settings.stage != "local":
        hint = f"<p>Tokens come from <code>{escape(settings.oidc_issuer)}</code>.</p>"
        return Answer(page.format(version=SWAGGER_UI, hint=hint), headers=PAGE_HEADERS)
    issuer = settings.oidc_issuer.removesuffix("/oidc")
    hint = (STATIC / "docs" / "sign_in.html").read_text(encoding="utf-8")
    hint = hint.format(tokens=escape(f"{issuer}/token"), guest=GUEST, host=HOST, operator=OPERATOR)
    headers = PAGE_HEADERS | {"Content-Security-Policy": page_policy(f"'self' {issuer}")}
    return Answer(page.format(version=SWAGGER_UI, hint=hint), headers=headers)


@endpoint(
    routes,
    "GET",
    "/docs/{file}",
    uses_store=False,
    outcomes=(Outcome(texts=("text/css", "text/javascript")),),
    refuses=("route_not_found",),
)
def docs_file(call: Call) -> Answer:
    """Give out what that page is made of."""
    name = call.path["file"]
    if name not in FILES:
        raise RouteNotFound("There is no such file.")
    folder, media_type = FILES[name]
    headers = {"Content-Type": media_type}
    if folder == "swagger-ui":
        # It is asked for by its version.
        headers["Cache-Control"] = f"public, max-age={STATIC_CACHE.total_seconds():.0f}"
    return Answer((STATIC / folder / name).read_text(encoding="utf-8"), headers=headers)
