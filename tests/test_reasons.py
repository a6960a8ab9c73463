"""Why somebody must look is a sentence of ours: the console has each in both languages, and finds it as it is kept."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from types import ModuleType

import pytest

from chalicelib.domain import refunds, verification
from chalicelib.domain.watch import invariants
from chalicelib.services import refunds as refunding
from chalicelib.services.clock import checking
from chalicelib.services.operators import lists
from tests.test_console_words import FOLDER, TABLE

ENGLISH = {english for key, (english, _) in TABLE.items() if key.startswith("why.")}
NO_SENTENCES = {"{}", "detail", "status"}
"""What stands in the place of a sentence, and is none: a code, or what somebody else wrote."""


def shape(text: str) -> str:
    """A sentence, whatever stands in its braces."""
    return re.sub(r"{[^}]*}", "{}", text)


def sentences(node: ast.AST) -> Iterator[str]:
    """The texts of an expression, each with ``{}`` for what is put into it."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
        case ast.IfExp(body=body, orelse=orelse):
            yield from sentences(body)
            yield from sentences(orelse)
        case ast.Tuple(elts=elements):
            for element in elements:
                yield from sentences(element)
        case ast.BoolOp(values=values):
            for value in values:
                yield from sentences(value)
        case ast.Subscript(value=value) | ast.Call(func=ast.Attribute(value=value)):
            yield from sentences(value)


def told_in(module: ModuleType) -> set[str]:
    """The sentences of a module that a person may read as a reason."""
    found: set[str] = set()
    holds = {"reason", "detail", "why", "says", "what"}
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        match node:
            case ast.Assign(targets=[target], value=value) if holds & names(target):
                found |= set(sentences(value))
            case ast.Yield(value=ast.expr() as value) | ast.Return(value=ast.expr() as value):
                found |= set(sentences(value))
            case ast.Call(func=ast.Name(id="AttentionItem" | "Finding" | "_not_executed"), args=arguments):
                for argument in arguments:
                    found |= set(sentences(argument))
            case ast.Call(func=ast.Attribute(attr="append"), args=[argument]):
                found |= set(sentences(argument))
    # Codes and names have no spaces; a reason has.
    return {shape(each) for each in found if " " in each} - NO_SENTENCES


def names(target: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(target) if isinstance(each, ast.Name)}


NOT_REASONS = {
    "; ",  # between two of them
    "{} {}",  # a finding of nights is about a listing and a month
    "ledger {}",
    "{}: {}",  # what it is about, and what does not hold
}


def reasons() -> set[str]:
    told = set().union(*map(told_in, (lists, invariants, verification, refunds, refunding, checking)))
    constants = {refunds.IN_DISPUTE, refunding.NOT_EXCLUDED, f"{refunds.NOT_STARTED}: {{}}"}
    return (told | constants) - NOT_REASONS


def test_every_reason_has_its_words_and_all_words_are_of_a_reason() -> None:
    known = {shape(each) for each in ENGLISH}
    assert reasons() - known == set()
    assert known - reasons() - {"{} claimed back", "nothing readable"} == set()


SAID = {
    "email_bounced: bounced, no_such_mailbox": None,
    "booking_confirmed: failed, after 5 tries": "ከ5 ሙከራ በኋላ",
    "another reference; ETB 1.00 instead of ETB 2.00": "ሌላ መለያ ቁጥር፤ በETB 2.00 ፈንታ ETB 1.00",
    "mode missing instead of live": "በlive ፈንታ missing ስልት",
    "it could not be started for a day: gateway_timeout": "ለአንድ ቀን ሊጀመር አልቻለም፦ የክፍያ አገልግሎቱ በጊዜው አልመለሰም። የተለወጠ የለም።",
    "refused: Insufficient balance": "ተቀባይነት አላገኘም፦ Insufficient balance",
    "reversed at the gateway, not by us": "በክፍያ አገልግሎቱ፦ ተወስዷል፤ በእኛ አይደለም",
    "GZ1: something is due, and the clock does not know it": "GZ1፦ ጊዜው የደረሰ ሥራ አለ፤ ሰዓቱ ግን አያውቀውም",
    "GZ1-1: ETB 2.00 was received for nothing, and ETB 1.00 goes back": (
        "GZ1-1፦ ETB 2.00 ያለ አገልግሎት ደርሷል፤ ETB 1.00 ግን ይመለሳል"
    ),
    "sara@guzo.et proposed: The roof leaks: a flood.": "sara@guzo.et ያቀረቡት፦ The roof leaks: a flood.",
    "ETB 7,350.00 claimed back": "ETB 7,350.00 እንዲመለስ ተጠይቋል",
    "money for a reference that is not ours: ETB 7,350.00, AP1": "የእኛ ላልሆነ መለያ ቁጥር የመጣ ገንዘብ፦ ETB 7,350.00, AP1",
    "no word for 10 business days": "ለ10 የሥራ ቀናት ምንም መልስ የለም",
    "What a gateway wrote": "What a gateway wrote",
}


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not here; the browser's tests look at one of them")
def test_a_reason_is_found_by_its_english_form() -> None:
    script = (
        f"Object.defineProperty(globalThis, 'navigator', {{ value: {{ languages: ['am'] }}, configurable: true }});"
        f"const {{ because, speak }} = await import({json.dumps((FOLDER / 'words.js').as_uri())});"
        f"const said = {json.dumps([*SAID])};"
        f"const amharic = said.map(because); speak('en');"
        f"console.log(JSON.stringify([amharic, said.map(because)]));"
    )
    ran = subprocess.run(
        ["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True, timeout=60
    )
    amharic, english = json.loads(ran.stdout)
    assert english == [*SAID]
    for said, told, promised in zip(SAID, amharic, SAID.values(), strict=True):
        assert promised is None or promised in told, said
        assert told != said or promised == said
