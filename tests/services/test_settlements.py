"""A gateway's statement against our books, end to end over the use case: files, pulled lists, and what they miss."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import msgspec
import pytest

from chalicelib.domain.booking import Booking, Refund, RefundStatus
from chalicelib.domain.errors import Forbidden, GatewayTimeout, InvalidRequest, SettlementNotFound
from chalicelib.domain.finance.settlement import Payout, PayoutPage, Settlement, StatementRow, TransactionPage
from chalicelib.domain.ids import RefundId, TxRef
from chalicelib.domain.money import Money
from chalicelib.domain.timing import PAID_OUT_WITHIN
from chalicelib.services.operators.lists import resolve_review
from chalicelib.services.operators.settlements import MOST_PAGES, read_csv, read_settlement, settle
from chalicelib.services.search_keys import reference_key
from tests.builders import change_payment
from tests.fakes import Fakes
from tests.harness import GUEST_DAWIT, GUEST_HANNA, OPERATOR, Harness
from tests.replacing import replace

HEADER = "Reference,Amount,Currency,Charge,Status,tx_ref\r\n"
DAY = date(2027, 1, 2)


@pytest.fixture
def harness() -> Harness:
    return Harness()


@pytest.fixture
def ports(harness: Harness) -> Fakes:
    return harness.ports


@pytest.fixture
def booking(harness: Harness) -> Booking:
    booking = harness.confirmed_booking()
    harness.sweep_and_drain()
    return harness.stored_booking(booking)


def row_of(booking: Booking, amount: str = "7350.000", status: str = "success", tx_ref: str = "") -> str:
    return f'{booking.payments[0].facts.provider_reference},"{amount}",ETB,183.75,{status},{tx_ref}\r\n'


def settled(ports: Fakes, text: str | None, *, start: date = DAY, end: date = DAY) -> Settlement:
    return settle(ports, OPERATOR, gateway="chapa", start=start, end=end, text=text)


def verdicts(made: Settlement) -> list[tuple[str, str]]:
    return [(each.verdict, each.action) for each in made.matches]


def test_a_file_that_agrees(ports: Fakes, booking: Booking) -> None:
    made = settled(ports, HEADER + row_of(booking, "7,350.00"))
    assert verdicts(made) == [("matched", "nothing")]
    [only] = made.matches
    assert (only.booking_id, only.tx_ref) == (booking.booking_id, booking.payments[0].tx_ref)
    assert made.complete
    assert read_settlement(ports, OPERATOR, made.settlement_id) == made


def test_the_same_file_twice_changes_nothing(ports: Fakes, booking: Booking) -> None:
    first = settled(ports, HEADER + row_of(booking))
    lines = dict(ports.tables.lines)
    assert settled(ports, HEADER + row_of(booking)) == first
    assert ports.tables.lines == lines
    assert list(ports.tables.settlements) == [first.settlement_id]
    assert settled(ports, HEADER + row_of(booking, "1")).settlement_id != first.settlement_id


def test_a_payment_of_another_day_is_found_by_its_reference(ports: Fakes, booking: Booking) -> None:
    later = DAY + timedelta(days=3)
    assert verdicts(settled(ports, HEADER + row_of(booking), start=later, end=later)) == [("matched", "nothing")]


def test_a_payment_that_waits_here_is_found_by_our_reference(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    text = HEADER + f"APnew,7350.00,ETB,,success,{booking.payments[0].tx_ref}\r\n"
    assert verdicts(settled(ports, text)) == [("other_status", "verify")]


def test_what_the_file_does_not_name_and_what_we_do_not_know(ports: Fakes, booking: Booking) -> None:
    made = settled(ports, HEADER + "APother,120.000,ETB,3.00,success,\r\n")
    assert verdicts(made) == [("missing_here", "orphan"), ("missing_there", "verify")]


def test_what_the_gateway_lists(ports: Fakes, booking: Booking) -> None:
    reference = booking.payments[0].facts.provider_reference or ""
    row = StatementRow(reference=reference, status="paid", amount="7350.000", currency="ETB", at=booking.created_at)
    old = replace(row, reference="old", at=booking.created_at - timedelta(days=9))
    ports.gateway.listed = [
        TransactionPage((row,), more=True),
        TransactionPage((row, old), more=True),
        TransactionPage((old,), more=True),
        TransactionPage((replace(old, reference="older"),), more=True),
    ]
    made = settled(ports, None)
    assert verdicts(made) == [("matched", "nothing")]
    assert made.complete
    # It stops at the first page that has nothing of the period, and reads the first one again.
    assert ports.call_log.names().count("gateway.transactions") == 4


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [({}, "matched"), ({"gateway": "paystack"}, "missing_here"), ({"kind": "refund"}, "missing_here")],
)
def test_what_bears_the_same_reference_at_another_gateway_is_not_ours(
    ports: Fakes, booking: Booking, changes: dict[str, Any], verdict: str
) -> None:
    [(line, _)] = ports.tables.lines.values()
    ports.tables.lines.clear()
    of_another_day = replace(line, day=DAY - timedelta(days=40), **changes)
    ports.ledger.write(of_another_day, reference_key=reference_key(ports, "APsame"), late=False)
    made = settled(ports, HEADER + "APsame,7350.00,ETB,,success,\r\n")
    assert [each.verdict for each in made.matches] == [verdict]


@pytest.mark.parametrize(("zone", "hours"), [("Africa/Addis_Ababa", -3), ("UTC", 0), ("America/Halifax", 4)])
def test_the_days_that_are_pulled_are_the_stages(ports: Fakes, booking: Booking, zone: str, hours: int) -> None:
    ports.rules = replace(ports.rules, time_zone=zone)
    midnight = datetime(2027, 1, 2, tzinfo=UTC) + timedelta(hours=hours)
    own = StatementRow(reference="APnew", status="paid", amount="1", currency="ETB")
    # Each instant on a page of its own, newest first, about a day that begins and ends then.
    instants = [timedelta(hours=hour) for hour in (24, 23, 2, 1, 0, -1)]
    ports.gateway.listed = [
        TransactionPage((replace(own, reference=f"AP{number}", at=midnight + at),), more=True)
        for number, at in enumerate(instants)
    ]
    made = settled(ports, None)
    assert sorted(each.reference for each in made.matches if each.verdict == "missing_here") == [
        "AP1",
        "AP2",
        "AP3",
        "AP4",
    ]


def test_a_list_that_breaks_off_is_incomplete_and_nothing_is_missing_there(ports: Fakes, booking: Booking) -> None:
    row = StatementRow(reference="APnew", status="paid", amount="1", currency="ETB", at=booking.created_at)
    ports.gateway.listed = [TransactionPage((row,), more=True)]
    ports.gateway.fail_next("transactions", GatewayTimeout("slow", definitely_not_executed=False))
    made = settled(ports, None)
    assert not made.complete
    assert verdicts(made) == [("not_compared", "nothing")]
    assert ports.observe.events.count("statement_incomplete") == 1


def test_an_empty_page_is_not_the_end_where_the_list_goes_on(ports: Fakes, booking: Booking) -> None:
    reference = booking.payments[0].facts.provider_reference or ""
    row = StatementRow(reference=reference, status="paid", amount="7350.000", currency="ETB", at=booking.created_at)
    ports.gateway.listed = [TransactionPage((), more=True), TransactionPage((row,), more=False)]
    made = settled(ports, None)
    assert (made.complete, verdicts(made)) == (True, [("matched", "nothing")])


def test_a_list_without_an_end_is_incomplete(ports: Fakes, booking: Booking) -> None:
    row = StatementRow(reference="APnew", status="paid", amount="1", currency="ETB", at=booking.created_at)
    ports.gateway.listed = [TransactionPage((row,), more=True)] * (MOST_PAGES + 1)
    made = settled(ports, None)
    assert not made.complete
    assert ports.call_log.names().count("gateway.transactions") == MOST_PAGES


def test_two_payments_of_one_booking(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking(guest=GUEST_DAWIT)
    ports.gateway.pay(booking.payments[0].tx_ref)
    harness.webhook(booking.payments[0].tx_ref)
    harness.sweep_and_drain()
    assert verdicts(settled(ports, HEADER + row_of(harness.stored_booking(booking)))) == [("matched", "nothing")]


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("reference;amount;currency;fee\nR1;2450,00;ETB;61,25\nR2;1.200,50;ETB;30\n", ["2450.00", "1200.50"]),
        ('reference,amount,currency,fee\nR1,"2,450",ETB,61.25\n', ["2450"]),
        ('reference,amount,currency,fee\nR1,"2,450",ETB,"61,25"\n', ["2.450"]),
        ("reference\tamount\tcurrency\nR1\t2\u00a0450,00\tETB\n", ["2450.00"]),
        ("reference,amount,currency\nR1,2450.00,ETB,,\n", ["2450.00"]),
    ],
)
def test_amounts_are_read_by_the_notation_of_their_file(text: str, amounts: list[str]) -> None:
    assert [row.amount for row in read_csv(text)] == amounts


def test_a_file_with_decimal_commas_agrees(ports: Fakes, booking: Booking) -> None:
    text = f"Reference;Amount;Currency;Charge\r\n{booking.payments[0].facts.provider_reference};7350,00;ETB;183,75\r\n"
    made = settled(ports, text)
    assert verdicts(made) == [("matched", "nothing")]
    assert [each.fee for each in made.matches] == [Money(18375, "ETB")]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ('R1,"2,450",ETB', "2,450 can be read in two ways"),
        ('R1,"2450,00",ETB\nR2,900.00,ETB', "the decimals of 2450,00 stand behind a comma and those of 900.00"),
        ("R1,900.00,ETB\nR2,2450,00,ETB", "line 3 has more fields than headings"),
    ],
)
def test_amounts_that_cannot_be_told_are_refused_and_leave_no_report(ports: Fakes, rows: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as wrong:
        settled(ports, f"reference,amount,currency\n{rows}\n")
    [error] = wrong.value.errors
    assert error.field == "csv"
    assert error.message.startswith(said)
    assert not ports.tables.settlements


@pytest.mark.parametrize("text", ["", "a,b,c\r\n1,2,3\r\n", "reference,currency\r\nR,ETB\r\n"])
def test_a_file_that_is_no_statement(ports: Fakes, text: str) -> None:
    with pytest.raises(InvalidRequest) as wrong:
        settled(ports, text)
    assert [error.field for error in wrong.value.errors] == ["csv"]


def test_how_a_file_is_read() -> None:
    text = '\ufeffTransaction Date,REF_ID,amount,Currency,fee,Anything\n2027-01-02,R1,"1,000.50",etb,,=x\n,,,,,\n'
    [row] = read_csv(text)
    assert (row.reference, row.amount, row.currency, row.fee, row.status) == ("R1", "1000.50", "ETB", "", "paid")
    assert row.at is not None
    assert row.at.tzinfo is not None


def test_who_may_and_what_is_asked_for(ports: Fakes) -> None:
    with pytest.raises(Forbidden):
        settle(ports, GUEST_HANNA, gateway="chapa", start=DAY, end=DAY, text="")
    with pytest.raises(InvalidRequest):
        settle(ports, OPERATOR, gateway="nobody", start=DAY, end=DAY, text="")
    for end in (DAY - timedelta(days=1), DAY + timedelta(days=31)):
        with pytest.raises(InvalidRequest):
            settled(ports, HEADER, end=end)
    with pytest.raises(SettlementNotFound):
        read_settlement(ports, OPERATOR, "stl_x")
    ports.gateway.listed = [None]
    with pytest.raises(InvalidRequest):
        settled(ports, None)


@pytest.mark.parametrize("status", get_args(RefundStatus))
@pytest.mark.parametrize("more", [False, True])
def test_a_refund_went_back_once_it_is_done(
    harness: Harness, ports: Fakes, booking: Booking, status: RefundStatus, *, more: bool
) -> None:
    """Until then it is owed: no statement can show it. ``more``: another one is owed beside it."""
    [payment] = booking.payments
    for _ in range(1 + more):
        harness.owe_beside(payment.tx_ref, 100)
    stored = harness.stored_booking(booking)
    refund, *others = stored.payments[0].refunds
    changed = change_payment(stored, payment.tx_ref, refunds=(replace(refund, status=status), *others))
    ports.tables.bookings[booking.booking_id].booking = changed
    paid = settled(ports, HEADER + row_of(booking))
    assert [each.verdict for each in paid.matches] == ["refund_missing" if status == "refunded" else "matched"]
    back = settled(ports, HEADER + row_of(booking, status="refunded"))
    assert [each.verdict for each in back.matches] == ["matched"]


@pytest.mark.parametrize("status", get_args(RefundStatus))
def test_what_is_owed_of_a_second_payment_is_not_what_went_back_of_it(
    harness: Harness, ports: Fakes, booking: Booking, status: RefundStatus
) -> None:
    """Of the second payment of a booking all is owed back by itself: nothing is to be refunded once more."""
    first, second = booking.payments[0], replace(booking.payments[0], tx_ref=TxRef(f"{booking.booking_id}-2"))
    facts = replace(first.facts, provider_reference="APsecond")
    refund = Refund(
        refund_id=RefundId(f"{second.tx_ref}-R1"), amount=second.amount, reason="paid_twice", status=status,
        created_at=booking.updated_at, updated_at=booking.updated_at,
    )  # fmt: skip
    second = replace(second, accepted=False, facts=facts, refunds=(refund,))
    ports.tables.bookings[booking.booking_id].booking = replace(booking, payments=(first, second))
    text = HEADER + row_of(booking) + f"APsecond,7350.00,ETB,,success,{second.tx_ref}\r\n"
    made = settled(ports, text)
    said = {each.reference: (each.verdict, each.reason) for each in made.matches}
    assert said[first.facts.provider_reference or ""] == ("matched", "")
    assert said["APsecond"][0] == ("refund_missing" if status == "refunded" else "matched")
    assert (said["APsecond"][1] == "duplicate") is (status != "refunded")


def test_a_payment_that_confirmed_nothing_is_no_second_one(harness: Harness, ports: Fakes) -> None:
    """Its nights were sold when the money came: all goes back, and no other payment counts for the booking."""
    late = harness.expired_booking()
    harness.listing = replace(harness.listing, status="closed")
    ports.tables.listings[harness.listing.listing_id] = harness.listing
    ports.gateway.pay(late.payments[0].tx_ref, on_its_way=True)
    harness.webhook(late.payments[0].tx_ref)
    harness.deliver_outbox()
    stored = harness.stored_booking(late)
    assert (stored.status, stored.payments[0].accepted, len(stored.refunds)) == ("expired", False, 1)
    [only] = settled(ports, HEADER + row_of(stored)).matches
    assert (only.verdict, only.reason) == ("matched", "")


@pytest.mark.parametrize("received", [Money(700000, "ETB"), Money(5000, "USD")])
def test_what_is_compared_is_what_came_and_not_the_price(harness: Harness, ports: Fakes, received: Money) -> None:
    booking = harness.held_booking()
    [payment] = booking.payments
    ports.gateway.pay(payment.tx_ref, amount=received)
    harness.webhook(payment.tx_ref)
    resolve_review(ports, OPERATOR, payment.tx_ref, as_="accept", note="It is enough.")
    harness.deliver_outbox()
    stored = harness.stored_booking(booking)
    for money, verdict in ((received, "matched"), (booking.total, "other_amount")):
        reference = stored.payments[0].facts.provider_reference
        made = settled(ports, HEADER + f"{reference},{money.decimal},{money.currency},,success,\r\n")
        assert [each.verdict for each in made.matches] == [verdict]


def test_only_the_attempt_that_was_paid_at_this_gateway_is_missing_there(harness: Harness, ports: Fakes) -> None:
    """An empty statement misses what was paid at its gateway: no attempt that failed, and nothing of another one."""
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=3))
    second = harness.another_attempt(harness.held_booking()).payments[-1].tx_ref
    ports.gateway.pay(second)
    harness.webhook(second)
    elsewhere = harness.confirmed_booking(key="elsewhere", guest=GUEST_DAWIT)
    other = change_payment(elsewhere, elsewhere.payments[0].tx_ref, gateway="paystack")
    ports.tables.bookings[elsewhere.booking_id].booking = other
    harness.deliver_outbox()
    assert len(ports.tables.lines) == 2
    made = settled(ports, HEADER)
    assert [(each.verdict, each.tx_ref) for each in made.matches] == [("missing_there", second)]


@pytest.mark.parametrize("column", ["tx_ref", "reference"])
def test_our_reference_names_a_payment_in_either_column(harness: Harness, ports: Fakes, column: str) -> None:
    """A gateway that took a payment that nobody told us of yet may have no reference of its own for it."""
    tx_ref = harness.held_booking().payments[0].tx_ref
    reference, own = ("APnew", tx_ref) if column == "tx_ref" else (tx_ref, "")
    made = settled(ports, HEADER + f"{reference},7350.00,ETB,,success,{own}\r\n")
    assert [(each.verdict, each.action, each.tx_ref) for each in made.matches] == [("other_status", "verify", tx_ref)]


def test_who_paid_is_not_kept_and_a_line_without_a_time_is_compared(ports: Fakes, booking: Booking) -> None:
    reference = booking.payments[0].facts.provider_reference or ""
    row = StatementRow(reference=reference, status="paid", amount="7350", currency="ETB", payer=booking.contact.email)
    ports.gateway.listed = [TransactionPage((row, replace(row, reference="APother")), more=False)]
    made = settled(ports, None)
    assert [each.verdict for each in made.matches] == ["matched", "missing_here"]
    assert booking.contact.email.encode() not in msgspec.json.encode(made)


def test_another_request_is_another_report(ports: Fakes) -> None:
    def named(start: date = DAY, end: date = DAY, text: str = HEADER) -> str:
        return settled(ports, text, start=start, end=end).settlement_id

    later = DAY + timedelta(days=1)
    reports = [named(), named(end=later), named(later, later), named(text=HEADER + "R,1,ETB,,,\r\n")]
    assert len(set(reports)) == len(reports)
    assert named() == reports[0]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("Success", "paid"), ("SUCCESSFUL", "paid"), ("approved", "paid"), ("Paid", "paid"), ("refunded", "refunded"),
        ("Reversed", "reversed"), ("failed", "failed"), ("Failed/Cancelled", "failed"), ("abandoned", "pending"),
        # What nobody knows is no money.
        ("settled soon", "pending"), ("", "pending"),
    ],
)  # fmt: skip
def test_what_a_statement_calls_paid(said: str, status: str) -> None:
    [row] = read_csv(f"reference,amount,currency,status\nR,1,ETB,{said}\n")
    assert row.status == status


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("2027-01-02T09:15:30Z", datetime(2027, 1, 2, 9, 15, 30, tzinfo=UTC)),
        ("2027-01-02 12:15:30+03:00", datetime(2027, 1, 2, 9, 15, 30, tzinfo=UTC)),
        ("2027-01-02 09:15:30", datetime(2027, 1, 2, 9, 15, 30, tzinfo=UTC)),
        ("2 January", None),
    ],
)
def test_when_a_statement_says_that_it_was(said: str, at: datetime | None) -> None:
    [row] = read_csv(f"reference,amount,currency,date\nR,1,ETB,{said}\n")
    assert row.at == at


# Payouts


def a_payout(*rows: StatementRow, on: date = DAY + timedelta(days=1), **changes: Any) -> Payout:
    gross = sum(int(Decimal(row.amount) * 100) for row in rows)
    fees = sum(int(Decimal(row.fee or "0") * 100) for row in rows)
    made = Payout(
        payout_id="359143", status="success", on=on, currency="ETB", gross=gross, fees=fees, net=gross - fees,
        paid=gross - fees,
    )  # fmt: skip
    return replace(made, **changes)


def in_a_payout(booking: Booking, **changes: Any) -> StatementRow:
    reference = booking.payments[0].facts.provider_reference or ""
    row = StatementRow(reference=reference, status="paid", amount="7350.00", currency="ETB", fee="183.75",
                       at=booking.created_at)  # fmt: skip
    return replace(row, **changes)


def paid_out(ports: Fakes, *rows: StatementRow, **changes: Any) -> Settlement:
    payout = a_payout(*rows, **changes)
    ports.gateway.paid_out = [PayoutPage((payout,), more=False)]
    ports.gateway.inside = {payout.payout_id: [TransactionPage(rows, more=False)]}
    return settle(ports, OPERATOR, gateway="chapa", start=DAY, end=DAY, text=None, pulled="payouts")


def test_a_payment_is_matched_with_the_payout_that_brought_it(ports: Fakes, booking: Booking) -> None:
    made = paid_out(ports, in_a_payout(booking))
    [only] = made.matches
    assert (only.verdict, only.payout_id, only.tx_ref) == ("matched", "359143", booking.payments[0].tx_ref)
    assert (only.fee, only.net) == (Money(18375, "ETB"), Money(716625, "ETB"))
    [payout] = made.payouts
    assert (payout.counted, payout.counted_fees, payout.difference) == (735000, 18375, "")
    assert read_settlement(ports, OPERATOR, made.settlement_id) == made


def test_a_payout_that_does_not_add_up_is_told(ports: Fakes, booking: Booking) -> None:
    [payout] = paid_out(ports, in_a_payout(booking), gross=700000).payouts
    assert "its payments add up to 7350.00" in payout.difference
    # What cannot be read makes no sum, and so no difference.
    [payout] = paid_out(ports, in_a_payout(booking, fee="")).payouts
    assert (payout.counted, payout.counted_fees) == (735000, None)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"amount": "7350.005"}, "other_amount"),
        ({"reference": "APother", "amount": "1.00"}, "missing_here"),
        ({"status": "reversed"}, "other_status"),
        ({"at": datetime(2027, 1, 3, 9, tzinfo=UTC)}, "not_compared"),
    ],
)
def test_what_a_payout_has_and_we_say_otherwise(
    ports: Fakes, booking: Booking, changes: dict[str, Any], verdict: str
) -> None:
    assert paid_out(ports, in_a_payout(booking, **changes)).matches[0].verdict == verdict


def test_what_no_payout_has_is_missing_once_it_should_be_there(
    harness: Harness, ports: Fakes, booking: Booking
) -> None:
    made = paid_out(ports)
    [young] = made.matches
    assert (young.verdict, young.action, young.reason) == ("not_compared", "nothing", "no payout has it yet")
    ports.clock.move(seconds=PAID_OUT_WITHIN.total_seconds())
    [old] = paid_out(ports).matches
    assert (old.verdict, old.action, old.reason) == ("missing_there", "verify", "no payout has it")
    assert old.tx_ref == booking.payments[0].tx_ref


def test_payouts_of_before_the_period_are_not_read(ports: Fakes, booking: Booking) -> None:
    early = a_payout(on=DAY - timedelta(days=1), payout_id="1")
    late = a_payout(in_a_payout(booking), payout_id="2")
    ports.gateway.paid_out = [PayoutPage((late, early), more=True), PayoutPage((early,), more=True), None]
    ports.gateway.inside = {"2": [TransactionPage((in_a_payout(booking),), more=True), TransactionPage((), more=False)]}
    made = settle(ports, OPERATOR, gateway="chapa", start=DAY, end=DAY, text=None, pulled="payouts")
    assert ([each.payout_id for each in made.payouts], verdicts(made), made.complete) == (
        ["2"],
        [("matched", "nothing")],
        True,
    )


def test_payouts_that_break_off_say_nothing_of_what_they_do_not_name(ports: Fakes, booking: Booking) -> None:
    ports.clock.move(seconds=PAID_OUT_WITHIN.total_seconds())
    ports.gateway.paid_out = [PayoutPage((a_payout(),), more=False)]
    ports.gateway.inside = {"359143": [TransactionPage((), more=True)] * (MOST_PAGES + 1)}
    made = settle(ports, OPERATOR, gateway="chapa", start=DAY, end=DAY, text=None, pulled="payouts")
    assert (made.complete, [each.verdict for each in made.matches]) == (False, ["not_compared"])


def test_a_gateway_without_payouts_and_a_file_of_them_are_refused(ports: Fakes) -> None:
    ports.gateway.paid_out = [None]
    for text in (None, HEADER):
        with pytest.raises(InvalidRequest) as refused:
            settle(ports, OPERATOR, gateway="chapa", start=DAY, end=DAY, text=text, pulled="payouts")
        assert [error.field for error in refused.value.errors] == ["pulled"]


def test_a_report_of_payouts_is_another_one_than_of_transactions(ports: Fakes, booking: Booking) -> None:
    assert paid_out(ports, in_a_payout(booking)).settlement_id != settled(ports, None).settlement_id
