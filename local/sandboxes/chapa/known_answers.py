"""The answers that Chapa is known to give, in both versions, before a payment is paid."""

import re

from local.sandboxes.core.known_answers import AnswerForm, KnownCall

_UNPAID = {
    "data.tx_ref": "our reference",
    "data.amount": "our amount, in major units",
    "data.currency": "our currency",
    "data.mode": "our mode",
}
_PENDING = "pending or PENDING or incomplete or INCOMPLETE"
_UNPAID_V2 = {
    "status": "success",
    "data.status": _PENDING,
    "data.amount": "our amount, in minor units",
    "data.currency": "our currency",
}

KNOWN_CALLS = (
    KnownCall(
        "version 1: initialize",
        "POST",
        re.compile("/transaction/initialize$"),
        (
            AnswerForm(
                "documented", 200, {"status": "success", "message": "a text", "data.checkout_url": "an https link"}
            ),
        ),
    ),
    KnownCall(
        "version 1: verify",
        "GET",
        re.compile("/transaction/verify/"),
        (
            AnswerForm("recorded", 200, {"status": "success", "data.status": "pending", **_UNPAID}),
            AnswerForm("documented", 404, {"message": "Payment not paid yet", "status": "null", "data": "null"}),
        ),
    ),
    KnownCall(
        "version 1: cancel",
        "PUT",
        re.compile("/transaction/cancel/"),
        (AnswerForm("documented", 200, {"status": "success", "message": "a text", "data.tx_ref": "our reference"}),),
    ),
    KnownCall(
        "version 2: initialize",
        "POST",
        re.compile("/payments/hosted$"),
        (
            AnswerForm("documented", 200, {"status": "success", "data.checkout_url": "an https link"}),
            AnswerForm("seen", 201, {"status": "success", "data.checkout_url": "an https link"}),
        ),
    ),
    KnownCall(
        "version 2: verify",
        "GET",
        re.compile("/payments/[^/]+/verify$"),
        (
            AnswerForm("documented", 200, {**_UNPAID_V2, "data.merchant_reference": "our reference"}),
            AnswerForm("seen", 200, {**_UNPAID_V2, "data.merchant_referece": "our reference"}),
        ),
    ),
)
