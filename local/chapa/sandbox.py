"""The sandbox as a whole: its settings, its parts, and what follows when somebody pays."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from local.chapa import answers, webhooks
from local.chapa.courier import Courier
from local.chapa.delivery import Delivery
from local.chapa.faults import Patience
from local.chapa.journal import Journal
from local.chapa.ledger import Ledger, Refund, Transaction
from local.chapa.switches import Switches

Outcome = Literal["success", "failed", "cancel"]

WALLET_NUMBERS = ("0900123456", "0900112233", "0900881111")
MPESA_NUMBERS = ("0700123456", "0700112233", "0700881111")
WALLETS = {
    "telebirr": "telebirr",
    "cbebirr": "CBEBirr",
    "ebirr": "ebirr",
    "awashbirr": "Awash Birr",
    "amole": "Amole",
}
CARDS = {
    "4200000000000000": "Visa",
    "5400000000000000": "Mastercard",
    "3700000000000000": "American Express",
    "6200000000000000": "UnionPay",
    "3800000000000000": "Diners Club",
}


def system_clock() -> datetime:
    """Return the instant by the system's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """How a sandbox is set up.

    `webhook_url` is what a merchant types into the dashboard. `public_url` is where the app is served, so
    that links to checkout pages can be built. `now` is the local clock, which may jump. `time_scale` divides
    the delays of webhooks and retries: with 600, ten minutes are a second.
    """

    secret_key: str
    webhook_secret: str
    webhook_url: str
    public_url: str
    now: Callable[[], datetime] = system_clock
    time_scale: float = 600.0


class Sandbox:
    """The parts, joined. Routes are in `api`, `checkout` and `control`."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.ledger = Ledger()
        self.switches = Switches()
        self.journal = Journal(self.now)
        self.courier = Courier(self.now, settings.time_scale)
        self.closed = threading.Event()
        self.delivery = Delivery(
            webhook_url=settings.webhook_url,
            keys=webhooks.Keys(settings.webhook_secret, settings.secret_key),
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
        return f"{self.settings.public_url.rstrip('/')}/chapa/checkout/{transaction.token}"

    def conclude(
        self,
        tx_ref: str,
        outcome: Outcome,
        *,
        method: str = "telebirr",
        mobile: str | None = WALLET_NUMBERS[0],
        reason: str = "The payment was declined",
        webhook: bool = True,
        callback: bool = True,
    ) -> Transaction:
        """Let the customer pay, fail or cancel, and tell the merchant. Raises NotOpenError, KeyError."""
        now = self.now()
        if outcome == "success":
            transaction = self.ledger.pay(tx_ref, now, method=method, mobile=mobile)
        elif outcome == "failed":
            transaction = self.ledger.fail(tx_ref, now, method=method, mobile=mobile, reason=reason)
        else:
            transaction = self.ledger.walk_away(tx_ref, now)
        event = webhooks.SUCCESS if outcome == "success" else webhooks.FAILED
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
            if self.refund_status(transaction, refund) == "refunded":
                self.delivery.schedule_webhooks(transaction, webhooks.REFUNDED)

        takes = self.switches.seconds("refund_seconds", tx_ref)
        self.courier.schedule(tell, after_seconds=takes, clock_only=True, counts=False)
        return refund

    def refund_status(self, transaction: Transaction, refund: Refund) -> str:
        """Return how far a refund is."""
        takes = timedelta(seconds=self.switches.seconds("refund_seconds", transaction.tx_ref))
        forced = self.switches.of("refund_verify", transaction.tx_ref)
        return answers.refund_status(refund, self.now(), takes=takes, forced=forced)

    def status(self, transaction: Transaction) -> str:
        """Return the payment's true `data.status`."""
        done = (
            refund.amount for refund in transaction.refunds if self.refund_status(transaction, refund) == "refunded"
        )
        return answers.true_status(
            transaction,
            after_cancel=self.switches.of("verify_after_cancel", transaction.tx_ref),
            refunds_done=sum(done, Decimal(0)),
        )
