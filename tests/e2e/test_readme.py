"""The tour of the README, run as it stands there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from local.scenarios.client import ScenarioClient
from local.stack.emulator.ministack import free_port

ROOT = Path(__file__).resolve().parents[2]
TOUR = re.compile(r"test_readme\.py\. -->\n```sh\n(.*?)```", re.DOTALL)
PRINTED = ["ETB 7,350.00", "confirmed", "Your stay is booked: Rock view lodge"]

MORE_THAN_THERE_ARE_UNITS = 6

pytestmark = pytest.mark.e2e


def tour(api: str, local: str) -> subprocess.CompletedProcess[str]:
    found = TOUR.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found, "the README has its tour"
    script = found[1].replace("http://127.0.0.1:8000", api).replace("http://127.0.0.1:8001", local)
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_tour_prints_what_the_readme_says_again_and_again(client: ScenarioClient) -> None:
    for _ in range(MORE_THAN_THERE_ARE_UNITS):
        done = tour(client.api, client.local)
        assert done.stderr == ""
        assert done.returncode == 0
        assert done.stdout.splitlines() == PRINTED


def test_the_tour_stops_at_the_step_that_fails_and_says_why(client: ScenarioClient) -> None:
    with client.switches(initialize="api_disabled"):
        refused = tour(client.api, client.local)
    assert refused.returncode != 0
    assert refused.stdout.splitlines() == PRINTED[:1]
    assert refused.stderr

    alone = tour(f"http://127.0.0.1:{free_port()}", client.local)
    assert alone.returncode != 0
    assert alone.stdout == ""
    assert "connect" in alone.stderr.lower()
    assert alone.stderr.rstrip().endswith("no answer")
