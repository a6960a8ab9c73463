"""A gateway's secret key: its prefix says whose it is, of which version, and for which mode. No text repeats a key."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from chalicelib.domain.errors import GatewayBadAnswer, GatewayUnreachable
from chalicelib.gateways import ApiVersion, GatewayRow, Mode
from chalicelib.services.ports.outcomes import Fault
from chalicelib.settings import BadSetting
from chalicelib.telemetry import observe

T = TypeVar("T")

_VISIBLE = re.compile(r"[!-~]+", re.ASCII)


def check_key(name: str, key: str, row: GatewayRow, *, mode: Mode, version: ApiVersion | None = None) -> ApiVersion:
    """The version of the API that takes this key. Raises BadSetting, which says what to do.

    ``name`` is that of the secret. ``mode`` is the stage's: a key for the other is refused; so is one of another
    version than ``version``, where that is named.
    """
    versions = (version,) if version else row.versions
    prefixes = " or ".join(_shown(each, mode) for each in versions)
    to_do = f"take one from the dashboard that begins with {prefixes}"
    for each in versions:
        if (found := _mode_of(key, each)) == mode:
            return each
        if found is not None:
            other, money = ("live", "test money") if mode == "test" else ("test", "real money")
            raise BadSetting(f"The secret {name} is a {other} key, and this stage takes {money} only: {to_do}")
    raise BadSetting(f"The secret {name} is no secret key of {row.brand}: {to_do}")


def version_of_key(key: str, row: GatewayRow, *, mode: Mode) -> ApiVersion | None:
    """The version of the gateway's API that takes this key in this mode; None: no version does."""
    return next((version for version in row.versions if _mode_of(key, version) == mode), None)


def with_usable_key(use: Callable[[], T]) -> T:
    """What ``use`` makes of a key. Where there is no usable one, raises GatewayError: nothing was sent then."""
    try:
        return use()
    except Fault as error:
        raise GatewayUnreachable("The payment gateway's key cannot be read.", definitely_not_executed=True) from error
    except BadSetting as error:
        observe("key_unusable", level="error", detail=str(error))
        raise GatewayBadAnswer("The payment gateway's key is not set right.", definitely_not_executed=True) from error


def _mode_of(key: str, version: ApiVersion) -> Mode | None:
    """The mode of a secret key of this version; None for any other text."""
    if key.startswith(version.public_keys):
        return None
    modes: tuple[Mode, Mode] = ("test", "live")
    for mode in modes:
        rest = key.removeprefix(version.key_prefix(mode))
        if rest != key and _VISIBLE.fullmatch(rest):
            return mode
    return None


def _shown(version: ApiVersion, mode: Mode) -> str:
    """What a key of this mode begins with, for people."""
    prefix = version.key_prefix(mode)
    return f"{prefix} ({version.label})" if version.label else prefix
