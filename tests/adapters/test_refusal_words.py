"""What a gateway's refusal says, and no more: its words count only in its own envelope and under a status that fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.adapters.gateways.parsing import NOT_ACCEPTED, displayable_reason
from chalicelib.domain.errors import GatewayBadAnswer, GatewayError, GatewayRejected, ReferenceUsed
from chalicelib.domain.verification import Verification
from chalicelib.services.ports.gateways import RefundAnswer
from tests.adapters.chapa_server import OPENED, OPENING
from tests.adapters.fake_network import Network
from tests.adapters.shapes import KES
from tests.adapters.test_broken_connections import ADAPTERS, answer

Call = Callable[[Any], object]
CALLS: dict[str, Call] = {
    "initialize": lambda gateway: gateway.initialize(KES if gateway.name == "paystack" else OPENING),
    "verify": lambda gateway: gateway.verify("GZ4T1B8WCD7K2M9Q-1"),
    "cancel": lambda gateway: gateway.cancel("GZ4T1B8WCD7K2M9Q-1"),
    "refund": lambda gateway: gateway.refund("5201447713", amount=OPENING.amount, refund_id="R1", reason="x"),
    "refund status": lambda gateway: gateway.refund_status("5201447713"),
}


def v1(message: object, **more: Any) -> dict[str, Any]:
    return {"message": message, "status": "failed", "data": None, **more}


def v2(message: object, code: str | None = None, **more: Any) -> dict[str, Any]:
    return {"status": "error", "message": message, "error": {"code": code, **more} if code else None}


def paystack(message: object, **more: Any) -> dict[str, Any]:
    return {"status": False, "message": message, **more}


# R: refused for good. U: the reference was used. K: our key was refused. N: it knows no such payment or refund.
# P: pending. C: closed, and o: perhaps still open. a: it is no refusal at all. A dot: it says nothing, and the fate of
# what was asked is open.
STATUSES = (200, 400, 404, 408, 409, 422, 500, 502)
TABLE: dict[tuple[str, str], list[tuple[object, str]]] = {
    ("chapa v1", "initialize"): [
        (v1("Transaction reference has been used before"), "UUUUUU.."),
        (v1({"tx_ref": ["validation.unique"]}), "UUUUUU.."),
        (v1({"email": ["The email has already been taken."]}), ".RR.RR.."),
        (v1("This card was used before"), ".RR.RR.."),
        (v1("Your reference is too long"), ".RR.RR.."),
        (v1("Your transaction reference has already expired"), ".RR.RR.."),
        (v1({"tx_ref": ["The tx ref must not be longer than 50."]}), ".RR.RR.."),
        (v1("Payments through API is disabled"), ".RR.RR.."),
        (v1(""), "........"),
        (v1(None), "........"),
        ({"message": "Not Found"}, ".R...R.."),
        ({"message": "Transaction was used"}, ".R...R.."),
        ("Transaction reference has been used before", "........"),
        (["used before"], "........"),
        (v1("Hosted Link", data=OPENED["data"]), ".RR.RR.."),
    ],
    ("chapa v1", "verify"): [
        (v1("Payment not paid yet"), "PPP....."),
        (v1("Invalid transaction or Transaction not found"), ".NN....."),
        (v1("Transaction not found."), ".NN....."),
        (v1("Not Found"), "........"),
        (v1("Page not found"), "........"),
        (v1("Invalid currency"), "........"),
        (v1("The payment was paid"), "........"),
        (v1("This is not paid by us"), "........"),
        (v1("Transaction not found", data={"status": "success"}), "aNN....."),
        (v1("Payment not paid yet", data={"status": "success", "amount": 1}), "a......."),
    ],
    ("chapa v1", "cancel"): [
        ({"message": "Transaction cancelled", "status": "success"}, "Cooooooo"),
        (v1("Checkout link already expired"), "oCoooooo"),
        (v1("Link not found"), "ooCooooo"),
        (v1("Not Found"), "oooooooo"),
        (v1("Transaction is already paid"), "oooooooo"),
        (v1(None), "oooooooo"),
    ],
    ("chapa v1", "refund"): [
        (v1("Insufficient balance to refund"), ".RR..R.."),
        (v1({"amount": ["validation.max.numeric"]}), ".RR..R.."),
        (v1(None), "........"),
        ({"message": "Refund was not accepted", "status": "pending"}, ".RR..R.."),
    ],
    ("chapa v1", "refund status"): [
        (v1("Refund not found"), ".NN....."),
        (v1(None), "........"),
        (v1("x", data={"status": "made up"}), "NNN....."),
    ],
    ("chapa v2", "initialize"): [
        (v2("merchant_reference has already been used", "DUPLICATE"), ".UU.UU.."),
        (v2("Invalid", "INVALID_VALUE", details={"merchant_reference": ["already exists"]}), ".UU.UU.."),
        (v2("Invalid", "INVALID_VALUE", details=[{"field": "merchant_reference", "message": "is taken"}]), ".RR..R.."),
        (v2("Invalid", "INVALID_VALUE", details={"customer.email": ["already exists"]}), ".RR..R.."),
        (v2("A request with this key is being executed", "CONFLICT"), ".RR..R.."),
        (v2("Processing failed", "PROCESSING_FAILED"), "........"),
        (v2("merchant_reference was used before", "PROCESSING_FAILED"), "........"),
        (v2(None, "MISSING_REQUIRED_FIELD"), ".RR..R.."),
        (v2(None), "........"),
        ({"message": "merchant_reference was used before"}, "........"),
        ({"status": "failed", "message": "merchant_reference was used before"}, "........"),
    ],
    ("chapa v2", "verify"): [
        (v2("Payment not found", "NOT_FOUND"), ".NN....."),
        (v2("Transaction not found."), ".NN....."),
        (v2("Not found", "NOT_FOUND"), "........"),
        (v2("Merchant not found", "NOT_FOUND"), "........"),
        (v2("Invalid", "INVALID_VALUE"), "........"),
        ({"message": "Payment not found"}, "........"),
    ],
    ("paystack", "initialize"): [
        (paystack("Duplicate Transaction Reference", code="duplicate_reference"), ".UU.UU.."),
        (paystack("Duplicate Transaction Reference"), ".UU.UU.."),
        (paystack("Duplicate request"), ".RR.RR.."),
        (paystack("Reference must be shorter"), ".RR.RR.."),
        (paystack("Email Address is required"), ".RR.RR.."),
        (paystack("Invalid key"), "KKKKKKKK"),
        (paystack("Invalid key for this field"), ".RR.RR.."),
        (paystack(""), "........"),
        ({"message": "Duplicate Transaction Reference"}, "........"),
        ({"status": None, "message": "Email Address is required"}, "........"),
        ({"status": "failed", "message": "Email Address is required"}, "........"),
    ],
    ("paystack", "verify"): [
        (paystack("Transaction reference not found"), ".NN....."),
        (paystack("x", code="transaction_not_found"), ".NN....."),
        (paystack("Not found"), "........"),
        (paystack("Merchant not found"), "........"),
        (paystack("Invalid"), "........"),
        ({"message": "Transaction reference not found"}, "........"),
        (paystack("Invalid key"), "KKKKKKKK"),
    ],
    ("paystack", "refund"): [
        (paystack("Refund amount cannot be more than transaction amount"), ".RR..R.."),
        (paystack(None), "........"),
        ({"message": "Refund amount cannot be more than transaction amount"}, "........"),
        (paystack("Invalid key"), "KKKKKKKK"),
    ],
    ("paystack", "refund status"): [
        (paystack("Refund not found"), ".NN....."),
        (paystack(None), "........"),
        ({"message": "Refund not found"}, "........"),
    ],
}


def told(call: Call, gateway: object) -> str:
    try:
        found = call(gateway)
    except GatewayError as error:
        kinds: dict[type[GatewayError], str] = {ReferenceUsed: "U", GatewayRejected: "R"}
        return kinds.get(type(error), "K") if error.definitely_not_executed else "." * (type(error) is GatewayBadAnswer)
    known: dict[object, str] = {
        Verification("pending"): "P",
        Verification("unknown"): "N",
        RefundAnswer("unknown"): "N",
    }
    return ("C" if found else "o") if isinstance(found, bool) else known.get(found, "a")


ROWS = [(adapter, call, body, outcomes) for (adapter, call), rows in TABLE.items() for body, outcomes in rows]


@pytest.mark.parametrize(("adapter", "call", "body", "outcomes"), ROWS, ids=str)
def test_what_a_refusal_says(network: Network, adapter: str, call: str, body: object, outcomes: str) -> None:
    gateway, found = ADAPTERS[adapter]("https://gateway.example/v1"), ""
    for status in STATUSES:
        network.plans = [[answer(body, b"HTTP/1.1 %d Whatever\r\nConnection: close\r\n" % status)]]
        found += told(CALLS[call], gateway)
    assert found == outcomes


@pytest.mark.parametrize("name", ["Abe", "Li", "Hanna"])
def test_a_name_of_three_letters_is_not_repeated_and_a_shorter_one_forbids_no_sentence(name: str) -> None:
    reason = f"The card of {name} is closed."
    shown = displayable_reason(reason, (name,), {})
    assert shown == (reason if len(name) < 3 else NOT_ACCEPTED)
