"""The e-mails: a short text for each kind and language, put into one text and one HTML layout.

``templates/emails/{language}/{kind}.txt`` is a letter: its first line is the heading, then come paragraphs
between blank lines. They are rendered as plain text and put into ``layout.txt`` and ``layout.html``: so the
two never differ, and HTML is escaped in one place. What is the same in every language (which facts a letter
shows, where its button leads) is here.

Guests are written to in their booking's language, hosts in the one of their profile; those who chose none, in every
language, one below the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from icalendar import Calendar, vCalAddress
from icalendar import Event as CalendarEvent
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from chalicelib.domain.booking import Booking, Event, OutboxEntry, Refund
from chalicelib.domain.contact import Language
from chalicelib.domain.host import Notify
from chalicelib.domain.ids import payment_of
from chalicelib.domain.outbox import address_of
from chalicelib.domain.record import Record
from chalicelib.domain.words.dates import day_in_words, instant_in_words
from chalicelib.domain.words.text import one_line
from chalicelib.services.ports.mail import Attachment, Message

TEMPLATES = Path(__file__).parent.parent / "templates" / "emails"
BRAND = "ጉዞ · Guzo"

FACTS: Mapping[str, tuple[str, ...]] = {
    "booking_confirmed": (
        "booking", "place", "host_phone", "host_email", "check_in", "check_out", "nights", "units", "guests", "total",
        "payment",
    ),
    "hold_expired": ("booking", "place", "check_in", "check_out", "total"),
    "payment_failed": ("booking", "place", "check_in", "check_out", "total"),
    "booking_cancelled": ("booking", "place", "check_in", "check_out"),
    "money_returned": ("booking", "place", "refund", "payment", "refund_id"),
    "stay_ended": ("booking", "place", "check_in", "check_out"),
    "host_new_booking": (
        "booking", "place", "guest", "phone", "check_in", "check_out", "nights", "units", "guests", "total",
    ),
    "host_cancelled": ("booking", "place", "guest", "check_in", "check_out"),
}  # fmt: skip
"""What stands below each letter, in this order; what is not known is left out."""

LABELS: Mapping[str, Mapping[Language, str]] = {
    "booking": {"en": "Booking number", "am": "የማስያዣ ቁጥር"},
    "place": {"en": "Place", "am": "ቦታ"},
    "host_phone": {"en": "The host's phone", "am": "የአከራዩ ስልክ"},
    "host_email": {"en": "The host's e-mail", "am": "የአከራዩ ኢሜይል"},
    "check_in": {"en": "Check-in", "am": "መግቢያ"},
    "check_out": {"en": "Check-out", "am": "መውጫ"},
    "nights": {"en": "Nights", "am": "ሌሊቶች"},
    "units": {"en": "Units", "am": "ክፍሎች"},
    "guests": {"en": "Guests", "am": "እንግዶች"},
    "total": {"en": "Total", "am": "ጠቅላላ ዋጋ"},
    "payment": {"en": "Payment number", "am": "የክፍያ ቁጥር"},
    "refund": {"en": "Comes back", "am": "የሚመለስ ገንዘብ"},
    "refund_id": {"en": "Refund number", "am": "የተመላሽ ቁጥር"},
    "guest": {"en": "Guest", "am": "እንግዳ"},
    "phone": {"en": "Phone", "am": "ስልክ"},
}

BUTTONS: Mapping[str, Mapping[Language, str]] = {
    "booking_confirmed": {"en": "See the payment receipt", "am": "የክፍያ ደረሰኙን ይመልከቱ"},
    "hold_expired": {"en": "Book again", "am": "እንደገና ያስይዙ"},
    "payment_failed": {"en": "Try again", "am": "እንደገና ይሞክሩ"},
}


class Fact(Record, frozen=True):
    """One line under a letter's words."""

    label: str
    value: str


class Button(Record, frozen=True):
    """Where a letter leads."""

    label: str
    url: str


class Part(Record, frozen=True):
    """A letter in one language."""

    language: Language
    heading: str
    paragraphs: list[str]
    button: Button | None
    facts: list[Fact]


class LettersByJinja:
    """Renders e-mails. ``public_url`` is where guests reach their pages; without it nothing links there.

    ``organizer`` is the address that letters are sent from: calendars take a change of an event from nobody else.
    """

    def __init__(self, public_url: str | None, *, organizer: str) -> None:
        self._organizer = organizer
        self._public_url = public_url.rstrip("/") if public_url else None
        loader = FileSystemLoader(TEMPLATES)
        # What a person typed is put on one line first, so that it can never begin a paragraph or a header.
        self._texts = Environment(loader=loader, undefined=StrictUndefined, finalize=_one_line)  # noqa: S701 # not HTML
        self._html = Environment(loader=loader, undefined=StrictUndefined, autoescape=True)

    def render(self, entry: OutboxEntry, booking: Booking, host: Notify) -> Message:
        """The e-mail, whose subject is its first heading; who answers it writes to the other side of the booking.

        A confirmed booking brings its stay as a calendar file. Its cancellation takes the stay off the calendar again,
        and so does its end as a no-show; the end of a guest who leaves early shortens it.
        """
        parts = [self._part(entry, booking, host, language) for language in _languages(entry, booking, host)]
        page = {"brand": BRAND, "subject": parts[0].heading, "parts": parts}
        return Message(
            to=address_of(entry, booking, host),
            subject=parts[0].heading,
            text=self._texts.get_template("layout.txt").render(page),
            html=self._html.get_template("layout.html").render(page),
            attachments=self._attachments(entry, booking),
            reply_to=_reply_to(entry, booking, host),
        )

    def _attachments(self, entry: OutboxEntry, booking: Booking) -> tuple[Attachment, ...]:
        match entry.kind:
            case "booking_confirmed":
                cancels = False
            case "stay_ended":
                cancels = _is_no_show(booking)
            case "booking_cancelled" if booking.was_confirmed:
                cancels = True
            case _:
                return ()
        return (calendar_file(booking, organizer=self._organizer, cancels=cancels),)

    def _part(self, entry: OutboxEntry, booking: Booking, host: Notify, language: Language) -> Part:
        facts = _facts(entry, booking, host, language)
        cancelled = _cancellation(booking)
        by = cancelled.cause if cancelled else "guest"
        letter = self._texts.get_template(f"{language}/{_template(entry, by)}.txt").render(
            facts,
            title=booking.place.title,
            # Whoever books may name anybody's address: only money proves that a letter is wanted there.
            name=booking.contact.first_name if booking.was_paid else "",
            check_in_day=day_in_words(booking.stay.check_in, language),
            held_until=instant_in_words(booking.hold_expires_at, booking.place.time_zone, language),
            paid=booking.current_payment.accepted,
            back=_money_back(booking),
            by=by,
            # The host writes to the guest; an operator's note is the house's own.
            why=cancelled.detail if cancelled and by == "host" else "",
            reason=refund.reason if (refund := _refund(entry, booking)) else None,
            no_show=_is_no_show(booking),
            leaves_day=day_in_words(booking.free_from, language),
        )
        heading, *paragraphs = [" ".join(part.split()) for part in letter.split("\n\n") if part.strip()]
        known = [name for name in FACTS[entry.kind] if facts[name] not in ("", None)]
        shown = [Fact(LABELS[name][language], _one_line(facts[name])) for name in known]
        return Part(language, heading, paragraphs, self._button(entry, booking, language), shown)

    def _button(self, entry: OutboxEntry, booking: Booking, language: Language) -> Button | None:
        match entry.kind:
            case "booking_confirmed":
                url = booking.current_payment.facts.receipt_url
            case "hold_expired" if booking.return_url:
                parts = urlsplit(booking.return_url)
                url = f"{parts.scheme}://{parts.netloc}/"
            case "hold_expired":
                url = self._page(booking.payments[-1].tx_ref)
            case "payment_failed":
                url = self._page(entry.about)
            case _:
                return None
        # A receipt's address is the gateway's word: anything but a web address is no link of ours.
        return Button(BUTTONS[entry.kind][language], url) if url and url.startswith(("https://", "http://")) else None

    def _page(self, tx_ref: str) -> str | None:
        return f"{self._public_url}/pay/{tx_ref}" if self._public_url else None


def calendar_file(booking: Booking, *, organizer: str, cancels: bool = False) -> Attachment:
    """The stay as an iCalendar file (RFC 5546); one that ``cancels`` takes the same event off the calendar.

    A confirmed booking changes its event once: when it is cancelled, or when its stay ends early.

    The event keeps its uid, so that importing it twice is harmless. The MIME type names the method of the body.
    """
    method = "CANCEL" if cancels else "PUBLISH"
    event = CalendarEvent()
    event.add("uid", f"{booking.booking_id}@guzo")
    event.add("sequence", int(cancels or booking.ended is not None))
    event.add("status", "CANCELLED" if cancels else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    event["organizer"] = vCalAddress(f"mailto:{organizer}")
    event.add("dtstamp", booking.updated_at)
    event.add("dtstart", booking.check_in_at.astimezone(UTC))
    event.add("dtend", booking.check_out_at.astimezone(UTC))
    event.add("summary", _one_line(booking.place.title))
    event.add("location", _one_line(_where(booking)))
    event.add("description", booking.booking_id)
    calendar = Calendar()
    calendar.add("prodid", "-//Guzo//Bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add_component(event)
    return Attachment(f"{booking.booking_id}.ics", f"text/calendar; charset=utf-8; method={method}", calendar.to_ical())


def _cancellation(booking: Booking) -> Event | None:
    """The event that tells who cancelled a booking, and in what words."""
    return next((event for event in reversed(booking.history) if event.kind == "booking_cancelled"), None)


def _template(entry: OutboxEntry, by: str) -> str:
    """The letter's text: a guest who did not cancel is told so in other words."""
    return "cancelled_by_host" if entry.kind == "booking_cancelled" and by != "guest" else entry.kind


def _reply_to(entry: OutboxEntry, booking: Booking, host: Notify) -> str:
    """Whom an answer goes to: guest and host know each other once a booking was confirmed."""
    if entry.to_host:
        return booking.contact.email
    return host.email if booking.was_confirmed else ""


def _languages(entry: OutboxEntry, booking: Booking, host: Notify) -> tuple[Language, ...]:
    if not entry.to_host:
        return (booking.language,)
    return (host.language,) if host.language else get_args(Language)


def _is_no_show(booking: Booking) -> bool:
    return booking.ended is not None and booking.ended.as_ == "no_show"


def _facts(entry: OutboxEntry, booking: Booking, host: Notify, language: Language) -> dict[str, str | int | None]:
    """What letters say of a booking, by the names in ``LABELS``."""
    place, stay, contact = booking.place, booking.stay, booking.contact
    refund = _refund(entry, booking)
    return {
        "booking": booking.booking_id,
        "place": f"{place.title}, {_where(booking)}",
        "host_phone": host.phone,
        "host_email": host.email,
        "check_in": instant_in_words(booking.check_in_at, place.time_zone, language),
        "check_out": instant_in_words(booking.check_out_at, place.time_zone, language),
        "nights": stay.nights,
        "units": stay.units,
        "guests": stay.guests,
        "total": booking.total.formatted,
        "payment": payment_of(refund.refund_id) if refund else booking.current_payment.tx_ref,
        "refund": refund.amount.formatted if refund else None,
        "refund_id": refund.refund_id if refund else None,
        "guest": contact.name,
        "phone": contact.phone,
    }


def _refund(entry: OutboxEntry, booking: Booking) -> Refund | None:
    """The refund that a letter is about."""
    refunds = (refund for payment in booking.payments for refund in payment.refunds)
    return next((refund for refund in refunds if refund.refund_id == entry.about), None)


def _money_back(booking: Booking) -> str | None:
    """All that goes back of the booking's own payment; one that came on top of it has letters of its own."""
    back = booking.current_payment.refunded_or_owed
    return back.formatted if back.minor else None


def _where(booking: Booking) -> str:
    return ", ".join(part for part in (booking.place.address, booking.place.city) if part)


def _one_line(value: Any) -> Any:
    """Text without line ends, control characters and marks of direction; anything else as it is."""
    return one_line(value) if isinstance(value, str) else value
