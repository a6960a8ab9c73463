"""Asking a payment gateway: its key, one call that ends in time, and the refusals that say the same of every call."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import ClassVar, Protocol, TypedDict, Unpack

from chalicelib.adapters.gateways.keys import KeyForm, check_key, usable
from chalicelib.adapters.gateways.transport import Answer, Transport
from chalicelib.domain.errors import GatewayBadAnswer, GatewayUnreachable
from chalicelib.domain.timing import (
    GATEWAY_CALL,
    GATEWAY_CONNECT,
    GATEWAY_RETRY_MIN,
    GATEWAY_RETRY_SPREAD,
    RETRY_AFTER_GATEWAY,
    RETRY_AFTER_GATEWAY_MAX,
    RETRY_AFTER_GATEWAY_MIN,
)
from chalicelib.gateways import Mode
from chalicelib.services.ports import Gateway, Secrets
from chalicelib.telemetry import observe

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class ClientOptions(TypedDict, total=False):
    """What a gateway is asked on: the stage's mode, how long a call may take (12 s, of which 3 s to connect) or what
    makes the calls, and how the pause before a second look is made."""

    mode: Mode
    transport: Transport
    seconds: float
    connect: float
    sleep: Callable[[float], None]
    jitter: Callable[[], float]


class KeyedGateway(Gateway, Protocol):
    """A gateway whose key can be looked at before it is used."""

    def check_key(self) -> None:
        """Raises Fault when the key cannot be read; BadSetting, which says what to do, for one that cannot work."""


class GatewayClient:
    """What the adapters of payment gateways begin with: calls below ``base_url``, over kept connections.

    The key lies under ``key_name`` and is read at each call, so that it may change. It is never sent unless it is one
    for ``mode``, which is ``test`` unless it is said to be ``live``.
    """

    form: ClassVar[KeyForm]
    """What its keys look like."""

    def __init__(self, base_url: str, secrets: Secrets, *, key_name: str, **terms: Unpack[ClientOptions]) -> None:
        self.mode: Mode = terms.get("mode", "test")
        self._base = base_url.rstrip("/")
        self._secrets = secrets
        self._key_name = key_name
        self._transport = terms.get("transport") or Transport(
            seconds=terms.get("seconds", GATEWAY_CALL.total_seconds()),
            connect=terms.get("connect", GATEWAY_CONNECT.total_seconds()),
        )
        self._sleep = terms.get("sleep", time.sleep)
        self._jitter = terms.get("jitter", random.random)

    @property
    def _secure(self) -> bool:
        """Whether the gateway is reached over TLS, so that its links must be too."""
        return self._base.startswith("https:")

    def check_key(self) -> None:
        """See KeyedGateway."""
        self._key()

    def _key(self) -> str:
        key = self._secrets.get(self._key_name).strip()
        check_key(self._key_name, key, (self.form,), mode=self.mode)
        return key

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> Answer:
        """Ask once; a GET whose connection broke is asked a second time. Raises GatewayError, and nothing else."""
        sent = {"Authorization": f"Bearer {usable(self._key)}", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = content_type
        ends = time.monotonic() + self._transport.seconds
        try:
            answer = self._transport.call(method, self._base + path, headers=sent, body=body)
        except GatewayUnreachable:
            if method != "GET":
                raise  # it may have been heard
            self._sleep((GATEWAY_RETRY_MIN + GATEWAY_RETRY_SPREAD * self._jitter()).total_seconds())
            left = ends - time.monotonic()
            if left < GATEWAY_RETRY_MIN.total_seconds():
                raise
            answer = self._transport.call(method, self._base + path, headers=sent, seconds=left)
        if answer.status in (401, 403):
            observe("key_unusable", level="error", said=f"The gateway refused the secret {self._key_name}")
        refuse_without_reading(answer)
        return answer


def refuse_without_reading(answer: Answer) -> None:
    """Raise for the statuses that say the same of every call: too often, and refused credentials."""
    if answer.status == 429:
        raise GatewayUnreachable(
            "The payment gateway is asked too often.",
            definitely_not_executed=True,
            retry_after=_retry_after(answer.headers),
        )
    if answer.status in (401, 403):
        raise GatewayBadAnswer("The payment gateway refused our credentials.", definitely_not_executed=True)


def _retry_after(headers: Mapping[str, str]) -> timedelta:
    """In whole seconds, within what ``timing`` allows; its default where nothing readable is said."""
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
        most = min(seconds, RETRY_AFTER_GATEWAY_MAX.total_seconds())
        return max(timedelta(seconds=round(most)), RETRY_AFTER_GATEWAY_MIN)
    return RETRY_AFTER_GATEWAY
