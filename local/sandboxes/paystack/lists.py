"""The lists of Paystack's API: transactions and banks. Guzo reads neither; other clients of the sandbox do."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response, request

from local.sandboxes.core.calls import Answer, Body, CallHandler
from local.sandboxes.core.sandbox import Sandbox
from local.sandboxes.core.transactions import Transaction
from local.sandboxes.paystack import answers
from local.sandboxes.paystack.api import key_refusal

PER_PAGE = 50
BANKS = (
    # name, slug, code, country, currency
    ("Equity Bank Kenya", "equity-bank-kenya", "68", "Kenya", "KES"),
    ("M-PESA", "mpesa", "MPESA", "Kenya", "KES"),
    ("Test Bank", "test-bank", "001", "Nigeria", "NGN"),
)


@dataclass(frozen=True)
class Lists:
    """The calls; `add_to` gives them to a blueprint."""

    sandbox: Sandbox

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/transaction", "transactions_list", self.transactions)
        blueprint.add_url_rule("/bank", "banks", self.banks)

    def transactions(self) -> Response:
        """GET /transaction: a page of all transactions, newest first; `status` narrows it down."""

        def work(_behaviour: str) -> Answer:
            page, per_page = _whole("page", 1), _whole("perPage", PER_PAGE)
            wanted = request.args.get("status")
            found = [self._row(each) for each in reversed(self.sandbox.transactions.transactions())]
            found = [each for each in found if wanted in (None, each["status"])]
            body = answers.success("Transactions retrieved", found[(page - 1) * per_page : page * per_page])
            body["meta"] = {
                "total": len(found),
                "skipped": (page - 1) * per_page,
                "perPage": per_page,
                "page": page,
                "pageCount": -(-len(found) // per_page),
            }
            return 200, body

        return self._answer("transactions", work)

    def banks(self) -> Response:
        """GET /bank: the banks and wallets that money can be sent to; `currency` and `country` narrow them down."""

        def work(_behaviour: str) -> Answer:
            currency, country = request.args.get("currency"), request.args.get("country", "").lower()
            opened = answers.stamp(self.sandbox.now())
            data = [
                {
                    "id": number, "name": name, "slug": slug, "code": code, "longcode": "", "gateway": None,
                    "pay_with_bank": False, "supports_transfer": True, "active": True, "country": of_country,
                    "currency": of_currency, "type": "nuban", "is_deleted": False, "createdAt": opened,
                    "updatedAt": opened,
                }
                for number, (name, slug, code, of_country, of_currency) in enumerate(BANKS, start=1)
                if currency in (None, of_currency) and country in ("", of_country.lower())
            ]  # fmt: skip
            return 200, answers.success("Banks retrieved", data)

        return self._answer("banks", work)

    def _row(self, transaction: Transaction) -> Body:
        reverses = self.sandbox.switches.of("refund_reverses", transaction.tx_ref)
        done = self.sandbox.refunds_done(transaction)
        return answers.payment(transaction, answers.actual_status(transaction, reverses=reverses, refunds_done=done))

    def _answer(self, call: str, work: Callable[[str], Answer]) -> Response:
        handler = CallHandler(self.sandbox, answers.FAULTS, answers.FIXED_ANSWERS, answers.write)
        return handler.handle(call, None, work, refuse=lambda: key_refusal(self.sandbox))


def _whole(name: str, default: int) -> int:
    """Return a whole number above 0 of the query; the default in place of anything else."""
    return max(request.args.get(name, default, type=int), 1)
