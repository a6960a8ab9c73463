"""The lists of Chapa's version 1: transactions and banks. Guzo reads neither; other clients of the sandbox do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from local.sandboxes.chapa.answers_v1 import FIXED_ANSWERS, json_as_php, success
from local.sandboxes.chapa.api_v1 import key_refusal
from local.sandboxes.chapa.faults import FAULTS
from local.sandboxes.core.call_log import stamp
from local.sandboxes.core.calls import Answer, CallHandler
from local.sandboxes.core.sandbox import Sandbox
from local.sandboxes.core.transactions import Transaction

PER_PAGE = 10
BANKS = (
    # id, slug, SWIFT code, name, length of account numbers, whether it is a wallet
    (855, "telebirr", "TELEBIRR", "telebirr", 10, True),
    (946, "cbe_bank", "CBETETAA", "Commercial Bank of Ethiopia (CBE)", 13, False),
)


@dataclass(frozen=True)
class Lists:
    """The calls; `add_to` gives them to a blueprint."""

    sandbox: Sandbox

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/v1/transactions", "transactions_list", self.transactions)
        blueprint.add_url_rule("/v1/banks", "banks", self.banks)

    def transactions(self) -> Response:
        """GET /transactions: a page of all transactions, newest first. Its rows have no tx_ref."""

        def work(_behaviour: str) -> Answer:
            page, per_page = _whole("page", 1), _whole("per_page", PER_PAGE)
            found = [each for each in reversed(self.sandbox.transactions.transactions()) if each.api == "v1"]
            start, end = (page - 1) * per_page, page * per_page
            pagination = {
                "per_page": per_page,
                "current_page": page,
                "first_page_url": self._page(1),
                "next_page_url": self._page(page + 1) if end < len(found) else None,
                "prev_page_url": self._page(page - 1) if page > 1 else None,
            }
            rows = {"transactions": [_row(each) for each in found[start:end]], "pagination": pagination}
            return 200, success("Transactions retrieved successfully", rows)

        return self._answer("transactions", work)

    def banks(self) -> Response:
        """GET /banks: the banks and wallets that money can be sent to."""

        def work(_behaviour: str) -> Answer:
            opened = stamp(self.sandbox.now())
            data = [
                {
                    "id": number, "slug": slug, "swift": swift, "name": name, "acct_length": length, "country_id": 1,
                    "is_mobilemoney": 1 if is_wallet else None, "is_active": 1, "is_rtgs": None, "active": 1,
                    "is_24hrs": 1, "created_at": opened, "updated_at": opened, "currency": "ETB",
                }
                for number, slug, swift, name, length, is_wallet in BANKS
            ]  # fmt: skip
            return 200, {"message": "Banks retrieved", "data": data}

        return self._answer("banks", work)

    def _page(self, number: int) -> str:
        return f"{self.sandbox.settings.public_url}/chapa/v1/transactions?page={number}"

    def _answer(self, call: str, work: Callable[[str], Answer]) -> Response:
        handler = CallHandler(self.sandbox, FAULTS, FIXED_ANSWERS, json_as_php)
        return handler.handle(call, None, work, refuse=lambda: key_refusal(self.sandbox))


def _whole(name: str, default: int) -> int:
    """Return a whole number above 0 of the query; the default in place of anything else."""
    return max(request.args.get(name, default, type=int), 1)


def _row(transaction: Transaction) -> dict[str, Any]:
    """Return a row of the list; amounts have three decimals here."""
    return {
        "status": transaction.status.replace("paid", "success"),
        "ref_id": transaction.reference,
        "type": "API",
        "created_at": stamp(transaction.created_at),
        "currency": transaction.currency,
        "amount": f"{transaction.amount:.3f}",
        "charge": f"{transaction.charge:.3f}",
        "trans_id": None,
        "payment_method": transaction.method,
        "customer": {
            "id": 40817,
            "email": transaction.email,
            "first_name": transaction.first_name,
            "last_name": transaction.last_name,
            "mobile": transaction.mobile,
        },
    }
