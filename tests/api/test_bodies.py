"""What a body may look like: refused whole, before anything is read or written, with every wrong field named."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.api.core import routing
from chalicelib.api.core.fields import MAX_PRICE, NoBody
from chalicelib.domain.people.limits import Limits
from tests.api.harness import SHOP, World, sample
from tests.replacing import replace

TAKE_A_BODY = {sample(route.path): route for route in routing.ROUTES if route.body is not None}
PATHS = sorted(TAKE_A_BODY)
NEED_A_FIELD = [
    path for path in PATHS if any(field.required for field in msgspec.structs.fields(TAKE_A_BODY[path].body or NoBody))
]
DEEP = 10_000


def send(world: World, path: str, *, key: str = "k", **body: Any) -> Any:
    world.touched.clear()
    return world.call(TAKE_A_BODY[path].method, path, by=world.staff(), key=key, **body)


def refused(world: World, path: str, code: str, status: int, **body: Any) -> Any:
    reply = send(world, path, **body)
    assert (reply.status, reply.code) == (status, code)
    # Only the listing whose rules the right fields are held to may be read, and only for a body that has fields.
    assert world.touched in ([], ["dynamodb.GetItem"] if code == "invalid_request" else [])
    return reply


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "raw",
    [
        "{",
        "[]",
        "null",
        '"text"',
        "1",
        '{"a": 1,}',
        "{'a': 1}",
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": 01}',
        '{"a": "\t"}',
        '{"a": 1} x',
        '{"a": "\\ud800"}',
        '{"a": "\\udc00\\ud800"}',
        '{"a": 1, "a": 2}',
        '{"b": {"a": 1, "\\u0061": 2}}',
        '{"a": 1e999}',
        '{"a": ' + "9" * 5000 + "}",
        "[" * DEEP + "]" * DEEP,
        '{"a":' * DEEP + "1" + "}" * DEEP,
        "{}\x00",
        b"\xff\xfe{\x00}\x00",
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        "\ufeff{}",
        '{"a": "\ud800"}',
    ],
    ids=lambda raw: repr(raw)[:24],
)
def test_what_is_no_json_object(world: World, path: str, raw: str | bytes) -> None:
    refused(world, path, "invalid_json", 400, raw=raw)


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (None, "is empty"),
        (" \n", "is empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("\ufeff{}", "byte order mark"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b'{"a": "\xff"}', "not UTF-8"),
        ('{"units": 1, "units": 2}', "names `units` twice"),
        ('{"contact": {"email": 1, "\\u0065mail": 2}}', "names `email` twice"),
        ('{"a\\u202eb": 1, "a\\u202eb": 2}', "names `a?b` twice"),
        ("[" * DEEP + "]" * DEEP, "too deeply"),
        ("[]", "not a JSON object"),
        ('{"a": 1,}', "(byte 8)"),
    ],
    ids=lambda each: repr(each)[:24],
)
def test_what_is_no_json_object_is_named_for_what_it_is(world: World, raw: str | bytes | None, named: str) -> None:
    reply = refused(world, "/v1/bookings", "invalid_json", 400, raw=raw)
    assert named in reply.body["detail"]


@pytest.mark.parametrize("path", NEED_A_FIELD)
def test_no_body_where_one_is_needed(world: World, path: str) -> None:
    for raw in (None, "", b"", " "):
        refused(world, path, "invalid_json", 400, raw=raw)


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_too_large(world: World, path: str) -> None:
    just = '{"a": "' + "x" * (64 * 1024 - 9) + '"}'
    assert len(just) == 64 * 1024
    assert refused(world, path, "invalid_request", 400, raw=just).wrong()["a"] == "is not a field here"
    refused(world, path, "body_too_large", 413, raw=just + " ")
    # Bytes are counted, not characters; and as much as API Gateway lets through is only counted.
    refused(world, path, "body_too_large", 413, raw='{"a": "' + "ጉ" * 22_000 + '"}')
    refused(world, path, "body_too_large", 413, raw=b"\xff" * 6_000_000)
    # The size is looked at before the type.
    refused(world, path, "body_too_large", 413, raw="x" * 70_000, content_type="text/plain")


@pytest.mark.parametrize(
    "path", sorted({sample(route.path) for route in routing.ROUTES if route.method == "POST" and route.body is None})
)
@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain", None])
def test_too_much_for_a_route_that_reads_no_json(world: World, path: str, content_type: str | None) -> None:
    """Webhooks, callbacks and the guest's page: nothing is read of it and nothing written."""
    world.touched.clear()
    for raw in ("x" * (64 * 1024 + 1), b"\xff" * 6_000_000):
        reply = world.call("POST", path, raw=raw, content_type=content_type)
        assert (reply.status, reply.code) == (413, "body_too_large")
    assert (world.touched, world.gateway.asked) == ([], [])
    assert world.call("POST", path, raw="x" * 64 * 1024, content_type=content_type).status != 413


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "json",
        "application/xml",
        "text/json",
        "*/*",
        "application/octet-stream",
        "; charset=utf-8 json",
        ";;;",
        "; charset=utf-8",
        "application/json; charset=utf-16",
        'application/json; charset="ISO-8859-1"',
        "application/json; charset=",
    ],
)
def test_another_content_type(world: World, path: str, content_type: str) -> None:
    refused(world, path, "unsupported_media_type", 415, raw="{}", content_type=content_type)
    refused(world, path, "unsupported_media_type", 415, raw="{", content_type=content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/json;",
        "application/problem+json",
        None,
    ],
)
def test_json_by_any_of_its_names(world: World, content_type: str | None) -> None:
    reply = world.call("POST", "/v1/listings", world.draft(), by=world.host(), content_type=content_type)
    assert reply.status == 201


def test_json_that_came_as_bytes(world: World) -> None:
    draft = world.draft(title="ሐይቅ ዳር ቤት")
    reply = world.call("POST", "/v1/listings", by=world.host(), raw=json.dumps(draft, ensure_ascii=False).encode())
    assert (reply.status, reply.body["title"]) == (201, "ሐይቅ ዳር ቤት")


def test_a_route_that_needs_no_field_needs_no_body(world: World) -> None:
    booking = world.book()
    path = f"/v1/bookings/{booking['booking_id']}/payments"
    for raw, content_type in ((None, None), ("", "text/plain"), (" {} ", "application/json")):
        reply = world.call("POST", path, by=world.guest(), raw=raw, content_type=content_type)
        assert reply.status == 200
    assert world.call("POST", path, {"amount": 1}, by=world.guest()).wrong() == {"amount": "is not a field here"}


def test_every_wrong_field_of_a_booking_at_once(world: World) -> None:
    body = {
        "check_in": "14.01.2027",
        "check_out": None,
        "units": True,
        "guests": 2.0,
        "contact": {"first_name": "", "email": "hanna", "phone": "12", "nick": "H", "last_name": ["Tesfaye"]},
        "language": "fr",
        "expected_total": "735000",
        "return_url": "https://evil.example/",
        "Listing_id": "lst_1",
        "a\nb\u202e": 1,
    }
    reply = refused(world, "/v1/bookings", "invalid_request", 400, body=body)
    date = "must be a date, such as 2027-01-14"
    assert reply.wrong() == {
        "Listing_id": "is not a field here",
        "a?b?": "is not a field here",
        "listing_id": "is missing",
        "check_in": date,
        "check_out": date,
        "units": "must be a whole number",
        "guests": "must be a whole number",
        "contact.nick": "is not a field here",
        "contact.first_name": "must not be empty",
        "contact.last_name": "must be text",
        "contact.email": "must be an e-mail address",
        "contact.phone": "must be an Ethiopian phone number, such as 0911223344, "
        "or another country's with its +, such as +254712345678",
        "language": "must be one of en, am",
        "expected_total": "must be a whole number",
        "return_url": "must begin with an allowed origin; see /v1/config",
    }


def test_every_wrong_field_of_a_listing_at_once(world: World) -> None:
    body = {
        "title": "x" * 121,
        "description": 5,
        "city": " \u200b ",
        "time_zone": "Africa/Addis",
        "nightly_price": {"amount": 2450.5, "currency": "EUR", "formatted": 7},
        "units": 1001,
        "guests_per_unit": 0,
        "cancellation_policy": "generous",
        "address": "one\ntwo",
        "check_in_time": "24:00",
        "check_out_time": "9:00",
        "photos": ["https://a.example/1.jpg", "http://a.example/2.jpg", 3, "https://a b", "javascript:alert(1)"],
        "status": "closed",
    }
    reply = refused(world, "/v1/listings", "invalid_request", 400, body=body)
    https = "must be an https address"
    assert reply.wrong() == {
        "status": "is not a field here",
        "title": "must have at most 120 characters",
        "description": "must be text",
        "city": "must not be empty",
        "time_zone": "must be an IANA time zone of a place, such as Africa/Addis_Ababa",
        "nightly_price.amount": "must be a whole number",
        "nightly_price.currency": "must be one of ETB, GHS, KES, NGN, USD, ZAR",
        "nightly_price.formatted": "must be text",
        "units": "must be at most 1000",
        "guests_per_unit": "must be at least 1",
        "cancellation_policy": "must be one of flexible, moderate, strict",
        "address": "must be one line",
        "check_in_time": "must be a time of day, such as 14:00",
        "check_out_time": "must be a time of day, such as 14:00",
        "photos.1": https,
        "photos.2": "must be text",
        "photos.3": https,
        "photos.4": https,
    }


def test_wrong_fields_and_the_listings_rules_come_in_one_answer(world: World) -> None:
    listing = world.listing(units=3, guests_per_unit=2)
    body = world.request(listing, check_in="2027-01-01", units=4, guests=99)
    body["contact"] |= {"phone": "12"}
    reply = refused(world, "/v1/bookings", "invalid_request", 400, body=body)
    by_listing = {
        "check_in": "is in the past at the listing",
        "units": "must be at most 3, all that the listing has",
        "guests": "must be at most 6 in 3 of these units",
    }
    assert set(reply.wrong()) == {"contact.phone", *by_listing}
    body["contact"] |= {"phone": "0911223344"}
    assert send(world, "/v1/bookings", body=body).wrong() == by_listing
    # What is not known is not held against the rest; and a field is named once.
    body |= {"units": "four", "guests": 7, "check_in": "2028-12-31", "check_out": "2028-12-30"}
    assert refused(world, "/v1/bookings", "invalid_request", 400, body=body).wrong() == {
        "units": "must be a whole number",
        "guests": "must be at most 6 in 3 of these units",
        "check_in": "is more than 540 days ahead",
        "check_out": "must be after check_in",
    }


def test_wrong_fields_and_what_a_stage_or_a_listing_has_come_in_one_answer(world: World) -> None:
    late = {"check_in_time": "10:00", "check_out_time": "16:00"}
    body = world.draft(title="", nightly_price={"amount": 1, "currency": "KES"}, **late)
    no_gateway, too_late = "no payment gateway of this stage takes KES", "must not be later than check_in_time"
    assert refused(world, "/v1/listings", "invalid_request", 400, body=body).wrong() == {
        "title": "must not be empty",
        "nightly_price.currency": no_gateway,
        "check_out_time": too_late,
    }
    body["title"] = "Lake house"
    reply = refused(world, "/v1/listings", "invalid_request", 400, body=body)
    assert reply.wrong() == {"nightly_price.currency": no_gateway, "check_out_time": too_late}
    path = f"/v1/listings/{world.listing(check_in_time='12:00')['listing_id']}"
    body = {"title": 5, "check_out_time": "12:01", "nightly_price": {"amount": 1, "currency": "USD"}}
    stays = {"nightly_price.currency": "must stay ETB", "check_out_time": too_late}
    assert world.call("PATCH", path, body, by=world.host()).wrong() == {"title": "must be text", **stays}
    del body["title"]
    assert world.call("PATCH", path, body, by=world.host()).wrong() == stays
    wrong_time = {"check_in_time": "24:00", "check_out_time": "12:01"}
    assert list(world.call("PATCH", path, wrong_time, by=world.host()).wrong()) == ["check_in_time"]
    nights = {"from": "2027-01-01", "to": "2027-01-03", "price": {"amount": 1, "currency": "USD"}, "closed": "yes"}
    wrong = {"from": "is in the past at the listing", "price.currency": "must be ETB"}
    reply = world.call("PUT", f"{path}/nights", nights, by=world.host())
    assert reply.wrong() == {"closed": "must be true or false", **wrong}
    assert world.call("PUT", f"{path}/nights", nights | {"closed": True}, by=world.host()).wrong() == wrong
    # To anybody else the listing is not there, whatever they send.
    assert world.call("PATCH", path, {"title": 5, **body}, by=world.host("other")).wrong() == {"title": "must be text"}


@pytest.mark.parametrize(
    ("check_in_time", "check_out_time"), [("14:00", "14:00"), ("00:00", "00:00"), ("23:59", "23:58")]
)
def test_check_out_may_be_as_late_as_check_in(world: World, check_in_time: str, check_out_time: str) -> None:
    listing = world.listing(check_in_time=check_in_time, check_out_time=check_out_time)
    path = f"/v1/listings/{listing['listing_id']}"
    assert world.call("PATCH", path, {"check_in_time": "23:59"}, by=world.host()).status == 200


@pytest.mark.parametrize(
    "zone",
    [
        *("Factory", "localtime", "posixrules", "UTC", "Etc/UTC", "Etc/GMT+3", "EST5EDT", "GMT", "Africa", "Africa/"),
        *("africa/addis_ababa", "posix/Africa/Addis_Ababa", "right/Africa/Addis_Ababa", "../Africa/Addis_Ababa", ""),
    ],
)
def test_names_that_are_no_time_zones_of_places(world: World, zone: str) -> None:
    reply = refused(world, "/v1/listings", "invalid_request", 400, body=world.draft(time_zone=zone))
    assert reply.wrong() == {"time_zone": "must be an IANA time zone of a place, such as Africa/Addis_Ababa"}


def test_an_empty_object_misses_all_that_is_required(world: World) -> None:
    reply = refused(world, "/v1/bookings", "invalid_request", 400, body={})
    assert reply.wrong() == dict.fromkeys(
        ["listing_id", "check_in", "check_out", "units", "guests", "contact"], "is missing"
    )
    reply = refused(world, "/v1/bookings", "invalid_request", 400, body={"contact": None})
    assert reply.wrong()["contact"] == "must be an object"


WRONG_NUMBERS: list[object] = [1.0, 1.5, True, False, "1", None, [], {}, -1, 0, 10**30, 2**63, 1e300]


@pytest.mark.parametrize("number", WRONG_NUMBERS, ids=repr)
@pytest.mark.parametrize("field", ["units", "guests", "expected_total", "nightly_price.amount", "guests_per_unit"])
def test_wrong_numbers(world: World, field: str, number: object) -> None:
    whole, _, part = field.partition(".")
    if whole in ("units", "guests", "expected_total"):
        path, body = "/v1/bookings", world.request({"listing_id": "lst_0000000000000000"})
    else:
        path, body = "/v1/listings", world.draft()
    if whole == "expected_total" and (number is None or number == 0):
        number = "735000"  # it may be null, and a stay may be thought to cost nothing
    body[whole] = {**body[whole], part: number} if part else number
    reply = refused(world, path, "invalid_request", 400, body=body)
    assert list(reply.wrong()) == [field]
    assert reply.wrong()[field].startswith("must be a")


@pytest.mark.parametrize(
    "day",
    [
        "2027-02-30",
        "2027-13-01",
        "0000-01-01",
        "2027-1-4",
        "20270114",
        "2027-01-14T00:00:00Z",
        " 2027-01-14",
        "",
        "now",
        "+002027-01-14",
        "２０２７-01-14",
        20270114,
        1799884800,
        ["2027-01-14"],
        None,
    ],
)
def test_wrong_dates(world: World, day: object) -> None:
    body = world.request({"listing_id": "lst_0000000000000000"}, check_in=day)
    reply = refused(world, "/v1/bookings", "invalid_request", 400, body=body)
    assert reply.wrong() == {"check_in": "must be a date, such as 2027-01-14"}


@pytest.mark.parametrize(
    ("check_in", "check_out", "sentence"),
    [
        ("2027-01-14", "2027-01-14", "must be after check_in"),
        ("2027-01-14", "2027-01-13", "must be after check_in"),
        ("9999-12-31", "0001-01-01", "must be after check_in"),
        ("2027-01-14", "2027-04-15", "must be at most 90 nights after check_in"),
        ("0001-01-01", "9999-12-31", "must be at most 90 nights after check_in"),
    ],
)
def test_dates_that_do_not_fit_each_other(world: World, check_in: str, check_out: str, sentence: str) -> None:
    listing = {"listing_id": "lst_0000000000000000"}
    body = world.request(listing, check_in=check_in, check_out=check_out, language="fr")
    reply = refused(world, "/v1/bookings", "invalid_request", 400, body=body)
    assert reply.wrong() == {"check_out": sentence, "language": "must be one of en, am"}


TEXTS = {
    "nul": "a\x00b",
    "escape": "a\x1b[31mb",
    "newline": "a\nb",
    "delete": "a\x7f",
    "private": "a\ue000",
    "c1": "a\x85a",
    "override": "a\u202eb",
    "isolate": "a\u2066b\u2069",
    "lost": "a\ufffdb",
}


@pytest.mark.parametrize("text", [*TEXTS.values(), "\u2028a\u2028b"], ids=[*TEXTS, "separator"])
@pytest.mark.parametrize("field", ["title", "city", "address", "contact.first_name", "contact.email", "contact.phone"])
def test_control_characters(world: World, field: str, text: str) -> None:
    whole, _, part = field.partition(".")
    path, body = ("/v1/bookings", world.request({"listing_id": "x"})) if part else ("/v1/listings", world.draft())
    body[whole] = {**body[whole], part: text} if part else text
    assert list(refused(world, path, "invalid_request", 400, body=body).wrong()) == [field]


def test_text_is_trimmed_and_may_be_of_any_script(world: World) -> None:
    contact = {
        "first_name": "  ሐና ",
        "last_name": "O’Neill-Tesfaye",
        "email": " Hanna+x@Gmail.com ",
        "phone": "+251 (911) 22-33-44",
    }
    booking = world.book(contact=contact, language="am")
    assert booking["contact"] == {
        "first_name": "ሐና",
        "last_name": "O’Neill-Tesfaye",
        "email": "Hanna+x@Gmail.com",
        "phone": "0911223344",
    }
    assert booking["language"] == "am"


@pytest.mark.parametrize(
    ("phone", "kept"),
    [
        (" +254 (0)712 345-678", "+254712345678"),
        ("00254\u2011712\u00a0345678", "+254712345678"),
        ("011 551 7700", "+251115517700"),
    ],
)
def test_a_number_that_chapa_does_not_take_is_kept_and_not_told_to_it(world: World, phone: str, kept: str) -> None:
    contact = world.request({"listing_id": "x"})["contact"] | {"phone": phone}
    booking = world.book(contact=contact)
    assert booking["contact"]["phone"] == kept
    [opened] = world.gateway.opened.values()
    assert "phone_number" not in opened


def test_a_number_as_an_address_book_gives_it_is_told_to_chapa(world: World) -> None:
    contact = world.request({"listing_id": "x"})["contact"] | {
        "phone": "\u202a+251\u00a0911\u201322\u201333\u201344\u202c"
    }
    assert world.book(contact=contact)["contact"]["phone"] == "0911223344"
    assert [opened["phone_number"] for opened in world.gateway.opened.values()] == ["0911223344"]


def test_a_number_that_does_not_say_its_country_is_refused(world: World) -> None:
    body = world.request({"listing_id": "x"})
    body["contact"] = {**body["contact"], "phone": "08031234567"}
    wrong = refused(world, "/v1/bookings", "invalid_request", 400, body=body).wrong()
    assert list(wrong) == ["contact.phone"]


@pytest.mark.parametrize(
    "email",
    [
        "hanna",
        "@gmail.com",
        "hanna@",
        "hanna@gmail",
        "ha nna@gmail.com",
        "hanna@gmail.com, b@gmail.com",
        "a..b@gmail.com",
        "Hanna <hanna@gmail.com>",
        "hanna@gmail.com\r\nBcc: x@y.com",
        "hanna@-gmail.com",
        "a" * 250 + "@gmail.com",
        "ሐ@gmail.com",
        "=?utf-8?q?v=40e.et=2c?=@b.et",
        ".hanna@gmail.com",
        "hanna.@gmail.com",
        "hanna@gmail.com.",
        "hanna@.gmail.com",
        "hanna@192.0.2.7",
        "a" * 65 + "@gmail.com",
        "hanna@m\u00fcller..de",
        "hanna@\u1112.de",
        "h@" + "\u00fc" * 80 + ".de",
    ],
)
def test_e_mail_addresses_that_are_none(world: World, email: str) -> None:
    body = world.request({"listing_id": "x"})
    body["contact"]["email"] = email
    assert list(refused(world, "/v1/bookings", "invalid_request", 400, body=body).wrong()) == ["contact.email"]


@pytest.mark.parametrize(
    ("email", "kept"),
    [
        ("hanna@m\u00fcller.de", "hanna@xn--mller-kva.de"),
        ("Hanna@STRASSE.\u0440\u0444", "Hanna@strasse.xn--p1ai"),
        ("mailto:hanna.tesfaye@gmail.com", "hanna.tesfaye@gmail.com"),
        ("\u202ahanna@gmail.com\u202c", "hanna@gmail.com"),
        ("\u00a0hanna+b@mail\u00ad.gmail.com\ufeff", "hanna+b@mail.gmail.com"),
    ],
)
def test_e_mail_addresses_are_kept_as_mail_servers_know_them(world: World, email: str, kept: str) -> None:
    contact = world.request({"listing_id": "x"})["contact"] | {"email": email}
    booking = world.paid(world.book(contact=contact))
    assert booking["contact"]["email"] == kept
    assert kept in world.deliver_letters()


@pytest.mark.parametrize("last_name", [None, "", " \u00a0", "left out"], ids=repr)
def test_a_guest_may_have_one_name(world: World, last_name: str | None) -> None:
    contact = world.request({"listing_id": "x"})["contact"] | {"first_name": "\u1200\u1293", "last_name": last_name}
    if last_name == "left out":
        del contact["last_name"]
    booking = world.book(contact=contact)
    assert (booking["contact"]["first_name"], booking["contact"]["last_name"]) == ("\u1200\u1293", "")
    [opened] = world.gateway.opened.values()
    assert opened["first_name"] == "\u1200\u1293"
    assert "last_name" not in opened


@pytest.mark.parametrize("field", ["first_name", "last_name"])
@pytest.mark.parametrize("text", ["evil.com", "hanna\uff20x", "a\u202eb", "a\u200fb", "a\u2028b", "http://x", "."])
def test_a_name_carries_no_link(world: World, field: str, text: str) -> None:
    body = world.request({"listing_id": "x"})
    body["contact"][field] = text
    assert list(refused(world, "/v1/bookings", "invalid_request", 400, body=body).wrong()) == [f"contact.{field}"]


def test_two_names_make_no_link_beside_another_wrong_field_either(world: World) -> None:
    body = world.request({"listing_id": "x"})
    body["contact"] |= {"first_name": "Evil dot", "last_name": "com", "email": "hanna"}
    wrong = refused(world, "/v1/bookings", "invalid_request", 400, body=body).wrong()
    assert sorted(wrong) == ["contact.email", "contact.last_name"]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/thanks",
        "https://shop.example.et.evil.example/",
        "https://shop.example.et@evil.example/",
        "https://user@shop.example.et/",
        "https://shop.example.et\\@evil.example/",
        "https://shop.example.et:8443/",
        "https://shop.example.et:99999/",
        "http://shop.example.et/",
        "//shop.example.et/",
        "/thanks",
        "javascript:alert(1)//https://shop.example.et",
        "https:shop.example.et",
        "https://shop.example.et/\nx",
        "https://shop.example.et/ x",
        "https://shop.example.et\t/",
        "https://ѕhop.example.et/",
        "https://[::1",
        "",
        "https://shop.example.et/" + "x" * 2000,
        7,
    ],
)
def test_a_return_url_of_another_origin(world: World, url: object) -> None:
    body = world.request({"listing_id": "x"}, return_url=url)
    assert list(refused(world, "/v1/bookings", "invalid_request", 400, body=body).wrong()) == ["return_url"]


@pytest.mark.parametrize(
    "url", [SHOP, f"{SHOP}/thanks?from=a#b", "HTTPS://SHOP.example.et/x", "http://localhost:3000/"]
)
def test_a_return_url_of_an_allowed_origin(world: World, url: str) -> None:
    assert world.book(return_url=url)["return_url"] == url


def test_money_as_answers_have_it_is_taken_back(world: World) -> None:
    price = {"amount": 245000, "currency": "ETB", "formatted": "USD 1.00"}
    listing = world.listing(nightly_price=price)
    assert listing["nightly_price"] == {"amount": 245000, "currency": "ETB", "formatted": "ETB 2,450.00"}
    assert world.listing(nightly_price=listing["nightly_price"])["nightly_price"] == listing["nightly_price"]
    dollars = world.listing(nightly_price={"amount": 1, "currency": "USD", "formatted": None})
    assert dollars["nightly_price"]["formatted"] == "USD 0.01"


def test_the_dearest_stay_can_still_be_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    large = replace(world.container.rules, limits=Limits(unpaid_unit_nights=90_000), payment_limits={})
    monkeypatch.setattr(world.container, "rules", large)
    price = {"amount": MAX_PRICE, "currency": "ETB"}
    listing = world.listing(nightly_price=price, units=1000, guests_per_unit=1)
    booking = world.book(listing, units=1000, guests=1000, check_out="2027-04-14")
    assert booking["nights"] == 90
    assert booking["total"]["amount"] == MAX_PRICE * 90_000 < 2**53
    body = world.draft(nightly_price={"amount": MAX_PRICE + 1, "currency": "ETB"})
    reply = refused(world, "/v1/listings", "invalid_request", 400, body=body)
    assert reply.wrong() == {"nightly_price.amount": f"must be at most {MAX_PRICE}"}


def test_an_answer_shows_nothing_of_what_was_wrong(world: World) -> None:
    body = world.request({"listing_id": "x"}, language="<script>marked</script>", units="marked", check_in="marked")
    body["contact"] |= {"email": "marked", "phone": "marked", "first_name": "marked" * 20}
    reply = refused(world, "/v1/bookings", "invalid_request", 400, body=body)
    assert "marked" not in reply.text
    assert len(reply.wrong()) == 6


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_a_field_it_is_refused_by_its_name(world: World, data: st.DataObject) -> None:
    path, body = data.draw(
        st.sampled_from([("/v1/bookings", world.request({"listing_id": "x"})), ("/v1/listings", world.draft())])
    )
    field = data.draw(st.sampled_from([*sorted(body), "more"]))
    body[field] = data.draw(JUNK)
    # A key of its own: some of what is drawn is right, and creates something.
    reply = send(world, path, key=uuid4().hex, raw=json.dumps(body))
    assert reply.status in (201, 400, 404), reply.text
    if reply.status == 400:
        assert {name.partition(".")[0] for name in reply.wrong()} <= {field, "check_out"}
        assert world.touched in ([], ["dynamodb.GetItem"])
