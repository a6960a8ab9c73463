"""The composition root: builds the adapters and hands them to the services.

An adapter is built on first use; in Lambda ``prepare`` builds, in the init phase, just what one function needs. What
calls AWS directly shares one botocore session; botocore's own clients, where there are any, share another.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path
from random import random
from typing import TYPE_CHECKING, Any, Literal

from chalicelib import __version__
from chalicelib.domain.timing import AWS_CONNECT, AWS_READ, INIT_READS
from chalicelib.gateways import GATEWAYS
from chalicelib.services.ports.bookings import BookingStore
from chalicelib.services.ports.gateways import Gateway, Gateways
from chalicelib.services.ports.ledger import LedgerStore
from chalicelib.services.ports.listings import ClosingStore, ListingStore
from chalicelib.services.ports.mail import Letters, Mailer
from chalicelib.services.ports.people import ErasureStore, HostStore, SuppressionStore
from chalicelib.services.ports.queues import DeadLetters, Queue, QueueName, Task
from chalicelib.services.ports.stage import Observe, Rules, Secrets
from chalicelib.services.ports.watch import WatchStore
from chalicelib.settings import Settings, settings
from chalicelib.telemetry import describe_error, observe

if TYPE_CHECKING:
    from typing import Unpack

    from chalicelib.adapters.gateways.client import ClientOptions, KeyedGateway
    from chalicelib.adapters.oidc import Tokens
    from chalicelib.domain.booking import Payment
    from chalicelib.domain.people.suppression import MailReport

AGENT = f"guzo/{__version__} botocore"

Function = Literal["api", "webhooks", "sweep", "watch", "canary", "reconcile", "send_emails"]


class SystemClock:
    """The Clock port: the system's time, on a developer's machine plus the offset in a file."""

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
    """The Chance port: the system's randomness."""

    def jitter(self) -> float:
        return random()  # noqa: S311 - it spreads load and protects nothing

    def token(self) -> str:
        return secrets.token_hex(8)


class StageGateways:
    """The Gateways port: the gateways that the settings name, each built once."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._settings, self._secrets = settings, secrets
        self._built = {name: build_gateway(name, settings, secrets) for name in self._names()}

    def named(self, name: str) -> KeyedGateway:
        if name not in self._built:
            # It takes no new payments any more; those that it took must still be verified and refunded.
            self._built[name] = build_gateway(name, self._settings, self._secrets)
        return self._built[name]

    def of(self, payment: Payment) -> Gateway:
        return self.named(payment.gateway).of_version(payment.api_version)

    def for_currency(self, currency: str) -> Gateway | None:
        name = self._settings.gateways.get(currency)
        return None if name is None else self._built[name]

    def all(self) -> list[Gateway]:
        return [self._built[name] for name in self._names()]

    def _names(self) -> list[str]:
        return sorted(set(self._settings.gateways.values()))


def build_gateway(name: str, settings: Settings, secrets: Secrets, **options: Unpack[ClientOptions]) -> KeyedGateway:
    """The adapter of one gateway, with the address and the mode of these settings."""
    module, _, adapter = GATEWAYS[name].adapter.rpartition(".")
    built: KeyedGateway = getattr(import_module(f"chalicelib.adapters.gateways.{module}"), adapter)(
        base_url=settings.gateway_urls[name], secrets=secrets, mode=settings.mode, **options
    )
    return built


class Container:
    """The services' ``Ports``, each adapter built on first use. Safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock(settings.clock_file)
        self.chance = SystemChance()
        self.observe: Observe = observe
        self._building = threading.RLock()
        self._clients: dict[str, Any] = {}

    @cached_property
    def _connection(self) -> Any:
        from chalicelib.adapters.aws.trust import trust_every_root
        from chalicelib.adapters.dynamodb.direct import direct_connection
        from chalicelib.adapters.dynamodb.tables import connect

        with self._building:
            return connect(
                listings_table=self.settings.listings_table,
                bookings_table=self.settings.bookings_table,
                ledger_table=self.settings.ledger_table,
                connection=direct_connection(self._session, agent=AGENT, recovers=trust_every_root),
            )

    @cached_property
    def _session(self) -> Any:
        """What direct calls need: credentials, region, proxies and roots.

        Botocore's handlers serve its own clients only; registering them would cost a twentieth of a cold start.
        """
        from botocore.session import Session

        from chalicelib.adapters.aws.trust import trust_amazon

        with self._building:
            made = Session(include_builtin_handlers=False)
            trust_amazon(made)
            return made

    @cached_property
    def _session_of_clients(self) -> Any:
        """What botocore's own clients are made of."""
        from botocore.session import get_session

        from chalicelib.adapters.aws.trust import trust_amazon

        with self._building:
            made = get_session()
            trust_amazon(made)
            name_clients(made)
            return made

    def client(self, service: str) -> Any:
        """The client of an AWS service, on the shared session: botocore's own where the service takes no JSON."""
        from chalicelib.adapters.aws.trust import trust_every_root
        from chalicelib.adapters.direct import SERVICES, client_of

        with self._building:
            if service not in self._clients and service in SERVICES:
                self._clients[service] = client_of(
                    SERVICES[service], self._session, agent=AGENT, recovers=trust_every_root
                )
            elif service not in self._clients:
                from botocore.config import Config

                config = Config(
                    connect_timeout=AWS_CONNECT.total_seconds(),
                    read_timeout=AWS_READ.total_seconds(),
                    retries={"total_max_attempts": 2},
                )
                self._clients[service] = self._session_of_clients.create_client(service, config=config)
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
    def hosts(self) -> HostStore:
        from chalicelib.adapters.dynamodb.hosts import DynamoHosts

        _ = self._connection  # which binds the tables
        return DynamoHosts()

    @cached_property
    def closings(self) -> ClosingStore:
        from chalicelib.adapters.dynamodb.closings import DynamoClosings

        _ = self._connection  # which binds the tables
        return DynamoClosings()

    @cached_property
    def erasures(self) -> ErasureStore:
        from chalicelib.adapters.dynamodb.erasures import DynamoErasures

        _ = self._connection  # which binds the tables
        return DynamoErasures()

    @cached_property
    def suppressions(self) -> SuppressionStore:
        from chalicelib.adapters.dynamodb.suppressions import DynamoSuppressions

        return DynamoSuppressions(self.bookings.salt)

    @cached_property
    def ledger(self) -> LedgerStore:
        from chalicelib.adapters.dynamodb.ledger import DynamoLedger

        return DynamoLedger(self._connection)

    @cached_property
    def watch(self) -> WatchStore:
        from chalicelib.adapters.dynamodb.watch import DynamoWatch

        return DynamoWatch(self._connection)

    @cached_property
    def search_secrets(self) -> Secrets:
        from chalicelib.adapters.aws.ssm import Ssm

        return Ssm(lambda: self.client("ssm"), f"{self.settings.secrets_path}/search")

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
    def dead_letters(self) -> DeadLetters:
        from chalicelib.adapters.aws.dead_letters import SqsDeadLetters

        urls: dict[QueueName, str] = {
            "reconcile": self.settings.reconcile_queue_url,
            "emails": self.settings.emails_queue_url,
        }
        return SqsDeadLetters(lambda: self.client("sqs"), urls)

    @cached_property
    def letters(self) -> Letters:
        from chalicelib.adapters.letters import LettersByJinja

        return LettersByJinja(self.settings.public_url, organizer=self.settings.mail_from)

    @cached_property
    def mailer(self) -> Mailer:
        from chalicelib.adapters.aws.ses import Ses

        return Ses(
            lambda: self.client("ses"), self.settings.mail_from, configuration_set=self.settings.mail_configuration_set
        )

    @staticmethod
    def gateway_budget(budget: timedelta) -> AbstractContextManager[None]:
        """End all gateway calls made inside within ``budget``, together."""
        from chalicelib.adapters.gateways.transport import gateway_budget

        return gateway_budget(budget.total_seconds())

    def task_of(self, message: str) -> Task:
        """The task in a queue's message. Raises ValueError for anything else."""
        from chalicelib.adapters.aws.sqs import read_task

        return read_task(message)

    def outbox_message_of(self, message: str) -> Task | MailReport:
        """What a message of the ``emails`` queue is. Raises ValueError for anything else."""
        from chalicelib.adapters.aws.ses_reports import is_report, read_report

        return read_report(message) if is_report(message) else self.task_of(message)

    @cached_property
    def rules(self) -> Rules:
        return Rules(
            hold_for=self.settings.hold,
            checkout_window=self.settings.checkout_window,
            return_origins=self.settings.return_origins,
            time_zone=self.settings.time_zone,
            currency=next(iter(self.settings.gateways)),
            payment_limits=self.settings.payment_limits,
            commission=self.settings.commission,
            host_bears_fee=self.settings.host_bears_fee,
            limits=self.settings.limits,
            contact_months=self.settings.contact_months,
            second_person_above=self.settings.second_person_above,
        )

    @cached_property
    def tokens(self) -> Tokens:
        from chalicelib.adapters.oidc import tokens_of

        return tokens_of(self.settings)


def name_clients(session: Any) -> None:
    """Have this session's clients say who we are in fixed words: botocore would describe the machine for each call."""
    from botocore.config import Config

    session.set_default_client_config(Config(user_agent=AGENT))


_container: Container | None = None
_creating = threading.Lock()


def container() -> Container:
    """This process's container."""
    global _container  # noqa: PLW0603 - Chalice's handlers are functions of a module: they share it here
    with _creating:
        if _container is None:
            _container = Container(settings())
        return _container


_PARTS: dict[Function, tuple[str, ...]] = {
    "api": ("bookings", "listings", "ledger", "hosts", "gateways", "queue"),
    "webhooks": ("bookings", "listings", "gateways", "queue"),
    "sweep": ("bookings", "watch", "queue"),
    "watch": ("bookings", "listings", "ledger", "watch"),
    "canary": ("bookings", "listings", "gateways", "queue"),
    "reconcile": ("bookings", "listings", "gateways", "queue"),
    "send_emails": ("bookings", "hosts", "suppressions", "ledger", "search_secrets", "letters", "mailer"),
}
_CLIENTS: dict[Function, tuple[str, ...]] = {
    "api": ("sqs", "ssm"),
    "webhooks": ("sqs", "ssm"),
    "sweep": ("sqs",),
    "watch": (),
    "canary": ("sqs", "ssm"),
    "reconcile": ("sqs", "ssm"),
    "send_emails": ("ses", "ssm"),
}


def prepare(function: Function) -> None:
    """Build what ``function`` needs, in Lambda's init phase, which has a full processor and costs no caller time.

    What the first request would read, the table's salt and the secrets, is read here as well, over the connections that
    it will use.
    """
    built = container()
    observe("started", function=function, version=__version__, commit=built.settings.commit)
    for part in _PARTS[function]:
        getattr(built, part)
    _ = built._connection.client
    for service in _CLIENTS[function]:
        built.client(service)
    reads: list[Callable[[], object]] = [built.bookings.salt]
    if "ssm" in _CLIENTS[function]:
        reads.append(lambda: built.secrets.find(""))  # whichever is looked for, all are read
    read_ahead(reads)


def read_ahead(reads: Sequence[Callable[[], object]]) -> None:
    """Run these reads side by side, for at most ``INIT_READS``; one that fails is left to the request that needs it."""

    def quietly(read: Callable[[], object]) -> None:
        try:
            read()
        except Exception as error:  # noqa: BLE001 - a function that starts while a service is down still answers the rest
            observe("read_ahead_failed", level="warning", **describe_error(error))

    ends = time.monotonic() + INIT_READS.total_seconds()
    threads = [threading.Thread(target=quietly, args=(read,), daemon=True) for read in reads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(ends - time.monotonic(), 0))
