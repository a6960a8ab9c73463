"""Who sees what: each state of a booking and its payments, in the views of everybody who may look at it.

The bookings are made by the domain and put into the store as they are; nothing here answers for the gateway, so what is
shown is what is stored.
"""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.domain import checkout as opening
from chalicelib.domain.booking import Actor, Booking, OpeningProblem
from chalicelib.domain.refunds import owe_refund
from chalicelib.domain.verification import Availability, resolve_review
from tests.api.harness import SHOP, Person, World
from tests.builders import GUEST, HOST, a_booking, another_attempt, expired, opened, paid, verified
from tests.domain.states import (
    CONFIRMED,
    HALF,
    HELD,
    TWICE,
    after,
    cancel_booking,
    in_review,
    processing,
    refund_moved,
    refused,
    requested,
    two_attempts,
    with_refund,
)
from tests.replacing import replace

CONTACT = {"first_name": "Hanna", "last_name": "Tesfaye", "email": "hanna.tesfaye@gmail.com", "phone": "0911223344"}
PERSONAL = ("Hanna", "Tesfaye", "hanna.tesfaye", "0911223344")
PEOPLE = {
    "guest": Person(GUEST),
    "host": Person(HOST, "host"),
    "operator": Person("operator-sara", "operator"),
}


def by_first(booking: Booking, status: str = "paid", **changes: Any) -> Booking:
    """Return the booking after verify answered for its first attempt, five minutes later."""
    at = booking.updated_at + timedelta(minutes=5)
    return verified(booking, status, tx_ref=f"{booking.booking_id}-1", now=at, **changes)


def accepted(booking: Booking, attempt: int = 1, as_: Any = "accept") -> Booking:
    tx_ref = f"{booking.booking_id}-{attempt}"
    return resolve_review(
        booking,
        tx_ref,
        as_=as_,
        availability=Availability.FREE,
        note="Seen on the statement.",
        actor=Actor("operator"),
        now=booking.updated_at,
    )


def link_lost(booking: Booking) -> Booking:
    """Return the booking after the gateway knew the reference of its last payment already."""
    problem = OpeningProblem("gateway_rejected", "The payment gateway knows this reference already.")
    return opening.reference_used(
        booking, booking.payments[-1].tx_ref, problem, actor=Actor("guest"), now=booking.updated_at
    )


STATES = {
    "created": a_booking(),
    "refused": refused(a_booking()),
    "pending": HELD,
    "said to have failed": verified(HELD, "failed", now=after(1)),
    "link lost": link_lost(a_booking()),
    "first replaced": TWICE,
    "first refused, second open": two_attempts(refused),
    "first lost, second open": two_attempts(link_lost),
    "first said to have failed, second open": two_attempts(lambda first: verified(opened(first), "failed")),
    "second created": another_attempt(HELD, now=after(4)),
    "second refused": refused(another_attempt(HELD, now=after(4)), now=after(4)),
    "second said to have failed": verified(TWICE, "failed", now=after(5)),
    "first in review": in_review(HELD),
    "first of two in review": in_review(TWICE, 1),
    "second of two in review": in_review(TWICE, 2),
    "review given back": accepted(in_review(HELD), as_="refund"),
    "confirmed": CONFIRMED,
    "confirmed by the second": paid(TWICE),
    "confirmed by the first": by_first(TWICE),
    "confirmed with another amount": accepted(in_review(HELD)),
    "confirmed late": paid(expired(HELD), now=after(40)),
    "confirmed late by the first": by_first(expired(TWICE)),
    "confirmed, paid twice": by_first(paid(TWICE)),
    "confirmed by the first, paid twice": verified(by_first(TWICE), tx_ref=TWICE.payments[1].tx_ref, now=after(9)),
    "confirmed, other in review": in_review(paid(TWICE), 1),
    "confirmed, part goes back": with_refund(CONFIRMED, HALF),
    "confirmed, part is asked for": requested(with_refund(CONFIRMED, HALF)),
    "confirmed, part is on its way": processing(with_refund(CONFIRMED, HALF)),
    "confirmed, part needs a person": refund_moved(processing(with_refund(CONFIRMED, HALF)), "attention"),
    "confirmed, part came back": refund_moved(processing(with_refund(CONFIRMED, HALF)), "refunded"),
    "confirmed, reversed": verified(CONFIRMED, "reversed"),
    "expired": expired(HELD),
    "expired with a second": expired(TWICE),
    "expired, refused": expired(refused(a_booking())),
    "expired, first of two in review": in_review(expired(TWICE), 1),
    "place gone": verified(expired(HELD), availability=Availability.SHORT, now=after(40)),
    "place gone, by the first": by_first(expired(TWICE), availability=Availability.SHORT),
    "cancelled unpaid": cancel_booking(HELD),
    "cancelled with a second": cancel_booking(TWICE),
    "cancelled in review": cancel_booking(in_review(HELD)),
    "cancelled, money came": by_first(cancel_booking(TWICE)),
    "cancelled by the host": cancel_booking(CONFIRMED),
    "cancelled, nothing back": cancel_booking(CONFIRMED, by="guest", now=CONFIRMED.check_in_at - timedelta(hours=1)),
    "cancelled, confirmed by the first": cancel_booking(by_first(TWICE)),
}

TITLES = {
    "paid": "Your stay is booked",
    "waiting": "Waiting for your payment",
    "failed": "The payment did not go through",
    "expired": "The time to pay is over",
    "review": "We are checking your payment",
    "money back": "Your money is coming back",
    "cancelled": "This booking is cancelled",
}

# contact: whether the host sees it. counts: the attempt that is ``payment``. links, problems: the attempts that show
# one. page: what the page of every attempt says. button: whether it offers to pay. again: after how many seconds it
# looks again, for each attempt's page; on: it goes on to the shop.
TABLE = """
                                  | contact | counts | links | problems | page       | button | again
created                           | no      | 1      | -     | -        | waiting    | yes    | 5
refused                           | no      | 1      | -     | 1        | failed     | yes    | 60
pending                           | no      | 1      | 1     | -        | waiting    | yes    | 5
said to have failed               | no      | 1      | 1     | -        | failed     | yes    | 5
link lost                         | no      | 1      | -     | 1        | failed     | yes    | 60
first replaced                    | no      | 2      | 2     | -        | waiting    | yes    | 30 5
first refused, second open        | no      | 2      | 2     | 1        | waiting    | yes    | 30 5
first lost, second open           | no      | 2      | 2     | 1        | waiting    | yes    | 30 5
first said to have failed, second open | no  | 2      | 2     | -        | waiting    | yes    | 30 5
second created                    | no      | 2      | -     | -        | waiting    | yes    | 30 5
second refused                    | no      | 2      | -     | 2        | failed     | yes    | 60 60
second said to have failed        | no      | 2      | 2     | -        | failed     | yes    | 20 5
first in review                   | no      | 1      | -     | -        | review     | no     | 60
first of two in review            | no      | 2      | 2     | -        | review     | no     | 60 60
second of two in review           | no      | 2      | -     | -        | review     | no     | 60 60
review given back                 | no      | 1      | -     | -        | money back | no     | -
confirmed                         | yes     | 1      | -     | -        | paid       | no     | on
confirmed by the second           | yes     | 2      | -     | -        | paid       | no     | on on
confirmed by the first            | yes     | 1      | -     | -        | paid       | no     | on on
confirmed with another amount     | yes     | 1      | -     | -        | paid       | no     | on
confirmed late                    | yes     | 1      | -     | -        | paid       | no     | on
confirmed late by the first       | yes     | 1      | -     | -        | paid       | no     | on on
confirmed, paid twice             | yes     | 2      | -     | -        | paid       | no     | on on
confirmed by the first, paid twice | yes     | 1      | -     | -        | paid       | no     | on on
confirmed, other in review        | yes     | 2      | -     | -        | paid       | no     | on on
confirmed, part goes back         | yes     | 1      | -     | -        | paid       | no     | on
confirmed, part is asked for      | yes     | 1      | -     | -        | paid       | no     | on
confirmed, part is on its way     | yes     | 1      | -     | -        | paid       | no     | on
confirmed, part needs a person    | yes     | 1      | -     | -        | paid       | no     | on
confirmed, part came back         | yes     | 1      | -     | -        | paid       | no     | on
confirmed, reversed               | yes     | 1      | -     | -        | paid       | no     | on
expired                           | no      | 1      | -     | -        | expired    | no     | -
expired with a second             | no      | 2      | -     | -        | expired    | no     | - -
expired, refused                  | no      | 1      | -     | 1        | expired    | no     | -
expired, first of two in review   | no      | 2      | -     | -        | review     | no     | 60 60
place gone                        | no      | 1      | -     | -        | money back | no     | -
place gone, by the first          | no      | 2      | -     | -        | money back | no     | - -
cancelled unpaid                  | no      | 1      | -     | -        | cancelled  | no     | -
cancelled with a second           | no      | 2      | -     | -        | cancelled  | no     | - -
cancelled in review               | no      | 1      | -     | -        | cancelled  | no     | -
cancelled, money came             | no      | 2      | -     | -        | money back | no     | - -
cancelled by the host             | yes     | 1      | -     | -        | money back | no     | -
cancelled, nothing back           | yes     | 1      | -     | -        | cancelled  | no     | -
cancelled, confirmed by the first | yes     | 1      | -     | -        | money back | no     | - -
"""


BOOK_AGAIN = ("expired", "money back", "cancelled")
"""Pages that offer to book again, at the shop's front door."""


def rows() -> list[tuple[str, ...]]:
    _, *lines = TABLE.strip("\n").splitlines()
    return [tuple(cell.strip() for cell in line.split("|")) for line in lines]


def stored(world: World, name: str) -> Booking:
    return world.store(replace(STATES[name], return_url=f"{SHOP}/thanks"))


def read(world: World, path: str, who: str, **query: str) -> dict[str, Any]:
    reply = world.call("GET", path, by=PEOPLE[who], query=query)
    assert reply.status == 200
    found: dict[str, Any] = reply.body
    return found


def attempts_with(shown: dict[str, Any], name: str) -> str:
    return " ".join(each["tx_ref"].rpartition("-")[2] for each in shown["payments"] if each.get(name)) or "-"


def page(world: World, tx_ref: str) -> tuple[str, str, str]:
    """What the page of a payment says, whether it offers to pay, and what it does by itself."""
    reply = world.call("GET", f"/pay/{tx_ref}")
    assert reply.status == 200
    assert not [word for word in PERSONAL if word in reply.text]
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", reply.text, re.DOTALL)
    assert heading
    state = next(name for name, title in TITLES.items() if title == html.unescape(heading[1]).strip())
    assert (f'href="{SHOP}/"' in reply.text) == (state in BOOK_AGAIN)
    assert ("/thanks" in reply.text) == (state == "paid")
    return state, "yes" if "<form" in reply.text else "no", goes_on(reply.text, tx_ref)


def goes_on(text: str, tx_ref: str) -> str:
    found = re.search(r'http-equiv="refresh" content="(\d+)(?:;\s*url=([^"]*))?"', text)
    if found is None or not found[2]:
        return found[1] if found else "-"
    onward = urlsplit(html.unescape(found[2]))
    assert f"{onward.scheme}://{onward.netloc}{onward.path}" == f"{SHOP}/thanks"
    assert parse_qs(onward.query) == {"booking_id": [tx_ref.partition("-")[0]], "tx_ref": [tx_ref]}
    return "on"


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_what_is_seen_of_a_booking(world: World, row: tuple[str, ...]) -> None:
    booking = stored(world, row[0])
    path = f"/v1/bookings/{booking.booking_id}"
    guest = read(world, path, "guest")
    assert guest["contact"] == CONTACT
    # Operators see the letters as well.
    operator = read(world, path, "operator")
    assert [each["entry_id"] for each in operator.pop("messages")] == [each.entry_id for each in booking.letters]
    assert operator == guest
    host = read(world, path, "host")
    assert [(each["tx_ref"], each["status"]) for each in guest["payments"]] == [
        (payment.tx_ref, payment.status) for payment in booking.payments
    ]
    assert [[(each["refund_id"], each["status"]) for each in payment["refunds"]] for payment in guest["payments"]] == [
        [(refund.refund_id, refund.status) for refund in payment.refunds] for payment in booking.payments
    ]
    assert host["contact"] in (None, CONTACT)
    # Host and guest are told of each other at the same moment.
    reached = {"host": {"email": booking.place.host_email, "phone": None}} if host["contact"] else {}
    assert host | {"contact": CONTACT} | reached == guest
    pages = [page(world, payment.tx_ref) for payment in booking.payments]
    # Every attempt's page says what the booking is.
    [state] = {state for state, _, _ in pages}
    [button] = {button for _, button, _ in pages}
    assert row[1:] == (
        "no" if host["contact"] is None else "yes",
        guest["payment"]["tx_ref"].rpartition("-")[2],
        attempts_with(guest, "checkout_url"),
        attempts_with(guest, "problem"),
        state,
        button,
        " ".join(again for _, _, again in pages),
    )


def test_the_table_has_every_state() -> None:
    assert [row[0] for row in rows()] == list(STATES)


LISTED = (
    "second created",
    "first of two in review",
    "confirmed by the first",
    "confirmed with another amount",
    "confirmed, paid twice",
    "confirmed by the first, paid twice",
    "confirmed, part goes back",
    "expired, first of two in review",
    "place gone, by the first",
    "cancelled unpaid",
    "cancelled, confirmed by the first",
)


@pytest.mark.parametrize("name", LISTED)
def test_lists_show_what_a_read_shows(world: World, name: str) -> None:
    booking = stored(world, name)
    day = {"from": "2027-01-02", "to": "2027-01-02"}
    lists: dict[str, tuple[str, dict[str, str]]] = {
        "guest": ("/v1/bookings", {}),
        "host": ("/v1/hosts/me/bookings", {}),
        "operator": ("/v1/ops/bookings", day),
    }
    payments = []
    for who, (path, query) in lists.items():
        shown = read(world, f"/v1/bookings/{booking.booking_id}", who)
        payments = shown.pop("payments")
        shown.pop("host", None)
        shown.pop("messages", None)
        assert read(world, path, who, **query)["items"] == [shown], who
        for payment in payments:
            assert read(world, f"/v1/payments/{payment['tx_ref']}", who) == payment, who
    assert read(world, "/v1/ops/payments", "operator", **day)["items"] == payments
    assert read(world, "/v1/payments", "guest")["items"] == payments[::-1]


@pytest.mark.parametrize("who", list(PEOPLE))
@pytest.mark.parametrize("name", ["pending", *LISTED])
def test_cancelling_shows_what_a_read_shows_and_every_refund(world: World, name: str, who: str) -> None:
    booking = stored(world, name)
    path = f"/v1/bookings/{booking.booking_id}"
    promised = read(world, path, who)["cancellation"]["back_if_cancelled_now"]
    before = [each["refund_id"] for payment in read(world, path, who)["payments"] for each in payment["refunds"]]
    cancelled = world.call("POST", f"{path}/cancel", {}, by=PEOPLE[who])
    assert cancelled.status == 200
    shown = read(world, path, who)
    shown.pop("host", None)
    shown.pop("messages", None)
    refunds = [refund for payment in shown.pop("payments") for refund in payment["refunds"]]
    assert cancelled.body == shown | {"refunds": refunds}
    given = [refund["amount"] for refund in refunds if refund["refund_id"] not in before]
    assert who != "guest" or given == ([promised] if promised["amount"] else [])


def twelve_attempts() -> Booking:
    """Return a booking confirmed by its twelfth payment, with money back of that one, and of the first, paid twice."""
    booking = HELD
    for minute in range(1, 12):
        booking = opened(another_attempt(booking, now=after(minute)))
    booking = with_refund(by_first(paid(booking)), HALF)
    last = booking.payments[-1]
    return owe_refund(booking, last.tx_ref, amount=HALF, reason="kind", actor=Actor("operator"), now=booking.updated_at)


@pytest.mark.parametrize("attempt", [1, 2, 11, 12])
def test_a_trail_is_that_of_its_own_attempt(world: World, attempt: int) -> None:
    booking = world.store(twelve_attempts())
    own = f"{booking.booking_id}-{attempt}"
    path = f"/v1/payments/{own}/events"
    told = read(world, path, "operator", limit="100")["items"]
    subjects = [own, *(f"{own}-R{n}" for n in (1, 2))]
    meant = [event for event in booking.history if event.subject in ("", *subjects)]
    assert [(each["kind"], each["detail"]) for each in told] == [(event.kind, event.detail) for event in meant]
    assert [(each["from"], each["to"]) for each in told] == [
        (event.before, event.after) if event.subject == own else (None, None) for event in meant
    ]
    assert {each.pop("by", "") for each in told} > {""}
    seen = read(world, path, "guest", limit="100")["items"]
    assert seen == [each | ({"detail": ""} if each["cause"] == "operator" else {}) for each in told]
    assert any(each["detail"] and each["cause"] == "operator" for each in told) == (attempt == 12)
    assert world.call("GET", path, by=PEOPLE["host"]).code == "payment_not_found"
