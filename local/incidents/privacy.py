"""Incidents of privacy: a guest who wants to be forgotten."""

from __future__ import annotations

from local.incidents.evening import REFUSED, Evening, expect


def erasure(evening: Evening) -> None:
    """A guest asks for erasure, and has a stay before her.

    What is in the way is named, and ends by itself or by an operator. Then her contact goes, and copies of letters with
    it; the money stays, as the law on accounts asks. The answer goes to the address that the booking has, never to
    another.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    booking = evening.confirmed(guest, client.publish(host), **evening.stay(first=0, nights=2))
    held = evening.ops("export-person", typed=guest.email)
    expect("all that is held is told", held, booking["booking_id"])
    shown = evening.ops("erase", "--note", "Asked by letter.", typed=guest.email, ends=REFUSED)
    expect("the stay is in the way", shown, booking["booking_id"])
    client.advance(days=6)
    evening.tell("After her stay, and once no late money can come any more:")
    evening.ops("erase", "--note", "Asked by letter.", typed=guest.email)
    evening.ops("erase", "--yes", "--note", "Asked by letter.", typed=guest.email)
    client.wait_until_idle()
    expect("nobody finds her", evening.ops("find", typed=guest.email), "0 found")
    expect("the money stays", evening.ops("show", booking["booking_id"]), "completed", "ETB 4,900.00")
