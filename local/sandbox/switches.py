"""The sandbox's switches: each way of Chapa that sources disagree about, or that goes wrong, by a name.

`SWITCHES` is the one table: what can be set, to what, and what that does. `GET /chapa/_control` serves it,
`POST /chapa/_control` sets it, and the rest of the package asks `Switches.of(name, tx_ref)`.
"""

import threading
from dataclasses import dataclass
from typing import Any

from local.chapa import answers, webhooks
from local.chapa.faults import faults_of_a_call

Value = str | float


class BadControlError(Exception):
    """The control JSON names a switch or a value that does not exist. `problems` says which, by name."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = problems


@dataclass(frozen=True)
class Choice:
    """A switch with named values, each with what it does."""

    about: str
    default: str
    values: dict[str, str]

    def check(self, value: Any) -> str | None:
        """Return what is wrong with the value, or None."""
        if isinstance(value, str) and value in self.values:
            return None
        return f"{value!r} is none of: {', '.join(self.values)}"


@dataclass(frozen=True)
class Number:
    """A switch that is a number of seconds, from 0 on."""

    about: str
    default: float

    def check(self, value: Any) -> str | None:
        """Return what is wrong with the value, or None."""
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9:
            return None
        return f"{value!r} is not a number of seconds"


def _call(about: str, call: str, normal: dict[str, str], *, changes: bool, default: str = "") -> Choice:
    canned = {name: answer.about for name, answer in answers.CANNED[call].items()}
    values = {**normal, **canned, **faults_of_a_call(changes_something=changes)}
    return Choice(about, default or next(iter(normal)), values)


_TRUE = {"normal": "the true answer"}

SWITCHES: dict[str, Choice | Number] = {
    "initialize": _call("POST /transaction/initialize", "initialize", _TRUE, changes=True),
    "verify": _call(
        "GET /transaction/verify/{tx_ref}",
        "verify",
        {name: variant.about for name, variant in answers.VERIFY.items()},
        changes=False,
    ),
    "cancel": _call("PUT /transaction/cancel/{tx_ref}", "cancel", _TRUE, changes=True),
    "refund": _call(
        "POST /refund/{reference}",
        "refund",
        {name: about for name, (about, _) in answers.REFUND.items()},
        changes=True,
        default="test_mode",
    ),
    "refund_verify": _call(
        "GET /refund/{ref_id}/verify; a named status holds for the payment's verify too",
        "refund_verify",
        {
            "by_time": "initiated, processing after half of refund_seconds, refunded after all of it",
            **{status: f"status {status}" for status in answers.REFUND_STATUSES},
        },
        changes=False,
    ),
    "events": _call("GET /transaction/events/{ref_id}", "events", _TRUE, changes=False),
    "verify_unknown": Choice(
        "verify of a tx_ref that was never initialised",
        "400",
        {
            "400": f"400 {answers.UNKNOWN_TRANSACTION}, as recorded",
            "404": f"404 {answers.UNKNOWN_TRANSACTION_404}, as the documents say",
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
        {name: manner.about for name, manner in webhooks.MANNERS.items()},
    ),
    "retry": Choice(
        "what follows when a webhook is not answered with 200",
        "10_times",
        {name: about for name, (about, _) in webhooks.RETRIES.items()},
    ),
    "hold_seconds": Number("how long `timeout` and `drip` take", 20.0),
    "slow_seconds": Number("how long `slow` takes", 3.0),
    "late_seconds": Number("how late the `late` webhook is, by the local clock (POST /clock moves it)", 2700.0),
    "refund_seconds": Number("how long a simulated refund takes, by the local clock", 86400.0),
}


class Switches:
    """The switches as they are set: for everybody, and for single payments."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._for_all: dict[str, Value] = {}
        self._for_one: dict[str, dict[str, Value]] = {}

    def of(self, name: str, tx_ref: str | None = None) -> str:
        """Return the value of a named choice, for a payment if one is given."""
        return str(self._value(name, tx_ref))

    def seconds(self, name: str, tx_ref: str | None = None) -> float:
        """Return the value of a number."""
        return float(self._value(name, tx_ref))

    def set(self, control: dict[str, Any]) -> None:
        """Take a control JSON. `{}` resets all, `{"tx_ref": …}` that payment; null resets one switch.

        Raises BadControlError, and then nothing was changed.
        """
        wanted = {name: value for name, value in control.items() if name != "tx_ref"}
        tx_ref = control.get("tx_ref")
        problems: dict[str, str] = {}
        if "tx_ref" in control and not (isinstance(tx_ref, str) and tx_ref):
            problems["tx_ref"] = "tx_ref is not a string"
        for name, value in wanted.items():
            if name not in SWITCHES:
                problems[name] = f"there is no switch {name!r}; there are: {', '.join(SWITCHES)}"
            elif value is not None and (wrong := SWITCHES[name].check(value)):
                problems[name] = f"{name}: {wrong}"
        if problems:
            raise BadControlError(problems)
        with self._lock:
            if not control:
                self._for_all, self._for_one = {}, {}
            elif tx_ref is None:
                self._for_all = _merged(self._for_all, wanted)
            else:
                self._for_one[tx_ref] = _merged(self._for_one.get(tx_ref, {}), wanted) if wanted else {}

    def settings(self) -> dict[str, Any]:
        """Return all values as they are now, and those of single payments."""
        with self._lock:
            for_all = {name: self._for_all.get(name, switch.default) for name, switch in SWITCHES.items()}
            return {"switches": for_all, "by_tx_ref": {key: dict(v) for key, v in self._for_one.items() if v}}

    def _value(self, name: str, tx_ref: str | None) -> Value:
        with self._lock:
            for_one = self._for_one.get(tx_ref or "", {})
            return for_one.get(name, self._for_all.get(name, SWITCHES[name].default))


def _merged(before: dict[str, Value], wanted: dict[str, Any]) -> dict[str, Value]:
    return {name: value for name, value in {**before, **wanted}.items() if value is not None}
