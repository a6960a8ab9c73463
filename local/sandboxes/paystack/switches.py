"""The switches of Paystack's sandbox: everything that sources leave open or that can fail, by name."""

from local.sandboxes.core.faults import fault_names
from local.sandboxes.core.switches import DELAYS, Choice, Number
from local.sandboxes.paystack import answers, webhooks


def _call(about: str, call: str, normal: dict[str, str], *, changes: bool) -> Choice:
    canned = {name: answer.about for name, answer in answers.FIXED_ANSWERS[call].items()}
    values = {**normal, **canned, **fault_names(answers.FAULTS, changes_something=changes)}
    return Choice(about, next(iter(normal)), values, of_a_call=True)


_TRUE = {"normal": "the true answer"}

SWITCHES: dict[str, Choice | Number] = {
    "initialize": _call("POST /transaction/initialize", "initialize", _TRUE, changes=True),
    "verify": _call(
        "GET /transaction/verify/{reference}",
        "verify",
        {name: variant.about for name, variant in answers.VERIFY.items()},
        changes=False,
    ),
    "refund": _call("POST /refund", "refund", _TRUE, changes=True),
    "refund_verify": _call(
        "GET /refund/{id}; a named status holds for the payment's verify too",
        "refund_verify",
        {
            "by_time": "pending, processing after half of refund_seconds, processed after all of it",
            **{status: f"status {status}" for status in answers.REFUND_STATUSES},
        },
        changes=False,
    ),
    "dispute": _call("GET /dispute/{id}", "dispute", _TRUE, changes=False),
    "refund_list": _call("GET /refund", "refund_list", _TRUE, changes=False),
    "refund_reverses": Choice("when a refund makes the payment's data.status reversed", "whole", answers.REVERSES),
    "return_url": Choice(
        "where the checkout page sends the browser in the end",
        "appended",
        {"appended": "callback_url with trxref and reference appended", "plain": "callback_url as it was given"},
    ),
    "webhook": Choice(
        "the webhook after a payment or a refund",
        "normal",
        {name: pattern.about for name, pattern in webhooks.DELIVERY_PATTERNS.items()},
    ),
    "retry": Choice("what follows when a webhook is not answered with 200", "test", webhooks.RETRIES),
    **DELAYS,
}
