"""Names of people: written as anywhere in the world, and never what a reader or a mail program takes for a link.

A name stands at the top of letters. Whoever types one must not be able to make such a letter carry their own address.
"""

from __future__ import annotations

import re
import unicodedata

from chalicelib.domain.words.text import BIDI_CONTROLS, JOINERS, visible

_LOOK_ALIKES = str.maketrans(
    {
        **dict.fromkeys("\u3002\u0589\u06d4\u0701\u0702\u1362\u166e\u2e3c\ua4f8\ua60e\u0660\u06f0\U0001d16d", "."),
        **dict.fromkeys("\u02d0\u05c3\u1365\u1366\u2236\ua789", ":"),
        **dict.fromkeys("\u2044\u2215\u29f8\u2571", "/"),
        **dict.fromkeys("\u2022\u2027\u2219\u22c5\u2e31\u119e\u30fb\ua78f", "\u00b7"),
    }
)
"""What reads as a full stop, a colon, a slash or a middle dot, beside what NFKC makes one of (full-width forms)."""

_TITLE = re.compile("ato|capt|col|dr|eng|fr|gen|hon|jr|lt|maj|mr|mrs|ms|prof|rev|sh|sr|st")
"""An abbreviation that a name may follow without a space."""

_ENDING = re.compile(
    "..|[a-z0-9-]{3}|africa|agency|bank|blog|cash|club|cloud|company|digital|email|global|group|help|info|life|link|live|"
    "media|mobi|money|name|network|news|online|page|shop|site|space|store|support|tech|today|travel|website|wiki|work|"
    "world|xn--.*|zone"
)
"""What a domain may end in: all that is short, and of the rest what people register."""

_LABEL = r"[^\W_][\w'\u2019-]*"
_DOTTED = re.compile(rf"-*(?P<before>[\w'\u2019-]*)\.+(?P<after>{_LABEL})")
_MIDDLE = re.compile(r"(?<!l)\u00b7[a-z0-9-]{2}|l\u00b7(?!l)[a-z0-9-]{2}")
_STRAY_MARKS = re.compile(r"(?<=[.\u00b7/:@])[\u0300-\u036f]+")
_INSIDE = frozenset(".,'\u2018\u2019`\u00b4\"\u201c\u201d/()&+\u00b7_-\u2010\u2012\u2013\u2014")
"""What may stand between two Latin letters of a name, without a space; any other mark there stands for a dot."""
_MOST_DIGITS = 4
"""How many digits a name may have (``1st Lt.``): more are a number to call, or an address."""
_SPELLED = r"\.\s*(?:{})(?!\w)".format("|".join(r"\s*".join(each) for each in ("com", "net", "org", "info", "biz")))
_TELLTALE = re.compile(
    "|".join(
        (
            r"[@:\\]|//|http|hxxp|(?<!\w)www(?!\w)",
            r"[\[({<]\s*(?:\.|dot|at)\s*[\])}>]",
            r"\w\s+dot\s+(?:app|biz|co|com|et|info|io|link|ly|me|net|online|org|shop|site|top|xyz)\b",
            _SPELLED,
        )
    )
)


def person_name(text: str) -> str:
    """The name as it was typed, without what shows nothing; only ZWJ and ZWNJ, which belong to some scripts, stay.

    Initials, abbreviations, apostrophes, hyphens and slashes are parts of names (``T.G. Abebe``, ``St. John``,
    ``O'Neil``, ``ገ/መድህን``). Raises ValueError, with the end of a sentence about the field, for a link or an address in
    any disguise, for what turns the direction of writing, and for what has no letter.
    """
    if any(letter in BIDI_CONTROLS for letter in text):
        raise ValueError("must not turn the direction of writing")
    name = "".join(letter for letter in text if letter in JOINERS or unicodedata.category(letter) != "Cf")
    if not any(letter.isalpha() for letter in name):
        raise ValueError("must be a name; leave it out where there is none")
    if _reads_as_link(name):
        raise ValueError("must be a name, without a link or an address; write a space after a dot")
    return name


def _reads_as_link(name: str) -> bool:
    plain = unicodedata.normalize("NFKC", visible(name)).translate(_LOOK_ALIKES).casefold()
    plain = _STRAY_MARKS.sub("", plain)
    if _TELLTALE.search(plain) or _MIDDLE.search(plain) or _is_glued(plain):
        return True
    if sum(letter.isdigit() for letter in plain) > _MOST_DIGITS:
        return True
    return any(_may_be_domain(match["before"], match["after"]) for match in _DOTTED.finditer(plain))


def _may_be_domain(before: str, after: str) -> bool:
    """Whether two words on either side of a dot, without a space, may be an address rather than two parts of a name."""
    if _letters(after) == 1 and after[0].isalpha():
        return False
    if unicodedata.name(after[0], "").startswith("ETHIOPIC"):
        # No domain ends in Ethiopic letters.
        return False
    if _letters(before) > 1 and not _TITLE.fullmatch(before):
        return True
    return not before or any(letter.isdigit() for letter in after) or bool(_ENDING.fullmatch(after))


def _is_glued(plain: str) -> bool:
    """Whether two Latin letters or digits have a mark between them that no name has there."""
    return any(
        before.isascii() and before.isalnum() and after.isascii() and after.isalnum()
        for before, mark, after in zip(plain, plain[1:], plain[2:], strict=False)
        if unicodedata.category(mark)[0] in "PS" and mark not in _INSIDE
    )


def _letters(word: str) -> int:
    """How many, marks above and below not counted."""
    return sum(not unicodedata.combining(letter) for letter in word)
