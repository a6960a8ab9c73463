"""Paystack's API, below /paystack."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from flask import Blueprint, Response, request

from local.sandboxes.core.calls import Answer, CallHandler, keys_match, sent_fields, sent_key
from local.sandboxes.core.sandbox import Sandbox
from local.sandboxes.core.transactions import TooMuchError, Transaction, UsedBeforeError
from local.sandboxes.paystack import answers, validation, webhooks


@dataclass(frozen=True)
class Api:
    """The calls, each with its rule; `add_to` gives them to a blueprint."""

    sandbox: Sandbox

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        routes: list[tuple[str, str, Callable[..., Response]]] = [
            ("POST", "/transaction/initialize", self.initialize),
            ("GET", "/transaction/verify/<reference>", self.verify),
            ("POST", "/refund", self.refund),
            ("GET", "/refund", self.refund_list),
            ("GET", "/refund/<refund_id>", self.refund_verify),
        ]
        for method, rule, view in routes:
            blueprint.add_url_rule(rule, view.__name__, view, methods=[method])
        every = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        for rule in ("/transaction/<path:rest>", "/refund/<path:rest>"):
            blueprint.add_url_rule(rule, "no_such_call", self.no_such_call, methods=every)

    def initialize(self) -> Response:
        """POST /transaction/initialize: a link for a reference that was never used."""
        tx_ref = str(sent_fields().get("reference") or "")

        def work(_behaviour: str) -> Answer:
            try:
                fields = validation.validated(sent_fields())
                transaction = self.sandbox.transactions.initialize(now=self.sandbox.now(), **fields)
            except validation.RefusedRequestError as refused:
                return 400, refused.body
            except UsedBeforeError:
                return 400, answers.USED
            self._send_webhook_first(transaction)
            data = {
                "authorization_url": self.sandbox.checkout_url(transaction),
                "access_code": transaction.token[:15],
                "reference": tx_ref,
            }
            return 200, answers.success("Authorization URL created", data)

        return self._answer("initialize", tx_ref, work)

    def verify(self, reference: str) -> Response:
        """GET /transaction/verify/{reference}: the status of a payment."""

        def work(behaviour: str) -> Answer:
            transaction = self.sandbox.transactions.find(reference)
            if transaction is None:
                return 404, answers.NOT_FOUND
            true = answers.actual_status(
                transaction,
                reverses=self.sandbox.switches.of("refund_reverses", reference),
                refunds_done=self.sandbox.refunds_done(transaction),
            )
            return answers.verification(transaction, behaviour, true)

        return self._answer("verify", reference, work)

    def refund(self) -> Response:
        """POST /refund: of a payment, by its reference or its id."""
        fields, transactions = sent_fields(), self.sandbox.transactions
        named = str(fields.get("transaction") or "")
        transaction = transactions.find(named) or transactions.find_by_reference(named)

        def work(_behaviour: str) -> Answer:
            if transaction is None:
                return 404, answers.NOT_FOUND
            if transaction.status != "paid":
                return 400, answers.refusal("Transaction has not been paid", "invalid_transaction")
            amount, note = fields.get("amount"), fields.get("merchant_note")
            if amount is not None and not validation.DIGITS.fullmatch(str(amount)):
                return 400, answers.refusal("Invalid Amount Sent", "invalid_amount")
            try:
                refund = self.sandbox.refund(
                    transaction,
                    amount=None if amount is None else Decimal(int(amount)) / 100,
                    reference=None,
                    reason=str(note) if note else None,
                )
            except TooMuchError:
                message = "Refund amount cannot be more than what is left of the transaction"
                return 400, answers.refusal(message, "invalid_amount")
            self.sandbox.webhooks.schedule_webhooks(
                transactions.find(transaction.tx_ref) or transaction, webhooks.PENDING
            )
            return 200, answers.refund_made(transaction, refund)

        return self._answer("refund", transaction.tx_ref if transaction else None, work)

    def refund_verify(self, refund_id: str) -> Response:
        """GET /refund/{id}: the status of a refund."""
        found = self.sandbox.transactions.find_by_refund(refund_id)

        def work(behaviour: str) -> Answer:
            if found is None:
                return 404, answers.NOT_FOUND
            transaction, refund = found
            status = self.sandbox.refund_status(transaction, refund, behaviour)
            return 200, answers.refund_found(transaction, refund, status)

        return self._answer("refund_verify", found[0].tx_ref if found else None, work)

    def refund_list(self) -> Response:
        """GET /refund: every refund since `from`, newest first, `perPage` on each `page`."""
        since, asked = request.args.get("from", ""), request.args
        per_page, page = (int(asked.get(name, usual)) for name, usual in (("perPage", "50"), ("page", "1")))

        def work(_behaviour: str) -> Answer:
            made = [
                (transaction, refund)
                for transaction in self.sandbox.transactions.transactions()
                for refund in transaction.refunds
                if answers.stamp(refund.created_at) >= since
            ]
            made.sort(key=lambda pair: pair[1].number, reverse=True)
            shown = made[(page - 1) * per_page : page * per_page]
            return 200, answers.refunds_listed(
                [(each, refund, self.sandbox.refund_status(each, refund)) for each, refund in shown]
            )

        return self._answer("refund_list", None, work)

    def no_such_call(self, rest: str) -> Response:  # noqa: ARG002 (the route names it)
        """Answer for any other path."""
        return self._answer(None, None, lambda _: (404, answers.NOT_FOUND))

    def _send_webhook_first(self, transaction: Transaction) -> None:
        """With the switch `before_initialize`: let the webhook arrive before initialize has answered."""
        tx_ref = transaction.tx_ref
        if not webhooks.DELIVERY_PATTERNS[self.sandbox.switches.of("webhook", tx_ref)].before_initialize:
            return
        paid = self.sandbox.transactions.pay(tx_ref, self.sandbox.now(), method="card", mobile=None)
        self.sandbox.webhooks.send_and_wait(paid, webhooks.SUCCESS)

    def _answer(self, call: str | None, tx_ref: str | None, work: Callable[[str], Answer]) -> Response:
        handler = CallHandler(self.sandbox, answers.FAULTS, answers.FIXED_ANSWERS, answers.write)
        return handler.handle(call, tx_ref, work, refuse=lambda: key_refusal(self.sandbox))


def key_refusal(sandbox: Sandbox) -> Answer | None:
    """Return the refusal of a request without the right key, None for one that has it."""
    return None if keys_match(sent_key(), sandbox.settings.secret_key) else (401, answers.BAD_KEY)
