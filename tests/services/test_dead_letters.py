"""Dead letters: for operators alone; that they were listed is noted before they are shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.domain.errors import DeadLetterNotFound, Forbidden
from chalicelib.domain.ids import PersonId
from chalicelib.services.access import Principal
from chalicelib.services.operators import dead_letters
from chalicelib.services.ports.outcomes import StoreBusy
from chalicelib.services.ports.queues import DeadLetter, QueueName
from tests.builders import NOW
from tests.call_log import raises
from tests.fakes import Fakes

MS = timedelta(milliseconds=1)
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


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("queue", ["reconcile", "emails", None])
@pytest.mark.parametrize(("tasks", "letters"), [(0, 0), (1, 0), (2, 0), (1, 1), (2, 1), (3, 0), (3, 3)])
def test_what_is_said_to_be_sent_back_is_sent_back(
    ports: Fakes, monkeypatch: pytest.MonkeyPatch, queue: QueueName | None, tasks: int, letters: int, *, dry_run: bool
) -> None:
    """At most two of each queue at a time here, and whether there may be more is told of each queue by itself."""
    monkeypatch.setattr(dead_letters, "MOST_AT_ONCE", 2)
    lying = [DeadLetter(f"t-{n}", "reconcile", NOW, "{}") for n in range(tasks)]
    lying += [DeadLetter(f"l-{n}", "emails", NOW, "{}") for n in range(letters)]
    ports.dead_letters.lying = list(lying)
    done = dead_letters.send_all_back(ports, SARA, queue, dry_run=dry_run)
    asked = [lying[:tasks]] * (queue != "emails") + [lying[tasks:]] * (queue != "reconcile")
    assert sorted(done.letters, key=lying.index) == [each for part in asked for each in part[:2]]
    assert done.more is any(len(part) >= 2 for part in asked)
    sent = [] if dry_run else list(done.letters)
    assert ports.dead_letters.sent_back == sent
    assert sorted(ports.dead_letters.lying, key=lying.index) == [each for each in lying if each not in sent]


@pytest.mark.parametrize("act", [dead_letters.drop, dead_letters.send_back], ids=["drop", "send_back"])
def test_a_try_of_one_does_nothing(ports: Fakes, act: Callable[..., DeadLetter]) -> None:
    assert act(ports, SARA, "m-1", dry_run=True) == TASK
    assert sorted(each.message_id for each in ports.dead_letters.lying) == ["m-1", "m-2"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("queue", ["reconcile", "emails", None])
def test_every_page_of_them_begins_where_the_last_one_ended(ports: Fakes, queue: QueueName | None, limit: int) -> None:
    queues: tuple[QueueName, QueueName] = ("reconcile", "emails")
    ports.dead_letters.lying = [DeadLetter(f"m-{n}", queues[n % 2], NOW + n * MS, "{}") for n in (4, 1, 3, 0, 2)]
    found: list[str] = []
    after, pages = None, 0
    while after is not None or not pages:
        page = dead_letters.list_dead_letters(ports, SARA, queue, request_id="r", limit=limit, after=after)
        assert 0 < len(page.items) <= limit
        found += [each.message_id for each in page.items]
        after, pages = page.next_cursor, pages + 1
    assert found == [f"m-{n}" for n in range(5) if queue in (None, queues[n % 2])]
    trail = ports.ledger.accesses(NOW.date(), limit=9, after=None).items
    assert [(each.act, each.subject) for each in trail] == [("list", queue or "dead-letters")] * pages
    assert sum(each.found for each in trail) == len(found)
