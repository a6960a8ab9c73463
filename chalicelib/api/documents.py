"""What a frontend and a load balancer ask first: the settings, and whether the service answers."""

from __future__ import annotations

import msgspec
from chalice.app import Blueprint

from .. import __version__
from .http import Answer, Call, endpoint

routes = Blueprint(__name__)

LANGUAGES = ("en", "am")


class Health(msgspec.Struct, frozen=True):
    """That the service answers, and which one it is."""

    status: str
    version: str
    stage: str


class Config(msgspec.Struct, frozen=True):
    """What a frontend needs to know of a stage."""

    issuer: str
    client_id: str
    currencies: tuple[str, ...]
    languages: tuple[str, ...]
    hold_minutes: int
    return_origins: tuple[str, ...]
    version: str


@endpoint(routes, "GET", "/health")
def health(call: Call) -> Answer:
    """Say that the service answers. Asks nothing of AWS."""
    return Answer(Health("ok", __version__, call.house.settings.stage))


@endpoint(routes, "GET", "/v1/config")
def config(call: Call) -> Answer:
    """Read the stage's public settings."""
    stage = call.house.settings
    return Answer(
        Config(
            stage.oidc_issuer,
            stage.oidc_client_id,
            tuple(sorted(stage.gateways)),
            LANGUAGES,
            stage.hold_minutes,
            tuple(sorted(stage.return_origins)),
            __version__,
        )
    )
