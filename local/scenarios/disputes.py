"""The scenario of a payer who claims the money back through the bank."""

from __future__ import annotations

from datetime import timedelta

from local.scenarios.attention import in_attention
from local.scenarios.client import Json, Person, ScenarioClient, check
from local.scenarios.narration import Narrator

REASON = "The card's owner does not know the payment"


def disputed(client: ScenarioClient, narrator: Narrator) -> None:
    """A payer claims the money back: it is answered in time, and nothing of it is refunded meanwhile."""
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    operator = client.sign_in("tigist", "operator")
    booking = client.book(guest, client.publish(host, units=1))
    tx_ref = booking["payment"]["tx_ref"]
    client.pay_on_page(booking["payment"]["checkout_url"])
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    narrator.step(f"{booking['total']['formatted']} were paid; days later the payer claims them back through the bank")
    made = _announced(client, operator, tx_ref)
    [item] = in_attention(client, made["dispute_id"])
    check("the list says by when it must be answered", item["due_at"], made["due_at"])
    done = client.booking(guest, booking["booking_id"])
    check("the stay goes on as it is", done["status"], "confirmed")
    check("all of it is at risk", done["payment"]["at_risk"], booking["total"])
    narrator.result(f"{made['dispute_id']} is on the operators' list, to be answered by {made['due_at']}")
    narrator.step("The host, who knows nothing of it, gives the guest her money back")
    refused = client.call(
        "POST",
        f"/v1/payments/{tx_ref}/refunds",
        expect=409,
        by=host,
        body={"reason": "She asked for it", "cancel_booking": False},
        headers={"Idempotency-Key": "disputed"},
    )
    check("nobody pays it back twice", refused["code"], "payment_disputed")
    narrator.result(f"409 {refused['code']}")
    narrator.reason("the bank may give the same money back, and that cannot be called back")
    narrator.step("An operator takes the evidence, answers in the gateway's dashboard, and says so")
    path = f"/v1/ops/disputes/{made['dispute_id']}"
    evidence = client.call("GET", f"{path}/evidence", expect=200, by=operator)
    check("it shows that the guest booked", evidence["booking"]["contact"]["email"], guest.email)
    check("and that she was written to", "booking_confirmed" in [each["kind"] for each in evidence["letters"]], True)
    note = {"note": "Declined, with the evidence."}
    client.call("POST", f"/v1/ops/attention/{item['item_id']}/acknowledge", expect=200, by=operator, body=note)
    check("it waits for nobody", in_attention(client, made["dispute_id"]), [])
    narrator.result("off the list of what needs a person; on the list of disputes until it is decided")
    narrator.step("The bank agrees with the house")
    if client.gateway.tells_of_disputes:
        client.call_local("POST", f"/{client.gateway.gateway}/_dispute", {"tx_ref": tx_ref, "do": "won"})
    else:
        body = {"as": "won", "note": "The gateway's e-mail."}
        client.call("POST", f"{path}/close", expect=200, by=operator, body=body)

    def is_decided() -> bool:
        return "at_risk" not in client.booking(guest, booking["booking_id"])["payment"]

    client.wait_until("the dispute is decided", is_decided)
    kinds = [event["kind"] for event in _events(client, operator, tx_ref)]
    check("its history says how it went", kinds[-3:], ["dispute_opened", "dispute_acknowledged", "dispute_won"])
    narrator.result("won: the money stays, and may be refunded again")


def _announced(client: ScenarioClient, operator: Person, tx_ref: str) -> Json:
    """The dispute, as the gateway announces it, or as an operator enters it who read the gateway's e-mail."""
    if not client.gateway.tells_of_disputes:
        due = {"due_at": (client.now() + timedelta(days=5)).isoformat(), "note": "The gateway's e-mail."}
        body = {"tx_ref": tx_ref, "amount": None, "reason": REASON, **due}
        return dict(client.call("POST", "/v1/ops/disputes", expect=201, by=operator, body=body))
    client.call_local("POST", f"/{client.gateway.gateway}/_dispute", {"tx_ref": tx_ref, "do": "create"})

    def look() -> Json | None:
        found = client.call("GET", "/v1/ops/disputes?limit=100", expect=200, by=operator)["items"]
        return next((each for each in found if each["tx_ref"] == tx_ref), None)

    return dict(client.wait_until("the dispute is known", look))


def _events(client: ScenarioClient, operator: Person, tx_ref: str) -> list[Json]:
    path = f"/v1/payments/{tx_ref}/events?limit=100"
    return list(client.call("GET", path, expect=200, by=operator)["items"])
