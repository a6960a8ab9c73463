"""What operators see, resolve and acknowledge."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.attention import AttentionKind
from chalicelib.domain.booking import PaymentStatus
from chalicelib.domain.errors import GatewayRejected, InvalidRequest, NotInReview
from chalicelib.domain.ids import BookingId
from chalicelib.domain.money import Money
from chalicelib.domain.verification import Verification
from chalicelib.services.access import Principal
from chalicelib.services.deliver import deliver
from chalicelib.services.operators import lists as operators
from chalicelib.services.operators.lists import AttentionItem
from chalicelib.services.ports.mail import MailRefused
from chalicelib.services.queries import gateway_events
from chalicelib.services.refunds import refund
from tests.builders import NOW, a_booking_id, a_stay
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import GUEST_DAWIT, GUEST_HANNA, HOST_ABEBE, NIGHTS, OPERATOR, Harness, booking_id_of, resolve_refund
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
DAY = NOW.date()
PRICE = Money(735000, "ETB")


def in_review(harness: Harness, amount: Money | None = Money(700000, "ETB"), **booked: Any) -> str:  # noqa: B008 - frozen
    booking = harness.held_booking(**booked)
    tx_ref: str = booking.payments[0].tx_ref
    harness.ports.gateway.pay(tx_ref, amount=amount)
    harness.webhook(tx_ref)
    harness.clear_logs()
    return tx_ref


# -- what needs a person


def test_every_kind_of_item_is_named(harness: Harness, ports: Fakes) -> None:
    tx_ref = in_review(harness)
    ports.clock.move(minutes=1)
    harness.confirmed_booking(key="reversed", guest=GUEST_DAWIT)
    back = f"{booking_id_of('reversed', GUEST_DAWIT)}-1"
    ports.gateway.set_status(back, "reversed")
    ports.run_before("mailer.send", raises(MailRefused()))
    deliver(ports, booking_id_of("reversed", GUEST_DAWIT))
    harness.webhook(back)
    ports.clock.move(minutes=1)
    harness.book(key="another", stay=a_stay(nights=1))
    nobodys = f"{a_booking_id('nobody')}-1"
    ports.gateway.charges[nobodys] = ports.gateway.charges[f"{booking_id_of('another')}-1"]
    ports.gateway.pay(nobodys)
    harness.webhook(nobodys)
    found = operators.attention(ports, OPERATOR, kind=None, limit=9, after=None)
    assert [(matter.kind, matter.subject) for matter in found.items] == [
        ("payment_review", tx_ref),
        ("payment_reversed", back),
        ("email", "1"),
        ("orphan", nobodys),
    ]
    review = found.items[0]
    assert review.booking_id == FIRST
    assert review.reason == "ETB 7,000.00 instead of ETB 7,350.00"
    assert review.since == NOW
    kinds: tuple[AttentionKind, ...] = ("payment_review", "email", "orphan")
    for kind in kinds:
        only = operators.attention(ports, OPERATOR, kind=kind, limit=9, after=None)
        assert [matter.kind for matter in only.items] == [kind]


def test_each_item_says_what_why_and_since_when(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.clock.move(minutes=1)
    ports.run_before("mailer.send", raises(MailRefused()))
    deliver(ports, FIRST)
    ports.gateway.set_status(ONE, "reversed")
    harness.webhook(ONE)
    money = Verification("paid", amount=Money(735000, "ETB"), provider_reference="APx12345", payer="sara@gmail.com")
    ports.tables.orphans["GZ00000000000000-1"] = (money, NOW + timedelta(minutes=5))
    ports.tables.orphans["GZ00000000000000-2"] = (Verification("paid", reported="7350.005"), NOW + timedelta(minutes=6))
    listed = replace(money, provider_reference="APx67890")
    ports.tables.orphans["APx67890"] = (listed, NOW + timedelta(minutes=8))
    ports.tables.orphans["GZ00000000000000-3"] = (Verification("paid"), NOW + timedelta(minutes=7))
    row = ports.tables.bookings[FIRST]
    row.attention, row.attention_at = "failing", NOW + timedelta(minutes=4)
    found = operators.attention(ports, OPERATOR, kind=None, limit=9, after=None)
    since = NOW + timedelta(minutes=4)
    of_hanna: Any = {"guest": "Hanna Tesfaye", "version": harness.stored_booking(FIRST).version}
    paid = Money(735000, "ETB")
    reversal = "reversed at the gateway, not by us"
    again: Any = ("resend", "acknowledge")
    orphan = "money for a reference that is not ours"
    assert found.items == (
        AttentionItem("payment_reversed", ONE, FIRST, reversal, NOW + timedelta(minutes=1), amount=paid, **of_hanna),
        AttentionItem("failing", FIRST, FIRST, "working on it has failed for a day", since, amount=paid, **of_hanna),
        AttentionItem("email", "1", FIRST, "booking_confirmed: failed, refused", since, again, **of_hanna),
        AttentionItem(
            "orphan",
            "GZ00000000000000-1",
            None,
            "money for a reference that is not ours: ETB 7,350.00, APx12345",
            NOW + timedelta(minutes=5),
            amount=paid,
        ),
        AttentionItem("orphan", "GZ00000000000000-2", None, f"{orphan}: 7350.005", NOW + timedelta(minutes=6)),
        AttentionItem("orphan", "GZ00000000000000-3", None, orphan, NOW + timedelta(minutes=7)),
        AttentionItem("orphan", "APx67890", None, f"{orphan}: ETB 7,350.00", NOW + timedelta(minutes=8), amount=paid),
    )


def test_what_happened_since_does_not_change_why(harness: Harness, ports: Fakes) -> None:
    tx_ref = in_review(harness)
    harness.advance(hours=1)
    assert harness.stored_booking(FIRST).history[-1].at > NOW
    [matter] = operators.attention(ports, OPERATOR, kind=None, limit=9, after=None).items
    reason = "ETB 7,000.00 instead of ETB 7,350.00"
    assert (matter.kind, matter.subject, matter.booking_id) == ("payment_review", tx_ref, FIRST)
    assert (matter.reason, matter.since, matter.actions) == (reason, NOW, ("resolve",))
    assert (matter.amount, matter.guest) == (Money(700000, "ETB"), "Hanna Tesfaye")


def test_items_page_by_page(harness: Harness, ports: Fakes) -> None:
    first = in_review(harness)
    ports.clock.move(minutes=1)
    second = in_review(harness, key="second", guest=GUEST_DAWIT)
    page = operators.attention(ports, OPERATOR, kind=None, limit=1, after=None)
    assert [matter.subject for matter in page.items] == [first]
    assert page.next_cursor is not None
    page = operators.attention(ports, OPERATOR, kind=None, limit=1, after=page.next_cursor)
    assert ([matter.subject for matter in page.items], page.next_cursor) == ([second], None)


def test_a_booking_that_cannot_be_read_hides_no_other(harness: Harness, ports: Fakes) -> None:
    in_review(harness)
    ports.clock.move(minutes=1)
    second = in_review(harness, key="second", guest=GUEST_DAWIT)
    ports.tables.unreadable.add(FIRST)
    broken, other = operators.attention(ports, OPERATOR, kind=None, limit=9, after=None).items
    assert broken == AttentionItem("unreadable", FIRST, FIRST, "this release cannot read its record", NOW, ())
    assert (other.kind, other.subject) == ("payment_review", second)


def test_two_bookings_beside_one_that_cannot_be_read(harness: Harness, ports: Fakes) -> None:
    waiting = [in_review(harness)]
    for key, guest in (("second", GUEST_DAWIT), ("third", GUEST_HANNA)):
        ports.clock.move(minutes=1)
        waiting.append(in_review(harness, key=key, guest=guest))
    ports.tables.unreadable.add(BookingId(waiting[1].partition("-")[0]))
    found = operators.attention(ports, OPERATOR, kind=None, limit=9, after=None).items
    assert [(matter.kind, matter.subject) for matter in found] == [
        ("payment_review", waiting[0]),
        ("unreadable", waiting[1].partition("-")[0]),
        ("payment_review", waiting[2]),
    ]


def test_a_refund_in_attention_is_named(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    refund(ports, HOST_ABEBE, ONE, amount=100, reason="", key="k")
    ports.clock.move(minutes=1)
    ports.gateway.fail_next("refund", GatewayRejected("refused", definitely_not_executed=True))
    harness.process_task(harness.stored_booking(FIRST))
    [matter] = operators.attention(ports, OPERATOR, kind=None, limit=9, after=None).items
    assert (matter.kind, matter.subject, matter.since) == ("refund", f"{ONE}-R1", ports.clock.now())
    assert matter.reason == "refused: refused"


# -- resolving a review


def test_accepted_money_confirms(harness: Harness, ports: Fakes) -> None:
    tx_ref = in_review(harness)
    booking, payment = operators.resolve_review(ports, OPERATOR, tx_ref, as_="accept", note="close enough")
    assert (booking, payment) == (harness.stored_booking(FIRST), harness.stored_payment(tx_ref))
    assert (booking.status, payment.status, payment.facts.received) == ("confirmed", "completed", Money(700000, "ETB"))
    assert ports.call_log.names("gateway") == []
    assert ("review_accept", "operator", "close enough", OPERATOR.person_id) in [
        (event.kind, event.cause, event.detail, event.by) for event in booking.history
    ]


def test_accepted_money_follows_the_rules_of_late_money(harness: Harness, ports: Fakes) -> None:
    tx_ref = in_review(harness)
    harness.advance(hours=1)
    assert harness.stored_booking(FIRST).status == "expired"
    harness.book(key="other", guest=GUEST_DAWIT, stay=a_stay(units=4))
    booking, payment = operators.resolve_review(ports, OPERATOR, tx_ref, as_="accept", note="")
    assert (booking.status, payment.status) == ("expired", "completed")
    assert [(each.amount, each.reason) for each in payment.refunds] == [(Money(700000, "ETB"), "place_gone")]


def test_late_accepted_money_takes_free_nights(harness: Harness, ports: Fakes) -> None:
    tx_ref = in_review(harness)
    harness.advance(hours=1)
    operators.resolve_review(ports, OPERATOR, tx_ref, as_="accept", note="")
    assert (harness.stored_booking(FIRST).status, harness.units_taken) == ("confirmed", dict.fromkeys(NIGHTS, 1))


def test_refused_money_goes_back(harness: Harness, ports: Fakes) -> None:
    tx_ref = in_review(harness)
    _, payment = operators.resolve_review(ports, OPERATOR, tx_ref, as_="refund", note="")
    assert [(each.amount.minor, each.status) for each in payment.refunds] == [(700000, "owed")]
    assert harness.stored_booking(FIRST).status == "pending_payment"


def test_only_a_review_is_settled(harness: Harness, ports: Fakes) -> None:
    tx_ref = in_review(harness)
    ports.run_before("bookings.save", lambda: operators.resolve_review(ports, OPERATOR, tx_ref, as_="refund", note=""))
    with pytest.raises(NotInReview):
        operators.resolve_review(ports, OPERATOR, tx_ref, as_="accept", note="")
    assert harness.stored_booking(FIRST).status == "pending_payment"


# -- by day


MS = timedelta(milliseconds=1)


def days_of_bookings(harness: Harness) -> list[str]:
    """One booking on each of four days, the first two paid; their ids, oldest first."""
    ids = []
    for n in range(4):
        stay = a_stay(date(2027, 2, 1 + n), 1)
        booking = (
            harness.confirmed_booking(key=f"{n}", stay=stay) if n < 2 else harness.held_booking(key=f"{n}", stay=stay)
        )
        ids.append(str(booking.booking_id))
        harness.ports.clock.move(days=1)
    harness.clear_logs()
    return ids


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_bookings_of_a_period_day_by_day(harness: Harness, ports: Fakes, limit: int) -> None:
    ids = days_of_bookings(harness)

    def every(start: date, end: date, status: Any = None) -> list[str]:
        found, after = [], None
        while True:
            page = operators.bookings_by_day(ports, OPERATOR, start, end, status=status, limit=limit, after=after)
            assert len(page.items) <= limit
            found += [str(booking.booking_id) for booking in page.items]
            if (after := page.next_cursor) is None:
                return found

    assert every(DAY, DAY + timedelta(days=3)) == ids
    assert every(DAY + timedelta(days=1), DAY + timedelta(days=2)) == ids[1:3]
    assert every(DAY, DAY) == ids[:1]
    assert every(DAY, DAY + timedelta(days=30), "confirmed") == ids[:2]
    assert every(DAY - timedelta(days=5), DAY - timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("zone", "day_begins"),
    [
        ("Africa/Addis_Ababa", "2027-01-13T21:00Z"),
        ("Pacific/Auckland", "2027-01-13T11:00Z"),
        ("America/New_York", "2027-01-14T05:00Z"),
    ],
)
def test_a_day_is_the_stages_own(harness: Harness, ports: Fakes, zone: str, day_begins: str) -> None:
    ports.rules = replace(ports.rules, time_zone=zone)
    begins, made = datetime.fromisoformat(day_begins), {}
    for at in (begins - MS, begins, begins + timedelta(days=1) - MS, begins + timedelta(days=1)):
        ports.clock.move_to(at)
        stay = a_stay(date(2027, 2, 1))
        made[at] = harness.confirmed_booking(key=f"{at}", stay=stay).booking_id
    ids = list(made.values())
    for day, those in ((13, ids[:1]), (14, ids[1:3]), (15, ids[3:])):
        on = date(2027, 1, day)
        page = operators.bookings_by_day(ports, OPERATOR, on, on, status=None, limit=9, after=None)
        assert sorted(each.booking_id for each in page.items) == sorted(those)
        paid = operators.payments_by_day(ports, OPERATOR, on, on, status=None, limit=9, after=None)
        assert sorted(booking.booking_id for booking, _ in paid.items) == sorted(those)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_bookings_of_one_long_day(harness: Harness, ports: Fakes, limit: int) -> None:
    ids = {str(harness.confirmed_booking(key=f"{n}").booking_id) for n in range(4)}
    found: list[str] = []
    after: Any = None
    for _ in range(9):
        page = operators.bookings_by_day(ports, OPERATOR, DAY, DAY, status=None, limit=limit, after=after)
        found += [str(booking.booking_id) for booking in page.items]
        if (after := page.next_cursor) is None:
            break
    assert (len(found), {*found}) == (4, ids)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_payments_of_a_period(harness: Harness, ports: Fakes, limit: int) -> None:
    days_of_bookings(harness)
    ports.gateway.fail_next("initialize", GatewayRejected("refused", definitely_not_executed=True), times=2)
    booking = harness.book(key="many", guest=GUEST_DAWIT).booking
    with pytest.raises(GatewayRejected):
        harness.pay(booking, guest=GUEST_DAWIT)
    harness.pay(booking, guest=GUEST_DAWIT)
    expected: dict[PaymentStatus | None, int] = {None: 7, "failed": 2, "completed": 2, "pending": 3}
    for status, count in expected.items():
        found: list[str] = []
        after: Any = None
        while True:
            page = operators.payments_by_day(
                ports,
                OPERATOR,
                DAY,
                DAY + timedelta(days=4),
                status=status,
                limit=limit,
                after=after,
            )
            assert len(page.items) <= limit
            assert page.items or status, "an empty page, where more is said to come"
            found += [payment.tx_ref for _, payment in page.items]
            if (after := page.next_cursor) is None:
                break
        assert len(found) == len(set(found)) == count


@pytest.mark.parametrize(("days", "fits"), [(-1, False), (0, True), (30, True), (31, False)])
def test_a_period_is_at_most_31_days(harness: Harness, ports: Fakes, days: int, *, fits: bool) -> None:
    end = DAY + timedelta(days=days)
    uses: list[Any] = [
        lambda: operators.report(ports, OPERATOR, DAY, end),
        lambda: operators.bookings_by_day(ports, OPERATOR, DAY, end, status=None, limit=9, after=None),
        lambda: operators.payments_by_day(ports, OPERATOR, DAY, end, status=None, limit=9, after=None),
    ]
    for use in uses:
        if fits:
            use()
            continue
        with pytest.raises(InvalidRequest) as refused:
            use()
        assert [error.field for error in refused.value.errors] == ["to"]
        assert ports.call_log.calls == []


# -- the report


def test_money_counts_on_the_day_on_which_it_moves(harness: Harness, ports: Fakes) -> None:
    """Paid on one day, given back on the next, as the stage has the days."""
    night = datetime(2027, 1, 2, 20, 59, tzinfo=NOW.tzinfo)
    ports.clock.move_to(night)
    harness.confirmed_booking()
    harness.deliver_outbox()
    refund(ports, OPERATOR, ONE, amount=100, reason="", key="a")
    refund(ports, OPERATOR, ONE, amount=30, reason="", key="b")
    ports.gateway.reported_refund_status = "refunded"
    harness.advance(hours=2)
    first, second = operators.report(ports, OPERATOR, DAY, DAY + timedelta(days=1))
    assert (first.day, first.currency, first.amounts) == (DAY, "ETB", {"payment": PRICE.minor})
    assert first.fees == PRICE.minor * 35 // 1000
    assert (second.day, second.amounts, second.counts) == (DAY + timedelta(days=1), {"refund": -130}, {"refund": 2})
    assert operators.report(ports, OPERATOR, DAY + timedelta(days=1), DAY + timedelta(days=1)) == (second,)
    ports.clock.move(days=1)
    harness.confirmed_booking(key="late")
    harness.deliver_outbox()
    assert operators.report(ports, OPERATOR, DAY, DAY + timedelta(days=1)) == (first, second)


def test_money_of_another_currency_stands_apart(harness: Harness, ports: Fakes) -> None:
    tx_ref = in_review(harness, Money(5000, "USD"))
    harness.deliver_outbox()
    assert operators.report(ports, OPERATOR, DAY, DAY) == ()
    operators.resolve_review(ports, OPERATOR, tx_ref, as_="refund", note="")
    harness.confirmed_booking(key="other", guest=GUEST_DAWIT)
    harness.deliver_outbox()
    birr, dollars = operators.report(ports, OPERATOR, DAY, DAY)
    assert (birr.currency, birr.amounts) == ("ETB", {"payment": PRICE.minor})
    assert (dollars.currency, dollars.amounts) == ("USD", {"payment": 5000})


@pytest.mark.parametrize("who", [GUEST_HANNA, HOST_ABEBE], ids=["guest", "host"])
def test_an_operator_who_is_also_the_guest_or_the_host_settles_all_the_same(
    harness: Harness, ports: Fakes, who: Principal
) -> None:
    tx_ref = in_review(harness)
    both = replace(who, groups=who.groups | {"operator"})
    operators.resolve_review(ports, both, tx_ref, as_="accept", note="")
    assert harness.stored_booking(FIRST).status == "confirmed"
    refund(ports, OPERATOR, tx_ref, amount=100, reason="", key="k")
    ports.gateway.fail_next("refund", GatewayRejected("refused", definitely_not_executed=True))
    harness.process_task(harness.stored_booking(FIRST))
    assert resolve_refund(ports, both, f"{tx_ref}-R1", as_="paid_otherwise", note="").status == "refunded"
    [resolved] = [event for event in harness.stored_booking(FIRST).history if event.kind == "refund_paid_otherwise"]
    assert resolved.by == both.person_id
    assert gateway_events(ports, both, tx_ref) != ()
