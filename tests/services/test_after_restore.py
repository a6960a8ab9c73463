"""The incident: a restore loses three paid bookings, and a refunded one is back as confirmed. All of it is found."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal, get_args

import pytest

from chalicelib.domain.booking import Booking, GatewayStatus
from chalicelib.domain.contact import NOBODY
from chalicelib.domain.errors import Busy, Forbidden, GatewayTimeout, InvalidRequest, Refusal
from chalicelib.domain.finance.settlement import StatementRow, TransactionPage
from chalicelib.domain.host import Notify
from chalicelib.domain.ids import PersonId, TxRef
from chalicelib.domain.money import Money
from chalicelib.domain.people.expiry import Expiry
from chalicelib.domain.timing import RESTORE_LOOKS_BACK
from chalicelib.services.access import Principal
from chalicelib.services.hosts import hosting
from chalicelib.services.hosts import profile as hosts
from chalicelib.services.operators.acts import acting
from chalicelib.services.operators.after_restore import Recovered, after_restore, erasures_between
from chalicelib.services.operators.attention import acknowledge
from chalicelib.services.operators.erasing import BATCH
from chalicelib.services.operators.exporting import export
from chalicelib.services.operators.lists import attention
from chalicelib.services.operators.people import erase, person_of
from tests.builders import verified
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, HOST_ABEBE, OPERATOR, Harness
from tests.replacing import replace
from tests.services.test_expiring import day_comes

EMAIL = "hanna.tesfaye@gmail.com"
HOUR, MS = timedelta(hours=1), timedelta(milliseconds=1)


@pytest.fixture
def harness() -> Harness:
    return Harness(units=30)


@pytest.fixture
def ports(harness: Harness) -> Fakes:
    return harness.ports


def listed(
    booking: Booking, *, by_tx_ref: bool = False, status: str = "paid", at: datetime | None = None
) -> StatementRow:
    [payment] = booking.payments
    return StatementRow(
        reference=payment.facts.provider_reference or "",
        status=status,  # type: ignore[arg-type]
        amount=payment.amount.decimal,
        currency="ETB",
        tx_ref=payment.tx_ref if by_tx_ref else "",
        at=at or booking.created_at,
        payer=booking.contact.email,
    )


def forget(ports: Fakes, *bookings: Booking) -> None:
    """The restore takes these bookings, and their lines, out of the tables."""
    for booking in bookings:
        del ports.tables.bookings[booking.booking_id]
        for line_id in [each for each in ports.tables.lines if each.startswith(booking.booking_id)]:
            del ports.tables.lines[line_id]


def recovered(ports: Fakes, *, dry_run: bool = False) -> list[Recovered]:
    now = ports.clock.now()
    return list(after_restore(ports, OPERATOR, now - 2 * HOUR, now, dry_run=dry_run))


def test_the_incident(harness: Harness, ports: Fakes) -> None:
    kept = harness.confirmed_booking(key="kept")
    refunded = harness.confirmed_booking(key="refunded")
    harness.sweep_and_drain()
    ports.clock.move(hours=5)
    lost = [harness.confirmed_booking(key=f"lost-{number}") for number in range(3)]
    harness.sweep_and_drain()
    rows = tuple(listed(booking, by_tx_ref=number == 0) for number, booking in enumerate(lost))
    forget(ports, *lost)
    # The refund was asked for, and done, in the time that was lost.
    ports.gateway.set_status(refunded.payments[0].tx_ref, "refunded")
    ports.clock.move(minutes=30)
    ports.gateway.listed = [TransactionPage((*rows, listed(kept), listed(refunded)), more=False)]

    would = recovered(ports, dry_run=True)
    assert ports.tables.orphans == {}
    assert [each.subject for each in would if each.outcome == "orphan"] == [
        lost[0].payments[0].tx_ref,
        *(row.reference for row in rows[1:]),
    ]

    found = recovered(ports)
    assert [each.outcome for each in found] == ["orphan"] * 3 + ["verified", "changed"]
    assert "refunded at the gateway" in found[-1].detail
    assert {each.subject for each in found[:3]} == set(ports.tables.orphans)
    assert all("hanna.tesfaye@gmail.com" in each.detail for each in found[:3])
    waiting = attention(ports, OPERATOR, kind=None, limit=20, after=None).items
    assert sorted(item.kind for item in waiting) == ["orphan", "orphan", "orphan", "payment_reversed"]
    # Once more changes nothing, and a person deals with each.
    again = recovered(ports)
    assert [each.outcome for each in again] == ["orphan"] * 3 + ["verified"] * 2
    assert len(ports.tables.orphans) == 3
    for name in list(ports.tables.orphans):
        acknowledge(ports, OPERATOR, f"orphan.{name}", note="The guest has a new booking.")
    assert [item.kind for item in attention(ports, OPERATOR, kind="orphan", limit=20, after=None).items] == []


def test_what_lies_outside_the_window_and_what_nobody_paid_is_left_alone(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    harness.sweep_and_drain()
    forget(ports, booking)
    old = listed(booking, at=ports.clock.now() - 3 * HOUR)
    ports.gateway.listed = [TransactionPage((old, listed(booking, status="failed")), more=True)]
    assert recovered(ports) == []


@pytest.mark.parametrize("status", get_args(GatewayStatus))
@pytest.mark.parametrize(
    ("at", "within"),
    [
        (-2 * HOUR - MS, False), (-2 * HOUR, True), (-HOUR, True), (timedelta(), True), (MS, False),
        # One without a time is looked at.
        (None, True),
    ],
)  # fmt: skip
def test_which_line_of_a_gateways_is_money_that_was_lost(
    ports: Fakes, status: GatewayStatus, at: timedelta | None, *, within: bool
) -> None:
    instant = None if at is None else ports.clock.now() + at
    row = StatementRow(reference="APlost", status=status, amount="1.00", currency="ETB", at=instant)
    ports.gateway.listed = [TransactionPage((row,), more=False)]
    is_money = status in ("paid", "refunded", "reversed")
    assert [each.subject for each in recovered(ports)] == ["APlost"] * (is_money and within)
    assert list(ports.tables.orphans) == ["APlost"] * (is_money and within)


def test_an_attempt_that_was_lost_is_found_though_its_booking_is_there(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    known = listed(booking, by_tx_ref=True)
    lost = replace(known, reference="APlost", tx_ref=TxRef(f"{booking.booking_id}-2"))
    ports.gateway.listed = [TransactionPage((known, lost), more=False)]
    assert [each.subject for each in recovered(ports) if each.outcome == "orphan"] == [lost.tx_ref]


def test_a_line_of_the_ledger_without_its_booking_is_no_payment_of_ours(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    harness.sweep_and_drain()
    del ports.tables.bookings[booking.booking_id]
    ports.gateway.listed = [TransactionPage((listed(booking),), more=False)]
    assert [each.outcome for each in recovered(ports)] == ["orphan"]


def test_a_gateway_that_does_not_answer_is_named(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    ports.clock.move(minutes=1)
    ports.gateway.down = GatewayTimeout("No answer in time.", definitely_not_executed=False)
    found = recovered(ports)
    assert [(each.outcome, each.subject) for each in found] == [
        ("incomplete", "chapa"),
        ("unanswered", TxRef(booking.payments[0].tx_ref)),
    ]
    ports.gateway.down = None
    ports.gateway.listed = [None]
    assert recovered(ports)[0].outcome == "incomplete"


def test_who_may_and_which_window(ports: Fakes) -> None:
    now = ports.clock.now()
    with pytest.raises(Forbidden):
        list(after_restore(ports, GUEST_HANNA, now - HOUR, now, dry_run=True))
    with pytest.raises(InvalidRequest):
        list(after_restore(ports, OPERATOR, now, now, dry_run=True))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("more", [True, False])
def test_one_old_line_on_a_page_does_not_end_the_list(ports: Fakes, order: tuple[int, int], *, more: bool) -> None:
    """Gateways sort by when a link was made, and an old link may be paid late: only a page of old lines is the end."""
    now = ports.clock.now()
    line = StatementRow(reference="APnew", status="paid", amount="1.00", currency="ETB", at=now - HOUR)
    first = [replace(line, reference="APold", at=now - 3 * HOUR), line]
    second = replace(line, reference="APnext", at=now - HOUR)
    pages = [TransactionPage(tuple(first[each] for each in order), more=True), TransactionPage((second,), more=more)]
    ports.gateway.listed = [*pages, TransactionPage((replace(line, at=now - 4 * HOUR),), more=True), None]
    assert {each.subject for each in recovered(ports)} == {"APnew", "APnext"}


@pytest.mark.parametrize("currency", ["ETB", "USD"])
@pytest.mark.parametrize("payer", ["Hanna.Tesfaye@gmail.com", ""])
@pytest.mark.parametrize("status", ["paid", "refunded", "reversed"])
def test_what_an_orphan_keeps_of_the_money(
    ports: Fakes, status: Literal["paid", "refunded", "reversed"], payer: str, currency: str
) -> None:
    at = ports.clock.now() - HOUR
    row = StatementRow(reference="APlost", status=status, amount="1234.50", currency=currency, at=at, payer=payer)
    ports.gateway.listed = [TransactionPage((row,), more=False)]
    recovered(ports)
    [(kept, _)] = ports.tables.orphans.values()
    assert (kept.status, kept.amount, kept.provider_reference, kept.payer, kept.paid_at, kept.mode) == (
        status, Money(123450, currency), "APlost", payer, at, ports.gateway.mode
    )  # fmt: skip
    # It is among what is held of its payer, who may ask for it to be erased.
    person = person_of(ports, email="hanna.tesfaye@gmail.com", phone_number=None)
    held = export(ports, OPERATOR, person, request_id="r", limit=9, after=None).items
    assert [each.orphan.tx_ref for each in held if each.orphan] == ["APlost"] * bool(payer)


@pytest.mark.parametrize("dry_run", [True, False])
def test_each_attempt_of_a_booking_is_asked_about(harness: Harness, ports: Fakes, *, dry_run: bool) -> None:
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=5))
    booking = harness.held_booking()
    paid = harness.another_attempt(harness.another_attempt(booking))
    assert len(paid.payments) == 3
    ports.clock.move(minutes=1)
    found = [each for each in recovered(ports, dry_run=dry_run) if each.booking_id == booking.booking_id]
    assert [each.subject for each in found] == [payment.tx_ref for payment in paid.payments]


@pytest.mark.parametrize("before", [RESTORE_LOOKS_BACK, RESTORE_LOOKS_BACK + MS])
def test_how_long_before_the_window_a_booking_may_have_been_made(
    harness: Harness, ports: Fakes, before: timedelta
) -> None:
    booking = harness.held_booking()
    ports.clock.move_to(booking.created_at + before + 2 * HOUR)
    asked = [each.booking_id for each in recovered(ports, dry_run=True)]
    assert asked == [booking.booking_id] * (before <= RESTORE_LOOKS_BACK)


@pytest.mark.parametrize(
    "trouble",
    [
        Busy("others change it", retry_after=timedelta(seconds=1)),
        GatewayTimeout("silent", definitely_not_executed=False),
    ],
    ids=["busy", "silent"],
)
@pytest.mark.parametrize("place", [0, 1])
def test_a_payment_of_which_nothing_can_be_said_stops_no_other(
    harness: Harness, ports: Fakes, trouble: Refusal, place: int
) -> None:
    made = [harness.confirmed_booking(key=f"{number}") for number in range(2)]
    ports.clock.move(hours=1)
    ports.run_before("gateway.verify", raises(trouble), skip=place)
    outcomes = {each.booking_id: each.outcome for each in recovered(ports) if each.booking_id}
    assert sorted(outcomes) == sorted(booking.booking_id for booking in made)
    assert sorted(outcomes.values()) == ["unanswered", "verified"]


# Whoever was erased in the lost window is back


def erased(ports: Fakes, email: str = EMAIL) -> None:
    """An operator erases a person, as the route does it: the trail first."""
    person = person_of(ports, email=email, phone_number=None)
    with acting(ports, OPERATOR, "erase", person.subject, note="A letter.", request_id="request-e"):
        erase(ports, OPERATOR, person, note="A letter.", request_id="request-e", dry_run=False)


def stays_over(harness: Harness, number: int = 1) -> list[Booking]:
    made = [
        harness.confirmed_booking(key=f"stay-{n}", guest=Principal(PersonId(f"guest-{n}"), EMAIL))
        for n in range(number)
    ]
    harness.deliver_outbox()
    harness.advance(days=20)
    return [harness.stored_booking(each) for each in made]


def bring_back(ports: Fakes, *bookings: Booking) -> None:
    """The restore makes these what they were; who was erased, and the trail, stay (``ops.stages.restore.SURVIVES``)."""
    for booking in bookings:
        ports.tables.bookings[booking.booking_id].booking = booking


def test_whoever_was_erased_in_the_window_is_erased_again(harness: Harness, ports: Fakes) -> None:
    bookings = stays_over(harness, BATCH + 5)
    erased(ports)
    harness.advance(minutes=30)
    bring_back(ports, *bookings)
    [would] = [each for each in recovered(ports, dry_run=True) if each.outcome == "erased"]
    assert "by email" in would.detail
    assert harness.stored_booking(bookings[0]).contact == bookings[0].contact, "it was only shown"
    [done] = [each for each in recovered(ports) if each.outcome == "erased"]
    assert done.detail == f"{BATCH} bookings are erased again; the rest follows"
    harness.advance(minutes=10)
    assert {row.booking.contact for row in ports.tables.bookings.values()} == {NOBODY}
    # Once more finds nobody, and does no harm.
    [again] = [each for each in recovered(ports) if each.outcome == "erased"]
    assert again.detail == "0 bookings are erased again"


def test_an_erasure_of_before_the_window_is_left_alone(harness: Harness, ports: Fakes) -> None:
    stays_over(harness)
    erased(ports)
    harness.advance(hours=4)
    assert [each for each in recovered(ports) if each.outcome == "erased"] == []


def test_a_host_that_is_back_is_erased_again(harness: Harness, ports: Fakes) -> None:
    hosts.change(ports, HOST_ABEBE, notify=Notify(email="house@gmail.com"), tax=None)
    hosting.close(ports, HOST_ABEBE, harness.listing.listing_id)
    profile = ports.tables.hosts[HOST_ABEBE.person_id]
    erased(ports, "house@gmail.com")
    assert ports.tables.hosts[HOST_ABEBE.person_id].notify == Notify()
    version = ports.tables.hosts[HOST_ABEBE.person_id].version
    ports.tables.hosts[HOST_ABEBE.person_id] = replace(profile, version=version)
    recovered(ports)
    assert ports.tables.hosts[HOST_ABEBE.person_id].notify == Notify()


def test_what_is_under_way_since_the_restore_is_left_and_named(harness: Harness, ports: Fakes) -> None:
    [booking] = stays_over(harness)
    erased(ports)
    bring_back(ports, verified(booking, "reversed", now=ports.clock.now()))
    [left] = [each for each in recovered(ports) if each.outcome == "left"]
    assert f"payment_reversed {booking.payments[0].tx_ref}" in left.detail


def test_erasures_that_were_kept_elsewhere_are_done_again_where_the_tables_know_nothing(
    harness: Harness, ports: Fakes
) -> None:
    """The tables came from a copy, in another region: neither record nor trail is there."""
    bookings = stays_over(harness)
    erased(ports)
    now = ports.clock.now()
    [kept] = erasures_between(ports, OPERATOR, now - HOUR, now)
    bring_back(ports, *bookings)
    ports.tables.erasures.clear()
    ports.tables.accesses.clear()
    found = list(after_restore(ports, OPERATOR, now - HOUR, now, recorded=[kept], dry_run=False))
    assert [each.outcome for each in found if each.subject == kept.erasure_id] == ["erased"]
    assert harness.stored_booking(bookings[0]).contact == NOBODY


def test_contacts_that_had_expired_expire_again_by_themselves(harness: Harness, ports: Fakes) -> None:
    """How far they had expired lies in the table that went back with them."""
    [booking] = stays_over(harness)
    ports.erasures.save_expiry(Expiry(done_until=date(2027, 1, 1), due_at=ports.clock.now()))
    before = ports.tables.erasures.copy()
    day_comes(harness, date(2029, 2, 20))
    assert harness.stored_booking(booking).contact == NOBODY
    bring_back(ports, booking)
    ports.tables.erasures.clear()
    ports.tables.erasures.update(before)
    day_comes(harness, date(2029, 2, 21))
    assert harness.stored_booking(booking).contact == NOBODY
    [expiry] = [each for each in recovered(ports) if each.outcome == "expiry"]
    assert expiry.detail.startswith("expired up to 2027-02-20")
