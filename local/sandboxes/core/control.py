"""`Control`: the controls of a sandbox, which no gateway has: switches, log, transactions, webhooks, payments."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, jsonify, request

from local.sandboxes.core.calls import sent_fields
from local.sandboxes.core.control_page import ControlPage
from local.sandboxes.core.sandbox import Sandbox
from local.sandboxes.core.switches import BadControlError, Choice
from local.sandboxes.core.transactions import NotOpenError, Transaction

OUTCOMES = ("success", "failed", "cancel")
MOST_TIMES = 100
INVENTED_AMOUNT = Decimal("100.00")
NUMBER = re.compile(r"\d{1,12}(\.\d{1,2})?")


class BadControlCallError(Exception):
    """A control call with a wrong body; the text says what is wrong."""


@dataclass(frozen=True)
class Control:
    """The controls' routes."""

    sandbox: Sandbox

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/_control", "switches", self.switches)
        blueprint.add_url_rule("/_control", "switch", self.switch, methods=["POST"])
        blueprint.add_url_rule("/_log", "log", self.log)
        blueprint.add_url_rule("/_transactions", "transactions", self.transactions)
        blueprint.add_url_rule("/_webhook", "webhook", self.webhook, methods=["POST"])
        blueprint.add_url_rule("/_pay", "pay", self.pay, methods=["POST"])
        blueprint.register_error_handler(BadControlCallError, _refuse)
        blueprint.register_error_handler(BadControlError, self._refuse_control)

    def switches(self) -> Response | str:
        """GET /_control: every switch, what it can be, what that does, and what it is now; a page for a browser."""
        panel = ControlPage(self.sandbox)
        if panel.wants_html:
            return panel.show()
        table = [
            {
                "name": name,
                "about": switch.about,
                "default": switch.default,
                "values": switch.values if isinstance(switch, Choice) else "a number of seconds",
            }
            for name, switch in self.sandbox.switches.table.items()
        ]
        return jsonify({"table": table, **self.sandbox.switches.settings()})

    def switch(self) -> Response:
        """POST /_control: set switches, for all payments or with `tx_ref` for one; `{}` resets them.

        What a call does may hold for the next calls only (`"once": true`, or how many), or for a share of them
        (`"share": 0.2`, drawn by `"seed": 7`).
        """
        panel = ControlPage(self.sandbox)
        if panel.is_form:
            return panel.take()
        control = request.get_json(silent=True, force=True)
        if not isinstance(control, dict):
            raise BadControlCallError("the body is not a JSON object")
        self.sandbox.switches.set(control)
        return jsonify(self.sandbox.switches.settings())

    def log(self) -> Response:
        """GET /_log: the call log, oldest first; `?kind=`, `?call=`, `?tx_ref=`, `?event=` narrow it down."""
        names = ("kind", "call", "tx_ref", "event")
        wanted = {name: request.args[name] for name in names if name in request.args}
        return jsonify(self.sandbox.call_log.entries(**wanted))

    def transactions(self) -> Response:
        """GET /_transactions: every payment as it is stored, whatever the switches say; `?tx_ref=` for one."""
        wanted = request.args.get("tx_ref")
        found = [each for each in self.sandbox.transactions.transactions() if wanted in (None, each.tx_ref)]
        return jsonify([_transaction_json(transaction) for transaction in found])

    def webhook(self) -> tuple[Response, int]:
        """POST /_webhook: send webhooks as asked, once each, without retries.

        `tx_ref`; `event` (that of a success); `signature` (good); `times` (1); `delay_seconds` (0); `together` (false:
        one after the other); `paid` (false): the transaction is stored as paid, so that verify confirms it, even of a
        tx_ref that was never initialised; `amount` (in major units) and `currency`: those of the payload; `api`: the
        API version of a transaction that is not stored.
        """
        asked = _Webhooks.from_fields(_request_fields(), self.sandbox.gateway.format.signatures)
        event = asked.event or self.sandbox.gateway.events["success"] or ""
        transaction = self._webhook_transaction(asked)

        def send() -> dict[str, Any]:
            return self.sandbox.webhooks.send(transaction, event, asked.signature, plain=False)

        if asked.delay_seconds or asked.together:
            for _ in range(asked.times):
                self.sandbox.scheduler.schedule(
                    lambda: (send(), None)[1],
                    after_seconds=asked.delay_seconds,
                    real_seconds=True,
                    counts=not asked.delay_seconds,
                )
            return jsonify({"scheduled": asked.times, "answers": []}), 202
        sent = [send() for _ in range(asked.times)]
        answers = [{"status": entry["status"], "answer": entry["answer"]} for entry in sent]
        return jsonify({"scheduled": 0, "answers": answers}), 200

    def pay(self) -> tuple[Response, int]:
        """POST /_pay: what the checkout page's buttons do.

        `tx_ref`; `outcome` (success, failed or cancel); `webhook`, `callback` (true): whether each is sent.
        Unlike the page it also pays an expired link: a customer may have approved a prompt before.
        """
        fields = _request_fields()
        tx_ref, outcome = str(fields.get("tx_ref", "")), fields.get("outcome", "success")
        if outcome not in OUTCOMES:
            raise BadControlCallError(f"outcome is none of: {', '.join(OUTCOMES)}")
        try:
            transaction = self.sandbox.finish_checkout(
                tx_ref,
                outcome,
                webhook=fields.get("webhook", True) is True,
                callback=fields.get("callback", True) is True,
            )
        except KeyError:
            return jsonify({"error": f"{tx_ref!r} was never initialised"}), 404
        except NotOpenError:
            return jsonify({"error": f"{tx_ref!r} is paid already"}), 409
        facts = {"tx_ref": tx_ref, "status": transaction.status, "reference": transaction.reference}
        return jsonify(facts), 200

    def _refuse_control(self, problem: BadControlError) -> tuple[Response, int]:
        names = list(self.sandbox.switches.table)
        return jsonify({"error": str(problem), "problems": problem.problems, "switches": names}), 400

    def _webhook_transaction(self, asked: "_Webhooks") -> Transaction:
        """Return the transaction that the webhook is about: a stored one, or a new one that is not stored."""
        transactions, now = self.sandbox.transactions, self.sandbox.now()
        money: dict[str, Any] = {
            "amount": asked.amount or INVENTED_AMOUNT,
            "currency": asked.currency or self.sandbox.gateway.currency,
            "api": asked.api,
        }
        usual = self.sandbox.gateway.default_method
        transaction = transactions.find(asked.tx_ref)
        if transaction is None and not asked.paid:
            return transactions.build(tx_ref=asked.tx_ref, now=now, method=usual, **money)
        if transaction is None:
            transaction = transactions.initialize(tx_ref=asked.tx_ref, now=now, **money)
        if asked.paid and transaction.status != "paid":
            transaction = transactions.pay(asked.tx_ref, now, method=usual, mobile=None)
        amount, currency = asked.amount or transaction.amount, asked.currency or transaction.currency
        method = transaction.method or usual
        return replace(transaction, amount=amount, currency=currency, method=method)


@dataclass(frozen=True)
class _Webhooks:
    """What `POST /_webhook` asks for."""

    tx_ref: str
    event: str | None
    signature: str
    times: int
    delay_seconds: float
    together: bool
    paid: bool
    amount: Decimal | None
    currency: str | None
    api: str

    @classmethod
    def from_fields(cls, fields: dict[str, Any], signatures: Collection[str]) -> "_Webhooks":
        """Read and check the fields. Raises BadControlCallError."""
        known = ("tx_ref", "event", "signature", "times", "delay_seconds", "together", "paid")
        unknown = set(fields) - {*known, "amount", "currency", "api"}
        times, delay = fields.get("times", 1), fields.get("delay_seconds", 0)
        signature, amount = fields.get("signature", "good"), fields.get("amount")
        problems = [
            (unknown, f"unknown: {', '.join(sorted(unknown))}"),
            (not fields.get("tx_ref"), "tx_ref is missing"),
            (signature not in signatures, f"signature is none of: {', '.join(signatures)}"),
            (type(times) is not int or not 1 <= times <= MOST_TIMES, f"times is not 1 to {MOST_TIMES}"),
            (type(delay) not in (int, float) or not 0 <= delay < 1e9, "delay_seconds is not a number from 0"),
            (amount is not None and not NUMBER.fullmatch(str(amount)), "amount is not a number"),
        ]
        if found := [text for wrong, text in problems if wrong]:
            raise BadControlCallError("; ".join(found))
        return cls(
            tx_ref=str(fields["tx_ref"]),
            event=None if fields.get("event") is None else str(fields["event"]),
            signature=signature,
            times=times,
            delay_seconds=float(delay),
            together=fields.get("together") is True,
            paid=fields.get("paid") is True,
            amount=None if amount is None else Decimal(str(amount)),
            currency=None if fields.get("currency") is None else str(fields["currency"]),
            api=str(fields.get("api", "v1")),
        )


def _transaction_json(transaction: Transaction) -> dict[str, Any]:
    """Return a stored payment as JSON; amounts in major units, as text."""
    refunds = [{"reference": each.reference, "amount": f"{each.amount:.2f}"} for each in transaction.refunds]
    return {
        "tx_ref": transaction.tx_ref,
        "reference": transaction.reference,
        "status": transaction.status,
        "amount": f"{transaction.amount:.2f}",
        "currency": transaction.currency,
        "refunds": refunds,
    }


def _request_fields() -> dict[str, Any]:
    """Return the fields of a call: JSON, whatever its content type is (curl's -d sends that of a form), or a form."""
    fields = request.get_json(silent=True, force=True)
    return fields if isinstance(fields, dict) else sent_fields()


def _refuse(problem: BadControlCallError) -> tuple[Response, int]:
    return jsonify({"error": str(problem)}), 400
