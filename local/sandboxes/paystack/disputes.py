"""Disputes at Paystack: the calls that read them, and the control that makes a payer claim money back."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from flask import Blueprint, Response, jsonify, request

from local.sandboxes.core.calls import Answer, CallHandler
from local.sandboxes.core.sandbox import Sandbox
from local.sandboxes.core.transactions import Dispute, Transaction
from local.sandboxes.paystack import answers
from local.sandboxes.paystack.api import key_refusal

DUE_AFTER = 28 * 3600.0
"""Seconds; as in Paystack's sample."""

FIRST_NUMBER = 2867

STEPS: dict[str, tuple[str, str | None, str | None]] = {
    "create": ("awaiting-merchant-feedback", None, "charge.dispute.create"),
    "remind": ("awaiting-merchant-feedback", None, "charge.dispute.remind"),
    "answer": ("awaiting-bank-feedback", None, None),
    "won": ("resolved", "declined", "charge.dispute.resolve"),
    "lost": ("resolved", "merchant-accepted", "charge.dispute.resolve"),
    "missed": ("resolved", "auto-accepted", "charge.dispute.resolve"),
}
"""What `POST /_dispute` does: the dispute's status and resolution afterwards, and the event that tells of it."""


@dataclass(frozen=True)
class Disputes:
    """The calls; `add_to` gives them to a blueprint."""

    sandbox: Sandbox

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/dispute", "disputes", self.list)
        blueprint.add_url_rule("/dispute/<number>", "dispute", self.find)
        blueprint.add_url_rule("/dispute/transaction/<reference>", "dispute_of_transaction", self.of_transaction)
        blueprint.add_url_rule("/_dispute", "make_dispute", self.step, methods=["POST"])

    def find(self, number: str) -> Response:
        """GET /dispute/{id}."""
        found = self.sandbox.transactions.find_by_dispute(number)
        return self._answer(found[0].tx_ref if found else None, lambda: found)

    def of_transaction(self, reference: str) -> Response:
        """GET /dispute/transaction/{id}: the latest dispute of a payment, by Paystack's id for that."""
        transaction = self.sandbox.transactions.find_by_reference(reference)
        known = (transaction, transaction.disputes[-1]) if transaction and transaction.disputes else None
        return self._answer(transaction.tx_ref if transaction else None, lambda: known)

    def list(self) -> Response:
        """GET /dispute: every dispute, newest first; `status` narrows the list down."""

        def work(_behaviour: str) -> Answer:
            wanted = request.args.get("status")
            found = [
                answers.dispute(transaction, each)
                for transaction in self.sandbox.transactions.transactions()
                for each in transaction.disputes
                if wanted in (None, each.status)
            ]
            found.sort(key=lambda each: each["id"], reverse=True)
            return 200, answers.success("Disputes retrieved", found)

        return self._handle(None, work)

    def step(self) -> tuple[Response, int]:
        """POST /_dispute: what a payer, a merchant in the dashboard, or the bank does.

        `tx_ref`; `do` (create, remind, answer, won, lost or missed); `amount` (in major units; all of it);
        `due_seconds`; `webhook` (true): whether its event is sent.
        """
        fields = request.get_json(silent=True, force=True)
        fields = fields if isinstance(fields, dict) else {}
        transaction = self.sandbox.transactions.find(str(fields.get("tx_ref", "")))
        if fields.get("do", "create") not in STEPS:
            return jsonify({"error": f"do is none of: {', '.join(STEPS)}"}), 400
        if transaction is None or transaction.status != "paid":
            return jsonify({"error": "tx_ref is no payment that was paid"}), 404
        status, resolution, event = STEPS[fields.get("do", "create")]
        if event != STEPS["create"][2] and not transaction.disputes:
            return jsonify({"error": "nobody disputes this payment"}), 409
        now = self.sandbox.now()
        made = self._new(transaction, fields) if event == STEPS["create"][2] else transaction.disputes[-1]
        made = replace(made, status=status, resolution=resolution, updated_at=now)
        transaction = self.sandbox.transactions.put_dispute(transaction.tx_ref, made)
        if event is not None and fields.get("webhook", True) is True:
            self.sandbox.webhooks.schedule_webhooks(transaction, event)
        return jsonify(answers.dispute(transaction, made)), 200

    def _new(self, transaction: Transaction, fields: dict[str, object]) -> Dispute:
        now = self.sandbox.now()
        count = sum(len(each.disputes) for each in self.sandbox.transactions.transactions())
        due = timedelta(seconds=float(str(fields.get("due_seconds", DUE_AFTER))))
        amount = fields.get("amount")
        return Dispute(
            number=FIRST_NUMBER + count,
            amount=transaction.amount if amount is None else Decimal(str(amount)),
            status="",
            due_at=now + due,
            created_at=now,
            updated_at=now,
        )

    def _answer(self, tx_ref: str | None, find: Callable[[], tuple[Transaction, Dispute] | None]) -> Response:
        def work(_behaviour: str) -> Answer:
            found = find()
            if found is None:
                return 404, answers.NO_DISPUTE
            return 200, answers.success("Dispute retrieved", answers.dispute(*found))

        return self._handle(tx_ref, work)

    def _handle(self, tx_ref: str | None, work: Callable[[str], Answer]) -> Response:
        handler = CallHandler(self.sandbox, answers.FAULTS, answers.FIXED_ANSWERS, answers.write)
        return handler.handle("dispute", tx_ref, work, refuse=lambda: key_refusal(self.sandbox))
