"""Secrets from SSM Parameter Store: all of a stage's at once, kept for a minute, longer while SSM is down."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.timing import SECRETS_KEPT
from chalicelib.services.ports.outcomes import Fault
from chalicelib.services.ports.stage import Observe
from chalicelib.telemetry import describe_error
from chalicelib.telemetry import observe as write_log


class Ssm:
    """The Secrets port: every SecureString directly under ``path``, by its last name. Safe to share between threads."""

    def __init__(
        self,
        client: Callable[[], Any],
        path: str,
        *,
        observe: Observe = write_log,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._path = path
        self._observe = observe
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._values: Mapping[str, str] | None = None
        self._tried = -math.inf

    def get(self, name: str) -> str:
        """A secret that must be there. Raises Fault when it is not, or when the secrets were never readable."""
        value = self.find(name)
        if value is None:
            raise Fault(f"there is no secret {name} under {self._path}")
        return value

    def find(self, name: str) -> str | None:
        """A secret that may be absent. Raises Fault when the secrets were never readable."""
        values = self._values
        if values is None or self._monotonic() - self._tried >= SECRETS_KEPT.total_seconds():
            values = self._refresh()
        return values.get(name)

    def _refresh(self) -> Mapping[str, str]:
        """Read the secrets again. One thread reads; others take the values of before, or wait where there are none."""
        if not self._lock.acquire(blocking=self._values is None):
            return self._values or {}
        try:
            if self._values is None or self._monotonic() - self._tried >= SECRETS_KEPT.total_seconds():
                self._values = self._read()
            return self._values
        except (BotoCoreError, ClientError) as exc:
            if self._values is None:
                raise Fault("the secrets could not be read") from exc
            self._observe("secrets_stale", level="warning", **describe_error(exc))
            return self._values
        finally:
            self._tried = self._monotonic()
            self._lock.release()

    def _read(self) -> dict[str, str]:
        values: dict[str, str] = {}
        more: dict[str, str] = {}
        while True:
            page = self._client().get_parameters_by_path(Path=self._path, WithDecryption=True, **more)
            values |= {found["Name"].rpartition("/")[2]: found["Value"] for found in page["Parameters"]}
            if not page.get("NextToken"):
                return values
            more = {"NextToken": page["NextToken"]}
