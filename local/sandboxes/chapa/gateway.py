"""Chapa's profile: what its sandbox adds to the shared parts."""

from local.sandboxes.chapa import webhooks
from local.sandboxes.chapa.answers_v1 import new_reference, refund_progress
from local.sandboxes.chapa.switches import SWITCHES
from local.sandboxes.core.sandbox import GatewayProfile, Section
from local.sandboxes.core.transactions import Transaction

WALLET_NUMBERS = ("0900123456", "0900112233", "0900881111")
MPESA_NUMBERS = ("0700123456", "0700112233", "0700881111")
WALLETS = {
    "telebirr": "telebirr",
    "cbebirr": "CBEBirr",
    "ebirr": "ebirr",
    "awashbirr": "Awash Birr",
    "amole": "Amole",
}
CARDS = {
    "4200000000000000": "Visa",
    "5400000000000000": "Mastercard",
    "3700000000000000": "American Express",
    "6200000000000000": "UnionPay",
    "3800000000000000": "Diners Club",
}
CARDS_OF_V2 = {"4242424242424242": "Visa"}
DECLINED = {
    "4000000000009995": "insufficient funds",
    "4000000000000002": "declined",
}
MPESA = {"mpesa": "M-Pesa"}
CARD = {"card": "Card"}


def sections(transaction: Transaction) -> list[Section]:
    """Return the ways to pay, by the version that opened the payment."""
    cards = CARDS if transaction.api == "v1" else CARDS_OF_V2 | DECLINED
    return [
        Section(
            "Pay with a wallet",
            WALLETS,
            dict.fromkeys(WALLET_NUMBERS, ""),
            "Choose a wallet, then press a test number: it pays at once.",
        ),
        Section("Pay with M-Pesa", MPESA, dict.fromkeys(MPESA_NUMBERS, "")),
        Section("Pay with a card", CARD, cards),
    ]


def return_facts(transaction: Transaction, status: str) -> dict[str, str]:
    """Return what Chapa appends to the return address; for version 2 this is not documented."""
    if transaction.api == "v2":
        return {"merchant_reference": transaction.tx_ref, "status": status}
    return {"trx_ref": transaction.tx_ref, "ref_id": transaction.reference, "status": status}


CHAPA = GatewayProfile(
    name="chapa",
    brand="Chapa",
    table=SWITCHES,
    new_reference=new_reference,
    format=webhooks.WEBHOOK_FORMAT,
    delivery=webhooks.ChapaWebhookSender,
    methods={**WALLETS, **MPESA, **CARD},
    sections=sections,
    declined=DECLINED,
    events={
        "success": webhooks.SUCCESS,
        "failed": webhooks.FAILED,
        "cancel": webhooks.FAILED,
        "refunded": webhooks.REFUNDED,
    },
    refund_progress=refund_progress,
    refund_done="refunded",
    default_method="telebirr",
    default_mobile=WALLET_NUMBERS[0],
    declined_example="0911223344",
    currency="ETB",
    return_facts=return_facts,
)
