"""The answers that Paystack is known to give before a payment is paid."""

import re

from local.sandboxes.core.known_answers import AnswerForm, KnownCall

KNOWN_CALLS = (
    KnownCall(
        "initialize",
        "POST",
        re.compile("/transaction/initialize$"),
        (
            AnswerForm(
                "documented",
                200,
                {
                    "status": "true",
                    "message": "a text",
                    "data.authorization_url": "an https link",
                    "data.access_code": "a text",
                    "data.reference": "our reference",
                },
            ),
        ),
    ),
    KnownCall(
        "verify",
        "GET",
        re.compile("/transaction/verify/"),
        (
            AnswerForm(
                "documented",
                200,
                {
                    "status": "true",
                    "data.status": "abandoned",
                    "data.reference": "our reference",
                    "data.amount": "our amount, in minor units",
                    "data.currency": "our currency",
                    "data.domain": "our mode",
                },
            ),
        ),
    ),
)
