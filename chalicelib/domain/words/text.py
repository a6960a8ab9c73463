"""Text that people typed: which of its characters are shown, and which only do something to those around them."""

from __future__ import annotations

import unicodedata

JOINERS = "\u200c\u200d"
"""ZWNJ and ZWJ, which show nothing themselves but belong to the spelling of Persian, Hindi or Sinhala words."""

BIDI_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""What turns the direction of writing (Unicode's Bidi_Control)."""


def one_line(text: str) -> str:
    """The text on one line, single spaces between its words. Of what shows nothing only the joiners stay."""
    shown = (letter if letter.isprintable() or letter in JOINERS else " " for letter in text)
    return " ".join("".join(shown).split())


def visible(text: str) -> str:
    """The text without format characters (Unicode's category Cf): what a reader sees of it, joiners left out too."""
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
