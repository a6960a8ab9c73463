"""Version 1 of Chapa's API, below /chapa/v1."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from flask import Blueprint, Response, request

from local.sandboxes.chapa import answers_v1, validation, webhooks
from local.sandboxes.chapa.answers_v1 import failed, success
from local.sandboxes.chapa.faults import FAULTS
from local.sandboxes.core.call_log import stamp
from local.sandboxes.core.calls import FORMS, JSON, Answer, CallHandler, keys_match, sent_fields, sent_key
from local.sandboxes.core.sandbox import Sandbox
from local.sandboxes.core.transactions import NotOpenError, TooMuchError, Transaction, UsedBeforeError

WRONG_CONTENT_TYPE = "Incorrect header settings Please check if content-type is present and set to application/json"
BAD_KEY = "Invalid API Key or User doesn't exist"
USED_BEFORE = "Transaction reference has been used before"
TOO_MUCH = "Refund amount cannot exceed the full transaction amount or be less than 0"


@dataclass(frozen=True)
class Api:
    """The calls, each with its rule; `add_to` gives them to a blueprint."""

    sandbox: Sandbox

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        routes: list[tuple[str, str, Callable[..., Response]]] = [
            ("POST", "/v1/transaction/initialize", self.initialize),
            ("GET", "/v1/transaction/verify/<tx_ref>", self.verify),
            ("PUT", "/v1/transaction/cancel/<tx_ref>", self.cancel),
            ("GET", "/v1/transaction/events/<reference>", self.events),
            ("POST", "/v1/refund/<reference>", self.refund),
            ("GET", "/v1/refund/<ref_id>/verify", self.refund_verify),
        ]
        for method, rule, view in routes:
            blueprint.add_url_rule(rule, view.__name__, view, methods=[method])
        every = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        blueprint.add_url_rule("/v1/<path:rest>", "no_such_call", self.no_such_call, methods=every)

    def initialize(self) -> Response:
        """POST /transaction/initialize: a hosted link for a tx_ref that was never used."""
        tx_ref = str(sent_fields().get("tx_ref") or "")

        def work(_behaviour: str) -> Answer:
            if request.mimetype != JSON and request.mimetype not in FORMS:
                return 400, failed(WRONG_CONTENT_TYPE)
            strict = validation.Strictness(
                email_domains=self.sandbox.switches.of("email_domains", tx_ref) == "refuse",
                phone_forms=self.sandbox.switches.of("phone_forms", tx_ref) == "refuse",
            )
            try:
                fields = validation.validated(sent_fields(), strict)
                transaction = self.sandbox.transactions.initialize(now=self.sandbox.now(), **fields)
            except validation.RefusedRequestError as refusal:
                return 400, failed(refusal.message)
            except UsedBeforeError:
                return 400, failed(USED_BEFORE)
            self._send_webhook_first(transaction)
            return 200, success("Hosted Link", {"checkout_url": self.sandbox.checkout_url(transaction)})

        return self._answer("initialize", tx_ref, work)

    def verify(self, tx_ref: str) -> Response:
        """GET /transaction/verify/{tx_ref}: the status of a payment."""

        def work(behaviour: str) -> Answer:
            transaction = self._find(tx_ref)
            if transaction is None:
                if self.sandbox.switches.of("verify_unknown", tx_ref) == "404":
                    return 404, failed(answers_v1.UNKNOWN_TRANSACTION_404)
                return 400, failed(answers_v1.UNKNOWN_TRANSACTION)
            return answers_v1.verification(transaction, behaviour, self._status(transaction))

        return self._answer("verify", tx_ref, work, bad_key="Invalid API Key")

    def cancel(self, tx_ref: str) -> Response:
        """PUT /transaction/cancel/{tx_ref}: close an unpaid link."""

        def work(_behaviour: str) -> Answer:
            if self._find(tx_ref) is None:
                return 404, failed("Payment link not found")
            try:
                transaction = self.sandbox.transactions.expire(tx_ref, self.sandbox.now())
            except NotOpenError:
                # What Chapa says about a paid one is not recorded; any refusal means: verify again.
                return 400, failed("Payment link already expired")
            data = {
                "tx_ref": tx_ref, "amount": answers_v1.number(transaction.amount),
                "currency": transaction.currency, "created_at": stamp(transaction.created_at),
                "updated_at": stamp(transaction.updated_at),
            }  # fmt: skip
            return 200, success("Checkout link expired successfully", data)

        return self._answer("cancel", tx_ref, work)

    def events(self, reference: str) -> Response:
        """GET /transaction/events/{reference}: the timeline, by Chapa's reference."""
        transaction = self.sandbox.transactions.find_by_reference(reference)

        def work(_behaviour: str) -> Answer:
            if transaction is None:
                return 404, failed("Transaction not found")
            lines = [
                {"item": place, "message": text, "type": "log", "created_at": at, "updated_at": at}
                for place, (at, text) in enumerate(transaction.timeline(), start=1)
            ]
            return 200, success("Transaction events fetched", lines)

        return self._answer("events", transaction.tx_ref if transaction else None, work)

    def refund(self, reference: str) -> Response:
        """POST /refund/{reference}: refused in test mode, unless the switch simulates it."""
        transaction = self._of_v1(self.sandbox.transactions.find_by_reference(reference))
        by_tx_ref = self._find(reference)
        known = transaction or by_tx_ref
        tx_ref = known.tx_ref if known else None
        takes_either = self.sandbox.switches.of("refund_path", tx_ref) == "either"
        payment = known if takes_either else transaction
        return self._answer("refund", tx_ref, lambda behaviour: self._refund(payment, behaviour))

    def refund_verify(self, ref_id: str) -> Response:
        """GET /refund/{ref_id}/verify: how far a simulated refund is."""
        found = self.sandbox.transactions.find_by_refund(ref_id)
        tx_ref = found[0].tx_ref if found else None
        if (
            found
            and found[1].reference == ref_id
            and self.sandbox.switches.of("refund_verify_path", tx_ref) == "ref_id"
        ):
            found = None

        def work(behaviour: str) -> Answer:
            if found is None:
                return 404, failed("Refund not found")
            transaction, refund = found
            status = self.sandbox.refund_status(transaction, refund, behaviour)
            data = answers_v1.refund_data(transaction, refund, status)
            return 200, success("Refund verified successfully", data)

        return self._answer("refund_verify", tx_ref, work)

    def no_such_call(self, rest: str) -> Response:  # noqa: ARG002 (the route names it)
        """Answer for any other path."""
        return self._answer(None, None, lambda _: (404, failed("Not found")))

    def _refund(self, transaction: Transaction | None, behaviour: str) -> Answer:
        if transaction is None or transaction.status != "paid":
            return 404, failed("Transaction not found")
        fields = {name: str(value) for name, value in sent_fields().items() if value not in (None, "")}
        if not validation.NUMERIC.fullmatch(fields.get("amount", "0")):
            return 400, failed({"amount": ["validation.numeric"]})
        try:
            refund = self.sandbox.refund(
                transaction,
                amount=Decimal(fields["amount"]) if "amount" in fields else None,
                reference=fields.get("reference"),
                reason=fields.get("reason"),
            )
        except TooMuchError:
            return 400, failed(TOO_MUCH)
        except UsedBeforeError:
            return 400, failed("Refund reference has been used before")
        _, shape = answers_v1.REFUND.get(behaviour, answers_v1.REFUND["simulated"])
        return shape(transaction, refund)

    def _send_webhook_first(self, transaction: Transaction) -> None:
        """With the switch `before_initialize`: let the webhook arrive before initialize has answered."""
        tx_ref = transaction.tx_ref
        if not webhooks.DELIVERY_PATTERNS[self.sandbox.switches.of("webhook", tx_ref)].before_initialize:
            return
        paid = self.sandbox.transactions.pay(tx_ref, self.sandbox.now(), method="telebirr", mobile=None)
        self.sandbox.webhooks.send_and_wait(paid, webhooks.SUCCESS)

    def _find(self, tx_ref: str) -> Transaction | None:
        """Return a payment that was opened here: version 1 knows nothing of version 2's."""
        return self._of_v1(self.sandbox.transactions.find(tx_ref))

    @staticmethod
    def _of_v1(transaction: Transaction | None) -> Transaction | None:
        return transaction if transaction and transaction.api == "v1" else None

    def _status(self, transaction: Transaction) -> str:
        """Return the payment's true `data.status`."""
        return answers_v1.actual_status(
            transaction,
            after_cancel=self.sandbox.switches.of("verify_after_cancel", transaction.tx_ref),
            refunds_done=self.sandbox.refunds_done(transaction),
        )

    def _answer(
        self, call: str | None, tx_ref: str | None, work: Callable[[str], Answer], bad_key: str = BAD_KEY
    ) -> Response:
        handler = CallHandler(self.sandbox, FAULTS, answers_v1.FIXED_ANSWERS, answers_v1.json_as_php)
        return handler.handle(call, tx_ref, work, refuse=lambda: key_refusal(self.sandbox, bad_key))


def key_refusal(sandbox: Sandbox, bad_key: str = BAD_KEY) -> Answer | None:
    """Return the refusal of a request without the right key, None for one that has it."""
    if not request.headers.get("Authorization", "").partition(" ")[2]:
        return 401, failed("Authorization required")
    if keys_match(sent_key(), sandbox.settings.secret_key):
        return None
    return 401, failed(bad_key)
