"""The one place that builds adapters and hands them to services.

Each part is built when it is first used; in Lambda ``prepare`` builds, in the init phase, just what a function needs.
All AWS clients come from the one botocore session of PynamoDB's one connection: a second session would cost half a
cold start.
"""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path
from random import random
from typing import TYPE_CHECKING, Any, Literal

from chalicelib import __version__
from chalicelib.domain.timing import AWS_CONNECT, AWS_READ
from chalicelib.gateways import GATEWAYS
from chalicelib.services.ports import (
    BookingStore,
    Gateway,
    Gateways,
    Letters,
    ListingStore,
    Mailer,
    Observe,
    Queue,
    Rules,
    Secrets,
    Task,
)
from chalicelib.settings import Settings, settings
from chalicelib.telemetry import observe

if TYPE_CHECKING:
    from chalicelib.adapters.gateways.client import KeyedGateway
    from chalicelib.adapters.oidc import Tokens

Function = Literal["api", "authorize", "sweep", "reconcile", "send_emails"]


class SystemClock:
    """The system's time in UTC, in whole milliseconds; on a developer's machine plus the offset kept in a file."""

    def __init__(self, offset_file: str | None = None) -> None:
        self._offset_file = Path(offset_file) if offset_file else None

    def now(self) -> datetime:
        now = datetime.now(UTC)
        if self._offset_file is not None:
            now += timedelta(seconds=float(self._offset_file.read_text() or 0))
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class SystemChance:
    """The system's randomness."""

    def jitter(self) -> float:
        return random()  # noqa: S311 - it spreads load, it guards nothing

    def token(self) -> str:
        return secrets.token_hex(8)


class StageGateways:
    """The gateways that this stage is configured with, each built once; others for what was opened with them before."""

    def __init__(self, stage: Settings, secrets: Secrets) -> None:
        self._stage, self._secrets = stage, secrets
        self._built = {name: gateway_of(name, stage, secrets) for name in self._names()}

    def named(self, name: str) -> Gateway:
        if name not in self._built:
            # The stage takes no new payments with it any more; those it took must still be watched and given back.
            self._built[name] = gateway_of(name, self._stage, self._secrets)
        return self._built[name]

    def for_currency(self, currency: str) -> Gateway | None:
        name = self._stage.gateways.get(currency)
        return None if name is None else self._built[name]

    def all(self) -> list[Gateway]:
        return [self._built[name] for name in self._names()]

    def _names(self) -> list[str]:
        return sorted(set(self._stage.gateways.values()))


def gateway_of(name: str, stage: Settings, secrets: Secrets, **terms: Any) -> KeyedGateway:
    """The adapter of one gateway, for this stage's address and mode; ``terms`` as the adapters take them."""
    module, _, adapter = GATEWAYS[name].adapter.rpartition(".")
    made: KeyedGateway = getattr(import_module(f"chalicelib.adapters.gateways.{module}"), adapter)(
        base_url=stage.gateway_urls[name], secrets=secrets, mode=stage.mode, **terms
    )
    return made


class Container:
    """Everything outside, as the use cases' ``Ports``."""

    def __init__(self, stage: Settings) -> None:
        self.settings = stage
        self.clock = SystemClock(stage.clock_file)
        self.chance = SystemChance()
        self.observe: Observe = observe
        self._making = threading.RLock()
        self._clients: dict[str, Any] = {}

    @cached_property
    def _connection(self) -> Any:
        from chalicelib.adapters.dynamodb.tables import connect

        with self._making:
            return connect(listings_table=self.settings.listings_table, bookings_table=self.settings.bookings_table)

    @cached_property
    def _session(self) -> Any:
        # PynamoDB keeps its session per thread; all our clients are made from the first one.
        return self._connection.session

    def client(self, service: str) -> Any:
        """One botocore client a service, on the shared session."""
        with self._making:
            if service not in self._clients:
                from botocore.config import Config

                limits = Config(
                    connect_timeout=AWS_CONNECT.total_seconds(),
                    read_timeout=AWS_READ.total_seconds(),
                    retries={"total_max_attempts": 2},
                )
                self._clients[service] = self._session.create_client(service, config=limits)
            return self._clients[service]

    @cached_property
    def bookings(self) -> BookingStore:
        from chalicelib.adapters.dynamodb.bookings import DynamoBookings

        return DynamoBookings(self._connection)

    @cached_property
    def listings(self) -> ListingStore:
        from chalicelib.adapters.dynamodb.listings import DynamoListings

        return DynamoListings(self._connection)

    @cached_property
    def secrets(self) -> Secrets:
        from chalicelib.adapters.aws.ssm import Ssm

        return Ssm(lambda: self.client("ssm"), self.settings.secrets_path)

    @cached_property
    def gateways(self) -> Gateways:
        return StageGateways(self.settings, self.secrets)

    @cached_property
    def queue(self) -> Queue:
        from chalicelib.adapters.aws.sqs import Sqs

        return Sqs(lambda: self.client("sqs"), self.settings.reconcile_queue_url, self.settings.emails_queue_url)

    @cached_property
    def letters(self) -> Letters:
        from chalicelib.adapters.letters import LettersByJinja

        return LettersByJinja(self.settings.public_url)

    @cached_property
    def mailer(self) -> Mailer:
        from chalicelib.adapters.aws.ses import Ses

        return Ses(lambda: self.client("ses"), self.settings.mail_from)

    @staticmethod
    def gateway_time(budget: timedelta) -> AbstractContextManager[None]:
        """All gateway calls inside end together within ``budget``."""
        from chalicelib.adapters.gateways.transport import ending_within

        return ending_within(budget.total_seconds())

    def task_of(self, message: str) -> Task:
        """The task in a queue's message. Raises ValueError for anything else."""
        from chalicelib.adapters.aws.sqs import read_task

        return read_task(message)

    @cached_property
    def rules(self) -> Rules:
        return Rules(
            hold_for=self.settings.hold,
            checkout_window=self.settings.checkout_window,
            return_origins=self.settings.return_origins,
        )

    @cached_property
    def tokens(self) -> Tokens:
        from chalicelib.adapters.oidc import Tokens

        stage = self.settings
        return Tokens(stage.oidc_issuer, stage.oidc_client_id, stage.groups_claim, now=time.time)


_container: Container | None = None
_building = threading.Lock()


def container() -> Container:
    """This process's adapters."""
    global _container  # noqa: PLW0603 - Chalice's handlers are modules' functions: one place must remember
    with _building:
        if _container is None:
            _container = Container(settings())
        return _container


_NEEDS: dict[Function, tuple[str, ...]] = {
    "api": ("bookings", "listings", "gateways", "queue"),
    "authorize": ("tokens",),
    "sweep": ("bookings", "queue"),
    "reconcile": ("bookings", "listings", "gateways", "queue"),
    "send_emails": ("bookings", "letters", "mailer"),
}
_CLIENTS: dict[Function, tuple[str, ...]] = {
    "api": ("sqs", "ssm"),
    "authorize": (),
    "sweep": ("sqs",),
    "reconcile": ("sqs", "ssm"),
    "send_emails": ("ses",),
}


def prepare(function: Function) -> None:
    """Build what ``function`` needs, while the platform still gives the init phase's full processor."""
    built = container()
    observe("started", function=function, version=__version__, commit=built.settings.commit)
    for part in _NEEDS[function]:
        getattr(built, part)
    if function == "authorize":
        built.tokens.prepare()
    if "bookings" in _NEEDS[function]:
        _ = built._connection.client
    for service in _CLIENTS[function]:
        built.client(service)
