"""The lists of Paystack's API: transactions, settlements with the transactions in each, and banks.

Guzo reads all but the banks. A settlement is one lump of each currency a day: what was paid on one day (UTC) goes out
on the next.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

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
        blueprint.add_url_rule("/settlement", "settlements", self.settlements)
        blueprint.add_url_rule("/settlement/<number>/transactions", "settlement", self.settlement)
        blueprint.add_url_rule("/bank", "banks", self.banks)

    def transactions(self) -> Response:
        """GET /transaction: a page of all transactions, newest first; `status` narrows it down."""

        def work(_behaviour: str) -> Answer:
            page, per_page = _whole("page", 1), _whole("perPage", PER_PAGE)
            wanted = request.args.get("status")
            found = [self._row(each) for each in reversed(self.sandbox.transactions.transactions())]
            found = [each for each in found if wanted in (None, each["status"])]
            return 200, _page("Transactions retrieved", found, page, per_page)

        return self._answer("transactions", work)

    def settlements(self) -> Response:
        """GET /settlement: a page of all settlements, newest first."""

        def work(_behaviour: str) -> Answer:
            made = sorted(self._settled().items(), reverse=True)
            found = [answers.settlement(number, _paid_out_on(each), each) for number, each in made]
            return 200, _page("Settlements retrieved", found, _whole("page", 1), _whole("perPage", PER_PAGE))

        return self._answer("settlements", work)

    def settlement(self, number: str) -> Response:
        """GET /settlement/{id}/transactions: a page of the payments in a settlement."""

        def work(_behaviour: str) -> Answer:
            inside = self._settled().get(int(number)) if number.isdigit() else None
            if inside is None:
                return 404, answers.NOT_FOUND
            found = [self._row(each) for each in inside]
            body = _page("Transactions retrieved", found, _whole("page", 1), _whole("perPage", PER_PAGE))
            # In major units, where amounts are in minor ones: as in Paystack's own sample.
            body["meta"]["total_volume"] = int(sum((each.amount for each in inside), Decimal(0)))
            return 200, body

        return self._answer("settlement", work)

    def _settled(self) -> dict[int, list[Transaction]]:
        """The payments of each settlement, by its number: of one day, which is over, and one currency."""
        made: dict[int, list[Transaction]] = {}
        currencies = sorted({each.currency for each in self.sandbox.transactions.transactions()})
        for each in self.sandbox.transactions.transactions():
            day = each.updated_at.astimezone(UTC).date()
            if each.status == "paid" and day < self.sandbox.now().astimezone(UTC).date():
                made.setdefault(day.toordinal() * 100 + currencies.index(each.currency), []).append(each)
        return made

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


def _paid_out_on(inside: Sequence[Transaction]) -> datetime:
    day: date = inside[0].updated_at.astimezone(UTC).date()
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _page(message: str, found: list[Body], page: int, per_page: int) -> Body:
    body = answers.success(message, found[(page - 1) * per_page : page * per_page])
    body["meta"] = {
        "total": len(found),
        "skipped": (page - 1) * per_page,
        "perPage": per_page,
        "page": page,
        "pageCount": -(-len(found) // per_page),
    }
    return body


def _whole(name: str, default: int) -> int:
    """Return a whole number above 0 of the query; the default in place of anything else."""
    return max(request.args.get(name, default, type=int), 1)
