"""Every word of the consoles stands in one table, in both languages; the pages hold none."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.domain import attention, booking
from chalicelib.domain.finance import settlement, statements
from chalicelib.domain.listings import listing
from chalicelib.domain.operators import presence
from chalicelib.domain.people import accounts

FOLDER = Path(__file__).parent.parent / "chalicelib" / "static" / "console"
WORDS = (FOLDER / "words.js").read_text(encoding="utf-8")
PAGES = sorted(path for path in FOLDER.glob("*.js") if path.name != "words.js")

ENTRY = re.compile(r'^  "([\w.]+)": \["((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\],$', re.MULTILINE)
TABLE = {key: (english, amharic) for key, english, amharic in ENTRY.findall(WORDS)}
SAME = {"title", "moved", "step.under", "step.over"}
"""Keys whose words are signs and numbers alone."""

MADE = (
    "resolve.",
    "close.",
    "cap.",
    "funnel.",
    "queue.",
    "page.",
    "now.",
    "why.",
    "end.",
    "cancel_all.",
    "lift.",
    "is.",
    "code.",
)
"""Keys that are put together of a word that the API says, or of a name: ``t(`cap.${name}`)``."""

CODE = re.compile(r"//[^\n]*|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'")


def literals(text: str) -> Iterator[str]:
    """The texts of a script, without what is put into templates."""
    for found in CODE.findall(text):
        if found.startswith("//"):
            continue
        if found.startswith("`"):
            yield from re.split(r"\$\{[^}]*\}", found[1:-1])
        else:
            yield found[1:-1]


def keys_of(page: Path) -> set[str]:
    text = page.read_text(encoding="utf-8")
    return set(re.findall(r'\bt\("([\w.]+)"', text)) | {each for each in literals(text) if each in TABLE}


def test_the_table_has_nothing_but_entries() -> None:
    body = WORDS[WORDS.index("const WORDS = {") : WORDS.index("\n};\n")]
    lines = [line for line in body.splitlines()[1:] if line.strip() and not line.strip().startswith("//")]
    assert len(lines) == len(TABLE), "each key once, each with two texts"


def test_both_languages_say_it() -> None:
    for key, (english, amharic) in TABLE.items():
        assert english, key
        assert amharic, key
        braces = [sorted(re.findall(r"{\w+}", text)) for text in (english, amharic)]
        assert braces[0] == braces[1], f"{key}: both are given the same"
        if key not in SAME and key != "other_language":
            assert re.search("[\u1200-\u137f]", amharic), key
            assert not re.search("[\u1200-\u137f]", english), key


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_holds_no_words(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r'\bt\("([\w.]+)"', text)) <= set(TABLE)
    # Media types, header names and the like are no words for people.
    plain = {"GET", "POST", "PUT", "PATCH", "Content-Type", "Idempotency-Key", "If-Match", "Bearer ", "SHA-256", "S256"}
    plain |= {
        "ETag",
        "X-Request-Id",
        "Enter",
        "UTC",
        "Chapa",
        "Paystack",
        "ETB",
        "openid email",
        "0 0 100 40",
        "sign-in",
    }
    for each in literals(text):
        if each in plain or each in TABLE or "/" in each or each.startswith(("T", "#")):
            continue
        assert not re.search(r"[A-Z][a-z]|[a-z]{2,} [a-z]{2,}", each) or is_markup(each), each


def is_markup(text: str) -> bool:
    """Class names, and selectors."""
    return bool(
        re.fullmatch(r"(?:row|card|night|status|axis|acts|look-up|told|small|right|past|closed|last|top|of-| )+", text)
    ) or any(sign in text for sign in ("[", "input", ".wrong"))


def test_every_word_of_the_table_is_used() -> None:
    used = set().union(*map(keys_of, PAGES))
    made = {key for key in TABLE if key.startswith(MADE) or key.removesuffix(".says") in {"act.block", "act.unblock"}}
    assert set(TABLE) - used - made - {"console.ops", "console.host"} == set()


def test_what_the_api_says_has_words() -> None:
    said: set[str] = set()
    for module, names in (
        (booking, ("BookingStatus", "PaymentStatus", "RefundStatus", "DisputeStatus", "EntryStatus", "WhyNot")),
        (booking, ("LetterKind", "LineKind", "Cause", "Language", "EndedAs")),
        (attention, ("AttentionKind",)),
        (presence, ("Movement",)),
        (settlement, ("Verdict",)),
        (statements, ("EntryKind",)),
        (accounts, ("Act",)),
        (listing, ("ListingStatus",)),
    ):
        for name in names:
            said |= set(typing.get_args(getattr(module, name)))
    said |= {f"mend_{action}" for action in typing.get_args(settlement.MendedBy) if action != "nothing"}
    assert {word for word in said if f"is.{word}" not in TABLE} == set()
