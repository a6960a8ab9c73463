"""Webhooks: nothing before the signature; then durable, or sent again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.booking import Actor, Lease
from chalicelib.domain.errors import Busy, GatewayTimeout
from chalicelib.domain.ids import BookingId
from chalicelib.domain.timing import API_VERIFY_LEASE, UNDER_WAY_RETRY, UNDER_WAY_RETRY_FIRST
from chalicelib.services.clock.sweep import process_task
from chalicelib.services.ports.gateways import BadSignature, NotJson
from chalicelib.services.ports.outcomes import StoreBusy
from chalicelib.services.ports.queues import Task
from chalicelib.services.updating import TRIES
from chalicelib.services.webhooks import receive
from tests.builders import NOW, a_booking_id
from tests.call_log import raises
from tests.fakes import SIGNATURE, Fakes
from tests.harness import PUBLIC, Harness, booking_id_of
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
SILENCE = GatewayTimeout("silence", definitely_not_executed=False)
NOBODYS = a_booking_id("nobody's")


# -- the signature


@pytest.mark.parametrize("change", ["none", "other", "body", "name"])
def test_nothing_is_read_or_written_without_the_signature(harness: Harness, ports: Fakes, change: str) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE)
    body, headers = ports.gateway.webhook(ONE)
    match change:
        case "none":
            headers = {}
        case "other":
            headers[SIGNATURE] = "0" * 64
        case "body":
            body += b" "
        case "name":
            headers = {"Chapa-Signature": headers[SIGNATURE]}
    with pytest.raises(BadSignature):
        receive(ports, body, headers, gateway="chapa", request_id="r")
    assert ports.call_log.calls == []
    assert ports.queue.tasks == []


def test_signed_bytes_that_are_no_json(harness: Harness, ports: Fakes) -> None:
    body = b"{"
    with pytest.raises(NotJson):
        receive(ports, body, {SIGNATURE: ports.gateway._signature(body)}, gateway="chapa", request_id="r")
    assert ports.call_log.calls == []


# -- what it is about


def test_a_payment_is_settled_at_once(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE)
    harness.webhook(ONE)
    assert harness.stored_booking(FIRST).status == "confirmed"
    assert {event.cause for event in harness.stored_booking(FIRST).history if event.kind == "payment_completed"} == {
        "webhook"
    }
    assert ports.call_log.names("queue") == ["queue.enqueue_outbox"]


@pytest.mark.parametrize("event", ["charge.failed", "charge.refunded", "payout.success", "anything"])
def test_the_gateway_is_asked_whatever_the_event_says(harness: Harness, ports: Fakes, event: str) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE)
    harness.webhook(ONE, event)
    assert harness.stored_booking(FIRST).status == "confirmed"


def test_a_webhook_alone_confirms_nothing(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    harness.webhook(ONE)
    assert harness.stored_booking(FIRST).status == "pending_payment"


def test_twice_is_harmless(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE)
    harness.webhook(ONE)
    history = harness.stored_booking(FIRST).history
    for _ in range(3):
        harness.webhook(ONE)
    assert harness.stored_booking(FIRST).history == history
    assert ports.call_log.count("queue.enqueue_outbox") == 1


def test_a_webhook_that_overtakes_our_own_write_is_not_lost(harness: Harness, ports: Fakes) -> None:
    def paid_at_once() -> None:
        ports.gateway.pay(ONE)
        harness.webhook(ONE)

    ports.run_after("gateway.initialize", paid_at_once)
    assert harness.book().booking.status == "confirmed"


@pytest.mark.parametrize("tx_ref", [None, "", "someone-elses-1", f"{FIRST}-0", f"{FIRST}-100", FIRST.lower() + "-1"])
def test_references_of_another_shape_are_ignored(harness: Harness, ports: Fakes, tx_ref: str | None) -> None:
    harness.webhook(tx_ref)
    assert ports.call_log.calls == []
    assert ports.observe.events == ["webhook_ignored"]


# -- unknown references


def test_paid_money_for_an_unknown_reference_is_shown_to_a_person(harness: Harness, ports: Fakes) -> None:
    orphan(harness, NOBODYS)
    harness.webhook(f"{NOBODYS}-1")
    harness.webhook(f"{NOBODYS}-1")
    [entry] = ports.bookings.attention_entries(limit=9, after=None).items
    assert (entry.subject, entry.kind, entry.since) == (f"{NOBODYS}-1", "orphan", NOW)
    kept, _ = ports.tables.orphans[f"{NOBODYS}-1"]
    assert kept == ports.gateway.verify(f"{NOBODYS}-1")
    assert ports.queue.tasks == []


def test_an_unknown_attempt_of_a_booking_of_ours_is_an_orphan_too(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    orphan(harness, FIRST, attempt=7)
    harness.webhook(f"{FIRST}-7")
    assert list(ports.tables.orphans) == [f"{FIRST}-7"]
    assert replace(harness.stored_booking(FIRST), version=booking.version) == booking


@pytest.mark.parametrize("event", ["charge.failed", "anything"])
def test_an_unknown_reference_without_money_is_not_followed_up(harness: Harness, ports: Fakes, event: str) -> None:
    orphan(harness, NOBODYS)
    harness.webhook(f"{NOBODYS}-1", event)
    assert ports.call_log.names() == ["bookings.lease_verification", "bookings.load"]
    assert ports.tables.orphans == {}


def test_an_unknown_reference_that_was_not_paid_is_no_orphan(harness: Harness, ports: Fakes) -> None:
    orphan(harness, NOBODYS)
    ports.gateway.set_status(f"{NOBODYS}-1", "pending")
    harness.webhook(f"{NOBODYS}-1")
    harness.webhook(f"{NOBODYS}-2")
    assert ports.tables.orphans == {}


@pytest.mark.parametrize("said", ["pending", "failed"])
def test_money_announced_for_an_unknown_reference_and_not_shown_yet_is_asked_about_again(
    harness: Harness, ports: Fakes, said: Any
) -> None:
    orphan(harness, NOBODYS)
    ports.gateway.set_status(f"{NOBODYS}-1", said)
    harness.webhook(f"{NOBODYS}-1")
    [task] = ports.queue.tasks
    assert (task.booking_id, task.tx_ref) == (NOBODYS, f"{NOBODYS}-1")
    ports.gateway.set_status(f"{NOBODYS}-1", "paid")
    harness.sweep_and_drain()
    assert list(ports.tables.orphans) == [f"{NOBODYS}-1"]


@pytest.mark.parametrize("said", ["refunded", "reversed"])
def test_money_of_an_unknown_reference_that_went_back_is_no_orphan(harness: Harness, ports: Fakes, said: Any) -> None:
    orphan(harness, NOBODYS)
    ports.gateway.set_status(f"{NOBODYS}-1", said)
    harness.webhook(f"{NOBODYS}-1")
    assert ports.queue.tasks == []
    assert ports.tables.orphans == {}


# -- durable


def test_a_silent_gateway_is_asked_again_by_the_clock(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.gateway.pay(ONE)
    ports.gateway.fail_next("verify", SILENCE)
    harness.webhook(ONE)
    assert harness.due_at(booking) == NOW + timedelta(seconds=15) * 0.75
    harness.advance(minutes=1)
    assert harness.stored_booking(FIRST).status == "confirmed"


def test_what_a_silent_gateway_leaves_open_of_a_settled_payment_is_asked_again_too(
    harness: Harness, ports: Fakes
) -> None:
    harness.confirmed_booking()
    harness.advance(minutes=5)
    ports.gateway.set_status(ONE, "reversed")
    ports.gateway.fail_next("verify", SILENCE)
    harness.webhook(ONE, "charge.reversed")
    harness.advance(minutes=1)
    assert harness.stored_payment(ONE).reversal == "reversed"


def test_what_was_taken_back_is_remembered_as_such_in_the_queue(harness: Harness, ports: Fakes) -> None:
    """The gateway's verify answer lags behind its webhook, and the store was busy when that came."""
    booking = harness.confirmed_booking()
    harness.advance(minutes=5)
    ports.run_before("bookings.lease_verification", raises(StoreBusy()))
    harness.webhook(ONE, "charge.reversed")
    assert ports.queue.tasks == [
        Task(
            booking.booking_id,
            tx_ref=ONE,
            request_id="request-w",
            claim="other",
            actor=Actor("webhook"),
            gateway="chapa",
        )
    ]
    harness.sweep_and_drain()
    assert harness.stored_payment(ONE).reversal == ""
    ports.gateway.set_status(ONE, "reversed")
    harness.advance(minutes=5)
    assert harness.stored_payment(ONE).reversal == "reversed"


def test_an_orphan_while_the_gateway_is_silent_waits_in_the_queue(harness: Harness, ports: Fakes) -> None:
    orphan(harness, NOBODYS)
    ports.gateway.fail_next("verify", SILENCE)
    harness.webhook(f"{NOBODYS}-1", request_id="request-7")
    assert ports.queue.tasks == [
        Task(
            NOBODYS,
            tx_ref=f"{NOBODYS}-1",
            request_id="request-7",
            claim="paid",
            actor=Actor("webhook"),
            gateway="chapa",
        )
    ]
    assert ports.observe.of("webhook_deferred")[0]["reason"] == "GatewayTimeout"
    harness.sweep_and_drain()
    assert list(ports.tables.orphans) == [f"{NOBODYS}-1"]


def test_a_busy_store_leaves_it_to_the_queue(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.gateway.pay(ONE)
    for call in ("bookings.lease_verification", "bookings.save"):
        ports.run_before(call, raises(StoreBusy()))
        harness.webhook(ONE)
        ports.clock.move_to(ports.clock.now() + API_VERIFY_LEASE)
        assert ports.queue.tasks.pop() == Task(
            FIRST, tx_ref=ONE, request_id="request-w", claim="paid", actor=Actor("webhook"), gateway="chapa"
        )
    for skip in range(TRIES):
        ports.run_before("bookings.save", lambda: bump(harness), skip=skip)
    harness.webhook(ONE)
    assert ports.queue.tasks == [
        Task(FIRST, tx_ref=ONE, request_id="request-w", claim="paid", actor=Actor("webhook"), gateway="chapa")
    ]
    assert harness.stored_booking(FIRST).status == "pending_payment"
    ports.clock.move_to(ports.clock.now() + API_VERIFY_LEASE)
    harness.sweep_and_drain()
    assert harness.stored_booking(booking).status == "confirmed"


def test_an_orphan_that_could_not_be_stored_waits_in_the_queue(harness: Harness, ports: Fakes) -> None:
    orphan(harness, NOBODYS)
    ports.run_before("bookings.orphan", raises(StoreBusy()))
    harness.webhook(f"{NOBODYS}-1")
    assert ports.queue.tasks == [
        Task(
            NOBODYS,
            tx_ref=f"{NOBODYS}-1",
            request_id="request-w",
            claim="paid",
            actor=Actor("webhook"),
            gateway="chapa",
        )
    ]


def test_it_is_refused_only_when_nothing_could_be_stored(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE)
    ports.queue.down = True
    ports.run_before("bookings.save", raises(StoreBusy()))
    with pytest.raises(Busy) as refused:
        harness.webhook(ONE)
    assert refused.value.retry_after == 60
    # A queue that is down alone holds nothing up.
    ports.clock.move_to(ports.clock.now() + API_VERIFY_LEASE)
    harness.webhook(ONE)
    assert harness.stored_booking(FIRST).status == "confirmed"


def test_a_queue_that_is_down_does_not_matter_while_the_booking_takes_it(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.gateway.fail_next("verify", SILENCE)
    ports.queue.down = True
    harness.webhook(ONE)
    assert harness.due_at(booking) is not None


def orphan(harness: Harness, booking_id: BookingId, *, attempt: int = 1) -> None:
    """The gateway has money under a reference of our shape that we do not hold."""
    gateway = harness.ports.gateway
    harness.book(key="another")
    tx_ref = f"{booking_id}-{attempt}"
    gateway.charges[tx_ref] = gateway.charges.pop(f"{booking_id_of('another')}-1")
    gateway.pay(tx_ref)
    harness.clear_logs()


def bump(harness: Harness) -> None:
    """Somebody saved the booking meanwhile."""
    row = harness.ports.tables.bookings[FIRST]
    row.booking = replace(row.booking, version=row.booking.version + 1)


def test_the_signature_covers_the_raw_bytes(harness: Harness, ports: Fakes) -> None:
    """The same JSON in other bytes is another message."""
    harness.held_booking()
    body, headers = ports.gateway.webhook(ONE)
    same = json.dumps(json.loads(body), indent=1).encode()
    with pytest.raises(BadSignature):
        receive(ports, same, headers, gateway="chapa", request_id="r")
    receive(ports, same, {SIGNATURE: ports.gateway._signature(same)}, gateway="chapa", request_id="r")
    assert ports.call_log.count("gateway.verify") == 1


def test_a_webhook_that_meets_another_is_followed_up_when_that_one_is_done(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.bookings.lease_verification(booking.booking_id, Lease("another", NOW + API_VERIFY_LEASE), NOW)
    harness.webhook(booking.payments[0].tx_ref)
    assert ports.call_log.count("gateway.verify") == 0
    assert [(task.tx_ref, task.claim) for task in ports.queue.tasks] == [(booking.payments[0].tx_ref, "paid")]
    assert ports.queue.delays == [UNDER_WAY_RETRY_FIRST]
    # The other one is still asking; its payment is not forgotten.
    process_task(ports, ports.queue.tasks.pop(), public_url=PUBLIC)
    assert ports.call_log.count("gateway.verify") == 0
    assert ports.queue.delays == [UNDER_WAY_RETRY_FIRST, UNDER_WAY_RETRY]
    ports.gateway.pay(ONE)
    ports.clock.move(seconds=API_VERIFY_LEASE.total_seconds())
    process_task(ports, ports.queue.tasks.pop(), public_url=PUBLIC)
    assert harness.stored_booking(booking).status == "confirmed"
