"""Fingerprints: golden values, so that no release takes the repeat of an earlier one's call for another call."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

import pytest

from chalicelib.domain.contact import Contact
from chalicelib.domain.fingerprint import fingerprint
from chalicelib.domain.listings.calendar import Stay
from chalicelib.domain.money import Money
from chalicelib.domain.record import Record
from chalicelib.services.book import BookingRequest
from chalicelib.services.hosts.hosting import ListingDraft
from chalicelib.services.refunds import RefundRequest
from chalicelib.services.reviews import ReviewRequest
from tests.replacing import replace

BOOKING = BookingRequest(
    "lst_7QK2M9P4T1B8WCD0",
    Stay(date(2027, 1, 14), date(2027, 1, 17), 1, 2),
    Contact(first_name="ሐና", last_name="Tesfaye", email="hanna.tesfaye@gmail.com", phone="0911223344"),
)
LISTING = ListingDraft(
    title="Lake house",
    description="On the shore.",
    city="Bahir Dar",
    time_zone="Africa/Addis_Ababa",
    nightly_price=Money(245000, "ETB"),
    units=4,
    guests_per_unit=2,
    cancellation_policy="flexible",
)
GOLDEN: list[tuple[Any, str]] = [
    (BOOKING, "9f431fff602c454b"),
    (
        replace(BOOKING, language="am", expected_total=735000, return_url="https://shop.example.et/thanks"),
        "28786cb1befba263",
    ),
    (LISTING, "2a5afcd3f47dbb45"),
    (replace(LISTING, photos=("https://images.example.et/lake.jpg",), check_in_time="15:00"), "bd3a17785031d9bb"),
    (RefundRequest("One night less"), "c52617036041fe8f"),
    (RefundRequest("One night less", 245000), "f8e4e9bc975cfc8f"),
    (ReviewRequest("GZ4T1B8WCD7K2M9Q", 5, "Quiet, and the coffee was good."), "dbecc7b946052674"),
]


@pytest.mark.parametrize(("request_", "known"), GOLDEN)
def test_a_stored_fingerprint_is_met_again(request_: Any, known: str) -> None:
    assert fingerprint(request_) == known


def test_what_differs_has_another_fingerprint() -> None:
    assert len({fingerprint(request) for request, _ in GOLDEN}) == len(GOLDEN)


class Request(Record, frozen=True):
    title: str
    guests: int = 1


class LaterRequest(Record, frozen=True):
    pets: bool = False
    photos: tuple[str, ...] = ()
    title: str = ""
    guests: int = 1


def test_a_field_that_a_later_release_adds_changes_no_repeat() -> None:
    assert fingerprint(LaterRequest(title="Lake")) == fingerprint(Request("Lake"))
    assert fingerprint(LaterRequest(title="Lake", guests=2)) == fingerprint(Request("Lake", 2))
    assert fingerprint(LaterRequest(title="Lake", pets=True)) != fingerprint(Request("Lake"))
    assert fingerprint(LaterRequest(title="Lake", photos=("a", "b"))) != fingerprint(
        LaterRequest(title="Lake", photos=("ab",))
    )


def test_a_default_that_was_sent_is_the_default() -> None:
    sent = "".join(["e", "n"])
    assert sent is not BOOKING.language
    assert fingerprint(replace(BOOKING, language=cast(Any, sent))) == fingerprint(BOOKING)


def test_what_json_has_no_form_for_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        fingerprint(Request(b"Lake"))  # type: ignore[arg-type]
