"""Paystack's profile: what its sandbox adds to the shared parts."""

from local.sandboxes.core.sandbox import GatewayProfile, Section
from local.sandboxes.core.transactions import Transaction
from local.sandboxes.core.webhook_sender import WebhookSender
from local.sandboxes.paystack import webhooks
from local.sandboxes.paystack.answers import new_id, refund_progress
from local.sandboxes.paystack.switches import SWITCHES

CARD = {"card": "Card"}
CARDS = {"4084084084084081": "Visa"}


def sections(transaction: Transaction) -> list[Section]:  # noqa: ARG001 - the shared part names it
    """Return the ways to pay."""
    return [Section("Pay with a card", CARD, CARDS, "The test card pays at once.")]


def return_facts(transaction: Transaction, status: str) -> dict[str, str]:  # noqa: ARG001 - likewise
    """Return what Paystack appends to callback_url: the reference, whatever the payment's status is."""
    return {"trxref": transaction.tx_ref, "reference": transaction.tx_ref}


PAYSTACK = GatewayProfile(
    name="paystack",
    brand="Paystack",
    table=SWITCHES,
    new_reference=new_id,
    format=webhooks.WEBHOOK_FORMAT,
    delivery=WebhookSender,
    methods=CARD,
    sections=sections,
    declined={},
    events={"success": webhooks.SUCCESS, "failed": None, "cancel": None, "refunded": webhooks.PROCESSED},
    refund_progress=refund_progress,
    refund_done="processed",
    default_method="card",
    default_mobile=None,
    declined_example="4000000000000002",
    currency="KES",
    return_facts=return_facts,
)
