"""The guest's page: every state in every language, safe, readable, and without anything from outside."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import get_args

import pytest
from msgspec import structs

from chalicelib.api.guest_page import (
    ICONS,
    PAGE_HEADERS,
    SCRIPT_HASH,
    STYLE_HASH,
    TEMPLATES,
    TEXTS,
    TONES,
    WORDS,
    PageState,
    PageView,
    Text,
    Words,
    render_page,
)
from chalicelib.domain.contact import Language
from chalicelib.domain.words.ethiopian import MONTHS as ETHIOPIAN_MONTHS
from tests.domain.test_ethiopian import KNOWN

LANGUAGES: tuple[Language, ...] = get_args(Language)
STATES: tuple[PageState, ...] = get_args(PageState)
BOOKING = "GZ4T1B8WCD7K2M9Q"
STAY = (date(2027, 1, 14), date(2027, 1, 17))
SHOP = "https://shop.example.et/thanks?booking_id=GZ4T1B8WCD7K2M9Q&tx_ref=GZ4T1B8WCD7K2M9Q-1"

every_state = pytest.mark.parametrize("state", STATES)
every_language = pytest.mark.parametrize("language", LANGUAGES)


class Page(HTMLParser):
    """The elements of a page, each with its attributes; complains of tags that are not closed in order."""

    VOID = frozenset({"meta", "link", "br", "circle", "path"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def refresh(self) -> str | None:
        [content] = [meta["content"] for meta in self.all("meta") if meta.get("http-equiv") == "refresh"] or [None]
        return content


def full(state: PageState) -> PageView:
    """A page with everything offered that there is."""
    return PageView(state, booking_id=BOOKING, can_pay=True, refresh_after=10, onward=SHOP, stay=STAY)


@every_language
@every_state
def test_every_page_is_whole(state: PageState, language: Language) -> None:
    html = render_page(full(state), language)
    page = Page(html)
    assert page.all("html") == [{"lang": language}]
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1
    assert any(div.get("role") == "status" for div in page.all("div"))
    assert f"<h1>{TEXTS[language][state].title}</h1>" in html
    assert BOOKING in html
    assert not re.search(r"\{\{|\{%|None|Undefined", html)


@pytest.mark.parametrize(("gregorian", "ethiopian"), KNOWN.items())
def test_an_amharic_reader_sees_both_calendars(gregorian: str, ethiopian: tuple[int, int, int]) -> None:
    day = date.fromisoformat(gregorian)
    view = structs.replace(full("paid"), stay=(day, day + timedelta(days=1)))
    year, month, number = ethiopian
    shown = f"{number} {ETHIOPIAN_MONTHS['am'][month - 1]} {year} ዓ.ም."
    amharic, english = render_page(view, "am"), render_page(view, "en")
    assert re.search(rf"መግቢያ <strong>[^<(]*{day.day} ቀን {day.year} እ\.ኤ\.አ\. \({re.escape(shown)}\)</strong>", amharic)
    assert shown not in english
    assert f"Check-in <strong>{day:%A} {day.day} {day:%B} {day.year}</strong>" in english


def test_who_can_still_pay_sees_what_for_how_much_and_until_when() -> None:
    until = (datetime(2027, 1, 2, 9, 45, tzinfo=UTC), "Africa/Addis_Ababa")
    view = structs.replace(full("waiting"), place="Lake house", total="ETB 6,300.00", pay_until=until)
    english, amharic = render_page(view, "en"), render_page(view, "am")
    for html in (english, amharic):
        assert "<strong>Lake house</strong>" in html
        assert "<strong>ETB 6,300.00</strong>" in html
    assert "Pay by <strong>Saturday 2 January 2027, 12:45 (Addis Ababa time)</strong>" in english
    assert f"{WORDS['am'].pay_until} <strong>ቅዳሜ፣ ጃንዋሪ 2 ቀን 2027 እ.ኤ.አ." in amharic
    assert "Pay by" not in render_page(structs.replace(view, pay_until=None), "en")


@every_language
def test_a_page_of_no_booking_shows_no_days(language: Language) -> None:
    html = render_page(PageView("trouble", booking_id=BOOKING), language)
    assert WORDS[language].check_in not in html
    assert WORDS[language].booking in html


@every_state
def test_no_translation_is_missing(state: PageState) -> None:
    assert state in TONES
    assert TONES[state] in ICONS
    assert set(TEXTS) == set(WORDS) == set(LANGUAGES)
    for field in structs.fields(Text):
        said = {bool(getattr(TEXTS[language][state], field.name)) for language in LANGUAGES}
        assert len(said) == 1, f"{field.name} of {state} is said in one language only"
    amharic = TEXTS["am"][state]
    assert not re.search(r"[A-Za-z]", "".join(getattr(amharic, field.name) for field in structs.fields(Text)))


def test_no_common_word_is_missing() -> None:
    for field in structs.fields(Words):
        english, amharic = (getattr(WORDS[language], field.name) for language in ("en", "am"))
        assert english
        assert amharic
        assert not re.search(r"[A-Za-z]", amharic)


@every_language
@every_state
def test_a_page_loads_nothing_and_runs_only_what_looks_again(state: PageState, language: Language) -> None:
    html = render_page(full(state), language)
    page = Page(html)
    assert {"img", "iframe", "object"} & {tag for tag, _ in page.elements} == set()
    assert page.all("script") == [{}]
    assert [link["href"] for link in page.all("link")] == ["data:,"]
    assert not re.search(r"url\(|@import|\son\w+=|\sstyle=", html)
    assert Page(render_page(structs.replace(full(state), refresh_after=None), language)).all("script") == []


def test_a_waiting_page_looks_again_at_the_pace_it_is_given() -> None:
    page = Page(render_page(PageView("waiting", refresh_after=20), "en"))
    assert page.refresh == "20"
    assert page.all("body") == [{"data-look-again": "20"}]
    assert {"href": ""} in page.all("a")
    assert Page(render_page(PageView("waiting"), "en")).refresh is None


def test_a_paid_page_goes_on_to_the_shop() -> None:
    page = Page(render_page(PageView("paid", onward=SHOP), "en"))
    assert page.refresh == f"3; url={SHOP}"
    assert SHOP in [a["href"] for a in page.all("a")]
    assert Page(render_page(PageView("paid"), "en")).refresh is None


@pytest.mark.parametrize("state", [state for state in STATES if state != "paid"])
def test_no_other_page_leaves_by_itself(state: PageState) -> None:
    refresh = Page(render_page(PageView(state, onward=SHOP), "en")).refresh
    assert refresh is None


@pytest.mark.parametrize("state", ["expired", "cancelled", "money_back"])
def test_who_has_no_booking_can_book_again(state: PageState) -> None:
    assert SHOP in [a["href"] for a in Page(render_page(PageView(state, onward=SHOP), "en")).all("a")]
    assert Page(render_page(PageView(state), "en")).all("a") == []


@pytest.mark.parametrize("state", ["failed", "waiting"])
def test_a_payable_booking_offers_a_plain_form_that_posts_to_this_page(state: PageState) -> None:
    page = Page(render_page(PageView(state, can_pay=True), "en"))
    assert page.all("form") == [{"method": "post"}]
    assert page.all("button") == [{"type": "submit"}]
    assert Page(render_page(PageView(state), "en")).all("form") == []


@pytest.mark.parametrize("state", [state for state in STATES if state not in ("failed", "waiting")])
def test_nothing_else_offers_to_pay(state: PageState) -> None:
    assert Page(render_page(full(state), "en")).all("form") == []


def test_what_is_shown_is_escaped() -> None:
    html = render_page(PageView("paid", booking_id='"><script>x', onward='https://x/"><script>y'), "en")
    assert "<script" not in html


def test_the_policy_allows_exactly_this_style() -> None:
    assert _hash_of("style") == STYLE_HASH, "page.css changed: this is its new STYLE_HASH"
    assert f"style-src '{STYLE_HASH}';" in PAGE_HEADERS["Content-Security-Policy"]


def test_the_policy_allows_exactly_this_script() -> None:
    assert _hash_of("script") == SCRIPT_HASH, "page.js changed: this is its new SCRIPT_HASH"
    assert f"script-src '{SCRIPT_HASH}'; connect-src 'self';" in PAGE_HEADERS["Content-Security-Policy"]


def _hash_of(element: str) -> str:
    html = render_page(PageView("waiting", refresh_after=3), "am")
    [text] = re.findall(rf"<{element}>(.*)</{element}>", html, re.DOTALL)
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def test_the_policy_lets_a_form_be_answered_by_a_redirect_to_the_checkout() -> None:
    [form_action] = [
        rule for rule in PAGE_HEADERS["Content-Security-Policy"].split("; ") if rule.startswith("form-action")
    ]
    assert "https:" in form_action.split()


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    channels = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back"),
    [
        ("ink", "paper"),
        ("soft", "paper"),
        ("green", "paper"),
        ("green", "ground"),
        ("on-green", "green"),
        ("gold", "paper"),
        ("red", "paper"),
    ],
)
def test_all_can_be_read(scheme: int, front: str, back: str) -> None:
    blocks = re.findall(r":root \{(.*?)\}", (TEMPLATES / "page.css").read_text(encoding="utf-8"), re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+);", blocks[scheme]))
    lighter, darker = sorted((_luminance(colours[front]), _luminance(colours[back])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_the_api_starts_without_jinja() -> None:
    code = "import sys, chalicelib.api.guest_page; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
