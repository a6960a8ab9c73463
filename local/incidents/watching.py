"""Incidents that the stage itself, or a stranger, brings up: a promise that is broken, a secret that is no secret."""

from __future__ import annotations

import time
from datetime import date

from local.incidents.evening import DONE, Evening, Typed, expect, run, the_stage
from local.scenarios.client import Json, PromiseBroken, check
from ops.operators.desk import LOCAL

READ_AGAIN = 75.0
"""Seconds within which every function has read the secrets again."""


def promise_broken(evening: Evening) -> None:
    """The daily check finds a night that is kept from guests for nobody.

    Somebody changed a table by hand. Each morning the stage checks what has changed; what does not hold is on the
    attention list, once, and nothing is mended by itself. Here one unit of a night is taken, and no booking has it.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    booking = evening.confirmed(guest, client.publish(host))
    _take(booking, 1)
    client.advance(days=1)
    client.advance(minutes=5)
    found = evening.ops("attention", "--kind", "invariant")
    expect("the night is named", found, "2 units are taken, and bookings keep 1")
    evening.tell("The guests of the house, so that nobody is missed, before a developer sets the number right:")
    expect("there is one", evening.ops("show", booking["booking_id"]), "confirmed")
    _take(booking, -1)
    item = next(line.split()[1] for line in found.splitlines() if booking["listing_id"] in line)
    evening.ops("acknowledge", item, "--note", "Set right: nobody had booked it.", "--yes")
    client.advance(days=1)
    client.advance(minutes=5)
    evening.tell("The next morning:")
    expect("nothing is found", evening.ops("attention", "--kind", "invariant"), "Nothing needs a person")


def key_leaked(evening: Evening) -> None:
    """The gateway's key stands in somebody's repository.

    Whoever has it can give back and pay out what lies in the account. So it is revoked in the gateway's dashboard
    first, before anything else is thought about; from then on the gateway refuses Guzo as well, nobody can pay, and
    GatewayKeyAlarm rings. A new key counts within a minute, without a deployment, and what was paid meanwhile is found.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    listing = client.publish(host, units=3)
    open_one = client.book(guest, listing)
    with client.switches(initialize="401", verify="401", callback="never"):
        booking = client.book(guest, listing)
        client.pay_on_page(open_one["payment"]["checkout_url"])
        client.wait_until_idle()
        evening.tell("Revoked. A guest who books now gets no link; one who had hers pays, and nobody can ask about it:")
        expect("it waits for a link", evening.ops("show", booking["booking_id"]), "pending_payment", "failed")
        expect("it waits for an answer", evening.ops("show", open_one["booking_id"]), "pending_payment", "pending")
    evening.tell("The new key is made in the dashboard and typed in; it is not shown:")
    name = "chapa_secret_key"
    stage = the_stage(LOCAL)
    path = f"{stage.settings.secrets_path}/{name}"
    key = stage.client("ssm").get_parameter(Name=path, WithDecryption=True)["Parameter"]["Value"]
    printed, code = run("secrets", "--set", name, typed=key)
    check("the key is taken", code, DONE)
    evening.told.append(Typed(f"ops secrets --set {name}", printed))
    client.advance(minutes=5)
    client.sweep()
    client.wait_for_status(guest, open_one["booking_id"], "confirmed")
    client.wait_until_idle()
    expect("what was paid is found", evening.ops("show", open_one["booking_id"]), "confirmed", "completed")
    evening.tell("The other guest's next press of the button gives her a link:")
    payment = client.call("POST", f"/v1/bookings/{booking['booking_id']}/payments", expect=201, by=guest, body={})
    client.pay_on_page(payment["checkout_url"])
    client.wait_for_status(guest, booking["booking_id"], "confirmed")
    client.wait_until_idle()
    expect("she has paid", evening.ops("show", booking["booking_id"]), "confirmed")
    evening.tell(
        "What the thief may have done with it is in the gateway's own list, and in none of our books: "
        "`ops match --pull --gateway chapa --from … --to …` names it as `missing_here` or `refund_missing`."
    )


def secret_leaked(evening: Evening) -> None:
    """The webhook's secret stands in somebody's repository.

    Whoever has it can sign what he likes. Guzo believes no webhook: it asks the gateway, so that a forged one confirms
    nothing. The secret goes out at once all the same, and no second one is kept beside it: until the gateway has the
    new one as well, its own webhooks are refused too. That costs minutes, not money.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    listing = client.publish(host, units=3)
    unpaid = client.book(guest, listing)
    evening.tell("A stranger signs with it that a payment was made:")
    check("it is taken", client.send_webhooks(unpaid["payment"]["tx_ref"]), [200])
    client.wait_until_idle()
    expect("and believed by nobody", evening.ops("show", unpaid["booking_id"]), "pending_payment")
    evening.tell("A new one is made (`openssl rand -hex 32`) and put; the old one is forgotten at once:")
    evening.ops("secrets", "--set", "chapa_webhook_secret", typed="the new secret")
    evening.ops("secrets", "--forget", "chapa_webhook_secret")
    _until_refused(evening, unpaid)
    evening.tell(
        "From a minute later on, webhooks under the old one are refused: the stranger's, and the gateway's until "
        "its dashboard has the new one. A guest who pays meanwhile is confirmed all the same, by her return or by "
        "the clock:"
    )
    booking = client.book(guest, listing)
    with client.switches(callback="never"):
        client.pay_at_gateway(booking["payment"]["tx_ref"])
        sent = client.gateway_log(booking["payment"]["tx_ref"], kind="webhook")
        check("the gateway's webhook is refused", {each["status"] for each in sent}, {401})
    client.advance(minutes=3)
    client.sweep()
    done = client.wait_for_status(guest, booking["booking_id"], "confirmed")
    expect("she is confirmed", evening.ops("timeline", done["booking_id"]), "booking_confirmed")


def _take(booking: Json, units: int) -> None:
    """Take units of a booking's first night that no booking has."""
    stage, day = the_stage(LOCAL), date.fromisoformat(booking["check_in"])
    stage.client("dynamodb").update_item(
        TableName=stage.settings.listings_table,
        Key={"listing_id": {"S": booking["listing_id"]}, "part": {"S": f"MONTH#{day:%Y-%m}"}},
        UpdateExpression="ADD #night :units",
        ExpressionAttributeNames={"#night": f"t{day:%d}"},
        ExpressionAttributeValues={":units": {"N": f"{units}"}},
    )


def _until_refused(evening: Evening, booking: Json) -> None:
    """Wait until webhooks under the old secret are refused. Raises PromiseBroken."""
    ends = time.monotonic() + READ_AGAIN
    while evening.client.send_webhooks(booking["payment"]["tx_ref"]) != [401]:
        if time.monotonic() > ends:
            raise PromiseBroken(f"the old secret still serves after {READ_AGAIN:.0f} s")
        time.sleep(1)
