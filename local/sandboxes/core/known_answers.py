"""Compare a gateway's answers with the forms in which they are known to come.

Each gateway lists its own (`local/sandboxes/chapa/known_answers.py`); `docs/gateways.md` shows the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.adapters.gateways.parsing import Number, read_json, read_major, read_minor
from chalicelib.adapters.gateways.transport import HttpResponse
from chalicelib.domain.money import Money

SHOWABLE = re.compile(r"[A-Za-z][a-z_/ -]{0,30}", re.ASCII)
ABSENT = object()


@dataclass(frozen=True)
class OpenedPayment:
    """What a payment was opened with: the values that its answers must repeat."""

    tx_ref: str
    amount: Money
    mode: str


@dataclass(frozen=True)
class AnswerForm:
    """One known form of an answer: its status, and the kind of certain fields by dotted path."""

    about: str
    status: int
    fields: Mapping[str, str]


@dataclass(frozen=True)
class KnownCall:
    """One call and the known forms of its answer."""

    call: str
    method: str
    path: re.Pattern[str]
    forms: tuple[AnswerForm, ...]


def _text(value: object, _: OpenedPayment) -> bool:
    return type(value) is str and value != ""


KINDS: Mapping[str, Callable[[Any, OpenedPayment], bool]] = {
    "a text": _text,
    "an https link": lambda value, _: type(value) is str and value.startswith("https://"),
    "our reference": lambda value, asked: bool(value == asked.tx_ref),
    "our currency": lambda value, asked: bool(value == asked.amount.currency),
    "our mode": lambda value, asked: bool(value == asked.mode),
    "our amount, in major units": lambda value, asked: read_major(value, asked.amount.currency) == asked.amount,
    "our amount, in minor units": lambda value, asked: read_minor(value, asked.amount.currency) == asked.amount,
    "true": lambda value, _: value is True,
    "null": lambda value, _: value is None,
}
"""What a field can be, in words; any other word stands for itself, and `a or b` for either."""


def differences(row: KnownCall, answer: HttpResponse, asked: OpenedPayment, *, secure: bool = True) -> list[str]:
    """Return how an answer differs from the closest known form, as sentences; an empty list when one fits.

    The sentences hold names of fields and short words, never a text that could be personal data or a key. ``secure``:
    links must be over TLS (those of a sandbox are not).
    """
    differing = [list(_differences(form, answer, asked, secure=secure)) for form in row.forms]
    return min(differing, key=len)


def _differences(form: AnswerForm, answer: HttpResponse, asked: OpenedPayment, *, secure: bool) -> Iterator[str]:
    if answer.status != form.status:
        yield f"the status is {answer.status}, not {form.status}"
    try:
        body = read_json(answer.body)
    except ValueError:
        yield "the body is no JSON"
        return
    for path, kind in form.fields.items():
        value = _at(body, path)
        if not any(_is(value, each, asked, secure=secure) for each in kind.split(" or ")):
            yield f"{path} is {_shown(value)}, not {kind}"


def _is(value: object, kind: str, asked: OpenedPayment, *, secure: bool) -> bool:
    if kind == "an https link" and not secure:
        return type(value) is str and value.startswith("http")
    check = KINDS.get(kind)
    return check(value, asked) if check else type(value) is str and value == kind


def _at(body: object, path: str) -> object:
    for name in path.split("."):
        if not isinstance(body, dict) or name not in body:
            return ABSENT
        body = body[name]
    return body


def _shown(value: object) -> str:
    """Return a value for people, as far as it may be shown."""
    if value is ABSENT:
        return "missing"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Number):
        return "another number"
    if isinstance(value, str):
        return value if SHOWABLE.fullmatch(value) else "another text"
    return "a list" if isinstance(value, list) else "an object"


def find_call(calls: tuple[KnownCall, ...], method: str, path: str) -> KnownCall:
    """Return the entry of a call. Raises StopIteration for one that is not listed."""
    return next(row for row in calls if row.method == method and row.path.search(path))


def table(calls: tuple[KnownCall, ...]) -> list[str]:
    """Return the known calls as the Markdown table of docs/gateways.md."""
    lines = ["| call | known as | status | in the answer |", "|---|---|---|---|"]
    for row in calls:
        for form in row.forms:
            fields = ", ".join(f"`{path}` {kind}" for path, kind in form.fields.items())
            lines.append(f"| {row.call} | {form.about} | {form.status} | {fields} |")
    return lines
