"""What a gateway is known to answer, as data, and what differs from it in an answer that came.

Each gateway has its own sheet (`local/sandboxes/chapa/sheet.py`); `docs/gateways.md` shows the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.adapters.gateways.parsing import read_major, read_minor
from chalicelib.adapters.gateways.transport import Answer, Number, read_json
from chalicelib.domain.money import Money

SHOWABLE = re.compile(r"[A-Za-z][a-z_/ -]{0,30}", re.ASCII)
ABSENT = object()


@dataclass(frozen=True)
class Asked:
    """What a payment was opened with."""

    tx_ref: str
    amount: Money
    mode: str


@dataclass(frozen=True)
class Form:
    """One way in which an answer is known to come: its status, and what certain fields are, by dotted path."""

    about: str
    status: int
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Row:
    """One call, and the forms that its answer may have."""

    call: str
    method: str
    path: re.Pattern[str]
    forms: tuple[Form, ...]


def _text(value: object, _: Asked) -> bool:
    return type(value) is str and value != ""


KINDS: Mapping[str, Callable[[Any, Asked], bool]] = {
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


def differences(row: Row, answer: Answer, asked: Asked, *, secure: bool = True) -> list[str]:
    """What is not as any form of this row says, for people; nothing when one form fits.

    What is shown of an answer are names of fields and short words, never a text that could hold somebody's data or a
    key. ``secure``: links are over TLS (those of a sandbox are not).
    """
    said = [list(_differences(form, answer, asked, secure=secure)) for form in row.forms]
    return min(said, key=len)


def _differences(form: Form, answer: Answer, asked: Asked, *, secure: bool) -> Iterator[str]:
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


def _is(value: object, kind: str, asked: Asked, *, secure: bool) -> bool:
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
    """A value for people, as far as it can be shown."""
    if value is ABSENT:
        return "missing"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Number):
        return "another number"
    if isinstance(value, str):
        return value if SHOWABLE.fullmatch(value) else "another text"
    return "a list" if isinstance(value, list) else "an object"


def row_of(sheet: tuple[Row, ...], method: str, path: str) -> Row:
    """The row of a call that was made. Raises LookupError for one that is not on the sheet."""
    return next(row for row in sheet if row.method == method and row.path.search(path))


def table(sheet: tuple[Row, ...]) -> list[str]:
    """The sheet as it stands in docs/gateways.md."""
    lines = ["| call | known as | status | in the answer |", "|---|---|---|---|"]
    for row in sheet:
        for form in row.forms:
            fields = ", ".join(f"`{path}` {kind}" for path, kind in form.fields.items())
            lines.append(f"| {row.call} | {form.about} | {form.status} | {fields} |")
    return lines
