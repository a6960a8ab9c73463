"""The second implementation of every port, in memory.

``Fakes`` satisfies ``Ports``. All its parts share one call log, so a test can read which port was called with what,
run a rival before one chosen call (``run_before``), or lose an answer (``run_after``).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from chalicelib.domain.booking import Booking, OutboxEntry, Payment
from chalicelib.domain.disputes import DisputeFacts
from chalicelib.domain.errors import GatewayError, ReferenceUsed
from chalicelib.domain.finance.settlement import PayoutPage, TransactionPage
from chalicelib.domain.host import Notify
from chalicelib.domain.money import EXPONENTS, Money
from chalicelib.domain.outbox import address_of
from chalicelib.domain.people.limits import Limits
from chalicelib.domain.verification import Verification
from chalicelib.services.ports.bookings import BookingStore
from chalicelib.services.ports.gateways import (
    BadSignature,
    GatewayEvent,
    NotJson,
    Opening,
    RefundAnswer,
    RefundGatewayStatus,
    WebhookNotice,
)
from chalicelib.services.ports.ledger import LedgerStore
from chalicelib.services.ports.listings import ClosingStore, ListingStore
from chalicelib.services.ports.mail import Message
from chalicelib.services.ports.outcomes import Fault
from chalicelib.services.ports.people import ErasureStore, HostStore, SuppressionStore
from chalicelib.services.ports.queues import NO_DELAY, DeadLetter, QueueDepth, QueueName, Task
from chalicelib.services.ports.stage import Rules
from chalicelib.services.ports.watch import WatchStore
from tests.builders import NOW
from tests.call_log import CallLog, Logged, Rival, logged, raises
from tests.fake_stores import (
    FakeBookings,
    FakeClosings,
    FakeErasures,
    FakeHosts,
    FakeLedger,
    FakeListings,
    FakeSuppressions,
    FakeWatch,
    Tables,
)
from tests.replacing import replace

SIGNATURE = "x-chapa-signature"


class FakeClock(Logged):
    """A clock that stands still until it is moved. Sleeping moves it, or does ``on_sleep`` instead."""

    port = "clock"

    def __init__(self, now: datetime = NOW, call_log: CallLog | None = None) -> None:
        super().__init__(call_log)
        self._now = now
        self.slept: list[float] = []
        self.on_sleep: Rival | None = None

    def now(self) -> datetime:
        return self._now

    @logged
    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.on_sleep is not None:
            self.on_sleep()
        else:
            self._now += timedelta(seconds=seconds)

    def move(self, **by: float) -> datetime:
        """Move on: ``clock.move(minutes=5)``."""
        self._now += timedelta(**by)
        return self._now

    def move_to(self, when: datetime) -> None:
        self._now = when


class FakeChance:
    """A port without randomness: jitter 0.5, tokens counted up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens = 0

    def jitter(self) -> float:
        return 0.5

    def token(self) -> str:
        with self._lock:
            self._tokens += 1
            return f"token-{self._tokens:010}"


@dataclass
class Charge:
    """What the gateway knows of a reference; ``status`` in the words of Verification, ``refusing`` a cancelled link."""

    opening: Opening
    url: str
    status: Literal["pending", "paid", "failed", "refunded", "reversed"] = "pending"
    cancelled: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)


class FakeGateway(Logged):
    """Behaves like Chapa: a reference is burnt once it was opened; a cancelled link cannot be paid on any more."""

    port = "gateway"
    name = "chapa"
    mode = "test"
    api_version = ""
    refund_business_days = 3
    secret = b"the webhook's secret"

    def __init__(self, call_log: CallLog | None = None) -> None:
        super().__init__(call_log)
        self._lock = threading.Lock()
        self.charges: dict[str, Charge] = {}
        self.refunds: list[tuple[str, Money, str]] = []
        self.reported_refund_status: RefundGatewayStatus = "processing"
        self.lists_refunds = False
        self.disputes: dict[str, DisputeFacts] = {}
        self.listed: list[TransactionPage | None] = []
        self.paid_out: list[PayoutPage | None] = []
        self.inside: dict[str, list[TransactionPage]] = {}
        self.down: GatewayError | None = None

    @logged
    def initialize(self, opening: Opening) -> str:
        self._is_up()
        with self._lock:
            if opening.tx_ref in self.charges:
                raise ReferenceUsed("Transaction reference has been used before", definitely_not_executed=True)
            url = f"https://checkout.chapa.co/checkout/payment/{len(self.charges) + 1:04}-{opening.tx_ref}"
            self.charges[opening.tx_ref] = Charge(opening, url)
            return url

    @logged
    def verify(self, tx_ref: str) -> Verification:
        self._is_up()
        charge = self.charges.get(tx_ref)
        if charge is None:
            return Verification("unknown")
        amount = charge.opening.amount
        answer = Verification(charge.status, tx_ref, amount, amount.decimal, self.mode)
        if charge.status == "paid":
            answer = replace(
                answer,
                provider_reference=f"AP{tx_ref}",
                receipt_url=f"https://chapa.link/payment-receipt/AP{tx_ref}",
                fee=Money(amount.minor * 35 // 1000, amount.currency),
            )
        return replace(answer, **charge.changes)

    @logged
    def cancel(self, tx_ref: str) -> bool:
        self._is_up()
        charge = self.charges.get(tx_ref)
        if charge is None or charge.status == "paid":
            return False
        charge.cancelled = True
        return True

    @logged
    def refund(self, provider_reference: str, *, amount: Money, refund_id: str, reason: str) -> RefundAnswer:
        self._is_up()
        charge = self.charges[provider_reference.removeprefix("AP")]
        assert charge.status in ("paid", "reversed"), "nothing was paid that could go back"
        with self._lock:
            self.refunds.append((refund_id, amount, reason))
        return RefundAnswer("processing", f"RF{refund_id}")

    @logged
    def refund_status(self, provider_refund_id: str) -> RefundAnswer:
        self._is_up()
        return RefundAnswer(self.reported_refund_status, provider_refund_id)

    @logged
    def find_refund(self, refund_id: str, *, since: datetime) -> RefundAnswer | None:
        self._is_up()
        if not self.lists_refunds:
            return None
        posted = any(refund_id == name for name, _, _ in self.refunds)
        return RefundAnswer(self.reported_refund_status, f"RF{refund_id}") if posted else RefundAnswer("unknown")

    @logged
    def dispute(self, provider_dispute_id: str) -> DisputeFacts | None:
        self._is_up()
        return self.disputes.get(provider_dispute_id)

    @logged
    def events(self, reference: str) -> tuple[GatewayEvent, ...]:
        self._is_up()
        charge = self.charges.get(reference.removeprefix("AP"))
        return (GatewayEvent(NOW, f"Payment {charge.status}"),) if charge else ()

    @logged
    def transactions(self, after: str = "") -> TransactionPage | None:
        self._is_up()
        page = int(after or 1)
        found = self.listed[page - 1] if page <= len(self.listed) else TransactionPage((), more=False)
        return None if found is None else replace(found, cursor=f"{page + 1}")

    @logged
    def payouts(self, after: str = "") -> PayoutPage | None:
        self._is_up()
        page = int(after or 1)
        found = self.paid_out[page - 1] if page <= len(self.paid_out) else PayoutPage((), more=False)
        return None if found is None else replace(found, cursor=f"{page + 1}")

    @logged
    def payout_transactions(self, payout_id: str, after: str = "") -> TransactionPage:
        self._is_up()
        pages, page = self.inside.get(payout_id, []), int(after or 1)
        found = pages[page - 1] if page <= len(pages) else TransactionPage((), more=False)
        return replace(found, cursor=f"{page + 1}")

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookNotice:
        if headers.get(SIGNATURE) != self._signature(body):
            raise BadSignature
        try:
            fields = json.loads(body)
        except ValueError:
            raise NotJson from None
        return WebhookNotice(
            fields.get("tx_ref"),
            fields["event"],
            claims_paid=fields["event"] == "charge.success",
            dispute=msgspec.convert(fields["dispute"], DisputeFacts) if "dispute" in fields else None,
        )

    def pay(self, tx_ref: str, /, *, on_its_way: bool = False, **changes: Any) -> None:
        """The guest pays on the link. ``on_its_way``: the money was under way before the link was closed."""
        charge = self.charges[tx_ref]
        assert on_its_way or not charge.cancelled, "nobody can pay on a link that was cancelled"
        charge.status, charge.changes = "paid", changes

    def set_status(self, tx_ref: str, status: Literal["pending", "paid", "failed", "refunded", "reversed"]) -> None:
        self.charges[tx_ref].status = status

    def webhook(
        self, tx_ref: str | None, event: str = "charge.success", dispute: DisputeFacts | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """A delivery as the gateway signs it: body and headers."""
        about = {} if dispute is None else {"dispute": msgspec.to_builtins(dispute)}
        body = json.dumps({"event": event, "tx_ref": tx_ref, **about}).encode()
        return body, {SIGNATURE: self._signature(body)}

    def fail_next(self, method: str, error: GatewayError, *, done: bool = False, times: int = 1) -> None:
        """Make the next ``times`` calls raise ``error``; with ``done``, after the gateway executed the call."""
        arm = self.call_log.run_after if done else self.call_log.run_before
        for skip in range(times):
            arm(f"gateway.{method}", raises(error), skip=skip)

    def _is_up(self) -> None:
        if self.down is not None:
            raise self.down

    def _signature(self, body: bytes) -> str:
        return hmac.new(self.secret, body, hashlib.sha256).hexdigest()


class FakeQueue(Logged):
    """The Queue port; keeps the messages of both queues as lists. While ``down``, every call raises Fault."""

    port = "queue"

    def __init__(self, call_log: CallLog | None = None) -> None:
        super().__init__(call_log)
        self.tasks: list[Task] = []
        self.letters: list[Task] = []
        self.delays: list[timedelta] = []
        self.down = False

    @logged
    def enqueue_reconcile(self, tasks: Iterable[Task], *, delay: timedelta = NO_DELAY) -> None:
        self._is_up()
        self.delays.append(delay)
        self.tasks += tasks

    @logged
    def depth(self) -> int:
        self._is_up()
        return len(self.tasks)

    @logged
    def depths(self) -> tuple[QueueDepth, ...]:
        self._is_up()
        return QueueDepth("reconcile", len(self.tasks), 0, 0), QueueDepth("emails", len(self.letters), 0, 0)

    @logged
    def enqueue_outbox(self, task: Task) -> None:
        self._is_up()
        self.letters.append(task)

    def _is_up(self) -> None:
        if self.down:
            raise Fault("the queue could not be reached")


class FakeDeadLetters:
    """The DeadLetters port, and what is held of it; ``sent_back`` went to their queues."""

    def __init__(self) -> None:
        self.lying: list[DeadLetter] = []
        self.sent_back: list[DeadLetter] = []

    @property
    def letters(self) -> tuple[DeadLetter, ...]:
        return tuple(sorted(self.lying, key=lambda letter: letter.place))

    @contextmanager
    def held(self, queues: Sequence[QueueName], *, most: int, until: str | None = None) -> Iterator[FakeDeadLetters]:
        kept = [letter for letter in self.lying if letter.queue not in queues]
        self.lying = [letter for letter in self.lying if letter.queue in queues]
        left = {queue: [letter for letter in self.lying if letter.queue == queue][most:] for queue in queues}
        self.lying = [letter for letter in self.lying if letter not in left[letter.queue]]
        try:
            yield self
        finally:
            self.lying += [*kept, *(letter for letters in left.values() for letter in letters)]

    def drop(self, letter: DeadLetter) -> None:
        self.lying.remove(letter)

    def send_back(self, letter: DeadLetter) -> None:
        self.drop(letter)
        self.sent_back.append(letter)


class FakeMailer(Logged):
    """The MailSender port; keeps every message that was sent, in order."""

    port = "mailer"

    def __init__(self, call_log: CallLog | None = None) -> None:
        super().__init__(call_log)
        self.sent: list[Message] = []

    @logged
    def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def subjects(self) -> list[str]:
        return [message.subject for message in self.sent]


class FakeLetters(Logged):
    """A letter's subject is its kind and number, its text what it is about."""

    port = "letters"

    @logged
    def render(self, entry: OutboxEntry, booking: Booking, host: Notify) -> Message:
        return Message(address_of(entry, booking, host), f"{entry.kind} {entry.entry_id}", entry.about, "<p></p>")


class FakeSecrets:
    """Secrets by name."""

    def __init__(self, **known: str) -> None:
        self.known = known

    def get(self, name: str) -> str:
        if name not in self.known:
            raise Fault(f"the secret {name} could not be read")
        return self.known[name]

    def find(self, name: str) -> str | None:
        return self.known.get(name)


class FakeObserve:
    """The Observe port; keeps the log lines as pairs of event and fields."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, event: str, /, *, level: Literal["info", "warning", "error"] = "info", **fields: Any) -> None:
        self.lines.append((event, {"level": level, **fields}))

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.lines]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.lines if name == event]


class OneGateway:
    """A stage with one gateway; it takes all ``currencies``, or those given."""

    def __init__(self, gateway: Any, currencies: frozenset[str] | None = None) -> None:
        self.gateway = gateway
        self.currencies = currencies

    def named(self, name: str) -> Any:
        if name != self.gateway.name:
            raise KeyError(name)
        return self.gateway

    def of(self, payment: Payment) -> Any:
        return self.named(payment.gateway)

    def for_currency(self, currency: str) -> Any:
        return self.gateway if currency in (EXPONENTS if self.currencies is None else self.currencies) else None

    def all(self) -> list[Any]:
        return [self.gateway]


class Fakes:
    """The ``Ports`` of a test; all fakes, but for stores that it brings itself."""

    def __init__(
        self,
        *,
        now: datetime = NOW,
        bookings: BookingStore | None = None,
        listings: ListingStore | None = None,
        closings: ClosingStore | None = None,
        erasures: ErasureStore | None = None,
        hosts: HostStore | None = None,
        ledger: LedgerStore | None = None,
        suppressions: SuppressionStore | None = None,
        watch: WatchStore | None = None,
    ) -> None:
        self.call_log = CallLog()
        self.tables = Tables()
        self.bookings: BookingStore = bookings or FakeBookings(self.tables, self.call_log)
        self.listings: ListingStore = listings or FakeListings(self.tables, self.call_log)
        self.closings: ClosingStore = closings or FakeClosings(self.tables, self.call_log)
        self.erasures: ErasureStore = erasures or FakeErasures(self.tables, self.call_log)
        self.hosts: HostStore = hosts or FakeHosts(self.tables, self.call_log)
        self.ledger: LedgerStore = ledger or FakeLedger(self.tables, self.call_log)
        self.search_secrets = FakeSecrets(key="the key that search works with")
        self.suppressions: SuppressionStore = suppressions or FakeSuppressions(self.tables, self.call_log)
        self.watch: WatchStore = watch or FakeWatch(self.tables, self.call_log)
        self.gateway = FakeGateway(self.call_log)
        self.gateways = OneGateway(self.gateway)
        self.queue = FakeQueue(self.call_log)
        self.dead_letters = FakeDeadLetters()
        self.letters = FakeLetters(self.call_log)
        self.mailer = FakeMailer(self.call_log)
        self.clock = FakeClock(now, self.call_log)
        self.chance = FakeChance()
        self.observe = FakeObserve()
        self.rules = Rules(
            hold_for=timedelta(minutes=30),
            checkout_window=timedelta(minutes=60),
            return_origins=frozenset({"https://shop.example.et"}),
            time_zone="Africa/Addis_Ababa",
            currency="ETB",
            payment_limits={"ETB": Money(100_000_000, "ETB")},
            limits=Limits(),
            second_person_above={"ETB": Money(5_000_000, "ETB"), "USD": Money(1_000_000, "USD")},
        )

    def run_before(self, call: str, rival: Rival, *, skip: int = 0) -> None:
        """Run ``rival`` once just before the next call of ``port.method``, after ``skip`` others."""
        self.call_log.run_before(call, rival, skip=skip)

    def run_after(self, call: str, rival: Rival, *, skip: int = 0) -> None:
        """Run ``rival`` after the call did its work: an exception that it raises is a lost answer."""
        self.call_log.run_after(call, rival, skip=skip)
