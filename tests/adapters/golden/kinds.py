"""The stored items beside bookings and listings: a row for each kind, with how it is stored and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from chalicelib.adapters.dynamodb import records
from chalicelib.adapters.dynamodb.ledger import HOSTS, _rows
from chalicelib.adapters.dynamodb.suppressions import DynamoSuppressions
from chalicelib.adapters.dynamodb.tables import LedgerItem
from chalicelib.domain.booking import Actor
from chalicelib.domain.finance.ledger import LedgerLine, TotalRow, line_of
from chalicelib.domain.finance.settlement import Match, Settlement, StatementRow
from chalicelib.domain.finance.statements import AccountEntry
from chalicelib.domain.host import Host, Notify, Tax
from chalicelib.domain.ids import ListingId, PersonId
from chalicelib.domain.listings.calendar import NightChange
from chalicelib.domain.money import Money
from chalicelib.domain.obstacles import Obstacle
from chalicelib.domain.operators.closing import Closing, propose, unbegun
from chalicelib.domain.people.access import Access
from chalicelib.domain.people.accounts import Account, AccountAct, Caps, Lapse, OpenHold
from chalicelib.domain.people.erasure import Erasure
from chalicelib.domain.people.expiry import Expiry
from chalicelib.domain.people.limits import Limits
from chalicelib.domain.people.suppression import Suppression
from chalicelib.domain.proposal import CloseListingAct
from chalicelib.domain.watch.health import OPENED, PAID
from chalicelib.domain.watch.invariants import Finding
from chalicelib.domain.watch.watching import Check
from chalicelib.services.ports.ledger import DayTotals
from chalicelib.services.ports.outcomes import Unreadable
from tests.builders import GUEST, HOST, NOW, SALT, a_booking, opened, paid
from tests.dynamo import BOOKINGS, DynamoBench

LATER = NOW + timedelta(minutes=3)
DAY = NOW.date()
STAFF = PersonId("operator-sara")
LISTING = ListingId("lst_golden")
ADDRESS = "nobody@guzo.et"
ERASURE_ID = "0123456789abcdef0123456789abcdef"
BOOKING = paid(opened(a_booking()), now=LATER)
ETB = Money(245_000, "ETB")


@dataclass(frozen=True)
class Kind:
    """A stored kind: ``store`` puts one item of it, ``read`` answers what the stores make of it.

    ``encode`` is its row of ``records``; None where it is flat, and has no record. ``refuses`` is what ``read`` raises
    of one that this release cannot read: a list leaves it out.
    """

    name: str
    store: Callable[[DynamoBench], object]
    read: Callable[[DynamoBench], Any]
    encode: Callable[[Any], bytes] | None = None
    refuses: type[Exception] = Unreadable
    among: str = ""
    """What the item's key begins with, where more than one is stored."""


def _line() -> LedgerLine:
    [entry] = [each for each in BOOKING.outbox if each.is_line]
    return line_of(BOOKING, entry, time_zone="Africa/Addis_Ababa")


def _suppressions(bench: DynamoBench) -> DynamoSuppressions:
    return DynamoSuppressions(lambda: SALT, bench.writes)


def _put_salt(bench: DynamoBench) -> None:
    item = {"booking_id": {"S": "SALT"}, "schema": {"N": str(records.FORM)}, "salt": {"B": SALT}}
    bench.admin.put_item(TableName=BOOKINGS, Item=item)


ACCOUNT = Account(
    holds=(OpenHold(BOOKING.booking_id, LATER, 3),),
    made=(NOW,),
    lapses=(Lapse(BOOKING.booking_id, NOW),),
    paused_until=LATER,
    has_paid=True,
    caps=Caps(open_holds=9),
    block=AccountAct(at=NOW, act="block", note="a card that was not hers", by=STAFF),
    acts=(AccountAct(at=NOW, act="block", note="a card that was not hers", by=STAFF),),
)
HOST_PROFILE = Host(
    host_id=HOST,
    created_at=NOW,
    updated_at=LATER,
    notify=Notify(email="abebe.kebede@gmail.com", phone="0911223344", language="am"),
    tax=Tax(name="Abebe Kebede", tin="0012345678", vat_registered=True),
)
CLOSING = Closing(
    listing_id=LISTING,
    by=Actor("operator", STAFF, "sara@guzo.example.et"),
    reason="The host leaves.",
    begun_at=NOW,
    pass_begun_at=NOW,
    due_at=LATER,
    cancel_bookings=True,
    expected=2,
    cancelled=1,
    returned=(ETB,),
    position="2027-01-14#GZ",
)
FINDING = Finding(BOOKING.booking_id, "it is confirmed, and no payment was accepted", BOOKING.booking_id)
CHECK = Check(
    day=DAY,
    begun_at=NOW,
    since=NOW - timedelta(days=1),
    part="ledger",
    position=f'["{DAY}",null]',
    checked=50,
    findings=1,
    unreadable=1,
    suspects=(FINDING,),
)
ERASURE = Erasure(
    erasure_id=ERASURE_ID,
    part="email",
    by=Actor("operator", STAFF, "sara@guzo.example.et"),
    note="Letter of 2 January.",
    request_id="req-1",
    begun_at=NOW,
    due_at=LATER,
    key="0123456789abcdef",
    orphan_key="fedcba9876543210",
    hosts=(HOST,),
    position='["guest",0,"cursor"]',
    erased=20,
    left=(Obstacle(kind="stay", subject=BOOKING.booking_id, until=LATER),),
)
EXPIRY = Expiry(done_until=DAY, due_at=LATER, position="[3,null]", waiting=(BOOKING.booking_id,))
SUPPRESSION = Suppression(
    outcome="bounced", since=NOW, booking_id=BOOKING.booking_id, entry_id="1", lifted_at=LATER, lifted_by=STAFF
)
ROWS = (
    TotalRow(currency="ETB", day=DAY, gateway="chapa", host_id=HOST, counts={"payment": 1},
             amounts={"payment": 245_000}, fees=6_125, fees_unknown=1),
)  # fmt: skip
ACCESS = Access(
    at=NOW, by=STAFF, by_name="sara@guzo.example.et", act="erase", subject=ERASURE_ID, found=2, request_id="req-1",
    note="Letter of 2 January.",
)  # fmt: skip
ENTRY = AccountEntry(
    entry_id="ent_golden", host_id=HOST, kind="payout", at=NOW, on=DAY, by=STAFF, by_name="sara@guzo.example.et",
    note="January", amount=ETB, reference="FT26063XYZ",
)  # fmt: skip
SETTLEMENT = Settlement(
    settlement_id="stl_golden",
    gateway="chapa",
    start=DAY,
    end=DAY,
    made_at=NOW,
    complete=True,
    matches=(
        Match(
            verdict="other_amount",
            action="note",
            reason="ETB 2400.00 instead of ETB 2,450.00",
            reference="APGZ",
            tx_ref=BOOKING.payments[0].tx_ref,
            booking_id=BOOKING.booking_id,
            theirs=StatementRow(reference="APGZ", status="paid", amount="2400.00", currency="ETB", fee="60.00", at=NOW),
            ours=ETB,
            fee=Money(6_000, "ETB"),
        ),
    ),
)

PROPOSED_LISTING = ListingId("lst_proposed")
SARA = Actor("operator", STAFF, "sara@guzo.example.et")
PROPOSED = propose(
    unbegun(PROPOSED_LISTING, by=SARA, reason="The host has left.", now=NOW),
    CloseListingAct("The host has left.", 3, (Money(735_000, "ETB"),)),
    amount=Money(735_000, "ETB"),
    by=SARA,
    request_id="req-1",
    now=NOW,
)
ACT = Access(
    at=NOW + timedelta(days=1),
    by=PersonId("operator-hirut"),
    by_name="hirut@guzo.example.et",
    act="approve",
    subject="lst_proposed-P1",
    found=1,
    request_id="req-2",
    note="Seen.",
    outcome="done",
    proposal_id="lst_proposed-P1",
    proposed_by=STAFF,
    proposed_by_name="sara@guzo.example.et",
    proposed_request_id="req-1",
)

KINDS: tuple[Kind, ...] = (
    Kind("account", lambda b: b.bookings.save_account(GUEST, ACCOUNT), lambda b: b.bookings.account(GUEST),
         records.encode_account),
    Kind("host", lambda b: b.hosts.save(HOST_PROFILE), lambda b: b.hosts.load(HOST), records.encode_host),
    Kind("closing", lambda b: b.closings.save(CLOSING), lambda b: b.closings.load(LISTING), records.encode_closing),
    Kind("closing_proposed", lambda b: b.closings.save(PROPOSED), lambda b: b.closings.load(PROPOSED_LISTING),
         records.encode_closing),
    Kind("act", lambda b: b.ledger.note_access(ACT),
         lambda b: b.ledger.accesses(ACT.at.date(), limit=9, after=None).items[0], records.encode_access),
    Kind("check", lambda b: b.watch.save_check(CHECK), lambda b: b.watch.load_check(), records.encode_check),
    Kind("finding", lambda b: b.watch.report(FINDING, NOW),
         lambda b: b.watch.findings([FINDING.finding_id])[FINDING.finding_id], records.encode_finding, KeyError),
    Kind("erasure", lambda b: b.erasures.save(ERASURE), lambda b: b.erasures.load(ERASURE_ID), records.encode_erasure),
    Kind("expiry", lambda b: b.erasures.save_expiry(EXPIRY), lambda b: b.erasures.expiry(), records.encode_expiry),
    Kind("suppression", lambda b: _suppressions(b).put(ADDRESS, SUPPRESSION), lambda b: _suppressions(b).find(ADDRESS),
         records.encode_suppression),
    Kind("ledger_line", lambda b: b.ledger.write(_line(), reference_key="0123456789abcdef", late=False),
         lambda b: b.ledger.kept([_line()])[_line().line_id], records.encode_line),
    Kind("totals", lambda b: b.ledger.keep_totals(DAY, DayTotals(0, ROWS)),
         lambda b: b.ledger.totals(DAY, DAY, hosts=False)[DAY].rows, records.encode_totals, among="TOTALS#"),
    Kind("totals_of_hosts", lambda b: b.ledger.keep_totals(DAY, DayTotals(0, ROWS)),
         lambda _: _rows(LedgerItem.get(f"{HOSTS}{DAY:%Y-%m}", f"{DAY:%d}#0#0000")), records.encode_totals,
         among=HOSTS),
    Kind("access", lambda b: b.ledger.note_access(ACCESS),
         lambda b: b.ledger.accesses(DAY, limit=9, after=None).items[0], records.encode_access),
    Kind("account_entry", lambda b: b.ledger.enter(ENTRY), lambda b: b.ledger.account(HOST)[0], records.encode_entry),
    Kind("settlement", lambda b: b.ledger.keep_settlement(SETTLEMENT), lambda b: b.ledger.settlement("stl_golden"),
         records.encode_settlement),
    Kind("month", lambda b: b.listings.set_nights(LISTING, [date(2027, 1, 14)], NightChange(price=ETB, closed=True)),
         lambda b: b.listings.nights(LISTING, date(2027, 1, 14), date(2027, 1, 15))),
    Kind("letters", lambda b: b.bookings.count_letter("golden", "GZ#1", unpaid=True, limits=Limits(), forget_at=LATER),
         lambda b: not b.bookings.count_letter("golden", "GZ#2", unpaid=True, limits=Limits(letters_per_day=1),
                                               forget_at=LATER)),
    Kind("counts", lambda b: b.watch.add_counts(NOW, {OPENED: 3, PAID: 2}), lambda b: b.watch.counts([NOW])[NOW]),
    Kind("sweep", lambda b: b.watch.note_sweep(NOW), lambda b: b.watch.last_sweep()),
    Kind("salt", _put_salt, lambda b: b.bookings.salt() == SALT),
)  # fmt: skip
