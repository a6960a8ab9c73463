"""Incidents of money: without a booking, claimed back through the bank, and at the end of the month."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from local.incidents.evening import REFUSED, Evening, expect
from local.scenarios.client import check


def claimed_back(evening: Evening) -> None:
    """A payer claims the money back through the bank.

    Chapa announces it by e-mail: an operator enters it (the console's *Disputes*, or `POST /v1/ops/disputes`),
    answers in the dashboard with the evidence, and
    says how it ended. Nothing of the payment is refunded meanwhile.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    operator = client.sign_in("tigist", "operator")
    booking = evening.confirmed(guest, client.publish(host))
    tx_ref = booking["payment"]["tx_ref"]
    due = {"due_at": (client.now() + timedelta(days=5)).isoformat(), "note": "The gateway's e-mail."}
    body = {"tx_ref": tx_ref, "amount": None, "reason": "The card's owner does not know the payment.", **due}
    made = client.call("POST", "/v1/ops/disputes", expect=201, by=operator, body=body)
    expect("it waits for an answer", evening.ops("attention", "--kind", "dispute"), made["dispute_id"], "answer by")
    evening.ops("refund", tx_ref, "--reason", "She asked for it.", "--keep-booking", "--yes", ends=REFUSED)
    evening.ops("resolve", made["dispute_id"], "lost", "--note", "By e-mail of today.", "--yes")
    printed = evening.ops("show", booking["booking_id"])
    expect("it is in the booking", printed, made["dispute_id"], "lost")


def months_end(evening: Evening) -> None:
    """The month's end: the gateway's statement against the ledger, and what hosts are owed.

    A line that Guzo does not know is named with what to do about it, and the command ends with 1. Guzo moves no
    money to hosts: whoever did enters it.
    """
    client = evening.client
    host, guest = client.sign_in("zewditu", "host"), client.sign_in("hanna")
    booking = evening.confirmed(guest, client.publish(host), **evening.stay(first=0, nights=3))
    today = client.today()
    days = ("--from", f"{today}", "--to", f"{today}")
    host_id = f"zewditu-{client.suffix}"
    expect("it is in the ledger", evening.ops("ledger", *days, "--host", host_id), booking["booking_id"])
    reference = booking["payment"]["provider_reference"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "statement.csv"
        file.write_text(
            f"reference,amount,currency\n{reference},7350.00,ETB\nAP0000000000,120.00,ETB\n", encoding="utf-8"
        )
        printed, code = evening.match(file, *days)
    check("something differs", code, REFUSED)
    expect("our line is matched, theirs is named", printed, "matched", "missing_here")
    client.advance(days=4)
    ends = booking["check_out"]
    month = ("--month", ends[:7])
    expect("she is owed for the stay", evening.ops("payouts", "owed", *month), host_id, "ETB 7,166.25")
    expect("stay by stay", evening.ops("payouts", "statement", host_id, *month), booking["booking_id"])
    amount = ("--amount", "7000", "--currency", "ETB", "--date", ends)
    paid = ("payouts", "paid", host_id, *amount, "--reference", "FT24351", "--note", "By bank.")
    evening.ops(*paid)
    evening.ops(*paid, "--yes")
    expect("it is entered", evening.ops("payouts", "statement", host_id, *month), "FT24351", "ETB 166.25")


def payout_entered_twice(evening: Evening) -> None:
    """A host's payout is entered twice, under two references.

    What is owed with it is told before anything is entered, so that the second one is seen; one that stands there is
    never edited, but taken back by a counter-entry.
    """
    client = evening.client
    host, guest = client.sign_in("zewditu", "host"), client.sign_in("hanna")
    booking = evening.confirmed(guest, client.publish(host), **evening.stay(first=0, nights=1))
    client.advance(days=2)
    host_id, ends = f"zewditu-{client.suffix}", booking["check_out"]
    paid = (
        "payouts",
        "paid",
        host_id,
        "--amount",
        "2388.75",
        "--currency",
        "ETB",
        "--date",
        ends,
        "--note",
        "By bank.",
    )
    expect(
        "nothing is owed after it", evening.ops(*paid, "--reference", "FT24360", "--yes"), "balance with it ETB 0.00"
    )
    again = (*paid, "--reference", "FT24361")
    expect("the second is seen to be too much", evening.ops(*again, by="tigist"), "more was paid than is owed")
    evening.tell("The colleague says yes all the same:")
    entry = evening.ops(*again, "--yes", by="tigist").split("payout_")[1].split()[0]
    taken = ("payouts", "take-back", host_id, f"payout_{entry}", "--note", "Paid once: FT24360.", "--yes")
    evening.ops(*taken)
    month = ("--month", f"{client.today():%Y-%m}")
    expect("it is right again", evening.ops("payouts", "statement", host_id, *month), "ETB -2,388.75  FT24361")


def refund_done_twice(evening: Evening) -> None:
    """Two operators of one evening give back the same night.

    The second sees what the first has done, and the same command again gives nothing again.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    booking = evening.confirmed(guest, client.publish(host))
    tx_ref = booking["payment"]["tx_ref"]
    with client.switches(refund="simulated_v2_shape"):
        night = ("refund", tx_ref, "--amount", "2450", "--reason", "One night less.", "--keep-booking", "--yes")
        evening.ops(*night)
        client.wait_until_idle()
        evening.tell("The colleague, who does not know of it:")
        evening.ops(*night, by="tigist", ends=REFUSED)
        client.advance(days=2)
        client.sweep()
    refunds = client.booking(guest, booking["booking_id"])["payment"]["refunds"]
    check("one night went back", [each["amount"]["amount"] for each in refunds], [245000])
    client.wait_until_idle()
