"""The stack is killed at random moments, many times, while guests book and pay; in the end every promise was kept.

What is asked in the end is what the architecture promises: no night sold twice, no money forgotten, nothing
confirmed without money, every e-mail sent, and duplicates counted. GUZO_SEED plays one run again (the moments of
other processes are not in its hand), GUZO_KILL_SECONDS lets it go on for longer.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from typing import Any

import pytest
from pynamodb.connection import Connection

from chalicelib.domain.booking import Booking
from tests.crash.guests import Caller, Guest, Promises, publish
from tests.crash.town import Town
from tests.fake_stores import Tables
from tests.invariants import check_booking

SEED = int(os.environ.get("GUZO_SEED") or random.SystemRandom().randrange(10**6))
SECONDS = float(os.environ.get("GUZO_KILL_SECONDS") or 35)
GUESTS = 6
UNITS = (2, 4)


@pytest.mark.races
@pytest.mark.timeout(420)
def test_killed_at_random(clients: tuple[Connection, Any]) -> None:
    _, admin = clients
    print(f"GUZO_SEED={SEED}")
    promises = Promises()
    with Town(admin.meta.endpoint_url) as town:
        play(town, promises)
        late = pay_on_closed_links(town, town.tables(admin))
        settle(town)
        tables = town.tables(admin)
        print(
            f"{town.kills} kills; {len(promises.booked)} booked, {promises.refused} refused;",
            f"{len(promises.paid)} paid, {late} of them late;" if late else f"{len(promises.paid)} paid;",
            dict(Counter(row.booking.status for row in tables.bookings.values())),
        )
        assert town.kills >= 3
        assert len(promises.paid) >= town.kills
        every_promise_was_kept(town, tables, promises)


def play(town: Town, promises: Promises) -> None:
    """Guests book and pay, time goes by, and the stack is killed again and again, a moment after it is there."""
    chance = random.Random(SEED)
    host = Caller(town, "host-abebe", "host")
    listings = [publish(town, host, units=units) for units in UNITS]
    host.close()
    guests = [Guest(town, promises, listings, seed=SEED, number=number) for number in range(GUESTS)]
    for guest in guests:
        guest.start()
    over = time.monotonic() + SECONDS
    while time.monotonic() < over:
        time.sleep(chance.uniform(0.5, 3))
        town.push(minutes=chance.choice((1, 3, 10, 31)))
        time.sleep(chance.uniform(0, 0.6))
        town.kill()
        town.start()
    for guest in guests:
        guest.stop()
    for guest in guests:
        guest.join()


def pay_on_closed_links(town: Town, tables: Tables) -> int:
    """Money that was on its way when a link was closed."""
    late = 0
    for row in tables.bookings.values():
        tx_ref = row.booking.payments[-1].tx_ref
        if row.booking.status in ("expired", "cancelled") and town.gateway.ledger.find(tx_ref) and late < 4:
            late += town.pay(tx_ref, tell=bool(late % 2))
    return late


def settle(town: Town) -> None:
    """Nobody kills any more, and time goes by: first in minutes, in the end in hours, until the last look was had."""
    for minutes in [2, 5, 10, 15, 30] + [60] * 8 + [180] * 8 + [360] * 12:
        town.advance(minutes=minutes)
    town.kill()  # also reads what it counted


def every_promise_was_kept(town: Town, tables: Tables, promises: Promises) -> None:
    for row in tables.bookings.values():
        check_booking(row.booking, one_clock=False)
        assert row.due_at is None, f"{row.booking.booking_id} still waits for something at {row.due_at}"
    no_night_is_sold_twice(tables)
    for row in tables.bookings.values():
        money_is_accounted_for(town, row.booking, attention=row.attention)
    assert promises.booked.keys() <= tables.bookings.keys()
    for booking_id in promises.confirmed:
        expected = "cancelled" if booking_id in promises.cancelled else "confirmed"
        assert tables.bookings[booking_id].booking.status == expected  # type: ignore[index]
    for tx_ref in promises.paid:
        assert tx_ref.partition("-")[0] in tables.bookings
    every_letter_was_sent(town, tables)


def no_night_is_sold_twice(tables: Tables) -> None:
    held: Counter[Any] = Counter()
    for row in tables.bookings.values():
        if row.booking.holds_nights:
            for day in row.booking.stay.dates:
                held[row.booking.place.listing_id, day] += row.booking.stay.units
    assert {key: night.taken for key, night in tables.nights.items() if night.taken} == dict(held)
    for (listing_id, _), units in held.items():
        assert units <= tables.listings[listing_id].units


def money_is_accounted_for(town: Town, booking: Booking, *, attention: str | None) -> None:
    """All that the gateway took is a stay, or went back, or is before a person; and nothing is a stay without it."""
    accepted = [payment for payment in booking.payments if payment.accepted]
    assert len(accepted) == 1 or booking.status != "confirmed"
    for payment in booking.payments:
        charge = town.gateway.ledger.find(payment.tx_ref)
        paid = charge is not None and charge.status == "paid"
        assert (payment.status == "completed") is paid, payment
        if not paid or charge is None:
            continue
        assert payment.received is not None
        # Never posted twice, and never more than there was.
        posted = Counter(refund.reference for refund in charge.refunds)
        assert set(posted) <= {refund.refund_id for refund in payment.refunds}
        assert all(times == 1 for times in posted.values())
        for refund in payment.refunds:
            assert refund.status == "refunded" or (refund.status == "attention" and attention == "refund"), refund
            assert refund.refund_id in posted or refund.status == "attention"
        if not (payment.accepted and booking.status == "confirmed"):
            assert payment.refunded_or_owed == payment.received


def every_letter_was_sent(town: Town, tables: Tables) -> None:
    """Each that is marked was really mailed; what was mailed more often is counted."""
    letters = town.letters()
    twice = 0
    for row in tables.bookings.values():
        booking = row.booking
        assert {email.status for email in booking.emails} <= {"sent", "superseded"}, booking.emails
        mailed = Counter(letter.to for letter in letters if booking.booking_id in letter.text)
        marked = Counter(
            booking.place.host_email if email.to_host else booking.contact.email
            for email in booking.emails
            if email.status == "sent"
        )
        assert mailed >= marked, booking.booking_id
        twice += (mailed - marked).total()
    print(f"{len(letters)} e-mails, {twice} of them more than once; counted: {dict(town.counted)}")
    # A process that is killed may take with it the one line that it was about to write.
    assert twice <= town.counted.total() + town.kills
