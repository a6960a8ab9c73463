"""A small run of the simulation, and the proof that it would notice."""

from __future__ import annotations

import pytest

from tests.simulation.coverage import COVERED, ROWS, rows_counted
from tests.simulation.mutations import MUTATIONS, Mutation
from tests.simulation.run import play, play_all
from tests.simulation.shrink import describe, shrink

SEEDS = 200
WITHIN = 600
"""How many histories may pass before a guard that was taken away is missed."""
NEAR = {
    "no condition: hold: room": 46,
    "no condition: hold: night open": 137,
    "no condition: hold: account as read": 36,
    "no condition: hold: price as read": 77,
    "no condition: save: version as loaded": 33,
    "no condition: take again: room": 265,
    "no condition: take again: night open": 410,
    "no condition: back off: the booking is due": 726,
    "no condition: orphan: once": 151,
    "no condition: orphan: acknowledged once": 53,
    "no condition: listing: version as loaded": 503,
    "no condition: review: once": 45,
    "no condition: letter: room in the mailbox": 35,
    "a hold waits for ever for an answer": 42,
    "a refund is under way for ever": 156,
    "a refund without an answer is posted again": 60,
    "no answer is taken for refunded": 408,
    "every trouble is taken for certain": 503,
    "an opening has any number of owners": 438,
    "an e-mail is sent whether true or not": 39,
    "an ended stay keeps its nights": 78,
    "everybody is the guest": 32,
    "a webhook that failed is answered with 200": 166,
    "a deferred webhook forgets its payment": 53,
}
"""Where to begin, so that the seldom ones are found soon; any other place would do."""


def test_histories_keep_every_promise() -> None:
    failures, counts = play_all(range(SEEDS))
    assert not failures, describe(shrink(failures[0]))
    covered = [row for row in ROWS if counts[f"row / {row}"]]
    assert len(covered) >= len(ROWS) - 3, set(ROWS) - set(covered)


def test_a_seed_replays_exactly() -> None:
    for seed in (3, 20, 22):
        first, second = play(seed, traced=True), play(seed, traced=True)
        assert first == second
        assert len(first.trace) > 20


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_guard_that_is_taken_away_is_missed(mutation: Mutation) -> None:
    nearest = NEAR.get(mutation.name, 0)
    assert mutation.noticed(range(nearest, nearest + WITHIN)) is not None


def test_only_mutations_have_a_place_to_begin() -> None:
    assert NEAR.keys() <= {mutation.name for mutation in MUTATIONS}


def test_a_failure_is_shrunk() -> None:
    mutation = next(each for each in MUTATIONS if each.name == "no condition: hold: room")
    failed = mutation.noticed(range(WITHIN))
    assert failed is not None
    with mutation.without():
        small = shrink(failed)
    assert small.rule == failed.rule
    assert len(small.actions) <= 3
    assert small.faults == ()
    assert "pending_payment" in describe(small)


def test_coverage_is_counted_only_while_it_is_asked_for() -> None:
    COVERED.clear()
    with rows_counted():
        play(2)
    counted = sum(count for key, count in COVERED.items() if key.startswith("row"))
    play(2)
    assert sum(count for key, count in COVERED.items() if key.startswith("row")) == counted > 0
