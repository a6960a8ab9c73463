"""A sandbox's own controls, which no gateway has: switches, the log, the ledger, webhooks at will, paying."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, jsonify, request

from local.sandboxes.core.desk import sent_fields
from local.sandboxes.core.ledger import NotOpenError, Transaction
from local.sandboxes.core.panel import Panel
from local.sandboxes.core.sandbox import Sandbox
from local.sandboxes.core.switches import BadControlError, Choice

OUTCOMES = ("success", "failed", "cancel")
MOST_TIMES = 100
INVENTED_AMOUNT = Decimal("100.00")
NUMBER = re.compile(r"\d{1,12}(\.\d{1,2})?")


class BadCallError(Exception):
    """A control call that makes no sense; the text says why."""


@dataclass(frozen=True)
class Control:
    """The controls' routes."""

    sandbox: Sandbox

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/_control", "switches", self.switches)
        blueprint.add_url_rule("/_control", "switch", self.switch, methods=["POST"])
        blueprint.add_url_rule("/_log", "log", self.log)
        blueprint.add_url_rule("/_ledger", "ledger", self.ledger)
        blueprint.add_url_rule("/_webhook", "webhook", self.webhook, methods=["POST"])
        blueprint.add_url_rule("/_pay", "pay", self.pay, methods=["POST"])
        blueprint.register_error_handler(BadCallError, _refuse)
        blueprint.register_error_handler(BadControlError, self._refuse_control)

    def switches(self) -> Response | str:
        """GET /_control: every switch, what it can be, what that does, and what it is now; a page for a browser."""
        panel = Panel(self.sandbox)
        if panel.is_wanted:
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
        panel = Panel(self.sandbox)
        if panel.was_used:
            return panel.take()
        control = request.get_json(silent=True, force=True)
        if not isinstance(control, dict):
            raise BadCallError("the body is not a JSON object")
        self.sandbox.switches.set(control)
        return jsonify(self.sandbox.switches.settings())

    def log(self) -> Response:
        """GET /_log: the journal, oldest first; `?kind=`, `?call=`, `?tx_ref=`, `?event=` narrow it down."""
        names = ("kind", "call", "tx_ref", "event")
        wanted = {name: request.args[name] for name in names if name in request.args}
        return jsonify(self.sandbox.journal.entries(**wanted))

    def ledger(self) -> Response:
        """GET /_ledger: the truth about every payment, oldest first, whatever the switches say; `?tx_ref=` for one."""
        wanted = request.args.get("tx_ref")
        found = [each for each in self.sandbox.ledger.transactions() if wanted in (None, each.tx_ref)]
        return jsonify([_truth(transaction) for transaction in found])

    def webhook(self) -> tuple[Response, int]:
        """POST /_webhook: send webhooks as told, once each, without retries.

        `tx_ref`; `event` (that of a success); `signature` (good); `times` (1); `delay_seconds` (0); `together`
        (false: one after the other); `paid` (false): the ledger is given the money, so that verify confirms
        it, even of a tx_ref that was never initialised; `amount` (in major units), `currency`: what the payload
        says; `api`: the version that an invented payment is of.
        """
        asked = _Webhooks.from_fields(_asked(), self.sandbox.gateway.voice.signatures)
        event = asked.event or self.sandbox.gateway.events["success"] or ""
        transaction = self._subject(asked)

        def send() -> dict[str, Any]:
            return self.sandbox.delivery.send(transaction, event, asked.signature, plain=False)

        if asked.delay_seconds or asked.together:
            for _ in range(asked.times):
                self.sandbox.courier.schedule(
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
        fields = _asked()
        tx_ref, outcome = str(fields.get("tx_ref", "")), fields.get("outcome", "success")
        if outcome not in OUTCOMES:
            raise BadCallError(f"outcome is none of: {', '.join(OUTCOMES)}")
        try:
            transaction = self.sandbox.conclude(
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

    def _subject(self, asked: "_Webhooks") -> Transaction:
        """Return what the webhook is about: a known transaction, or an invented one."""
        ledger, now = self.sandbox.ledger, self.sandbox.now()
        money: dict[str, Any] = {
            "amount": asked.amount or INVENTED_AMOUNT,
            "currency": asked.currency or self.sandbox.gateway.currency,
            "api": asked.api,
        }
        usual = self.sandbox.gateway.default_method
        transaction = ledger.find(asked.tx_ref)
        if transaction is None and not asked.paid:
            return ledger.invented(tx_ref=asked.tx_ref, now=now, method=usual, **money)
        if transaction is None:
            transaction = ledger.initialize(tx_ref=asked.tx_ref, now=now, **money)
        if asked.paid and transaction.status != "paid":
            transaction = ledger.pay(asked.tx_ref, now, method=usual, mobile=None)
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
        """Read and check the fields. Raises BadCallError."""
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
            raise BadCallError("; ".join(found))
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


def _truth(transaction: Transaction) -> dict[str, Any]:
    """Return what the ledger holds of a payment; amounts in major units, as text."""
    refunds = [{"reference": each.reference, "amount": f"{each.amount:.2f}"} for each in transaction.refunds]
    return {
        "tx_ref": transaction.tx_ref,
        "reference": transaction.reference,
        "status": transaction.status,
        "amount": f"{transaction.amount:.2f}",
        "currency": transaction.currency,
        "refunds": refunds,
    }


def _asked() -> dict[str, Any]:
    """Return the fields of a call: JSON, whatever it is said to be (curl's -d calls all a form), or a form."""
    fields = request.get_json(silent=True, force=True)
    return fields if isinstance(fields, dict) else sent_fields()


def _refuse(problem: BadCallError) -> tuple[Response, int]:
    return jsonify({"error": str(problem)}), 400
