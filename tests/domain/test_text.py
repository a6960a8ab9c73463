from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.words.text import BIDI_CONTROLS, JOINERS, one_line, visible


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\nBcc: b", "a Bcc: b"),
        (" a\u2028\u2029b\x85\x0bc\td ", "a b c d"),
        ("a\u202eb\u2066c", "a b c"),
        ("ක්\u200dෂමා نیک\u200cپور", "ක්\u200dෂමා نیک\u200cپور"),
        ("a\u200bb\ufeff", "a b"),
        ("\0\ud800", ""),
    ],
)
def test_text_on_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


@given(st.text())
def test_nothing_invisible_is_left_on_a_line_but_joiners_and_spaces(text: str) -> None:
    line = one_line(text)
    assert all(letter.isprintable() or letter in JOINERS for letter in line)
    assert line == line.strip()
    assert "  " not in line
    assert one_line(line) == line


def test_what_a_reader_sees() -> None:
    assert visible(f"a{BIDI_CONTROLS}b{JOINERS}c\u00ad\u200bd") == "abcd"
