"""A person is erased on request: what is in the way is named, what is held goes batch by batch, and money stays."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, get_args

import msgspec
import pytest

from chalicelib.domain.attention import attention
from chalicelib.domain.booking import Booking, EntryStatus, RefundStatus
from chalicelib.domain.contact import NOBODY, Contact
from chalicelib.domain.errors import (
    ContactFixed,
    DataStillNeeded,
    Forbidden,
    GatewayTimeout,
    IdempotencyKeyReused,
    NoAddress,
)
from chalicelib.domain.finance.ledger import line_of, money_moved
from chalicelib.domain.host import Host, Notify, Tax
from chalicelib.domain.ids import BookingId, ListingId, PersonId
from chalicelib.domain.listings.calendar import MAX_NIGHTS, instant_of
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.money import Money
from chalicelib.domain.people.access import Access
from chalicelib.domain.people.erasure import ON_REQUEST, Erasure, erasure_task
from chalicelib.domain.people.expiry import TASK
from chalicelib.domain.people.limits import Limits
from chalicelib.domain.people.suppression import Suppression
from chalicelib.domain.verification import Verification
from chalicelib.services.access import Principal
from chalicelib.services.book import book
from chalicelib.services.cancel import cancel
from chalicelib.services.clock.sweep import process_task
from chalicelib.services.correcting import correct_contact
from chalicelib.services.deliver import deliver
from chalicelib.services.disputes import DisputeRequest, close_dispute, enter_dispute
from chalicelib.services.hosts import hosting
from chalicelib.services.hosts import profile as hosts
from chalicelib.services.operators import accounts, lists, messages
from chalicelib.services.operators.attention import acknowledge
from chalicelib.services.operators.erasing import BATCH
from chalicelib.services.operators.exporting import Held, HeldKind, export
from chalicelib.services.operators.find import find
from chalicelib.services.operators.people import ErasureReport, erase, person_of
from chalicelib.services.ports.bookings import AttentionEntry, Orphan
from chalicelib.services.ports.outcomes import Fault, Page, StoreBusy
from chalicelib.services.ports.queues import Task
from chalicelib.services.refunds import refund
from chalicelib.services.reviews import review
from tests.adapters.ledger_contract import a_line
from tests.builders import HANNA, a_stay, change_payment
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import (
    DRAFT,
    GUEST_DAWIT,
    GUEST_HANNA,
    HOST_ABEBE,
    NIGHTS,
    OPERATOR,
    OTHER_HOST,
    PUBLIC,
    Harness,
    a_request,
)
from tests.replacing import replace

SUPPORT = Principal(PersonId("support-1"), "lemma@guzo.example.et", frozenset({"support"}))
FINANCE = Principal(PersonId("finance-1"), "almaz@guzo.example.et", frozenset({"finance"}))
EMAIL = "hanna.tesfaye@gmail.com"
OTHER = Contact(first_name="Dawit", last_name="Gebre", email="dawit@gmail.com", phone="0922334455")
NAMES = (b"Hanna", b"Tesfaye", b"hanna.tesfaye", b"0911223344")


@pytest.fixture
def harness() -> Harness:
    return Harness(units=99)


def wipe(ports: Fakes, *, who: Any = OPERATOR, dry_run: bool = False, **named: str) -> ErasureReport:
    named = named or {"email": EMAIL}
    person = person_of(ports, email=named.get("email"), phone_number=named.get("phone"))
    return erase(ports, who, person, note="asked by letter", request_id="request-x", dry_run=dry_run)


def exported(ports: Fakes, *, limit: int = 20, **named: str) -> list[Held]:
    named = named or {"email": EMAIL}
    person = person_of(ports, email=named.get("email"), phone_number=named.get("phone"))
    ports.clock.move(seconds=1)
    held: list[Held] = []
    after: str | None = None
    for _ in range(100):
        page = export(ports, OPERATOR, person, request_id="request-e", limit=limit, after=after)
        ports.clock.move(seconds=1)
        assert len(page.items) <= limit
        held += page.items
        after = page.next_cursor
        if after is None:
            return held
    raise AssertionError("an export without an end")


def past(harness: Harness, **booked: Any) -> Booking:
    """A paid booking whose letters went out and whose stay is over."""
    stay = a_stay(harness.ports.clock.now().date() + timedelta(days=12))
    booking = harness.confirmed_booking(**{"stay": stay} | booked)
    harness.deliver_outbox()
    over(harness, booking)
    return harness.stored_booking(booking)


def over(harness: Harness, booking: Booking) -> None:
    harness.advance(days=(max(booking.check_out_at, harness.ports.clock.now()) - harness.ports.clock.now()).days + 1)
    harness.clear_logs()


def the_erasure(ports: Fakes) -> Erasure:
    [(known, _)] = ports.tables.erasures.values()
    assert isinstance(known, Erasure)
    return known


def stored_text(ports: Fakes) -> bytes:
    """All that the tables hold, as JSON, but the trail and the listing."""
    tables = ports.tables
    kept: list[Any] = [row.booking for row in tables.bookings.values()]
    kept += [*tables.reviews.values(), *tables.accounts.values(), *(item for item, _ in tables.erasures.values())]
    kept += [verification for verification, _ in tables.orphans.values()]
    return b"\n".join(msgspec.json.encode(each) for each in kept)


def test_a_guest_whose_stays_are_over_is_gone_and_the_money_stays(harness: Harness, ports: Fakes) -> None:
    booking = past(harness)
    review(ports, GUEST_HANNA, harness.listing.listing_id, booking.booking_id, rating=5, text="Hanna was here", key="k")
    before = harness.stored_booking(booking)
    assert all(name in stored_text(ports) for name in NAMES)
    report = wipe(ports)
    assert report.erasure is not None
    assert (report.bookings, report.erasure.erased, report.erasure.left) == (1, 1, ())
    assert report.erasure.finished_at == ports.clock.now()
    after = harness.stored_booking(booking)
    assert (after.contact, after.contact_erased_at) == (NOBODY, ports.clock.now())
    assert not any(name in stored_text(ports) for name in NAMES)
    # Money, days and acts are as they were.
    assert money_moved(after) == money_moved(before) != {}
    assert [line_of(after, each, time_zone="UTC") for each in after.outbox if each.is_line] == [
        line_of(before, each, time_zone="UTC") for each in before.outbox if each.is_line
    ]
    assert [event.kind for event in after.history] == [*(event.kind for event in before.history), "contact_erased"]
    last = after.history[-1]
    assert (last.by, last.by_name, last.detail) == (OPERATOR.person_id, OPERATOR.email, ON_REQUEST)
    assert (after.stay, after.total, after.lines) == (before.stay, before.total, before.lines)
    [said] = ports.tables.reviews.values()
    assert (said.rating, said.text) == (5, "")
    harness.check_invariants()


def test_nothing_finds_an_erased_guest_but_the_guest(harness: Harness, ports: Fakes) -> None:
    booking = past(harness)
    wipe(ports)
    for text in (EMAIL, "0911223344", "Tesfaye", "Hanna Tesfaye"):
        assert find(ports, OPERATOR, text, request_id="r", limit=20, after=None).items == ()
    own = find(ports, OPERATOR, GUEST_HANNA.person_id, request_id="r", limit=20, after=None)
    assert [each.booking_id for each in own.items] == [booking.booking_id]
    assert {held.kind for held in exported(ports)} == {"search", "erasure"}
    assert {held.kind for held in exported(ports, phone="0911223344")} == {"search"}


def test_a_repeat_answers_the_same_and_erases_nothing_again(harness: Harness, ports: Fakes) -> None:
    booking = past(harness)
    wipe(ports)
    first = harness.stored_booking(booking)
    ports.clock.move(days=1)
    again = wipe(ports)
    assert (again.bookings, harness.stored_booking(booking)) == (0, first)


@pytest.mark.parametrize("who", [SUPPORT, FINANCE, GUEST_HANNA, HOST_ABEBE])
def test_only_operators_may(harness: Harness, ports: Fakes, who: Principal) -> None:
    past(harness)
    with pytest.raises(Forbidden):
        wipe(ports, who=who)
    with pytest.raises(Forbidden):
        export(ports, who, person_of(ports, email=EMAIL, phone_number=None), request_id="r", limit=5, after=None)
    assert ports.tables.accesses == []


def test_a_preview_writes_nothing_but_the_trail(harness: Harness, ports: Fakes) -> None:
    booking = past(harness)
    report = wipe(ports, dry_run=True)
    assert (report.erasure, report.bookings, report.hosts) == (None, 1, 0)
    assert (harness.stored_booking(booking), ports.tables.erasures) == (booking, {})
    assert [access.act for access in ports.tables.accesses] == ["search"]


def refused(ports: Fakes, **named: str) -> list[tuple[str, str]]:
    for dry_run in (True, False):
        with pytest.raises(DataStillNeeded) as refusal:
            wipe(ports, dry_run=dry_run, **named)
    assert ports.tables.erasures == {}
    return [(matter.kind, matter.subject) for matter in refusal.value.matters]


def test_a_stay_to_come_and_an_unpaid_hold_are_named(harness: Harness, ports: Fakes) -> None:
    confirmed = harness.confirmed_booking()
    held = harness.held_booking(key="second", stay=a_stay(NIGHTS[0] + timedelta(days=9)))
    over_now = harness.held_booking(key="third", stay=a_stay(NIGHTS[0] + timedelta(days=30)))
    assert sorted(refused(ports)) == sorted(
        [("stay", confirmed.booking_id), ("unpaid_hold", held.booking_id), ("unpaid_hold", over_now.booking_id)]
    )
    assert harness.stored_booking(confirmed).contact == HANNA


def test_late_money_a_refund_and_a_dispute_are_named(harness: Harness, ports: Fakes) -> None:
    expired = harness.expired_booking()
    assert refused(ports) == [("payment", expired.payments[0].tx_ref)]
    harness.advance(days=4)
    paid = harness.confirmed_booking(key="second")
    ports.gateway.down = GatewayTimeout("down", definitely_not_executed=True)
    cancelled, _ = cancel(ports, HOST_ABEBE, paid.booking_id, reason="a pity")
    assert refused(ports) == [("refund", cancelled.refunds[0].refund_id)]


def test_a_lost_dispute_and_a_refund_that_is_done_are_no_more_in_the_way(harness: Harness, ports: Fakes) -> None:
    paid = harness.confirmed_booking()
    harness.deliver_outbox()
    cancel(ports, HOST_ABEBE, paid.booking_id, reason="Hanna wanted it")
    ports.gateway.reported_refund_status = "refunded"
    harness.advance(days=20)
    wipe(ports)
    after = harness.stored_booking(paid)
    assert after.contact == NOBODY
    assert money_moved(after) == {"ETB": 0}
    assert all("Hanna" not in event.detail for event in after.history)
    assert [refund.reason for refund in after.refunds] == ["cancelled_by_host"]


def test_many_bookings_are_erased_batch_by_batch_whatever_stops_it(harness: Harness, ports: Fakes) -> None:
    for number in range(BATCH + 5):
        guest = Principal(PersonId(f"guest-{number}"), "guest@gmail.com")
        booking = harness.confirmed_booking(key=f"key-{number}", guest=guest)
    harness.deliver_outbox()
    over(harness, booking)
    person = person_of(ports, email=EMAIL, phone_number=None)
    ports.queue.down = True
    first = wipe(ports)
    assert first.erasure is not None
    assert (first.bookings, first.erasure.erased, first.erasure.finished_at) == (BATCH + 5, BATCH, None)
    ports.queue.down = False
    # The message was lost; a worker dies at each write of the next batch; the clock finds the rest.
    for call in ("bookings.save", "erasures.save"):
        ports.run_before(call, raises(StoreBusy("down")))
        process_task(ports, Task(erasure_task(person.subject)), public_url=PUBLIC)
        assert not ports.call_log.armed
    harness.advance(hours=1)
    again = wipe(ports)
    assert all(row.booking.contact == NOBODY for row in ports.tables.bookings.values())
    known = ports.tables.erasures[erasure_task(person.subject)][0]
    assert known.finished_at is not None  # type: ignore[union-attr]
    assert again.bookings == 0
    assert not any(name in stored_text(ports) for name in NAMES)


def test_a_repeat_carries_on_what_is_under_way_and_says_how_far_it_is(harness: Harness, ports: Fakes) -> None:
    for number in range(2 * BATCH + 3):
        guest = Principal(PersonId(f"guest-{number}"), "guest@gmail.com")
        booking = harness.confirmed_booking(key=f"key-{number}", guest=guest)
    harness.deliver_outbox()
    over(harness, booking)
    counts = []
    for _ in range(3):
        report = wipe(ports)
        assert report.erasure is not None
        counts.append((report.erasure.erased, report.erasure.finished_at is not None))
    assert counts == [(BATCH, False), (2 * BATCH, False), (2 * BATCH + 3, True)]


def test_what_comes_under_way_meanwhile_is_left_and_named(harness: Harness, ports: Fakes) -> None:
    booking = past(harness)
    tx_ref = booking.payments[0].tx_ref

    def reverse() -> None:
        ports.gateway.set_status(tx_ref, "reversed")
        harness.process_task(booking, tx_ref)

    ports.run_before("erasures.save", reverse)
    report = wipe(ports)
    assert report.erasure is not None
    assert [(left.kind, left.subject) for left in report.erasure.left] == [("payment_reversed", tx_ref)]
    assert (report.erasure.erased, harness.stored_booking(booking).contact) == (0, HANNA)


REVERSED, DISPUTED = "payment_reversed", "dispute"


@pytest.mark.parametrize("kind", [REVERSED, DISPUTED])
@pytest.mark.parametrize("count", [1, 2, BATCH + 1])
def test_all_that_comes_under_way_meanwhile_is_left_and_named_once(
    harness: Harness, ports: Fakes, kind: str, count: int
) -> None:
    """However many of a person's bookings it is, and however many batches they take; the others are erased."""
    made = []
    for number in range(count + 2):
        guest = Principal(PersonId(f"guest-{number}"), "guest@gmail.com")
        made.append(harness.confirmed_booking(key=f"key-{number}", guest=guest))
    harness.deliver_outbox()
    over(harness, made[-1])
    late = [booking.payments[0].tx_ref for booking in made[1:-1]]

    def happens() -> None:
        for tx_ref in late:
            if kind == DISPUTED:
                due_at = ports.clock.now() + timedelta(days=3)
                enter_dispute(ports, OPERATOR, DisputeRequest(tx_ref, "fraud", "", due_at), key=None, dry_run=False)
            else:
                ports.gateway.set_status(tx_ref, "reversed")
                harness.process_task(harness.stored_booking(BookingId(tx_ref.partition("-")[0])), tx_ref)

    ports.run_before("erasures.save", happens)
    wipe(ports)
    harness.sweep_and_drain()
    known = the_erasure(ports)
    assert known.finished_at is not None
    assert sorted(left.subject.partition("-D")[0] for left in known.left) == sorted(late)
    assert {left.kind for left in known.left} == {kind}
    assert known.erased == 2
    erased = [booking for booking in made if harness.stored_booking(booking).contact == NOBODY]
    assert erased == [made[0], made[-1]]


def test_an_erasure_that_is_over_does_not_say_who_it_was(harness: Harness, ports: Fakes) -> None:
    a_host(harness)
    people: list[dict[str, Any]] = [{"email": EMAIL}, {"phone": "0911223344"}, {"email": "abebe.kebede@gmail.com"}]
    for named in people:
        hosting.close(ports, HOST_ABEBE, harness.listing.listing_id)
        ports.tables.erasures.clear()
        person = person_of(ports, email=named.get("email"), phone_number=named.get("phone"))
        wipe(ports, **named)
        known = the_erasure(ports)
        assert known.finished_at is not None
        assert (known.hosts, known.position, known.due_at) == ((), "", None)
        # Keyed hashes alone, by which a restore's return is erased again.
        keys = (known.key, known.orphan_key, known.host_key)
        assert keys == (person.key, person.payer_key, person.host_key)
        kept = msgspec.json.encode(known)
        for said in (person.value, str(HOST_ABEBE.person_id)):
            assert said.encode() not in kept


@pytest.mark.parametrize("left", [1, BATCH, BATCH + 1, 2 * BATCH])
def test_the_clock_alone_brings_an_erasure_to_its_end(harness: Harness, ports: Fakes, left: int) -> None:
    """Every message of it is lost."""
    for number in range(BATCH + left):
        guest = Principal(PersonId(f"guest-{number}"), "guest@gmail.com")
        booking = harness.confirmed_booking(key=f"key-{number}", guest=guest)
    harness.deliver_outbox()
    over(harness, booking)
    person = person_of(ports, email=EMAIL, phone_number=None)
    wipe(ports)
    for _ in range(3):
        ports.queue.tasks.clear()
        _, due_at = ports.tables.erasures[erasure_task(person.subject)]
        if due_at is None:
            break
        assert ports.clock.now() < due_at <= ports.clock.now() + timedelta(hours=1)
        ports.clock.move_to(due_at)
        ports.queue.down = True
        process_task(ports, Task(erasure_task(person.subject)), public_url=PUBLIC)
        ports.queue.down = False
    assert the_erasure(ports).finished_at is not None
    assert all(row.booking.contact == NOBODY for row in ports.tables.bookings.values())


@pytest.mark.parametrize("waits", [True, False])
def test_money_that_comes_meanwhile_keeps_its_payer_while_it_waits(
    harness: Harness, ports: Fakes, *, waits: bool
) -> None:
    person = person_of(ports, email=EMAIL, phone_number=None)
    money = Verification("paid", reported="chapa: paid ETB 5.00", provider_reference="APx", payer=EMAIL)

    def comes() -> None:
        ports.bookings.orphan("APx12345", money, ports.clock.now(), payer_key=person.payer_key)
        if not waits:
            acknowledge(ports, OPERATOR, "orphan.APx12345", note="sent back")

    ports.run_before("erasures.save", comes)
    wipe(ports)
    assert ports.tables.orphans["APx12345"][0].payer == (EMAIL if waits else "")


@pytest.mark.parametrize("reopened", [True, False])
def test_every_profile_and_every_listing_of_a_host_is_erased_but_one_that_is_open_again(
    harness: Harness, ports: Fakes, *, reopened: bool
) -> None:
    """One address may be two hosts'; a host may have many listings."""
    people = [HOST_ABEBE, OTHER_HOST]
    made: list[tuple[Principal, ListingId]] = []
    for who in people:
        notify = Notify(email="house@gmail.com", phone="0944556677")
        hosts.change(ports, who, notify=notify, tax=Tax(name="Abebe Kebede", tin="0012345678"))
        for number in range(2):
            draft = replace(DRAFT, title=f"House {number}")
            listing, _ = hosting.publish(ports, who, draft, key=f"{number}")
            hosting.close(ports, who, listing.listing_id)
            made.append((who, listing.listing_id))
    hosting.close(ports, HOST_ABEBE, harness.listing.listing_id)
    who, again = made[-1]
    if reopened:
        ports.run_before(
            "erasures.save",
            lambda: hosting.update(ports, who, again, {"status": "open"}, only_versions=None),
        )
    report = wipe(ports, email="house@gmail.com")
    assert (report.hosts, the_erasure(ports).finished_at is not None) == (2, True)
    assert [ports.tables.hosts[each.person_id].notify for each in people] == [Notify()] * 2
    for _, listing_id in made:
        kept = reopened and listing_id == again
        stored = ports.tables.listings[listing_id]
        assert (stored.address, stored.description) == ((DRAFT.address, DRAFT.description) if kept else ("", ""))


def test_somebody_elses_booking_under_a_corrected_address_is_left_alone(harness: Harness, ports: Fakes) -> None:
    booking = past(harness)
    correct = lambda: correct_contact(  # noqa: E731
        ports, OPERATOR, booking.booking_id, {"email": "other@gmail.com"}
    )
    ports.run_before("erasures.save", correct)
    wipe(ports)
    assert harness.stored_booking(booking).contact.email == "other@gmail.com"


def test_by_phone_and_only_the_person_that_was_named(harness: Harness, ports: Fakes) -> None:
    hanna, dawit = past(harness), past(harness, key="second", guest=GUEST_DAWIT, contact=OTHER)
    wipe(ports, phone="0911223344")
    assert harness.stored_booking(hanna).contact == NOBODY
    assert harness.stored_booking(dawit).contact == OTHER


def test_letters_that_are_owed_or_came_back_are_not_sent_and_ask_nobody(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    ports.queue.letters.clear()
    ports.run_before("mailer.send", raises(Fault("not now")))
    over(harness, booking)
    booking = harness.stored_booking(booking)
    owed = replace(booking, outbox=tuple(replace(each, status="failed", why="refused") for each in booking.outbox))
    ports.tables.bookings[booking.booking_id].booking = owed
    sent = len(ports.mailer.sent)
    wipe(ports)
    after = harness.stored_booking(booking)
    assert {each.kind: each.status for each in after.letters} == {
        "booking_confirmed": "superseded", "host_new_booking": "failed"
    }  # fmt: skip
    deliver(ports, booking.booking_id)
    with pytest.raises(NoAddress, match="erased"):
        messages.resend(
            ports, OPERATOR, booking.booking_id, after.letters[0].entry_id, note="x", lift=False, dry_run=False
        )
    assert len(ports.mailer.sent) == sent


def test_what_happens_later_is_told_to_nobody_and_asks_nobody(harness: Harness, ports: Fakes) -> None:
    booking = past(harness)
    wipe(ports)
    tx_ref = booking.payments[0].tx_ref
    refund(ports, OPERATOR, tx_ref, amount=100, reason="a pity", key="k", cancel_booking=False)
    harness.deliver_outbox()
    after = harness.stored_booking(booking)
    assert (after.letters[-1].kind, after.letters[-1].status) == ("money_returned", "superseded")
    assert [refund.amount.minor for refund in after.refunds] == [100]
    assert attention(after) is None


def test_a_contact_that_was_erased_is_not_corrected(harness: Harness, ports: Fakes) -> None:
    booking = past(harness)
    wipe(ports)
    with pytest.raises(ContactFixed):
        correct_contact(ports, OPERATOR, booking.booking_id, {"first_name": "Hanna"})


def test_a_repeated_key_answers_the_booking_without_a_contact(harness: Harness, ports: Fakes) -> None:
    booking = past(harness, stay=a_stay())
    other = a_request(harness.listing, stay=a_stay(date(2027, 3, 1)))
    with pytest.raises(IdempotencyKeyReused):
        book(ports, GUEST_HANNA, other, key="first", public_url=PUBLIC, request_id="r")
    wipe(ports)
    for request in (a_request(harness.listing), other):
        again = book(ports, GUEST_HANNA, request, key="first", public_url=PUBLIC, request_id="r")
        assert (again.replayed, again.booking.booking_id, again.booking.contact) == (True, booking.booking_id, NOBODY)


def test_notes_about_an_account_go_with_its_last_contact(harness: Harness, ports: Fakes) -> None:
    past(harness)
    other = past(harness, key="second", contact=OTHER)
    person = GUEST_HANNA.person_id
    accounts.act_on_account(ports, OPERATOR, person, act="block", note="Hanna called us names", request_id="r")
    wipe(ports)
    # The account has booked for somebody else as well, who is not erased.
    assert ports.tables.accounts[person].block == ports.tables.accounts[person].acts[0]
    assert ports.tables.accounts[person].acts[0].note == "Hanna called us names"
    wipe(ports, email=OTHER.email)
    assert harness.stored_booking(other).contact == NOBODY
    account = ports.tables.accounts[person]
    assert account.block is not None
    assert (account.block.note, account.acts[0].note, account.block.by) == ("", "", OPERATOR.person_id)


def test_a_suppressed_address_stays_so_as_a_hash(harness: Harness, ports: Fakes) -> None:
    booking = past(harness)
    known = Suppression(outcome="bounced", since=ports.clock.now(), booking_id=booking.booking_id, entry_id="1")
    ports.suppressions.put(EMAIL, known)
    wipe(ports)
    assert ports.suppressions.find(EMAIL) == known
    assert [held.suppression for held in exported(ports) if held.kind == "suppression"] == [known]


def test_money_without_a_booking_is_in_the_way_until_somebody_dealt_with_it(harness: Harness, ports: Fakes) -> None:
    person = person_of(ports, email=EMAIL, phone_number=None)
    money = Verification("paid", reported="chapa: paid ETB 5.00", provider_reference="APx", payer=EMAIL)
    ports.bookings.orphan("APx12345", money, ports.clock.now(), payer_key=person.payer_key)
    assert [held.orphan.verification for held in exported(ports) if held.orphan] == [money]
    assert refused(ports) == [("orphan", "APx12345")]
    acknowledge(ports, OPERATOR, "orphan.APx12345", note="sent back")
    wipe(ports)
    assert ports.tables.orphans["APx12345"][0] == replace(money, payer="")
    assert ports.bookings.orphans_of(person.payer_key) == ()


def test_all_that_is_held_is_exported(harness: Harness, ports: Fakes) -> None:
    booking = past(harness)
    second = past(harness, key="second")
    review(ports, GUEST_HANNA, harness.listing.listing_id, booking.booking_id, rating=4, text="Quiet.", key=None)
    find(ports, OPERATOR, "Hanna.Tesfaye@gmail.com ", request_id="r", limit=20, after=None)
    for limit in (1, 20):
        held = exported(ports, limit=limit)
        bookings = [each for each in held if each.kind == "booking"]
        assert [each.booking and each.booking.booking_id for each in bookings] == [
            second.booking_id,
            booking.booking_id,
        ]
        assert bookings[0].account is not None
        assert bookings[0].account.person_id == GUEST_HANNA.person_id
        assert bookings[1].review is not None
        assert (bookings[1].review.text, bookings[0].review) == ("Quiet.", None)
        searches = [each.search for each in held if each.search]
        assert (searches[0].act, searches[0].by) == ("search", OPERATOR.person_id)
    assert {access.act for access in ports.tables.accesses} == {"search", "export"}
    assert exported(ports, email="nobody@gmail.com") == []


def a_host(harness: Harness) -> None:
    notify = Notify(email="abebe.kebede@gmail.com", phone="0944556677")
    hosts.change(harness.ports, HOST_ABEBE, notify=notify, tax=Tax(name="Abebe Kebede", tin="0012345678"))


def test_a_host_with_an_open_listing_a_guest_and_a_balance_is_not_erased(harness: Harness, ports: Fakes) -> None:
    a_host(harness)
    booking = harness.confirmed_booking()
    matters = refused(ports, email="abebe.kebede@gmail.com")
    assert matters == [("open_listing", harness.listing.listing_id), ("hosted_stay", booking.booking_id)]
    over(harness, booking)
    assert refused(ports, email="abebe.kebede@gmail.com") == [
        ("open_listing", harness.listing.listing_id),
        ("balance", "ETB"),
    ]


def test_a_host_who_left_is_erased_and_her_tax_record_stays(harness: Harness, ports: Fakes) -> None:
    a_host(harness)
    booking = harness.confirmed_booking()
    harness.deliver_outbox()
    cancel(ports, HOST_ABEBE, booking.booking_id, reason="The roof leaks.")
    ports.gateway.reported_refund_status = "refunded"
    harness.advance(days=30)
    ports.rules = replace(ports.rules, host_bears_fee=False)
    hosting.close(ports, HOST_ABEBE, harness.listing.listing_id)
    found = find(ports, OPERATOR, "Abebe Kebede", request_id="r", limit=20, after=None)
    assert [each.booking_id for each in found.items] == [booking.booking_id]
    kinds = [held.kind for held in exported(ports, phone="0944556677")]
    assert kinds == ["host", "listing"]
    report = wipe(ports, phone="0944556677")
    assert report.erasure is not None
    assert (report.hosts, report.erasure.finished_at) == (1, ports.clock.now())
    host = ports.tables.hosts[HOST_ABEBE.person_id]
    assert (host.notify, host.tax) == (Notify(), Tax(name="Abebe Kebede", tin="0012345678"))
    listing = ports.tables.listings[ListingId(harness.listing.listing_id)]
    assert (listing.host_email, listing.address, listing.description, listing.photos) == ("", "", "", ())
    after = harness.stored_booking(booking)
    assert (after.place.host_email, after.place.address, after.place.title) == ("", "", harness.listing.title)
    assert all(event.by_name == "" for event in after.history if event.cause == "host")
    # The guest is somebody else, and stays.
    assert after.contact == HANNA
    for text in ("Abebe Kebede", "abebe.kebede@gmail.com", "0944556677"):
        assert find(ports, OPERATOR, text, request_id="r", limit=20, after=None).items == ()


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (erasure_task("S8cxwuUC6PJQhqO6gH-nuQ"), "erasing a person has failed for a day"),
        (TASK, "the expiry of contacts has failed for a day"),
    ],
)
def test_what_fails_for_a_day_is_on_the_attention_list(ports: Fakes, task: BookingId, reason: str) -> None:
    entry = AttentionEntry(task, "failing", ports.clock.now())
    ports.bookings.attention_entries = lambda **_: Page((entry,), None)  # type: ignore[method-assign]
    [item] = lists.attention(ports, OPERATOR, kind=None, limit=9, after=None).items
    assert (item.kind, item.subject, item.booking_id, item.reason) == ("failing", task, None, reason)


def a_person_of_many_parts(harness: Harness) -> dict[str, list[str]]:
    """Somebody with several of everything under one address; answers the ids of what is held, by kind."""
    ports = harness.ports
    made: dict[str, list[str]] = {kind: [] for kind in get_args(HeldKind)}
    for number in range(4):
        guest = Principal(PersonId(f"guest-{number // 2}"), "guest@gmail.com")
        made["booking"].append(past(harness, key=f"key-{number}", guest=guest).booking_id)
    for number, who in enumerate((HOST_ABEBE, OTHER_HOST)):
        hosts.change(ports, who, notify=Notify(email=EMAIL), tax=None)
        made["host"].append(who.person_id)
        made["listing"] += [
            hosting.publish(ports, who, replace(DRAFT, title=f"House {n}"), key=f"{n}")[0].listing_id
            for n in range(2 + number)
        ]
    made["listing"].append(harness.listing.listing_id)
    person = person_of(ports, email=EMAIL, phone_number=None)
    for number in range(3):
        money = Verification("paid", reported="chapa: paid ETB 5.00", provider_reference=f"AP{number}", payer=EMAIL)
        ports.bookings.orphan(f"AP{number}-orphan", money, ports.clock.now(), payer_key=person.payer_key)
        made["orphan"].append(f"AP{number}-orphan")
    known = Suppression(outcome="bounced", since=ports.clock.now(), booking_id=BookingId("x"), entry_id="1")
    ports.suppressions.put(EMAIL, known)
    made["suppression"].append("bounced")
    for number in range(3):
        find(ports, OPERATOR, EMAIL, request_id=f"search-{number}", limit=20, after=None)
        ports.clock.move(seconds=1)
        made["search"].append(f"search-{number}")
    return made


def name_of(held: Held) -> str:
    match held:
        case Held(booking=Booking() as booking):
            return booking.booking_id
        case Held(host=Host() as host):
            return host.host_id
        case Held(listing=Listing() as listing):
            return listing.listing_id
        case Held(orphan=Orphan() as orphan):
            return orphan.tx_ref
        case Held(suppression=Suppression() as known):
            return known.outcome
        case Held(search=Access() as access):
            return access.request_id
    raise AssertionError(f"an empty {held.kind}")


@pytest.mark.parametrize("limit", [*range(1, 9), 17, 18, 19, 100])
def test_each_thing_that_is_held_is_exported_once_however_the_pages_fall(
    harness: Harness, ports: Fakes, limit: int
) -> None:
    made = a_person_of_many_parts(harness)
    held = exported(ports, limit=limit)
    found: dict[str, list[str]] = {kind: [] for kind in made}
    for each in held:
        found[each.kind].append(name_of(each))
    assert {kind: sorted(names) for kind, names in found.items()} == {kind: sorted(made[kind]) for kind in made}
    # A page tells of each account with the first of its bookings there.
    bookings = [each for each in held if each.booking]
    for start in range(0, len(bookings), limit):
        told = [each.account.person_id for each in bookings[start : start + limit] if each.account]
        on_page = {each.booking.guest_id for each in bookings[start : start + limit] if each.booking}
        assert sorted(told) == sorted(on_page)
    # The trail counts what each page showed, and its pages are not held of the person themselves.
    trail = [access for access in ports.tables.accesses if access.act == "export"]
    assert sum(access.found for access in trail) == len(held)


def test_a_number_is_exported_without_what_is_held_of_an_address(harness: Harness, ports: Fakes) -> None:
    a_person_of_many_parts(harness)
    ports.suppressions.put(HANNA.phone, next(iter(ports.tables.suppressions.values())))
    assert {each.kind for each in exported(ports, phone=HANNA.phone)} == {"booking"}


BY_TEXT = {
    EMAIL: "guests and hosts",
    HANNA.phone: "guests and hosts",
    "Hanna Tesfaye": "guests",
    "Abebe Kebede": "hosts",
}


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("text", BY_TEXT)
def test_whatever_names_guests_and_hosts_finds_each_booking_once_on_all_pages(
    harness: Harness, ports: Fakes, text: str, limit: int
) -> None:
    """Two hosts of one address, one of whom is a guest too, under the same address and number."""
    tax = Tax(name="Abebe Kebede", tin="0012345678")
    for who in (HOST_ABEBE, OTHER_HOST):
        hosts.change(ports, who, notify=Notify(email=EMAIL, phone=HANNA.phone), tax=tax)
    other, _ = hosting.publish(ports, OTHER_HOST, DRAFT, key="other")
    hers = [harness.held_booking(key=f"hers-{n}").booking_id for n in range(2)]
    hosted = []
    for number, listing in enumerate((harness.listing, other, other)):
        guest = Principal(PersonId(f"guest-{number}"), "guest@gmail.com")
        request = a_request(listing, contact=OTHER, stay=a_stay(NIGHTS[0] + timedelta(days=9 * number)))
        hosted.append(book(ports, guest, request, key="k", public_url=PUBLIC, request_id="r").booking.booking_id)
    expected = {"guests": hers, "hosts": hosted + hers, "guests and hosts": hosted + hers}[BY_TEXT[text]]
    found: list[str] = []
    after, pages = None, 0
    while after is not None or not pages:
        page = find(ports, OPERATOR, text, request_id="r", limit=limit, after=after)
        ids = [booking.booking_id for booking in page.items]
        assert len(ids) == len(set(ids)) <= limit
        found += ids
        after, pages = page.next_cursor, pages + 1
        assert pages < 30
    assert set(found) == set(expected)
    trail = [access.found for access in ports.tables.accesses]
    assert sum(trail) == len(found)


HOUSE = "abebe.kebede@gmail.com"


def matters_of_host(ports: Fakes) -> list[tuple[str, str]]:
    """What is in the way of erasing the host, whose listing is closed."""
    try:
        wipe(ports, email=HOUSE, dry_run=True)
    except DataStillNeeded as refusal:
        return [(matter.kind, matter.subject) for matter in refusal.matters]
    return []


@pytest.mark.parametrize("nights", [1, MAX_NIGHTS])
@pytest.mark.parametrize(
    ("at", "needed"),
    [("made", True), ("before it", True), ("in the house", True), ("at the last", True), ("over", False)],
)
@pytest.mark.parametrize("state", ["held", "confirmed", "cancelled"])
def test_a_host_is_needed_until_each_of_her_guests_has_left(
    harness: Harness, ports: Fakes, state: str, nights: int, at: str, *, needed: bool
) -> None:
    """However long a stay is, and whoever came after."""
    a_host(harness)
    ports.rules = replace(ports.rules, limits=Limits(unpaid_unit_nights=1000), hold_for=timedelta(days=400))
    make = harness.held_booking if state == "held" else harness.confirmed_booking
    booking = make(stay=a_stay(NIGHTS[0], nights))
    others = harness.held_booking(key="later", guest=GUEST_DAWIT, stay=a_stay(NIGHTS[0] + timedelta(days=1), 1))
    cancel(ports, GUEST_DAWIT, others.booking_id, reason="")
    if state == "cancelled":
        cancel(ports, HOST_ABEBE, booking.booking_id, reason="The roof leaks.")
    hosting.close(ports, HOST_ABEBE, harness.listing.listing_id)
    times = {
        "made": ports.clock.now(),
        "before it": booking.check_in_at - timedelta(seconds=1),
        "in the house": booking.check_in_at,
        "at the last": booking.check_out_at - timedelta(milliseconds=1),
        "over": booking.check_out_at,
    }
    ports.clock.move_to(times[at])
    found = [each for each in matters_of_host(ports) if each[0] == "hosted_stay"]
    assert found == [("hosted_stay", booking.booking_id)] * (needed and state != "cancelled")


@pytest.mark.parametrize("minor", [1, -1, 0])
@pytest.mark.parametrize("currency", ["ETB", "USD"])
@pytest.mark.parametrize("zone", ["America/Halifax", "UTC", "Africa/Addis_Ababa", "Pacific/Kiritimati"])
def test_a_balance_on_either_side_is_in_the_way_from_the_day_on_which_it_counts(
    harness: Harness, ports: Fakes, zone: str, currency: str, minor: int
) -> None:
    """Also what the host owes the house; and what counts on the first of a month, from its beginning there on."""
    a_host(harness)
    hosting.close(ports, HOST_ABEBE, harness.listing.listing_id)
    ports.rules = replace(ports.rules, time_zone=zone)
    first = date(2027, 3, 1)
    kind = "payment" if minor >= 0 else "refund"
    line = a_line(kind=kind, gross=Money(minor, currency), fee=None, counts_on=first, host_id=HOST_ABEBE.person_id)
    ports.ledger.write(line, reference_key=None, late=False)
    midnight = instant_of(first, "00:00", zone)
    for at, counts in ((midnight - timedelta(seconds=1), False), (midnight, True)):
        ports.clock.move_to(at)
        assert matters_of_host(ports) == [("balance", currency)] * bool(minor and counts)


def test_a_preview_carries_on_nothing_that_is_under_way(harness: Harness, ports: Fakes) -> None:
    for number in range(BATCH + 1):
        guest = Principal(PersonId(f"guest-{number}"), "guest@gmail.com")
        booking = harness.confirmed_booking(key=f"key-{number}", guest=guest)
    harness.deliver_outbox()
    over(harness, booking)
    wipe(ports)
    begun, bookings = the_erasure(ports), {name: row.booking for name, row in ports.tables.bookings.items()}
    assert begun.finished_at is None
    assert wipe(ports, dry_run=True).erasure is None
    assert the_erasure(ports) == begun
    assert {name: row.booking for name, row in ports.tables.bookings.items()} == bookings


def test_who_comes_back_after_an_erasure_may_be_erased_again(harness: Harness, ports: Fakes) -> None:
    first = past(harness)
    assert wipe(ports).erasure
    once = the_erasure(ports)
    again = past(harness, key="again")
    report = wipe(ports)
    assert report.erasure is not None
    assert (report.bookings, report.erasure.erased, report.erasure.finished_at) == (1, 1, ports.clock.now())
    assert the_erasure(ports).begun_at > once.begun_at
    assert [harness.stored_booking(each).contact for each in (first, again)] == [NOBODY] * 2


@pytest.mark.parametrize("status", get_args(RefundStatus))
def test_a_guest_is_needed_until_a_refund_is_done(harness: Harness, ports: Fakes, status: RefundStatus) -> None:
    booking = past(harness)
    [payment] = booking.payments
    harness.owe_beside(payment.tx_ref, 100)
    stored = harness.stored_booking(booking)
    [refund] = stored.refunds
    changed = change_payment(stored, payment.tx_ref, refunds=(replace(refund, status=status),))
    ports.tables.bookings[booking.booking_id].booking = changed
    if status == "refunded":
        assert wipe(ports).erasure is not None
    else:
        assert refused(ports) == [("refund", refund.refund_id)]


@pytest.mark.parametrize("status", get_args(EntryStatus))
@pytest.mark.parametrize("to_host", [False, True])
def test_no_letter_to_an_erased_guest_asks_anybody(
    harness: Harness, ports: Fakes, status: EntryStatus, *, to_host: bool
) -> None:
    """What became of a letter to the host is as it was."""
    booking = past(harness)
    outbox = tuple(replace(each, status=status) if each.to_host == to_host else each for each in booking.letters)
    lines = tuple(each for each in booking.outbox if each.is_line)
    ports.tables.bookings[booking.booking_id].booking = replace(booking, outbox=(*outbox, *lines))
    wipe(ports)
    [letter] = [each for each in harness.stored_booking(booking).letters if each.to_host == to_host]
    assert letter.status == status or (letter.status == "superseded" and not to_host)
    assert to_host or not letter.needs_a_person


def test_what_was_said_of_a_dispute_goes_with_the_guest(harness: Harness, ports: Fakes) -> None:
    booking = past(harness)
    tx_ref = booking.payments[0].tx_ref
    due_at = ports.clock.now() + timedelta(days=3)
    asked = DisputeRequest(tx_ref, "Hanna does not know it", "Hanna rang.", due_at)
    entered, _ = enter_dispute(ports, OPERATOR, asked, key=None, dry_run=False)
    close_dispute(ports, OPERATOR, entered.dispute.dispute_id, as_="won", note="Hanna paid.", dry_run=False)
    wipe(ports)
    after = harness.stored_booking(booking)
    assert [each.reason for each in after.disputes] == [""]
    assert b"Hanna" not in msgspec.json.encode(after)
