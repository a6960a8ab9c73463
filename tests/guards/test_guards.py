"""Every fault can still be put in, and a few of them are tried each time; ``make guards`` tries all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.guards.faults import FAULTS, Fault
from tests.guards.mutations import mutants_of
from tests.guards.trial import ROOT

SOURCE = '''
def price(nights: int, *, discount: bool = False) -> int:
    """What it costs."""
    if nights < 1:
        raise ValueError("no night")
    observe("priced", nights=nights)
    return min(nights * 100, 900) if discount else charged(nights, twice=False, late=True)
'''


def test_each_fault_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 50


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_put_in_and_names_who_notices(fault: Fault) -> None:
    trial = fault.trial()
    for name, tree in trial.modules.items():
        compile(tree, name, "exec")
    assert trial.tests
    assert all((ROOT / test.partition("::")[0]).exists() for test in trial.tests)


def test_mutants_leave_documentation_log_lines_and_words_of_refusals_alone() -> None:
    found = {(mutant.was, mutant.now) for mutant in mutants_of(Path("price.py"), SOURCE)}
    assert ("nights < 1", "nights <= 1") in found
    assert ("min(nights * 100, 900)", "max(nights * 100, 900)") in found
    assert ("charged(nights, twice=False, late=True)", "charged(nights, late=True)") in found
    assert not {"'priced'", "'no night'", "'What it costs.'"} & {was for was, _ in found}
    assert not [was for was, _ in found if was.startswith("observe")]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_few_faults_are_noticed() -> None:
    command = [sys.executable, "-m", "tests.guards", "--jobs", "1", "--only", "domain.", "--sample", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 of 5 faults noticed" in done.stdout
