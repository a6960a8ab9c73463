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
    """What secret keys of a gateway begin with, for one version of its API.

    What goes on with ``public`` is none.
    """

    brand: str
    test: str
    live: str
    version: str = ""
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

    def shown(self, mode: Mode) -> str:
        """What a key of this mode begins with, for people."""
        return f"{self.beginning(mode)} ({self.version})" if self.version else self.beginning(mode)


def check_key(name: str, key: str, forms: tuple[KeyForm, ...], *, mode: Mode) -> KeyForm:
    """The form of a key that a stage of this mode can work with. Raises BadSetting, which says what to do.

    ``name`` is that of the secret.
    """
    to_do = f"take one from the dashboard that begins with {' or '.join(form.shown(mode) for form in forms)}"
    form = next((form for form in forms if form.mode_of(key)), None)
    if form is None:
        raise BadSetting(f"The secret {name} is no secret key of {forms[0].brand}: {to_do}")
    if form.mode_of(key) != mode:
        other, money = ("live", "test money") if mode == "test" else ("test", "real money")
        raise BadSetting(f"The secret {name} is a {other} key, and this stage takes {money} only: {to_do}")
    return form


def usable(key: Callable[[], T]) -> T:
    """What depends on a key, or the trouble that there is without one: nothing was sent then."""
    try:
        return key()
    except Fault as error:
        raise GatewayUnreachable("The payment gateway's key cannot be read.", definitely_not_executed=True) from error
    except BadSetting as error:
        observe("key_unusable", level="error", said=str(error))
        raise GatewayBadAnswer("The payment gateway's key is not set right.", definitely_not_executed=True) from error
