"""The guest's page ``/pay/{tx_ref}``: from what it must say to its HTML. Pure; it works without scripts, too.

A page that waits looks again by a script of its own, so that its reader stays where they are; without scripts it is
loaded anew. All that it needs is in it. Its form and its links name no path, so they work behind any stage prefix.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from chalicelib.domain.contact import Language
from chalicelib.domain.record import Record
from chalicelib.domain.words.dates import day_in_words, instant_in_words

if TYPE_CHECKING:
    from jinja2 import Template

PageState = Literal["paid", "waiting", "failed", "expired", "review", "money_back", "cancelled", "not_found", "trouble"]

TEMPLATES = Path(__file__).parent.parent / "templates" / "pay"

PAUSE = 3
"""Seconds that a page is shown before it goes on by itself."""

STYLE_HASH = "sha256-/YcpyubPw81n2AQbpsUQ0gzosf9yIUH6uKCWB8MbRHQ="
"""Of ``page.css``: no other style is obeyed. When that file changes, a test tells the new one."""

SCRIPT_HASH = "sha256-4jtLCdH2cizsseTqIeUH81kk1WTjn3DUgsGAINaK/no="
"""Of ``page.js``, likewise: no other script runs."""

PAGE_HEADERS: Mapping[str, str] = {
    "Content-Type": "text/html; charset=utf-8",
    # form-action: the form posts to this page, whose answer is a redirect to the gateway's checkout. Chromium
    # holds redirects to this rule too: 'self' alone would block every payment.
    "Content-Security-Policy": (
        f"default-src 'none'; style-src '{STYLE_HASH}'; script-src '{SCRIPT_HASH}'; connect-src 'self'; "
        "img-src data:; form-action 'self' https: http:; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    # The address holds the payment's reference, which is nobody else's business.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
"""What the page is sent with."""


class PageView(Record, frozen=True):
    """What the page must say and offer.

    ``can_pay`` offers the button that posts to this page: when failed to try again, when waiting to go to the
    payment. ``refresh_after`` (seconds) makes the page look again by itself. ``onward`` is a finished and
    trusted URL: a paid guest is taken there after ``PAUSE`` seconds; one whose booking came to nothing can
    book again there. ``asking``: the gateway has not answered yet, and is asked on. ``stay``: the days of arrival and
    departure, at the listing. ``pay_until``: until when the place is held, and the zone that this is told in.
    """

    state: PageState
    booking_id: str = ""
    can_pay: bool = False
    refresh_after: int | None = None
    onward: str | None = None
    asking: bool = False
    place: str = ""
    stay: tuple[date, date] | None = None
    total: str = ""
    pay_until: tuple[datetime, str] | None = None


class Text(Record, frozen=True):
    """What one state says: heading, sentences, what stands before the button, the button, the link."""

    title: str
    message: str
    offer: str = ""
    pay: str = ""
    onward: str = ""


class Words(Record, frozen=True):
    """What stands on the page in several states."""

    booking: str
    check_in: str
    check_out: str
    total: str
    pay_until: str
    look_again: str
    asking: str


TONES: Mapping[PageState, str] = {
    "paid": "good",
    "waiting": "wait",
    "review": "wait",
    "failed": "bad",
    "expired": "calm",
    "money_back": "calm",
    "cancelled": "calm",
    "not_found": "calm",
    "trouble": "wait",
}

ICONS: Mapping[str, str] = {
    "good": "M14 25l7 7 14-15",
    "wait": "M24 12v12l8 5",
    "bad": "M24 13v14M24 34v.5",
    "calm": "M15 24h18",
}
"""The line inside the circle, by tone."""

WORDS: Mapping[Language, Words] = {
    "en": Words(
        booking="Booking number",
        check_in="Check-in",
        check_out="Check-out",
        total="Total",
        pay_until="Pay by",
        look_again="Look again now",
        asking="The payment service has not answered us yet. We are still asking.",
    ),
    "am": Words(
        booking="የማስያዣ ቁጥር",
        check_in="መግቢያ",
        check_out="መውጫ",
        total="ጠቅላላ ዋጋ",
        pay_until="የመክፈያ ጊዜ እስከ",
        look_again="አሁን እንደገና ይመልከቱ",
        asking="የክፍያ አገልግሎቱ ገና አልመለሰልንም፤ አሁንም እየጠየቅነው ነው።",
    ),
}

TEXTS: Mapping[Language, Mapping[PageState, Text]] = {
    "en": {
        "paid": Text(
            "Your stay is booked",
            "Thank you. Your payment has arrived, and your receipt is on its way to you by e-mail.",
            onward="Continue",
        ),
        "waiting": Text(
            "Waiting for your payment",
            "We have not heard of your payment yet. This page looks again by itself. You may also close it: "
            "we write to you as soon as the payment arrives.",
            offer="Have you not paid yet?",
            pay="Go to the payment",
        ),
        "failed": Text(
            "The payment did not go through",
            "Your payment was not completed. If money left your account all the same, we will see it and write to you.",
            offer="We still hold the place for you, so you can try again.",
            pay="Try again",
        ),
        "expired": Text(
            "The time to pay is over",
            "We could not hold the place for you any longer. You can book it again as long as it is free. "
            "If your payment is still on its way, you get the place "
            "or, if it is taken by then, your money back.",
            onward="Book again",
        ),
        "review": Text(
            "We are checking your payment",
            "Your payment reached us, but something about it does not match. One of us is looking at it. "
            "Please do not pay again: we will write to you.",
        ),
        "money_back": Text(
            "Your money is coming back",
            "Your payment arrived, but by then the place was no longer held for you. "
            "We are sending the money back; our e-mail tells you how much.",
            onward="Book again",
        ),
        "cancelled": Text(
            "This booking is cancelled",
            "If money comes back to you, our e-mail tells you how much.",
            onward="Book again",
        ),
        "not_found": Text(
            "We do not know this payment",
            "Please check the link: a letter or a digit may be missing.",
        ),
        "trouble": Text(
            "We cannot show your payment right now",
            "Something went wrong on our side. No payment is lost by that, and this page looks again by itself. "
            "Please do not pay a second time before you can see it.",
        ),
    },
    "am": {
        "paid": Text(
            "ቦታዎ ተይዟል",
            "እናመሰግናለን። ክፍያዎ ደርሶናል፤ ደረሰኙንም በኢሜይል እንልክልዎታለን።",
            onward="ይቀጥሉ",
        ),
        "waiting": Text(
            "ክፍያዎን እየጠበቅን ነው",
            "ክፍያዎ ገና አልደረሰንም። ይህ ገጽ በራሱ እየታደሰ ያረጋግጣል። ከፈለጉ ሊዘጉት ይችላሉ፤ ክፍያው እንደደረሰን በኢሜይል እናሳውቅዎታለን።",
            offer="ገና አልከፈሉም?",
            pay="ወደ ክፍያው ይሂዱ",
        ),
        "failed": Text(
            "ክፍያው አልተሳካም",
            "ክፍያዎ አልተጠናቀቀም። ገንዘቡ ከሂሳብዎ ወጥቶ ከሆነ ግን አረጋግጠን በኢሜይል እናሳውቅዎታለን።",
            offer="ቦታውን ገና ስለያዝንልዎ እንደገና መሞከር ይችላሉ።",
            pay="እንደገና ይሞክሩ",
        ),
        "expired": Text(
            "የመክፈያ ጊዜው አልፏል",
            "ቦታውን ከዚህ በላይ ልንይዝልዎ አልቻልንም። ቦታው እስካልተያዘ ድረስ እንደገና ማስያዝ ይችላሉ። አስቀድመው ከፍለው ከሆነ "
            "ክፍያው እንደደረሰን ቦታውን ያገኛሉ፤ ቦታው ተይዞ ከሆነ ደግሞ ገንዘብዎ ይመለስልዎታል።",
            onward="እንደገና ያስይዙ",
        ),
        "review": Text(
            "ክፍያዎን እያጣራን ነው",
            "ክፍያዎ ደርሶናል፤ ነገር ግን የማይጣጣም ነገር ስላለው ባልደረባችን እየተመለከተው ነው። እባክዎ እንደገና አይክፈሉ፤ ውጤቱን በኢሜይል እናሳውቅዎታለን።",
        ),
        "money_back": Text(
            "ገንዘብዎ እየተመለሰ ነው",
            "ክፍያዎ ደርሶናል፤ ነገር ግን በዚያን ጊዜ ቦታው ለእርስዎ አልተያዘም ነበር። ገንዘቡን እየመለስንልዎ ነው፤ መጠኑን በኢሜይል እናሳውቅዎታለን።",
            onward="እንደገና ያስይዙ",
        ),
        "cancelled": Text(
            "ይህ ቦታ ማስያዝ ተሰርዟል",
            "የሚመለስልዎ ገንዘብ ካለ መጠኑን በኢሜይል እናሳውቅዎታለን።",
            onward="እንደገና ያስይዙ",
        ),
        "not_found": Text(
            "ይህን ክፍያ አላገኘነውም",
            "እባክዎ ሊንኩን ያረጋግጡ፤ ፊደል ወይም ቁጥር ጎድሎ ሊሆን ይችላል።",
        ),
        "trouble": Text(
            "ክፍያዎን አሁን ማሳየት አልቻልንም",
            "በእኛ በኩል ችግር ተፈጥሯል። በዚህ ምክንያት የሚጠፋ ክፍያ የለም፤ ይህ ገጽም በራሱ እየታደሰ ያረጋግጣል። ክፍያዎን እስኪያዩ ድረስ እባክዎ እንደገና አይክፈሉ።",
        ),
    },
}


def render_page(view: PageView, language: Language) -> str:
    """The page as HTML, to be sent with ``PAGE_HEADERS``."""
    tone = TONES[view.state]
    return _template().render(
        view=view,
        language=language,
        text=TEXTS[language][view.state],
        words=WORDS[language],
        days=[day_in_words(day, language) for day in view.stay or ()],
        pay_until=instant_in_words(*view.pay_until, language) if view.pay_until else "",
        tone=tone,
        icon=ICONS[tone],
        pause=PAUSE,
    )


@cache
def _template() -> Template:
    # Imported here: the API's other routes start without Jinja2.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True)
    return environment.get_template("page.html")
