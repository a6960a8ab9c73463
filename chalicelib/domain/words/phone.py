"""Phone numbers as people paste them, in the one form of each kind that Guzo keeps.

The table below stands in for libphonenumber, which would cost the API a fifth of its cold start (decision 40); a test
holds the two together.
"""

from __future__ import annotations

import re
import unicodedata

_NATIONAL_DIGITS = (
    "1:10 20:8-10 211:9 212:9 213:8-9 216:8 218:9 220:7-9 221:9 222:8 223:8 224:8-9 225:10 226:8 227:8 228:8 229:8-10 "
    "230:7-10 231:7-9 232:8 233:8-9 234:10-12 235:8 236:8 237:8-9 238:7 239:7 240:9 241:7-8 242:9 243:7-10 244:9 "
    "245:7-9 246:7 247:5-6 248:7 249:9 250:8-9 252:6-9 253:8 254:7-10 255:9 256:9 257:8 258:8-9 260:9 261:9 262:9 "
    "263:7-10 264:8-9 265:7-9 266:8 267:7-10 268:8-9 269:7 27:6-10 290:5 291:7 297:7 298:6 299:6 30:10-12 31:6-11 "
    "32:8-9 33:9 34:9 350:8 351:9 352:5-11 353:7-10 354:7-9 355:6-9 356:8 357:8 358:5-12 359:6-12 36:8-9 370:8 371:8 "
    "372:7-10 373:8 374:8 375:6-11 376:6-9 377:8-9 378:8-10 380:9-10 381:6-12 382:8-9 383:8-12 385:7-9 386:5-8 "
    "387:8-9 389:8 39:6-12 40:6-9 41:9-12 420:9-12 421:6-9 423:7-9 43:6-13 44:7-10 45:8 46:6-12 47:6-8 48:6-10 "
    "49:6-13 500:5 501:7-11 502:8-11 503:7-11 504:8-11 505:8 506:8-10 507:7-11 508:6-9 509:8 51:8-9 52:10 53:6-10 "
    "54:10-11 55:8-11 56:9-11 57:8-11 58:10 590:9 591:8-9 592:7 593:8-11 594:9 595:6-11 596:9 597:6-7 598:5-12 "
    "599:7-8 60:8-10 61:6-12 62:7-13 63:6-13 64:6-10 65:8-11 66:8-13 670:7-8 672:6 673:7 674:7 675:7-8 676:5-7 "
    "677:5-7 678:5-7 679:7-11 680:7 681:6-9 682:5 683:5-7 685:5-10 686:5-8 687:6 688:5-7 689:6-9 690:5-7 691:7 692:7 "
    "7:10 81:8-13 82:6-13 84:7-10 850:8-10 852:5-11 853:7-8 855:8-10 856:8-10 86:7-12 870:9-12 878:12 880:6-10 "
    "881:9-10 882:7-12 883:8-12 886:7-11 90:7-13 91:8-13 92:8-12 93:9 94:9 95:6-10 960:7-10 961:7-8 962:8-9 963:8-9 "
    "964:8-10 965:7-8 966:9-10 967:7-9 968:7-9 970:8-10 971:5-12 972:7-12 973:8 974:7-11 975:7-8 976:8-10 977:8-11 "
    "98:6-10 992:9 993:8 994:9 995:9 996:9-10 998:9 "
)
"""Each country's code, and how many digits of people's numbers follow it (libphonenumber 9.0.42): least and most."""

LENGTHS = {
    code: (int(least), int(most or least))
    for code, _, digits in (entry.partition(":") for entry in _NATIONAL_DIGITS.split())
    for least, _, most in [digits.partition("-")]
}

_KEEPS_ZERO = {"225", "229", "241", "242", "378", "39"}
"""Countries whose own numbers begin with 0: elsewhere that is what callers at home dial before them."""

_MOBILE = "[79][0-9]{8}"
_AREAS = "11[1-6]|22[1-46]|25[1-8]|33[1-6]|34[4-7]|46[2-46-8]|47[1-5]|57[2567]|58[1-7]"
_LANDLINE = f"(?:{_AREAS})[0-9]{{6}}|46119[0-9]{{4}}"
_CODE = r"(?:\+|00)?2510?"
_ETHIOPIAN = re.compile(f"(?:{_CODE}|0)?(?P<mobile>{_MOBILE})|(?:{_CODE}|0)(?P<landline>{_LANDLINE})", re.ASCII)
_INTERNATIONAL = re.compile(r"(?:\+|00)(?!251)([1-9][0-9]{7,14})", re.ASCII)
_TEL = re.compile("^tel:", re.IGNORECASE)

_SEPARATING = {"Cf", "Zs", "Pd", "Ps", "Pe"}
"""Unicode's categories of what is invisible, of spaces and dashes, and of opening and closing brackets."""
_SEPARATORS = "\t./\u00b7\u2022\u2043\u2044\u2212\u2215\u30fb\u30fc\uff0e\uff0f"


def normalise(text: str) -> str:
    """A number in any usual way of writing, as it is kept.

    An Ethiopian mobile as ``0911223344``, which is the form that Chapa takes; an Ethiopian landline, and any number of
    another country, as E.164 has it: ``+251115517700``, ``+254712345678``. The ``tel:`` of a link, what separates
    groups of digits, and a zero after the country's code that is only dialled at home are left out.

    Raises ValueError, with a sentence for the guest, for anything else: a number that says neither + nor 00 does not
    say of which other country it is.
    """
    number = _TEL.sub("", "".join(letter for letter in text if not _separates(letter)))
    if match := _ETHIOPIAN.fullmatch(number):
        return f"0{match['mobile']}" if match["mobile"] else f"+251{match['landline']}"
    if (match := _INTERNATIONAL.fullmatch(number)) and (national := _national(match[1])):
        return f"+{national}"
    raise ValueError(
        "Give an Ethiopian phone number, such as 0911223344, or another country's with its +, such as +254712345678."
    )


def _separates(letter: str) -> bool:
    return letter in _SEPARATORS or unicodedata.category(letter) in _SEPARATING


def _national(digits: str) -> str | None:
    """The digits after the plus, without a zero that is dialled at home; None where no such number can be."""
    code = next((beginning for beginning in (digits[:1], digits[:2], digits[:3]) if beginning in LENGTHS), None)
    if code is None:
        return None
    own = digits.removeprefix(code)
    if code not in _KEEPS_ZERO:
        own = own.removeprefix("0")
        if own.startswith("0"):
            return None
    least, most = LENGTHS[code]
    return code + own if least <= len(own) <= most else None
