"""Chapa: a ledger of real money, which outlives every table, and its answers with their quirks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Literal

from chalicelib.domain.booking import GatewayStatus
from chalicelib.domain.errors import GatewayRejected, ReferenceUsed
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from chalicelib.services.ports.gateways import (
    BadSignature,
    GatewayEvent,
    NotJson,
    Opening,
    RefundAnswer,
    RefundGatewayStatus,
    WebhookNotice,
)
from tests.replacing import replace
from tests.simulation.coverage import covered
from tests.simulation.scheduler import HOUR, MINUTE, SECOND, Scheduler

SIGNED = {"x-chapa-signature": "signed by Chapa"}
LINK_LIVES = 60 * MINUTE
STALLS = 0.05
"""The share of refunds that the gateway calls under way for ever."""

Status = Literal["pending", "paid", "failed", "refunded", "reversed"]
PaidAs = Literal["as asked", "less", "more", "another currency", "another mode", "another reference"]


@dataclass
class GatewayRefund:
    """One refund as the gateway has it."""

    refund_id: str
    amount: Money
    name: str | None
    status: RefundGatewayStatus = "processing"


@dataclass
class Charge:
    """One reference as the gateway has it. ``received`` is the money that a guest really parted with."""

    tx_ref: str
    amount: Money
    opened: int
    status: Status = "pending"
    changed: int = 0
    before: Status = "pending"
    cancelled: bool = False
    received: Money | None = None
    paid_as: PaidAs = "as asked"
    paid_at: int = 0
    reversal: bool = False
    refunds: list[GatewayRefund] = field(default_factory=list)

    @property
    def reference(self) -> str:
        return f"AP{self.tx_ref}"

    @property
    def went_back(self) -> int:
        """Minor units that are back with the guest, or on their way."""
        return sum(each.amount.minor for each in self.refunds if each.status != "reversed")

    def turn(self, status: Status, ms: int) -> None:
        self.before, self.status, self.changed = self.status, status, ms


@dataclass(frozen=True)
class Quirks:
    """What Chapa's sources disagree about, drawn for each history."""

    mode: str = "live"
    partial_refund_reads_refunded: bool = False
    names_refunds: bool = True
    refund_hours: int = 24
    refunds_come_back: float = 0.0
    stale: float = 0.0
    status_after_cancel: GatewayStatus = "pending"

    @property
    def reverses_at_once(self) -> bool:
        """A payment is reversed as soon as a refund is asked for, as Paystack's may be.

        Only where refunds have names and do not come back: without a name nobody could tell what became of one.
        """
        return self.names_refunds and self.refund_hours > 24


class SimGateway:
    """The Gateway port, and what guests and Chapa itself do there. ``deliver_webhook`` sends a webhook."""

    name = "chapa"
    api_version = ""
    refund_business_days = 3

    def __init__(
        self,
        scheduler: Scheduler,
        quirks: Quirks,
        *,
        deliver_webhook: Callable[[str, str], None],
        asked_to_open: Callable[[Opening], None],
        asked_to_refund: Callable[[Charge, str], None],
        asked_to_verify: Callable[[str], None],
    ) -> None:
        self.scheduler = scheduler
        self.quirks = quirks
        self.charges: dict[str, Charge] = {}
        self.calm = False
        self._deliver_webhook, self._asked_to_open, self._asked_to_refund = (
            deliver_webhook,
            asked_to_open,
            asked_to_refund,
        )
        self._asked_to_verify = asked_to_verify

    @property
    def mode(self) -> str:
        return self.quirks.mode

    # The port

    def initialize(self, opening: Opening) -> str:
        self._asked_to_open(opening)
        if opening.tx_ref in self.charges:
            covered("gateway", "reference used before")
            raise ReferenceUsed("Transaction reference has been used before", definitely_not_executed=True)
        if not self.calm and self._chance().random() < 0.04:
            covered("gateway", "opening refused")
            raise GatewayRejected("Refused.", definitely_not_executed=True)
        self.charges[opening.tx_ref] = Charge(
            opening.tx_ref, opening.amount, self.scheduler.ms, changed=self.scheduler.ms
        )
        return f"https://checkout.chapa.co/checkout/payment/{opening.tx_ref}"

    def verify(self, tx_ref: str) -> Verification:
        self._asked_to_verify(tx_ref)
        charge = self.charges.get(tx_ref)
        if charge is None:
            return Verification("unknown")
        status = charge.status
        recent = self.scheduler.ms - charge.changed < 5 * MINUTE
        if recent and not self.calm and self._chance().random() < self.quirks.stale:
            covered("gateway", "stale answer")
            if charge.status == "pending":
                return Verification("unknown")
            status = charge.before
        if status == "pending" and charge.cancelled:
            return self._answer(charge, self.quirks.status_after_cancel)
        return self._answer(charge, status)

    def cancel(self, tx_ref: str) -> bool:
        charge = self.charges.get(tx_ref)
        if charge is None:
            return True
        if charge.status not in ("pending", "failed"):
            return False
        charge.cancelled = True
        return True

    def refund(self, provider_reference: str, *, amount: Money, refund_id: str, reason: str) -> RefundAnswer:
        del reason
        charge = self.charges[provider_reference.removeprefix("AP")]
        self._asked_to_refund(charge, refund_id)
        if self.mode == "test":
            raise GatewayRejected("Refunds can only be processed in live mode", definitely_not_executed=True)
        if any(each.refund_id == refund_id for each in charge.refunds):
            covered("gateway", "refund reference used before")
            raise GatewayRejected("Reference has been used", definitely_not_executed=True)
        if charge.received is None or charge.reversal or charge.went_back + amount.minor > charge.received.minor:
            covered("gateway", "refund of more than there is")
            raise GatewayRejected(
                "Refund amount cannot exceed the full transaction amount", definitely_not_executed=True
            )
        name = f"RF{refund_id}" if self.quirks.names_refunds else None
        refund_made = GatewayRefund(refund_id, amount, name)
        charge.refunds.append(refund_made)
        if self.quirks.reverses_at_once:
            covered("gateway", "reversed as soon as a refund was asked for")
            charge.turn("reversed", self.scheduler.ms)
            self._schedule_webhook(charge, "refund.pending", Random(f"{refund_id} pending"))
        after = int(self.quirks.refund_hours * HOUR * (0.5 + self._chance().random()))
        if Random(f"{refund_id} stalls").random() < STALLS:
            covered("money", "a refund is under way for ever")
        else:
            self.scheduler.at(self.scheduler.ms + after, lambda: self._finish(charge, refund_made))
        return RefundAnswer("processing", name)

    def refund_status(self, provider_refund_id: str) -> RefundAnswer:
        for charge in self.charges.values():
            for refund_made in charge.refunds:
                if refund_made.name == provider_refund_id:
                    return RefundAnswer(refund_made.status, refund_made.name)
        return RefundAnswer("unknown")

    def find_refund(self, refund_id: str, *, since: datetime) -> RefundAnswer | None:
        """The newest of this name, where it names refunds at all; that it finds none proves nothing."""
        made = [each for charge in self.charges.values() for each in charge.refunds if each.refund_id == refund_id]
        if not made or not self.quirks.names_refunds:
            return None
        covered("gateway", "refund found by our own name")
        return RefundAnswer(made[-1].status, made[-1].name)

    def dispute(self, provider_dispute_id: str) -> None:
        """This world's payers claim nothing back through their banks."""

    def events(self, reference: str) -> tuple[GatewayEvent, ...]:
        return ()

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookNotice:
        if headers != SIGNED:
            raise BadSignature("forged")
        event, _, tx_ref = body.decode().partition("|")
        if not event:
            raise NotJson("junk")
        return WebhookNotice(tx_ref or None, event, claims_paid=event == "charge.success")

    # What happens there

    def complete(self, charge: Charge, rng: Random, *, on_its_way: bool) -> str:
        """A guest tries to pay. Answers what became of it."""
        if charge.received is not None or (charge.cancelled and not on_its_way):
            return "not possible"
        if rng.random() < 0.2:
            if not charge.cancelled:
                charge.turn("failed", self.scheduler.ms)
                self._schedule_webhook(charge, "charge.failed/cancelled", rng)
            return "failed"
        charge.paid_as = "as asked"
        received = charge.amount
        drawn = rng.random()
        if drawn < 0.03:
            charge.paid_as, received = "less", Money(max(received.minor - 100, 1), "ETB")
        elif drawn < 0.05:
            charge.paid_as, received = "more", Money(received.minor + 100, "ETB")
        elif drawn < 0.07:
            charge.paid_as, received = "another currency", Money(received.minor, "USD")
        elif drawn < 0.09:
            charge.paid_as = "another mode"
        elif drawn < 0.1:
            charge.paid_as = "another reference"
        charge.received, charge.paid_at = received, self.scheduler.ms
        charge.turn("paid", self.scheduler.ms)
        covered("money", f"paid {charge.paid_as}{' after the link was closed' if charge.cancelled else ''}")
        self._schedule_webhook(charge, "charge.success", rng)
        return "paid"

    def record_reversal(self, charge: Charge, rng: Random) -> None:
        """A chargeback, or somebody at the dashboard: the money goes back without our asking."""
        if charge.received is None or charge.refunds or charge.reversal:
            return
        charge.reversal = True
        charge.turn("reversed" if rng.random() < 0.5 else "refunded", self.scheduler.ms)
        covered("money", "reversed")
        self._schedule_webhook(charge, "charge.refunded", rng)

    def _finish(self, charge: Charge, refund_made: GatewayRefund) -> None:
        at_once = self.quirks.reverses_at_once
        if not at_once and Random(charge.tx_ref).random() < self.quirks.refunds_come_back:
            refund_made.status = "reversed"
            covered("money", "a refund came back")
            return
        refund_made.status = "refunded"
        covered("money", "refunded")
        assert charge.received is not None
        whole = charge.went_back >= charge.received.minor
        if not at_once and (whole or self.quirks.partial_refund_reads_refunded):
            charge.turn("refunded", self.scheduler.ms)
        self._schedule_webhook(charge, "charge.refunded", Random(refund_made.refund_id))

    def _schedule_webhook(self, charge: Charge, event: str, rng: Random) -> None:
        """The webhook, in one of its delivery patterns."""
        drawn = rng.random()
        if drawn < 0.15:
            covered("webhook", "never sent")
            return
        delays = [1 + 5 * rng.random()]
        pattern = "in time"
        if drawn < 0.25:
            pattern, delays = "three times", [0.01, 2 * rng.random(), 4 * rng.random()]
        elif drawn < 0.4:
            pattern, delays = "late", [60 * 40 * (1 + 29 * rng.random())]
        elif drawn < 0.5:
            pattern, delays = "at once", [0.0]
        covered("webhook", pattern)
        for delay in delays:
            at = self.scheduler.ms + int(delay * SECOND)
            self.scheduler.at(at, lambda: self._deliver_webhook(charge.tx_ref, event))

    def _answer(self, charge: Charge, said: GatewayStatus) -> Verification:
        answer = Verification(said, charge.tx_ref, charge.amount, charge.amount.decimal, self.mode)
        if charge.received is None or said in ("pending", "failed", "unknown"):
            return answer
        return replace(
            answer,
            amount=charge.received,
            tx_ref="GZ00000000000000-1" if charge.paid_as == "another reference" else charge.tx_ref,
            mode="other" if charge.paid_as == "another mode" else self.mode,
            provider_reference=charge.reference,
        )

    def _chance(self) -> Random:
        actor = self.scheduler.current
        return actor.rng if actor is not None else Random(self.scheduler.ms)
