"""What is Paystack's own in its sandbox."""

from local.sandboxes.core.delivery import Delivery
from local.sandboxes.core.ledger import Transaction
from local.sandboxes.core.sandbox import Gateway, Section
from local.sandboxes.paystack import webhooks
from local.sandboxes.paystack.answers import new_id, refund_progress
from local.sandboxes.paystack.switches import SWITCHES

CARD = {"card": "Card"}
CARDS = {"4084084084084081": "Visa"}


def sections(transaction: Transaction) -> list[Section]:  # noqa: ARG001 - the shared part names it
    """Return the ways to pay."""
    return [Section("Pay with a card", CARD, CARDS, "The test card pays at once.")]


def return_facts(transaction: Transaction, status: str) -> dict[str, str]:  # noqa: ARG001 - likewise
    """Return what Paystack appends to callback_url: whatever became of the payment, only its reference."""
    return {"trxref": transaction.tx_ref, "reference": transaction.tx_ref}


PAYSTACK = Gateway(
    name="paystack",
    brand="Paystack",
    table=SWITCHES,
    new_reference=new_id,
    voice=webhooks.VOICE,
    delivery=Delivery,
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
