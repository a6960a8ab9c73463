"""What Guzo promises, as stories that anybody can watch: each drives a running stack and checks every step.

`STORIES` names them; `stories_of` those that can be told of a gateway. A story takes a `World` and a `Tell` and raises
`Differed` at the first thing that is not as promised. It brings its own people and places, so stories run in any
order, on any stack with a local clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

from local.scenarios.story_gateways import StoryGateway
from local.scenarios.story_money import by_hand, in_parts, late_and_free, late_and_gone
from local.scenarios.storytelling import Tell, booked, done, show
from local.stack.world import Json, Person, World, check


def paid(world: World, tell: Tell) -> None:
    """A host publishes, a guest books three nights and pays; webhook, page and e-mails follow."""
    host, guest = world.sign_in("selam", "host"), world.sign_in("hanna")
    gateway = world.gateway
    listing = world.publish(host)
    price = listing["nightly_price"]["formatted"]
    tell.did(f"Selam signs in as a host and publishes a lake house: 2 units, {price} a night")
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
    check("the currency decides who takes the money", payment["gateway"], gateway.gateway)
    tell.saw(f"the link to pay: {payment['checkout_url']}")
    tell.why("the nights are taken before anybody pays, in one transaction, so that no night is sold twice")

    tell.did("She pays with a test number on the gateway's page")
    back = world.pay_on_page(payment["checkout_url"])
    tell.saw(f"the gateway sends her browser back to {back}")
    if not gateway.server_calls_back:
        back = world.sent_on(back)
        check("her browser is sent on to her page", back, f"{world.api}/pay/{payment['tx_ref']}")
        tell.saw(f"303: on to {back}")
    kinds = ("callback", "webhook") if gateway.server_calls_back else ("webhook",)
    world.until(
        f"delivered: {' and '.join(kinds)}", lambda: all(done(world, payment["tx_ref"], kind) for kind in kinds)
    )
    for entry in world.gateway_log(payment["tx_ref"]):
        if entry["kind"] in kinds:
            tell.saw(f"{entry['kind']} → {entry['path'].removeprefix(world.api)} answered {entry['status']}")
            check(f"the {entry['kind']} is answered", entry["status"], 200)
    after = world.becomes(guest, booking["booking_id"], "confirmed")
    payment = after["payment"]
    check("the payment is completed", payment["status"], "completed")
    tell.saw(f"booking {after['status']}, payment {payment['status']} ({payment['provider_reference']})")
    tell.why("no message is believed: each makes Guzo ask the gateway itself, and only its answer counts")

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
    show(tell, letters)
    files = [file["name"] for each in letters if each["to"] == guest.email for file in each["attachments"]]
    check("the guest's e-mail brings a calendar file", any(name.endswith(".ics") for name in files), True)


def forged(world: World, tell: Tell) -> None:
    """Webhooks that the gateway did not sign are refused, and change nothing."""
    guest, booking = booked(world)
    tx_ref = booking["payment"]["tx_ref"]
    before = world.booking(guest, booking["booking_id"])
    tell.did(f"Somebody who knows the reference {tx_ref} claims that it was paid")
    for signature, what in world.gateway.forgeries.items():
        check(f"a webhook is refused ({what})", world.webhook(tx_ref, signature=signature), [401])
        tell.saw(f"{what}: 401")
    world.idle()
    check("nothing has changed", world.booking(guest, booking["booking_id"]), before)
    check("the gateway was not even asked", world.verifies(tx_ref), [])
    tell.saw("the booking is as it was; nothing was read or written before the check")
    tell.did("The gateway itself says so, well signed, but nobody has paid")
    check("a signed webhook is taken", world.webhook(tx_ref), [200])
    world.idle()
    check("it is still not paid", world.booking(guest, booking["booking_id"])["status"], "pending_payment")
    tell.saw("answered 200, and the booking still waits: the gateway was asked, and knows of no money")


def duplicate(world: World, tell: Tell) -> None:
    """The same webhook three times at once: one confirmation, one e-mail each."""
    guest, booking = booked(world)
    tx_ref = booking["payment"]["tx_ref"]
    tell.did("The guest pays; the gateway sends its webhook three times at once, and later three times more")
    with world.switched(webhook="triple"):
        world.pay_on_page(booking["payment"]["checkout_url"])
        world.until("three webhooks are delivered", lambda: len(done(world, tx_ref, "webhook")) == 3)
    check("three more are taken", world.webhook(tx_ref, times=3), [200, 200, 200])
    check("all are answered 200", {entry["status"] for entry in done(world, tx_ref, "webhook")}, {200})
    after = world.becomes(guest, booking["booking_id"], "confirmed")
    world.idle()
    events = world.call("GET", f"/v1/payments/{tx_ref}/events", expect=200, by=guest)["items"]
    completed = [event for event in events if event["to"] == "completed"]
    check("the payment was completed once", len(completed), 1)
    check("nothing is paid back", after["payment"]["refunds"], [])
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
        guest, booking = booked(world)
        tell.did(f"A guest pays, no message comes, and {door}")
        with world.switched(**world.gateway.silent):
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


def second_try(world: World, tell: Tell) -> None:
    """A guest walks away, then has a card refused: neither is the end, and the same link still pays."""
    guest, booking = booked(world)
    payment = booking["payment"]
    tx_ref = payment["tx_ref"]
    method, account = world.gateway.declines
    for what, form in (
        ("walks away from the gateway's page", {"do": "cancel"}),
        ("comes back, and the gateway declines the number", {"do": "pay", "method": method, "account": account}),
    ):
        tell.did(f"A guest {what}")
        world.press(payment["checkout_url"], **form)
        world.idle()
        world.advance(seconds=10)
        path = f"/v1/payments/{tx_ref}/verify"
        asked = world.call("POST", path, expect=200, by=guest)
        check("the payment is open still", asked["status"], "pending")
        said = world.verifies(tx_ref)[-1]["answer"]["data"]["status"]
        status = world.booking(guest, booking["booking_id"])["status"]
        check("the booking waits still", status, "pending_payment")
        tell.saw(f"the gateway says {said!r}; the payment is {asked['status']} still, and the nights are held")
    if not world.gateway.announces_failures:
        check("no webhook told of either", done(world, tx_ref, "webhook"), [])
        tell.why("this gateway announces nothing but success: what failed is found by asking")
    tell.did("She pays on the same link")
    world.pay_on_page(payment["checkout_url"])
    after = world.becomes(guest, booking["booking_id"], "confirmed")
    check("with the same payment", [each["tx_ref"] for each in after["payments"]], [tx_ref])
    world.idle()
    check("no e-mail said that it failed", len(world.letters(booking["booking_id"])), 2)
    tell.saw(f"booking {after['status']}, with {tx_ref}")


def expired(world: World, tell: Tell) -> None:
    """Nobody pays: the hold ends, the nights are free again, the guest is told."""
    guest, booking = booked(world)
    check("the nights are held", world.nights_left(booking), {0})
    tell.did("A guest books the only unit, does not pay, and half an hour passes (POST /clock)")
    world.advance(minutes=31)
    after = world.becomes(guest, booking["booking_id"], "expired")
    check("the nights are free again", world.nights_left(booking), {1})
    tx_ref = booking["payment"]["tx_ref"]
    check("the gateway was asked before", bool(world.verifies(tx_ref)), True)
    tell.saw(f"booking {after['status']}; the gateway was asked a last time; 1 unit left")
    if world.gateway.closes_links:
        cancelled = world.gateway_log(tx_ref, call="cancel")
        check("the link was closed at the gateway", [entry["status"] for entry in cancelled], [200])
        tell.saw("its link is closed, so that nobody pays on it")
    else:
        tell.saw("this gateway closes no link, so the payment is watched for three days: what comes late goes back")
    world.idle()
    letters = world.letters(booking["booking_id"])
    check("the guest is told, and nobody else", [each["to"] for each in letters], [guest.email])
    show(tell, letters)


def timeout(world: World, tell: Tell) -> None:
    """The gateway does not answer when the payment is opened: the booking is kept, and paid in the end."""
    host, guest = world.sign_in("selam", "host"), world.sign_in("hanna")
    listing = world.publish(host, units=1)
    tell.did("A guest books while the gateway takes the call, and its answer is lost")
    tell.why("waiting 12 s for the gateway: so long, and no longer, Guzo listens for an answer")
    with world.switched(**{f"{world.gateway.calls}initialize": "timeout_after_storing"}):
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
    lost = booking["payment"]["tx_ref"]
    same = payment["tx_ref"] == lost
    check(
        "a lost reference is used again only where it has its link still", same, world.gateway.gives_a_lost_link_again
    )
    if same:
        tell.saw(f"the same request under the same Idempotency-Key: the gateway gives the link of {lost} again")
    else:
        tell.saw(f"{lost} was used at the gateway, so {payment['tx_ref']} takes its place")
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
    "second-try": second_try,
    "in-parts": in_parts,
    "by-hand": by_hand,
}


def stories_of(gateway: StoryGateway) -> list[str]:
    """The stories that can be told of this gateway: they differ in how money goes back."""
    untold = {"late-and-gone", "in-parts"} if gateway.refunds is None else {"by-hand"}
    return [name for name in STORIES if name not in untold]


def _search(world: World, listing: Json) -> Json:
    """The listing as a search in its city shows it; an index may lag behind a write."""
    check_in = world.today() + timedelta(days=30)
    stay = f"check_in={check_in}&check_out={check_in + timedelta(days=3)}&guests=2"

    def look() -> Json | None:
        path = f"/v1/listings?city={quote(listing['city'])}&{stay}"
        items = world.call("GET", path, expect=200)["items"]
        return next((item for item in items if item["listing_id"] == listing["listing_id"]), None)

    return dict(world.until("the listing is found in its city", look))
