"""What Chapa is known to answer, in either version, while nobody has paid yet."""

import re

from local.stack.sheets import Form, Row

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

SHEET = (
    Row(
        "version 1: initialize",
        "POST",
        re.compile("/transaction/initialize$"),
        (Form("documented", 200, {"status": "success", "message": "a text", "data.checkout_url": "an https link"}),),
    ),
    Row(
        "version 1: verify",
        "GET",
        re.compile("/transaction/verify/"),
        (
            Form("recorded", 200, {"status": "success", "data.status": "pending", **_UNPAID}),
            Form("documented", 404, {"message": "Payment not paid yet", "status": "null", "data": "null"}),
        ),
    ),
    Row(
        "version 1: cancel",
        "PUT",
        re.compile("/transaction/cancel/"),
        (Form("documented", 200, {"status": "success", "message": "a text", "data.tx_ref": "our reference"}),),
    ),
    Row(
        "version 2: initialize",
        "POST",
        re.compile("/payments/hosted$"),
        (
            Form("documented", 200, {"status": "success", "data.checkout_url": "an https link"}),
            Form("seen", 201, {"status": "success", "data.checkout_url": "an https link"}),
        ),
    ),
    Row(
        "version 2: verify",
        "GET",
        re.compile("/payments/[^/]+/verify$"),
        (
            Form("documented", 200, {**_UNPAID_V2, "data.merchant_reference": "our reference"}),
            Form("seen", 200, {**_UNPAID_V2, "data.merchant_referece": "our reference"}),
        ),
    ),
)
