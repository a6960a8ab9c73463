"""The stories of money that comes late, and of money that goes back."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from local.scenarios.storytelling import Tell, booked, show
from local.stack.world import Json, Person, World, check


def late_and_free(world: World, tell: Tell) -> None:
    """Money comes after the hold ended, and the place is still free: the guest gets it."""
    guest, booking = booked(world)
    tell.did("A guest approves the payment on her phone, but the money moves only when the hold is over")
    world.advance(minutes=31)
    world.becomes(guest, booking["booking_id"], "expired")
    world.pay_late(booking["payment"]["tx_ref"])
    done = world.becomes(guest, booking["booking_id"], "confirmed")
    check("nothing is paid back", done["payment"]["refunds"], [])
    check("the nights are taken again", world.nights_left(booking), {0})
    tell.saw(f"booking expired → {done['status']}, late; the nights are hers again")
    world.idle()
    show(tell, world.letters(booking["booking_id"]))


def late_and_gone(world: World, tell: Tell) -> None:
    """Money comes after the hold ended, and the place is somebody else's: it goes back."""
    guest, booking = _sold_again(world, tell)
    tell.did("Now the first guest's money arrives after all")
    with world.switched(**world.gateway.refunds or {}):
        world.pay_late(booking["payment"]["tx_ref"])
        tx_ref = booking["payment"]["tx_ref"]
        back = _under_way(world, guest, booking)
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
        [still] = _refunds(world, guest, booking)
        check("it is not called done before the gateway says so", still["status"], "processing")
        tell.saw(f"two minutes later it is {still['status']} still, and was asked for once, not again")
        world.advance(days=2)
        check("the money is back", [each["status"] for each in _refunds(world, guest, booking)], ["refunded"])
        tell.saw("two days later the gateway says that it is done: refunded")
    world.idle()
    letters = world.letters(booking["booking_id"])
    check("only the guest is written to", {each["to"] for each in letters}, {guest.email})
    show(tell, letters)


def in_parts(world: World, tell: Tell) -> None:
    """A host gives a part back, then the rest: each is done when the gateway says so, and never more than came."""
    host, guest = world.sign_in("selam", "host"), world.sign_in("hanna")
    booking = world.book(guest, world.publish(host, units=1))
    tx_ref = booking["payment"]["tx_ref"]
    world.pay_on_page(booking["payment"]["checkout_url"])
    world.becomes(guest, booking["booking_id"], "confirmed")
    with world.switched(**world.gateway.refunds or {}):
        tell.did(f"{booking['total']['formatted']} were paid; the host gives one night's price back")
        part = _give_back(world, host, tx_ref, {"amount": 245000, "reason": "No water for a day"}, key="part")
        same = _give_back(world, host, tx_ref, {"amount": 245000, "reason": "No water for a day"}, key="part")
        check("the same key is the same refund", same["refund_id"], part["refund_id"])
        world.advance(minutes=1)
        [known] = _refunds(world, guest, booking)
        check("the gateway took it over", known["status"], "processing")
        tell.saw(f"{part['refund_id']}: {part['amount']['formatted']}, {part['status']}, then {known['status']}")
        world.call("POST", f"/v1/payments/{tx_ref}/verify", expect=200, by=guest)
        world.idle()
        said = world.verifies(tx_ref)[-1]["answer"]["data"]["status"]
        check("asking again ends nothing", _refunds(world, guest, booking)[0]["status"], "processing")
        tell.saw(f"the gateway says {said!r} of the payment, and the refund is processing still")
        tell.why("what the gateway says of the payment does not end a refund: what it says of the refund does")
        tell.did("The host gives back the rest, and then tries for more")
        _give_back(world, host, tx_ref, {"reason": "And no light"}, key="rest")
        path = f"/v1/payments/{tx_ref}/refunds"
        more = {"amount": 1, "reason": "And a coffee"}
        refused = world.call("POST", path, expect=409, by=host, body=more, headers={"Idempotency-Key": "more"})
        check("more than came never goes back", refused["code"], "refund_exceeds_payment")
        tell.saw(f"the rest is owed; more is refused: {refused['code']}")
        world.advance(minutes=1)
        world.advance(days=2)
        refunds = _refunds(world, guest, booking)
        check("both are done", [each["status"] for each in refunds], ["refunded", "refunded"])
        paid_back = sum(each["amount"]["amount"] for each in refunds)
        check("all of it is back", paid_back, booking["total"]["amount"])
        check("each was asked for once", len(world.gateway_log(tx_ref, call="refund")), 2)
        tell.saw("two days later the gateway says of each that it is done: refunded")
    check("nobody has to look at it", _in_attention(world, tx_ref), [])
    world.idle()
    show(tell, [each for each in world.letters(booking["booking_id"]) if each["to"] == guest.email])


def by_hand(world: World, tell: Tell) -> None:
    """Money must go back, and the gateway has no call for it: a person is asked, does it, and says so."""
    guest, booking = _sold_again(world, tell)
    tx_ref = booking["payment"]["tx_ref"]
    tell.did("Now the first guest's money arrives after all")
    world.pay_late(tx_ref)

    def asks() -> Json | None:
        refunds = _refunds(world, guest, booking)
        return next((each for each in refunds if each["status"] == "attention"), None)

    back = dict(world.until("the refund asks for a person", asks))
    check("all of it is owed", back["amount"]["amount"], booking["total"]["amount"])
    [matter] = _in_attention(world, back["refund_id"])
    tell.saw(f"{back['refund_id']} is on the operators' list: {matter['reason']}")
    tell.did("An operator gives it back in the dashboard, and says so")
    operator = world.sign_in("tigist", "operator")
    body = {"as": "already_refunded", "note": "Done in the dashboard."}
    path = f"/v1/ops/refunds/{back['refund_id']}/retry"
    settled = world.call("POST", path, expect=202, by=operator, body=body)
    check("it is done", settled["status"], "refunded")
    check("nobody has to look at it any more", _in_attention(world, back["refund_id"]), [])
    tell.saw(f"{settled['status']}, and off the list")
    world.idle()
    show(tell, world.letters(booking["booking_id"]))


def _sold_again(world: World, tell: Tell) -> tuple[Person, Json]:
    """A guest and her booking, which has expired, and whose place another has bought since."""
    guest, booking = booked(world)
    tell.did("A guest's hold ends unpaid, and Dawit books and pays the only unit")
    world.advance(minutes=31)
    world.becomes(guest, booking["booking_id"], "expired")
    dawit = world.sign_in("dawit")
    other = world.book(dawit, {"listing_id": booking["listing_id"]})
    world.pay_on_page(other["payment"]["checkout_url"])
    world.becomes(dawit, other["booking_id"], "confirmed")
    tell.saw(f"booking {other['booking_id']} is confirmed")
    return guest, booking


def _refunds(world: World, guest: Person, booking: Json) -> list[Json]:
    return list(world.booking(guest, booking["booking_id"])["payment"]["refunds"])


def _under_way(world: World, guest: Person, booking: Json) -> Json:
    def look() -> Json | None:
        return next((each for each in _refunds(world, guest, booking) if each["status"] == "processing"), None)

    return dict(world.until("a refund is under way", look))


def _give_back(world: World, host: Person, tx_ref: str, body: dict[str, Any], *, key: str) -> Json:
    path = f"/v1/payments/{tx_ref}/refunds"
    return world.call("POST", path, expect=202, by=host, body=body, headers={"Idempotency-Key": key})


def _in_attention(world: World, subject: str) -> list[Json]:
    """What the operators' list says of a payment or a refund."""
    operator = world.sign_in("tigist", "operator")
    found: list[Json] = []
    path = "/v1/ops/attention?limit=100"
    page = world.call("GET", path, expect=200, by=operator)
    while True:
        found += [each for each in page["items"] if each["subject"] == subject]
        if page["next_cursor"] is None:
            return found
        page = world.call("GET", f"{path}&cursor={quote(page['next_cursor'])}", expect=200, by=operator)
