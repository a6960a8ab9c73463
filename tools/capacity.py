"""How much Lambda concurrency each function keeps and may take: one table, from which the template is made.

An account starts with 1,000 at once, all functions together, and 100 of them must stay unreserved. A reservation is
both: no other function can take it, and its function cannot take more. So a flood of searches, or a gateway that stalls
every guest who wants to pay, ends at the API's own share, and webhooks, sign-in and the sweep go on.
"""

from __future__ import annotations

from typing import Any

RESERVED = {
    "APIHandler": 400,
    "Webhooks": 150,
    "Authorize": 100,
    "Reconcile": 20,
    "SendEmails": 10,
    "Sweep": 2,
    "Watch": 1,
    "Canary": 1,
}
"""By the function's name in the template."""

CONSUMERS = {"Reconcile": 10, "SendEmails": 5}
"""How many batches a queue's consumer works on at once; that of Reconcile is also the cap on the gateway."""

ACCOUNT_LIMIT = 1000
LEFT_UNRESERVED = 100
"""What AWS insists on leaving to the account's other functions."""


def reserved(function: str) -> dict[str, Any]:
    """The property of a function that reserves its share, where the stage does reserve."""
    return {"Fn::If": ["ReservesConcurrency", RESERVED[function], {"Ref": "AWS::NoValue"}]}
