"""Scenarios of a payment: paid, forged, repeated, lost, failed, unpaid, and a gateway that does not answer."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from local.scenarios.client import Json, Person, ScenarioClient, check
from local.scenarios.narration import Narrator, answered_deliveries, book_only_unit, show_emails


def paid(client: ScenarioClient, narrator: Narrator) -> None:
    """A host publishes, a guest books three nights and pays; webhook, page and e-mails follow."""
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    gateway = client.gateway
    listing = client.publish(host)
    price = listing["nightly_price"]["formatted"]
    narrator.step(f"Selam signs in as a host and publishes a lake house: 2 units, {price} a night")
    narrator.result(f"listing {listing['listing_id']} is {listing['status']}")

    narrator.step("Hanna looks for three nights in that city")
    found = _search(client, listing)
    check("search shows the listing with the price of the stay", found["quote"]["total"]["amount"], 735000)
    narrator.result(f"{found['title']}, {found['quote']['nights']} nights for {found['quote']['total']['formatted']}")

    narrator.step("She books it")
    booking = client.book(guest, listing, expected_total=735000)
    payment = booking["payment"]
    check("a new booking waits for its payment", booking["status"], "pending_payment")
    check("its payment has a link", bool(payment["checkout_url"]), True)
    check("its nights are held", client.nights_left(booking), {1})
    narrator.result(f"booking {booking['booking_id']} holds the nights until {booking['hold_expires_at']}")
    check("the currency decides who takes the money", payment["gateway"], gateway.gateway)
    narrator.result(f"the link to pay: {payment['checkout_url']}")
    narrator.reason("the nights are taken before anybody pays, in one transaction, so that no night is sold twice")

    narrator.step("She pays with a test number on the gateway's page")
    back = client.pay_on_page(payment["checkout_url"])
    narrator.result(f"the gateway sends her browser back to {back}")
    if not gateway.server_calls_back:
        back = client.follow_redirect(back)
        check("her browser is sent on to her page", back, f"{client.api}/pay/{payment['tx_ref']}")
        narrator.result(f"303: on to {back}")
    kinds = ("callback", "webhook") if gateway.server_calls_back else ("webhook",)
    client.wait_until(
        f"delivered: {' and '.join(kinds)}",
        lambda: all(answered_deliveries(client, payment["tx_ref"], kind) for kind in kinds),
    )
    for entry in client.gateway_log(payment["tx_ref"]):
        if entry["kind"] in kinds:
            narrator.result(f"{entry['kind']} → {entry['path'].removeprefix(client.api)} answered {entry['status']}")
            check(f"the {entry['kind']} is answered", entry["status"], 200)
    after = client.wait_for_status(guest, booking["booking_id"], "confirmed")
    payment = after["payment"]
    check("the payment is completed", payment["status"], "completed")
    narrator.result(f"booking {after['status']}, payment {payment['status']} ({payment['provider_reference']})")
    narrator.reason("no message is believed: each makes Guzo ask the gateway itself, and only its answer counts")

    page = client.page(back)
    check("her page knows the booking", booking["booking_id"] in page, True)
    check("her page shows nothing about her", guest.email in page or "Tesfaye" in page, False)
    narrator.result("her page says so too, without a name or an address on it")

    client.wait_until_idle()
    letters = client.emails_about(booking["booking_id"])
    check(
        "one e-mail each, to guest and host",
        sorted(each["to"] for each in letters),
        sorted([guest.email, host.email]),
    )
    show_emails(narrator, letters)
    files = [file["name"] for each in letters if each["to"] == guest.email for file in each["attachments"]]
    check("the guest's e-mail brings a calendar file", any(name.endswith(".ics") for name in files), True)


def forged(client: ScenarioClient, narrator: Narrator) -> None:
    """Webhooks that the gateway did not sign are refused, and change nothing."""
    guest, booking = book_only_unit(client)
    tx_ref = booking["payment"]["tx_ref"]
    before = client.booking(guest, booking["booking_id"])
    narrator.step(f"Somebody who knows the reference {tx_ref} claims that it was paid")
    for signature, what in client.gateway.forged_signatures.items():
        check(f"a webhook is refused ({what})", client.send_webhooks(tx_ref, signature=signature), [401])
        narrator.result(f"{what}: 401")
    client.wait_until_idle()
    check("nothing has changed", client.booking(guest, booking["booking_id"]), before)
    check("the gateway was not even asked", client.verify_calls(tx_ref), [])
    narrator.result("the booking is as it was; nothing was read or written before the check")
    narrator.step("The gateway itself says so, well signed, but nobody has paid")
    check("a signed webhook is taken", client.send_webhooks(tx_ref), [200])
    client.wait_until_idle()
    check("it is still not paid", client.booking(guest, booking["booking_id"])["status"], "pending_payment")
    narrator.result("answered 200, and the booking still waits: the gateway was asked, and knows of no money")


def duplicate(client: ScenarioClient, narrator: Narrator) -> None:
    """The same webhook three times at once: one confirmation, one e-mail each."""
    guest, booking = book_only_unit(client)
    tx_ref = booking["payment"]["tx_ref"]
    narrator.step("The guest pays; the gateway sends its webhook three times at once, and later three times more")
    with client.switches(webhook="triple"):
        client.pay_on_page(booking["payment"]["checkout_url"])
        client.wait_until(
            "three webhooks are delivered", lambda: len(answered_deliveries(client, tx_ref, "webhook")) == 3
        )
    check("three more are taken", client.send_webhooks(tx_ref, times=3), [200, 200, 200])
    check("all are answered 200", {entry["status"] for entry in answered_deliveries(client, tx_ref, "webhook")}, {200})
    after = client.wait_for_status(guest, booking["booking_id"], "confirmed")
    client.wait_until_idle()
    events = client.call("GET", f"/v1/payments/{tx_ref}/events", expect=200, by=guest)["items"]
    completed = [event for event in events if event["to"] == "completed"]
    check("the payment was completed once", len(completed), 1)
    check("nothing is paid back", after["payment"]["refunds"], [])
    check("one e-mail to guest and host each", len(client.emails_about(booking["booking_id"])), 2)
    narrator.result("six webhooks, all answered 200; one confirmation, two e-mails (guest and host)")
    narrator.reason("every change is saved under the version that was read: whoever comes second finds it done")


def lost(client: ScenarioClient, narrator: Narrator) -> None:
    """Neither webhook nor callback ever comes: the guest's page, a verify call or the clock confirms the booking."""

    def return_page(tx_ref: str, _: Person) -> None:
        client.advance(seconds=10)
        client.page(f"{client.api}/pay/{tx_ref}")

    def verify_call(tx_ref: str, guest: Person) -> None:
        client.call("POST", f"/v1/payments/{tx_ref}/verify", expect=200, by=guest)

    def clock(_: str, __: Person) -> None:
        client.advance(minutes=3)

    for door, through in (
        ("the guest comes back to her page", return_page),
        ("the frontend calls verify", verify_call),
        ("she closes her browser; three minutes later the clock looks", clock),
    ):
        guest, booking = book_only_unit(client)
        narrator.step(f"A guest pays, no message comes, and {door}")
        with client.switches(**client.gateway.silent):
            client.pay_on_page(booking["payment"]["checkout_url"])
            client.wait_until_idle()
            status = client.booking(guest, booking["booking_id"])["status"]
            check("without a word the booking still waits", status, "pending_payment")
            through(booking["payment"]["tx_ref"], guest)
        client.wait_for_status(guest, booking["booking_id"], "confirmed")
        client.wait_until_idle()
        check("both e-mails are sent", len(client.emails_about(booking["booking_id"])), 2)
        narrator.result(f"booking {booking['booking_id']} confirmed, e-mails sent")
    narrator.reason("webhook, callback, page, verify and clock are five doors into one room; any one is enough")


def second_try(client: ScenarioClient, narrator: Narrator) -> None:
    """A guest leaves the checkout page, then has a card refused: the same link can still be paid on."""
    guest, booking = book_only_unit(client)
    payment = booking["payment"]
    tx_ref = payment["tx_ref"]
    method, account = client.gateway.declines
    for what, form in (
        ("walks away from the gateway's page", {"do": "cancel"}),
        ("comes back, and the gateway declines the number", {"do": "pay", "method": method, "account": account}),
    ):
        narrator.step(f"A guest {what}")
        client.press_button(payment["checkout_url"], **form)
        client.wait_until_idle()
        client.advance(seconds=10)
        path = f"/v1/payments/{tx_ref}/verify"
        asked = client.call("POST", path, expect=200, by=guest)
        check("the payment is open still", asked["status"], "pending")
        status_at_gateway = client.verify_calls(tx_ref)[-1]["answer"]["data"]["status"]
        status = client.booking(guest, booking["booking_id"])["status"]
        check("the booking waits still", status, "pending_payment")
        narrator.result(
            f"the gateway says {status_at_gateway!r}; the payment is {asked['status']} still, and the nights are held"
        )
    if not client.gateway.announces_failures:
        check("no webhook was sent for either", answered_deliveries(client, tx_ref, "webhook"), [])
        narrator.reason("this gateway announces nothing but success: what failed is found by asking")
    narrator.step("She pays on the same link")
    client.pay_on_page(payment["checkout_url"])
    after = client.wait_for_status(guest, booking["booking_id"], "confirmed")
    check("with the same payment", [each["tx_ref"] for each in after["payments"]], [tx_ref])
    client.wait_until_idle()
    check("no e-mail said that it failed", len(client.emails_about(booking["booking_id"])), 2)
    narrator.result(f"booking {after['status']}, with {tx_ref}")


def expired(client: ScenarioClient, narrator: Narrator) -> None:
    """Nobody pays: the hold ends, its nights are free again, and the guest gets an e-mail."""
    guest, booking = book_only_unit(client)
    check("the nights are held", client.nights_left(booking), {0})
    narrator.step("A guest books the only unit, does not pay, and half an hour passes (POST /clock)")
    client.advance(minutes=31)
    after = client.wait_for_status(guest, booking["booking_id"], "expired")
    check("the nights are free again", client.nights_left(booking), {1})
    tx_ref = booking["payment"]["tx_ref"]
    check("the gateway was asked before", bool(client.verify_calls(tx_ref)), True)
    narrator.result(f"booking {after['status']}; the gateway was asked a last time; 1 unit left")
    if client.gateway.closes_links:
        cancelled = client.gateway_log(tx_ref, call="cancel")
        check("the link was closed at the gateway", [entry["status"] for entry in cancelled], [200])
        narrator.result("its link is closed, so that nobody pays on it")
    else:
        narrator.result(
            "this gateway closes no link, so the payment is watched for three days: what comes late goes back"
        )
    client.wait_until_idle()
    letters = client.emails_about(booking["booking_id"])
    check("the guest gets an e-mail, and nobody else", [each["to"] for each in letters], [guest.email])
    show_emails(narrator, letters)


def timeout(client: ScenarioClient, narrator: Narrator) -> None:
    """The gateway does not answer when the payment is opened: the booking is kept, and paid in the end."""
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    listing = client.publish(host, units=1)
    narrator.step("A guest books while the gateway takes the call, and its answer is lost")
    narrator.reason("waiting 12 s for the gateway: so long, and no longer, Guzo listens for an answer")
    with client.switches(**{f"{client.gateway.calls}initialize": "timeout_after_storing"}):
        booking = client.book(guest, listing)
    check("the booking is kept", booking["status"], "pending_payment")
    check("there is no link yet", booking["payment"]["checkout_url"], None)
    check("the payment's fate is not known", booking["payment"]["status"], "created")
    check("it says why", booking["payment"]["problem"]["code"], "gateway_timeout")
    check("the nights are held", client.nights_left(booking), {0})
    narrator.result("201 all the same: nights held, no link, payment.problem.code is gateway_timeout")
    narrator.reason("unknown is not failed: the gateway may or may not know this reference")
    narrator.step("The frontend asks for a link again")
    client.advance(seconds=30)
    path = f"/v1/bookings/{booking['booking_id']}/payments"
    payment = client.call("POST", path, expect=201, by=guest, body={})
    if not payment["checkout_url"]:
        check("there is a link now", payment, "a payment with a checkout_url")
    lost = booking["payment"]["tx_ref"]
    same = payment["tx_ref"] == lost
    check(
        "a lost reference is used again only where it has its link still", same, client.gateway.gives_a_lost_link_again
    )
    if same:
        narrator.result(f"the same request under the same Idempotency-Key: the gateway gives the link of {lost} again")
    else:
        narrator.result(f"{lost} was used at the gateway, so {payment['tx_ref']} takes its place")
    client.pay_on_page(payment["checkout_url"])
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    client.wait_until_idle()
    narrator.result("paid and confirmed")


def _search(client: ScenarioClient, listing: Json) -> Json:
    """The listing as a search in its city shows it; an index may lag behind a write."""
    check_in = client.today() + timedelta(days=30)
    stay = f"check_in={check_in}&check_out={check_in + timedelta(days=3)}&guests=2"
    place = f"city={quote(listing['city'])}&currency={listing['nightly_price']['currency']}"

    def look() -> Json | None:
        path = f"/v1/listings?{place}&{stay}"
        items = client.call("GET", path, expect=200)["items"]
        return next((item for item in items if item["listing_id"] == listing["listing_id"]), None)

    return dict(client.wait_until("the listing is found in its city", look))
