"""The table of faults is up to date, and a few of them are tried each time; ``make guards`` tries all."""

from __future__ import annotations

import random
from functools import cache

import pytest

from tests.guards.__main__ import CAUGHT, judge_all
from tests.guards.faults import ROOT, Fault, all_faults

FAULTS = all_faults()
SAMPLE = random.Random(20270114).sample(FAULTS, 6)


def test_each_fault_has_a_name_of_its_own() -> None:
    assert len(FAULTS) > 200
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_put_in_and_names_who_catches_it(fault: Fault) -> None:
    source = (ROOT / fault.file).read_text()
    compile(fault.put_into(source), fault.file, "exec")
    assert fault.caught_by
    for test in fault.caught_by:
        file, *of_class, name = test.split("::")
        # A class of two lines runs a contract that stands beside it.
        where = _texts_beside(file) if of_class else (ROOT / file).read_text()
        assert f"def {name}(" in where, test


@cache
def _texts_beside(file: str) -> str:
    """What stands in a test file and in its neighbours, which may hold the contract that it runs."""
    return "".join(path.read_text() for path in (ROOT / file).parent.glob("*.py"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_few_faults_are_caught() -> None:
    assert set(judge_all(SAMPLE, jobs=1).values()) == {CAUGHT}
