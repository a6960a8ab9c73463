"""A call as it is answered: it is written into the journal, its switch is looked up, the answer is made (or kept from
being made), and the journal learns what was answered."""

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from local.sandboxes.core.faults import NO_ANSWER, Fault, html_page, with_fault
from local.sandboxes.core.sandbox import Sandbox

JSON = "application/json"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

Body = dict[str, Any]
Answer = tuple[int, Body]


@dataclass(frozen=True)
class Canned:
    """A fixed answer in place of the true one; nothing is done."""

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


def is_key(given: str, right: str) -> bool:
    """Say whether a key is the right one."""
    return hmac.compare_digest(given.encode(), right.encode())


@dataclass(frozen=True)
class Desk:
    """Where the calls of one API are answered."""

    sandbox: Sandbox
    faults: Mapping[str, Fault]
    canned: Mapping[str, Mapping[str, Canned]]
    write: Callable[[Any], bytes]

    def answer(
        self,
        call: str | None,
        tx_ref: str | None,
        work: Callable[[str], Answer],
        *,
        refuse: Callable[[], Answer | None],
    ) -> Response:
        """Answer a call as its switch says. `work` is told what that is; `refuse` looks at the key first.

        A call without a switch of its own is None.
        """
        behaviour = self.sandbox.switches.take(call, tx_ref) if call else "normal"
        entry = self.sandbox.journal.begin(
            "request",
            method=request.method,
            path=request.path,
            call=call or "unknown",
            tx_ref=tx_ref or None,
            behaviour=behaviour,
            body=sent_fields() or request.get_data(as_text=True) or None,
        )

        def true_answer() -> Response:
            canned = self.canned.get(call or "", {}).get(behaviour)
            status, body = refuse() or ((canned.status, canned.body) if canned else work(behaviour))
            return Response(self.write(body), status, content_type=JSON)

        if request.method == "GET" and request.get_data():
            answer = html_page(403, "Bad request.")
        else:
            answer = with_fault(self.faults, behaviour, self.sandbox.patience(tx_ref), true_answer)
        status = None if answer.status_code == NO_ANSWER else answer.status_code
        self.sandbox.journal.finish(entry, status, _readable(answer))
        return answer


def _readable(answer: Response) -> Any:
    """Return what was answered for the journal, unless it is cut, dripping or reset on its way."""
    if answer.is_streamed:
        return "(spoiled on its way)"
    text = answer.get_data(as_text=True)[:4_000]
    try:
        return json.loads(text)
    except ValueError:
        return text
