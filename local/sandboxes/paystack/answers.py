"""The answers of Paystack's API, and the variants of each call's answer. Amounts are in minor units.

The tables `VERIFY`, `FIXED_ANSWERS` and `REFUND_STATUSES` are both the implementation and what
`GET /paystack/_control` shows.
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from local.sandboxes.core.calls import Answer, Body, FixedAnswer
from local.sandboxes.core.faults import FaultBodies, build_faults
from local.sandboxes.core.transactions import Dispute, Refund, Transaction

INTEGRATION = 733019

FAULTS = build_faults(
    FaultBodies(
        too_many='{"status":false,"message":"Too many requests"}',
        bad_key='{"status":false,"message":"Invalid key"}',
        server_error='{"status":false,"message":"Server error"}',
    )
)


def write(value: Any) -> bytes:
    """Write compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def stamp(moment: datetime) -> str:
    """Write an instant as Paystack does: milliseconds and a Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def minor(amount: Decimal) -> int:
    """Write an amount in minor units."""
    return int(amount * 100)


def new_id() -> str:
    """Return an id as Paystack makes them: ten digits."""
    return str(5_000_000_000 + secrets.randbelow(1_000_000_000))


def success(message: str, data: Any) -> Body:
    """Return the envelope of a call that worked."""
    return {"status": True, "message": message, "data": data}


def refusal(message: str, code: str, kind: str = "validation_error") -> Body:
    """Return the envelope of a refusal."""
    hint = {"nextStep": "Check the request and try again"}
    more = {"meta": hint, "type": kind, "code": code, "errorCodeMappingNotFound": False}
    return {"status": False, "message": message, **more}


NOT_FOUND: Body = {"status": False, "message": "Entity not found"}
NO_DISPUTE: Body = {"status": False, "message": "Dispute not found"}
BAD_KEY: Body = {"status": False, "message": "Invalid key"}
USED = refusal("Duplicate Transaction Reference", "duplicate_reference")


def customer(transaction: Transaction) -> Body:
    """Return the customer of a payment."""
    return {
        "id": 190338214, "first_name": None, "last_name": None, "email": transaction.email,
        "customer_code": "CUS_4t9y2b7n1k", "phone": None, "metadata": None, "risk_action": "default",
        "international_format_phone": None,
    }  # fmt: skip


def payment(transaction: Transaction, status: str) -> Body:
    """Return verify's `data`, which a webhook's is nearly."""
    paid = stamp(transaction.updated_at) if status in ("success", "reversed") else None
    made, amount = stamp(transaction.created_at), minor(transaction.amount)
    card = {"authorization_code": "AUTH_7h2k9m1x4q", "bin": "408408", "last4": "4081", "channel": "card"}
    result = {"success": "Successful", "failed": "Declined"}.get(status, "The transaction was not completed")
    return {
        "id": int(transaction.reference), "domain": "test", "status": status, "reference": transaction.tx_ref,
        "receipt_number": None, "amount": amount, "message": None, "gateway_response": result, "paid_at": paid,
        "created_at": made, "channel": transaction.method or "card", "currency": transaction.currency,
        "ip_address": "196.188.10.20", "metadata": dict(transaction.meta) if transaction.meta else "", "log": None,
        "fees": minor(transaction.charge) if paid else None, "fees_split": None, "authorization": card if paid else {},
        "customer": customer(transaction), "plan": None, "split": {}, "order_id": None,
        "paidAt": paid, "createdAt": made,
        "requested_amount": amount, "pos_transaction_data": None, "source": None, "fees_breakdown": None,
        "connect": None, "transaction_date": made, "plan_object": {}, "subaccount": {},
    }  # fmt: skip


@dataclass(frozen=True)
class VerifyVariant:
    """A variant of verify's answer: `status` replaces the true one, `change` alters the data."""

    about: str
    status: str | None = None
    change: Callable[[Body], Body] = lambda data: data


def _with(**other: Any) -> Callable[[Body], Body]:
    return lambda data: {**data, **other}


def _without(*keys: str) -> Callable[[Body], Body]:
    return lambda data: {key: value for key, value in data.items() if key not in keys}


def _paid(by: int) -> Callable[[Body], Body]:
    return lambda data: {**data, "amount": data["amount"] + by}


def _request_fields(by: int) -> Callable[[Body], Body]:
    return lambda data: {**data, "amount": data["amount"] + by, "requested_amount": data["amount"] + by}


STATUSES = ("abandoned", "ongoing", "pending", "processing", "queued", "failed", "reversed")

VERIFY: dict[str, VerifyVariant] = {
    "normal": VerifyVariant("the truth; a fresh link is abandoned"),
    "fee_on_top": VerifyVariant(
        "the truth, the guest carries the fee: amount is above requested_amount", change=_paid(7105)
    ),
    "no_requested": VerifyVariant("the truth without requested_amount", change=_without("requested_amount")),
    "part_paid": VerifyVariant("the truth, but less paid than asked", change=_paid(-1)),
    "wrong_amount": VerifyVariant("the truth, but of one less", change=_request_fields(-1)),
    "wrong_currency": VerifyVariant("the truth, but in USD", change=_with(currency="USD")),
    "wrong_domain": VerifyVariant("the truth, but domain live", change=_with(domain="live")),
    "wrong_reference": VerifyVariant("the truth, but of another reference", change=_with(reference="SOMEBODY-ELSE-1")),
    "no_amount": VerifyVariant("the truth without amount", change=_without("amount", "requested_amount")),
    "no_domain": VerifyVariant("the truth without domain", change=_without("domain")),
    "no_id": VerifyVariant("the truth without Paystack's id", change=_without("id")),
    "no_data": VerifyVariant("status true, data null", change=lambda _data: {}),
    "success_unpaid": VerifyVariant("success, even if nobody paid", status="success"),
    **{status: VerifyVariant(f"data.status {status}", status=status) for status in STATUSES},
    "unheard_of": VerifyVariant("a data.status that nobody documented", status="under_review"),
}

FIXED_ANSWERS: Mapping[str, Mapping[str, FixedAnswer]] = {
    "initialize": {
        "duplicate_reference": FixedAnswer("400 duplicate_reference", 400, USED),
        "duplicate_by_text": FixedAnswer("400 Duplicate Transaction Reference without a code", 400, {
            "status": "false", "message": "Duplicate Transaction Reference",
        }),
        "missing_email": FixedAnswer("400 missing_params", 400, refusal("Email Address is required", "missing_params")),
        "key_as_400": FixedAnswer("400 Invalid key", 400, BAD_KEY),
        "no_link": FixedAnswer("200 without an authorization_url", 200, success("Authorization URL created", {})),
    },
    "verify": {
        "unknown": FixedAnswer("404 Entity not found", 404, NOT_FOUND),
        "unknown_as_400": FixedAnswer("400 Transaction reference not found.", 400, {
            "status": False, "message": "Transaction reference not found.",
        }),
        "key_as_400": FixedAnswer("400 Invalid key", 400, BAD_KEY),
    },
    "refund": {
        "refused": FixedAnswer("400 as for a payment that cannot be refunded", 400, refusal(
            "Transaction cannot be refunded", "invalid_transaction",
        )),
        "no_id": FixedAnswer("200 without data", 200, success("Refund has been queued for processing", None)),
    },
    "refund_verify": {"unknown": FixedAnswer("404 Entity not found", 404, NOT_FOUND)},
    "dispute": {"unknown": FixedAnswer("404 Dispute not found", 404, NO_DISPUTE)},
    "refund_list": {"empty": FixedAnswer("200 and none at all", 200, success("Refunds retrieved", []))},
}  # fmt: skip

ACCEPTED = ("merchant-accepted", "auto-accepted")
"""The resolutions of a dispute by which the payer has the money back."""

REFUND_STATUSES = ("pending", "processing", "processed", "failed", "needs-attention")
REVERSES = {
    "whole": "once all of it is back",
    "any": "once some of it is back",
    "at_once": "as soon as a refund is asked for",
}


def actual_status(transaction: Transaction, *, reverses: str, refunds_done: Decimal) -> str:
    """Return `data.status` as the stored transaction has it."""
    if transaction.status != "paid":
        return "failed" if transaction.status == "failed" and not transaction.cancelled_by_customer else "abandoned"
    lost = sum((each.amount for each in transaction.disputes if each.resolution in ACCEPTED), Decimal(0))
    whole = refunds_done + lost >= transaction.amount
    some = reverses == "any" and refunds_done > 0
    asked = reverses == "at_once" and transaction.refunds
    return "reversed" if whole or some or asked else "success"


def verification(transaction: Transaction, behaviour: str, true: str) -> Answer:
    """Return verify's answer about a known transaction."""
    variant = VERIFY.get(behaviour, VERIFY["normal"])
    data = variant.change(payment(transaction, variant.status or true))
    return 200, success("Verification successful", data or None)


def refund_made(transaction: Transaction, refund: Refund) -> Body:
    """Return the answer to a refund that was taken over."""
    of = payment(transaction, "success")
    kept = ("id", "domain", "reference", "amount", "paid_at", "channel", "currency")
    data = {**_refund(transaction, refund, "pending"), "transaction": {name: of[name] for name in kept}}
    return success("Refund has been queued for processing", data)


def refund_found(transaction: Transaction, refund: Refund, status: str) -> Body:
    """Return the answer about a refund; here its transaction is a number."""
    more = {"transaction": int(transaction.reference), "refunded_at": None, "dispute": None, "settlement": None}
    return success("Refund retrieved", {**_refund(transaction, refund, status), **more})


def dispute(transaction: Transaction, found: Dispute, *, created: str = "createdAt") -> Body:
    """Return a dispute as the API has it; in a webhook its `created` is called otherwise."""
    over = found.status == "resolved"
    return {
        "id": found.number, "refund_amount": minor(found.amount), "currency": transaction.currency,
        "status": found.status, "resolution": found.resolution, "domain": "test",
        "transaction": payment(transaction, "success"), "transaction_reference": None, "category": "chargeback",
        "customer": customer(transaction), "bin": "408408", "last4": "4081", "dueAt": stamp(found.due_at),
        "resolvedAt": stamp(found.updated_at) if over else None, "evidence": None, "attachments": "", "note": None,
        "history": [{"status": found.status, "by": "ops@tour.et", created: stamp(found.updated_at)}],
        "messages": [{"sender": "ops@tour.et", "body": "Unknown to the customer", created: stamp(found.created_at)}],
        created: stamp(found.created_at), "updatedAt": stamp(found.updated_at),
    }  # fmt: skip


def settlement(number: int, on: datetime, inside: Sequence[Transaction]) -> Body:
    """Return a settlement: what its payments come to, less fees; nothing is deducted from it."""
    gross = sum(minor(each.amount) for each in inside)
    fees = sum(minor(each.charge) for each in inside)
    return {
        "id": number, "domain": "test", "status": "success", "currency": inside[0].currency, "integration": INTEGRATION,
        "total_amount": gross - fees, "effective_amount": gross - fees, "total_fees": fees, "total_processed": gross,
        "deductions": None, "settlement_date": stamp(on), "settled_by": None, "createdAt": stamp(on),
        "updatedAt": stamp(on),
    }  # fmt: skip


def refunds_listed(found: list[tuple[Transaction, Refund, str]]) -> Body:
    """Return a page of the list of refunds."""
    return success("Refunds retrieved", [refund_found(*each)["data"] for each in found])


def _refund(transaction: Transaction, refund: Refund, status: str) -> Body:
    made = stamp(refund.created_at)
    return {
        "integration": INTEGRATION, "deducted_amount": 0, "channel": None, "merchant_note": refund.reason,
        "customer_note": None, "status": status, "refunded_by": "ops@tour.et", "expected_at": made,
        "currency": transaction.currency, "domain": "test", "amount": minor(refund.amount), "fully_deducted": False,
        "id": refund.number, "createdAt": made, "updatedAt": made,
    }  # fmt: skip


def refund_progress(passed: timedelta, takes: timedelta, forced: str) -> str:
    """Return how far a refund is: `forced` when that is a status, else by the time that passed."""
    if forced in REFUND_STATUSES:
        return forced
    if passed >= takes:
        return "processed"
    return "processing" if passed >= takes / 2 else "pending"
