"""What Guzo promises, as stories that anybody can watch: each drives a running stack and checks every step.

`STORIES` names them. A story takes a `World` and a `Tell` and raises `Differed` at the first thing that is not
as promised. It brings its own people and places, so stories run in any order, on any stack with a local clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol
from urllib.parse import quote

from local.world import Json, Person, World, check


class Tell(Protocol):
    """Whoever listens to a story."""

    def did(self, text: str) -> None:
        """Something that was done."""

    def saw(self, text: str) -> None:
        """What followed."""

    def why(self, text: str) -> None:
        """The reason, for a reader."""


def paid(world: World, tell: Tell) -> None:
    """A host publishes, a guest books three nights and pays; webhook, page and e-mails follow."""
    host, guest = world.sign_in("selam", "host"), world.sign_in("hanna")
    tell.did("Selam signs in as a host and publishes a lake house: 2 units, ETB 2,450.00 a night")
    listing = world.publish(host)
    tell.saw(f"listing {listing['listing_id']} is {listing['status']}")

    tell.did("Hanna looks for three nights in that city")
    found = _search(world, listing)
    check("search shows the listing with the price of the stay", found["quote"]["total"]["amount"], 735000)
    tell.saw(f"{found['title']}, {found['quote']['nights']} nights for {found['quote']['total']['formatted']}")

    tell.did("She books it")
    booking = world.book(guest, listing, expected_total=735000)
    payment = booking["payment"]
    check("a new booking waits for its payment", booking["status"], "pending_payment")
    check("its payment has a link", bool(payment["checkout_url"]), True)
    check("its nights are held", world.nights_left(booking), {1})
    tell.saw(f"booking {booking['booking_id']} holds the nights until {booking['hold_expires_at']}")
    tell.saw(f"the link to pay: {payment['checkout_url']}")
    tell.why("the nights are taken before anybody pays, in one transaction, so that no night is sold twice")

    tell.did("She pays with a test number on the gateway's page")
    back = world.pay_on_page(payment["checkout_url"])
    tell.saw(f"the gateway sends her browser back to {back}")
    world.until("the callback and the webhook are delivered", lambda: _delivered(world, payment["tx_ref"]))
    for entry in world.gateway_log(payment["tx_ref"]):
        if entry["kind"] in ("callback", "webhook"):
            tell.saw(f"{entry['kind']} → {entry['path'].removeprefix(world.api)} answered {entry['status']}")
            check(f"the {entry['kind']} is answered", entry["status"], 200)
    done = world.becomes(guest, booking["booking_id"], "confirmed")
    check("the payment is completed", done["payment"]["status"], "completed")
    tell.saw(f"booking {done['status']}, payment {done['payment']['status']} ({done['payment']['provider_reference']})")
    tell.why("neither message is believed: each makes Guzo ask the gateway itself, and only its answer counts")

    page = world.page(back)
    check("her page knows the booking", booking["booking_id"] in page, True)
    check("her page shows nothing about her", guest.email in page or "Tesfaye" in page, False)
    tell.saw("her page says so too, without a name or an address on it")

    world.idle()
    letters = world.letters(booking["booking_id"])
    check(
        "one e-mail each, to guest and host",
        sorted(each["to"] for each in letters),
        sorted([guest.email, host.email]),
    )
    _show(tell, letters)
    files = [file["name"] for each in letters if each["to"] == guest.email for file in each["attachments"]]
    check("the guest's e-mail brings a calendar file", any(name.endswith(".ics") for name in files), True)


def forged(world: World, tell: Tell) -> None:
    """Webhooks that the gateway did not sign are refused, and change nothing."""
    guest, booking = _booked(world)
    tx_ref = booking["payment"]["tx_ref"]
    before = world.booking(guest, booking["booking_id"])
    tell.did(f"Somebody who knows the reference {tx_ref} claims that it was paid")
    for signature, what in (
        ("none", "without a signature"),
        ("wrong", "signed with another key"),
        ("constant", "with Chapa-Signature alone, which is the same for every message"),
        ("constant_as_x", "with that constant where the real signature belongs"),
        ("tampered", "signed, and changed afterwards"),
    ):
        check(f"a webhook {what} is refused", world.webhook(tx_ref, signature=signature), [401])
        tell.saw(f"{what}: 401")
    world.idle()
    check("nothing has changed", world.booking(guest, booking["booking_id"]), before)
    check("the gateway was not even asked", world.gateway_log(tx_ref, call="verify"), [])
    tell.saw("the booking is as it was; nothing was read or written before the check")
    tell.did("The gateway itself says so, well signed, but nobody has paid")
    check("a signed webhook is taken", world.webhook(tx_ref), [200])
    world.idle()
    check("it is still not paid", world.booking(guest, booking["booking_id"])["status"], "pending_payment")
    tell.saw("answered 200, and the booking still waits: the gateway was asked, and knows of no money")


def duplicate(world: World, tell: Tell) -> None:
    """The same webhook three times at once: one confirmation, one e-mail each."""
    guest, booking = _booked(world)
    tx_ref = booking["payment"]["tx_ref"]
    tell.did("The guest pays; the gateway sends its webhook three times at once, and later three times more")
    with world.switched(webhook="triple"):
        world.pay_on_page(booking["payment"]["checkout_url"])
        world.until("three webhooks are delivered", lambda: len(_done(world, tx_ref, "webhook")) == 3)
    check("three more are taken", world.webhook(tx_ref, times=3), [200, 200, 200])
    check("all are answered 200", {entry["status"] for entry in _done(world, tx_ref, "webhook")}, {200})
    done = world.becomes(guest, booking["booking_id"], "confirmed")
    world.idle()
    events = world.call("GET", f"/v1/payments/{tx_ref}/events", expect=200, by=guest)["items"]
    completed = [event for event in events if event["to"] == "completed"]
    check("the payment was completed once", len(completed), 1)
    check("nothing is paid back", done["payment"]["refunds"], [])
    check("one e-mail to guest and host each", len(world.letters(booking["booking_id"])), 2)
    tell.saw("six webhooks, all answered 200; one confirmation, two e-mails (guest and host)")
    tell.why("every change is saved under the version that was read: whoever comes second finds it done")


def lost(world: World, tell: Tell) -> None:
    """Neither webhook nor callback ever comes: the guest's page, a verify call or the clock settle it."""

    def return_page(tx_ref: str, _: Person) -> None:
        world.advance(seconds=10)
        world.page(f"{world.api}/pay/{tx_ref}")

    def verify_call(tx_ref: str, guest: Person) -> None:
        world.call("POST", f"/v1/payments/{tx_ref}/verify", expect=200, by=guest)

    def clock(_: str, __: Person) -> None:
        world.advance(minutes=3)

    for door, through in (
        ("the guest comes back to her page", return_page),
        ("the frontend calls verify", verify_call),
        ("she closes her browser; three minutes later the clock looks", clock),
    ):
        guest, booking = _booked(world)
        tell.did(f"A guest pays, no message comes, and {door}")
        with world.switched(webhook="never", callback="never"):
            world.pay_on_page(booking["payment"]["checkout_url"])
            world.idle()
            status = world.booking(guest, booking["booking_id"])["status"]
            check("without a word the booking still waits", status, "pending_payment")
            through(booking["payment"]["tx_ref"], guest)
        world.becomes(guest, booking["booking_id"], "confirmed")
        world.idle()
        check("both e-mails are sent", len(world.letters(booking["booking_id"])), 2)
        tell.saw(f"booking {booking['booking_id']} confirmed, e-mails sent")
    tell.why("webhook, callback, page, verify and clock are five doors into one room; any one is enough")


def expired(world: World, tell: Tell) -> None:
    """Nobody pays: the hold ends, the nights are free again, the guest is told."""
    guest, booking = _booked(world)
    check("the nights are held", world.nights_left(booking), {0})
    tell.did("A guest books the only unit, does not pay, and half an hour passes (POST /clock)")
    world.advance(minutes=31)
    done = world.becomes(guest, booking["booking_id"], "expired")
    check("the nights are free again", world.nights_left(booking), {1})
    cancelled = world.gateway_log(booking["payment"]["tx_ref"], call="cancel")
    check("the link was closed at the gateway", [entry["status"] for entry in cancelled], [200])
    tell.saw(f"booking {done['status']}; the gateway was asked a last time, and its link closed; 1 unit left")
    world.idle()
    letters = world.letters(booking["booking_id"])
    check("the guest is told, and nobody else", [each["to"] for each in letters], [guest.email])
    _show(tell, letters)


def late_and_free(world: World, tell: Tell) -> None:
    """Money comes after the hold ended, and the place is still free: the guest gets it."""
    guest, booking = _booked(world)
    tell.did("A guest approves the payment on her phone, but the money moves only when the hold is over")
    world.advance(minutes=31)
    world.becomes(guest, booking["booking_id"], "expired")
    _pay_late(world, booking)
    done = world.becomes(guest, booking["booking_id"], "confirmed")
    check("nothing is paid back", done["payment"]["refunds"], [])
    check("the nights are taken again", world.nights_left(booking), {0})
    tell.saw(f"booking expired → {done['status']}, late; the nights are hers again")
    world.idle()
    _show(tell, world.letters(booking["booking_id"]))


def late_and_gone(world: World, tell: Tell) -> None:
    """Money comes after the hold ended, and the place is somebody else's: it goes back."""
    guest, booking = _booked(world)
    tell.did("A guest's hold ends unpaid, and Dawit books and pays the only unit")
    world.advance(minutes=31)
    world.becomes(guest, booking["booking_id"], "expired")
    dawit = world.sign_in("dawit")
    other = world.book(dawit, {"listing_id": booking["listing_id"]})
    world.pay_on_page(other["payment"]["checkout_url"])
    world.becomes(dawit, other["booking_id"], "confirmed")
    tell.saw(f"booking {other['booking_id']} is confirmed")
    tell.did("Now the first guest's money arrives after all")
    with world.switched(refund="simulated"):
        _pay_late(world, booking)
        tx_ref = booking["payment"]["tx_ref"]

        def refunds() -> list[Json]:
            return list(world.booking(guest, booking["booking_id"])["payment"]["refunds"])

        def under_way() -> Json | None:
            return next((refund for refund in refunds() if refund["status"] == "processing"), None)

        back = dict(world.until("a refund is under way", under_way))
        check("all of it goes back", back["amount"]["amount"], booking["total"]["amount"])
        events = world.call("GET", f"/v1/payments/{tx_ref}/events", expect=200, by=guest)["items"]
        steps = [event["kind"] for event in events if event["kind"].startswith("refund_")]
        check("it was owed before it was asked for", steps, ["refund_owed", "refund_requested", "refund_processing"])
        done = world.booking(guest, booking["booking_id"])
        check("the money is accounted for", done["payment"]["status"], "completed")
        check("the booking stays as it is", done["status"], "expired")
        check("no night is sold twice", world.nights_left(booking), {0})
        tell.saw(f"payment {done['payment']['status']}, and {back['amount']['formatted']} owed: {back['refund_id']}")
        tell.saw(f"then the gateway was asked for the refund, and took it: {back['status']}")
        tell.why("she paid, so the money is hers: a confirmed booking, a refund, or a person who looks at it")
        world.advance(minutes=2)
        check("the gateway was asked once", len(world.gateway_log(tx_ref, call="refund")), 1)
        tell.saw(f"two minutes later it is {refunds()[0]['status']} still, and was asked for once, not again")
        world.advance(days=2)
        check("the money is back", refunds()[0]["status"], "refunded")
        tell.saw("two days later the gateway says that it is done: refunded")
    world.idle()
    letters = world.letters(booking["booking_id"])
    check("only the guest is written to", {each["to"] for each in letters}, {guest.email})
    _show(tell, letters)


def timeout(world: World, tell: Tell) -> None:
    """The gateway does not answer when the payment is opened: the booking is kept, and paid in the end."""
    host, guest = world.sign_in("selam", "host"), world.sign_in("hanna")
    listing = world.publish(host, units=1)
    tell.did("A guest books while the gateway takes the call, and its answer is lost")
    tell.why("waiting 12 s for the gateway: so long, and no longer, Guzo listens for an answer")
    with world.switched(initialize="timeout_after_storing"):
        booking = world.book(guest, listing)
    check("the booking is kept", booking["status"], "pending_payment")
    check("there is no link yet", booking["payment"]["checkout_url"], None)
    check("the payment's fate is not known", booking["payment"]["status"], "created")
    check("it says why", booking["payment"]["problem"]["code"], "gateway_timeout")
    check("the nights are held", world.nights_left(booking), {0})
    tell.saw("201 all the same: nights held, no link, payment.problem.code is gateway_timeout")
    tell.why("unknown is not failed: the gateway may or may not know this reference")
    tell.did("The frontend asks for a link again")
    world.advance(seconds=30)
    path = f"/v1/bookings/{booking['booking_id']}/payments"
    payment = world.call("POST", path, expect=201, by=guest, body={})
    if not payment["checkout_url"]:
        check("there is a link now", payment, "a payment with a checkout_url")
    check("the lost reference is not used again", payment["tx_ref"] != booking["payment"]["tx_ref"], True)
    tell.saw(f"{booking['payment']['tx_ref']} was used at the gateway, so {payment['tx_ref']} takes its place")
    world.pay_on_page(payment["checkout_url"])
    world.becomes(guest, booking["booking_id"], "confirmed")
    world.idle()
    tell.saw("paid and confirmed")


STORIES: dict[str, Callable[[World, Tell], None]] = {
    "paid": paid,
    "forged": forged,
    "duplicate": duplicate,
    "lost": lost,
    "expired": expired,
    "late-and-free": late_and_free,
    "late-and-gone": late_and_gone,
    "timeout": timeout,
}


def _booked(world: World) -> tuple[Person, Json]:
    """A guest, and a booking of the only unit of a fresh listing."""
    host, guest = world.sign_in("selam", "host"), world.sign_in("hanna")
    return guest, world.book(guest, world.publish(host, units=1))


def _search(world: World, listing: Json) -> Json:
    """The listing as a search in its city shows it; an index may lag behind a write."""
    check_in = world.today() + timedelta(days=30)
    stay = f"check_in={check_in}&check_out={check_in + timedelta(days=3)}&guests=2"

    def look() -> Json | None:
        path = f"/v1/listings?city={quote(listing['city'])}&{stay}"
        items = world.call("GET", path, expect=200)["items"]
        return next((item for item in items if item["listing_id"] == listing["listing_id"]), None)

    return dict(world.until("the listing is found in its city", look))


def _pay_late(world: World, booking: Json) -> None:
    world.at_local("POST", "/chapa/_pay", {"tx_ref": booking["payment"]["tx_ref"]})
    world.idle()


def _done(world: World, tx_ref: str, kind: str) -> list[Json]:
    """What the sandbox sent, and got an answer to."""
    return [entry for entry in world.gateway_log(tx_ref, kind=kind) if entry["status"] is not None]


def _delivered(world: World, tx_ref: str) -> bool:
    return bool(_done(world, tx_ref, "callback") and _done(world, tx_ref, "webhook"))


def _show(tell: Tell, letters: list[Json]) -> None:
    for letter in letters:
        files = "".join(f" + {file['name']}" for file in letter["attachments"])
        tell.saw(f"e-mail to {letter['to']}: {letter['subject']!r}{files}")
