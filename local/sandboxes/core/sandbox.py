"""`Sandbox`: settings and parts of one gateway's sandbox, and the effects of a payment or a refund."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from local.sandboxes.core.call_log import CallLog
from local.sandboxes.core.faults import HoldTimes
from local.sandboxes.core.record_file import RecordFile
from local.sandboxes.core.scheduler import Scheduler
from local.sandboxes.core.switches import Switches, Table
from local.sandboxes.core.transactions import Refund, Transaction, TransactionStore
from local.sandboxes.core.webhook_sender import WebhookFormat, WebhookSender

Outcome = Literal["success", "failed", "cancel"]


def system_clock() -> datetime:
    """Return the instant by the system's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """Settings of a sandbox.

    `secret_key` is the merchant's API key, `secret_key_v2` the one for version 2 where there is one. `webhook_url` and
    `redirect_url` are what a merchant enters in the dashboard; the latter only for gateways that take no return address
    with each payment. `public_url` is where the sandbox is served, for links to its checkout pages. `now` is the local
    clock, which may jump. `time_scale` divides the delays of webhooks and retries: with 600, ten minutes are a second.
    `data_file` keeps the transactions for the next start.
    """

    secret_key: str
    webhook_secret: str
    webhook_url: str
    public_url: str
    secret_key_v2: str = ""
    redirect_url: str | None = None
    now: Callable[[], datetime] = system_clock
    data_file: Path | None = None
    time_scale: float = 600.0


@dataclass(frozen=True)
class Section:
    """A section of the checkout page: payment methods and test accounts, each with its label."""

    title: str
    methods: Mapping[str, str]
    accounts: Mapping[str, str]
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class GatewayProfile:
    """What one gateway adds to the shared parts: its name, switches, webhooks and payment methods.

    The accounts in `sections` pay, except those in `declined`; all other accounts fail. `events` maps an outcome to
    its webhook event, None where the gateway sends none.
    """

    name: str
    brand: str
    table: Table
    new_reference: Callable[[], str]
    format: WebhookFormat
    delivery: type[WebhookSender]
    methods: Mapping[str, str]
    sections: Callable[[Transaction], list[Section]]
    declined: Mapping[str, str]
    events: Mapping[Outcome | Literal["refunded"], str | None]
    refund_progress: Callable[[timedelta, timedelta, str], str]
    refund_done: str
    default_method: str
    default_mobile: str | None
    declined_example: str
    currency: str
    return_facts: Callable[[Transaction, str], dict[str, str]]

    def takes(self, transaction: Transaction, method: str, account: str) -> bool:
        """Whether a number or card pays in test mode."""
        offered = (each for each in self.sections(transaction) if method in each.methods)
        return account not in self.declined and any(account in each.accounts for each in offered)


class Sandbox:
    """One gateway's sandbox. Its routes are in the gateway's `api` modules, and in `checkout` and `control`."""

    def __init__(self, settings: SandboxSettings, gateway: GatewayProfile) -> None:
        self.settings = settings
        self.gateway = gateway
        self.transactions = TransactionStore(
            gateway.new_reference, RecordFile(settings.data_file) if settings.data_file else None
        )
        self.switches = Switches(gateway.table)
        self.call_log = CallLog(self.now)
        self.scheduler = Scheduler(self.now, settings.time_scale)
        self.closed = threading.Event()
        self.webhooks = gateway.delivery(
            webhook_format=gateway.format,
            webhook_url=settings.webhook_url,
            webhook_secret=settings.webhook_secret,
            api_key=settings.secret_key,
            switches=self.switches,
            call_log=self.call_log,
            scheduler=self.scheduler,
        )

    def now(self) -> datetime:
        """Return the instant by the local clock."""
        return self.settings.now()

    def active_deliveries(self) -> int:
        """Return how many callbacks and webhooks are being sent or about to be.

        Late webhooks and retries, which wait for minutes, do not count.
        """
        return self.scheduler.active_jobs()

    def idle(self) -> bool:
        """Whether no delivery is running or about to be."""
        return self.active_deliveries() == 0

    def close(self) -> None:
        """Release the answers that are held, and send nothing more."""
        self.closed.set()
        self.scheduler.close()

    def hold_times(self, tx_ref: str | None) -> HoldTimes:
        """Return how long answers about a payment are held."""
        return HoldTimes(
            self.closed,
            self.switches.seconds("hold_seconds", tx_ref),
            self.switches.seconds("slow_seconds", tx_ref),
        )

    def checkout_url(self, transaction: Transaction) -> str:
        """Return the address of a payment's hosted page."""
        return f"{self.settings.public_url.rstrip('/')}/{self.gateway.name}/checkout/{transaction.token}"

    def finish_checkout(
        self,
        tx_ref: str,
        outcome: Outcome,
        *,
        method: str | None = None,
        mobile: str | None = None,
        reason: str = "The payment was declined",
        webhook: bool = True,
        callback: bool = True,
    ) -> Transaction:
        """Record the customer's payment, failure or cancellation, and notify the merchant.

        Raises NotOpenError for a payment that is paid already, KeyError for an unknown tx_ref.
        """
        now = self.now()
        how: dict[str, Any] = {"method": method or self.gateway.default_method, "mobile": mobile}
        if method is None:
            how["mobile"] = self.gateway.default_mobile
        if outcome == "success":
            transaction = self.transactions.pay(tx_ref, now, **how)
        elif outcome == "failed":
            transaction = self.transactions.fail(tx_ref, now, reason=reason, **how)
        else:
            transaction = self.transactions.cancel_by_customer(tx_ref, now)
        event = self.gateway.events[outcome]
        if event is not None:
            self.webhooks.notify_merchant(transaction, event, webhook=webhook, callback=callback)
        return transaction

    def refund(
        self, transaction: Transaction, *, amount: Decimal | None, reference: str | None, reason: str | None
    ) -> Refund:
        """Accept a simulated refund, and send its webhook when it is done by the local clock.

        Raises TooMuchError, UsedBeforeError.
        """
        tx_ref = transaction.tx_ref
        refund = self.transactions.refund(tx_ref, self.now(), amount=amount, reference=reference, reason=reason)

        def notify() -> None:
            event = self.gateway.events["refunded"]
            if event is not None and self.refund_status(transaction, refund) == self.gateway.refund_done:
                self.webhooks.schedule_webhooks(self.transactions.find(tx_ref) or transaction, event)

        takes = self.switches.seconds("refund_seconds", tx_ref)
        self.scheduler.schedule(notify, after_seconds=takes, clock_only=True, counts=False)
        return refund

    def refund_status(self, transaction: Transaction, refund: Refund, forced: str | None = None) -> str:
        """Return a refund's status; `forced` is the value of its switch, where the caller has read it already."""
        takes = timedelta(seconds=self.switches.seconds("refund_seconds", transaction.tx_ref))
        forced = forced or self.switches.of("refund_verify", transaction.tx_ref)
        return self.gateway.refund_progress(self.now() - refund.created_at, takes, forced)

    def refunds_done(self, transaction: Transaction) -> Decimal:
        """Return how much of a payment is back with the customer."""
        done = self.gateway.refund_done
        back = (each.amount for each in transaction.refunds if self.refund_status(transaction, each) == done)
        return sum(back, Decimal(0))


class Sandboxes:
    """Several sandboxes that are waited for and closed together."""

    def __init__(self, *sandboxes: Sandbox) -> None:
        self._sandboxes = sandboxes

    def idle(self) -> bool:
        """Whether all of them are idle."""
        return all(sandbox.idle() for sandbox in self._sandboxes)

    def close(self) -> None:
        """Close all of them."""
        for sandbox in self._sandboxes:
            sandbox.close()
