"""`TransactionStore`: the transactions and refunds of a sandbox, in memory, behind one lock.

Records are frozen; only the methods here replace them. Amounts are Decimals in major units (birr, shillings), whatever
unit the gateway's API uses.
"""

import secrets
import string
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from local.sandboxes.core.call_log import stamp
from local.sandboxes.core.record_file import RecordFile

CHECKOUT_WINDOW = timedelta(minutes=60)
TRIES = 10
FEE = Decimal("0.025")
CENT = Decimal("0.01")
LETTERS_AND_DIGITS = string.ascii_letters + string.digits

Status = Literal["pending", "paid", "failed", "expired"]


class UsedBeforeError(Exception):
    """This tx_ref (or refund reference) was given before; it is burnt for ever, even if nobody paid."""


class NotOpenError(Exception):
    """The link is paid for or expired already, so this can no longer be done to it."""


class TooMuchError(Exception):
    """A refund of nothing, or of more than is left of the payment."""


def random_word(length: int) -> str:
    """Return a random word of letters and digits, as tokens and references are."""
    return "".join(secrets.choice(LETTERS_AND_DIGITS) for _ in range(length))


@dataclass(frozen=True, kw_only=True)
class Refund:
    """A simulated refund; `reference` is the merchant's own, `ref_id` and `number` are the gateway's."""

    number: int
    ref_id: str
    reference: str
    amount: Decimal
    reason: str | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Dispute:
    """A simulated dispute of a payment; `status` and `resolution` are the gateway's words."""

    number: int
    amount: Decimal
    status: str
    due_at: datetime
    created_at: datetime
    updated_at: datetime
    resolution: str | None = None


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """One initialised payment. `reference` is the gateway's own name for it; `api` is the version that opened it."""

    tx_ref: str
    token: str
    reference: str
    amount: Decimal
    currency: str
    created_at: datetime
    updated_at: datetime
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    mobile: str | None = None
    callback_url: str | None = None
    return_url: str | None = None
    customization: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] | None = None
    status: Status = "pending"
    cancelled_by_customer: bool = False
    method: str | None = None
    failure_reason: str | None = None
    tries: int = 0
    events: tuple[tuple[datetime, str], ...] = ()
    refunds: tuple[Refund, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    api: str = "v1"

    @property
    def charge(self) -> Decimal:
        """Return the gateway's fee for it."""
        return (self.amount * FEE).quantize(CENT)

    @property
    def refunded(self) -> Decimal:
        """Return how much of it was asked back so far."""
        return sum((refund.amount for refund in self.refunds), Decimal(0))

    def timeline(self) -> list[tuple[str, str]]:
        """Return what happened to it, oldest first, each with its time."""
        return [(stamp(at), text) for at, text in self.events]

    def open_at(self, now: datetime) -> bool:
        """Say whether its checkout page still takes a payment."""
        unpaid = self.status in ("pending", "failed")
        return unpaid and self.tries < TRIES and now < self.created_at + CHECKOUT_WINDOW


class TransactionStore:
    """Transactions by tx_ref, by token and by the gateway's reference, which `new_reference` makes."""

    def __init__(self, new_reference: Callable[[], str], file: RecordFile | None = None) -> None:
        """With a `file`, its transactions are loaded, and every change is written to it."""
        self._new_reference = new_reference
        self._file = file
        self._lock = threading.Lock()
        self._transactions: dict[str, Transaction] = {}
        self._tx_ref_of_token: dict[str, str] = {}
        self._tx_ref_of_reference: dict[str, str] = {}
        self._tx_ref_of_refund: dict[str, str] = {}
        self._refunds_made = 5000
        for record in file.load() if file else ():
            self._index(msgspec.json.decode(record, type=Transaction))

    def build(self, *, tx_ref: str, now: datetime, **fields: Any) -> Transaction:
        """Return a new transaction without storing it."""
        return Transaction(
            tx_ref=tx_ref,
            token=random_word(45),
            reference=self._new_reference(),
            created_at=now,
            updated_at=now,
            **fields,
        )

    def initialize(self, *, tx_ref: str, now: datetime, **fields: Any) -> Transaction:
        """Store a new transaction. Raises UsedBeforeError."""
        with self._lock:
            if tx_ref in self._transactions:
                raise UsedBeforeError(tx_ref)
            transaction = self.build(tx_ref=tx_ref, now=now, **fields)
            return self._keep(transaction)

    def find(self, tx_ref: str) -> Transaction | None:
        """Return the transaction with the merchant's reference."""
        with self._lock:
            return self._transactions.get(tx_ref)

    def transactions(self) -> list[Transaction]:
        """Return all of them, oldest first."""
        with self._lock:
            return list(self._transactions.values())

    def find_by_token(self, token: str) -> Transaction | None:
        """Return the transaction whose checkout page has this token."""
        with self._lock:
            return self._transactions.get(self._tx_ref_of_token.get(token, ""))

    def find_by_reference(self, reference: str) -> Transaction | None:
        """Return the transaction with the gateway's reference."""
        with self._lock:
            return self._transactions.get(self._tx_ref_of_reference.get(reference, ""))

    def find_by_refund(self, reference: str) -> tuple[Transaction, Refund] | None:
        """Return a refund and its transaction, by the gateway's reference or by the merchant's."""
        with self._lock:
            transaction = self._transactions.get(self._tx_ref_of_refund.get(reference, ""))
        for refund in transaction.refunds if transaction else ():
            if transaction and reference in (refund.ref_id, str(refund.number), refund.reference):
                return transaction, refund
        return None

    def pay(self, tx_ref: str, now: datetime, *, method: str, mobile: str | None) -> Transaction:
        """Mark it paid. Raises NotOpenError when it is paid for already, KeyError when there is none.

        An expired link may still be paid: the customer may have approved a prompt on the telephone before.
        """
        event = f"Payment received with {method}"
        return self._try(tx_ref, now, event, status="paid", reason=None, method=method, mobile=mobile)

    def fail(self, tx_ref: str, now: datetime, *, method: str, mobile: str | None, reason: str) -> Transaction:
        """Mark its last try failed; the customer may try again. Raises NotOpenError, KeyError."""
        event = f"Payment failed: {reason}"
        return self._try(tx_ref, now, event, status="failed", reason=reason, method=method, mobile=mobile)

    def cancel_by_customer(self, tx_ref: str, now: datetime) -> Transaction:
        """Note that the customer pressed cancel. The link stays good. Raises NotOpenError, KeyError."""
        with self._lock:
            transaction = self._unpaid(tx_ref)
            return self._keep(
                replace(
                    transaction,
                    cancelled_by_customer=True,
                    updated_at=now,
                    events=(*transaction.events, (now, "Cancelled by the customer")),
                )
            )

    def expire(self, tx_ref: str, now: datetime) -> Transaction:
        """Close an unpaid link, as the merchant's cancel call does. Raises NotOpenError, KeyError."""
        with self._lock:
            transaction = self._unpaid(tx_ref)
            if transaction.status == "expired":
                raise NotOpenError(tx_ref)
            events = (*transaction.events, (now, "Checkout link expired by the merchant"))
            return self._keep(replace(transaction, status="expired", updated_at=now, events=events))

    def refund(
        self, tx_ref: str, now: datetime, *, amount: Decimal | None, reference: str | None, reason: str | None
    ) -> Refund:
        """Store a refund, of all that is left unless an amount is given.

        Raises TooMuchError, and UsedBeforeError when the merchant's reference for it is not new.
        """
        with self._lock:
            transaction = self._transactions[tx_ref]
            reference = reference or f"RFND-{tx_ref}-{len(transaction.refunds) + 1}"
            if reference in self._tx_ref_of_refund:
                raise UsedBeforeError(reference)
            left = transaction.amount - transaction.refunded
            amount = left if amount is None else amount
            if not 0 < amount <= left:
                raise TooMuchError(reference)
            self._refunds_made += 1
            refund = Refund(
                number=self._refunds_made,
                ref_id=random_word(10),
                reference=reference,
                amount=amount,
                reason=reason,
                created_at=now,
            )
            events = (*transaction.events, (now, "Refund initiated"))
            self._keep(replace(transaction, refunds=(*transaction.refunds, refund), events=events))
            return refund

    def put_dispute(self, tx_ref: str, dispute: Dispute) -> Transaction:
        """Store the next state of a payment's latest dispute, or a new one. Raises KeyError."""
        with self._lock:
            transaction = self._transactions[tx_ref]
            others = tuple(each for each in transaction.disputes if each.number != dispute.number)
            return self._keep(replace(transaction, disputes=(*others, dispute)))

    def find_by_dispute(self, number: str) -> tuple[Transaction, Dispute] | None:
        """Return a dispute and its transaction, by the gateway's number for it."""
        for transaction in self.transactions():
            for dispute in transaction.disputes:
                if str(dispute.number) == number:
                    return transaction, dispute
        return None

    def _try(
        self,
        tx_ref: str,
        now: datetime,
        event: str,
        *,
        status: Status,
        reason: str | None,
        method: str,
        mobile: str | None,
    ) -> Transaction:
        with self._lock:
            transaction = self._unpaid(tx_ref)
            attempted = (now, f"Attempted payment with {method}")
            return self._keep(
                replace(
                    transaction,
                    status=status,
                    cancelled_by_customer=False,
                    failure_reason=reason,
                    method=method,
                    mobile=mobile or transaction.mobile,
                    tries=transaction.tries + 1,
                    updated_at=now,
                    events=(*transaction.events, attempted, (now, event)),
                )
            )

    def _unpaid(self, tx_ref: str) -> Transaction:
        transaction = self._transactions[tx_ref]
        if transaction.status == "paid":
            raise NotOpenError(tx_ref)
        return transaction

    def _keep(self, transaction: Transaction) -> Transaction:
        self._index(transaction)
        if self._file is not None:
            self._file.append(transaction.tx_ref, transaction)
        return transaction

    def _index(self, transaction: Transaction) -> None:
        tx_ref = transaction.tx_ref
        self._transactions[tx_ref] = transaction
        self._tx_ref_of_token[transaction.token] = tx_ref
        self._tx_ref_of_reference[transaction.reference] = tx_ref
        for refund in transaction.refunds:
            self._refunds_made = max(self._refunds_made, refund.number)
            for name in (refund.ref_id, str(refund.number), refund.reference):
                self._tx_ref_of_refund[name] = tx_ref
