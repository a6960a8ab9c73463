"""A sandbox as a whole: its settings, its parts, and what follows when somebody pays."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from local.sandboxes.core.courier import Courier
from local.sandboxes.core.delivery import Delivery, Voice
from local.sandboxes.core.faults import Patience
from local.sandboxes.core.journal import Journal
from local.sandboxes.core.ledger import Ledger, Refund, Transaction
from local.sandboxes.core.switches import Switches, Table

Outcome = Literal["success", "failed", "cancel"]


def system_clock() -> datetime:
    """Return the instant by the system's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """How a sandbox is set up.

    `secret_key` is what it is asked with, and `secret_key_v2` the key for version 2 of its API, where there is one.
    `webhook_url` is what a merchant types into the dashboard, and so is `redirect_url`, for gateways that are not told
    with each payment where the guest comes back to. `public_url` is where the app is served, so that links to
    checkout pages can be built. `now` is the local clock, which may jump. `time_scale` divides the delays of
    webhooks and retries: with 600, ten minutes are a second.
    """

    secret_key: str
    webhook_secret: str
    webhook_url: str
    public_url: str
    secret_key_v2: str = ""
    redirect_url: str | None = None
    now: Callable[[], datetime] = system_clock
    time_scale: float = 600.0


@dataclass(frozen=True)
class Section:
    """A way to pay on the checkout page: one of some methods, by one of some accounts, each with what it is called."""

    title: str
    methods: Mapping[str, str]
    accounts: Mapping[str, str]
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """What is one gateway's own: its name, its switches, its webhooks and its ways to pay.

    The accounts that its `sections` offer pay, and all others fail; `declined` are those that are offered, and fail.
    `events` names the event of an outcome (None: there is none).
    """

    name: str
    brand: str
    table: Table
    new_reference: Callable[[], str]
    voice: Voice
    delivery: type[Delivery]
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
        """Say whether a number or card pays in test mode."""
        offered = (each for each in self.sections(transaction) if method in each.methods)
        return account not in self.declined and any(account in each.accounts for each in offered)


class Sandbox:
    """The parts, joined. Routes are in each gateway's `api`, and in `checkout` and `control`."""

    def __init__(self, settings: SandboxSettings, gateway: Gateway) -> None:
        self.settings = settings
        self.gateway = gateway
        self.ledger = Ledger(gateway.new_reference)
        self.switches = Switches(gateway.table)
        self.journal = Journal(self.now)
        self.courier = Courier(self.now, settings.time_scale)
        self.closed = threading.Event()
        self.delivery = gateway.delivery(
            voice=gateway.voice,
            webhook_url=settings.webhook_url,
            webhook_secret=settings.webhook_secret,
            api_key=settings.secret_key,
            switches=self.switches,
            journal=self.journal,
            courier=self.courier,
        )

    def now(self) -> datetime:
        """Return the instant by the local clock."""
        return self.settings.now()

    def deliveries_under_way(self) -> int:
        """Return how many callbacks and webhooks are being sent, or will be in a moment.

        What waits for a long time, such as a late webhook or a retry, does not count.
        """
        return self.courier.under_way()

    def idle(self) -> bool:
        """Say whether nothing is under way."""
        return self.deliveries_under_way() == 0

    def close(self) -> None:
        """End what is being held, and send nothing more."""
        self.closed.set()
        self.courier.close()

    def patience(self, tx_ref: str | None) -> Patience:
        """Return how long answers about a payment are held."""
        return Patience(
            self.closed,
            self.switches.seconds("hold_seconds", tx_ref),
            self.switches.seconds("slow_seconds", tx_ref),
        )

    def checkout_url(self, transaction: Transaction) -> str:
        """Return the address of a payment's hosted page."""
        return f"{self.settings.public_url.rstrip('/')}/{self.gateway.name}/checkout/{transaction.token}"

    def conclude(
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
        """Let the customer pay, fail or cancel, and tell the merchant. Raises NotOpenError, KeyError."""
        now = self.now()
        how: dict[str, Any] = {"method": method or self.gateway.default_method, "mobile": mobile}
        if method is None:
            how["mobile"] = self.gateway.default_mobile
        if outcome == "success":
            transaction = self.ledger.pay(tx_ref, now, **how)
        elif outcome == "failed":
            transaction = self.ledger.fail(tx_ref, now, reason=reason, **how)
        else:
            transaction = self.ledger.walk_away(tx_ref, now)
        event = self.gateway.events[outcome]
        if event is not None:
            self.delivery.announce(transaction, event, webhook=webhook, callback=callback)
        return transaction

    def refund(
        self, transaction: Transaction, *, amount: Decimal | None, reference: str | None, reason: str | None
    ) -> Refund:
        """Take a simulated refund; its webhook follows when the local clock says that it is done.

        Raises TooMuchError, UsedBeforeError.
        """
        tx_ref = transaction.tx_ref
        refund = self.ledger.refund(tx_ref, self.now(), amount=amount, reference=reference, reason=reason)

        def tell() -> None:
            event = self.gateway.events["refunded"]
            if event is not None and self.refund_status(transaction, refund) == self.gateway.refund_done:
                self.delivery.schedule_webhooks(self.ledger.find(tx_ref) or transaction, event)

        takes = self.switches.seconds("refund_seconds", tx_ref)
        self.courier.schedule(tell, after_seconds=takes, clock_only=True, counts=False)
        return refund

    def refund_status(self, transaction: Transaction, refund: Refund, forced: str | None = None) -> str:
        """Return how far a refund is; `forced` is what its switch says, where that was taken already."""
        takes = timedelta(seconds=self.switches.seconds("refund_seconds", transaction.tx_ref))
        forced = forced or self.switches.of("refund_verify", transaction.tx_ref)
        return self.gateway.refund_progress(self.now() - refund.created_at, takes, forced)

    def refunds_done(self, transaction: Transaction) -> Decimal:
        """Return how much of a payment is back with the customer."""
        done = self.gateway.refund_done
        back = (each.amount for each in transaction.refunds if self.refund_status(transaction, each) == done)
        return sum(back, Decimal(0))


class Sandboxes:
    """Several sandboxes, waited for and closed together."""

    def __init__(self, *sandboxes: Sandbox) -> None:
        self._sandboxes = sandboxes

    def idle(self) -> bool:
        """Say whether nothing is under way in any."""
        return all(sandbox.idle() for sandbox in self._sandboxes)

    def close(self) -> None:
        """Close all of them."""
        for sandbox in self._sandboxes:
            sandbox.close()
