"""`CallHandler`: answer one API call of a sandbox.

It logs the request, looks up the call's switch, makes the answer (or the fault in its place), and logs the answer.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from local.sandboxes.core.faults import NO_ANSWER, Fault, answer_with_fault, html_page
from local.sandboxes.core.sandbox import Sandbox

JSON = "application/json"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

Body = dict[str, Any]
Answer = tuple[int, Body]


@dataclass(frozen=True)
class FixedAnswer:
    """A fixed answer in place of the correct one; the call has no effect."""

    about: str
    status: int
    body: Body


def sent_fields() -> dict[str, Any]:
    """Return the fields of the request's body; a body that is no JSON object counts as one without fields."""
    if request.mimetype in FORMS:
        return dict(request.form.items())
    try:
        fields = json.loads(request.get_data(as_text=True))
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def sent_key() -> str:
    """Return the bearer key of the request, or nothing."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def keys_match(given: str, right: str) -> bool:
    """Compare two keys in constant time."""
    return hmac.compare_digest(given.encode(), right.encode())


@dataclass(frozen=True)
class CallHandler:
    """Handles the calls of one API: its faults, its fixed answers, and how it writes JSON."""

    sandbox: Sandbox
    faults: Mapping[str, Fault]
    fixed: Mapping[str, Mapping[str, FixedAnswer]]
    write: Callable[[Any], bytes]

    def handle(
        self,
        call: str | None,
        tx_ref: str | None,
        work: Callable[[str], Answer],
        *,
        refuse: Callable[[], Answer | None],
    ) -> Response:
        """Answer a call as its switch says. `work` gets the switch's value; `refuse` checks the key before it.

        `call` is the name for the log, and that of the switch where there is one.
        """
        behaviour = (
            self.sandbox.switches.take(call, tx_ref) if call and call in self.sandbox.switches.table else "normal"
        )
        entry = self.sandbox.call_log.begin(
            "request",
            method=request.method,
            path=request.path,
            call=call or "unknown",
            tx_ref=tx_ref or None,
            behaviour=behaviour,
            body=sent_fields() or request.get_data(as_text=True) or None,
        )

        def true_answer() -> Response:
            fixed = self.fixed.get(call or "", {}).get(behaviour)
            status, body = refuse() or ((fixed.status, fixed.body) if fixed else work(behaviour))
            return Response(self.write(body), status, content_type=JSON)

        if request.method == "GET" and request.get_data():
            answer = html_page(403, "Bad request.")
        else:
            answer = answer_with_fault(self.faults, behaviour, self.sandbox.hold_times(tx_ref), true_answer)
        status = None if answer.status_code == NO_ANSWER else answer.status_code
        self.sandbox.call_log.finish(entry, status, _readable(answer))
        return answer


def _readable(answer: Response) -> Any:
    """Return the answer's body for the call log, unless a fault cuts, drips or resets it."""
    if answer.is_streamed:
        return "(spoiled on its way)"
    text = answer.get_data(as_text=True)[:4_000]
    try:
        return json.loads(text)
    except ValueError:
        return text
