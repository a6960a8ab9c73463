"""A gateway's secret key: what it begins with says whose it is, and for which money. No text here repeats a key."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from chalicelib.domain.errors import GatewayBadAnswer, GatewayUnreachable
from chalicelib.gateways import Mode
from chalicelib.services.ports import Fault
from chalicelib.settings import BadSetting
from chalicelib.telemetry import observe

T = TypeVar("T")

_REST = re.compile(r"[!-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeyForm:
    """What secret keys for one API begin with, in either mode. What goes on with ``public`` is no secret key."""

    api: str
    test: str
    live: str
    public: str = ""

    def mode_of(self, key: str) -> Mode | None:
        """The mode of a key; None for what is no secret key for this API."""
        modes: tuple[Mode, Mode] = ("test", "live")
        for mode in modes:
            rest = key.removeprefix(self.beginning(mode))
            if rest != key and _REST.fullmatch(rest) and not (self.public and rest.startswith(self.public)):
                return mode
        return None

    def beginning(self, mode: Mode) -> str:
        return self.test if mode == "test" else self.live


def check_key(name: str, key: str, forms: tuple[KeyForm, ...], *, mode: Mode) -> KeyForm:
    """The form of a key that a stage of this mode can work with. Raises BadSetting, which says what to do.

    ``name`` is that of the secret.
    """
    beginnings = " or ".join(f"{form.beginning(mode)} (for {form.api})" for form in forms)
    to_do = f"take one from the dashboard that begins with {beginnings}"
    form = next((form for form in forms if form.mode_of(key)), None)
    if form is None:
        raise BadSetting(f"The secret {name} is no secret key for {' or '.join(form.api for form in forms)}: {to_do}")
    if form.mode_of(key) != mode:
        other, money = ("live", "test money") if mode == "test" else ("test", "real money")
        raise BadSetting(f"The secret {name} is a {other} key, and this stage takes {money} only: {to_do}")
    return form


def usable(key: Callable[[], T]) -> T:
    """What depends on a key, or the trouble that there is without one: nothing was sent then."""
    try:
        return key()
    except Fault as error:
        raise GatewayUnreachable("The payment gateway's key cannot be read.", fate_known=True) from error
    except BadSetting as error:
        observe("key_unusable", level="error", said=str(error))
        raise GatewayBadAnswer("The payment gateway's key is not set right.", fate_known=True) from error
