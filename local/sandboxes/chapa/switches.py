"""The switches of Chapa's sandbox: everything that sources disagree about or that can fail, by name."""

from local.sandboxes.chapa import answers_v1, answers_v2, webhooks
from local.sandboxes.chapa.faults import FAULTS
from local.sandboxes.core.faults import fault_names
from local.sandboxes.core.switches import DELAYS, Choice, Number


def _call(about: str, call: str, normal: dict[str, str], *, changes: bool, default: str = "") -> Choice:
    canned = {
        name: answer.about
        for name, answer in (answers_v2.FIXED_ANSWERS.get(call) or answers_v1.FIXED_ANSWERS[call]).items()
    }
    values = {**normal, **canned, **fault_names(FAULTS, changes_something=changes)}
    return Choice(about, default or next(iter(normal)), values, of_a_call=True)


_TRUE = {"normal": "the true answer"}

SWITCHES: dict[str, Choice | Number] = {
    "initialize": _call("POST /transaction/initialize", "initialize", _TRUE, changes=True),
    "verify": _call(
        "GET /transaction/verify/{tx_ref}",
        "verify",
        {name: variant.about for name, variant in answers_v1.VERIFY.items()},
        changes=False,
    ),
    "cancel": _call("PUT /transaction/cancel/{tx_ref}", "cancel", _TRUE, changes=True),
    "refund": _call(
        "POST /refund/{reference}",
        "refund",
        {name: about for name, (about, _) in answers_v1.REFUND.items()},
        changes=True,
        default="test_mode",
    ),
    "refund_verify": _call(
        "GET /refund/{ref_id}/verify; a named status holds for the payment's verify too",
        "refund_verify",
        {
            "by_time": "initiated, processing after half of refund_seconds, refunded after all of it",
            **{status: f"status {status}" for status in answers_v1.REFUND_STATUSES},
        },
        changes=False,
    ),
    "events": _call("GET /transaction/events/{ref_id}", "events", _TRUE, changes=False),
    "v2_initialize": _call("version 2: POST /payments/hosted", "v2_initialize", _TRUE, changes=True),
    "v2_verify": _call(
        "version 2: GET /payments/{reference}/verify",
        "v2_verify",
        {name: variant.about for name, variant in answers_v2.VERIFY.items()},
        changes=False,
    ),
    "verify_unknown": Choice(
        "verify of a tx_ref that was never initialised",
        "400",
        {
            "400": f"400 {answers_v1.UNKNOWN_TRANSACTION}, as recorded",
            "404": f"404 {answers_v1.UNKNOWN_TRANSACTION_404}, as the documents say",
        },
    ),
    "verify_after_cancel": Choice(
        "data.status after the merchant's cancel call, or the customer's cancel button",
        "pending",
        {"pending": "as recorded", "failed/cancelled": "as the webhook says", "cancelled": "seen by few"},
    ),
    "refund_path": Choice(
        "the reference that POST /refund/{reference} takes",
        "chapa_reference",
        {"chapa_reference": "Chapa's only", "either": "the tx_ref too"},
    ),
    "refund_verify_path": Choice(
        "the reference that GET /refund/{reference}/verify takes",
        "either",
        {"either": "Chapa's, or the merchant's own of the refund", "ref_id": "Chapa's only"},
    ),
    "email_domains": Choice(
        "e-mail domains that are reserved for tests, such as example.com",
        "refuse",
        {"refuse": "400 validation.email", "off": "taken"},
    ),
    "phone_forms": Choice(
        "phone numbers other than 09… and 07… with ten digits",
        "refuse",
        {"refuse": "400 validation.regex", "off": "taken"},
    ),
    "callback": Choice(
        "the call of callback_url after a payment or a failure",
        "query",
        {name: callback.about for name, callback in webhooks.CALLBACKS.items()},
    ),
    "return_url": Choice(
        "where the checkout page sends the browser in the end",
        "plain",
        {"plain": "return_url as it was given", "appended": "with trx_ref, ref_id and status appended"},
    ),
    "webhook": Choice(
        "the webhook after a payment or a failure",
        "normal",
        {name: pattern.about for name, pattern in webhooks.DELIVERY_PATTERNS.items()},
    ),
    "retry": Choice(
        "what follows when a webhook is not answered with 200",
        "10_times",
        {name: about for name, (about, _) in webhooks.RETRIES.items()},
    ),
    **DELAYS,
}
