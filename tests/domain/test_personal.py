"""What is stored of persons: all of it is enumerated, and what is said to be blanked is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest
from pynamodb.attributes import BinaryAttribute, JSONAttribute, UnicodeAttribute, UnicodeSetAttribute
from pynamodb.models import Model

from chalicelib.adapters.dynamodb import records, tables
from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.ids import PersonId, ProposalId
from chalicelib.domain.money import Money
from chalicelib.domain.people import erasure
from chalicelib.domain.people.accounts import Account, AccountAct
from chalicelib.domain.people.personal import OF_NOBODY, PERSONAL
from chalicelib.domain.proposal import (
    Act,
    CancelAct,
    EndStayAct,
    Proposal,
    RefundAct,
    ResolvePaymentAct,
    ResolveRefundAct,
)
from chalicelib.domain.record import Record
from chalicelib.domain.verification import Verification
from chalicelib.services.ports.queues import Task
from tests.adapters import golden
from tests.builders import NOW, a_listing
from tests.replacing import replace

TEXTS = (UnicodeAttribute, BinaryAttribute, JSONAttribute, UnicodeSetAttribute)
ROOT = Path(__file__).parents[2]


def structs_in(hint: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for part in get_args(hint):
        yield from structs_in(part)


def is_text(hint: Any) -> bool:
    if hint is str or getattr(hint, "__supertype__", None) is str:
        return True
    return get_origin(hint) is not Literal and any(is_text(part) for part in get_args(hint))


def stored() -> set[type[msgspec.Struct]]:
    """Every record that some store encodes, or a queue holds, with all that is inside."""
    waiting: list[type[msgspec.Struct]] = [Task]
    for name, encode in vars(records).items():
        if name.startswith("encode_"):
            [hint] = [hint for argument, hint in get_type_hints(encode).items() if argument != "return"]
            waiting += structs_in(hint)
    found: set[type[msgspec.Struct]] = set()
    while waiting:
        kind = waiting.pop()
        if kind not in found:
            found.add(kind)
            waiting += [each for hint in get_type_hints(kind).values() for each in structs_in(hint)]
    return found


def texts_of(kinds: set[type[msgspec.Struct]]) -> set[str]:
    return {f"{kind.__name__}.{name}" for kind in kinds for name, hint in get_type_hints(kind).items() if is_text(hint)}


def attributes() -> set[str]:
    """Every attribute of an item that holds a text, or bytes."""
    models = (each for each in vars(tables).values() if inspect.isclass(each) and issubclass(each, Model))
    return {
        f"{model.__name__}.{name}"
        for model in models
        if model is not Model
        for name, attribute in model.get_attributes().items()
        if isinstance(attribute, TEXTS)
    }


def test_every_text_that_is_stored_is_somebodys_or_nobodys() -> None:
    """A new field fails here until somebody has said what becomes of it (``domain/people/personal.py``)."""
    there = texts_of(stored()) | attributes()
    assert there - PERSONAL.keys() - OF_NOBODY == set()
    assert (PERSONAL.keys() | OF_NOBODY) - there == set()
    assert PERSONAL.keys() & OF_NOBODY == set()


def test_a_new_field_of_a_stored_record_is_noticed() -> None:
    class Contact(Record, frozen=True):
        nickname: str

    assert texts_of({Contact}) - PERSONAL.keys() - OF_NOBODY == {"Contact.nickname"}


def test_the_document_names_every_record_that_holds_something_of_a_person() -> None:
    text = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([A-Z]\w+)`", text))
    assert {name.partition(".")[0] for name in PERSONAL} - told == set()


MARK = "zzz"
PERSONS = ("guest", "host", "operator")


def marked(value: Any, blanked: set[str]) -> Any:
    """The record with every text that is to be blanked full of what nobody would write."""
    if isinstance(value, tuple):
        return tuple(marked(item, blanked) for item in value)
    if not isinstance(value, msgspec.Struct):
        return value
    fields = {}
    for name in get_type_hints(type(value)):
        known = getattr(value, name)
        if f"{type(value).__name__}.{name}" in blanked:
            fields[name] = (MARK,) if isinstance(known, tuple) else MARK
        else:
            fields[name] = marked(known, blanked)
    return msgspec.structs.replace(value, **fields)


def blanked_of(*whose: str) -> set[str]:
    return {name for name, treatment in PERSONAL.items() if treatment.fate == "blanked" and treatment.whose in whose}


def left_in(value: Any) -> set[str]:
    """Where the mark still stands."""
    if isinstance(value, tuple):
        return {place for item in value for place in left_in(item)}
    if not isinstance(value, msgspec.Struct):
        return set()
    found: set[str] = set()
    for name in get_type_hints(type(value)):
        known = getattr(value, name)
        if known in (MARK, (MARK,)):
            found.add(f"{type(value).__name__}.{name}")
        found |= left_in(known)
    return found


BOOKINGS = {
    name: booking
    for name, booking in golden.bookings().items()
    if booking.contact_erased_at is None and not erasure.under_way(booking, now=booking.check_out_at)
}


@pytest.mark.parametrize("name", BOOKINGS)
def test_nothing_of_a_guest_is_left_in_an_erased_booking(name: str) -> None:
    full: Booking = marked(BOOKINGS[name], blanked_of("guest"))
    assert left_in(full) >= {"Contact.email", "Booking.fingerprint", "SearchKeys.name"}
    gone = erasure.erase_guest(full, actor=Actor("operator"), why=erasure.ON_REQUEST, now=full.check_out_at)
    # The acts of the staff and of the gateway keep what they say; they say nothing of a guest.
    for event in gone.history:
        assert event.by_name != MARK or event.cause != "guest"
        assert event.detail != MARK or event.cause not in PERSONS or event.kind in erasure.OUR_DETAILS
    assert left_in(replace(gone, history=())) == set()


def test_enough_shapes_of_bookings_can_be_erased() -> None:
    assert len(BOOKINGS) > 3


def test_nothing_of_a_host_is_left_where_the_host_was_erased() -> None:
    of_host = blanked_of("host")
    for booking in BOOKINGS.values():
        assert left_in(erasure.erase_host(marked(booking, of_host), now=NOW)) == set()
    assert left_in(erasure.without_address(marked(a_listing(photos=("https://x.example.et/1.jpg",)), of_host))) == set()


def test_notes_of_an_account_and_payers_of_orphans_go() -> None:
    act = AccountAct(at=NOW, act="block", note="a note", by=PersonId("operator-sara"))
    of_guest = blanked_of("guest")
    account = marked(Account(block=act, acts=(act,)), of_guest)
    assert left_in(account) == {"AccountAct.note"}
    assert left_in(erasure.without_notes(account)) == set()
    orphan = marked(Verification("paid", payer="x", receipt_url="y"), of_guest)
    assert left_in(orphan) == {"Verification.payer", "Verification.receipt_url"}
    assert left_in(erasure.without_payer(orphan)) == set()


ACTS: tuple[Act, ...] = (
    RefundAct(tx_ref="GZ4T1B8WCD7K2M9Q-1", reason="a reason"),
    ResolveRefundAct(refund_id="GZ4T1B8WCD7K2M9Q-1-R1", as_="post_again", note="a note"),
    ResolvePaymentAct(tx_ref="GZ4T1B8WCD7K2M9Q-1", as_="refund", note="a note"),
    CancelAct(reason="a reason"),
    EndStayAct(as_="no_show", last_night=None, refund=100, note="a note"),
)


@pytest.mark.parametrize("act", ACTS, ids=lambda act: type(act).__name__)
def test_what_was_proposed_stays_and_why_goes(act: Act) -> None:
    booking = next(iter(BOOKINGS.values()))
    proposal = Proposal(
        proposal_id=ProposalId("GZ4T1B8WCD7K2M9Q-P1"),
        act=act,
        amount=Money(100, "ETB"),
        at=NOW,
        by=PersonId("operator-sara"),
        by_name="sara@guzo.example.et",
        request_id="r",
        expires_at=booking.check_out_at,
        note="Seen.",
    )
    held = replace(booking, proposals=(proposal,))
    before = booking.check_out_at - timedelta(seconds=1)
    assert proposal.proposal_id in [each.subject for each in erasure.under_way(held, now=before)]
    full: Booking = marked(held, blanked_of("guest"))
    gone = erasure.erase_guest(full, actor=Actor("operator"), why=erasure.ON_REQUEST, now=booking.check_out_at)
    assert left_in(full.proposals) > left_in(gone.proposals) == set()
    [left] = gone.proposals
    assert (left.by_name, left.subject, left.amount) == (proposal.by_name, proposal.subject, proposal.amount)
