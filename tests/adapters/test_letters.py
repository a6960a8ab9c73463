"""Every letter in every language says what it must to the right person, whatever anybody typed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from chalicelib.adapters.letters import BRAND, BUTTONS, FACTS, LABELS, TEMPLATES, LettersByJinja
from chalicelib.domain.booking import SWEEP, Actor, Booking, LetterKind, OutboxEntry
from chalicelib.domain.contact import Contact, Language
from chalicelib.domain.ending import end_stay
from chalicelib.domain.host import Notify, notify_of
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Availability, resolve_review
from chalicelib.domain.words.dates import MONTHS, WEEKDAYS, day_in_words, instant_in_words
from chalicelib.services.ports.mail import Message
from tests import builders
from tests.domain.test_zones import booked, instant, stays
from tests.replacing import replace

ORGANIZER = "bookings@guzo.example"
PUBLIC_URL = "https://api.guzo.example/prod"
LANGUAGES: tuple[Language, ...] = get_args(Language)
KINDS: tuple[LetterKind, ...] = get_args(LetterKind)
WITH_CALENDAR: tuple[LetterKind, ...] = ("booking_confirmed", "booking_cancelled", "stay_ended")
HOST_KINDS: tuple[LetterKind, ...] = ("host_new_booking", "host_cancelled")

Change = Callable[[Booking], Booking]


def ended(booking: Booking, *, last_night: date | None = None, refund: int = 0) -> Booking:
    """A no-show; or with a ``last_night`` a guest who leaves early. It is ended as the stay begins."""
    return end_stay(
        booking,
        as_="left_early" if last_night else "no_show",
        last_night=last_night,
        refund=refund,
        note="seen by nobody",
        actor=Actor("host"),
        now=booking.check_in_at,
    )


MADE_BY: dict[LetterKind, Change] = {
    "booking_confirmed": builders.paid,
    "host_new_booking": builders.paid,
    "hold_expired": builders.expired,
    "payment_failed": builders.failed,
    "booking_cancelled": lambda booking: builders.cancelled(builders.paid(booking), back=booking.total),
    "host_cancelled": lambda booking: builders.cancelled(builders.paid(booking)),
    "money_returned": lambda booking: builders.paid(builders.expired(booking), availability=Availability.SHORT),
    "stay_ended": lambda booking: ended(builders.paid(booking), refund=24500),
}
"""How a booking comes to owe each kind of letter."""

every_letter = pytest.mark.parametrize("kind", KINDS)
every_language = pytest.mark.parametrize("language", LANGUAGES)


def booking_owing(kind: LetterKind, **changes: Any) -> Booking:
    return MADE_BY[kind](builders.opened(builders.a_booking(hold_for=timedelta(hours=3), **changes)))


def letter(
    kind: LetterKind, booking: Booking, public_url: str | None = PUBLIC_URL, host: Notify | None = None
) -> Message:
    email = next(email for email in booking.outbox if email.kind == kind)
    return rendered(email, booking, public_url, host)


def rendered(
    email: OutboxEntry, booking: Booking, public_url: str | None = PUBLIC_URL, host: Notify | None = None
) -> Message:
    """The letter to people whose host has no profile, or is reached as ``host`` says."""
    known = host or notify_of(None, booking.place)
    return LettersByJinja(public_url, organizer=ORGANIZER).render(email, booking, known)


def links(message: Message) -> list[str]:
    return re.findall(r'href="([^"]*)"', message.html)


@every_language
@every_letter
def test_every_letter_is_complete(kind: LetterKind, language: Language) -> None:
    booking = booking_owing(kind, language=language)
    message = letter(kind, booking)
    assert message.subject
    for body in (message.text, message.html):
        assert booking.booking_id in body
        assert "Lake house" in body
        assert not re.search(r"\{\{|\{%|None|Undefined", body)
    assert message.text.startswith(message.subject + "\n")
    assert "\n\n\n" not in message.text


@every_letter
def test_the_html_says_what_the_text_says(kind: LetterKind) -> None:
    message = letter(kind, booking_owing(kind))
    shown = re.sub(r"<[^>]*>", " ", message.html.replace("&#39;", "'"))
    words = [word for word in re.findall(r"[\w'’.,]+", message.text) if "http" not in word]
    assert [word for word in words if word not in shown and word not in message.html] == []


@every_letter
def test_letters_go_to_the_guest_or_to_the_host(kind: LetterKind) -> None:
    to = "abebe.kebede@gmail.com" if kind in HOST_KINDS else "hanna.tesfaye@gmail.com"
    assert letter(kind, booking_owing(kind)).to == to


@every_letter
def test_guests_read_their_language_and_hosts_both(kind: LetterKind) -> None:
    message = letter(kind, booking_owing(kind, language="am"))
    amharic = message.text
    if kind in HOST_KINDS:
        assert message == letter(kind, booking_owing(kind, language="en"))
        assert re.findall(r'lang="(..)"', message.html) == ["en", "am"]
        english, amharic = message.text.removesuffix(f"--\n{BRAND}").split("\n--\n\n")
        assert english.startswith(f"{message.subject}\n")
        assert not re.search(r"[\u1200-\u137f]", english), "an English letter that speaks Amharic"
    else:
        assert re.findall(r'lang="(..)"', message.html) == ["am"]
    sentences, _, facts = amharic.partition("የማስያዣ ቁጥር")
    assert facts
    ours = re.sub(r"https?://\S+|Lake house|Hanna|Tesfaye|ETB", "", sentences)
    assert not re.search(r"[A-Za-z]", ours), "an Amharic letter that speaks English"


@every_language
@every_letter
def test_no_translation_is_missing(kind: LetterKind, language: Language) -> None:
    assert (TEMPLATES / language / f"{kind}.txt").is_file()
    assert all(LABELS[name][language] for name in FACTS[kind])
    assert kind not in BUTTONS or BUTTONS[kind][language]
    assert (len(WEEKDAYS[language]), len(MONTHS[language])) == (7, 12)


@every_letter
def test_a_letter_tells_the_same_cases_and_facts_in_every_language(kind: LetterKind) -> None:
    told = {
        language: re.findall(r"{%-?\s*(.*?)\s*-?%}", (TEMPLATES / language / f"{kind}.txt").read_text(encoding="utf-8"))
        for language in LANGUAGES
    }
    shown = {
        language: set(re.findall(r"{{(.*?)}}", (TEMPLATES / language / f"{kind}.txt").read_text(encoding="utf-8")))
        for language in LANGUAGES
    }
    assert all(told[language] == told["en"] and shown[language] == shown["en"] for language in LANGUAGES)


def test_every_letter_is_one_that_is_sent() -> None:
    kinds = {path.stem for language in LANGUAGES for path in (TEMPLATES / language).iterdir()}
    assert set(FACTS) == set(KINDS)
    assert kinds == {*KINDS, "cancelled_by_host"}


HOSTILE = '<script>alert("x")</script>\r\nBcc: all@example.com\n\n\u2028{{ 7*7 }}\u202e\ud800'


@every_language
@every_letter
def test_what_people_type_stays_words(kind: LetterKind, language: Language) -> None:
    listing = builders.a_listing(title=HOSTILE, city=HOSTILE, address=HOSTILE)
    contact = Contact(first_name=HOSTILE, last_name=HOSTILE, email="hanna@example.com", phone=HOSTILE)
    message = letter(kind, booking_owing(kind, language=language, listing=listing, contact=contact))
    plain = letter(kind, booking_owing(kind, language=language))
    assert "<script" not in message.html
    assert message.html.count("<") == plain.html.count("<")
    assert message.subject.isprintable()
    assert message.text.count("\n") == plain.text.count("\n")
    assert "{{ 7*7 }}" in message.text
    message.text.encode()
    message.html.encode()
    for attachment in message.attachments:
        [event] = Calendar.from_ical(attachment.content).walk("VEVENT")
        assert "Bcc: all@example.com" in str(event["summary"])


def test_a_confirmed_booking_is_a_receipt() -> None:
    booking = booking_owing("booking_confirmed")
    message = letter("booking_confirmed", booking)
    assert message.subject == "Your stay is booked: Lake house"
    for line in (
        "Place: Lake house, Babogaya Road 7, Bishoftu",
        "Check-in: Thursday 14 January 2027, 14:00 (Addis Ababa time)",
        "Check-out: Sunday 17 January 2027, 11:00 (Addis Ababa time)",
        "Nights: 3",
        "Guests: 2",
        "Total: ETB 7,350.00",
        f"Payment number: {booking.booking_id}-1",
    ):
        assert f"\n{line}\n" in message.text
    assert links(message) == [booking.current_payment.facts.receipt_url]
    assert f"\n{booking.current_payment.facts.receipt_url}\n" in message.text


@pytest.mark.parametrize("receipt_url", [None, "", "javascript:alert(1)", "data:text/html,x"])
def test_a_receipt_that_is_no_web_address_is_not_linked(receipt_url: str | None) -> None:
    booking = builders.paid(builders.opened(builders.a_booking()), receipt_url=receipt_url)
    assert links(letter("booking_confirmed", booking)) == []


def test_the_stay_comes_as_a_calendar_file() -> None:
    booking = booking_owing("booking_confirmed")
    [attachment] = letter("booking_confirmed", booking).attachments
    assert (attachment.name, attachment.mime_type) == (
        f"{booking.booking_id}.ics",
        "text/calendar; charset=utf-8; method=PUBLISH",
    )
    calendar = Calendar.from_ical(attachment.content)
    [event] = calendar.walk("VEVENT")
    assert calendar["method"] == "PUBLISH"
    assert event["uid"] == f"{booking.booking_id}@guzo"
    assert event["sequence"] == 0
    assert event["summary"] == "Lake house"
    assert event["location"] == "Babogaya Road 7, Bishoftu"
    assert booking.booking_id in str(event["description"])
    assert event.decoded("dtstart") == datetime(2027, 1, 14, 11, 0, tzinfo=UTC)
    assert event.decoded("dtend") == datetime(2027, 1, 17, 8, 0, tzinfo=UTC)
    assert b"DTSTART:20270114T110000Z" in attachment.content


def test_a_cancellation_takes_the_stay_off_the_calendar() -> None:
    booking = booking_owing("booking_cancelled")
    [published] = letter("booking_confirmed", booking).attachments
    [withdrawn] = letter("booking_cancelled", booking).attachments
    assert withdrawn.mime_type == "text/calendar; charset=utf-8; method=CANCEL"
    before, after = (Calendar.from_ical(file.content) for file in (published, withdrawn))
    [stay], [gone] = before.walk("VEVENT"), after.walk("VEVENT")
    assert (before["method"], after["method"]) == ("PUBLISH", "CANCEL")
    assert (stay["status"], gone["status"]) == ("CONFIRMED", "CANCELLED")
    assert (stay["uid"], stay["organizer"]) == (gone["uid"], gone["organizer"])
    assert stay["organizer"] == f"mailto:{ORGANIZER}"
    assert (int(str(stay["sequence"])), int(str(gone["sequence"]))) == (0, 1)


@pytest.mark.parametrize(("last_night", "until"), [(None, 17), (date(2027, 1, 14), 15)])
def test_the_end_of_a_stay_changes_the_calendar(last_night: date | None, until: int) -> None:
    booking = ended(builders.paid(builders.opened(builders.a_booking())), last_night=last_night)
    [attachment] = letter("stay_ended", booking).attachments
    calendar = Calendar.from_ical(attachment.content)
    [event] = calendar.walk("VEVENT")
    method, status = ("PUBLISH", "CONFIRMED") if last_night else ("CANCEL", "CANCELLED")
    assert attachment.mime_type == f"text/calendar; charset=utf-8; method={method}"
    assert (calendar["method"], event["status"], event["sequence"]) == (method, status, 1)
    assert event["uid"] == f"{booking.booking_id}@guzo"
    assert event.decoded("dtend") == datetime(2027, 1, until, 8, 0, tzinfo=UTC)


@every_language
def test_the_end_of_a_stay_tells_how_and_what_comes_back(language: Language) -> None:
    stay = builders.paid(builders.opened(builders.a_booking(language=language)))
    early = date(2027, 1, 15)
    texts = [
        letter("stay_ended", ended(stay, last_night=last_night, refund=refund)).text
        for last_night in (None, early)
        for refund in (0, 24500)
    ]
    assert len(set(texts)) == 4
    assert ["ETB 245.00" in text for text in texts] == [False, True, False, True]
    leaves = {"en": "Saturday 16 January 2027", "am": "ጃንዋሪ 16 ቀን 2027"}[language]
    assert [leaves in text for text in texts] == [False, False, True, True]
    assert not any(leaves.replace("Saturday 16", "Sunday 17").replace("16", "17") in text for text in texts[2:])
    # What the host noted is for operators.
    assert not any("seen by nobody" in text for text in texts)


@pytest.mark.parametrize("confirming", [0, 1])
def test_money_that_came_on_top_is_told_of_under_its_own_payment(confirming: int) -> None:
    booking = builders.opened(builders.another_attempt(builders.opened(builders.a_booking())))
    first, other = (booking.payments[each].tx_ref for each in (confirming, 1 - confirming))
    booking = builders.verified(builders.verified(booking, tx_ref=first), tx_ref=other)
    text = letter("money_returned", booking).text
    assert f"Payment number: {other}\n" in text
    assert f"Refund number: {other}-R1\n" in text
    assert first not in text


@pytest.mark.parametrize(
    ("owing", "changed"),
    [
        ("booking_confirmed", lambda booking: booking),
        ("booking_cancelled", builders.cancelled),
        ("stay_ended", lambda booking: ended(booking, last_night=date(2027, 1, 14))),
    ],
)
def test_a_calendar_file_is_dated_by_the_change_that_it_tells_of(owing: LetterKind, changed: Change) -> None:
    """Calendars take the newer of two files of one event (RFC 5546, 2.1.5)."""
    confirmed = builders.paid(builders.opened(builders.a_booking()), now=builders.NOW + timedelta(minutes=7))
    booking = changed(confirmed)
    [attachment] = letter(owing, booking).attachments
    [event] = Calendar.from_ical(attachment.content).walk("VEVENT")
    assert event.decoded("dtstamp") == booking.updated_at.replace(microsecond=0)
    assert event.decoded("dtstamp") > booking.created_at


def test_a_refund_before_the_end_of_a_stay_is_not_told_again() -> None:
    stay = builders.refund_owed(builders.paid(builders.opened(builders.a_booking())), amount=Money(12345, "ETB"))
    assert "ETB 123.45" not in letter("stay_ended", ended(stay)).text
    text = letter("stay_ended", ended(stay, refund=100)).text
    assert "ETB 1.00" in text
    assert "ETB 123.45" not in text


def test_an_unpaid_stay_was_in_no_calendar() -> None:
    unpaid = builders.cancelled(builders.opened(builders.a_booking()))
    assert letter("booking_cancelled", unpaid).attachments == ()


@every_language
def test_a_host_who_cancels_tells_why_and_is_excused_for(language: Language) -> None:
    confirmed = builders.paid(builders.opened(builders.a_booking(language=language)))
    by_host = builders.cancelled(
        confirmed, back=confirmed.total, actor=Actor("host"), reason="The roof leaks.\n\nBcc: x"
    )
    by_us = builders.cancelled(confirmed, back=confirmed.total, actor=Actor("operator"), reason="fraud, see notes")
    host, ours, own = (
        letter("booking_cancelled", booking) for booking in (by_host, by_us, builders.cancelled(confirmed))
    )
    assert "“The roof leaks. Bcc: x”" in host.text
    assert "fraud" not in ours.text
    sorry, who = {"en": ("We are sorry", "The host"), "am": ("ይቅርታ", "አከራዩ")}[language]
    assert [sorry in message.text for message in (host, ours, own)] == [True, True, False]
    assert [message.subject.startswith(who) for message in (host, ours, own)] == [True, False, False]
    assert all("ETB 7,350.00 " in message.text for message in (host, ours))


@every_language
@pytest.mark.parametrize("actor", [Actor("guest"), Actor("host"), Actor("operator")])
def test_no_letter_says_that_a_guest_has_not_paid(language: Language, actor: Actor) -> None:
    booking = builders.cancelled(builders.opened(builders.a_booking(language=language)), actor=actor)
    text = letter("booking_cancelled", booking).text
    assert {"en": "If you did pay", "am": "ከፍለው ከሆነ"}[language] in text
    assert {"en": "not paid", "am": "ስላልፈጸሙ"}[language] not in text


TYPED = Contact(first_name="Visit", last_name="Zyzzyva", email="hanna@example.com", phone="+254712345678")


@every_language
@pytest.mark.parametrize("story", ["expired", "failed", "guest", "host", "operator"])
def test_no_letter_about_an_unpaid_booking_repeats_what_its_guest_typed(language: Language, story: str) -> None:
    held = builders.opened(builders.a_booking(language=language, contact=TYPED, hold_for=timedelta(hours=3)))
    match story:
        case "expired" | "failed":
            booking = {"expired": builders.expired, "failed": builders.failed}[story](held)
        case cause:
            booking = builders.cancelled(held, actor=Actor(cause), reason="Quixotic words")  # type: ignore[arg-type]
            host_may_say_why = cause == "host"
            assert ("Quixotic" in letter("booking_cancelled", booking).text) is host_may_say_why
    [kind] = {
        kind for kind in get_args(LetterKind) if kind in {each.kind for each in booking.letters if not each.to_host}
    }
    message = letter(kind, booking)
    for typed in ("Visit", "Zyzzyva", "hanna@example.com", "712345678"):
        assert typed not in message.text + message.html + message.subject
    assert message.reply_to == ""


@every_language
def test_a_guest_who_paid_is_called_by_name(language: Language) -> None:
    kinds: tuple[LetterKind, ...] = ("booking_confirmed", "booking_cancelled", "money_returned")
    for kind in kinds:
        assert "Hanna" in letter(kind, booking_owing(kind, language=language)).text


@every_language
@pytest.mark.parametrize("kind", ["booking_cancelled", "money_returned", "stay_ended"])
def test_letters_of_money_say_how_long_it_takes(language: Language, kind: LetterKind) -> None:
    text = letter(kind, booking_owing(kind, language=language)).text
    assert {"en": "one to three working days", "am": "ከአንድ እስከ ሦስት የሥራ ቀናት"}[language] in text


@every_letter
def test_an_answer_goes_to_the_other_side_of_a_confirmed_booking(kind: LetterKind) -> None:
    booking = booking_owing(kind)
    between = {"booking_confirmed", "booking_cancelled", "stay_ended"}
    host = booking.place.host_email if kind in between else ""
    assert letter(kind, booking).reply_to == (booking.contact.email if kind in HOST_KINDS else host)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in WITH_CALENDAR])
def test_no_other_letter_brings_a_file(kind: LetterKind) -> None:
    assert letter(kind, booking_owing(kind)).attachments == ()


def test_a_failed_payment_links_to_its_page() -> None:
    booking = booking_owing("payment_failed")
    message = letter("payment_failed", booking)
    assert links(message) == [f"{PUBLIC_URL}/pay/{booking.booking_id}-1"]
    assert "until Saturday 2 January 2027, 15:15 (Addis Ababa time)" in message.text


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_failed_payment_of_several_links_to_its_own_page(attempt: int) -> None:
    first = builders.failed(builders.opened(builders.a_booking(hold_for=timedelta(hours=3))))
    again = builders.opened(builders.another_attempt(first))
    booking = builders.failed(again, now=again.updated_at + timedelta(hours=1)) if attempt == 2 else again
    own = f"{booking.booking_id}-{attempt}"
    [entry] = [entry for entry in booking.outbox if entry.about == own]
    assert links(rendered(entry, booking)) == [f"{PUBLIC_URL}/pay/{own}"]


def test_an_expired_hold_links_to_the_page_of_the_last_payment() -> None:
    booking = builders.expired(builders.opened(builders.another_attempt(builders.a_booking())))
    assert links(letter("hold_expired", booking)) == [f"{PUBLIC_URL}/pay/{booking.booking_id}-2"]


def test_an_expired_hold_links_to_the_shop_that_it_came_from() -> None:
    booking = booking_owing("hold_expired", return_url="https://shop.example.et/thanks?cart=7")
    assert links(letter("hold_expired", booking)) == ["https://shop.example.et/"]


@pytest.mark.parametrize("kind", ["hold_expired", "payment_failed"])
def test_without_a_public_url_there_is_no_link(kind: LetterKind) -> None:
    message = letter(kind, booking_owing(kind), public_url=None)
    assert links(message) == []
    assert "http" not in message.text


@every_language
def test_a_cancellation_tells_what_comes_back(language: Language) -> None:
    confirmed = builders.paid(builders.opened(builders.a_booking(language=language)))
    half = builders.cancelled(confirmed, back=Money(367500, "ETB"))
    nothing = builders.cancelled(confirmed)
    unpaid = builders.cancelled(builders.opened(builders.a_booking(language=language)))
    texts = [letter("booking_cancelled", booking).text for booking in (half, nothing, unpaid)]
    assert ["ETB 3,675.00" in text for text in texts] == [True, False, False]
    assert len(set(texts)) == 3


@pytest.mark.parametrize("status", ["owed", "refunded", "attention"])
@pytest.mark.parametrize(("before", "back", "told"), [(100, 200, "ETB 3.00"), (735_000, None, "ETB 7,350.00")])
def test_what_comes_back_is_all_of_it_however_far_it_got(status: Any, before: int, back: int | None, told: str) -> None:
    confirmed = builders.paid(builders.opened(builders.a_booking()))
    booking = builders.refund_owed(confirmed, amount=Money(before, "ETB"))
    if status != "owed":
        refund_id = booking.refunds[0].refund_id
        booking = builders.move_refund(booking, refund_id, status, actor=SWEEP, now=booking.updated_at)
    text = letter("booking_cancelled", builders.cancelled(booking, back=Money(back, "ETB") if back else None)).text
    assert told in text


def test_more_than_the_price_comes_back_of_more_that_was_accepted() -> None:
    odd = builders.verified(builders.opened(builders.a_booking()), amount=Money(900_000, "ETB"))
    accepted = resolve_review(
        odd,
        odd.payments[0].tx_ref,
        as_="accept",
        availability=Availability.FREE,
        note="",
        actor=Actor("operator"),
        now=odd.updated_at,
    )
    booking = builders.cancelled(accepted, back=Money(900_000, "ETB"))
    assert "ETB 9,000.00" in letter("booking_cancelled", booking).text


def test_a_cancellation_leaves_a_second_payment_to_its_own_letter() -> None:
    twice = builders.another_attempt(builders.opened(builders.a_booking()))
    twice = builders.verified(twice, tx_ref=twice.payments[0].tx_ref)
    twice = builders.paid(twice)
    assert builders.get_refund(twice).reason == "paid_twice"
    text = letter("booking_cancelled", builders.cancelled(twice, back=Money(100, "ETB"))).text
    assert "ETB 1.00" in text
    assert "ETB 7,351.00" not in text


@every_language
def test_money_returned_gives_amount_and_reason_in_peoples_words(language: Language) -> None:
    confirmed = builders.paid(builders.opened(builders.a_booking(language=language)))
    reasons = ["place_gone", "paid_twice", "booking_cancelled", "Broken <b>heating</b>"]
    texts = []
    for reason in reasons:
        booking = builders.refund_owed(confirmed, amount=Money(12345, "ETB"), reason=reason)
        message = letter("money_returned", booking)
        assert "ETB 123.45" in message.text
        assert builders.get_refund(booking).refund_id in message.text
        assert "heating" not in message.html
        texts.append(message.text)
    assert len(set(texts)) == len(reasons)
    assert not any(reason in text for reason in reasons for text in texts)


def test_each_refund_has_a_letter_of_its_own() -> None:
    booking = builders.paid(builders.opened(builders.a_booking()))
    booking = builders.refund_owed(booking, amount=Money(100, "ETB"))
    booking = builders.refund_owed(booking, amount=Money(200, "ETB"))
    emails = [email for email in booking.outbox if email.kind == "money_returned"]
    texts = [rendered(email, booking).text for email in emails]
    assert ["ETB 1.00" in text for text in texts] == [True, False]
    assert ["ETB 2.00" in text for text in texts] == [False, True]


def test_a_host_learns_who_comes() -> None:
    message = letter("host_new_booking", booking_owing("host_new_booking"))
    assert message.subject == "New booking: Lake house, Thursday 14 January 2027"
    assert "Guest: Hanna Tesfaye" in message.text
    assert "Phone: 0911223344" in message.text
    assert "\nአዲስ ቦታ ማስያዝ፦ Lake house፣ ሐሙስ፣ ጃንዋሪ 14 ቀን 2027 እ.ኤ.አ. (6 ጥር 2019 ዓ.ም.)\n" in message.text


REACHED = Notify(email="lodge@host.example", phone="+251115517700", language="am")


@every_letter
def test_a_host_is_written_to_where_and_how_her_profile_says(kind: LetterKind) -> None:
    booking = booking_owing(kind)
    message = letter(kind, booking, host=REACHED)
    if kind in HOST_KINDS:
        assert message.to == REACHED.email
        assert re.findall(r'lang="(..)"', message.html) == ["am"]
    else:
        assert message.to == booking.contact.email
        assert message.reply_to == (REACHED.email if booking.was_confirmed else "")


@every_letter
def test_the_hosts_phone_and_address_stand_in_the_letter_of_the_confirmed_booking_alone(kind: LetterKind) -> None:
    """Never before: nobody books to collect numbers."""
    message = letter(kind, booking_owing(kind, language="en"), host=REACHED)
    for body in (message.text, message.html):
        for known in (REACHED.phone, REACHED.email):
            assert (known in body) is (kind == "booking_confirmed")


@every_language
def test_what_is_not_known_of_a_host_is_left_out(language: Language) -> None:
    booking = booking_owing("booking_confirmed", language=language)
    phone, email = LABELS["host_phone"][language], LABELS["host_email"][language]
    assert f"{phone}: 0911000111\n" in letter("booking_confirmed", booking, host=Notify(phone="0911000111")).text
    for nothing in (Notify(), Notify(email="lodge@host.example")):
        text = letter("booking_confirmed", booking, host=nothing).text
        assert phone not in text
        assert (email in text) is bool(nothing.email)


def test_joiners_stay_in_names_of_people_and_places() -> None:
    contact = replace(builders.HANNA, first_name="نیک\u200cپور", last_name="ක්\u200dෂමා")
    listing = builders.a_listing(title="ශ්\u200dරී House")
    message = letter("host_new_booking", booking_owing("host_new_booking", contact=contact, listing=listing))
    assert "Guest: نیک\u200cپور ක්\u200dෂමා\n" in message.text
    assert message.subject.startswith("New booking: ශ්\u200dරී House, ")


def test_a_guest_of_one_name_is_called_by_it() -> None:
    contact = replace(builders.HANNA, last_name="")
    message = letter("host_new_booking", booking_owing("host_new_booking", contact=contact))
    assert "\nGuest: Hanna\n" in message.text


def test_days_are_written_in_words() -> None:
    assert day_in_words(date(2027, 1, 14), "en") == "Thursday 14 January 2027"
    assert day_in_words(date(2027, 1, 14), "am") == "ሐሙስ፣ ጃንዋሪ 14 ቀን 2027 እ.ኤ.አ. (6 ጥር 2019 ዓ.ም.)"
    assert day_in_words(date(2027, 2, 28), "am") == "እሑድ፣ ፌብሩዋሪ 28 ቀን 2027 እ.ኤ.አ. (21 የካቲት 2019 ዓ.ም.)"


@pytest.mark.parametrize(
    ("utc", "clock", "ethiopian"),
    [
        ("2027-01-14T21:00", "00:00", "ከሌሊቱ 6:00"),
        ("2027-01-14T02:59", "05:59", "ከሌሊቱ 11:59"),
        ("2027-01-14T03:00", "06:00", "ከጠዋቱ 12:00"),
        ("2027-01-14T04:05", "07:05", "ከጠዋቱ 1:05"),
        ("2027-01-14T08:00", "11:00", "ከጠዋቱ 5:00"),
        ("2027-01-14T09:00", "12:00", "ከቀኑ 6:00"),
        ("2027-01-14T11:00", "14:00", "ከቀኑ 8:00"),
        ("2027-01-14T15:30", "18:30", "ከምሽቱ 12:30"),
        ("2027-01-14T20:59", "23:59", "ከምሽቱ 5:59"),
    ],
)
def test_an_amharic_reader_is_told_the_hours_of_ethiopia_too(utc: str, clock: str, ethiopian: str) -> None:
    instant = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    shown = instant_in_words(instant, "Africa/Addis_Ababa", "am")
    assert shown.endswith(f"፣ {clock} (በኢትዮጵያ አቆጣጠር {ethiopian} ሰዓት)")


@stays
def test_a_letter_and_its_file_tell_the_time_at_the_listing(stay: tuple[str, str, str, int, str, str, str]) -> None:
    zone, check_in, in_time, nights, out_time, begins, ends = stay
    held = booked(stay)
    booking = builders.paid(held)
    message = letter("booking_confirmed", booking)
    city = zone.rpartition("/")[2].replace("_", " ")
    arrival = date.fromisoformat(check_in)
    # In the hour that is left out, the clock on the wall shows the next one.
    shown = "03:30" if (zone, check_in, in_time) == ("Europe/Berlin", "2027-03-28", "02:30") else in_time
    for name, day, clock in (("Check-in", arrival, shown), ("Check-out", arrival + timedelta(days=nights), out_time)):
        assert f"{name}: {day_in_words(day, 'en')}, {clock} ({city} time)" in " ".join(message.text.split())
    [event] = Calendar.from_ical(message.attachments[0].content).walk("VEVENT")
    assert (event.decoded("dtstart"), event.decoded("dtend")) == (instant(begins), instant(ends))
    held_until = held.hold_expires_at.astimezone(ZoneInfo(zone))
    until = f"until {day_in_words(held_until.date(), 'en')}, {held_until:%H:%M} ({city} time)"
    assert until in " ".join(letter("payment_failed", builders.failed(held)).text.split())


def test_elsewhere_the_place_of_the_clock_is_named() -> None:
    noon = datetime(2027, 7, 14, 12, 0, tzinfo=UTC)
    assert instant_in_words(noon, "Africa/Nairobi", "en") == "Wednesday 14 July 2027, 15:00 (Nairobi time)"
    assert instant_in_words(noon, "Africa/Nairobi", "am").endswith("፣ 15:00 (በNairobi ሰዓት)")
    assert instant_in_words(noon, "UTC", "en").endswith("12:00 (UTC time)")
