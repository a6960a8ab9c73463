"""Scenarios of late payments and of refunds."""

from __future__ import annotations

from typing import Any

from local.scenarios.attention import in_attention
from local.scenarios.client import Json, Person, ScenarioClient, check
from local.scenarios.narration import Narrator, book_only_unit, show_emails


def late_and_free(client: ScenarioClient, narrator: Narrator) -> None:
    """Money comes after the hold ended, and the place is still free: the guest gets it."""
    guest, booking = book_only_unit(client)
    narrator.step("A guest approves the payment on her phone, but the money moves only when the hold is over")
    client.advance(minutes=31)
    client.wait_for_status(guest, booking["booking_id"], "expired")
    client.pay_at_gateway(booking["payment"]["tx_ref"])
    done = client.wait_for_status(guest, booking["booking_id"], "confirmed")
    check("nothing is paid back", done["payment"]["refunds"], [])
    check("the nights are taken again", client.nights_left(booking), {0})
    narrator.result(f"booking expired → {done['status']}, late; the nights are hers again")
    client.wait_until_idle()
    show_emails(narrator, client.emails_about(booking["booking_id"]))


def late_and_gone(client: ScenarioClient, narrator: Narrator) -> None:
    """Money comes after the hold ended, and the place is somebody else's: it goes back."""
    guest, booking = _sold_again(client, narrator)
    narrator.step("Now the first guest's money arrives after all")
    with client.switches(**client.gateway.refunds or {}):
        client.pay_at_gateway(booking["payment"]["tx_ref"])
        tx_ref = booking["payment"]["tx_ref"]
        back = _under_way(client, guest, booking)
        check("all of it goes back", back["amount"]["amount"], booking["total"]["amount"])
        events = client.call("GET", f"/v1/payments/{tx_ref}/events", expect=200, by=guest)["items"]
        steps = [event["kind"] for event in events if event["kind"].startswith("refund_")]
        check("it was owed before it was asked for", steps, ["refund_owed", "refund_requested", "refund_processing"])
        done = client.booking(guest, booking["booking_id"])
        check("the money is accounted for", done["payment"]["status"], "completed")
        check("the booking stays as it is", done["status"], "expired")
        check("no night is sold twice", client.nights_left(booking), {0})
        narrator.result(
            f"payment {done['payment']['status']}, and {back['amount']['formatted']} owed: {back['refund_id']}"
        )
        narrator.result(f"then the gateway was asked for the refund, and took it: {back['status']}")
        narrator.reason("she paid, so the money is hers: a confirmed booking, a refund, or a person who looks at it")
        client.advance(minutes=2)
        check("the gateway was asked once", len(client.gateway_log(tx_ref, call="refund")), 1)
        [still] = _refunds(client, guest, booking)
        check("it is not called done before the gateway says so", still["status"], "processing")
        narrator.result(f"two minutes later it is {still['status']} still, and was asked for once, not again")
        client.advance(days=2)
        check("the money is back", [each["status"] for each in _refunds(client, guest, booking)], ["refunded"])
        narrator.result("two days later the gateway says that it is done: refunded")
    client.wait_until_idle()
    letters = client.emails_about(booking["booking_id"])
    check("only the guest is written to", {each["to"] for each in letters}, {guest.email})
    show_emails(narrator, letters)


def in_parts(client: ScenarioClient, narrator: Narrator) -> None:
    """A host refunds a part, then the rest: each is done when the gateway says so, and never more than was paid."""
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    booking = client.book(guest, client.publish(host, units=1))
    tx_ref = booking["payment"]["tx_ref"]
    client.pay_on_page(booking["payment"]["checkout_url"])
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    with client.switches(**client.gateway.refunds or {}):
        narrator.step(f"{booking['total']['formatted']} were paid; the host gives one night's price back")
        part = _give_back(client, host, tx_ref, {"amount": 245000, "reason": "No water for a day"}, key="part")
        same = _give_back(client, host, tx_ref, {"amount": 245000, "reason": "No water for a day"}, key="part")
        check("the same key is the same refund", same["refund_id"], part["refund_id"])
        client.advance(minutes=1)
        [known] = _refunds(client, guest, booking)
        check("the gateway took it over", known["status"], "processing")
        narrator.result(f"{part['refund_id']}: {part['amount']['formatted']}, {part['status']}, then {known['status']}")
        client.call("POST", f"/v1/payments/{tx_ref}/verify", expect=200, by=guest)
        client.wait_until_idle()
        status_at_gateway = client.verify_calls(tx_ref)[-1]["answer"]["data"]["status"]
        check("asking again ends nothing", _refunds(client, guest, booking)[0]["status"], "processing")
        narrator.result(f"the gateway says {status_at_gateway!r} of the payment, and the refund is processing still")
        narrator.reason("what the gateway says of the payment does not end a refund: what it says of the refund does")
        narrator.step("The host gives back the rest, and then tries for more")
        _give_back(client, host, tx_ref, {"reason": "And no light", "cancel_booking": False}, key="rest")
        path = f"/v1/payments/{tx_ref}/refunds"
        more = {"amount": 1, "reason": "And a coffee"}
        refused = client.call("POST", path, expect=409, by=host, body=more, headers={"Idempotency-Key": "more"})
        check("more than came never goes back", refused["code"], "refund_exceeds_payment")
        narrator.result(f"the rest is owed; more is refused: {refused['code']}")
        client.advance(minutes=1)
        client.advance(days=2)
        refunds = _refunds(client, guest, booking)
        check("both are done", [each["status"] for each in refunds], ["refunded", "refunded"])
        paid_back = sum(each["amount"]["amount"] for each in refunds)
        check("all of it is back", paid_back, booking["total"]["amount"])
        check("each was asked for once", len(client.gateway_log(tx_ref, call="refund")), 2)
        narrator.result("two days later the gateway says of each that it is done: refunded")
    check("nobody has to look at it", in_attention(client, tx_ref), [])
    client.wait_until_idle()
    show_emails(narrator, [each for each in client.emails_about(booking["booking_id"]) if each["to"] == guest.email])


def by_hand(client: ScenarioClient, narrator: Narrator) -> None:
    """The gateway has no refund call: an operator is asked, refunds by hand, and resolves the refund."""
    guest, booking = _sold_again(client, narrator)
    tx_ref = booking["payment"]["tx_ref"]
    narrator.step("Now the first guest's money arrives after all")
    client.pay_at_gateway(tx_ref)

    def asks() -> Json | None:
        refunds = _refunds(client, guest, booking)
        return next((each for each in refunds if each["status"] == "attention"), None)

    back = dict(client.wait_until("the refund asks for a person", asks))
    check("all of it is owed", back["amount"]["amount"], booking["total"]["amount"])
    [item] = in_attention(client, back["refund_id"])
    narrator.result(f"{back['refund_id']} is on the operators' list: {item['reason']}")
    narrator.step("An operator gives it back in the dashboard, and says so")
    operator = client.sign_in("tigist", "operator")
    body = {"as": "already_refunded", "note": "Done in the dashboard."}
    path = f"/v1/ops/refunds/{back['refund_id']}/resolve"
    resolved = client.call("POST", path, expect=202, by=operator, body=body)
    check("it is done", resolved["status"], "refunded")
    check("nobody has to look at it any more", in_attention(client, back["refund_id"]), [])
    narrator.result(f"{resolved['status']}, and off the list")
    client.wait_until_idle()
    show_emails(narrator, client.emails_about(booking["booking_id"]))


def _sold_again(client: ScenarioClient, narrator: Narrator) -> tuple[Person, Json]:
    """Return a guest with an expired booking whose only unit somebody else has booked and paid since."""
    guest, booking = book_only_unit(client)
    narrator.step("A guest's hold ends unpaid, and Dawit books and pays the only unit")
    client.advance(minutes=31)
    client.wait_for_status(guest, booking["booking_id"], "expired")
    dawit = client.sign_in("dawit")
    # The same nights, even if midnight has passed since.
    nights = {"check_in": booking["check_in"], "check_out": booking["check_out"]}
    other = client.book(dawit, {"listing_id": booking["listing_id"]}, **nights)
    client.pay_on_page(other["payment"]["checkout_url"])
    client.wait_for_status(dawit, other["booking_id"], "confirmed")
    narrator.result(f"booking {other['booking_id']} is confirmed")
    return guest, booking


def _refunds(client: ScenarioClient, guest: Person, booking: Json) -> list[Json]:
    return list(client.booking(guest, booking["booking_id"])["payment"]["refunds"])


def _under_way(client: ScenarioClient, guest: Person, booking: Json) -> Json:
    def look() -> Json | None:
        return next((each for each in _refunds(client, guest, booking) if each["status"] == "processing"), None)

    return dict(client.wait_until("a refund is under way", look))


def _give_back(client: ScenarioClient, host: Person, tx_ref: str, body: dict[str, Any], *, key: str) -> Json:
    path = f"/v1/payments/{tx_ref}/refunds"
    return client.call("POST", path, expect=202, by=host, body=body, headers={"Idempotency-Key": key})
