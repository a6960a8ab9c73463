"""Asking a payment gateway: its key, one call that ends in time, and the refusals that say the same of every call."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TypedDict, TypeVar, Unpack

from chalicelib.domain.errors import GatewayBadAnswer, GatewayUnreachable
from chalicelib.outbound import Answer, Outbound
from chalicelib.services.ports import Fault, Secrets
from chalicelib.settings import BadSetting

T = TypeVar("T")

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class Timing(TypedDict, total=False):
    """How long calls may take (12 s, of which 3 s to connect), and how the pause before a second look is made."""

    seconds: float
    connect: float
    sleep: Callable[[float], None]
    jitter: Callable[[], float]


class Asking(ABC):
    """What the adapters of payment gateways begin with: calls below ``base_url``, over kept connections.

    The key lies under ``key_name`` and is read at each call, so that it may change.
    """

    def __init__(self, base_url: str, secrets: Secrets, *, key_name: str, **timing: Unpack[Timing]) -> None:
        self._base = base_url.rstrip("/")
        self._secrets = secrets
        self._key_name = key_name
        self._outbound = Outbound(seconds=timing.get("seconds", 12.0), connect=timing.get("connect", 3.0))
        self._sleep = timing.get("sleep", time.sleep)
        self._jitter = timing.get("jitter", random.random)

    @abstractmethod
    def _wrong_key(self, key: str) -> str | None:
        """What is wrong with a key, and what to do about it; None when nothing is."""

    @property
    def _secure(self) -> bool:
        """Whether the gateway is reached over TLS, so that its links must be too."""
        return self._base.startswith("https:")

    def _key(self) -> str:
        """The key. Raises Fault when it cannot be read, BadSetting for one that cannot work."""
        key = self._secrets.get(self._key_name).strip()
        if wrong := self._wrong_key(key):
            raise BadSetting(f"The secret {self._key_name} {wrong}")
        return key

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> Answer:
        """Ask once; a GET whose connection broke is asked a second time. Raises GatewayTrouble, and nothing else.

        ``key``: the one to ask with, where it was read already.
        """
        sent = {"Authorization": f"Bearer {key or usable(self._key)}", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = content_type
        ends = time.monotonic() + self._outbound.seconds
        try:
            answer = self._outbound.call(method, self._base + path, headers=sent, body=body)
        except GatewayUnreachable:
            if method != "GET":
                raise  # it may have been heard
            self._sleep(0.1 + 0.4 * self._jitter())
            left = ends - time.monotonic()
            if left < 0.1:
                raise
            answer = self._outbound.call(method, self._base + path, headers=sent, seconds=left)
        refuse_without_reading(answer)
        return answer


def usable(key: Callable[[], T]) -> T:
    """What depends on a key, or the trouble that there is without one: nothing was sent then."""
    try:
        return key()
    except Fault as error:
        raise GatewayUnreachable("The payment gateway's key cannot be read.", fate_known=True) from error
    except BadSetting as error:
        raise GatewayBadAnswer("The payment gateway's key is not set right.", fate_known=True) from error


def refuse_without_reading(answer: Answer) -> None:
    """Raise for the statuses that say the same of every call: too often, and refused credentials."""
    if answer.status == 429:
        raise GatewayUnreachable(
            "The payment gateway is asked too often.",
            fate_known=True,
            retry_after=_retry_after(answer.headers),
        )
    if answer.status in (401, 403):
        raise GatewayBadAnswer("The payment gateway refused our credentials.", fate_known=True)


def _retry_after(headers: Mapping[str, str]) -> int:
    """In seconds, from 1 to 300; 30 where nothing readable is said."""
    for name in ("retry-after", "x-ratelimit-reset"):
        value = headers.get(name, "").strip()
        if value.isascii() and value.isdigit() and len(value) <= 12:
            # More than thirty years is no pause but an instant.
            seconds = int(value) if int(value) < 10**9 else int(value) - time.time()
        else:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - time.time()
            except (ValueError, OverflowError):
                continue
        return min(max(round(seconds), 1), 300)
    return 30
