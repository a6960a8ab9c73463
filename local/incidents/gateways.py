"""Incidents of the gateways: one that is down, one that says nothing, a wrong amount, a refund without an end."""

from __future__ import annotations

from local.incidents.evening import Evening, expect
from local.scenarios.client import check


def nobody_gets_a_link(evening: Evening) -> None:
    """The gateway is down, and nobody can pay.

    Bookings are kept, without a link; frontends ask again. Nothing has to be repaired by hand afterwards.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    with client.switches(initialize="502_html"):
        booking = client.book(guest, client.publish(host))
    check("the booking is kept", (booking["status"], booking["payment"]["checkout_url"]), ("pending_payment", None))
    shown = evening.ops("show", booking["booking_id"])
    expect("the payment waits", shown, "pending_payment", "created")
    evening.tell("The gateway is well again: the guest's next press of the button gives her the link, and she pays.")
    client.advance(seconds=30)
    path = f"/v1/bookings/{booking['booking_id']}/payments"
    payment = client.call("POST", path, expect=201, by=guest, body={})
    client.pay_on_page(payment["checkout_url"])
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    client.wait_until_idle()
    expect("it is paid", evening.ops("show", booking["booking_id"]), "confirmed", "completed")


def paid_and_not_told(evening: Evening) -> None:
    """A guest has paid, and her booking still waits.

    Neither webhook nor callback came. The clock asks the gateway by itself after a few minutes; who does not want
    to wait asks now.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    booking = client.book(guest, client.publish(host))
    with client.switches(**client.gateway.silent):
        client.pay_on_page(booking["payment"]["checkout_url"])
        client.wait_until_idle()
    found = evening.ops("find", typed=guest.email)
    expect("she is found by her address", found, booking["booking_id"], "pending_payment")
    client.advance(minutes=3)
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    client.wait_until_idle()
    evening.tell("Three minutes later:")
    expect("the clock has found it", evening.ops("find", typed=booking["payment"]["tx_ref"]), "confirmed")
    evening.ops("timeline", booking["booking_id"])


def less_than_asked(evening: Evening) -> None:
    """Money came, but not the amount that was asked for.

    Nobody but a person may say whether it will do. The nights stay held meanwhile, and no second payment can be opened.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    booking = client.book(guest, client.publish(host))
    tx_ref = booking["payment"]["tx_ref"]
    client.call_local("POST", "/chapa/_control", {"verify": "wrong_amount", "tx_ref": tx_ref})
    client.pay_on_page(booking["payment"]["checkout_url"])
    client.wait_until_idle()
    expect("it waits for a person", evening.ops("attention", "--kind", "payment_review"), tx_ref)
    evening.tell("First look at what would become of it, then do it:")
    command = ("resolve", tx_ref, "accept", "--note", "One birr is missing: the house bears it.")
    expect("it would be confirmed", evening.ops(*command), "confirmed", "Nothing was changed")
    check("nothing is done yet", client.booking(guest, booking["booking_id"])["status"], "pending_payment")
    expect("it is confirmed", evening.ops(*command, "--yes"), "confirmed")
    check("she has her stay", client.booking(guest, booking["booking_id"])["status"], "confirmed")
    check("nobody waits", evening.ops("attention", "--kind", "payment_review").count(tx_ref), 0)
    client.wait_until_idle()


def refund_that_hangs(evening: Evening) -> None:
    """A refund was asked for, and its end never comes.

    After the gateway's own patience it is put before a person. Only the gateway's dashboard tells whether the
    money went.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    booking = evening.confirmed(guest, client.publish(host))
    tx_ref = booking["payment"]["tx_ref"]
    with client.switches(refund="simulated_v2_shape", refund_verify="502_html"):
        refund = ("refund", tx_ref, "--amount", "2450", "--reason", "No water for a night.", "--keep-booking")
        expect("it is tried first", evening.ops(*refund), f"{tx_ref}-R1", "Nothing was changed")
        evening.ops(*refund, "--yes")
        client.wait_until_idle()
        client.advance(days=30)
        client.sweep()
        evening.tell("A month later:")
        expect("it waits for a person", evening.ops("attention", "--kind", "refund"), f"{tx_ref}-R1")
    evening.tell("The dashboard shows the money as given back:")
    done = evening.ops("resolve", f"{tx_ref}-R1", "already_refunded", "--note", "The dashboard shows it.", "--yes")
    expect("it is done", done, "refunded")
    check("nobody waits", evening.ops("attention", "--kind", "refund").count(tx_ref), 0)
    client.wait_until_idle()
