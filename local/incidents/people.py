"""Incidents of guests and hosts: a mistyped address, a bounce, who comes tonight, fraud, a host who leaves."""

from __future__ import annotations

from local.incidents.evening import REFUSED, Evening, expect, run
from local.scenarios.client import check


def colleague_who_left(evening: Evening) -> None:
    """A colleague of support has left: what did they look at?

    Their right ends with their group, and their token within a quarter of an hour. The trail has, for each day and by
    their account's `sub`, whatever of a guest they were shown, also by trials, and what they were refused.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    left = client.sign_in("yonas", "support")
    booking = evening.confirmed(guest, client.publish(host))
    booking_id, tx_ref = booking["booking_id"], booking["payment"]["tx_ref"]
    client.call("GET", f"/v1/bookings/{booking_id}", expect=200, by=left)
    trial = {"contact": {"first_name": "Hana"}, "dry_run": True}
    client.call("PATCH", f"/v1/bookings/{booking_id}", expect=200, by=left, body=trial)
    body, key = {"amount": 100, "reason": "For a friend."}, {"Idempotency-Key": tx_ref}
    client.call("POST", f"/v1/payments/{tx_ref}/refunds", expect=403, by=left, body=body, headers=key)
    day = ("--day", f"{client.now():%Y-%m-%d}")
    printed = evening.ops("trail", *day, "--by", f"yonas-{client.suffix}")
    check("each look and each refusal is there", printed.count(booking_id), 3)
    expect("the refund was refused", printed, "forbidden")


def mistyped_address(evening: Evening) -> None:
    """A guest paid, and got no confirmation: she mistyped her address.

    She rings. Her telephone number finds the booking (a name would as well); the address is corrected, and the
    letter sent again.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    wrong, number = f"hanna.{client.suffix}@gmial.com", "0911223344"
    contact = {"first_name": "Hanna", "last_name": "Tesfaye", "email": wrong, "phone": number}
    booking = evening.confirmed(guest, client.publish(host), contact=contact)
    booking_id = booking["booking_id"]
    # Every guest of the evening has the same number.
    expect("she is found by her number", evening.ops("find", "--most", "1", typed="+251 911 22 33 44"), booking_id)
    evening.ops("contact", "set", booking_id, "--yes", typed=f"email={guest.email}")
    letters = evening.ops("show", booking_id)
    entry = next(line.split()[1] for line in letters.splitlines() if "booking_confirmed" in line)
    evening.ops("resend", booking_id, entry, "--note", "She mistyped her address.", "--yes")
    client.wait_until_idle()
    check("it has reached her", guest.email in [each["to"] for each in client.emails_about(booking_id)], True)


def letter_that_bounced(evening: Evening) -> None:
    """A mailbox that does not exist: the confirmation bounced.

    SES reports it onto the booking and before a person; nothing is written to that address any more until it is
    corrected.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    address = f"bounce+{client.suffix}@simulator.amazonses.com"
    contact = {"first_name": "Hanna", "last_name": "Tesfaye", "email": address, "phone": client.gateway.phone}
    booking = evening.confirmed(guest, client.publish(host), contact=contact)
    booking_id = booking["booking_id"]

    client.wait_until("the bounce is before a person", lambda: _lines_about(booking_id))
    expect("it waits for a person", evening.ops("attention", "--kind", "email"), booking_id)
    evening.ops("contact", "set", booking_id, "--yes", typed=f"email={guest.email}")
    shown = evening.ops("show", booking_id)
    entry = next(line.split()[1] for line in shown.splitlines() if "booking_confirmed" in line)
    evening.ops("resend", booking_id, entry, "--note", "Her new address.", "--yes")
    client.wait_until_idle()
    check("it has reached her", guest.email in [each["to"] for each in client.emails_about(booking_id)], True)
    check("nobody waits", _lines_about(booking_id), "")


def _lines_about(subject: str) -> str:
    """The lines of the attention list about something; the page does not show this look."""
    printed, _ = run("attention")
    return "\n".join(line for line in printed.splitlines() if subject in line)


def who_comes_tonight(evening: Evening) -> None:
    """A host's telephone is broken, and somebody must know who comes tonight."""
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    listing = client.publish(host)
    tonight = evening.confirmed(guest, listing, **evening.stay(first=0, nights=2))
    evening.confirmed(guest, listing, **evening.stay(first=9))
    printed = evening.ops("arrivals", "--host", f"selam-{client.suffix}")
    expect("she is on the list", printed, "arrives", tonight["booking_id"])
    check("nobody else is", len(printed.splitlines()), 1)


def stolen_cards(evening: Evening) -> None:
    """An account books with stolen cards.

    The block stops new bookings; what it holds is cancelled with all back, so that the cards' owners have no
    reason to ask their banks.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("dawit")
    listing = client.publish(host)
    booking = evening.confirmed(guest, listing)
    account = f"dawit-{client.suffix}"
    expect("what it has is seen", evening.ops("account", "show", account), booking["booking_id"])
    evening.ops("account", "block", account, "--note", "Stolen cards.", "--yes")
    body = {
        "listing_id": listing["listing_id"], **evening.stay(first=40), "units": 1, "guests": 1,
        "contact": {"first_name": "Dawit", "email": guest.email, "phone": client.gateway.phone},
    }  # fmt: skip
    refused = client.call("POST", "/v1/bookings", expect=403, by=guest, body=body, headers={"Idempotency-Key": "more"})
    check("it books no more", refused["code"], "account_blocked")
    tx_ref = booking["payment"]["tx_ref"]
    refund = ("refund", tx_ref, "--reason", "Its owner did not book this.", "--cancel-booking")
    evening.ops(*refund)
    evening.ops(*refund, "--yes")
    client.wait_until_idle()
    check("the nights are free again", client.booking(guest, booking["booking_id"])["status"], "cancelled")


def host_who_leaves(evening: Evening) -> None:
    """A host gives up, and guests have booked for next month.

    First look: which bookings, how much goes back. They are cancelled batch by batch, and every guest is written to.
    """
    client = evening.client
    host, guest = client.sign_in("almaz", "host"), client.sign_in("hanna")
    listing = client.publish(host, units=1)
    bookings = [evening.confirmed(guest, listing, **evening.stay(first=day)) for day in (20, 25)]
    command = ("host", "close", f"almaz-{client.suffix}", "--cancel", "--note", "The host gives up.")
    expect("both would go", evening.ops(*command), *(each["booking_id"] for each in bookings))
    evening.ops(*command, "--yes")
    client.wait_until_idle()
    client.advance(minutes=1)
    client.sweep()
    printed = evening.ops("listing", "closing", listing["listing_id"])
    expect("both are gone", printed, "finished", "2 of 2 cancelled")
    check(
        "they are cancelled", {client.booking(guest, each["booking_id"])["status"] for each in bookings}, {"cancelled"}
    )
    check(
        "no night of it is sold",
        client.call("GET", f"/v1/listings/{listing['listing_id']}", expect=200)["status"],
        "closed",
    )


def booked_twice(evening: Evening) -> None:
    """A guest pressed twice on two telephones, and has two stays for the same nights.

    Both are found under her address, each paid. The second is given back with its booking.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("meron")
    listing = client.publish(host)
    first, second = (evening.confirmed(guest, listing) for _ in range(2))
    found = evening.ops("find", typed=guest.email)
    expect("both are found", found, first["booking_id"], second["booking_id"])
    refund = ("refund", second["payment"]["tx_ref"], "--reason", "You booked these nights twice.", "--cancel-booking")
    evening.ops(*refund, "--yes")
    client.wait_until_idle()  # in test mode the gateway gives nothing back: a person is asked
    again = evening.ops(*refund, "--yes")
    expect("the same command gives nothing more", again, "nothing is added")
    statuses = [client.booking(guest, each["booking_id"])["status"] for each in (first, second)]
    check("one is left", statuses, ["confirmed", "cancelled"])
    evening.ops("refund", second["payment"]["tx_ref"], "--reason", "Once more?", ends=REFUSED)


def no_show(evening: Evening) -> None:
    """A guest does not come, and the host could sell the nights."""
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    listing = client.publish(host, units=1)
    booking = evening.confirmed(guest, listing, **evening.stay(first=0, nights=3))
    client.advance(days=1)
    body = {"as": "no_show", "note": "Not reached by telephone."}
    client.call("POST", f"/v1/bookings/{booking['booking_id']}/end-stay", expect=200, by=host, body=body)
    evening.tell(
        "The host says so in the console (`/host`), or an operator does. The nights that are left are free again:"
    )
    printed = evening.ops("timeline", booking["booking_id"])
    expect("it is in the history", printed, "stay_ended")
    client.wait_until_idle()
