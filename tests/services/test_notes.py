"""What operators write down for each other: who may, what is a repeat, and that it is answered as it was written."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Forbidden, InvalidRequest
from chalicelib.domain.ids import PersonId
from chalicelib.domain.operators.notes import MAX_NOTES
from chalicelib.services.access import Principal
from chalicelib.services.operators.notes import add_note
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, HOST_ABEBE, OPERATOR, OPERATOR_SELAM, Harness, booking_id_of

FIRST = booking_id_of("first")
SUPPORT = Principal(PersonId("support-marta"), "marta@guzo.example.et", frozenset({"support"}))
FINANCE = Principal(PersonId("finance-dawit"), "dawit@guzo.example.et", frozenset({"finance"}))


def kept(harness: Harness) -> list[tuple[str, str]]:
    history = harness.stored_booking(FIRST).history
    return [(event.detail, event.by) for event in history if event.kind == "note"]


@pytest.mark.parametrize(
    ("said", "count"),
    [
        # Who says what, in this order; only the same words by the same person at once again are a repeat.
        (["Sara a"], 1), (["Sara a", "Sara a"], 1), (["Sara a", "Selam a"], 2), (["Sara a", "Sara b"], 2),
        (["Sara a", "Sara b", "Sara a"], 3), (["Sara a", "Selam a", "Sara a"], 3), (["Sara a", "Sara b", "Sara b"], 2),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dry_run", [False, True])
def test_each_note_is_answered_as_it_stands(
    harness: Harness, ports: Fakes, said: list[str], count: int, *, dry_run: bool
) -> None:
    harness.held_booking()
    for number, each in enumerate(said):
        name, note = each.split(" ")
        who = OPERATOR if name == "Sara" else OPERATOR_SELAM
        is_last = number == len(said) - 1
        _, event = add_note(ports, who, FIRST, note=note, dry_run=dry_run and is_last)
        assert (event.detail, event.by, event.by_name, event.kind) == (note, who.person_id, who.email, "note")
        ports.clock.move(seconds=1)
    repeat = len(said) > 1 and said[-1] == said[-2]
    assert len(kept(harness)) == count - (dry_run and not repeat)


def test_a_booking_takes_a_hundred_and_a_repeat_of_the_last_is_none_more(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    for number in range(MAX_NOTES):
        add_note(ports, OPERATOR, FIRST, note=f"{number}")
    with pytest.raises(InvalidRequest):
        add_note(ports, OPERATOR, FIRST, note="one more")
    add_note(ports, OPERATOR, FIRST, note=f"{MAX_NOTES - 1}")
    assert len(kept(harness)) == MAX_NOTES == 100


@pytest.mark.parametrize("who", [GUEST_HANNA, HOST_ABEBE, FINANCE, SUPPORT, OPERATOR], ids=lambda who: who.person_id)
def test_who_may_write_one(harness: Harness, ports: Fakes, who: Principal) -> None:
    harness.held_booking()
    if who in (SUPPORT, OPERATOR):
        add_note(ports, who, FIRST, note="x")
    else:
        with pytest.raises(Forbidden):
            add_note(ports, who, FIRST, note="x")
    assert len(kept(harness)) == (who in (SUPPORT, OPERATOR))
