"""What Paystack is known to answer while nobody has paid yet."""

import re

from local.stack.sheets import Form, Row

SHEET = (
    Row(
        "initialize",
        "POST",
        re.compile("/transaction/initialize$"),
        (
            Form(
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
    Row(
        "verify",
        "GET",
        re.compile("/transaction/verify/"),
        (
            Form(
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
