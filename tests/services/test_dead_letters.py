"""Dead letters: for operators alone; that they were listed is noted before they are shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.domain.errors import DeadLetterNotFound, Forbidden
from chalicelib.domain.ids import PersonId
from chalicelib.services.access import Principal
from chalicelib.services.operators import dead_letters
from chalicelib.services.ports import DeadLetter, StoreBusy
from tests.builders import NOW
from tests.call_log import raises
from tests.fakes import Fakes

SARA = Principal(PersonId("sara"), "sara@guzo.et", frozenset({"operator"}))
TASK = DeadLetter("m-1", "reconcile", NOW, '{"booking_id":"GZ1"}')
LETTER = DeadLetter("m-2", "emails", NOW, '{"booking_id":"GZ2"}')

Act = Callable[[Fakes, Principal], object]
ACTS: list[Act] = [
    lambda ports, who: dead_letters.drop(ports, who, "m-1", dry_run=False),
    lambda ports, who: dead_letters.send_back(ports, who, "m-1", dry_run=False),
    lambda ports, who: dead_letters.send_all_back(ports, who, "reconcile", dry_run=False),
]
EACH_ACT = pytest.mark.parametrize("act", ACTS, ids=["drop", "send_back", "send_all_back"])


@pytest.fixture
def ports() -> Fakes:
    made = Fakes()
    made.dead_letters.lying = [TASK, LETTER]
    return made


def listed(ports: Fakes, who: Principal) -> tuple[DeadLetter, ...]:
    return dead_letters.list_dead_letters(ports, who, None, request_id="r-1", limit=10, after=None).items


@pytest.mark.parametrize("group", ["support", "finance", "approver", "host"])
@pytest.mark.parametrize("act", [*ACTS, listed], ids=["drop", "send_back", "send_all_back", "list"])
def test_only_operators_see_them_and_act_on_them(ports: Fakes, act: Act, group: str) -> None:
    with pytest.raises(Forbidden):
        act(ports, Principal(PersonId("x"), groups=frozenset({group})))
    assert ports.dead_letters.lying == [TASK, LETTER]
    assert ports.ledger.accesses(NOW.date(), limit=9, after=None).items == ()


@EACH_ACT
def test_an_act_is_done_to_what_was_named_alone(ports: Fakes, act: Act) -> None:
    act(ports, SARA)
    assert ports.dead_letters.lying == [LETTER]


def test_what_cannot_be_noted_is_not_shown(ports: Fakes) -> None:
    ports.run_before("ledger.note_access", raises(StoreBusy("throttled")))
    with pytest.raises(StoreBusy):
        listed(ports, SARA)


@pytest.mark.parametrize("act", ACTS[:2], ids=["drop", "send_back"])
def test_one_that_is_not_there_is_refused(ports: Fakes, act: Act) -> None:
    ports.dead_letters.lying = [LETTER]
    with pytest.raises(DeadLetterNotFound, match="somebody else"):
        act(ports, SARA)
    assert ports.dead_letters.lying == [LETTER]
    assert ports.ledger.accesses(NOW.date(), limit=9, after=None).items == ()


def test_they_are_listed_from_a_place_on(ports: Fakes) -> None:
    first = dead_letters.list_dead_letters(ports, SARA, None, request_id="r", limit=1, after=None)
    assert first.items == (TASK,)
    rest = dead_letters.list_dead_letters(ports, SARA, None, request_id="r", limit=1, after=first.next_cursor)
    assert (rest.items, rest.next_cursor) == ((LETTER,), None)
