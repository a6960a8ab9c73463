"""Version 2 of Chapa's API, below /chapa/v2: another key, minor units, its own payments; the same store and pages."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, request

from local.sandboxes.chapa import answers_v2
from local.sandboxes.chapa.faults import FAULTS_OF_V2
from local.sandboxes.core.calls import Answer, CallHandler, keys_match, sent_fields, sent_key
from local.sandboxes.core.sandbox import Sandbox
from local.sandboxes.core.transactions import UsedBeforeError

PER_PAGE = 10
MOST_PER_PAGE = 100


@dataclass(frozen=True)
class ApiV2:
    """The calls, each with its rule; `add_to` gives them to a blueprint."""

    sandbox: Sandbox
    answered: dict[str, tuple[dict[str, Any], Answer]] = field(default_factory=dict)

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/v2/payments/hosted", "v2_initialize", self.initialize, methods=["POST"])
        blueprint.add_url_rule("/v2/payments/<reference>/verify", "v2_verify", self.verify)
        blueprint.add_url_rule("/v2/payments", "v2_list", self.payments)
        every = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        blueprint.add_url_rule("/v2/<path:rest>", "v2_no_such_call", self.no_such_call, methods=every)

    def initialize(self) -> Response:
        """POST /payments/hosted: a link for a reference that was never used, or the answer of the same request."""
        fields = sent_fields()
        tx_ref = str(fields.get("merchant_reference") or "")
        once = request.headers.get("Idempotency-Key", "")

        def work(_behaviour: str) -> Answer:
            before = self.answered.get(once)
            if before is not None and before[0] == fields:
                return before[1]
            kept, refusal = answers_v2.validated(fields)
            if kept is None:
                return refusal or (500, {})
            kept["amount"] = Decimal(kept["amount"]) / 100
            try:
                transaction = self.sandbox.transactions.initialize(now=self.sandbox.now(), api="v2", **kept)
            except UsedBeforeError:
                return 409, answers_v2.error("INVALID_STATE", "merchant_reference already exists")
            answer = 200, answers_v2.opened(transaction, self.sandbox.checkout_url(transaction))
            if once:
                self.answered[once] = (fields, answer)
            return answer

        return self._answer("v2_initialize", tx_ref, work)

    def verify(self, reference: str) -> Response:
        """GET /payments/{reference}/verify, by the merchant's reference or Chapa's."""
        transactions = self.sandbox.transactions
        known = transactions.find(reference) or transactions.find_by_reference(reference)
        transaction = known if known and known.api == "v2" else None

        def work(behaviour: str) -> Answer:
            if transaction is None:
                return 404, answers_v2.error("NOT_FOUND", "Payment not found")
            return answers_v2.verification(transaction, behaviour)

        return self._answer("v2_verify", transaction.tx_ref if transaction else reference, work)

    def payments(self) -> Response:
        """GET /payments: a page of all payments, newest first; the next one is asked for by a cursor."""

        def work(_behaviour: str) -> Answer:
            limit = min(max(request.args.get("limit", PER_PAGE, type=int), 1), MOST_PER_PAGE)
            every = [each for each in reversed(self.sandbox.transactions.transactions()) if each.api == "v2"]
            names = [each.reference for each in every]
            cursor = request.args.get("cursor")
            if cursor is not None and cursor not in names:
                return 400, answers_v2.error("INVALID_VALUE", "cursor is not valid")
            start = 0 if cursor is None else names.index(cursor) + 1
            return 200, answers_v2.payments(every[start : start + limit], limit=limit, rest=len(every) - start - limit)

        return self._answer("v2_list", None, work)

    def no_such_call(self, rest: str) -> Response:  # noqa: ARG002 (the route names it)
        """Answer for any other path."""
        return self._answer(None, None, lambda _: (404, answers_v2.error("NOT_FOUND", "Not found")))

    def _answer(self, call: str | None, tx_ref: str | None, work: Callable[[str], Answer]) -> Response:
        handler = CallHandler(self.sandbox, FAULTS_OF_V2, answers_v2.FIXED_ANSWERS, answers_v2.write)
        return handler.handle(call, tx_ref, work, refuse=self._key_refusal)

    def _key_refusal(self) -> Answer | None:
        right = self.sandbox.settings.secret_key_v2
        if right and keys_match(sent_key(), right):
            return None
        return 401, {"status": "error", "message": answers_v2.BAD_KEY, "error": None}
